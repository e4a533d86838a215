import json

import pytest

from labeler.errors import SettingsError
from labeler.registry import Issuer, IssuerDirectory


def test_number_zero_ships_as_local():
    directory = IssuerDirectory.load()
    assert directory.find(0) == Issuer(number=0, name="local", url=None)
    assert directory.find(4711) is None


def test_a_directory_can_be_replaced(tmp_path):
    file = tmp_path / "issuers.json"
    entry = {"number": 7, "name": "Example AG", "url": "https://verify.example", "later": 1}
    file.write_text(json.dumps({"schema": 1, "issuers": [entry]}))
    directory = IssuerDirectory.load(file)
    assert directory.find(7) == Issuer(number=7, name="Example AG", url="https://verify.example")
    assert directory.find(0) is None


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        "null",
        '{"schema": 2, "issuers": []}',
        '{"schema": 1}',
        '{"schema": 1, "issuers": [{"number": 7}]}',
        '{"schema": 1, "issuers": [{"number": 65536, "name": "x"}]}',
        '{"schema": 1, "issuers": [{"number": "7", "name": "x"}]}',
        '{"schema": 1, "issuers": [{"number": 7, "name": 7}]}',
        '{"schema": 1, "issuers": [{"number": 7, "name": "x", "url": 1}]}',
        '{"schema": 1, "issuers": [{"number": 7, "name": "x"}, {"number": 7, "name": "y"}]}',
    ],
)
def test_a_malformed_directory_is_named(tmp_path, content):
    file = tmp_path / "issuers.json"
    file.write_text(content)
    with pytest.raises(SettingsError) as caught:
        IssuerDirectory.load(file)
    assert caught.value.file == str(file)


def test_a_missing_directory_is_named(tmp_path):
    with pytest.raises(SettingsError, match="issuer directory"):
        IssuerDirectory.load(tmp_path / "none.json")
