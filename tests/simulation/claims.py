"""What must be, one function each. The ids are those of the catalogue of invariants.

Each reads the checker's truth and says `broken` when something is as it must not be, or `lasting`
when it may be so for a moment.
"""

from __future__ import annotations

import re
from typing import Any

from tests.simulation.bounds import FORCED
from tests.simulation.shown import is_in_doubt
from tests.simulation.tape import recorded_again, recorded_as_allowed

CALM = 1.5
"""Seconds in which two parts of the world may differ because news is on its way."""
ACTIVE = ("pending", "reserved", "assigned")
RANKS = {"none": 0, "dialed": 1, "ringing": 2, "screened": 3, "present": 4, "leaving": 5, "gone": 6}
AGENTS = 2
"""Who a new call is offered to, in turn."""
ROUTED = ("queue:", "worker:")
"""How addresses begin whose phones TaskRouter finds."""
ROOM = re.compile(r"^CF[0-9a-f]{32}$")


# --- the caller --------------------------------------------------------------------------------


def nobody_stranded(check: Any) -> None:
    """S1: a live caller is with somebody, or hears something that was meant for them."""
    if check.room_sid and not check.running():
        return  # between transfers such a call is another application's
    caller = check.truth.caller
    is_live = caller is not None and caller.is_live
    alone = is_live and not check.truth.is_attended()
    bounds = check.bounds
    seconds = bounds.rescue_seconds if check.was_terminated else bounds.strand_seconds
    if not check.calls and check.has_lost_news:
        seconds += bounds.unowned_seconds
    check.lasting("S1", "alone", alone, seconds, "the caller hears nothing")
    is_held = is_live and caller.is_held
    owners = [watch for watch in check.running() if watch.view.get("deadline_at") or watch.is_over]
    forgotten = is_held and not owners
    check.lasting("S1", "held", forgotten, seconds, "the caller is on hold and nobody's business")


def consult_is_private(check: Any) -> None:
    """S6: who consults is not heard by the caller, nor hears them. Where a swap is being undone,
    the caller may talk with the agent for a moment while the target is on hold."""
    truth = check.truth
    for watch in check.running():
        is_private = watch.state == "consulting" and not is_in_doubt(watch, truth.caller_sid)
        if is_private and truth.caller_talks() and not _has_agent_alone(check):
            check.broken("S6", "the caller talks with somebody during the consult")
    agent = check.agent_leg()
    is_warm = any(watch.view.get("kind") == "warm" for watch in check.running())
    has_agent = agent is not None and agent.is_joined and "agent left" not in check.asked
    is_apart = is_warm and has_agent and not {"complete", "join"} & check.asked
    talks = is_apart and any(
        leg is not agent and not leg.is_supervisor and truth.talking_to_caller(leg)
        for leg in truth.ours()
    )
    check.lasting("S6", "talk", talks, check.bounds.overlap_seconds,
                  "caller and target talk, and nobody asked for it")  # fmt: skip


def _has_agent_alone(check: Any) -> bool:
    """Whether the caller talks with the agent alone, and the agent with nobody else."""
    truth, agent = check.truth, check.agent_leg()
    if agent is None:
        return False
    pair = {truth.caller_sid, agent.call.sid}
    beside = {sid for talk in truth.talks if pair & set(talk) for sid in talk} - pair
    return all(truth.legs[sid].is_supervisor for sid in beside if sid in truth.legs)


def cancel_is_heard(check: Any) -> None:
    """L6: who cancelled talks with the caller again, if both are still there."""
    caller, agent = check.truth.caller, check.agent_leg()
    if not check.is_cancelled or caller is None or agent is None:
        return
    are_there = caller.is_joined and agent.is_joined and caller.room is agent.room
    apart = are_there and not check.truth.talking_to_caller(agent)
    seconds = check.bounds.cancel_seconds + FORCED * check.was_terminated
    check.lasting("L6", "cancel", apart, seconds,
                  "the agent has cancelled and does not talk with the caller")  # fmt: skip


