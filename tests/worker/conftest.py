"""A real Temporal server for the tests of this folder, and worker processes beside it."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from queue import Empty, Queue

import pytest
from aiohttp.test_utils import unused_port
from temporalio.client import Client

from tests.activities.settings import ACCOUNT, API_KEY, NUMBER
from workflows.connection import SEARCH_ATTRIBUTES

ROOT = Path(__file__).resolve().parents[2]
READY_SECONDS_MAX = 30.0


class WorkerProcess:
    """A worker as an operating system sees it: lines on stderr, signals, an exit code."""

    def __init__(self, environment: dict[str, str], folder: Path) -> None:
        self.lines: list[str] = []
        self._queue: Queue[str | None] = Queue()
        inherited = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("TWILIO_", "HANDOVER_", "TEMPORAL_"))
        }
        inherited["PYTHONPATH"] = os.pathsep.join(
            filter(None, (str(ROOT), os.environ.get("PYTHONPATH", "")))
        )
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.worker.one_call"],
            env=inherited | environment,
            cwd=folder,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    async def prints(self, text: str) -> str:
        """Wait for the next line with `text` in it."""
        while True:
            line = await asyncio.to_thread(self._next_line)
            if line is None:
                raise AssertionError(f"no {text!r} in {self.lines}")
            if text in line:
                return line

    def terminate(self, number: signal.Signals = signal.SIGTERM) -> None:
        self.process.send_signal(number)

    async def ends(self) -> int:
        """Wait for the exit code, and for the last line."""
        code = await asyncio.to_thread(self.process.wait, timeout=READY_SECONDS_MAX)
        await asyncio.to_thread(self._reader.join, READY_SECONDS_MAX)
        return code

    def _next_line(self) -> str | None:
        try:
            return self._queue.get(timeout=READY_SECONDS_MAX)
        except Empty:
            return None

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.lines.append(line)
            self._queue.put(line)
        self._queue.put(None)


@pytest.fixture(scope="session")
def temporal_address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Temporal's development server, without its Web UI, in memory."""
    program = shutil.which("temporal", path=str(Path(sys.executable).parent)) or "temporal"
    port = unused_port()
    log = (tmp_path_factory.mktemp("temporal") / "log").open("w")
    server = subprocess.Popen(
        [
            *(program, "server", "start-dev", "--headless", "--log-level", "error"),
            *("--ip", "127.0.0.1", "--port", str(port)),
        ],
        stdout=log,
        stderr=log,
    )
    try:
        yield f"127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait(timeout=10)
        log.close()


@pytest.fixture
async def temporal(temporal_address: str, monkeypatch: pytest.MonkeyPatch) -> Client:
    """A client of it, connected the way the product connects."""
    from workflows import connection

    monkeypatch.setenv("TEMPORAL_ADDRESS", temporal_address)
    client = await connection.connect(settings=connection.ConnectionSettings(_env_file=None))
    assert await connection.ensure_search_attributes(client) == SEARCH_ATTRIBUTES
    return client


@pytest.fixture
def start_worker(temporal_address: str, tmp_path: Path) -> Iterator[Callable[..., WorkerProcess]]:
    """Starts worker processes, and sees to it that none stays."""
    started: list[WorkerProcess] = []

    def start(twilio_url: str, **changes: str) -> WorkerProcess:
        environment = {
            "TEMPORAL_ADDRESS": temporal_address,
            "TWILIO_ACCOUNT_SID": ACCOUNT,
            "TWILIO_API_KEY_SID": API_KEY,
            "TWILIO_API_KEY_SECRET": "secret-of-the-key",
            "TWILIO_NUMBER": NUMBER,
            "TWILIO_BASE_URL": twilio_url,
            "PUBLIC_BASE_URL": "http://127.0.0.1:8000",
            # Its looks would be among the requests that are counted.
            "HANDOVER_GUARDIAN": "false",
            **changes,
        }
        started.append(WorkerProcess(environment, tmp_path))
        return started[-1]

    yield start
    for each in started:
        if each.process.poll() is None:
            each.process.kill()
            each.process.wait(timeout=10)
