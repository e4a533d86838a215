"""The worker's code is the real one; what it is asked to do is each test's own misdeed."""

import gc
import os
import signal
import sys
import textwrap
import time

import pytest

from detectors.sandbox import Limits, Sandbox
from labeler.errors import VerificationError

LIMITS = Limits(seconds=20, memory_mib=256)

WORKER = """
import ctypes, os, signal, socket, subprocess, sys, time
from detectors.worker import serve

seen = []

def examine(header, body):
    seen.append(header["do"])
{}
    return f"{{header['do']}} {{len(body)}} {{os.getpid()}} {{len(seen)}}"

def prepare(setup):
{}
    return examine

serve(prepare)
"""


def make_sandbox(tmp_path, examine="pass", *, prepare="pass", limits=LIMITS, **options):
    script = tmp_path / "worker.py"
    bodies = (textwrap.indent(textwrap.dedent(each), "    ") for each in (examine, prepare))
    script.write_text(WORKER.format(*bodies))
    return Sandbox(limits, {}, command=(sys.executable, "-P", str(script)), **options)


def ask(sandbox, do="x", body=b""):
    """Body's length, process id and count of files of the worker that answered."""
    word, *numbers = sandbox.ask({"do": do}, body).split()
    assert word == do
    return tuple(map(int, numbers))


def is_alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_one_worker_answers_one_file_after_the_other(tmp_path):
    with make_sandbox(tmp_path) as sandbox:
        first = ask(sandbox, "a", b"12345")
        second = ask(sandbox, "b", bytes(3_000_000))
    assert first[0] == 5
    assert second[0] == 3_000_000
    assert first[1] == second[1]
    assert second[2] == 2
    assert not is_alive(first[1])


def test_the_worker_ends_with_the_sandbox_that_nobody_closed(tmp_path):
    sandbox = make_sandbox(tmp_path)
    pid = ask(sandbox)[1]
    del sandbox
    gc.collect()
    assert not is_alive(pid)


def test_a_worker_is_replaced_after_some_files(tmp_path):
    with make_sandbox(tmp_path, recycle_after=2) as sandbox:
        pids = [ask(sandbox)[1] for _ in range(3)]
    assert pids[0] == pids[1] != pids[2]


@pytest.mark.parametrize("name", ["SIGSEGV", "SIGABRT", "SIGILL"])
def test_a_crash_is_an_error_and_the_next_file_gets_another_worker(tmp_path, name):
    with make_sandbox(
        tmp_path, f"if header['do'] == 'die': os.kill(os.getpid(), signal.{name})"
    ) as sandbox:
        with pytest.raises(VerificationError, match=name):
            ask(sandbox, "die")
        assert ask(sandbox, "live")[2] == 1


def test_a_kill_from_outside_names_memory(tmp_path):
    with (
        make_sandbox(tmp_path, "os.kill(os.getpid(), signal.SIGKILL)") as sandbox,
        pytest.raises(VerificationError, match="memory"),
    ):
        ask(sandbox)


def test_a_worker_that_older_files_broke_is_given_up_for_a_fresh_one(tmp_path):
    with make_sandbox(tmp_path, "if len(seen) == 2: os.abort()") as sandbox:
        first = ask(sandbox)
        second = ask(sandbox)
    assert first[1] != second[1]
    assert second[2] == 1


def test_a_worker_that_died_while_it_waited_is_replaced(tmp_path):
    with make_sandbox(tmp_path) as sandbox:
        first = ask(sandbox)[1]
        os.kill(first, signal.SIGKILL)
        assert ask(sandbox)[1] != first


def test_waiting_for_ever_ends_with_the_limit(tmp_path):
    limits = Limits(seconds=0.5, memory_mib=256)
    with make_sandbox(tmp_path, "time.sleep(60)", limits=limits) as sandbox:
        begun = time.monotonic()
        with pytest.raises(VerificationError, match=r"longer than 0\.5 s"):
            ask(sandbox)
        assert time.monotonic() - begun < 10
        assert sandbox._worker is None


def test_processor_time_is_limited_for_each_file(tmp_path):
    # The clock's limit is far away in the parent; the worker is told one second.
    burn = """
        if header["do"] == "burn":
            while True: pass
        until = time.process_time() + 0.7
        while time.process_time() < until: pass
    """
    with make_sandbox(tmp_path, burn) as sandbox:
        sandbox._setup["seconds"] = 1.0
        for _ in range(2):
            ask(sandbox)
        with pytest.raises(VerificationError, match="processor time"):
            ask(sandbox, "burn")


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux enforces RLIMIT_AS")
def test_memory_is_limited_beyond_what_the_worker_holds(tmp_path):
    prepare = "global held; held = bytearray(300 << 20)"
    with make_sandbox(
        tmp_path, "block = bytearray(int(header['do']) << 20)", prepare=prepare
    ) as sandbox:
        assert ask(sandbox, "200")
        with pytest.raises(VerificationError, match="limit of 256 MiB"):
            ask(sandbox, "400")
        assert ask(sandbox, "200")[2] == 1