# --- legs --------------------------------------------------------------------------------------


def one_leg_per_attempt(check: Any) -> None:
    """S3: of each label at most one leg lives."""
    labels = [leg.label for leg in check.truth.ours()]
    is_double = len(labels) != len(set(labels))
    text = f"two live legs with one label: {sorted(labels)}"
    if check.story.mode == "taskrouter":
        # TaskRouter rings the next worker in the moment in which an offer passes, and waits for
        # nobody: the leg of the worker before is ended then.
        bounds = check.bounds
        seconds = bounds.rescue_seconds if check.was_terminated else bounds.overlap_seconds
        check.lasting("S3", "", is_double, seconds, text)
    elif is_double:
        check.broken("S3", text)


def no_leg_left_over(check: Any) -> None:
    """S2, L7: a leg that we dialled ends when nobody needs it any more."""
    truth = check.truth
    caller = truth.caller
    if caller is None:
        return
    if check.room_sid and not check.running():
        return  # with the transfer ends what we have to do with such a call
    is_owned = bool(check.running()) or any(
        watch.run.is_running and watch.state not in ("talking", "checking", "ended")
        for watch in check.calls.values()
    )
    for leg in truth.ours():
        sid = leg.call.sid
        check.lasting("L7", sid, not caller.is_live, check.bounds.abandon_seconds,
                      f"{leg.address} is kept on the phone and the caller has gone")  # fmt: skip
        is_needed = is_owned or not caller.is_live or truth.talking_to_caller(leg)
        if leg.is_supervisor and not check.ears.is_agent(leg):
            is_needed = not caller.is_live or check.ears.is_wanted(leg)
        check.lasting("S2", sid, not is_needed, check.bounds.clean_seconds,
                      f"the leg {leg.label[-3:]} of {leg.address} is left over")  # fmt: skip


def leaving(check: Any) -> None:
    """S9, S10: nobody's exit takes others along. Looks at the moment before what has happened."""
    network, legs = check.stage.network, check.truth.legs
    for entry in network.ledger.select(since=check._ledger):
        if entry.kind != "leave":
            continue
        leg = legs.get(entry.call_sid or "")
        if leg is None or leg.room is None or not leg.is_joined:
            continue
        others = [o for o in legs.values() if o.room is leg.room and o.is_joined and o is not leg]
        is_guarded = any(
            watch.state not in ("holding", "cancelling", "returning", "") and not watch.is_over
            for watch in check.running()
        )
        if len(others) >= 2 and leg.exit_flag and is_guarded:
            check.broken("S9", f"{leg.address} left with its exit flag on, and took the others")
    for room in network.conferences_by_sid.values():
        is_by_flag = (room.reason_ended or "").startswith("participant-with-end-conference-on-exit")
        caller = check.truth.caller
        ender = room.call_sid_ending
        if is_by_flag and caller is not None and ender != caller.call.sid and caller.is_live:
            states = [watch.state for watch in check.running() if not watch.is_over]
            if any(state not in ("holding", "cancelling", "returning") for state in states):
                check.broken("S10", "an exit flag ended the room under the caller")


def nobody_hangs_up_on_the_caller(check: Any) -> None:
    """S1: only whoever is on a call ends it. A caller who has somebody in the room, on hold or not,
    is not put down by us, nor sent elsewhere while they talk. Looks at the moment before what has
    happened."""
    legs, caller = check.truth.legs, check.truth.caller
    for entry in check.stage.network.ledger.select(since=check._ledger):
        if entry.kind != "leave" or caller is None or entry.call_sid != caller.call.sid:
            continue
        is_ours = entry.what in ("conference_ended_via_api", "participant_updated_via_api")
        if not is_ours or check.is_ended_by_hand or not caller.is_joined:
            continue
        people = [
            leg
            for leg in legs.values()
            if leg is not caller and leg.is_joined and leg.room is caller.room
            and not (leg.is_supervisor and not check.ears.is_agent(leg))
        ]  # fmt: skip
        talking = [leg.address for leg in people if check.truth.talking_to_caller(leg)]
        if people and not caller.call.live:
            there = [leg.address for leg in people]
            check.broken("S1", f"we hung up on the caller, with {there} in the room")
        elif talking:
            check.broken("S1", f"we sent the caller elsewhere, who talked with {talking}")


