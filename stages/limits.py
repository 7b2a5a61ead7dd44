"""The CPU limit of one row, the backstop behind the deterministic limits, and the mark of rows that once hit it."""

from __future__ import annotations

import signal
import threading
import time
from types import FrameType, TracebackType
from typing import Any

TOO_SLOW = "too_slow"  # the reason; a stage gives it to a row whose slow column is true, without trying it again
_AGAIN_S = 0.05  # CPU seconds after which the exception is raised again in code that swallowed it
_SHORTEST_S = 1e-4  # a timer set to 0 would be off


def slow_column(stage: str) -> str:
    """A column that the runner adds for a stage that needs it: true for rows on which that stage once was too slow."""
    return f"{stage}.slow"


class TooSlow(BaseException):
    """The CPU limit was reached. Not an Exception: libraries that go on after any Exception must not go on after it."""


class cpu_limit:
    """Stop a block after some CPU seconds of this thread, by raising TooSlow in it.

    Of the thread, so that what its neighbours or background threads use is not held against it. Works in the main
    thread of a process, where Ray runs its tasks. Blocks may nest; one ends with the block around it at the latest. On
    leaving, the signal handler and timer of before are there again (a handler that does nothing where there was none).
    Code that swallows TooSlow meets it again every 50 ms, and at the end of the block. C code is not interrupted: the
    block is stopped as soon as it comes back to Python.
    Errors: TooSlow; ValueError outside the main thread, or for a limit that is not positive.
    """

    def __init__(self, seconds: float) -> None:
        if seconds <= 0:
            raise ValueError(f"a CPU limit must be above 0 seconds, not {seconds}")
        self._seconds = seconds

    def __enter__(self) -> cpu_limit:
        if threading.current_thread() is not threading.main_thread():
            raise ValueError("a CPU limit works in the main thread only, where signals arrive")
        self._outer: Any = signal.getsignal(signal.SIGPROF)
        around = getattr(self._outer, "__self__", None)
        if isinstance(around, cpu_limit):  # the time of this block is time of the block around it
            self._seconds = min(self._seconds, around._left())
            if self._seconds <= 0:
                raise TooSlow(around._seconds)
        self._started = time.thread_time()
        signal.signal(signal.SIGPROF, self._on_signal)
        self._outer_timer = signal.setitimer(signal.ITIMER_PROF, self._seconds, _AGAIN_S)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # No call of a Python function before the timer is off: _on_signal lets this frame alone, not those below it.
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, self._outer if callable(self._outer) else _ignore)
        used = time.thread_time() - self._started
        left, interval = self._outer_timer
        if left:
            signal.setitimer(signal.ITIMER_PROF, max(left - used, _SHORTEST_S), interval)
        if used >= self._seconds and not isinstance(error, TooSlow):
            raise TooSlow(self._seconds) from error

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        """The timer runs with the CPU time of the whole process, so it may be early: then it is set to what is left."""
        left = self._left()
        if left > 0:
            signal.setitimer(signal.ITIMER_PROF, max(left, _SHORTEST_S), _AGAIN_S)
            return
        # Raised while the block is being left, it would come out with the old handler and timer not yet back.
        if frame is None or frame.f_code not in _LEAVING:
            raise TooSlow(self._seconds)

    def _left(self) -> float:
        return self._seconds - (time.thread_time() - self._started)


def _ignore(number: int, frame: FrameType | None) -> None:
    """Stays where no handler was: a signal still on its way when its timer is set to 0 would end the process."""


_LEAVING = (cpu_limit.__enter__.__code__, cpu_limit.__exit__.__code__)
