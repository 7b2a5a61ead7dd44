"""The parent's side of an engine in a process of its own."""

from __future__ import annotations

import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
from contextlib import suppress
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path
from typing import IO

from synth import engines_child
from synth.engines import LOCAL, EngineConfig, Request
from synth.engines_member import Mailbox, News

FACTORY = engines_child.VLLM


class ProcessMember:
    """An engine below this process; see ``synth.engines_member.Member``."""

    def __init__(self, cfg: EngineConfig, mailbox: Mailbox) -> None:
        self.name = LOCAL
        self.starts: int | None = 3
        self.quiet_s = 0.0  # it tells of its steps
        # A few more than run at once, so that one which finishes is followed by the next without a word from here.
        self.slots = cfg.max_num_seqs + (cfg.max_num_seqs + 3) // 4
        self._cfg, self._mailbox = cfg, mailbox
        self._child: subprocess.Popen[bytes] | None = None
        self._socket: Connection | None = None
        self._going: queue.SimpleQueue[Request | None] = queue.SimpleQueue()

    def revive(self) -> None:
        """Start the process; "alive" comes when the engine has loaded."""
        self.drop()
        ours, theirs = Pipe()
        said = tempfile.TemporaryFile()  # noqa: SIM115 - read when the process is dead; vLLM's chatter is for nobody else
        # A session of its own: a signal of the terminal goes to us alone, and all of its group can be ended at once.
        self._child = subprocess.Popen(
            [sys.executable, "-m", "synth.engines_child", str(theirs.fileno())],
            pass_fds=[theirs.fileno()], start_new_session=True, env=_environment(),
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=said,
        )  # fmt: skip
        theirs.close()
        self._socket = ours
        ours.send(engines_child.start_message(FACTORY, self._cfg))
        self._going = queue.SimpleQueue()
        threading.Thread(target=self._listen, args=(ours, self._child, said), daemon=True).start()
        threading.Thread(target=_talk, args=(ours, self._going), daemon=True).start()

    def send(self, request: Request) -> None:
        """Hand a request over; where the process is gone, its death comes as news."""
        self._going.put(request)

    def drop(self) -> None:
        """End the process with all that it started."""
        child, self._child = self._child, None
        socket, self._socket = self._socket, None
        if child is not None:
            with suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)
            child.wait()
        self._going.put(None)
        if socket is not None:
            socket.close()

    def close(self) -> None:
        """End the process."""
        self.drop()

    def _listen(self, socket: Connection, child: subprocess.Popen[bytes], said: IO[bytes]) -> None:
        why = ""
        try:
            while True:
                kind, value = socket.recv()
                if kind == "failed":
                    why = value
                for answer in value if kind == "answers" else ():
                    self._mailbox.put(News(self, "answer", answer.key, answer))
                if kind in ("ready", "alive"):
                    self._mailbox.put(News(self, "alive"))
        except (EOFError, OSError, TypeError):  # TypeError: closed here while it was read
            pass
        if child is self._child:
            self._mailbox.put(News(self, "dead", why=why or _last_words(child, said)))
        said.close()


def _talk(socket: Connection, going: queue.SimpleQueue[Request | None]) -> None:
    """Pass requests on, from a thread: a process that hangs reads nothing, and who waits for it hangs too."""
    with suppress(OSError):
        while (request := going.get()) is not None:
            socket.send(request)


def _last_words(child: subprocess.Popen[bytes], said: IO[bytes]) -> str:
    """How a process ended, and the last line it wrote to stderr."""
    with suppress(subprocess.TimeoutExpired):
        code = child.wait(timeout=5)
        if code == -signal.SIGKILL:
            return "the engine's process was killed, perhaps for its memory"
        said.seek(0)
        lines = said.read().decode(errors="replace").strip().splitlines()
        return ": ".join([f"the engine's process ended with {code}", *(line[:300] for line in lines[-1:])])
    return "the engine's process closed its socket"


def _environment() -> dict[str, str]:
    """The child finds our packages where this process found them."""
    root = str(Path(__file__).resolve().parent.parent)
    paths = [root, *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
    return os.environ | {"PYTHONPATH": os.pathsep.join(dict.fromkeys(paths))}
