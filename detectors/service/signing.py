"""Reports signed by the service, for whoever asked: nothing of them is kept here.

Who has no signing identity runs the service without.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from detectors.results import Detector, SignedResult, VerificationResult, render_page, sign_result
from detectors.service.verifying import Verified
from labeler.credentials import Identity
from labeler.settings import Settings

__all__ = ["Downloads", "ResultSigner"]


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Downloads:
    """A signed result, as addresses that hold it themselves (RFC 2397): links can save them."""

    name: str
    """What the files are called, without extension."""
    json: str = field(repr=False)
    """The envelope, for programs."""
    page: str = field(repr=False)
    """The page, for people; it holds the envelope too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultSigner:
    """Signs what verifying found."""

    identity: Identity
    """Who signs."""
    detector: Detector
    """What the result calls this service."""
    now: Callable[[], datetime] = _now
    """Gives the time, with its zone."""

    @classmethod
    def of(cls, settings: Settings) -> ResultSigner | None:
        """By the identity that the settings name; None where there is none.

        Raises:
            IdentityError: It cannot be used.
        """
        chain, key = settings.certificate_chain_file, settings.private_key_file
        named = settings.certificate_chain or settings.private_key
        if not (named or chain.exists() or key.exists()):
            return None
        return cls(
            identity=Identity.from_pem_files(chain, key),
            detector=Detector.here(url=settings.detector_url),
        )

    def sign(self, verified: Verified) -> SignedResult | None:
        """The signed result; None of a file that could not even be read to its end.

        Raises:
            SigningError: It cannot be signed.
            VerificationError: The report holds what no reader could read.
        """
        if verified.report.sha256 is None:
            return None
        result = VerificationResult.of(
            verified.report, detector=self.detector, checked_at=self.now(), size=verified.size
        )
        return sign_result(result, self.identity)

    def downloads(self, verified: Verified) -> Downloads | None:
        """The same for links on a page."""
        signed = self.sign(verified)
        if signed is None:
            return None
        return Downloads(
            name=f"verification-{(verified.report.sha256 or '')[:12]}",
            json=_address("application/json", signed.to_json()),
            page=_address("text/html", render_page(signed)),
        )


def _address(media_type: str, text: str) -> str:
    return f"data:{media_type};base64,{base64.b64encode(text.encode()).decode('ascii')}"
