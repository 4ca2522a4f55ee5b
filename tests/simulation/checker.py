"""The independent checker: after every step it looks at what is true, and says what must not be.

Shares no code with the engine. It reads the simulated network, its log of requests, the memos and
the api's answers as JSON. Names are those of the catalogue: S… is safety, L… liveness.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.simulation import claims, doors, ears, shown
from tests.simulation.bounds import LOSES_NEWS, Bounds, cost_of
from tests.simulation.cries import Cries
from tests.simulation.ears import Ears
from tests.simulation.stage import CALLER, PEOPLE, address_of
from tests.simulation.tape import Tape
from tests.simulation.truth import Leg, Truth, read

TERMINAL = frozenset(
    {"completed", "cancelled", "failed", "abandoned", "diverted", "ended", "resumed", "taken_over"}
)
OWNERS = ("transfer", "hold")
"""Workflows that a person starts, and that look after the caller while they run."""
AT_EVERY_STEP = (*claims.AT_EVERY_STEP, *ears.AT_EVERY_STEP, *shown.AT_EVERY_STEP)
OF_A_REQUEST = (*claims.OF_A_REQUEST, *doors.OF_A_REQUEST)
AT_THE_END = (*claims.AT_THE_END, *doors.AT_THE_END)
STRANGE = frozenset(
    {"leg_ended", "leg_left", "owner_cut_off", "owner_stuck", "owner_overdue", "room_unowned",
     "leg_stray", "task_left"}
)  # fmt: skip
"""What the guardian may find only where something went wrong. Not the others: somebody may come, a
hold change or a room end in the moments of both its looks, with the callback on its way."""
ENTRY = "entry-"
"""How the memo fields begin that hold a journal's entries."""
VIOLATIONS_MAX = 12
AFTERWARDS = 0.5
"""Seconds after its last step in which a transfer may still ask for something."""
UNKNOWN_OUTCOME = frozenset(
    {"timeout_before", "timeout_after", "reset_before", "reset_after", "late", "slow", "500",
     "500_after", "503", "worker_crash", "server_crash"}
)  # fmt: skip
"""Faults after which nobody knows whether a request took effect."""

LATE_NEWS = LOSES_NEWS | {"delay", "worker_crash", "twilio_down", "slow", "late"}
"""Faults after which what a callback tells may come too late for a request that is under way."""
TOLD_SECONDS = 1.0
"""From the end of a leg until nobody asks for anything any more that is over with it."""


@dataclass(frozen=True)
class Violation:
    """One thing that must not be, and when it was seen, in seconds from the history's start."""

    name: str
    text: str
    at: float = 0.0

    def __str__(self) -> str:
        return f"{self.name} at {self.at:.3f} s: {self.text}"


class Watch:
    """The public face of one transfer or hold, as it was shown last."""

    def __init__(self, run: Any) -> None:
        self.run = run
        self.view: dict[str, Any] = {}
        self.entries = 0
        self.states: list[str] = []
        self.ended_as: tuple[str, str] | None = None
        self.over_at: float | None = None
        self.ranks: dict[str, int] = {}
        self.attempts: dict[str, dict[str, Any]] = {}
        self.held_before: float | None = None
        """The caller's seconds on hold when it began; None: on hold already."""

    @property
    def state(self) -> str:
        return str(self.view.get("state", ""))

    @property
    def is_over(self) -> bool:
        return bool(self.view.get("is_over"))


