"""`make up`: every address that it prints answers, and Ctrl-C leaves no process behind."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sys

import httpx
import pytest

from tests.e2e.processes import ROOT, clean_environment

pytestmark = [
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.timeout(90),
    pytest.mark.skipif(not os.path.isdir("/proc"), reason="processes are counted as Linux does"),
]

PAGES = ("agent page, as alice", "simulated phones", "OpenAPI page", "Temporal's Web UI")


async def test_printed_addresses_answer_and_ctrl_c_ends_all() -> None:
    running = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.e2e.up", "--workers", "1"),
        cwd=ROOT,
        env=clean_environment(),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    assert running.stdout is not None
    printed = (await running.stdout.readuntil(b"Ctrl-C")).decode()
    addresses = dict(re.findall(r"^ {2}(\S.*?) {2,}(http\S+)$", printed, re.MULTILINE))
    async with httpx.AsyncClient(timeout=10, follow_redirects=True) as http:
        for name in PAGES:
            answer = await http.get(addresses[name])
            assert answer.status_code == 200, name
            assert "<html" in answer.text.lower(), name
        key = addresses["agent page, as alice"].partition("#key=")[2]
        me = f"{addresses['OpenAPI page'].removesuffix('/docs')}/v1/calls"
        calls = await http.get(me, headers={"Authorization": f"Bearer {key}"})
        assert calls.json() == {"items": []}
    children = _children_of(running.pid)
    assert len(children) == 4, "Temporal, simulator, api, worker"
    running.send_signal(signal.SIGINT)
    rest = (await running.stdout.read()).decode()
    assert await running.wait() == 0, rest
    assert not [pid for pid in children if _is_there(pid)]


def _is_there(pid: int) -> bool:
    return os.path.exists(f"/proc/{pid}")


def _children_of(pid: int) -> list[int]:
    """Processes that this one has started, where the system tells (Linux)."""
    found = []
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{name}/stat", encoding="utf-8") as stat:
                parent = int(stat.read().rpartition(")")[2].split()[1])
        except OSError:
            continue
        if parent == pid:
            found.append(int(name))
    return found
