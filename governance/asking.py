"""Requests put to an engine all at once, each answer logged: what a kill interrupts is not asked for again."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence

from governance.answers import AnswerLog
from governance.errors import RunError
from synth.engines import Answer, EngineConfig, EngineError, Request, open_engine

_FLUSH_S = 3.0  # seconds of answers that a kill may cost
_WAIT_S = 1.0
_LEAST_FAILURES = 10  # failed requests before their share means anything


def ask_all(
    requests: Sequence[Request],
    cfg: EngineConfig,
    max_failure_rate: float,
    log: AnswerLog,
    tell: Callable[[int, int], None] = lambda done, total: None,
) -> dict[str, Answer]:
    """An answer to every request, by its key: from the log, or from the engine, which loads only if it is needed.

    Errors: RunError where no engine works, or where more than a share of the requests fails.
    """
    wanted = {request.key: request for request in requests}
    answers = {key: answer for key, answer in log.load().items() if key in wanted}
    waiting = deque(request for key, request in wanted.items() if key not in answers)
    if not waiting:
        return answers
    engine, flushed = open_engine(cfg), time.monotonic()
    asked, failed, last = 0, 0, ""
    try:
        while waiting or engine.in_flight:
            while waiting and engine.in_flight < engine.capacity:
                engine.submit(waiting.popleft())
            for answer in engine.poll(_WAIT_S):
                answers[answer.key] = answer
                asked += 1
                if answer.error is None:  # a failure is asked again by the next run, a text never
                    log.append(answer)
                else:
                    failed, last = failed + 1, answer.error
            _refuse_failures(failed, asked, last, max_failure_rate)  # when all that came with them is in the log
            if time.monotonic() - flushed > _FLUSH_S:
                flushed = time.monotonic()
                log.flush()
            tell(len(answers), len(wanted))
    except EngineError as error:
        raise RunError(f"no engine works: {error}", "mend it, then run the same command again") from error
    finally:
        log.flush()
        engine.close()
    return answers


def _refuse_failures(failed: int, asked: int, last: str, max_failure_rate: float) -> None:
    if failed >= _LEAST_FAILURES and failed > max_failure_rate * asked:
        raise RunError(
            f"{failed} of {asked} requests failed, the last one: {last}",
            "see that the server or model works, then run the same command again: no answer is asked for twice",
        )
