"""``labeler serve``: the verification service, with its page and its interface for programs."""

from __future__ import annotations

import logging
import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Final

import typer

from labeler.cli import options
from labeler.cli.console import EXIT_USAGE, complain, reporting
from labeler.cli.inputs import load_settings
from labeler.errors import MissingExtraError, SettingsError

if TYPE_CHECKING:
    from fastapi import FastAPI
    from uvicorn import Server

    from labeler.settings import Settings

__all__ = ["EXIT_CODES", "serve"]

EXIT_CODES: Final = (
    "Exit codes: 130 or 143 stopped by SIGINT or SIGTERM; 1 it could not start, or cannot listen "
    "there; 2 usage, or a setting cannot be used."
)
_STOPPING_SECONDS: Final = 30
_MIB: Final = 1 << 20
_MINUTE: Final = 60.0
_CONNECTIONS: Final = 500
"""Connections at most; each may take two file descriptors, and systems give 1024 by default."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    """Where and behind whom the service listens."""

    host: str
    port: int
    proxies: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Limits:
    """How much the service takes on."""

    workers: int
    queue: int
    max_upload: int
    """MiB."""
    stampers: int
    keep_answers: int
    """Minutes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Offer:
    """What the service does beside verifying uploads."""

    urls: bool
    stamping: bool
    anonymous_jobs: bool


def serve(
    *,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port to listen on.")] = 8000,
    workers: Annotated[
        int, typer.Option(min=1, max=256, help="Files that are verified at the same time.")
    ] = 2,
    queue: Annotated[
        int, typer.Option(min=1, help="Requests that may wait; more are sent away.")
    ] = 64,
    max_upload: Annotated[int, typer.Option(min=1, metavar="MIB", help="Largest upload.")] = 100,
    trusted_proxy: Annotated[
        list[str] | None,
        typer.Option(
            metavar="ADDRESS",
            help="A proxy whose X-Forwarded-For is believed; may be given several times.",
        ),
    ] = None,
    allow_urls: Annotated[
        bool,
        typer.Option(
            "--allow-urls",
            help="Also fetch files that requests name by their URL, from public addresses only.",
        ),
    ] = False,
    stamping: Annotated[
        bool,
        typer.Option(
            "--stamping",
            help="Also stamp files, in the name of this identity, for callers whose API key has "
            "the scope stamp.",
        ),
    ] = False,
    stampers: Annotated[
        int, typer.Option(min=1, max=256, help="Files that are stamped at the same time.")
    ] = 1,
    anonymous_jobs: Annotated[
        bool,
        typer.Option(
            "--anonymous-jobs", help="Let callers without an API key leave files to be verified."
        ),
    ] = False,
    keep_answers: Annotated[
        int,
        typer.Option(min=1, metavar="MINUTES", help="Time that the answers of jobs are kept."),
    ] = 60,
    home: options.Home = None,
) -> None:
    """Serve the verification page and its interface for programs.

    Uploads are checked in subprocesses with limits and then gone: nothing of them is kept or
    logged. Put a proxy that speaks TLS in front of it before others use it.
    """
    with reporting(as_json=False, exit_code=EXIT_USAGE):
        settings = load_settings(home)
        limits = _Limits(
            workers=workers,
            queue=queue,
            max_upload=max_upload,
            stampers=stampers,
            keep_answers=keep_answers,
        )
        offer = _Offer(urls=allow_urls, stamping=stamping, anonymous_jobs=anonymous_jobs)
        app = _application(settings, limits, offer)
    with reporting(as_json=False):
        _log_little()
        place = _Place(host=host, port=port, proxies=tuple(trusted_proxy or ()))
        with _listen(place) as listening:
            complain(f"serving on {_url(listening)}; Ctrl-C stops it")
            _server(app, place).run(sockets=[listening])


def _application(settings: Settings, limits: _Limits, offer: _Offer) -> FastAPI:
    try:
        from detectors.service import Fetcher, ServiceLimits  # noqa: PLC0415 - slow, and optional
        from labeler.serving import ServingLimits, create_app  # noqa: PLC0415 - likewise
    except ModuleNotFoundError as error:
        raise MissingExtraError(
            f"the service needs a package that is not installed ({error.name})",
            hint="Run pip install 'ai-labeler[service]'",
        ) from error
    return create_app(
        settings,
        limits=ServiceLimits(
            workers=limits.workers,
            queue=limits.queue,
            max_upload_bytes=limits.max_upload * _MIB,
        ),
        serving=ServingLimits(
            stampers=limits.stampers, answer_seconds=limits.keep_answers * _MINUTE
        ),
        fetcher=Fetcher() if offer.urls else None,
        stamping=offer.stamping,
        anonymous_jobs=offer.anonymous_jobs,
    )


def _listen(place: _Place) -> socket.socket:
    family = socket.AF_INET6 if ":" in place.host else socket.AF_INET
    try:
        return socket.create_server((place.host, place.port), family=family)
    except OSError as error:
        raise SettingsError(
            f"{place.host}, port {place.port} cannot be listened on ({error.strerror})",
            hint="Choose others with --host and --port",
        ) from None


def _url(listening: socket.socket) -> str:
    host, port = listening.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _server(app: FastAPI, place: _Place) -> Server:
    import uvicorn  # noqa: PLC0415 - as above

    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,  # who asks for what is nobody's business
        server_header=False,
        proxy_headers=bool(place.proxies),
        forwarded_allow_ips=list(place.proxies),
        limit_concurrency=_CONNECTIONS,
        timeout_graceful_shutdown=_STOPPING_SECONDS,
    )
    return uvicorn.Server(config)


def _log_little() -> None:
    """Log to standard error what the operator needs, and nothing of what is uploaded."""
    form = "%(asctime)s %(levelname)s %(name)s: %(message)s"
    logging.basicConfig(level=logging.INFO, format=form)
    # One quotes the bytes that it does not understand, the other what is fetched.
    for name in ("python_multipart", "httpcore"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
