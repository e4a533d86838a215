"""Every error that Labeler raises on purpose, in one family.

    LabelerError
    ├── MediaError                 a file cannot be used
    │   ├── UnreadableMediaError       empty, truncated, damaged, or not what its name says
    │   ├── UnsupportedMediaError      a format or variant that Labeler does not handle
    │   └── MediaTooLargeError         more pixels, seconds or bytes than the limits allow
    ├── CapacityError              the content cannot carry a mark (too small or short, too flat)
    ├── ConflictError              the input already carries marks that contradict what is asked
    ├── MarkNotVerifiedError       a mark that was written could not be read back
    ├── CredentialError            C2PA
    │   ├── IdentityError              certificate or key cannot be used for signing
    │   ├── SigningError               signing failed
    │   ├── ParentCredentialError      the input carries a manifest that does not validate
    │   └── TrustListError             a trust list or trust setting is wrong
    ├── MetadataError              a metadata block cannot be read or written
    ├── WatermarkKeyError          a watermark key is missing, malformed or too widely readable
    ├── SettingsError              a setting has a value that cannot be used
    ├── RegistryError              the registry cannot be opened, or refused a record
    ├── ResolverError              a manifest resolver cannot be asked, or answers nonsense
    ├── OutputError                the output exists already or cannot be written
    ├── PolicyError                facts are misspelt, contradictory or not readable
    ├── ObligationError            what is due cannot be done, or it is prohibited
    ├── BatchError                 a batch cannot be started or resumed
    ├── VerificationError          verifying did not come to an end (time, memory, crash)
    └── MissingExtraError          an optional package is needed for this call

An error says what is wrong, with which file, and what to do about it.
"""

from __future__ import annotations

from os import PathLike, fspath

__all__ = [
    "BatchError",
    "CapacityError",
    "ConflictError",
    "CredentialError",
    "IdentityError",
    "LabelerError",
    "MarkNotVerifiedError",
    "MediaError",
    "MediaTooLargeError",
    "MetadataError",
    "MissingExtraError",
    "ObligationError",
    "OutputError",
    "ParentCredentialError",
    "PolicyError",
    "RegistryError",
    "ResolverError",
    "SettingsError",
    "SigningError",
    "TrustListError",
    "UnreadableMediaError",
    "UnsupportedMediaError",
    "VerificationError",
    "WatermarkKeyError",
]


class LabelerError(Exception):
    """Root of every error that Labeler raises on purpose.

    Args:
        problem: What is wrong, as a sentence without its full stop.
        hint: What the caller can do about it, as a sentence without its full stop.
        file: The file (or other name of the content) that is concerned.
    """

    def __init__(
        self, problem: str, *, hint: str | None = None, file: str | PathLike[str] | None = None
    ) -> None:
        super().__init__(problem)
        self.problem = problem
        self.hint = hint
        self.file = None if file is None else fspath(file)

    def __str__(self) -> str:
        """``file: problem. Hint.``, leaving out what is not known."""
        text = self.problem if self.file is None else f"{self.file}: {self.problem}"
        return text if self.hint is None else f"{text}. {self.hint}."

    def __reduce__(self) -> tuple[object, ...]:
        """Pickle by state: worker processes hand their errors to the parent."""
        return (_rebuild, (type(self), self.problem, self.hint, self.file))

    def with_file(self, file: str | PathLike[str]) -> LabelerError:
        """The same error, naming ``file`` if it named none."""
        if self.file is None:
            self.file = fspath(file)
        return self


def _rebuild(
    kind: type[LabelerError], problem: str, hint: str | None, file: str | None
) -> LabelerError:
    return kind(problem, hint=hint, file=file)


class MediaError(LabelerError):
    """A file cannot be used."""


class UnreadableMediaError(MediaError):
    """A file is empty, truncated, damaged, or not what its name says."""


class UnsupportedMediaError(MediaError):
    """A file has a format, or a variant of a format, that Labeler does not handle."""


class MediaTooLargeError(MediaError):
    """A file holds more pixels, seconds or bytes than the limits allow."""


class CapacityError(LabelerError):
    """The content cannot carry the mark: it is too small or short, too flat or too quiet."""


class ConflictError(LabelerError):
    """The input already carries marks that contradict what is asked."""


class MarkNotVerifiedError(LabelerError):
    """A mark that was written could not be read back from what was written."""


class CredentialError(LabelerError):
    """Something is wrong with Content Credentials (C2PA)."""


class IdentityError(CredentialError):
    """A certificate chain or key cannot be used for signing."""


class SigningError(CredentialError):
    """Signing failed."""


class ParentCredentialError(CredentialError):
    """The input carries a manifest that does not validate."""


class TrustListError(CredentialError):
    """A trust list or trust setting is wrong."""


class MetadataError(LabelerError):
    """A metadata block cannot be read or written."""


class WatermarkKeyError(LabelerError):
    """A watermark key is missing, malformed, or readable by others."""


class SettingsError(LabelerError):
    """A setting has a value that cannot be used."""


class RegistryError(LabelerError):
    """The registry cannot be opened, or refused a record."""


class ResolverError(LabelerError):
    """A resolver of soft bindings cannot be asked, or its answer cannot be used."""


class OutputError(LabelerError):
    """The output exists already or cannot be written."""


class PolicyError(LabelerError):
    """Facts about an output are misspelt, contradict each other, or cannot be read."""


class ObligationError(LabelerError):
    """What the law asks of an output cannot be carried out, is undecided, or it is prohibited."""


class BatchError(LabelerError):
    """A batch cannot be started or resumed."""


class VerificationError(LabelerError):
    """Verifying did not come to an end: out of time, out of memory, or a crash."""


class MissingExtraError(LabelerError):
    """An optional package is needed for this call; the hint names the extra to install."""
