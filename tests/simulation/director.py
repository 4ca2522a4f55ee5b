"""Runs a story on a stage: raises its faults and lets its people act when their moment comes."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from api.auth.principal import Principal, Role
from simulator.core.outbox import Fetch
from tests.simulation.doors import STRANGER, intrude, turned_away, whoever_talks_is_let_in
from tests.simulation.edge import Answer
from tests.simulation.faults import (
    CALLBACK_FAULTS,
    REQUEST_FAULTS,
    Act,
    After,
    Counter,
    Entered,
    Fault,
    Request,
    Rings,
    Told,
)
from tests.simulation.goals import Goals
from tests.simulation.guardian import Guardian
from tests.simulation.lists import Lists
from tests.simulation.stage import PEOPLE, Stage, address_of, desk, supervisor_desk
from tests.simulation.truth import read
from tests.simulation.wire import WEATHER

SETUP_SECONDS = 90.0
"""How long a new call may need until somebody talks; then there is no transfer to be told of."""
TROUBLE_SECONDS = 75.0
"""How long things may go wrong, from the start of the transfer on."""
LASTING_SECONDS = 900.0
"""The same where a fault lasts as long as it says (`Story.lasts`)."""
BUTTONS = ("complete", "cancel", "swap", "join", "drop-target")
WORDS = {"pause_recording": "pause", "resume_recording": "resume"}
HOLDS = ("hold", "resume")
MODES = ("supervise", "monitor", "whisper", "barge", "take_over", "leave")
"""What supervisors ask for. `supervise` is to join, in the mode that the act's detail names; with
`stays` after it, to hear nothing of a consult, with `helps`, because the agent asks for help."""
HELP = ("ask_help", "withdraw_help")
STARTS = ("start", "start_again")
REPEATS_MAX = 6


class Director:
    """Brings a story to its end."""

    def __init__(self, stage: Stage, story: Any, checker: Any, with_ladder: bool) -> None:
        self.stage = stage
        self.story = story
        self.checker = checker
        self.goals = Goals(stage, checker)
        self.ladder: list[str] = []
        lists = None if story.lists_by_sdk else Lists(stage)
        self._guardian = Guardian(stage, rests=True, lists=lists) if story.has_guardian else None
        self._with_ladder = with_ladder
        self._is_over = False
        self._begun_at: float | None = None
        self._trouble_until = 0.0
        """When the last fault that has struck is over by itself."""
        self._states: dict[str, int] = defaultdict(int)
        self._steps_seen: dict[str, int] = {}
        self._rings: dict[str, int] = defaultdict(int)
        plans: list[Fault | Act] = [*story.faults, *story.acts]
        self._plans = plans
        self._requests = Counter([(p.at.route, 0) for p in plans if isinstance(p.at, Request)])
        self._told = Counter([(p.at.event, 0) for p in plans if isinstance(p.at, Told)])
        self.transfer_id = ""
        self._agent = desk(address_of("agent"))
        self._joined: dict[str, str] = {}
        """Supervisors who have joined, and the id of each."""
        self._starter: Principal | None = None
        """Who starts the transfer, if it is not the agent."""
        stage.rest.on_request = self._request
        stage.rest.on_read = self.goals.read
        stage.callbacks.on_fetch = self._fetch
        stage.callbacks.on_delivery = self.goals.delivered
        stage.server.listeners.append(self._run_changed)
        stage.network.ledger.listeners.append(self._entry)

    # --- the course of it ---

    async def perform(self) -> None:
        """The call, the trouble, the healing, the curtain."""
        stage = self.stage
        stage.watch_twilio(lambda: self.say("Twilio is found to be down"))
        for who, behaviors in self.story.phones:
            stage.behave(who, *behaviors)
        if self.story.elsewhere is not None:
            self.checker.room_sid = await stage.call_elsewhere(self.story.elsewhere)
            self._starter = Principal("key:desk", Role.SERVICE)
        else:
            stage.call_in()
        talking = await stage.until(lambda: self._agent_talks() or not stage.live("caller"),
                                    SETUP_SECONDS)  # fmt: skip
        if talking and stage.live("caller") and (self.story.has_transfer or self._is_watched()):
            # A desktop shows the call once the engine knows of it.
            await stage.until(self._is_shown, 60.0)
            if self.checker.conference_sid() and stage.live("caller"):
                await (self._transfer() if self.story.has_transfer else self._watch())
        await self._heal()
        await self._curtain()

    def _agent_talks(self) -> bool:
        for who in ("agent", "colleague"):
            if self.stage.talk("caller", who):
                self._agent = desk(address_of(who))
                self.checker.agent_is(address_of(who))
                return True
        return False

    async def _transfer(self) -> None:
        self._begin()
        if self.story.talk_seconds:
            await self._talk()
        await self._start(self._key(1))
        await self.stage.until(self._is_through, self._trouble_seconds())
        await self.stage.pause(1.0)

    def _is_watched(self) -> bool:
        return self.story.talk_seconds > 0

    async def _watch(self) -> None:
        """Nobody transfers the call; what else happens on it is looked at for a while."""
        self._begin()
        await self._talk()
        await self.stage.until(self._no_hold_runs, self._trouble_seconds())

    async def _talk(self) -> None:
        """People talk, unless the caller hangs up."""
        await self.stage.until(lambda: not self.stage.live("caller"), self.story.talk_seconds)

    def _no_hold_runs(self) -> bool:
        return not any(run.is_running for run in self.checker.transfer_runs("hold"))

    def _is_shown(self) -> bool:
        """Whether the engine knows that the agent has the call, if it is to know."""
        if self._starter is not None or self.story.is_eager:
            return self.checker.conference_sid() != ""
        return any(watch.state == "talking" for watch in self.checker.calls.values())

    def _begin(self) -> None:
        self._begun_at = self.stage.loop.time()
        self.checker.begun()
        if self.story.weather:
            kind, seconds = WEATHER[self.story.weather]
            self.stage.callbacks.weather = self.story.weather
            self.checker.troubled(Fault(Told(), kind, seconds))
        for plan in self._plans:
            if isinstance(plan.at, After):
                self._plan(plan, plan.at.seconds)

    def _has_ended(self) -> bool:
        runs = self.checker.transfer_runs()
        return bool(runs) and not any(run.is_running for run in runs)

    def _is_through(self) -> bool:
        """Whether there is nothing more to wait for before all is healed."""
        never_began = self.story.lasts and not self.checker.transfer_runs()
        return self._has_ended() or (never_began and self._has_passed())

    def _has_passed(self) -> bool:
        return self.stage.loop.time() >= self._trouble_until

    def _trouble_seconds(self) -> float:
        return LASTING_SECONDS if self.story.lasts else TROUBLE_SECONDS

    async def _heal(self) -> None:
        """From here on nothing goes wrong any more, and what waits must end by itself."""
        while self.story.lasts and not self._has_passed():
            await self.stage.pause(self._trouble_until - self.stage.loop.time())
        self._is_over = True
        self.stage.rest.is_down = self.stage.callbacks.is_cut_off = False
        await self.stage.until(self._is_all_up, 60.0)
        self.checker.healed()
        seconds = self.checker.bounds.transfer_seconds(self.story)
        if not await self.stage.until(lambda: not self.checker.transfer_runs() or
                                      self._has_ended(), seconds):  # fmt: skip
            self.checker.broken("L1", f"the transfer has not ended {seconds:.0f} s after it began")
        await self.stage.pause(self.checker.bounds.settle_seconds)
        self.checker.at_rest()
        await whoever_talks_is_let_in(self)

    def _is_all_up(self) -> bool:
        return self.stage.server.is_up and self.stage.worker.is_up and self.stage.edge.is_up

    async def _curtain(self) -> None:
        """Everybody goes home; nothing may be left."""
        stage = self.stage
        if stage.live("caller"):
            self.say("the caller hangs up at last")
            stage.phone("caller", "hang_up")
        if self.story.elsewhere is not None:
            # Nobody of ours watches such a call once its transfer is over.
            await stage.pause(3.0)
            for who in PEOPLE:
                stage.phone(who, "hang_up")
        self.checker.curtain()
        await stage.until(self._is_empty, self.checker.bounds.end_seconds)
        if self._guardian is not None:
            self._guardian.stop()
        await stage.pause(1.0)
        self.checker.empty()

    @property
    def looks(self) -> int:
        """How often the guardian has looked."""
        return self._guardian.looks if self._guardian is not None else 0

    def _is_empty(self) -> bool:
        runs = [run for each in self.stage.server.runs.values() for run in each]
        guardian = self._guardian.run if self._guardian else None
        is_busy = any(run.is_running for run in runs if run is not guardian)
        spaces = self.stage.network.taskrouter.workspaces.values()
        has_tasks = any(task.open for space in spaces for task in space.tasks.values())
        return not self.stage.network.live_calls and not is_busy and not has_tasks

    # --- moments ---

    def _matching(self, kind: type, name: str, k: int) -> list[Fault | Act]:
        found = []
        for plan in self._plans:
            at = plan.at
            if type(at) is kind and at.k == k:  # type: ignore[union-attr]
                key = at.route if isinstance(at, Request) else getattr(at, "event", None)
                if key == name or getattr(at, "state", getattr(at, "who", None)) == name:
                    found.append(plan)
        return found

    def _request(self, route: str) -> Fault | None:
        struck: Fault | None = None
        for pattern, k in self._requests.saw(route):
            for plan in self._matching(Request, pattern, k):
                if isinstance(plan, Fault) and plan.kind in REQUEST_FAULTS:
                    struck = None if self._is_over else plan
                else:
                    self._plan(plan, plan.at.plus)  # type: ignore[union-attr]
        met = f"  MEETS {struck.kind}" if struck else ""
        self.say(f"REST {route}{met}")
        self.goals.request(route, struck)
        if struck:
            self.checker.troubled(struck)
        return struck

    def _fetch(self, fetch: Fetch) -> Fault | None:
        struck: Fault | None = None
        for pattern, k in self._told.saw(fetch.event):
            for plan in self._matching(Told, pattern, k):
                if isinstance(plan, Fault) and plan.kind in CALLBACK_FAULTS:
                    struck = None if self._is_over else plan
                else:
                    self._plan(plan, plan.at.plus)  # type: ignore[union-attr]
        met = f"  MEETS {struck.kind}" if struck else ""
        self.say(f"told {fetch.event} {fetch.params.get('CallStatus', '')}{met}")
        if struck:
            self.checker.troubled(struck)
        return struck

    def _run_changed(self, run: Any) -> None:
        if self._guardian is not None and run is self._guardian.run and "view" in run.memo:
            shown = read(run.memo["view"])
            self.goals.found(shown["latest"], shown["rescues"])
            self.checker.found(shown["findings"])
        for state in self.checker.new_states(run):
            self.say(f"{run.id.partition('/')[0]} -> {state}")
            self.goals.entered(state)
            self._states[state] += 1
            for plan in self._matching(Entered, state, self._states[state]):
                self._plan(plan, plan.at.plus)  # type: ignore[union-attr]

    def _entry(self, entry: Any) -> None:
        self.goals.entry(entry)
        if self._with_ladder and entry.kind in ("call", "join", "leave", "hold", "room", "hearing"):
            who = entry.detail.get("address", "")
            if entry.kind == "hearing":
                pair = f"{entry.detail['listener_address']} hears {entry.detail['speaker_address']}"
                self.say(f"     {pair} {entry.what}")
            else:
                self.say(f"     {entry.kind} {entry.what} {who}")
        if entry.kind != "call" or entry.what != "ringing":
            return
        for who in self._who(str(entry.detail.get("address", ""))):
            self._rings[who] += 1
            for plan in self._matching(Rings, who, self._rings[who]):
                self._plan(plan, plan.at.plus)  # type: ignore[union-attr]

    def _who(self, address: str) -> list[str]:
        return [who for who, phone in PEOPLE.items() if phone == address]

    def _plan(self, plan: Fault | Act, seconds: float) -> None:
        self.stage.loop.call_later(seconds, self._do, plan)

    # --- what is done ---

    def _do(self, plan: Fault | Act) -> None:
        if self._is_over:
            return
        if isinstance(plan, Fault):
            self._strike(plan)
            return
        for _ in range(plan.times):
            if plan.verb in (*BUTTONS, *WORDS, *HOLDS, *MODES, *HELP, *STARTS):
                self.stage.loop.create_task(self._ask(plan))
            else:
                self._act(plan)

    def _strike(self, fault: Fault) -> None:
        stage, seconds = self.stage, fault.seconds
        self.say(f"FAULT {fault}")
        self.checker.troubled(fault)
        self._trouble_until = max(self._trouble_until, stage.loop.time() + seconds)
        if fault.kind == "worker_crash":
            self.goals.dying()
            self.goals.struck(fault, stage.worker.crash(seconds))
            if self._guardian is not None:
                self._guardian.worker_died()
            return
        self.goals.struck(fault)
        if fault.kind == "api_crash":
            stage.edge.crash(seconds)
        elif fault.kind == "server_crash":
            stage.server.crash(seconds)
        elif fault.kind == "twilio_down":
            stage.rest.is_down = True
            stage.loop.call_later(seconds, setattr, stage.rest, "is_down", False)
        elif fault.kind == "cut_off":
            stage.callbacks.is_cut_off = True
            stage.loop.call_later(seconds, setattr, stage.callbacks, "is_cut_off", False)

    def _act(self, act: Act) -> None:
        runs = self.checker.transfer_runs()
        if act.verb in ("operator_cancel", "terminate"):
            done = bool(runs) and runs[-1].is_running
            if done and act.verb == "terminate":
                self.checker.terminated()
                self.stage.server.terminate(runs[-1])
            elif done:
                self.stage.server.cancel(runs[-1])
        elif act.verb.endswith("_offer"):
            done = self.stage.offer(act.who, act.verb)
        else:
            done = self.stage.phone(act.who, act.verb, act.detail)
        self.say(f"{act.who}: {act.verb} {act.detail}" + ("" if done else " (nothing to do)"))
        if done:
            self.goals.acted(act)
            self.checker.acted(act)

    async def _ask(self, act: Act) -> None:
        if not self.checker.conference_sid():
            return
        if act.who == STRANGER:
            await self._turn_away(act)
            return
        if act.verb.startswith("start"):
            self.goals.acted(act)
        if act.verb == "start_again":
            await self._start(self._key(1))
        elif act.verb == "start":
            await self._start(self._key(2))
        elif act.verb in WORDS:
            await self._say_word(act)
        elif act.verb in MODES:
            await self._supervise(act)
        elif act.verb in HOLDS:
            await self._hold(act)
        elif act.verb in HELP:
            await self._help(act)
        elif self.transfer_id:
            self.goals.acted(act)
            key = f"press-{act.verb}-{self.stage.loop.time():.3f}"
            answer = await self.stage.edge.press(self._agent, self.transfer_id, act.verb, key)
            self.say(f"{act.who}: {act.verb} -> {answer.status} {answer.code}")
            self.checker.answered(act.verb, answer)

    async def _turn_away(self, act: Act) -> None:
        """Somebody without a right to the call asks for something."""
        if act.verb not in ("start", *HOLDS) and not self.transfer_id:
            return
        principal = desk(address_of(act.who))
        answer = await intrude(self, act, self.stage.edge, principal, self._body())
        self.say(f"{act.who}: {act.verb} -> {answer.status} {answer.code}")
        self.goals.turned_away(answer)
        turned_away(self.checker, act.verb, answer)

    async def _hold(self, act: Act) -> None:
        """The agent puts the caller on hold, or takes them back."""
        sid, key = self.checker.conference_sid(), f"{act.verb}-{self.stage.loop.time():.3f}"
        if act.verb == "hold":
            policy = {"policy": {"seconds_max": 20.0, "reminder_seconds": 5.0}}
            answer = await self.stage.edge.hold(self._agent, sid, policy, key)
        else:
            answer = await self.stage.edge.resume(self._agent, sid, key)
        self.say(f"{act.who}: {act.verb} -> {answer.status} {answer.code}")
        self.goals.held(act, answer)
        self.checker.answered(act.verb, answer)

    async def _supervise(self, act: Act) -> None:
        """A supervisor joins, changes the mode, takes over or leaves."""
        edge, ears = self.stage.edge, self.checker.ears
        address, sid = address_of(act.who), self.checker.conference_sid()
        principal, is_join = supervisor_desk(address), act.verb == "supervise"
        if not is_join and act.who not in self._joined:
            return
        mode, *words = act.detail.split() if is_join else (act.verb,)
        number = ears.asked(address, mode, is_join, "stays" in words)
        key = f"{act.verb}-{act.who}-{self.stage.loop.time():.3f}"
        if is_join:
            policy = {"consult": "stays" if "stays" in words else "hears"}
            body = {"mode": mode, "policy": policy, "takes_help": "helps" in words}
            answer = await edge.supervise(principal, sid, body, key)
        else:
            answer = await edge.change_mode(principal, sid, self._joined[act.who], mode, key)
        self.say(f"{act.who}: {act.verb} {act.detail} -> {answer.status} {answer.code}")
        ears.answered(address, number, answer)
        self.goals.supervised(act, answer)
        self.checker.answered(act.verb, answer)
        if is_join and answer.is_ok:
            self._joined[act.who] = str(answer.body["id"])
            ears.joined(key, self._joined[act.who])
            if "helps" in words:
                self.checker.cries.came(self._joined[act.who])

    async def _help(self, act: Act) -> None:
        """The agent asks for a supervisor, or needs none any more."""
        edge, sid, cries = self.stage.edge, self.checker.conference_sid(), self.checker.cries
        ask = edge.ask_help if act.verb == "ask_help" else edge.withdraw_help
        cries.asked()
        answer = await ask(self._agent, sid)
        self.say(f"{act.who}: {act.verb} -> {answer.status} {answer.code}")
        cries.answered(act.verb, answer)
        self.goals.helped(act, answer)
        self.checker.answered(act.verb, answer)

    async def _say_word(self, act: Act) -> None:
        """The agent has the recording paused, or wants it back."""
        word, tape = WORDS[act.verb], self.checker.tape
        number = tape.asked(word)
        key = f"word-{number}"
        sid = self.checker.conference_sid()
        answer = await self.stage.edge.record(self._agent, sid, word, key)
        self.say(f"{act.who}: {act.verb} -> {answer.status} {answer.code} {answer.body}")
        tape.answered(word, number, answer)
        self.checker.answered(act.verb, answer)

    def _key(self, number: int) -> str:
        return f"key-{number}-{self.story.seed}"

    async def _start(self, key: str) -> Answer:
        """The agent's desktop starts the transfer, and repeats what was not answered."""
        body = self._body()
        for _ in range(REPEATS_MAX):
            answer = await self.stage.edge.start(self._starter or self._agent, body, key)
            self.say(f"start {key} -> {answer.status} {answer.code}")
            self.checker.answered("start", answer, key)
            if answer.is_ok:
                self.transfer_id = self.transfer_id or str(answer.body["id"])
                return answer
            is_early = answer.code == "agent_not_on_call"
            if answer.status not in (0, 503, 404) and not is_early:
                return answer
            await self.stage.pause(1.0)
        return answer

    def _body(self) -> dict[str, Any]:
        targets = []
        for who, options in self.story.targets:
            targets.append({"address": address_of(who), **options})
        return {
            "kind": self.story.kind,
            "call": {"conference_sid": self.checker.conference_sid()},
            "targets": targets,
            "policy": dict(self.story.policy),
            **({"agent": self._agent.address} if self._starter else {}),
        }

    def say(self, text: str) -> None:
        """One line of the ladder."""
        if self._with_ladder:
            begun = self._begun_at
            at = self.stage.loop.time() - begun if begun else 0.0
            mark = f"{at:9.3f}" if begun else "         "
            self.ladder.append(f"{mark}  {text}")