def test_an_unforeseen_error_is_told(tmp_path):
    with (
        make_sandbox(tmp_path, "raise KeyError('nobody thought of this')") as sandbox,
        pytest.raises(VerificationError, match=r"KeyError.*nobody thought of this"),
    ):
        ask(sandbox)


def test_what_libraries_print_does_not_disturb(tmp_path):
    noise = "os.write(1, b'noise'); os.write(2, b'noise'); print('noise', flush=True)"
    with make_sandbox(tmp_path, noise) as sandbox:
        assert ask(sandbox)[2] == 1


def test_nothing_can_be_written(tmp_path):
    target = tmp_path / "written"
    attempt = f"""
        try:
            with open({str(target)!r}, "wb") as file:
                file.write(b"x")
        except OSError:
            pass
        else:
            raise AssertionError("it was written")
    """
    with make_sandbox(tmp_path, attempt) as sandbox:
        ask(sandbox)
    assert not target.exists() or target.stat().st_size == 0


@pytest.mark.parametrize(
    "attempt",
    [
        "socket.create_connection(('127.0.0.1', 9), timeout=1)",
        "socket.getaddrinfo('localhost', 80)",
        "subprocess.run(['true'])",
        "os.system('true')",
        "os.fork()",
        "os.execv('/bin/true', ['true'])",
    ],
)
def test_network_and_programs_are_refused(tmp_path, attempt):
    with (
        make_sandbox(tmp_path, attempt) as sandbox,
        pytest.raises(VerificationError, match=r"PermissionError.*not allowed"),
    ):
        ask(sandbox)


def test_the_worker_does_not_import_from_where_the_files_lie(tmp_path, monkeypatch):
    (tmp_path / "json.py").write_text("raise SystemExit('a stranger was here')")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", ["", *sys.path])
    script = tmp_path / "elsewhere"
    script.mkdir()
    with make_sandbox(script) as sandbox:
        assert ask(sandbox)[2] == 1


def test_the_environment_is_not_handed_on(tmp_path, monkeypatch):
    monkeypatch.setenv("LABELER_SECRET", "x")
    with make_sandbox(tmp_path, "assert 'LABELER_SECRET' not in os.environ") as sandbox:
        ask(sandbox)


def test_a_worker_that_cannot_start_says_why(tmp_path):
    with (
        make_sandbox(tmp_path, prepare="import no_such_library") as sandbox,
        pytest.raises(VerificationError, match=r"could not be started.*no_such_library") as caught,
    ):
        ask(sandbox)
    assert "doctor" in caught.value.hint


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        (r"b'\0\0\0\4\0\0\0\0\0\0\0\0nope'", "cannot be understood"),
        (r"b'\0\0\0\2\0\0\0\0\0\0\0\0[]'", "no JSON object"),
        (r"b'\0\0\0\2\0\0\0\0\0\0\0\0{}'", "cannot be understood"),
        (r"b'\xff\xff\xff\xff\0\0\0\0\0\0\0\0'", "too long"),
        (r"b'\0\0\0\2\0\0\0\0\0\0\0\1{}x'", "too long"),
        (r"b'\0\0'", "ended with status 0"),
    ],
)
def test_garbage_from_the_worker_is_an_error(tmp_path, answer, problem):
    # Descriptor 4 is where the worker's own answers go, once the standard streams were taken.
    takeover = f"os.write(4, {answer}); os._exit(0)"
    with (
        make_sandbox(tmp_path, takeover, limits=Limits(seconds=5, memory_mib=256)) as sandbox,
        pytest.raises(VerificationError, match=problem),
    ):
        ask(sandbox)


def test_a_request_can_have_more_time_or_less_than_others(tmp_path):
    work = """
        until = time.process_time() + float(header["do"])
        while time.process_time() < until: pass
        time.sleep(float(header.get("wait", 0)))
    """
    limits = Limits(seconds=1, memory_mib=256)
    with make_sandbox(tmp_path, work, limits=limits) as sandbox:
        assert sandbox.ask({"do": "1.6"}, b"", seconds=20)
        with pytest.raises(VerificationError, match=r"longer than 1 s|processor time"):
            sandbox.ask({"do": "4"}, b"")
        # It waits instead of working, so that the limit on processor time cannot come first.
        with pytest.raises(VerificationError, match=r"longer than 0\.3 s"):
            sandbox.ask({"do": "0", "wait": "4"}, b"", seconds=0.3)