# --- ownership ---------------------------------------------------------------------------------


def one_owner(check: Any) -> None:
    """S11, S12: one transfer per call, and its lock ends with it."""
    running = check.running()
    ids = [watch.run.id for watch in running]
    # The kind and the call: whatever else an id says does not make it another call.
    owned = ["/".join(each.split("/")[:2]) for each in ids]
    if len(owned) != len(set(owned)):
        check.broken("S11", f"of one call at once: {sorted(ids)}")
    for watch in running:
        check.lasting("S12", watch.run.run_id, watch.is_over, check.bounds.lock_seconds,
                      "the transfer is over and still holds the call")  # fmt: skip


def bounded(check: Any) -> None:
    """S25: histories and requests are bounded."""
    for runs in check.stage.server.runs.values():
        for run in runs:
            if run.history.events > check.bounds.events:
                check.broken("S25", f"{run.id} has {run.history.events} events")
    people = len(check.story.targets) + len(check.ears.joins)
    allowed = check.bounds.requests * (1 + check.faults + people)
    if check.stage.rest.asked > allowed:
        check.broken("S25", f"{check.stage.rest.asked} requests to Twilio, {allowed} allowed")


def view_is_honest(check: Any, watch: Any, view: dict[str, Any]) -> None:
    """S13, S16, S27: an end is final, news is counted once, and the end is what it says."""
    if watch.ended_as is not None and (view["state"], view["reason"]) != watch.ended_as:
        check.broken("S13", f"{watch.ended_as} became {view['state']}, {view['reason']}")
    for person in view["people"]:
        sid, rank = person["call_sid"], RANKS[person["presence"]]
        if not sid:
            continue
        before = watch.ranks.get(sid, 0)
        if rank < before and before != RANKS["leaving"]:
            check.broken("S16", f"{person['party']} was further than {person['presence']}")
        watch.ranks[sid] = rank
    for attempt in view.get("attempts", ()):
        known = watch.attempts.get(str(attempt["number"]), {})
        for name in ("answered_at", "ended_at", "call_sid"):
            # A dial that was made again has a leg of its own, and so has each worker whom
            # TaskRouter rings for one task, also before the task's own SID is known.
            is_again = f"{view['id'][-16:]}-t{attempt['number']}" in check.redialled
            is_fixed = not attempt["address"].startswith(ROUTED) and not is_again
            if known.get(name) and attempt[name] != known[name] and is_fixed:
                check.broken("S16", f"{name} of attempt {attempt['number']} changed")
        watch.attempts[str(attempt["number"])] = attempt
    if view["is_over"] and watch.ended_as is None:
        watch.ended_as = (view["state"], view["reason"])
        if not check.was_terminated:
            _end_is_true(check, watch, view)


