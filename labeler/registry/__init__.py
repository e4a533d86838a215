"""What was stamped: serials handed out, receipts kept, issuers known by number."""

from labeler.registry.issuers import Issuer, IssuerDirectory
from labeler.registry.store import Registry, RegistryReader

__all__ = ["Issuer", "IssuerDirectory", "Registry", "RegistryReader"]
