"""Stories under supervision: who hears whom is held against the network at each step.

The network is set to the worst that may become of a coach whose coached participant leaves: heard
by everybody. Nobody has told us what Twilio does.
"""

from __future__ import annotations

import time
import uuid
from dataclasses import dataclass, field

from tests.e2e.desk import Desk
from tests.e2e.evidence import Hearing
from tests.e2e.scene import Ending, Scene
from tests.e2e.stories import Story
from tests.e2e.telephones import Json, until
from workflows.machine.journal import line
from workflows.machine.model import Entry
from workflows.messages import supervision_workflow_id, transfer_workflow_id

Way = tuple[str, str]
"""(who is heard, by whom)."""

TALK: frozenset[Way] = frozenset({("caller", "agent"), ("agent", "caller")})
HEARS: frozenset[Way] = frozenset({("caller", "supervisor"), ("agent", "supervisor")})
OVERHEARD_MAX = 0.1
"""Seconds: nobody waits for a supervisor to be apart, who is faster on a machine with time."""
WORST = {"coach_of_one_who_left": "becomes_audible"}


@dataclass
class Ears:
    """A supervisor on a scene's call, and what the network says of it."""

    scene: Scene
    label: str = ""
    barged: list[tuple[float, float]] = field(default_factory=list)
    """When everybody was meant to hear the supervisor: from the click to the click that ends it."""

    def __post_init__(self) -> None:
        self.desk = Desk(self.scene.stack, "supervisor")
        self.path = f"/v1/calls/{self.scene.conference_sid}/supervisors"

    async def join(self, mode: str, consult: str = "hears") -> None:
        """Ring the supervisor, who picks up."""
        await self.scene.phones.ask("PUT", "/switches", WORST)
        self.scene.begun_at = self.scene.begun_at or time.time()
        body = {
            "mode": mode,
            "supervisor": self.scene.people["supervisor"],
            "policy": {"consult": consult},
        }
        answer = await self.desk.request("POST", self.path, body, key=uuid.uuid4().hex)
        assert answer.status_code == 202, answer.text
        self.label = answer.json()["id"]
        await self.scene.answers("supervisor")

        async def look() -> bool | None:
            mine = next(x for x in (await self.view())["supervisors"] if x["id"] == self.label)
            return True if mine["state"] in ("listening", "whispering", "barging") else None

        await until(look, "the supervisor to be on the call")

    async def mode(self, mode: str) -> Json:
        """Another mode; the answer comes when it is so."""
        if mode in ("barge", "take_over"):
            self.barged.append((time.time(), float("inf")))
        answer = await self.desk.request("PATCH", f"{self.path}/{self.label}", {"mode": mode})
        assert answer.status_code == 200, answer.text
        if mode in ("monitor", "whisper") and self.barged:
            self.barged[-1] = (self.barged[-1][0], time.time())
        return dict(answer.json())

    async def leave(self) -> None:
        """The supervisor goes."""
        answer = await self.desk.request("DELETE", f"{self.path}/{self.label}")
        assert answer.status_code == 204, answer.text
        await self.scene.phones.idle(self.scene.people["supervisor"])

    async def view(self) -> Json:
        """Who supervises, with the journal."""
        answer = await self.desk.request("GET", self.path)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    async def matrix(self, what: str, expected: frozenset[Way]) -> None:
        """Wait until the network says that exactly these hear each other, and note it."""
        last: list[frozenset[Way]] = [frozenset()]

        async def look() -> bool | None:
            last[0] = await self._ways()
            return True if last[0] == expected else None

        try:
            await until(look, f"{what}: {_words(expected)}", 10.0)
        except AssertionError as error:
            raise AssertionError(f"{error}; it is {_words(last[0])}") from None
        self.scene.asides.append(f"{what}: {_words(expected)}")

    async def _ways(self) -> frozenset[Way]:
        room = await self.scene.phones.ask(
            "GET", f"/conferences/{self.scene.conference_sid}/hearing"
        )
        parts = {address: part for part, address in self.scene.people.items()}
        who = {each["call_sid"]: parts.get(each["address"], "?") for each in room["participants"]}
        return frozenset((who[speaker], who[listener]) for speaker, listener in room["pairs"])

    async def check_privacy(self) -> None:
        """By the ledger: the caller heard the supervisor only when everybody was meant to."""
        entries = await self.scene.phones.ledger(self.scene.conference_sid)
        heard = Hearing(entries).heard(self.scene.people["caller"], self.scene.people["supervisor"])
        for span in heard:
            is_meant = any(
                begins <= span.begins and span.ends <= ends for begins, ends in self.barged
            )
            assert is_meant, (
                f"the caller heard the supervisor, who was not meant to be heard: {span}"
            )
        self.scene.asides.append(f"the caller heard the supervisor {len(heard)} time(s), as meant")

    async def told(self) -> None:
        """The journal, for whoever reads the story, once the supervisor is off the call or its
        agent."""

        async def look() -> Json | None:
            view = await self.view()
            return view if view["supervisors"][-1]["is_over"] else None

        view = await until(look, "the supervision to be over")
        entries = [Entry(**{**each, "began": tuple(each["began"])}) for each in view["journal"]]
        first = entries[0].at
        self.scene.journal = "\n".join(
            f"{each.at - first:>+8.2f}s  {each.people:<22}{line(each)}" for each in entries
        )
        self.scene.workflow_id_of = supervision_workflow_id
        self.scene.outcome = {"reason": view["supervisors"][-1]["state"]}


