"""What must be true of the lines: claims that share no code with the machine's own invariants.

The ids are those of the catalogue of invariants: S1 nobody stranded, S2 nobody left over, S3 and S4
one leg per attempt, S5 order of leaving, S6 privacy, S8 restored, S9 exit flags, S21 recording,
S27 honest.
"""

from __future__ import annotations

from tests.machine.switchboard import AGENT, LOOSE_ENDS, Line, Lines
from workflows.machine.model import Kind, Reason, State, Transfer


class BrokenClaimError(AssertionError):
    """Something that must be true of the lines is not."""


def claim(holds: bool, what: str) -> None:
    if not holds:
        raise BrokenClaimError(what)


def targets(lines: Lines) -> tuple[Line, ...]:
    """The legs of targets, as against the recall's."""
    return tuple(line for line in lines.dialled() if line.name.startswith("t"))


def agent_line(lines: Lines) -> Line:
    """The agent's leg: the recall's if there is one."""
    recalls = [line for line in lines.dialled() if line.name.startswith("r")]
    return recalls[-1] if recalls else lines.lines[AGENT]


def talking(lines: Lines) -> bool:
    """Whether the caller talks with somebody."""
    others = (line for line in lines.lines[AGENT:] if line.is_heard)
    return lines.caller.is_heard and any(others)


def under_way(lines: Lines, *commands: str) -> bool:
    return any(job.command in commands for job in lines.jobs)


def _is_routed(transfer: Transfer) -> bool:
    return transfer.current_target is not None and transfer.current_target.is_routed


def at_step(before: Transfer, after: Transfer, lines: Lines) -> None:
    """After every step, whatever is known to whom."""
    is_routed = _is_routed(after)
    # One task rings one worker after the other, all under its label.
    dialled = [line for line in lines.dialled() if "declined" not in line.was]
    labels = [line.label for line in dialled if line.is_live or not is_routed]
    claim(len(labels) == len(set(labels)), "S4: two dials under one label")
    live = [line for line in targets(lines) if line.is_live and line in dialled]
    is_explained = under_way(lines, "EndTarget", "EndStray") or lines.troubles
    claim(len(live) <= 1 or bool(is_explained), "S3: two targets' phones at once")
    if after.state is State.CONSULTING and lines.caller.is_heard:
        others = (line.is_heard for line in lines.lines[AGENT:])
        is_repaired = under_way(lines, "HoldCaller")
        claim(not any(others) or is_repaired, "S6: the caller hears the consult")
    _tape_at_step(lines)
    for job in lines.jobs:
        was_removed = job.command == "RemoveAgent" and job.result == "ok" and job.reading
        if was_removed and before is not after:
            claim(bool(lines.talked), "S5: the agent was removed before caller and target talked")


def _tape_at_step(lines: Lines) -> None:
    """S21: what is recorded, at every moment and whatever has failed."""
    tape, agent = lines.tape, agent_line(lines)
    is_consult = lines.caller.held and agent.is_heard and any(t.is_heard for t in targets(lines))
    is_running = tape.status == "running"
    claim(not (is_running and tape.pauses and is_consult), "S21: the consult is recorded")
    claim(not (is_running and tape.is_kept), "S21: resumed, though a person had it paused")


def _tape_goes_on(lines: Lines) -> None:
    """S21: with somebody again, the caller is recorded again unless a person had it paused."""
    is_owed = lines.tape.status == "paused" and not lines.tape.is_kept
    claim(not (lines.room and talking(lines) and is_owed), "S21: the recording was not resumed")


MAY_LAST = {
    State.DIALING,
    State.SCREENING,
    State.DIALING_ASIDE,
    State.AWAITING,
    State.VETTING,
    State.RECALLING,
}
"""States that last while a phone rings."""

MAY_STAY = {
    State.CONSULTING,
    State.REVISITING,
    State.CONFERRING,
    State.SETTLING,
    State.TALKING,
    State.HELD,
    State.REMINDED,
    State.YIELDING,
}
"""States that last as long as people talk or one waits for the other, or until a short clock."""


