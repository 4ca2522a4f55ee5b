"""Plays one story of the matrix on the simulation's stage, and notes what can be seen of it.

The real workflows, activities and api run on virtual time against the simulator; this says what
happens when. Nothing here knows what ought to come of it.
"""

from __future__ import annotations

import json
from collections import Counter
from contextlib import ExitStack
from contextvars import ContextVar
from dataclasses import replace
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch
from urllib.parse import parse_qsl

from temporalio import activity
from temporalio.api.failure.v1 import Failure

from api.engine import facts
from api.routes import orders
from api.webhooks import assigned, status, taskrouter, voice
from simulator.core.model import Call
from simulator.core.text import phone_of
from tests.matrix.desks import ASKED_AGAIN_SECONDS, STARTS_MAX, Desks
from tests.matrix.moments import (
    OUTAGES,
    PHONES,
    REQUEST_FAULTS,
    WEATHER,
    Asked,
    Begins,
    Deed,
    Enters,
    Rings,
)
from tests.matrix.story import Asking, Seen, Story
from tests.matrix.weather import Weather
from tests.simulation.faults import REQUEST_FAULTS as KINDS_OF_REQUESTS
from tests.simulation.faults import Act, After, Fault, Request
from tests.simulation.guardian import Guardian
from tests.simulation.stage import NUMBER, PEOPLE, Stage, address_of
from tests.simulation.wire import Answer as RestAnswer
from workflows.messages import GUARDIAN_WORKFLOW_ID, PROVIDER_WORKFLOW_ID

TALK_SECONDS = 1.0
"""How long caller and agent talk before the button is pressed."""
LONG_SECONDS = 60.0
CONVERGES_SECONDS = 60.0
"""L2: how long after a long outage everything may take to be as it ought to be."""
_FORM: ContextVar[dict[str, str]] = ContextVar("form")
COSTS_AS = {
    **{kind: kind for kind in REQUEST_FAULTS},
    **{kind: kind for kind in OUTAGES},
    "404": "503",
    "blocked": "503",
    "partition": "worker_crash",
    "deployment": "worker_crash",
    "lost": "cut_off",
    "late": "cut_off",
    "shuffled": "cut_off",
    "vanish": "cut_off",
}
"""What happens here -> the simulation's fault whose cost in time its checker allows for."""
_REFUSALS = {"404": (404, 20404), "blocked": (400, 21215)}


