"""The CPU limit: what it stops, what it leaves alone, and that nothing of it stays behind."""

from __future__ import annotations

import signal
import threading
import time
from typing import NoReturn

import pytest

from stages.limits import TooSlow, cpu_limit


def burn() -> NoReturn:
    while True:
        pass


def test_a_block_that_burns_cpu_is_stopped() -> None:
    with pytest.raises(TooSlow), cpu_limit(0.05):
        burn()


def test_a_block_that_waits_is_left_alone() -> None:
    with cpu_limit(0.02):
        time.sleep(0.1)


def test_a_block_below_the_limit_gives_its_result_and_its_own_exception() -> None:
    with cpu_limit(10):
        found = sum(range(1000))
    assert found == 499_500
    with pytest.raises(KeyError), cpu_limit(10):
        raise KeyError("own")


def test_what_other_threads_use_is_not_counted() -> None:
    done = threading.Event()

    def busy() -> None:
        while not done.is_set():
            pass

    other = threading.Thread(target=busy)
    other.start()
    try:
        with cpu_limit(0.2):
            start = time.process_time()
            while time.process_time() < start + 0.3:  # of which the other thread uses nearly all
                time.sleep(0.01)
    finally:
        done.set()
        other.join()


def test_code_that_goes_on_after_any_exception_is_stopped_nevertheless() -> None:
    def stubborn() -> NoReturn:
        while True:
            try:
                burn()
            except Exception:
                continue

    with pytest.raises(TooSlow), cpu_limit(0.05):
        stubborn()


def test_code_that_swallows_everything_is_stopped_again_or_told_at_the_end() -> None:
    def swallow() -> None:
        try:
            burn()
        except BaseException:
            return

    with pytest.raises(TooSlow), cpu_limit(0.05):
        swallow()
        swallow()
    with pytest.raises(TooSlow), cpu_limit(0.05):
        swallow()


def test_the_next_block_has_its_own_time() -> None:
    for _ in range(3):
        with pytest.raises(TooSlow), cpu_limit(0.03):
            burn()
        with cpu_limit(5):
            sum(range(1000))


def test_an_inner_block_ends_with_the_block_around_it() -> None:
    stopped = 0
    with pytest.raises(TooSlow), cpu_limit(0.1):
        for _ in range(50):
            try:
                with cpu_limit(0.03):
                    burn()
            except TooSlow:
                stopped += 1
    assert stopped == 50
    with pytest.raises(TooSlow), cpu_limit(0.05), cpu_limit(10):
        burn()


def test_the_block_around_goes_on_after_an_inner_one_was_stopped() -> None:
    with cpu_limit(10):
        with pytest.raises(TooSlow), cpu_limit(0.03):
            burn()
        found = sum(range(1000))
    assert found == 499_500


def test_the_handler_and_timer_of_before_are_there_again() -> None:
    met: list[int] = []

    def own(number: int, _: object) -> None:
        met.append(number)

    before = signal.signal(signal.SIGPROF, own)
    signal.setitimer(signal.ITIMER_PROF, 100, 7)
    try:
        with pytest.raises(TooSlow), cpu_limit(0.03):
            burn()
        assert signal.getsignal(signal.SIGPROF) is own
        left, interval = signal.getitimer(signal.ITIMER_PROF)
        assert 90 < left <= 100
        assert interval == pytest.approx(7, abs=0.1)
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.raise_signal(signal.SIGPROF)
        assert met == [signal.SIGPROF]
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before or signal.SIG_IGN)


def test_a_late_signal_does_not_end_the_process() -> None:
    """Where there was no handler, the default is to die, and a signal may be on its way when the block is left."""
    with cpu_limit(1):
        pass
    signal.raise_signal(signal.SIGPROF)
    assert signal.getitimer(signal.ITIMER_PROF) == (0.0, 0.0)


def test_a_signal_while_the_block_is_entered_or_left_leaves_nothing_behind() -> None:
    """Limits so short that the signal often arrives in the frames of the limit itself."""
    for _ in range(300):
        try:
            with cpu_limit(1e-6):
                sum(range(50_000))
        except TooSlow:
            pass
        assert signal.getitimer(signal.ITIMER_PROF) == (0.0, 0.0)


def test_a_thread_is_refused() -> None:
    errors: list[BaseException] = []

    def work() -> None:
        try:
            with cpu_limit(1):
                pass
        except ValueError as error:
            errors.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert "main thread" in str(errors[0])


@pytest.mark.parametrize("seconds", [0, -1])
def test_a_limit_of_nothing_is_refused(seconds: float) -> None:
    with pytest.raises(ValueError, match="above 0"):
        cpu_limit(seconds)
