"""One process of the stack: started in a group of its own, its output kept in a file.

Only what was started here is ever ended, by the group it leads.
"""

from __future__ import annotations

import asyncio
import fcntl
import itertools
import json
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

ROOT = Path(__file__).resolve().parents[2]
READY_SECONDS_MAX = 40.0
"""A cold start on a slow machine: the Python processes import for some seconds."""
LOOK_SECONDS = 0.03
STOP_SECONDS_MAX = 16.0
"""A worker drains for up to 15 seconds."""
TAIL_LINES = 12
SERVER_PORTS = range(20_000, 32_000)
"""Below 32,768, where Linux begins with the ports of outgoing connections."""
OWN_PREFIXES = ("TWILIO_", "HANDOVER_", "TEMPORAL_", "SIMULATOR_", "PUBLIC_BASE_URL")


class StackError(Exception):
    """A process did not come up or died; the text has the end of its log."""


def free_ports(count: int) -> list[int]:
    """Ports of 127.0.0.1 that are free now and ours for as long as this process lives.

    They lie below those that the kernel gives to connections: one of these could take a port
    before the process that it is meant for has come up, or while it is being started again. Other
    test processes of this machine keep off them by the lock that is held on each.
    """
    candidates = random.SystemRandom().sample(SERVER_PORTS, len(SERVER_PORTS))
    found = list(itertools.islice(filter(_is_ours, candidates), count))
    if len(found) < count:
        raise StackError(
            f"Not even {count} ports from {SERVER_PORTS[0]} to {SERVER_PORTS[-1]} are free "
            "on 127.0.0.1."
        )
    return found


_locks: list[IO[bytes]] = []
"""Open as long as this process lives: a lock ends with the file that it is held on."""


def _is_ours(port: int) -> bool:
    folder = Path(tempfile.gettempdir()) / f"handover-ports-{os.getuid()}"
    folder.mkdir(exist_ok=True)
    lock = (folder / str(port)).open("wb")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        with socket.socket() as each:
            each.bind(("127.0.0.1", port))
    except OSError:
        lock.close()
        return False
    _locks.append(lock)
    return True


def clean_environment() -> dict[str, str]:
    """Ours without any setting of the product: a developer's own must not leak into the stack."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(OWN_PREFIXES)}
    paths = [str(ROOT), kept.get("PYTHONPATH", "")]
    kept["PYTHONPATH"] = os.pathsep.join(path for path in paths if path)
    kept["PYTHONUNBUFFERED"] = "1"
    return kept


class Process:
    """A program that can be waited for, killed, and started again as it was."""

    def __init__(
        self, name: str, command: Sequence[str], settings: Mapping[str, str], folder: Path
    ) -> None:
        self.name = name
        self.log = folder / f"{name}.log"
        self._command = list(command)
        self._environment = clean_environment() | dict(settings)
        self._folder = folder
        self._child: subprocess.Popen[bytes] | None = None
        self._begins_at = 0

    @property
    def pid(self) -> int:
        """The process, and the group that it leads."""
        assert self._child is not None, f"{self.name} was never started"
        return self._child.pid

    @property
    def is_running(self) -> bool:
        """Whether it was started and has not ended."""
        return self._child is not None and self._child.poll() is None

    @property
    def returncode(self) -> int | None:
        """How it ended; None while it runs, or was never started."""
        return None if self._child is None else self._child.poll()

    @property
    def was_killed(self) -> bool:
        """Whether it was ended by `kill` and not started again."""
        return self.returncode == -signal.SIGKILL

    def start(self) -> None:
        """Start it, or start it again: same settings, same ports, and the log goes on."""
        assert not self.is_running, f"{self.name} runs already"
        self._begins_at = self.log.stat().st_size if self.log.exists() else 0
        with self.log.open("ab") as output:
            self._child = subprocess.Popen(
                self._command,
                cwd=self._folder,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def kill(self) -> None:
        """`kill -9`: no word of farewell."""
        self._signal(signal.SIGKILL)
        if self._child is not None:
            self._child.wait(timeout=5)

    def freeze(self) -> None:
        """SIGSTOP: it stands still and notices nothing, with all its connections open."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """SIGCONT: it goes on where it stood."""
        self._signal(signal.SIGCONT)

    async def stop(self) -> None:
        """Ask it to end, and end it if it does not."""
        if not self.is_running or self._child is None:
            return
        self._signal(signal.SIGTERM)
        try:
            await asyncio.to_thread(self._child.wait, STOP_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            self.kill()

    def _signal(self, number: signal.Signals) -> None:
        if self.is_running:
            with suppress(ProcessLookupError):
                os.killpg(self.pid, number)

    def said(self, text: str) -> bool:
        """Whether this start of it has logged `text`."""
        with self.log.open("rb") as log:
            log.seek(self._begins_at)
            return text.encode() in log.read()

    def tail(self, lines: int = TAIL_LINES) -> str:
        """The end of its log, each line of JSON shortened to what a reader looks for."""
        if not self.log.exists():
            return "(no log)"
        with self.log.open(encoding="utf-8", errors="replace") as log:
            last = deque(log, maxlen=lines)
        return "\n".join(_short(line.rstrip()) for line in last) or "(nothing logged)"

    def complaints(self) -> list[str]:
        """What it logged that is worse than information."""
        if not self.log.exists():
            return []
        lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()
        return [_short(line) for line in lines if _level(line) in ("warning", "error", "critical")]

    async def until(self, is_ready: Callable[[], Awaitable[bool]]) -> None:
        """Wait for a condition; a process that ends meanwhile, or takes too long, is an error."""
        give_up_at = time.monotonic() + READY_SECONDS_MAX
        while not await is_ready():
            if not self.is_running:
                code = self._child.returncode if self._child else None
                raise StackError(f"{self.name} ended with {code}:\n{self.tail()}")
            if time.monotonic() > give_up_at:
                raise StackError(f"{self.name} is not ready in time:\n{self.tail()}")
            await asyncio.sleep(LOOK_SECONDS)


def program(*names: str) -> str:
    """A program that was installed beside this Python."""
    for name in names:
        beside = Path(sys.executable).parent / name
        if beside.exists():
            return str(beside)
    raise StackError(f"{names[0]} is not installed beside this Python: run `make install`")


def _fields(line: str) -> dict[str, Any]:
    """A line of JSON as its fields; nothing for any other line."""
    try:
        found = json.loads(line)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _level(line: str) -> str:
    if fields := _fields(line):
        return str(fields.get("level", ""))
    return "error" if line.startswith(("Traceback", "ERROR")) else ""


def _short(line: str) -> str:
    fields = _fields(line)
    if "event" not in fields:
        return line
    moment = str(fields.get("timestamp", ""))[11:23]
    told = (moment, fields.get("level", ""), fields["event"], fields.get("exception", ""))
    return "  ".join(str(each) for each in told if each)