def informed(transfer: Transfer, lines: Lines) -> None:
    """When everything true has been reported and no command is under way: who waits for what?"""
    caller = lines.caller
    is_attended = caller.held or talking(lines)
    if transfer.kind is Kind.INBOUND and transfer.state is not State.TALKING:
        is_attended = True  # alone in the room, the caller hears the waiting music
    if lines.troubles:
        claim(
            not caller.is_live or is_attended or transfer.state is State.DIVERTING,
            "S1: the caller is alone",
        )
        return
    claim(caller.status == "in", f"nothing follows the caller's {caller.status}")
    _tape_goes_on(lines)
    claim(is_attended, "S1: the caller is alone")
    if transfer.state in MAY_LAST:
        rung = targets(lines)[-1:] if transfer.state is not State.RECALLING else ()
        rung = rung or lines.dialled()[-1:]
        # Between two workers a task rings nobody; its own time limit ends it.
        is_looked_for = _is_routed(transfer) and transfer.target.is_live
        claim(is_looked_for or (bool(rung) and rung[-1].is_live), "S1: nobody is being rung")
    else:
        claim(transfer.state in MAY_STAY, "S1: only the deadline would end this")
    if transfer.state in (State.CONSULTING, State.REVISITING):
        claim(agent_line(lines).status == "in", "S1: the agent has left the consult")
        claim(any(line.status == "in" for line in targets(lines)), "S1: the target has left")
    if transfer.state in (State.HELD, State.REMINDED):
        claim(caller.held, "S28: believed to be on hold, and is not")
        claim(agent_line(lines).status == "in", "S1: the agent has left the caller on hold")
    if transfer.state is State.CONSULTING:
        claim(caller.held, "S6: the caller is not on hold in the consult")
    if transfer.state is State.REVISITING:
        claim(not caller.held, "the caller is not back with the agent")
    if transfer.state is State.CONFERRING:
        claim(len([line for line in lines.lines if line.is_heard]) >= 3, "not all three talk")


_TAKEN_BACK = {
    Reason.CANCELLED_BY_AGENT,
    Reason.CANCELLED_BY_OPERATOR,
    Reason.TARGET_DROPPED_BY_AGENT,
}
_DONE = {Reason.COMPLETED, Reason.COMPLETED_BY_HANGUP}
_OF_STATE = {
    State.COMPLETED: _DONE,
    State.CANCELLED: _TAKEN_BACK,
    State.ABANDONED: {Reason.CALLER_HUNG_UP},
    State.FAILED: set(Reason) - _DONE - _TAKEN_BACK - {Reason.CALLER_HUNG_UP},
    State.DIVERTED: set(Reason) - _DONE - _TAKEN_BACK - {Reason.CALLER_HUNG_UP},
}
"""Which reasons an end may have. A call's own ends are not told apart like this."""

_CAUSED = {Reason.TARGET_BUSY: "busy", Reason.TARGET_REJECTED: "rejected"}


def at_rest(transfer: Transfer, lines: Lines) -> None:
    """After the end, when the last outcome has been told: who is left, and is the end honest?"""
    state, reason, caller = transfer.state, transfer.reason, lines.caller
    is_troubled = bool(lines.troubles) or reason is Reason.PROVIDER_DOWN
    claim(reason is not None, "S27: an end without a reason")
    if transfer.kind in (Kind.WARM, Kind.COLD):
        claim(reason in _OF_STATE[state], f"S27: {state}, because {reason}")
    if not is_troubled:
        _tape_goes_on(lines)
    live = [line for line in targets(lines) if line.status in LOOSE_ENDS]
    if state is State.COMPLETED:
        target = next(line for line in targets(lines) if line.label == transfer.target.label)
        # A hang-up that nobody reported in the guarded seconds is the guardian's to find.
        has_met = transfer.target.label in lines.talked or not target.is_live
        claim(has_met, "S27: caller and target never talked")
        left = [line for line in live if line.label != transfer.target.label]
        agent = agent_line(lines)
        is_called_off = not caller.is_live or not target.is_live
        claim(is_troubled or is_called_off or not agent.is_live, "S2: the agent is still there")
    else:
        left = live
    claim(is_troubled or not left, f"S2: left over: {[line.name for line in left]}")
    is_taken_over = state is State.TAKEN_OVER
    claim(
        is_troubled or is_taken_over or not caller.held,
        f"S8: the caller is left on hold ({state})",
    )
    if state in (State.CANCELLED, State.FAILED, State.RESUMED) and not is_troubled:
        agent = agent_line(lines)
        if caller.is_live and agent.status == "in" and agent.name == "agent":
            claim(agent.exit_flag, "S8: the exit flag is not what it was")
    if state is State.CANCELLED:
        claim(is_troubled or not live, "S27: cancelled, and a target's leg lives")
    if state is State.ABANDONED:
        claim(not caller.is_live, "S27: abandoned, and the caller is there")
        is_somebodys = "call" in lines.alive  # whose own workflow ends the room
        others = [
            line.name for line in lines.lines if line.status in LOOSE_ENDS and not is_somebodys
        ]
        claim(is_troubled or not others, f"S2: left over: {others}")
    if state is State.DIVERTED:
        claim(caller.status in ("diverted", "gone"), "S27: diverted, and the caller is not")
        is_alone = agent_line(lines).status == "in" and transfer.kind is Kind.HOLD
        claim(is_troubled or not is_alone, "S2: the agent is left alone in the room")
    if reason in _CAUSED and not lines.troubles:
        causes = {line.cause for line in lines.dialled()}
        claim(_CAUSED[reason] in causes, f"S27: {reason}, but the lines say {causes}")
    if reason is Reason.COMPLETED_BY_HANGUP:
        claim(not lines.agent.is_live, "S27: completed by hang-up, and the agent is there")
    if reason is Reason.CALLER_HUNG_UP:
        claim(not caller.is_live, "S27: the caller is said to have hung up, and is there")
