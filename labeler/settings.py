"""One settings object for the library, the command line and the service.

A setting comes from the call (``Settings(issuer=7)``), else from the environment
(``LABELER_ISSUER=7``), else from the defaults here. Whatever Labeler keeps on a machine lies under
one directory, `Settings.home`::

    keys/                  watermark keys, one file ``<key id>.key`` each, mode 0600
    identity/              certificate chain and private key that sign manifests
    trust/                 anchors that are trusted beside those that the settings name
    text-keys/             keys of text watermarks, ``<key id>.text-key.json``, mode 0600
    tokenizers/            the tokenizers that these belong to, ``<SHA-256>.json``
    boilerplate/           what texts share that carry no mark, one file for each tokenizer
    registry.sqlite3       serials handed out and receipts
    batches/               ledgers of batches

Nothing is created by reading settings.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated, Final, Self
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    ModelWrapValidatorHandler,
    ValidationError,
    model_validator,
)
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from labeler.disclosure.labels import Corner, Language
from labeler.errors import SettingsError
from labeler.receipt import Layer
from labeler.strength import Strength

__all__ = ["LABELLING_SETTINGS", "Settings"]

ENVIRONMENT_PREFIX: Final = "LABELER_"
LABELLING_SETTINGS: Final = frozenset(
    {"label_language", "label_corner", "label_icon", "label_recording", "aigc_producer"}
)
"""Names of the settings that say what labels, and China's field, are like."""


def _default_home() -> Path:
    """The user's data directory of this platform (XDG Base Directory Specification 0.8)."""
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "labeler"
    data = os.environ.get("XDG_DATA_HOME", "")
    # The specification: relative paths are invalid and are ignored.
    base = Path(data) if Path(data).is_absolute() else Path.home() / ".local" / "share"
    return base / "labeler"


def _absolute(path: Path) -> Path:
    # Not resolved: a link is the user's way to say where something lies today.
    return path.expanduser().absolute()


def _split_paths(value: object) -> object:
    """Paths as ``PATH`` has them, so that the environment can name several."""
    return tuple(filter(None, value.split(os.pathsep))) if isinstance(value, str) else value


def _split_names(value: object) -> object:
    if isinstance(value, str):
        return tuple(name for part in value.split(",") if (name := part.strip()))
    return value


def _web_url(value: str | None) -> str | None:
    if value is not None and (
        urlsplit(value).scheme not in {"http", "https"} or not urlsplit(value).hostname
    ):
        raise ValueError("it has to be an http or https URL")
    return value


_Path = Annotated[Path, AfterValidator(_absolute)]
_Paths = Annotated[tuple[_Path, ...], NoDecode, BeforeValidator(_split_paths)]
_Layers = Annotated[frozenset[Layer], NoDecode, BeforeValidator(_split_names)]
_WebUrl = Annotated[str, AfterValidator(_web_url)]
_WebUrls = Annotated[tuple[_WebUrl, ...], NoDecode, BeforeValidator(_split_names)]


