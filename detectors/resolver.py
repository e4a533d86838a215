"""Asking a C2PA Soft Binding Resolution API for the manifest that a file has lost.

    >>> resolver = Resolver("https://c2pa.example/v1")  # doctest: +SKIP
    >>> resolver.find(SoftBinding.for_payload(payload))  # doctest: +SKIP
    ('urn:c2pa:…',)

Nothing here is asked unless the caller names a resolver, or allows to follow what content names.
What leaves the machine is the value of the watermark, never the file. Whatever comes back is the
resolver's word: the manifest's own signature, and the fingerprint in it, say what it is worth.

Source: C2PA 2.5, Soft Binding Resolution API 2.4.0.
"""

from __future__ import annotations

import json
import re
import threading
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote, urlencode

from detectors.binding_values import encode_value
from detectors.manifest_sources import MAX_CANDIDATES, ManifestSource
from detectors.web import Answer, Client, parse_site
from labeler.codec.payload import Payload
from labeler.credentials import SoftBinding
from labeler.errors import ResolverError, SettingsError
from labeler.registry import IssuerDirectory
from labeler.settings import Settings

__all__ = ["Match", "Resolver", "parse_matches", "resolvers_of", "sources_for"]

_JSON: Final = "application/json"
_STORE_TYPES: Final = ("application/c2pa", "application/x-c2pa-manifest-store")
"""The second: what it was called before C2PA 2.0."""
_MAX_JSON: Final = 1 << 20
_MAX_STORE: Final = 32 << 20
"""The C2PA toolkit unpacks no larger ones."""
_MAX_ID: Final = 256
_MAX_URL_VALUE: Final = 1024
"""Longest value in a URL; longer ones go into a body."""
_REMEMBERED: Final = 1024
_LOCAL: Final = 0
_ID: Final = re.compile(r"[!-~]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """One manifest that a resolver names."""

    manifest_id: str
    """Label of the active manifest."""
    endpoint: str | None = None
    """Base URL of the interface that has it; None: the one that was asked."""
    similarity: int | None = None
    """How strong the match is, 0 to 100; None: it is one or it is none."""


class Resolver:
    """A manifest source over the network: see `detectors.manifest_sources.ManifestSource`.

    Threads may share it.

    Args:
        url: Base URL of the interface, such as ``https://c2pa.example/v1``.
        http: Who asks; None: a client with the usual limits. Give one for other limits.
        is_named_by_user: Whether the URL is the user's own word. One that content brings along is a
            stranger's: it may lead to no inner network, and speaks https.

    Raises:
        ResolverError: The URL cannot be used.
    """

    def __init__(
        self, url: str, *, http: Client | None = None, is_named_by_user: bool = True
    ) -> None:
        site = parse_site(url)
        if "?" in site.target:
            raise ResolverError("a resolver's URL has no query", file=site.url)
        if http is None:
            http = Client(trusted=((site.host, site.port),) if is_named_by_user else ())
        self._base = site.url.rstrip("/")
        self._http = http
        self._lock = threading.Lock()
        self._endpoints: OrderedDict[str, str] = OrderedDict()

    @property
    def name(self) -> str:
        """Its URL, which holds no secret."""
        return self._base

    def __repr__(self) -> str:
        return f"Resolver({self._base!r})"

    def find(self, binding: SoftBinding) -> Sequence[str]:
        """The ids of the manifests that a soft binding leads to, as the resolver orders them.

        Raises:
            ResolverError: It cannot be asked, or its answer cannot be used.
        """
        return tuple(dict.fromkeys(each.manifest_id for each in self.matches(binding)))

    def matches(self, binding: SoftBinding) -> tuple[Match, ...]:
        """The same, with all that the resolver says of each.

        Raises:
            ResolverError: It cannot be asked, or its answer cannot be used.
        """
        value = encode_value(binding.value)
        members = {"value": value, "alg": binding.algorithm}
        url, most = f"{self._base}/matches/byBinding", {"maxResults": MAX_CANDIDATES}
        if len(value) <= _MAX_URL_VALUE:
            url = f"{url}?{urlencode(members | most)}"
            answer = self._http.ask(url, accept=_JSON, max_bytes=_MAX_JSON)
        else:
            answer = self._http.ask(
                f"{url}?{urlencode(most)}",
                accept=_JSON,
                max_bytes=_MAX_JSON,
                body=json.dumps(members).encode("ascii"),
                content_type=_JSON,
            )
        if answer.status != 200:
            raise self._refused(answer)
        try:
            found = parse_matches(answer.body)[:MAX_CANDIDATES]
        except ValueError as error:
            raise ResolverError(
                f"its answer is none of a resolver: {error}",
                file=self._base,
                hint="Check that the URL is the base of a Soft Binding Resolution API",
            ) from None
        self._remember(found)
        return found

    def fetch(self, manifest_id: str, endpoint: str | None = None) -> bytes | None:
        """The manifest store of a match, unchecked; None where there is none (any more).

        Args:
            manifest_id: One that `find` or `matches` named.
            endpoint: What `matches` said beside it; None: what it said last, or this resolver.

        Raises:
            ResolverError: It cannot be asked, or its answer cannot be used.
        """
        with self._lock:
            base = endpoint or self._endpoints.get(manifest_id) or self._base
        # An endpoint is a stranger's word: the client lets it lead to the public Internet only.
        url = f"{base.rstrip('/')}/manifests/{quote(manifest_id, safe=':')}"
        answer = self._http.ask(url, accept=_STORE_TYPES[0], max_bytes=_MAX_STORE)
        if answer.status in {404, 410}:
            return None
        if answer.status != 200:
            raise self._refused(answer)
        if answer.media_type not in _STORE_TYPES:
            raise ResolverError(
                f"it answers with {answer.media_type[:80] or 'something'} and not with a manifest "
                "store",
                file=parse_site(url).url,
            )
        return answer.body

    def _remember(self, found: Iterable[Match]) -> None:
        with self._lock:
            for each in found:
                self._endpoints.pop(each.manifest_id, None)
                if each.endpoint is not None:
                    self._endpoints[each.manifest_id] = each.endpoint
            while len(self._endpoints) > _REMEMBERED:
                self._endpoints.popitem(last=False)

    def _refused(self, answer: Answer) -> ResolverError:
        hints = {
            401: "It asks for an account; it cannot be asked without one",
            403: "It asks for an account; it cannot be asked without one",
            404: "Check that the URL is the base of a Soft Binding Resolution API",
            429: "Try again later",
        }
        return ResolverError(
            f"it answers with status {answer.status}",
            file=self._base,
            hint=hints.get(answer.status, "Try again later, or tell its operator"),
        )


def parse_matches(body: bytes) -> tuple[Match, ...]:
    """What an answer to a query holds (``c2pa.softBindingQueryResult``).

    Raises:
        ValueError: It is something else.
    """
    try:
        members = json.loads(body)
    except RecursionError:
        raise ValueError("it nests too deep") from None
    except ValueError:
        raise ValueError("it is no JSON") from None
    matches = members.get("matches") if isinstance(members, dict) else None
    if not isinstance(matches, list):
        raise ValueError("it has no list of matches")  # noqa: TRY004  bad data, not a bad call
    return tuple(_read_match(each) for each in matches)


def _read_match(value: Any) -> Match:
    if not isinstance(value, dict):
        raise ValueError("a match is no object")  # noqa: TRY004  as above
    manifest_id, endpoint = value.get("manifestId"), value.get("endpoint")
    score = value.get("similarityScore")
    if not isinstance(manifest_id, str) or not _is_id(manifest_id):
        raise ValueError("a match has no manifest id")
    if not isinstance(endpoint, str | None):
        raise ValueError("a match's endpoint is no text")  # noqa: TRY004  as above
    return Match(manifest_id=manifest_id, endpoint=endpoint or None, similarity=_read_score(score))


def _read_score(value: object) -> int | None:
    """A score; what is none does not make the match void. Some write 93.0."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 100:
        return None
    return int(value)


def _is_id(text: str) -> bool:
    return len(text) <= _MAX_ID and _ID.fullmatch(text) is not None


def resolvers_of(settings: Settings) -> tuple[Resolver, ...]:
    """The resolvers that the settings name, in their order.

    Raises:
        SettingsError: The URL of one cannot be used.
    """
    try:
        return tuple(Resolver(each) for each in dict.fromkeys(settings.resolvers))
    except ResolverError as error:
        raise SettingsError(
            f"a resolver cannot be used: {error.problem}", hint=error.hint
        ) from None


def sources_for(
    payload: Payload | None,
    issuers: IssuerDirectory,
    *,
    allowed: bool,
    named: Iterable[str] = (),
) -> tuple[ManifestSource, ...]:
    """Whom content itself says to ask: the resolver of its issuer, and those that it names.

    Args:
        payload: What its watermark says; None: nothing is known of an issuer.
        issuers: Who the issuers are.
        allowed: Whether the user lets content say whom to ask. It can name anybody, who then learns
            that somebody looks at it, and from where.
        named: Base URLs that a manifest of it names.

    Returns:
        A source for each, the issuer's first; none where that is not allowed. What cannot be used
        is left out: a stranger wrote it.
    """
    if not allowed:
        return ()
    urls = [*_of_issuer(payload, issuers), *named]
    sources: dict[str, ManifestSource] = {}
    for url in urls:
        with suppress(ResolverError):
            source = Resolver(url, is_named_by_user=False)
            if source.name.startswith("https:"):
                sources.setdefault(source.name, source)
    return tuple(sources.values())


def _of_issuer(payload: Payload | None, issuers: IssuerDirectory) -> Iterable[str]:
    if payload is None or payload.handle.issuer == _LOCAL:
        return ()
    issuer = issuers.find(payload.handle.issuer)
    resolver = None if issuer is None else issuer.resolver
    return () if resolver is None else (resolver,)
