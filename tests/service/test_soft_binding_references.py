"""Asking for the manifest of a file that lies elsewhere, where the service fetches files."""

from __future__ import annotations

import io

import httpx
import pytest
from PIL import Image

from detectors.service import Fetcher, ServiceLimits
from tests.service.elsewhere import HOST, certificate_for, elsewhere, ok
from tests.service.repositories import BASE
from tests.service.serving import Service, serving


@pytest.fixture(scope="module")
def tls(tmp_path_factory):
    return certificate_for(HOST, tmp_path_factory.mktemp("tls"))


@pytest.fixture(scope="module")
def site(tls):
    with elsewhere(tls[0]) as site:
        yield site


@pytest.fixture(scope="module")
def fetching(settings, site, tls) -> Service:
    async def resolve(host: str, port: int) -> list[str]:
        return ["127.0.0.1"] if host == HOST else []

    fetcher = Fetcher(
        ports={site.port},
        resolve=resolve,
        may_connect=lambda address: str(address) == "127.0.0.1",
        tls=tls[1],
        seconds=5,
    )
    limits = ServiceLimits(workers=1, burst=1000, max_upload_bytes=4 << 20)
    with serving(settings, limits, fetcher) as service:
        yield service


@pytest.fixture(scope="module")
def stripped(marked) -> bytes:
    file = io.BytesIO()
    Image.open(io.BytesIO(marked)).convert("RGB").save(file, "JPEG", quality=90)
    return file.getvalue()


def ask(service: Service, **members) -> httpx.Response:
    return service.client.post(f"{BASE}/matches/byReference", json=members)


def test_a_file_elsewhere_leads_to_its_manifest(fetching, site, stripped):
    site.answers["/a"] = ok(stripped, "Content-Type: image/jpeg")
    url, length = site.url("/a", scheme="https"), len(stripped)
    sent = fetching.client.post(
        f"{BASE}/matches/byContent", content=stripped, headers={"Content-Type": "image/jpeg"}
    )
    assert sent.json()["matches"]
    for more in ({}, {"assetType": "image/jpeg"}, {"region": None}):
        answer = ask(fetching, referenceUrl=url, assetLength=length, **more)
        assert answer.status_code == 200, answer.text
        assert answer.json() == sent.json()


def test_it_is_among_the_capabilities(fetching):
    told = fetching.client.get(f"{BASE}/services/capabilities").json()
    assert "queryByReference" in told["supportedCapabilities"]


def test_a_file_of_another_size_or_type_is_refused(fetching, site, stripped):
    site.answers["/a"] = ok(stripped, "Content-Type: image/jpeg")
    url, length = site.url("/a", scheme="https"), len(stripped)
    assert ask(fetching, referenceUrl=url, assetLength=length - 1).status_code == 413
    answer = ask(fetching, referenceUrl=url, assetLength=length, assetType="video/mp4")
    assert answer.status_code == 400
    assert answer.json()["error"]["kind"] == "other-type"


@pytest.mark.parametrize(
    ("members", "status"),
    [
        ({}, 400),
        ({"referenceUrl": "https://files.example/a"}, 400),
        ({"referenceUrl": "http://files.example/a", "assetLength": 9}, 400),
        ({"referenceUrl": "file:///etc/passwd", "assetLength": 9}, 400),
        ({"referenceUrl": 7, "assetLength": 9}, 400),
        ({"referenceUrl": "https://files.example/a", "assetLength": 0}, 400),
        ({"referenceUrl": "https://files.example/a", "assetLength": True}, 400),
        ({"referenceUrl": "https://files.example/a", "assetLength": 9, "assetType": 1}, 400),
        ({"referenceUrl": "https://files.example/a", "assetLength": 9, "region": []}, 400),
        ({"referenceUrl": "https://169.254.169.254/", "assetLength": 9}, 400),
    ],
)
def test_a_reference_that_makes_no_sense_is_refused(fetching, site, members, status):
    before = site.connections
    answer = ask(fetching, **members)
    assert answer.status_code == status, answer.text
    assert set(answer.json()["error"]) == {"kind", "problem", "hint", "file"}
    assert site.connections == before


def test_a_file_that_is_not_there_is_no_defect(fetching, site):
    site.answers["/gone"] = ok(b"", status="404 Not Found")
    answer = ask(fetching, referenceUrl=site.url("/gone", scheme="https"), assetLength=9)
    assert answer.status_code == 424
