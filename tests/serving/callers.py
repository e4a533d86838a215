"""Callers with keys, and what they send."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import Any

import httpx

from labeler.registry import Registry, Scope
from labeler.settings import Settings

CLAIMS = {"generator": "Model X", "source_type": "trainedAlgorithmicMedia"}


def make_key(settings: Settings, *scopes: Scope) -> str:
    with Registry.of(settings) as registry:
        return registry.create_api_key("test", scopes, actor="clerk", reason="test")[1]


@dataclass(frozen=True, slots=True)
class Caller:
    client: httpx.Client
    key: str

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.key}"}

    def get(self, path: str) -> httpx.Response:
        return self.client.get(path, headers=self.headers)

    def stamp(
        self, data: bytes, name: str, *, claims: Any = CLAIMS, again: str | None = None, **more: str
    ) -> httpx.Response:
        fields = more if claims is None else {"provenance": json.dumps(claims), **more}
        headers = self.headers | ({} if again is None else {"Idempotency-Key": again})
        files = {"file": (name, data)}
        return self.client.post("/v1/stamp", files=files, data=fields, headers=headers)

    def leave(
        self, data: bytes, name: str, kind: str, *, again: str | None = None, **more: str
    ) -> httpx.Response:
        if kind == "stamp":
            more = {"provenance": json.dumps(CLAIMS), **more}
        headers = self.headers | ({} if again is None else {"Idempotency-Key": again})
        files = {"file": (name, data)}
        return self.client.post(
            "/v1/jobs", files=files, data={"kind": kind, **more}, headers=headers
        )

    def wait_for(self, path: str, *states: str, seconds: float = 60) -> dict[str, Any]:
        """The job when it has one of these states."""
        end = time.monotonic() + seconds
        while (found := self.get(path).json())["state"] not in states:
            assert time.monotonic() < end, found
            time.sleep(0.05)
        return found