def _end_is_true(check: Any, watch: Any, view: dict[str, Any]) -> None:
    """S27: what is said at the end had happened."""
    check.look()
    truth, state, reason = check.truth, view["state"], view["reason"]
    caller = truth.caller
    sids = {person["party"]: person["call_sid"] for person in view["people"]}
    if state == "completed":
        pair = frozenset((truth.caller_sid, sids.get("target", "")))
        if pair not in truth.ever_talked:
            check.broken("S27", "completed, and caller and target never talked")
    if reason == "caller_hung_up" and caller is not None and caller.is_live:
        check.broken("S27", "the caller is said to have hung up, and is there")
    if reason == "completed_by_hangup":
        agent = check.agent_leg()
        if agent is not None and agent.is_live and agent.is_joined:
            check.broken("S27", "the agent is said to have hung up, and is there")
    causes = {leg.call.status for leg in truth.legs.values() if leg.is_ours and not leg.is_live}
    is_screened = any(options.get("accept") for _, options in check.story.targets)
    told = reason in ("target_busy", "target_rejected") and not is_screened and not _tasks(check)
    if told and "busy" not in causes:
        check.broken("S27", f"{reason}, and the legs ended as {sorted(causes)}")
    if not reason:
        check.broken("S27", "an end without a reason")
    _seconds_are_true(check, watch, view)


def _seconds_are_true(check: Any, watch: Any, view: dict[str, Any]) -> None:
    """S27: what is said of the caller's time is so, but for the way of the news."""
    truth, slack = check.truth, CALM + check.cost
    if truth.caller is not None and watch.held_before is not None:
        held = truth.caller.held_seconds(check.now) - watch.held_before
        if abs(view["hold_seconds"] - held) > slack:
            check.broken("S27", f"on hold for {view['hold_seconds']} s, it says, not {held:.3f}")
    waited = view.get("seconds_to_human")
    pairs = [frozenset((truth.caller_sid, each["call_sid"])) for each in view.get("attempts", ())]
    met = sorted(
        (each for pair in pairs for each in truth.ever_talked.get(pair, ())),
        key=lambda each: each[0],
    )
    if waited is None or (not met and check.has_lost_news):
        return  # That the target had gone before they could meet may be told to nobody.
    gone = (truth.legs[each["call_sid"]].left_at for each in view.get("attempts", ())
            if each["call_sid"] in truth.legs)  # fmt: skip
    if any(at is not None and abs(view["started_at"] + waited - at) <= slack for at in gone):
        return  # Nor may it be known yet as the caller comes off hold.
    so = None
    for at, until in met:
        so = at - view["started_at"]
        if abs(waited - so) <= slack:
            return
        if until is None or until - at > CALM:
            break  # Of a moment, before a hang-up or a hold, it may not be known that they met.
    check.broken("S27", f"with a human after {waited} s, it says, not {so}")


def start_is_kept(check: Any, key: str, transfer_id: str) -> None:
    """S14, S15: an accepted start exists, and the same key is the same transfer."""
    if check.keys.setdefault(key, transfer_id) != transfer_id:
        check.broken("S14", f"one key, two transfers: {check.keys[key]} and {transfer_id}")
    runs = [watch for watch in check.watches.values() if watch.view.get("id") == transfer_id]
    if not runs:
        check.broken("S15", "a start was accepted, and there is no such transfer")
    if len(runs) > 1:
        check.broken("S14", "one start, carried out twice")


# --- requests ----------------------------------------------------------------------------------


def dialled_once(check: Any, record: dict[str, Any]) -> None:
    """S4, S22: one create per label, only to those who were named, and only so many."""
    if not record["effect"] or record["route"] not in ("participants.create", "calls.create"):
        return
    params = record["params"]
    label = params.get("Label") or str(params.get("StatusCallback", "")).rpartition("/")[2]
    dialled = check.dialled
    if label in dialled:
        # A dial whose outcome nobody knew, and that left no leg, is made again: once for each fault
        # that hid an outcome, never beside a leg that lives, and never if a callback has told.
        legs = [leg for leg in check.truth.legs.values() if leg.label == label]
        others = [leg for leg in legs if leg.call.created_at < check.now - 1e-6]
        check.redialled.add(label)
        is_known = any(check.is_known_to_have_ended(leg) for leg in others)
        if any(leg.call.live for leg in others) or is_known or len(legs) > 1 + check.doubts:
            check.broken("S4", f"{label} was dialled twice")
    dialled[label] = str(params.get("To", ""))
    to = str(params.get("To", "")).partition("?")[0]
    if to not in check.allowed:
        check.broken("S22", f"somebody was dialled who was not named: {to}")
    # A transfer has its targets and one recall, a new call its two agents.
    kind, part = label[16:18], label[:16]
    is_transfer = any(watch.view["id"].endswith(part) for watch in check.watches.values())
    targets = len(check.story.targets) if is_transfer else AGENTS
    allowed = {"-r": 1, "-v": 1, "-t": targets}.get(kind, 0)
    if sum(each.startswith(part + kind) for each in dialled) > allowed:
        check.broken("S4", "more dials than the policy has")


