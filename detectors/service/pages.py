"""The page for people: a form, an answer, and why there is none."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Final

from fastapi import APIRouter, Request
from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.responses import HTMLResponse

from detectors.report import Conclusion
from detectors.service.limits import ServiceLimits
from detectors.service.problems import RequestError
from detectors.service.signing import ResultSigner
from detectors.service.verifying import Verified, Verifying
from detectors.service.view import Comparison, answer_of
from detectors.service.words import LANGUAGES, Words, choose_language, words_in

__all__ = ["Pages", "pages_router"]

UNREADABLE_STATUS: Final = 422


def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("detectors.service"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


@dataclass(frozen=True, slots=True)
class Pages:
    """Makes pages from templates, in the language that a request asks for."""

    limits: ServiceLimits
    """What the form tells about them."""
    signer: ResultSigner | None = None
    """Who signs answers; None: nobody."""
    takes_urls: bool = False
    """Whether the form asks for files elsewhere, too."""
    _templates: Environment = field(default_factory=_environment, init=False, repr=False)

    def form(self, request: Request) -> HTMLResponse:
        """The page with the form."""
        return self._render("form.html", request, status=200)

    def problem(self, request: Request, error: RequestError) -> HTMLResponse:
        """The form again, with why there is no answer."""
        response = self._render("form.html", request, status=error.kind.status, problem=error.kind)
        response.headers.update(error.headers)
        return response

    def answer(self, request: Request, verified: Verified) -> HTMLResponse:
        """What was found in a file.

        Args:
            request: What asks for the page.
            verified: What was found.
        """
        words = _words_for(request)
        pictured = verified.pictured
        comparison = None if pictured is None else Comparison.of(pictured)
        answer = answer_of(verified.report, size=verified.size, words=words, comparison=comparison)
        unreadable = verified.report.conclusion is Conclusion.UNREADABLE
        status = UNREADABLE_STATUS if unreadable else 200
        downloads = None if self.signer is None else self.signer.downloads(verified)
        return self._render(
            "answer.html", request, status=status, answer=answer, downloads=downloads
        )

    def _render(
        self, template: str, request: Request, *, status: int, **values: object
    ) -> HTMLResponse:
        words = _words_for(request)
        limits = self.limits
        text = self._templates.get_template(template).render(
            words=words,
            languages=[words_in(each) for each in LANGUAGES],
            takes_urls=self.takes_urls,
            most_bytes=limits.max_upload_bytes,
            megabytes=max(1, limits.max_upload_bytes >> 20),
            minutes=max(1, math.ceil(limits.verifying_seconds / 60)),
            **({"problem": None} | values),
        )
        headers = {"Content-Language": words.language, "Vary": "Accept-Language"}
        return HTMLResponse(text, status_code=status, headers=headers)


def pages_router(pages: Pages, verifying: Verifying) -> APIRouter:
    """The routes of the page."""
    router = APIRouter(include_in_schema=False)

    @router.get("/")
    async def form(request: Request) -> HTMLResponse:
        return pages.form(request)

    @router.post("/")
    async def answer(request: Request) -> HTMLResponse:
        return pages.answer(request, await verifying.verify(request))

    return router


def _words_for(request: Request) -> Words:
    asked = request.query_params.get("lang")
    return words_in(choose_language(asked, request.headers.get("accept-language", "")))
