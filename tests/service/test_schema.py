"""The OpenAPI document against the service: schemathesis tries to find where they disagree."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys

import pytest

from detectors.service import ServiceLimits
from labeler.registry import RegistryReader, Scope
from tests.cli.running import ROOT
from tests.service.repositories import a_key
from tests.service.serving import serving

pytest.importorskip("schemathesis")

# More, for a longer look: SCHEMA_EXAMPLES=200 pytest tests/service/test_schema.py
EXAMPLES = os.environ.get("SCHEMA_EXAMPLES", "4")
# What is sent is refused for reasons that no schema can tell: it is no file, or nobody signed it.
LEFT_OUT = "positive_data_acceptance"


@pytest.fixture(scope="module")
def roomy(settings):
    """A service that sends nobody away."""
    limits = ServiceLimits(
        workers=1, burst=10**9, requests_per_second=10**6, queue=1000, upload_seconds=5
    )
    with serving(settings, limits) as service:
        yield service


def test_no_request_brings_an_error_of_the_server(roomy, settings, tmp_path):
    reader = RegistryReader.of(settings)
    output = (settings.home.parent / "out" / "one.png").read_bytes()
    (receipt,) = reader.find_output(hashlib.sha256(output).hexdigest())
    reader.close()
    key = a_key(settings, *Scope)["Authorization"]
    done = subprocess.run(
        [
            sys.executable, "-m", "schemathesis.cli", "run",
            f"{roomy.client.base_url}/openapi.json",
            "--header", f"Authorization: {key}",
            "--max-examples", EXAMPLES,
            "--phases", "examples,coverage,fuzzing",
            "--exclude-checks", LEFT_OUT,
            "--seed", "7",
            "--request-timeout", "30",
            "--no-color",
        ],
        cwd=tmp_path,
        env={
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "SCHEMATHESIS_HOOKS": "tests.service.schema_hooks",
            "KNOWN_MANIFEST_ID": receipt.manifest_id,
        },
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
    assert "generated, " in done.stdout
    assert roomy.is_well
