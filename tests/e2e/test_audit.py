"""What the processes of a story wrote down of who asked for what."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys

import pytest

from api.audit import LOGGER, faults
from tests.e2e.processes import ROOT
from tests.e2e.scene import Scene
from tests.e2e.stack import Stack
from tests.e2e.troupe import Troupe

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(90)]


async def test_o10_trail_of_real_processes_is_whole_and_holds_all_that_was_accepted(
    stack: Stack, troupe: Troupe
) -> None:
    scene = Scene(stack, "+15550107141", await troupe.free_agent(), target="client:bob")
    await scene.open()
    await scene.transfer("warm", "target")
    await scene.answers("target")
    await scene.until("consulting")
    for verb, state in (("swap", "revisiting"), ("swap", "consulting"), ("complete", "completed")):
        await scene.press(verb)
        await scene.until(state)
    view = await scene.over()
    await scene.everybody_goes()

    lines = stack.processes["api"].log.read_text(encoding="utf-8").splitlines()
    number, wrong = faults(lines)
    assert not wrong
    entries = [json.loads(each) for each in lines if LOGGER in each]
    assert number == len(entries)
    mine = [(each["who"], each["what"], each["status"]) for each in entries
            if view["id"] in each["about"]]  # fmt: skip
    name = f"key:{scene.people['agent'].partition(':')[2]}"
    button = "POST /v1/transfers/{transfer_id}/"
    assert mine == [
        (name, "POST /v1/transfers", 202),
        (name, f"{button}swap", 200),
        (name, f"{button}swap", 200),
        (name, f"{button}complete", 200),
    ]
    asked = [each for each in view["journal"] if each["heard"].lower() in ("swap", "complete")]
    assert len(asked) == len(mine) - 1, "every request of the journal is in the trail"
    for text, code in (("\n".join(lines), 0), ("\n".join(lines).replace(name, "key:eve"), 1)):
        command = [sys.executable, "-m", "api.audit"]
        checked = await asyncio.to_thread(
            subprocess.run, command, input=text, cwd=ROOT, capture_output=True, text=True
        )
        assert checked.returncode == code, checked.stdout
