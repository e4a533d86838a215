"""The verification service: a page for people, an API for programs, and nothing that is kept.

    >>> from detectors.service import create_app
    >>> app = create_app()  # an ASGI application, for uvicorn or any other server

Needs the extra ``[service]``. ``labeler serve`` runs it. An upload is read into memory, a larger
one into a file without a name; it is verified in a subprocess with limits, and gone when its answer
is written. No log knows what it was called or what was in it.
"""

from __future__ import annotations

from detectors.service.app import create_app
from detectors.service.fetching import Fetcher
from detectors.service.limits import ServiceLimits

__all__ = ["Fetcher", "ServiceLimits", "create_app"]
