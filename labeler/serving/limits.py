"""What stampings and jobs may take."""

from __future__ import annotations

from dataclasses import dataclass, fields

__all__ = ["ServingLimits"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ServingLimits:
    """Limits beside those of `detectors.service.ServiceLimits`; each has to be greater than 0.

    The memory of a worker that stamps is the settings' ``max_memory_mib``.

    Raises:
        ValueError: One is not.
    """

    stampers: int = 1
    """Files that are stamped at the same time for callers who wait, each in a process of its
    own."""
    stamping_seconds: float = 120.0
    """Time that stamping a file may take while its caller waits."""
    job_workers: int = 1
    """Jobs of each kind that are worked on at the same time."""
    job_seconds: float = 3600.0
    """Time that one job may take, seconds."""
    jobs_per_key: int = 100
    """Jobs of one key, or of one address without a key, that are not forgotten yet (429)."""
    jobs: int = 1000
    """Jobs of all together likewise (503)."""
    kept_bytes: int = 4 * 1024**3
    """What all their files may have, bytes; they lie on disk without a name (503)."""
    answer_seconds: float = 3600.0
    """Time that the answer of a job is kept, seconds."""
    lease_seconds: float = 15.0
    """Time after which a job of which nobody says anything counts as lost, seconds."""

    def __post_init__(self) -> None:
        for each in fields(self):
            if not getattr(self, each.name) > 0:
                raise ValueError(f"{each.name} has to be greater than 0")
