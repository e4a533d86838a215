import os
import signal

import pytest

from labeler.cli.interrupts import Interrupts


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_the_first_signal_is_a_wish_and_the_second_an_order(number, code):
    announced = []
    with Interrupts(lambda: announced.append(1)) as interrupts:
        assert not interrupts.requested()
        assert interrupts.exit_code is None
        os.kill(os.getpid(), number)
        assert interrupts.requested()
        assert interrupts.requested()
        assert announced == [1]
        assert interrupts.exit_code == code
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), number)


def test_what_signals_did_before_comes_back():
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    with Interrupts(lambda: None):
        assert signal.getsignal(signal.SIGINT) != before[0]
    assert [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)] == before
