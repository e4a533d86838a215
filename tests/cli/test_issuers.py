"""``labeler issuers``: from a request to an entry that `verify` knows."""

import json

import pytest

from tests.cli.running import labeler


@pytest.fixture(scope="module")
def entry(home, tmp_path_factory):
    file = tmp_path_factory.mktemp("entry") / "entry.json"
    done = labeler(
        "issuers", "request", "--out", file, "--name", "Example AG", "--contact", "a@b", "--json",
        home=home,
        LABELER_ISSUER="7",
        LABELER_DETECTOR_URL="https://detector.example/",
        LABELER_RESOLVER_URL="https://detector.example/sbr",
    )  # fmt: skip
    assert done.code == 0, done.err
    (said,) = done.lines
    assert said["file"] == str(file)
    return file, said


def test_a_request_takes_what_the_settings_say_and_is_signed(entry):
    file, said = entry
    (members,) = json.loads(file.read_text())["issuers"]
    assert said["schema"] == 1
    assert (members["number"], members["name"]) == (7, "Example AG")
    assert members["detector"] == said["detector"] == "https://detector.example/"
    assert members["resolver"] == said["resolver"] == "https://detector.example/sbr"
    assert (said["signature"], said["problems"]) == ("trusted", [])
    assert len(said["signer_key"]) == 64


def test_an_entry_is_added_once_shown_and_checked(entry, home, tmp_path):
    directory = tmp_path / "directory.json"
    added = labeler("issuers", "add", entry[0], "--to", directory, "--json", home=home)
    assert added.code == 0, added.err
    assert added.lines[0]["number"] == 7
    before = directory.read_bytes()
    again = labeler("issuers", "add", entry[0], "--to", directory, "--json", home=home)
    assert again.code == 1
    assert "taken" in again.lines[0]["error"]["problem"]
    assert directory.read_bytes() == before
    listed = labeler(
        "issuers", "list", "--json", home=home, LABELER_ISSUER_DIRECTORY=str(directory)
    )
    assert [(each["number"], each["signature"]) for each in listed.lines] == [(7, "trusted")]
    assert labeler("issuers", "check", directory, home=home).code == 0


def test_a_directory_that_somebody_changed_fails_its_check(entry, home, tmp_path):
    directory = tmp_path / "directory.json"
    directory.write_text(entry[0].read_text().replace("detector.example", "evil.example"))
    done = labeler("issuers", "check", directory, "--json", home=home)
    assert done.code == 1
    assert done.lines[0]["signature"] == "broken"
    assert done.lines[0]["problems"]
    refused = labeler("issuers", "add", directory, "--to", tmp_path / "new.json", home=home)
    assert refused.code == 1
    assert "does not fit" in refused.err
    assert not (tmp_path / "new.json").exists()


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ((), "every machine's own"),
        (("--number", "65300"), "private use"),
        (("--number", "65536"), "is no issuer number"),
        (("--number", "8", "--detector", "javascript:alert(1)"), "no http or https"),
    ],
)
def test_a_request_that_no_directory_should_take_is_refused(options, problem, home, tmp_path):
    file = tmp_path / "entry.json"
    url = () if "--detector" in options else ("--url", "https://example.com")
    done = labeler("issuers", "request", "--out", file, "--name", "x", *url, *options, home=home)
    assert done.code == 1
    assert problem in done.err
    assert not file.exists()


def test_the_shipped_directory_knows_the_local_number(home):
    shown = labeler("issuers", "show", "0x0000", home=home)
    assert shown.code == 0
    assert "name: local" in shown.out
    unknown = labeler("issuers", "show", "4711", "--json", home=home)
    assert unknown.code == 1
    assert "does not know number 4711" in unknown.lines[0]["error"]["problem"]


def test_within_one_organisation_numbers_and_addresses_are_free(home, tmp_path):
    file, directory = tmp_path / "entry.json", tmp_path / "ours.json"
    made = labeler(
        "issuers", "request", "--out", file, "--name", "Lab", "--number", "0xff01",
        "--detector", "http://127.0.0.1:8000", "--private", "--unsigned", home=home,
    )  # fmt: skip
    assert made.code == 0, made.err
    assert labeler("issuers", "add", file, "--to", directory, home=home).code == 1
    added = labeler("issuers", "add", file, "--to", directory, "--private", home=home)
    assert added.code == 0
    assert "not signed" in added.err
