"""How long an assessment takes, from plain facts to the answer.

python -m benchmarks.policy_cost
"""

from __future__ import annotations

import statistics
import time

from labeler.policy import assess

FACTS = {
    "assessment_date": "2026-12-10",
    "eu_nexus": True,
    "actor": {"roles": ["provider", "deployer"], "personal_nonprofessional": False},
    "system": {"placed_on_market": "2026-09-01", "generates": ["image", "video"]},
    "output": {
        "kind": "content",
        "modality": "video",
        "operation": "generate",
        "generated_at": "2026-12-05",
    },
    "deepfake": {"resembles": True, "plausible": True, "false_appearance": True},
}
RUNS = 2000


def main() -> None:
    times_ms = []
    for _ in range(RUNS):
        start = time.perf_counter()
        assess(FACTS)
        times_ms.append(1e3 * (time.perf_counter() - start))
    centiles = statistics.quantiles(times_ms, n=100)
    print(f"{RUNS} assessments: median {centiles[49]:.3f} ms, 99 % below {centiles[98]:.3f} ms")


if __name__ == "__main__":
    main()
