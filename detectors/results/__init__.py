"""Signed results: what verifying a file found, so that it stands up later.

    result = VerificationResult.of(report, detector=Detector.here(), checked_at=now)
    signed = sign_result(result, identity)
    Path("a.result.json").write_text(signed.to_json())
    Path("a.result.html").write_text(render_page(signed))

    check = check_result(Path("a.result.json").read_bytes(), trust=trust, now=now)
    check.is_good, check.signer, check.result.report.conclusion

The form is described in `detectors.results.envelope` and `detectors.results.result`.
"""

from __future__ import annotations

from detectors.results.check import ResultCheck, Signature, check_result
from detectors.results.envelope import SignedResult, sign_result
from detectors.results.page import render_page
from detectors.results.result import Detector, VerificationResult
from detectors.results.words import LANGUAGES

__all__ = [
    "LANGUAGES",
    "Detector",
    "ResultCheck",
    "Signature",
    "SignedResult",
    "VerificationResult",
    "check_result",
    "render_page",
    "sign_result",
]
