import os

import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st

from labeler.cli.console import print_error, printable, reporting
from labeler.errors import OutputError


@given(st.text())
def test_printable_text_is_left_alone_and_everything_else_is_visible(text):
    shown = printable(text)
    assert shown.isprintable()
    if text.isprintable():
        assert shown == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\x1b[31mb", "a\\x1b[31mb"),
        ("a\nb", "a\\nb"),
        ("evil\u202egnp.exe", "evil\\u202egnp.exe"),
        (os.fsdecode(b"caf\xe9"), "caf\\udce9"),
        ("naïve ✓", "naïve ✓"),
    ],
)
def test_what_could_drive_a_terminal_is_escaped(text, shown):
    assert printable(text) == shown


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (OutputError("it exists", file="a.png", hint="Choose another"), 7, "a.png: it exists. "),
        (KeyboardInterrupt(), 130, ""),
        (
            PermissionError(13, "Permission denied", "/srv/a"),
            7,
            "/srv/a: the system refuses access",
        ),
        (ZeroDivisionError("oh"), 70, "ZeroDivisionError: oh. This is a defect"),
    ],
)
def test_every_error_becomes_a_line_and_an_exit_code(error, code, message, capsys):
    with pytest.raises(typer.Exit) as caught, reporting(as_json=False, exit_code=7):
        raise error
    assert caught.value.exit_code == code
    assert message in capsys.readouterr().err


def test_a_defect_is_shown_in_full_on_request(monkeypatch):
    monkeypatch.setenv("LABELER_TRACEBACK", "1")
    with pytest.raises(ZeroDivisionError), reporting(as_json=False):
        raise ZeroDivisionError


def test_exit_codes_pass_through():
    with pytest.raises(typer.Exit) as caught, reporting(as_json=False):
        raise typer.Exit(3)
    assert caught.value.exit_code == 3


def test_an_error_is_one_line_however_long_and_strange_the_name(capsys):
    print_error(OutputError("it exists", file="x" * 500 + "\n\x1b[2J"), as_json=False)
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert "\x1b" not in err