def _words(ways: frozenset[Way]) -> str:
    people = sorted({one for way in ways for one in way})
    told = []
    for speaker in people:
        listeners = sorted(listener for who, listener in ways if who == speaker)
        if listeners:
            told.append(f"{speaker} is heard by {' and '.join(listeners)}")
    return "; ".join(told) or "nobody hears anybody"


async def supervised(scene: Scene) -> Ending:
    """Monitor, whisper, barge, monitor, on a live call."""
    ears = Ears(scene)
    await ears.join("monitor")
    await ears.matrix("monitor", TALK | HEARS)
    for mode, more in (
        ("whisper", {("supervisor", "agent")}),
        ("barge", {("supervisor", "agent"), ("supervisor", "caller")}),
        ("whisper", {("supervisor", "agent")}),
        ("monitor", set[Way]()),
    ):
        await ears.mode(mode)
        await ears.matrix(mode, TALK | HEARS | more)
    await ears.leave()
    await ears.matrix("after leaving", TALK)
    await ears.check_privacy()
    await ears.told()
    return Ending("", "", together=(("caller", "agent"),), up=("caller", "agent"))


async def whisper_follows(scene: Scene) -> Ending:
    """The agent is whispered to while transferring; the whisper follows to the next agent."""
    ears = Ears(scene)
    await ears.join("whisper")
    await ears.matrix("whisper", TALK | HEARS | {("supervisor", "agent")})
    await scene.transfer("warm", "target")
    await scene.answers("target")
    await scene.until("consulting")
    consult = {("agent", "target"), ("target", "agent")}
    hears = {("agent", "supervisor"), ("target", "supervisor")}
    await ears.matrix("in the consult", frozenset(consult | hears | {("supervisor", "agent")}))
    await scene.press("complete")
    await scene.over()
    talk = {("caller", "target"), ("target", "caller")}
    hears = {("caller", "supervisor"), ("target", "supervisor")}
    await ears.matrix("followed", frozenset(talk | hears | {("supervisor", "target")}))
    await ears.leave()
    await ears.check_privacy()
    await ears.told()
    scene.workflow_id_of = transfer_workflow_id
    return Ending(
        "completed",
        "completed",
        together=(("caller", "target"),),
        up=("caller", "target"),
        talked=(("agent", "target"), ("caller", "target")),
        never_talked=(("caller", "supervisor"),),
    )


