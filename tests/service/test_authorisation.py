"""Who may do what: the keys that requests show."""

import asyncio
import logging

import pytest
from starlette.requests import Request

from detectors.service.authorisation import Authority
from detectors.service.problems import ProblemKind, RequestError
from labeler.registry import Registry, Scope
from labeler.settings import Settings

BY = {"actor": "clerk", "reason": "test"}


class Clock:
    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def settings(tmp_path):
    return Settings(home=tmp_path / "home")


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def authority(settings, clock):
    with Authority(settings, remembered_seconds=5, clock=clock) as authority:
        yield authority


@pytest.fixture
def registry(settings):
    with Registry.of(settings) as registry:
        yield registry


def request_with(header):
    headers = [] if header is None else [(b"authorization", header.encode())]
    return Request({"type": "http", "headers": headers})


def require(authority, header, scope=Scope.STAMP):
    return asyncio.run(authority.require(request_with(header), scope))


def refusal(authority, header, scope=Scope.STAMP):
    with pytest.raises(RequestError) as caught:
        require(authority, header, scope)
    return caught.value


def test_a_key_is_good_for_its_scopes_and_nothing_else(authority, registry):
    key, text = registry.create_api_key("one", [Scope.STAMP, Scope.RECEIPTS], **BY)
    for scope in (Scope.STAMP, Scope.RECEIPTS):
        assert require(authority, f"Bearer {text}", scope).key_id == key.key_id
    assert require(authority, f"bearer  {text}").scopes == {"stamp", "receipts"}
    error = refusal(authority, f"Bearer {text}", Scope.METRICS)
    assert (error.kind, error.kind.status) == (ProblemKind.FORBIDDEN, 403)
    assert 'error="insufficient_scope"' in error.headers["WWW-Authenticate"]
    assert 'scope="metrics"' in error.headers["WWW-Authenticate"]


def test_without_a_key_that_holds_there_is_a_401_that_says_how(authority, registry):
    _, text = registry.create_api_key("one", [Scope.STAMP], **BY)
    error = refusal(authority, None)
    assert (error.kind, error.kind.status) == (ProblemKind.UNAUTHORISED, 401)
    assert error.headers["WWW-Authenticate"] == 'Bearer realm="labeler"'
    other = text[:-1] + ("0" if text[-1] != "0" else "1")
    for header in ("Bearer", "Bearer ", "Bearer x", f"Bearer {other}", f"Bearer {text} {text}",
                   f"Bearer lblr_{'0' * 16}_{'0' * 64}"):  # fmt: skip
        error = refusal(authority, header)
        assert error.kind is ProblemKind.UNAUTHORISED, header
        assert 'Bearer realm="labeler"' in error.headers["WWW-Authenticate"]
    assert refusal(authority, f"Basic {text}").kind is ProblemKind.UNAUTHORISED


def test_a_revoked_key_opens_nothing_after_a_few_seconds(authority, registry, clock):
    key, text = registry.create_api_key("one", [Scope.STAMP], **BY)
    require(authority, f"Bearer {text}")
    registry.revoke_api_key(key.key_id, **BY)
    clock.now += 4.9
    require(authority, f"Bearer {text}")
    clock.now += 0.1
    assert refusal(authority, f"Bearer {text}").kind is ProblemKind.UNAUTHORISED


def test_the_registry_is_asked_once_in_a_while_and_need_not_be_there_first(
    authority, settings, clock, monkeypatch
):
    asked = []
    ask = authority._ask
    monkeypatch.setattr(authority, "_ask", lambda key_id: asked.append(key_id) or ask(key_id))
    unknown = f"Bearer lblr_{'0' * 16}_{'0' * 64}"
    refusal(authority, unknown)
    assert not settings.home.exists()
    with Registry.of(settings) as registry:
        key, text = registry.create_api_key("one", [Scope.STAMP], **BY)
    for _ in range(5):
        require(authority, f"Bearer {text}")
        refusal(authority, f"Bearer lblr_{key.key_id}_{'0' * 64}")
        refusal(authority, unknown)
    assert asked == ["0" * 16, key.key_id]
    clock.now += 5
    require(authority, f"Bearer {text}")
    assert asked[2:] == [key.key_id]


def test_any_number_of_made_up_ids_takes_no_more_memory(authority, registry):
    async def attack():
        for number in range(1100):
            with pytest.raises(RequestError):
                await authority.require(
                    request_with(f"Bearer lblr_{number:016x}_{'0' * 64}"), Scope.STAMP
                )

    asyncio.run(attack())
    assert len(authority._remembered) == 1024


def test_a_registry_that_cannot_be_asked_is_not_the_callers_fault(authority, settings, caplog):
    caplog.set_level(logging.DEBUG)
    settings.home.mkdir()
    (settings.home / "registry.sqlite3").write_bytes(b"no database at all" * 100)
    secret = "ab" * 32
    error = refusal(authority, f"Bearer lblr_{'0' * 16}_{secret}")
    assert error.kind is ProblemKind.FAILED
    assert "RegistryError" in caplog.text
    assert secret not in caplog.text