class Settings(BaseSettings):
    """Every setting; frozen.

    Raises:
        SettingsError: A value cannot be used; the message names the setting and its variable.
    """

    model_config = SettingsConfigDict(
        env_prefix=ENVIRONMENT_PREFIX,
        env_ignore_empty=True,
        extra="forbid",
        frozen=True,
        # Secrets have no place here, and neither have their neighbours in error messages.
        hide_input_in_errors=True,
    )

    home: _Path = Field(default_factory=_default_home)
    """The directory of everything that Labeler keeps."""

    issuer: Annotated[int, Field(ge=0, lt=1 << 16)] = 0
    """Issuer number that payloads carry; 0 is "local", known to this machine's registry only."""
    issuer_directory: _Path | None = None
    """JSON file of issuers; None: the one that ships with Labeler."""
    watermark_key_id: str | None = None
    """Id of the key that watermarks are made with; None: the public key."""
    public_signpost: bool = True
    """Whether a weaker mark under the public key goes beside one of a secret key, which tells
    everybody that AI took part, and whom to ask. Without it only those find a mark who have the
    key; the Commission's guidelines (75, 76) ask for detection that anybody can carry out."""
    strength: Strength = "balanced"
    """Strength of watermarks."""

    certificate_chain: _Path | None = None
    """PEM file, leaf first; None: ``identity/chain.pem`` under `home`."""
    private_key: _Path | None = None
    """PEM file (PKCS #8); None: ``identity/key.pem`` under `home`."""
    tsa_url: _WebUrl | None = None
    """RFC 3161 time-stamp authority; None: no time stamp, and no network is used."""
    trust_anchors: _Paths = ()
    """PEM files of anchors that signers may chain to; joined as in ``PATH`` in the environment."""
    tsa_anchors: _Paths = ()
    """PEM files of anchors that time-stamp authorities may chain to."""

    detector_url: _WebUrl | None = None
    """Where people find the detection solution that signs results, and that manifests tell to ask;
    None: results name it only, manifests do not."""
    resolver_url: _WebUrl | None = None
    """Base URL of the C2PA Soft Binding Resolution API that knows what is stamped here: manifests
    say it; None: they do not."""

    resolvers: _WebUrls = ()
    """Base URLs of Soft Binding Resolution APIs that `verify` asks for manifests which files have
    lost; in the environment joined with commas. None: no network is used. What leaves the machine
    is what the watermark says."""
    follow_signposts: bool = False
    """Whether `verify` also asks the resolvers that content itself names: that of its issuer, and
    those in its manifest. Whoever is named learns that somebody looks at the content."""
    patient_search: bool = True
    """Whether `verify` searches pictures patiently where the quick search finds nothing: bent ones,
    and with the learned front end those that were compressed hard. An unmarked picture then costs
    several times as much, some tenths of a second; where very many are verified that may be too
    much."""
    public_manifests: bool = True
    """Whether the service hands manifests to everybody, and not only to API keys with the scope
    ``fetch:manifests``."""

    registry: str | None = Field(default=None, repr=False)
    """Path of the registry, or SQLAlchemy URL of SQLite or PostgreSQL; None: ``registry.sqlite3``
    under `home`. A password is better kept in ``~/.pgpass`` than in it."""
    allow_missing: _Layers = frozenset()
    """Layers that a stamping may go without where the content cannot carry them; in the
    environment joined with commas."""

    embed_in_text: bool = False
    """Whether the manifest of a text goes into the text and not beside it: of Markdown and of
    source into a comment (C2PA 2.4, A.9), of plain text into invisible characters at its end (A.8).
    Language models read such a text as many times the tokens, and sanitisers take invisible
    characters for an attack. HTML, PDF and documents carry their manifest in any case."""

    log_texts: bool = True
    """Whether the registry keeps of each stamped text what it is recognised by after edits: hashes
    of word sequences under a key of its own, never the text."""

    label_language: Language = Language.ENGLISH
    """Language of labels, one of the 24 official languages of the Union."""
    label_corner: Corner = Corner.TOP_RIGHT
    """Where labels lie on pictures."""
    label_icon: _Path | None = None
    """A picture file, such as the official icon as PNG, to lay in place of Labeler's shapes."""
    label_recording: _Path | None = None
    """A sound file with a spoken disclaimer of one's own."""
    aigc_producer: str | None = None
    """Name or code of the provider for the AIGC field (GB 45438-2025, annex E)."""

    max_file_bytes: Annotated[int, Field(gt=0)] = 256 * 1024 * 1024
    """Largest picture file that is opened, bytes: it is read into memory."""
    max_sound_bytes: Annotated[int, Field(gt=0)] = 16 * 1024**3
    """Largest sound file that is opened, bytes: it stays on disk."""
    max_video_bytes: Annotated[int, Field(gt=0)] = 100 * 1024**3
    """Largest film that is opened, bytes: it stays on disk."""
    max_duration_s: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 6 * 3600.0
    """Longest sound or film that is decoded, seconds."""
    max_pixels: Annotated[int, Field(gt=0)] = 100_000_000
    """Largest picture that is decoded, pixels of one frame."""
    max_memory_mib: Annotated[int, Field(gt=0)] = 4096
    """Memory that verifying one file may take in its subprocess, MiB."""
    max_seconds: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 60.0
    """Time that verifying one picture may take in its subprocess, seconds."""
    max_listening_seconds: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 1200.0
    """Time that verifying one sound file may take, seconds: without a mark in it, an hour of sound
    takes about a minute of one core."""
    max_watching_seconds: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 4 * 3600.0
    """Time that verifying one film may take at most, seconds. A small one gets less: ten minutes,
    and a second for every 20 kB."""
    scratch: _Path | None = None
    """Folder for the files that sound and films are worked on in, two or three times their size;
    None: the system's for temporary files (``TMPDIR``)."""

    @model_validator(mode="wrap")
    @classmethod
    def _name_what_is_wrong(cls, data: object, handler: ModelWrapValidatorHandler[Self]) -> Self:
        try:
            return handler(data)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            name = str(first["loc"][0]) if first["loc"] else "settings"
            problem = first["msg"].removeprefix("Value error, ")
            raise SettingsError(
                f"the setting {name!r} cannot be used: {problem[0].lower()}{problem[1:]}",
                hint=f"Correct the argument, or the environment variable {_variable(name)}",
            ) from None  # the cause says the same at greater length

    @property
    def watermark_keys(self) -> Path:
        """Directory of the watermark keys."""
        return self.home / "keys"

    @property
    def text_keys(self) -> Path:
        """Directory of the keys of text watermarks."""
        return self.home / "text-keys"

    @property
    def tokenizers(self) -> Path:
        """Directory of the tokenizers that text keys belong to."""
        return self.home / "tokenizers"

    @property
    def boilerplate(self) -> Path:
        """Directory of what texts share that carry no mark: it is left out of the search."""
        return self.home / "boilerplate"

    @property
    def identity(self) -> Path:
        """Directory of the signing identity that ``labeler keys init`` makes."""
        return self.home / "identity"

    @property
    def certificate_chain_file(self) -> Path:
        """The certificate chain in force."""
        return self.certificate_chain or self.identity / "chain.pem"

    @property
    def private_key_file(self) -> Path:
        """The private key in force."""
        return self.private_key or self.identity / "key.pem"

    @property
    def trust(self) -> Path:
        """Directory of anchors (``*.pem``) that are trusted without being named."""
        return self.home / "trust"

    @property
    def registry_location(self) -> str:
        """Path or SQLAlchemy URL of the registry in force."""
        return self.registry or str(self.home / "registry.sqlite3")

    @property
    def batches(self) -> Path:
        """Directory of the ledgers of batches."""
        return self.home / "batches"


def _variable(name: str) -> str:
    return ENVIRONMENT_PREFIX + name.upper()
