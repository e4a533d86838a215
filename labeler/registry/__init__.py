"""What was stamped and decided: serials, receipts, issuers by number, audit and text log."""

from labeler.registry.api_keys import ApiKey, PresentedKey, Scope
from labeler.registry.audit import AuditEntry, AuditVerdict
from labeler.registry.checkpoints import StoredCheckpoint
from labeler.registry.fingerprints import ContentFingerprint, KnownFingerprint
from labeler.registry.issuers import Issuer, IssuerDirectory
from labeler.registry.jobs import JobRecord, JobState
from labeler.registry.manifests import StoredManifest
from labeler.registry.sign_offs import SignOff
from labeler.registry.sounds import Recognition, SoundRecord, recognise
from labeler.registry.store import DurableRecord, Registry, RegistryReader
from labeler.registry.texts import TextLogSize, TextMatch, TextOutput

__all__ = [
    "ApiKey",
    "AuditEntry",
    "AuditVerdict",
    "ContentFingerprint",
    "DurableRecord",
    "Issuer",
    "IssuerDirectory",
    "JobRecord",
    "JobState",
    "KnownFingerprint",
    "PresentedKey",
    "Recognition",
    "Registry",
    "RegistryReader",
    "Scope",
    "SignOff",
    "SoundRecord",
    "StoredCheckpoint",
    "StoredManifest",
    "TextLogSize",
    "TextMatch",
    "TextOutput",
    "recognise",
]
