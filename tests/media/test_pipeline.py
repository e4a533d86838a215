import threading
import time

import pytest

from labeler.media.pipeline import pipeline


class SourceError(Exception):
    pass


class ChangeError(Exception):
    pass


class SinkError(Exception):
    pass


def run(source, change=lambda n: n, sink=None):
    taken = []
    before = threading.active_count()
    try:
        pipeline(source, change, sink or taken.extend)
    finally:
        assert threading.active_count() == before
    return taken


def test_everything_comes_out_in_order():
    assert run(lambda: range(1000), lambda n: 2 * n) == list(range(0, 2000, 2))
    assert run(list) == []


def test_stages_work_at_the_same_time():
    meeting = threading.Barrier(3, timeout=20)

    def source():
        yield from range(3)
        meeting.wait()

    def change(n):
        if n == 1:
            meeting.wait()
        return n

    def sink(things):
        for thing in things:
            if thing == 0:
                meeting.wait()

    run(source, change, sink)


def test_no_stage_runs_far_ahead():
    given, taken, ahead = [], [], []

    def source():
        for n in range(100):
            given.append(n)
            yield n

    def sink(things):
        for thing in things:
            time.sleep(0.001)
            taken.append(thing)
            ahead.append(len(given) - len(taken))

    run(source, sink=sink)
    assert len(taken) == 100
    assert max(ahead) <= 12


def failing(after, error):
    yield from range(after)
    raise error


@pytest.mark.parametrize("after", [0, 1, 3, 50])
def test_an_error_of_any_stage_ends_all(after):
    with pytest.raises(SourceError):
        run(lambda: failing(after, SourceError()))

    def change(n):
        if n >= after:
            raise ChangeError
        return n

    with pytest.raises(ChangeError):
        run(lambda: range(10**9), change)

    def sink(things):
        for thing in things:
            if thing >= after:
                raise SinkError

    with pytest.raises(SinkError):
        run(lambda: range(10**9), sink=sink)


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
def test_an_interruption_ends_all(error):
    seen = []

    def change(n):
        if n == 5:
            raise error
        return n

    def sink(things):
        with pytest.raises(error):
            seen.extend(things)

    with pytest.raises(error):
        run(lambda: range(10**9), change, sink)
    # The sink cannot take what is incomplete for all there is.
    assert seen == [0, 1, 2, 3, 4]


def test_the_source_is_closed_where_nobody_wants_more():
    closed = []

    def source():
        try:
            yield from range(10**9)
        finally:
            closed.append(threading.current_thread())

    with pytest.raises(SinkError):
        run(source, sink=failing_sink)
    assert len(closed) == 1
    assert closed[0] is not threading.current_thread()


def failing_sink(things):
    next(iter(things))
    raise SinkError
