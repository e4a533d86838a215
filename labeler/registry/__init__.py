"""What was stamped: serials handed out, receipts kept, issuers known by number."""

from labeler.registry.issuers import Issuer, IssuerDirectory
from labeler.registry.sounds import Recognition, SoundRecord, recognise
from labeler.registry.store import Registry, RegistryReader

__all__ = [
    "Issuer",
    "IssuerDirectory",
    "Recognition",
    "Registry",
    "RegistryReader",
    "SoundRecord",
    "recognise",
]