def well_addressed(check: Any, record: dict[str, Any]) -> None:
    """S29, S30: legs are ended by `completed`, and everything is addressed by its SID."""
    if record["route"] == "calls.update" and record["params"].get("Status") == "canceled":
        check.broken("S29", "a leg was ended by canceled")
    if record["route"].startswith("participants.") or record["route"].startswith("conferences."):
        below = record["path"].partition("/Conferences/")[2].removesuffix(".json")
        if below and not ROOM.match(below.partition("/")[0]):
            check.broken("S30", f"a room was addressed by its name: {below[:20]}")


def understood(check: Any, record: dict[str, Any]) -> None:
    """The simulated network has no bug of its own: its own refusals are never 500."""
    if record["status"] == 500:
        check.broken("network", f"{record['route']} was answered 500 by the simulator itself")


def flags_before_hold(check: Any, record: dict[str, Any]) -> None:
    """S9: an exit flag is never written where it would be ignored."""
    if "EndConferenceOnExit" in record["ignored"]:
        check.broken("S9", "an exit flag was written to somebody on hold, and ignored")


def agent_leaves_last(check: Any, record: dict[str, Any]) -> None:
    """S5: an agent is removed only from somebody who is cared for."""
    if record["route"] != "participants.delete" or not record["effect"]:
        return
    sid = record["path"].rpartition("/")[2].removesuffix(".json")
    agent = check.agent_leg()
    truth = check.truth
    caller = truth.caller
    if agent is None or sid != agent.call.sid or caller is None or not caller.is_live:
        return
    is_taken = "take_over" in check.ears.verbs
    others = [leg for leg in check.others() if is_taken or not leg.is_supervisor]
    if any(frozenset((leg.call.sid, caller.call.sid)) in truth.ever_talked for leg in others):
        return
    targets = [leg for leg in others if not leg.is_supervisor]
    was_asked = "complete" in check.asked or check.story.kind == "cold"
    if caller.is_held and was_asked and not any(leg.is_joined for leg in targets):
        return
    # A removal that was begun while the phone still rang: somebody has picked up since, and may
    # have hung up again, and the caller may be off hold for them already.
    late = CALM + check.cost
    is_crossed = any(leg.joined_at and check.now - leg.joined_at < late for leg in targets)
    if was_asked and is_crossed:
        return
    check.broken("S5", "the agent was removed before caller and target talked")


def nothing_after_the_end(check: Any, record: dict[str, Any]) -> None:
    """S11, S13: a transfer that is over touches nobody's leg but its own."""
    watch = check.watches.get(record["run"])
    if watch is None or watch.run.is_running or not record["effect"] or check.was_terminated:
        return
    sid = record["path"].rpartition("/")[2].removesuffix(".json")
    leg = check.truth.legs.get(sid)
    if leg is not None and leg.label[:16] != watch.view["id"][-16:] and leg.is_live:
        check.broken("S13", f"{record['route']} on {leg.address} by a transfer that is over")


# --- TaskRouter --------------------------------------------------------------------------------


def _spaces(check: Any) -> list[Any]:
    return list(check.stage.network.taskrouter.workspaces.values())


def _tasks(check: Any) -> list[Any]:
    return [task for space in _spaces(check) for task in space.tasks.values()]