class Scene(Weather, Desks):
    """One play."""

    def __init__(self, stage: Stage, story: Story, checker: Any) -> None:
        self.stage, self.story, self.checker = stage, story, checker
        self.seen = Seen()
        self.agent = story.starter
        self.transfer_id = ""
        self.joined = {}
        self.state = ""
        self._counts: dict[Deed, int] = {}
        self._has_begun = False
        self._is_over = False
        self._weather: Deed | None = None
        self._patches = ExitStack()
        self._skewed_by = 0.0
        self._exchange = stage.rest.exchange
        stage.rest.exchange = self._asks  # type: ignore[method-assign]
        stage.rest.on_request = self._arrives
        stage.runtime.transport = self  # type: ignore[assignment]
        stage.server.listeners.append(self._run_changed)
        stage.network.ledger.listeners.append(self._entry)

    # --- the course of it ---

    async def perform(self) -> None:
        """The call, what happens, the rest, the curtain."""
        with self._patches:
            await self._perform()

    async def _perform(self) -> None:
        stage, seen = self.stage, self.seen
        for who, behaviors in self.story.phones:
            stage.behave(who, *behaviors)
        if self.story.guarded:
            Guardian(stage)
            stage.watch_twilio(lambda: self.say("Twilio is found to be down"))
        stage.call_in()
        talking = await stage.until(lambda: stage.talk("caller", "agent"), 60.0)
        assert talking, "caller and agent never talked"
        self.checker.agent_is(address_of("agent"))
        await stage.until(lambda: self.checker.conference_sid() != "", 30.0)
        await self._pass(TALK_SECONDS)
        self._flag_agent()
        await self._bring_guests()
        self._has_begun = True
        seen.began_at = stage.loop.time()
        self.checker.begun()
        early = [d.at.plus for d in self.story.deeds if isinstance(d.at, Begins)]
        wait = -min([0.0, *early])
        for deed in self.story.deeds:
            if isinstance(deed.at, Begins):
                self._plan(deed, wait + deed.at.plus)
        await self._pass(wait)
        await self._begin()
        await stage.until(self._has_ended, 900.0)
        seen.ended_at = stage.loop.time()
        await self._pass(1.0)
        self._is_over = True
        self._weather = None
        await stage.until(self._is_all_up, 900.0)
        self.checker.healed()
        is_long = any(deed.seconds > LONG_SECONDS for deed in self.story.deeds)
        await self._pass(CONVERGES_SECONDS if is_long else self.checker.bounds.settle_seconds)
        self.checker.at_rest()
        self._look()
        await self._curtain()

    async def _begin(self) -> None:
        """The agent's desktop starts the transfer, and repeats what was not answered."""
        for number in range(STARTS_MAX):
            answer = await self._start(self.agent, "key-of-the-first")
            if answer.status not in (0, 404, 503):
                return
            await self._pass(ASKED_AGAIN_SECONDS * (1 if number < 10 else 10))

    def _flag_agent(self) -> None:
        call = self.leg("agent")
        if self.story.flagged and call is not None and call.participant is not None:
            room = call.participant.conference.sid
            with self.stage.runtime.act() as network:
                network.update_participant(room, call.sid, {"EndConferenceOnExit": "true"})

    async def _bring_guests(self) -> None:
        stage, call = self.stage, self.leg("agent")
        for who in self.story.guests if call is not None and call.participant else ():
            with stage.runtime.act() as network:
                invited = {"From": NUMBER, "To": address_of(who), "Label": f"guest-{who}"}
                network.create_participant(self.checker.conference_sid(), invited)
            came = await stage.until(lambda who=who: stage.talk("caller", who), 30.0)  # type: ignore[misc]
            assert came, f"{who} never came"

    def _has_ended(self) -> bool:
        runs = self.checker.transfer_runs(self.story.owner)
        if not runs:
            return bool(self.seen.said) and self.seen.said[-1].answer.status in (403, 409, 422)
        return not any(run.is_running for run in runs)

    def _is_all_up(self) -> bool:
        stage = self.stage
        is_up = stage.server.is_up and stage.worker.is_up and stage.edge.is_up
        return is_up and not stage.rest.is_down

    async def _curtain(self) -> None:
        """Everybody goes home; nothing may be left."""
        stage = self.stage
        if stage.live("caller"):
            self.say("the caller hangs up at last")
            stage.phone("caller", "hang_up")
        self.checker.curtain()
        await stage.until(self._is_empty, self.checker.bounds.end_seconds)
        await self._pass(1.0)
        self.seen.replays = self.stage.server.replays
        for run in self.stage.server.runs.get(GUARDIAN_WORKFLOW_ID, []):
            self.stage.server._close(run, "terminated", Failure(message="the play is over"))
        self.checker.empty()

    def _is_empty(self) -> bool:
        runs = [run for each in self.stage.server.runs.values() for run in each]
        busy = any(run.is_running for run in runs if run.id != "guardian")
        return not self.stage.network.live_calls and not busy

    # --- moments ---

    async def _asks(self, method: str, url: Any, body: bytes, *rest: Any) -> Any:
        _FORM.set(dict(parse_qsl(body.decode())))
        if not _is_of_a_call():
            # The guardian looks for ever: neither that nor a probe is what a transfer costs.
            self.stage.rest.asked -= 1
        else:
            self.seen.tries += self.stage.rest.is_down
        return await self._exchange(method, url, body, *rest)

    def _arrives(self, route: str) -> Fault | RestAnswer | None:
        """A request is at Twilio's door."""
        if not self._has_begun or not _is_of_a_call():
            return None
        form, met = _FORM.get({}), ""
        for deed in self.story.deeds:
            at = deed.at
            if not isinstance(at, Asked) or not at.fits(route, form, self.state):
                continue
            self._counts[deed] = count = self._counts.get(deed, 0) + 1
            if deed.what in REQUEST_FAULTS:
                if at.k <= count < at.k + at.times and not self._is_over:
                    met = deed.what
                    self._note(deed)
            elif count == at.k and at.is_before:
                self._do(deed)
            elif count == at.k:
                self._plan(deed, at.plus)
        now = self.stage.loop.time()
        self.seen.requests.append(Asking(now, route, "", form, self.state, met))
        self.say(f"REST {route} {_short(form)}" + f" MEETS {met}" * bool(met))
        if met in _REFUSALS:
            return _refused(*_REFUSALS[met])
        return Fault(Request(route), met) if met else None

    def _run_changed(self, run: Any) -> None:
        for state in self.checker.new_states(run):
            self.say(f"{run.id.partition('/')[0]} -> {state}")
            if not self._has_begun or not run.id.startswith(f"{self.story.owner}/"):
                continue
            if self.story.kind == "supervise" and not state.startswith("v1 "):
                continue
            self.state = state
            self.seen.states.append(state)
            for deed in self.story.deeds:
                at = deed.at
                if isinstance(at, Enters) and at.state == state:
                    self._counts[deed] = count = self._counts.get(deed, 0) + 1
                    if count == at.k:
                        self._plan(deed, at.plus)

    def _entry(self, entry: Any) -> None:
        detail = entry.detail
        if entry.kind == "hearing" and entry.what == "begins" and self._has_begun:
            pair = name_of(detail["listener_address"]), name_of(detail["speaker_address"])
            self.seen.ever.add(" ".join(sorted(pair)))
            self.seen.heard.add(f"{pair[1]} by {pair[0]}")
        who = name_of(str(detail.get("address", "")))
        if entry.kind == "audio" and self._has_begun and who == "caller":
            self.seen.audio.append(entry.what)
        if entry.kind in ("call", "join", "leave", "hold"):
            self.say(f"     {entry.kind} {entry.what} {name_of(str(detail.get('address', '')))}")
        if entry.kind != "call" or entry.what != "ringing" or not self._has_begun:
            return
        self.seen.rung[who] = self.seen.rung.get(who, 0) + 1
        for deed in self.story.deeds:
            at = deed.at
            if isinstance(at, Rings) and at.who == who and at.k == self.seen.rung[who]:
                self._plan(deed, at.plus)

    def _plan(self, deed: Deed, seconds: float) -> None:
        self.stage.loop.call_later(seconds, self._do, deed)

    # --- what is done ---

    def _note(self, deed: Deed) -> None:
        self.seen.struck.append(deed)
        self.seen.struck_at = self.seen.struck_at or self.stage.loop.time()
        if deed.what in PHONES:
            self.checker.acted(Act(After(0.0), deed.who, "hang_up"))
        if deed.what in COSTS_AS:
            kind = COSTS_AS[deed.what]
            at = Request() if kind in KINDS_OF_REQUESTS else After(0.0)
            self.checker.troubled(Fault(at, kind, deed.seconds))

    def _do(self, deed: Deed) -> None:
        if self._is_over:
            return
        self.say(f"NOW {deed}")
        if deed.what in OUTAGES:
            self._outage(deed)
        elif deed.what in WEATHER:
            self._weather = deed
            self.stage.loop.call_later(deed.seconds, self._clear, deed)
        elif deed.what == "skew":
            self._skew(float(deed.detail))
        elif deed.what in ("forge", "poison", "misuse"):
            self.stage.loop.create_task(self._knock(deed))
        elif deed.what == "room_ended":
            self._end_room()
        elif deed.what in PHONES:
            if not self._person(deed):
                self.say("     (nothing to do)")
                return
        else:
            self.stage.loop.create_task(self._press(deed))
        self._note(deed)

    def _clear(self, deed: Deed) -> None:
        if self._weather is deed:
            self._weather = None

    def _outage(self, deed: Deed) -> None:
        stage, seconds = self.stage, deed.seconds
        if deed.what == "worker_crash":
            stage.worker.crash(seconds)
        elif deed.what == "api_crash":
            stage.edge.crash(seconds)
        elif deed.what == "server_crash":
            stage.server.crash(seconds)
        elif deed.what == "partition":
            stage.worker.cut_off(seconds)
        elif deed.what == "deployment":
            for runs in stage.server.runs.values():
                for run in runs:
                    stage.server.evict(run)
        else:
            stage.rest.is_down = True
            stage.loop.call_later(seconds, self._twilio_is_back)

    def _twilio_is_back(self) -> None:
        self.stage.rest.is_down = False
        self.stage.changed()

    def _end_room(self) -> None:
        """Somebody ends the conference in Twilio's own console."""
        sid = self.checker.conference_sid()
        self.checker.is_ended_by_hand = True
        with self.stage.runtime.act() as network:
            if not network.conferences_by_sid[sid].ended:
                network.update_conference(sid, {"Status": "completed"})

    def _skew(self, seconds: float) -> None:
        """The api's clock goes wrong by this much, and Twilio's by as much the other way."""
        self._skewed_by = seconds
        clock = SimpleNamespace(
            time=lambda: self.stage.loop.time() + seconds,
            monotonic=self.stage.loop.time,
            perf_counter=self.stage.loop.time,
        )
        for module in (facts, status, voice, taskrouter, assigned, orders):
            self._patches.enter_context(patch.object(module, "time", clock))

    def leg(self, who: str) -> Call | None:
        """Somebody's newest live leg."""
        calls = self.stage.live(who)
        return calls[-1] if calls else None

    def _person(self, deed: Deed) -> bool:
        stage, what = self.stage, deed.what
        if what in ("accept", "decline"):
            return stage.offer(deed.who, "accept_offer" if what == "accept" else "reject_offer")
        if what in ("answer", "reject"):
            return stage.phone(deed.who, what)
        call = self.leg(deed.who)
        if call is None:
            return False
        if what == "vanish":
            self._weather = replace(deed, what="lost")
            stage.loop.call_later(deed.seconds or 4.0, self._clear, self._weather)
        with stage.runtime.act() as network:
            if what == "busy":
                network.calls.finish(call, "busy", by="phone")
            elif what == "fail":
                network.calls.finish(call, "failed", by="network")
        return stage.phone(deed.who, "hang_up") if what in ("hang_up", "vanish") else True

    # --- what is seen in the end ---

    def _look(self) -> None:
        seen, network = self.seen, self.stage.network
        views = self.checker.last_views()
        if self.story.kind == "supervise":
            views = [
                {**view["supervisors"][0], "phase": view["state"]}
                for view in (watch.view for watch in self.checker.supervisions.values())
            ]
        seen.view = views[-1] if views else {}
        for call in network.live_calls.values():
            who = name_of(call.phone)
            seen.live.append(who)
            seen.hears[who] = call.hears
            place = call.participant
            if place is None:
                continue
            if place.hold:
                seen.held.add(who)
            if place.end_on_exit_in_force:
                seen.flagged.add(who)
            pairs = place.conference.pairs
            for other in place.conference.participants.values():
                both = (call.sid, other.call.sid), (other.call.sid, call.sid)
                if both[0] in pairs and both[1] in pairs:
                    seen.together.add(" ".join(sorted((who, name_of(other.call.phone)))))
        seen.live.sort()
        seen.effects = Counter(
            each["route"]
            for each in self.stage.runtime.requests
            if each["effect"] and each["at"] >= seen.began_at
        )

    def say(self, text: str) -> None:
        """One line of the ladder."""
        at = self.stage.loop.time() - self.seen.began_at if self._has_begun else 0.0
        self.seen.ladder.append(f"{at:9.3f}  {text}" if self._has_begun else f"           {text}")


def _is_of_a_call() -> bool:
    """Whether whoever asks Twilio does so for a call, and not for the guardian or as a probe."""
    if not activity.in_activity():
        return False
    return activity.info().workflow_id not in (GUARDIAN_WORKFLOW_ID, PROVIDER_WORKFLOW_ID)


def _refused(status: int, code: int) -> RestAnswer:
    """A request is refused before Twilio does anything."""
    body = json.dumps({"code": code, "message": "simulated", "more_info": "", "status": status})
    return RestAnswer(status, {"content-type": "application/json"}, body.encode())


def name_of(address: str) -> str:
    """Who is at an address."""
    phone = phone_of(address) if address else ""
    return next((who for who, each in PEOPLE.items() if each == phone), phone)


def _short(form: dict[str, str]) -> str:
    kept = ("Hold", "EndConferenceOnExit", "Status", "Label", "Muted", "AssignmentStatus")
    return " ".join(f"{name}={form[name]}" for name in kept if name in form)
