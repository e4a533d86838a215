"""What the service lets one request, one address and all of them together take."""

from __future__ import annotations

from dataclasses import dataclass, fields

__all__ = ["ServiceLimits"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceLimits:
    """Limits of the service; each has to be greater than 0.

    Raises:
        ValueError: One is not.
    """

    workers: int = 2
    """Files that are verified at the same time, each in a subprocess of its own."""
    queue: int = 64
    """Requests that may wait for one of these, or be on their way in; more are sent away (503)."""
    max_upload_bytes: int = 100 * 1024 * 1024
    """Largest body of a request, bytes (413)."""
    upload_seconds: float = 300.0
    """Time that a body may take to come in, seconds (408)."""
    verifying_seconds: float = 120.0
    """Time that verifying one file may take, seconds, where the settings would allow more."""
    requests_at_once: int = 16
    """Requests of one address that are worked on at the same time (429)."""
    burst: int = 60
    """Requests that an address may make at once after a pause (429)."""
    requests_per_second: float = 1.0
    """Requests that an address may make in the long run, a second (429)."""
    addresses: int = 10_000
    """Addresses that are remembered; beyond, those that were quiet for longest are forgotten."""

    def __post_init__(self) -> None:
        for each in fields(self):
            if not getattr(self, each.name) > 0:
                raise ValueError(f"{each.name} has to be greater than 0")
