"""Changes of a supervisor's mode that are asked for twice: at once, later, and too late."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
import pytest_asyncio

from api.engine.records import TransferRecord
from tests.api.conftest import Site
from tests.api.test_supervisors import Floor
from tests.machine.harness import a_transfer
from tests.workflows.room import AGENT, CALLER
from workflows.views import view_of

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest_asyncio.fixture(loop_scope="session")
async def floor(site: Site) -> Floor:
    return Floor(site, await site.call())


async def heard(floor: Floor) -> list[str]:
    """What the journal has, in order."""
    return [each["heard"] for each in (await floor.read()).json()["journal"]]


@pytest.mark.parametrize("mode", ["whisper", "barge", "take_over"])
@pytest.mark.parametrize("key", ["", "k-twice"], ids=["no key", "one key"])
async def test_twenty_clicks_at_once_are_one_change(floor: Floor, mode: str, key: str) -> None:
    label = await floor.joined()
    answers = await asyncio.gather(*(floor.mode(label, mode, key=key) for _ in range(20)))
    assert {each.status_code for each in answers} == {200}, [each.text for each in answers]
    voices = [each for each in floor.room.asked if each == "set_voice"]
    assert len(voices) == 2, "silent after the join, and the new voice"
    removed = floor.room.asked.count("remove_participant")
    assert removed == (1 if mode == "take_over" else 0)
    assert (AGENT in floor.room.legs) is (mode != "take_over")
    assert CALLER in floor.room.legs


async def test_late_repetition_undoes_nothing(floor: Floor) -> None:
    """The first answer was lost on the way; the supervisor has fallen silent since."""
    label = await floor.joined()
    first = await floor.mode(label, "whisper", key="k-lost")
    assert (first.status_code, first.json()["state"]) == (200, "whispering")
    assert (await floor.mode(label, "monitor", key="k-next")).json()["state"] == "listening"
    before = await heard(floor)
    again = await floor.mode(label, "whisper", key="k-lost")
    assert (again.status_code, again.json()) == (200, first.json()), "the first answer"
    assert await heard(floor) == before
    assert floor.room.leg_of(label).muted
    assert (await floor.read()).json()["supervisors"][0]["state"] == "listening"


async def test_key_is_of_one_supervisor_and_one_verb(floor: Floor) -> None:
    label = await floor.joined()
    other = await floor.joined(supervisor="client:tom")
    for mine, mode, state in (
        (label, "barge", "barging"),
        (other, "barge", "barging"),
        (label, "monitor", "listening"),
        (label, "whisper", "whispering"),
    ):
        answer = await floor.mode(mine, mode, key="k-same")
        assert (answer.status_code, answer.json()["state"]) == (200, state)


async def test_take_over_asked_for_again_is_done(floor: Floor) -> None:
    label = await floor.joined()
    assert (await floor.mode(label, "take_over")).json()["state"] == "took_over"
    again = await floor.mode(label, "take_over")
    assert (again.status_code, again.json()["state"]) == (200, "took_over")
    for mode in ("whisper", "monitor"):
        late = await floor.mode(label, mode)
        assert (late.status_code, late.json()["code"]) == (409, "supervisor_has_left")
    assert (await floor.leave(label)).status_code == 409, "an agent does not leave like this"


async def test_who_has_left_has_left(floor: Floor) -> None:
    label = await floor.joined()
    answers = await asyncio.gather(*(floor.leave(label) for _ in range(10)))
    assert {each.status_code for each in answers} == {204}
    await floor.until(label, "left")
    assert floor.room.asked.count("end_leg") == 1
    for key in ("", "k-left"):
        assert (await floor.leave(label, key=key)).status_code == 204
    await floor.joined(supervisor="client:tom")
    assert (await floor.leave(label)).status_code == 404, "of an earlier supervision"


@pytest.mark.parametrize("key", [" ", "x" * 256, "with\ttab"])
async def test_keys_are_checked(floor: Floor, key: str) -> None:
    label = await floor.joined()
    assert (await floor.mode(label, "whisper", key=key)).status_code == 400
    assert (await floor.leave(label, key=key)).status_code == 400


async def test_two_who_take_over_at_once_do_not_release_each_other(floor: Floor) -> None:
    first, second = await floor.joined(), await floor.joined(supervisor="client:tom")
    answers = await asyncio.gather(floor.mode(first, "take_over"), floor.mode(second, "take_over"))
    codes = sorted((each.status_code, each.json().get("code", "")) for each in answers)
    assert codes == [(200, ""), (409, "taken_by_another")]
    assert floor.room.asked.count("remove_participant") == 1
    assert {leg.label for leg in floor.room.legs.values()} >= {first, second}
    loser = second if answers[0].status_code == 200 else first
    assert (await floor.mode(loser, "barge")).status_code == 200, "still supervises"


@pytest.mark.parametrize(("is_running", "is_over", "has_it"), [
    (True, False, True),
    (True, True, False),
    (False, True, False),
    (False, False, False),
])  # fmt: skip
async def test_transfer_that_is_only_being_closed_has_the_caller_no_more(
    is_running: bool, is_over: bool, has_it: bool
) -> None:
    """A click in that moment was refused with a transfer that was over."""
    view = replace(view_of(a_transfer()), is_over=is_over)
    record = TransferRecord(view, (), "run", is_running, history_length=1)
    assert record.has_the_caller is has_it
