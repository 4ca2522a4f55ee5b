"""Stories of calls that are recorded, but for the consult.

Played on a stack of their own, because recording is a setting of all its calls. Whether the engine
is right is found in the network's ledger, which knows when a recording ran.
"""

from __future__ import annotations

from typing import Any

from tests.e2e.desk import Desk
from tests.e2e.evidence import FOREVER, Span, windows
from tests.e2e.scene import Ending, Scene
from tests.e2e.stack import COLLEAGUE, Options
from tests.e2e.stories import CALLER_WITH_TARGET, Story, worker_of
from tests.e2e.telephones import Json, until

RECORDED = Options(workers=2, settings={"HANDOVER_RECORDING": "conversation"})
RUNS = "in-progress"

WITH_TARGET = Ending(
    "completed",
    "completed",
    together=CALLER_WITH_TARGET,
    up=("caller", "target"),
    talked=(("agent", "target"), ("caller", "agent"), ("caller", "target")),
)


class Tape:
    """What the network and the engine say of a call's recording."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self._supervisor = Desk(scene.stack, "supervisor")
        self._path = f"/v1/calls/{scene.conference_sid}/recording"

    async def entries(self) -> list[Json]:
        """The recording's life at the network."""
        return await self._scene.phones.ledger(self._scene.conference_sid, kind="recording")

    async def told(self) -> Json:
        """What the engine shows. A supervisor reads: the agent may not once it has left."""
        answer = await self._supervisor.request("GET", self._path)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    async def becomes(self, what: str, shown: str, by: str = "") -> None:
        """Wait until both say so: the network, and what the agent's desktop reads."""

        async def look() -> bool | None:
            entries, told = await self.entries(), await self.told()
            is_so = bool(entries) and entries[-1]["what"] == what
            return True if is_so and (told["state"], told["by"]) == (shown, by) else None

        await until(look, f"the recording to be {what}, shown as {shown} {by}".strip())

    async def word(self, word: str) -> Json:
        """The agent presses pause or resume; the answer is what was read back."""
        answer = await self._scene.desk.request("POST", f"{self._path}/{word}")
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    async def spans(self) -> list[Span]:
        """When it ran."""
        found: list[Span] = []
        since: float | None = None
        for entry in await self.entries():
            if entry["what"] == RUNS and since is None:
                since = entry["at"]
            elif entry["what"] != RUNS and since is not None:
                found.append(Span(since, entry["at"]))
                since = None
        return [*found, Span(since, FOREVER)] if since is not None else found

    async def check(self, view: Json, *, is_resumed: bool) -> None:
        """Nothing of a consult is recorded; one recording, begun once; in the end as told."""
        entries = await self.entries()
        assert len({entry["recording_sid"] for entry in entries}) == 1, "one recording, no second"
        consults = windows(view, "consulting")
        assert consults, "there was a consult"
        for ran in await self.spans():
            for consult in consults:
                assert ran.overlap(consult) is None, f"recorded in the consult: {ran} in {consult}"
        assert (entries[-1]["what"] == RUNS) is is_resumed, entries


async def recorded(scene: Scene) -> Ending:
    """Recorded, paused for the consult, running with the caller, and running after it."""
    tape = Tape(scene)
    await tape.becomes(RUNS, "recording")
    await scene.transfer("warm", "target")
    await scene.answers("target")
    await scene.until("consulting")
    await tape.becomes("paused", "paused", "consult")
    await scene.phones.hears(scene.people["target"], scene.people["agent"])
    await scene.press("swap")
    await scene.until("revisiting")
    await tape.becomes(RUNS, "recording")
    await scene.phones.hears(scene.people["caller"], scene.people["agent"])
    await scene.press("swap")
    await scene.until("consulting")
    await tape.becomes("paused", "paused", "consult")
    await scene.press("complete")
    view = await scene.over()
    await tape.becomes(RUNS, "recording")
    await tape.check(view, is_resumed=True)
    scene.asides.append(await _told(tape, view))
    return WITH_TARGET


async def card_number(scene: Scene) -> Ending:
    """What the agent had paused for a card number stays paused through the transfer."""
    tape = Tape(scene)
    await tape.becomes(RUNS, "recording")
    paused = await tape.word("pause")
    assert (paused["state"], paused["by"]) == ("paused", "person"), paused
    await tape.becomes("paused", "paused", "person")
    await scene.transfer("warm", "target")
    await scene.answers("target")
    await scene.until("consulting")
    await scene.press("join")
    await scene.until("conferring")
    await tape.becomes("paused", "paused", "person")
    await scene.press("complete")
    view = await scene.over()
    await tape.check(view, is_resumed=False)
    await tape.becomes("paused", "paused", "person")
    scene.asides.append(await _told(tape, view))
    return WITH_TARGET


async def worker_killed(scene: Scene) -> Ending:
    """The worker that paused the recording is killed in the consult; it is resumed all the same."""
    tape = Tape(scene)
    await scene.transfer("warm", "target")
    await scene.answers("target")
    await scene.until("consulting")
    await tape.becomes("paused", "paused", "consult")
    await scene.phones.hears(scene.people["target"], scene.people["agent"])
    name = await worker_of(scene)
    scene.stack.processes[name].kill()
    await scene.press("complete")
    view = await scene.over()
    await tape.becomes(RUNS, "recording")
    await tape.check(view, is_resumed=True)
    scene.asides.append(f"{name}, which had paused the recording, got kill -9 in the consult")
    return Ending(
        "completed", "completed", together=CALLER_WITH_TARGET, up=("caller", "target"),
        talked=(("agent", "target"), ("caller", "target")),
    )  # fmt: skip


async def _told(tape: Tape, view: Json) -> str:
    """When it ran since the click, for the reader of the demo."""
    began: float = view["started_at"]
    spans: list[str] = []
    for span in await tape.spans():
        ends: Any = "…" if span.ends == FOREVER else f"{span.ends - began:.1f}"
        spans.append(f"{span.begins - began:.1f} to {ends}")
    return f"recorded, in seconds since the click: {', '.join(spans)}"


RECORDING_STORIES: tuple[Story, ...] = (
    Story(
        "recorded",
        "The call is recorded, and the consult is not",
        recorded,
        target=COLLEAGUE,
    ),
    Story(
        "card-number",
        "The agent has the recording paused for a card number, and no transfer resumes it",
        card_number,
        target="client:cora",
    ),
    Story(
        "recorder-killed",
        "The worker that paused the recording is killed; it goes on after the consult",
        worker_killed,
        target="client:hal",
        breaks_things=True,
    ),
)
