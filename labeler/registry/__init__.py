"""What was stamped and decided: serials, receipts, issuers by number, audit and text log."""

from labeler.registry.audit import AuditEntry, AuditVerdict
from labeler.registry.issuers import Issuer, IssuerDirectory
from labeler.registry.sign_offs import SignOff
from labeler.registry.sounds import Recognition, SoundRecord, recognise
from labeler.registry.store import Registry, RegistryReader
from labeler.registry.texts import TextLogSize, TextMatch, TextOutput

__all__ = [
    "AuditEntry",
    "AuditVerdict",
    "Issuer",
    "IssuerDirectory",
    "Recognition",
    "Registry",
    "RegistryReader",
    "SignOff",
    "SoundRecord",
    "TextLogSize",
    "TextMatch",
    "TextOutput",
    "recognise",
]
