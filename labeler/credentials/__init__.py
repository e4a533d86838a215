"""C2PA Content Credentials: who signs, what is said, signing, reading, and whom to trust."""

from labeler.credentials.algorithms import SigningAlgorithm
from labeler.credentials.development import (
    CHAIN_FILE,
    DEVELOPMENT_ORGANIZATION,
    KEY_FILE,
    ROOT_FILE,
    create_development_identity,
    load_development_identity,
)
from labeler.credentials.directions import SIGNPOST_LABEL, Directions
from labeler.credentials.file_signing import FileParent, SignedFile, sign_file
from labeler.credentials.identity import Identity
from labeler.credentials.ingredients import Action, Ingredient, Ingredients
from labeler.credentials.manifest import (
    SHORT_SOUND_BINDING_ALGORITHM,
    SOFT_BINDING_ALGORITHM,
    SOUND_BINDING_ALGORITHM,
    TEXT_BINDING_ALGORITHM,
    ManifestDefinition,
    SoftBinding,
    describe,
    needs_parent,
)
from labeler.credentials.reading import AiDisclosure, CredentialReading, read, read_file, read_store
from labeler.credentials.sidecar import SIDECAR_SUFFIX, find_sidecar, read_sidecar, sidecar_name
from labeler.credentials.signing import Parent, Place, Signed, can_embed, sign
from labeler.credentials.trust import TrustKind, TrustList, TrustStore
from labeler.credentials.verdicts import History, Integrity, Trust

__all__ = [
    "CHAIN_FILE",
    "DEVELOPMENT_ORGANIZATION",
    "KEY_FILE",
    "ROOT_FILE",
    "SHORT_SOUND_BINDING_ALGORITHM",
    "SIDECAR_SUFFIX",
    "SIGNPOST_LABEL",
    "SOFT_BINDING_ALGORITHM",
    "SOUND_BINDING_ALGORITHM",
    "TEXT_BINDING_ALGORITHM",
    "Action",
    "AiDisclosure",
    "CredentialReading",
    "Directions",
    "FileParent",
    "History",
    "Identity",
    "Ingredient",
    "Ingredients",
    "Integrity",
    "ManifestDefinition",
    "Parent",
    "Place",
    "Signed",
    "SignedFile",
    "SigningAlgorithm",
    "SoftBinding",
    "Trust",
    "TrustKind",
    "TrustList",
    "TrustStore",
    "can_embed",
    "create_development_identity",
    "describe",
    "find_sidecar",
    "load_development_identity",
    "needs_parent",
    "read",
    "read_file",
    "read_sidecar",
    "read_store",
    "sidecar_name",
    "sign",
    "sign_file",
]