def nobody_booked_twice(check: Any) -> None:
    """S20: no worker has more than one call, no transfer more than one worker."""
    for space in _spaces(check):
        for worker in space.workers.values():
            taken = [r for r in worker.open.values() if r.status in ("accepted", "wrapping")]
            if len(taken) > 1:
                check.broken("S20", f"{worker.name} has {len(taken)} calls at once")
        for task in space.tasks.values():
            taken = [r for r in task.reservations.values() if r.status in ("accepted", "wrapping")]
            if len(taken) > 1:
                check.broken("S20", f"a task has {len(taken)} workers")


def workers_are_true(check: Any) -> None:
    """S19: whoever is booked has a call."""
    for space in _spaces(check):
        for worker in space.workers.values():
            phone = str(worker.attributes.get("contact_uri", ""))
            has_leg = bool(check.stage.network.phones.get(phone).calls)
            for reservation in worker.open.values():
                is_idle = reservation.status in ("accepted", "wrapping") and not has_leg
                check.lasting("S19", reservation.sid, is_idle, check.bounds.taskrouter_seconds,
                              f"{worker.name} is {reservation.status} and has no call")  # fmt: skip
        for task in space.tasks.values():
            room = task.attributes.get("handover", {}).get("conference_sid")
            found = check.stage.network.conferences_by_sid.get(str(room))
            is_vain = task.status in ACTIVE and found is not None and found.ended
            check.lasting("S19", task.sid, is_vain, check.bounds.taskrouter_seconds,
                          f"a task is {task.status} and its call is over")  # fmt: skip


# --- at rest, and at the end -------------------------------------------------------------------


def restored(check: Any) -> None:
    """S8: after a transfer that came to nothing all is as it was."""
    caller, agent = check.truth.caller, check.agent_leg()
    if not check.watches or caller is None or agent is None or check.was_terminated:
        return
    watch = list(check.watches.values())[-1]
    is_given_back = watch.state in ("cancelled", "failed", "resumed")
    if not is_given_back or not caller.is_joined or not agent.is_joined:
        return
    if agent.room is not caller.room or watch.view["reason"] == "provider_down":
        return
    if caller.is_held:
        check.broken("S8", f"{watch.state}, and the caller is on hold")
    for leg in (caller, agent):
        before = check.snapshot.get(leg.address)
        if before is not None and leg.exit_flag != before and not agent.is_held:
            check.broken("S8", f"the exit flag of {leg.address} is not what it was")


def nothing_left(check: Any) -> None:
    """L2, S19: the global post-condition."""
    network = check.stage.network
    # The caller's own phone may still listen to an apology; everything else must be over.
    live = [f"{c.phone} {c.status}" for c in network.live_calls.values()]
    if live:
        check.broken("S2", f"still on the phone: {live}")
    running = [r.id for runs in check.stage.server.runs.values() for r in runs if r.is_running]
    if check.has_lost_news and not check.story.has_guardian:
        # Nobody tells whoever watches a call without anybody on it.
        running = [each for each in running if not each.startswith("call/")]
    if running:
        check.broken("L2", f"still running: {[each.partition('/')[0] for each in running]}")
    for space in _spaces(check):
        for task in space.tasks.values():
            if task.open:
                check.broken("S19", f"a task is still {task.status}")
        for worker in space.workers.values():
            if worker.open:
                check.broken("S19", f"{worker.name} is still busy")


AT_EVERY_STEP = (
    nobody_stranded, consult_is_private, cancel_is_heard,
    one_leg_per_attempt, no_leg_left_over, one_owner, bounded, nobody_booked_twice,
    workers_are_true, recorded_as_allowed,
)  # fmt: skip
OF_A_REQUEST = (
    understood, dialled_once, well_addressed, flags_before_hold, agent_leaves_last,
    nothing_after_the_end,
)  # fmt: skip
AT_REST = (restored, recorded_again)
AT_THE_END = (nothing_left,)
