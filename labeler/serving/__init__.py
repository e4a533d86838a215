"""The whole service: detectors' verification, and what needs a key: stamping, receipts, jobs.

    >>> from labeler.serving import create_app
    >>> app = create_app()  # an ASGI application, for uvicorn or any other server

Needs the extra ``[service]``. ``labeler serve`` runs it. Files are stamped in processes of their
own with limits; these read identity and keys from where the settings say, so that no secret
travels. Uploads and outputs are gone with the answer, or with the job that they belong to.
"""

from __future__ import annotations

from labeler.serving.app import create_app
from labeler.serving.limits import ServingLimits

__all__ = ["ServingLimits", "create_app"]