class Checker:
    """Watches one history."""

    def __init__(self, stage: Any, story: Any) -> None:
        self.stage = stage
        self.story = story
        self.bounds = Bounds()
        self.violations: list[Violation] = []
        self.steps = 0
        self.truth = Truth(stage.network, CALLER)
        self.watches: dict[str, Watch] = {}
        self.calls: dict[str, Watch] = {}
        self.supervisions: dict[str, Watch] = {}
        self.cost = 0.0
        """Seconds that the faults so far may add to any bound."""
        self.faults = 0
        self.has_lost_news = False
        self.has_late_news = False
        self.is_cancelled = False
        self.doubts = 0
        """How often it may have become unknown whether a dial took effect."""
        self.redialled: set[str] = set()
        """Labels of dials that were made again."""
        self.agent = ""
        self.begun_at: float | None = None
        self.pressed: set[str] = set()
        """Requests that were accepted."""
        self.asked: set[str] = set()
        """Requests that were made, whatever was answered."""
        self.was_terminated = False
        self.is_ended_by_hand = False
        """Whether somebody has ended the room in Twilio's own console."""
        self.is_healed = False
        self.room_sid = ""
        """The room of a call that another application has set up."""
        self.snapshot: dict[str, bool] = {}
        self.keys: dict[str, str] = {}
        self.dialled: dict[str, str] = {}
        """Label -> whom it rang."""
        self.allowed = {address_of(who) for who, _ in story.targets} | set(PEOPLE.values())
        self.tape = Tape(self)
        self.ears = Ears(self)
        self.cries = Cries(self)
        self._began = stage.loop.time()
        self._since: dict[tuple[str, str], tuple[float, float, str]] = {}
        self._lasts: set[tuple[str, str]] = set()
        """What was so at this step; whatever was not has ended."""
        self._ledger = -1
        self._stepped_at = (-1, -1)
        self._running: list[Watch] | None = None
        self._requests = 0
        self._said: set[tuple[str, str]] = set()
        self._hook(stage)

    def _hook(self, stage: Any) -> None:
        after = stage.runtime._afterwards
        before = stage.rest.face

        def afterwards() -> None:
            after()
            if self._position() != self._stepped_at:
                self.step()

        def face(path: str) -> Any:
            self.look()
            return before(path)

        stage.runtime._afterwards = afterwards
        stage.rest.face = face
        stage.rest.on_effect = self._new_requests
        stage.server.listeners.append(self._run_changed)

    @property
    def now(self) -> float:
        return float(self.stage.loop.time())

    def broken(self, name: str, text: str) -> None:
        """Something is as it must not be. Each is told once."""
        if (name, text[:40]) in self._said or len(self.violations) >= VIOLATIONS_MAX:
            return
        self._said.add((name, text[:40]))
        self.violations.append(Violation(name, text, self.now - self._began))

    # --- what the director tells ---

    def agent_is(self, address: str) -> None:
        self.agent = address
        self.moved()

    def begun(self) -> None:
        """The transfer is being asked for."""
        self.moved()
        self.begun_at = self.now
        self.look()
        self.snapshot = {
            leg.address: leg.exit_flag for leg in self.truth.legs.values() if leg.is_joined
        }

    def troubled(self, fault: Any) -> None:
        """A fault has struck. What has lasted too long until now is not forgiven by it."""
        self._overdue()
        self.moved()
        self.faults += 1
        self.cost += cost_of(fault, self.story.has_guardian)
        self.has_lost_news |= fault.kind in LOSES_NEWS
        self.doubts += fault.kind in UNKNOWN_OUTCOME
        self.has_late_news |= fault.kind in LATE_NEWS

    def found(self, findings: dict[str, int]) -> None:
        """The guardian shows what it has found: each is lost news or a fault of the engine's."""
        strange = sorted(findings.keys() & STRANGE)
        if self.room_sid and "agent left" in self.asked and strange == ["leg_ended"]:
            return  # another application's agent, whose leg was known to nobody when it was told of
        if strange and not self.faults and not self.was_terminated:
            self.broken("L4", f"nothing went wrong, and the guardian found {strange}")

    def healed(self) -> None:
        self.is_healed = True
        self.step()

    def terminated(self) -> None:
        self.moved()
        self.was_terminated = True

    def acted(self, act: Any) -> None:
        self.moved()
        if act.who == "agent" and act.verb == "hang_up":
            self.asked.add("agent left")

    def answered(self, verb: str, answer: Any, key: str = "") -> None:
        """What the api answered to a person."""
        self.moved()
        self.asked.add(verb)
        if answer.is_ok:
            self.pressed.add(verb)
            # A later transfer of the same call may hold the caller again, and one that begins as
            # the agent's hold ends has the caller: a hold yields to a transfer.
            if verb not in ears.VERBS:
                is_yielding = verb == "resume" and self._has_transfer()
                self.is_cancelled = verb in ("cancel", "resume") and not is_yielding
        doors.refused_as_told(self, verb, answer)
        if answer.status == 500:
            self.broken("edge", f"{verb} was answered 500: {answer.body}")
        if verb == "start" and answer.is_ok:
            claims.start_is_kept(self, key, str(answer.body["id"]))

    def _has_transfer(self) -> bool:
        return any(
            watch.run.id.startswith("transfer/") and not watch.is_over for watch in self.running()
        )

    # --- what is seen ---

    def _run_changed(self, run: Any) -> None:
        kind = run.id.partition("/")[0]
        if kind not in (*OWNERS, "call", "supervision") or "view" not in run.memo:
            return
        beside = self.calls if kind == "call" else self.supervisions
        known = self.watches if kind in OWNERS else beside
        watch = known.setdefault(run.run_id, Watch(run))
        view = read(run.memo["view"])
        if kind in OWNERS and not watch.view:
            self.look()
            caller = self.truth.caller
            if caller is not None and not caller.is_held:
                watch.held_before = caller.held_seconds(self.now)
        if kind in OWNERS:
            claims.view_is_honest(self, watch, view)
        # Before the first step a view is the api's word, with the time of the api's clock.
        if kind == "supervision" and any(name.startswith(ENTRY) for name in run.memo):
            self.cries.shown(run.run_id, view, lambda: _journal(run))
        watch.view = view
        if view["is_over"] and watch.over_at is None:
            watch.over_at = self.now
        self.look()
        self.step()

    def new_states(self, run: Any) -> list[str]:
        """The states that a run's journal names since it was asked the last time; a supervisor's
        with the name that the journal has for that one, `v1 listening`."""
        watch = self.watches.get(run.run_id) or self.supervisions.get(run.run_id)
        if watch is None:
            return []
        names = sorted(name for name in run.memo if name.startswith(ENTRY))
        new = [read(run.memo[name]) for name in names[watch.entries :]]
        watch.entries = len(names)
        entered = [f"{each['who']} {each['state_to']}".strip() for each in new
                   if each["state_from"] != each["state_to"] or not watch.states]  # fmt: skip
        watch.states += entered
        return entered

    def look(self) -> None:
        """Take in what is true."""
        if self.stage.network.ledger.seq != self._ledger:
            self._ledger = self.stage.network.ledger.seq
            self.truth.look(self.now)

    def moved(self) -> None:
        """Something has changed that is not in the network: the next touch of it is a step."""
        self._stepped_at = (-1, -1)

    def _position(self) -> tuple[int, int]:
        """Differs as soon as anything was written down in the network or came due by its clock.
        Where it does not, and nothing else has moved, a touch of the network is no step: all
        claims would say the same again. What lasts too long is told by the next step, and by the
        end, just as well."""
        network = self.stage.network
        return network.ledger.seq, network.clock.ran

    def step(self) -> None:
        """One step has been taken."""
        self.steps += 1
        self._stepped_at = self._position()
        self._overdue()
        before = self.stage.network.ledger.seq != self._ledger
        if before:
            claims.leaving(self)
            claims.nobody_hangs_up_on_the_caller(self)
            self.look()
        self._new_requests()
        self._lasts.clear()
        self._running = [watch for watch in self.watches.values() if watch.run.is_running]
        for claim in AT_EVERY_STEP:
            claim(self)
        self._running = None
        for key in [key for key in self._since if key not in self._lasts]:
            del self._since[key]

    def _new_requests(self) -> None:
        log = self.stage.runtime.requests
        while self._requests < len(log):
            record = log[self._requests]
            if "run" not in record:
                return  # it is being carried out
            self._requests += 1
            for claim in OF_A_REQUEST:
                claim(self, record)

    def lasting(self, name: str, key: str, is_so: bool, bound: float, text: str) -> None:
        """A thing that may be for `bound` seconds, and for what the faults cost, but no longer."""
        if is_so:
            self._lasts.add((name, key))
            since = self._since[name, key][0] if (name, key) in self._since else self.now
            self._since[name, key] = since, bound, text

    def _overdue(self) -> None:
        for (name, key), (since, bound, text) in list(self._since.items()):
            if self.now - since > bound + self.cost:
                self.broken(name, f"{text} for {self.now - since:.1f} s")
                self._since[name, key] = (float("inf"), bound, text)

    # --- the end ---

    def at_rest(self) -> None:
        """The transfer is over and nothing is under way."""
        self.look()
        self.step()
        for claim in claims.AT_REST:
            claim(self)

    def curtain(self) -> None:
        """Everybody hangs up now."""
        self.step()

    def empty(self) -> None:
        """Nothing may be left."""
        self.look()
        self.step()
        for claim in AT_THE_END:
            claim(self)

    def finish(self) -> None:
        """The history is over."""
        self._overdue()

    # --- for others ---

    def transfer_runs(self, owner: str = "transfer") -> list[Any]:
        """The runs of transfers, or of holds."""
        runs = self.stage.server.runs
        return [run for name, each in runs.items() if name.startswith(f"{owner}/") for run in each]

    def conference_sid(self) -> str:
        """The call's room, as the engine knows it."""
        if self.room_sid:
            return self.room_sid
        caller = self.truth.caller
        room = caller.room if caller is not None else None
        # A worker who declines while ringing leaves a room behind that ended without the caller.
        if room is not None and f"call/{room.sid}" in self.stage.server.runs:
            return str(room.sid)
        for name in self.stage.server.runs:
            if name.startswith("call/"):
                return str(name.partition("/")[2])
        return ""

    def running(self) -> list[Watch]:
        """The transfers and holds that run; found once for all claims of a step."""
        if self._running is not None:
            return self._running
        return [watch for watch in self.watches.values() if watch.run.is_running]

    def is_known_to_have_ended(self, leg: Leg) -> bool:
        """Whether callbacks have told so, and long enough ago for every consequence."""
        ended_at = leg.call.ended_at
        if ended_at is None or self.has_late_news:
            return False
        return bool(self.now - ended_at > TOLD_SECONDS)

    def agent_leg(self) -> Leg | None:
        """The agent's leg that was on the call when the transfer began."""
        legs = [leg for leg in self.truth.legs.values() if leg.address == self.agent]
        return legs[0] if legs else None

    def others(self) -> list[Leg]:
        """Every leg that was ever dialled for somebody else than the agent."""
        agent = self.agent_leg()
        return [leg for leg in self.truth.legs.values() if not leg.is_caller and leg is not agent]

    def last_views(self) -> list[dict[str, Any]]:
        return [watch.view for watch in self.watches.values()]

    def requests(self) -> list[tuple[str, str]]:
        """The REST requests in order, without what differs from run to run, and
        without the guardian's."""
        guards = {run.run_id for run in self.stage.server.runs.get("guardian", ())}
        return [
            (each["route"], _shown(each["params"]))
            for each in self.stage.runtime.requests
            if each.get("run") not in guards
        ]

    def asked_of_legs(self) -> dict[str, list[str]]:
        """The writes of the transfers, per phone and in their order."""
        known = self.stage.network.calls_by_sid
        found: dict[str, list[str]] = {}
        ended = [watch.over_at for watch in self.watches.values() if watch.over_at]
        for each in self.stage.runtime.requests:
            if self.begun_at is None or each["at"] < self.begun_at or not ended:
                continue
            if each["at"] > max(ended) + AFTERWARDS:
                continue
            sid = each["path"].rpartition("/")[2].removesuffix(".json")
            phone = known[sid].phone if sid in known else str(each["params"].get("To", ""))
            if each["method"] != "GET":
                found.setdefault(phone, []).append(f"{each['route']} {_shown(each['params'])}")
        return found


Claim = Callable[[Checker], None]


def _journal(run: Any) -> list[dict[str, Any]]:
    """The entries of a run's journal, in their order."""
    return [read(run.memo[name]) for name in sorted(run.memo) if name.startswith(ENTRY)]


def _shown(params: dict[str, Any]) -> str:
    wanted = ("To", "Hold", "Status", "EndConferenceOnExit", "Muted")
    return ",".join(f"{name}={params[name]}" for name in wanted if name in params)