async def stays_with_caller(scene: Scene) -> Ending:
    """Whoever stays with the caller is apart before a consult can be heard, at each swap anew."""
    ears = Ears(scene)
    await ears.join("monitor", "stays")
    await ears.matrix("monitor", TALK | HEARS)
    await scene.transfer("warm", "target")
    await scene.rings("target")
    await ears.matrix("while the phone rings", frozenset())
    await scene.answers("target")
    await scene.until("consulting")
    consult = frozenset({("agent", "target"), ("target", "agent")})
    await ears.matrix("in the consult", consult)
    for _ in range(2):
        await scene.press("swap")
        await ears.matrix("with the caller", TALK | HEARS)
        await scene.until("revisiting")
        await scene.press("swap")
        await ears.matrix("in the consult again", consult)
        await scene.until("consulting")
    since = time.time()
    await scene.press("complete")
    await scene.over()
    talk = {("caller", "target"), ("target", "caller")}
    hears = {("caller", "supervisor"), ("target", "supervisor")}
    await ears.matrix("handed over", frozenset(talk | hears))
    ledger = Hearing(await scene.phones.ledger(scene.conference_sid))
    overheard = ledger.heard(scene.people["supervisor"], scene.people["target"])
    seconds = sum(min(span.ends, since) - span.begins for span in overheard if span.begins < since)
    assert seconds <= OVERHEARD_MAX, f"the supervisor heard {seconds:.3f} s of the consult"
    scene.asides.append(f"the supervisor heard {seconds:.2f} s of three consults")
    await ears.leave()
    await ears.told()
    scene.workflow_id_of = transfer_workflow_id
    return Ending(
        "completed",
        "completed",
        together=(("caller", "target"),),
        up=("caller", "target"),
        talked=(("agent", "target"), ("caller", "target")),
        never_talked=(("caller", "supervisor"),),
    )


async def taken_over(scene: Scene) -> Ending:
    """The supervisor becomes the agent; the caller is never alone."""
    ears = Ears(scene)
    await ears.join("monitor")
    await ears.matrix("monitor", TALK | HEARS)
    taken = await ears.mode("take_over")
    assert taken["state"] == "took_over", taken
    both = frozenset({("caller", "supervisor"), ("supervisor", "caller")})
    await ears.matrix("taken over", both)
    hearing = Hearing(await scene.phones.ledger(scene.conference_sid))
    people = scene.people
    spans = hearing.heard(people["caller"])
    assert any(
        one.begins < other.ends and other.begins < one.ends
        for one in hearing.talks(people["caller"], people["agent"])
        for other in hearing.talks(people["caller"], people["supervisor"])
    ), f"the caller was alone for a moment: {spans}"
    await ears.told()
    call = await ears.desk.request("GET", f"/v1/calls/{scene.conference_sid}")

    async def is_agent() -> bool | None:
        nonlocal call
        call = await ears.desk.request("GET", f"/v1/calls/{scene.conference_sid}")
        now = {each["party"]: each["address"] for each in call.json()["people"]}
        return True if now.get("agent") == people["supervisor"] else None

    await until(is_agent, "the supervisor to be the agent of the call", 5.0)
    return Ending(
        "", "", together=(("caller", "supervisor"),), up=("caller", "supervisor"),
        talked=(("caller", "supervisor"),),
    )  # fmt: skip


SUPERVISION_STORIES: tuple[Story, ...] = (
    Story(
        "supervised",
        "A supervisor listens, whispers to the agent, talks to both, and falls silent again",
        supervised,
        target="client:bob",
        supervisor="client:sue",
    ),
    Story(
        "whisper-follows",
        "The agent is whispered to while handing the caller over; the whisper follows",
        whisper_follows,
        target="+15550100112",
        supervisor="client:sid",
    ),
    Story(
        "stays-with-caller",
        "A supervisor who stays with the caller hears nothing of the consult",
        stays_with_caller,
        target="client:bob",
        supervisor="client:sol",
    ),
    Story(
        "taken-over",
        "The supervisor takes the call over; the agent is let go, the caller is never alone",
        taken_over,
        target="client:bob",
        supervisor="client:sam",
    ),
)
