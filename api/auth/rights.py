"""Who may do what. Pure, and the whole table:

| | agent who started it | agent on the call | other agent | supervisor | service |
|---|---|---|---|---|---|
| see a transfer, its events | yes | yes | 404 | of the team | yes |
| complete, cancel, swap, join, drop | yes | 403 | 404 | of the team | yes |
| see a call, and whether it is recorded | – | yes | 404 | of the team | yes |
| pause and resume its recording | – | yes | 404 | of the team | yes |
| start, naming itself | – | yes | 404 | of the team | yes |
| start, naming another agent | – | 403 | 404 | of the team | yes |
| start on a call that has no record | – | 404 | 404 | 404 | yes |
| see who supervises a call | – | those not hidden | 404 | of the team | yes |
| supervise: join, change, take over, remove | – | 403 | 404 | of the team | yes |
| ask for help, withdraw it | – | yes | 404 | 403 | yes |
| hold | – | yes | 404 | yes | yes |
| resume | yes | 403 | 404 | yes | yes |
| mute, un-mute itself; announce | – | yes | 404 | yes | yes |
| mute, un-mute another agent | – | 403 | 404 | yes | yes |

A supervisor acts on the calls of the own team: those with an agent of a team that the supervisor
is in (`HANDOVER_TEAMS`), and is answered 404 for others. Without that setting there is one team.
What somebody may not know of is answered like what does not exist.
"""

from __future__ import annotations

from collections.abc import Iterable

from api.auth.principal import Principal, Role
from api.engine.records import CallRecord, person_at
from workflows.hold_messages import HoldView
from workflows.machine.model import Party
from workflows.messages import PersonView, TransferView


def sees_all(principal: Principal) -> bool:
    """Whether no call is hidden from this principal."""
    return principal.role is Role.SERVICE or (
        principal.role is Role.SUPERVISOR and principal.covered is None
    )


def covers(principal: Principal, *agents: str) -> bool:
    """Whether one of these agents is of the principal's team, or the principal sees all."""
    if sees_all(principal):
        return True
    return principal.covered is not None and any(each in principal.covered for each in agents)


def may_see(principal: Principal, view: TransferView) -> bool:
    """Whether the principal may know of this transfer."""
    if may_act(principal, view):
        return True
    return person_at(principal.address, view.people) is not None


def may_act(principal: Principal, view: TransferView) -> bool:
    """Whether the principal may press this transfer's buttons."""
    agents = (view.agent_address, *_agents(view.people))
    return is_own(principal, view) or covers(principal, *agents)


def acts_as(principal: Principal) -> str | None:
    """Whose transfers the principal may act on, as far as that can be told without a look: those of
    one agent, by the address, or everybody's, as an empty one. None: a look has to tell."""
    if sees_all(principal):
        return ""
    return principal.address or None


def may_see_call(principal: Principal, record: CallRecord) -> bool:
    """Whether the principal may know of this call."""
    if record.call is None and record.transfer is None and record.hold is None:
        return False
    if may_supervise(principal, record):
        return True
    if record.hold and record.hold.is_running and may_act_on_hold(principal, record.hold.view):
        return True
    if record.transfer and record.transfer.is_running and is_own(principal, record.transfer.view):
        return True
    return person_at(principal.address, record.people) is not None


def may_record(principal: Principal, record: CallRecord) -> bool:
    """Whether the principal may have the call's recording paused and resumed: a phone that only
    rings is not on the call yet."""
    if sees_all(principal) or may_supervise(principal, record):
        return True
    person = person_at(principal.address, record.people)
    return person is not None and person.presence in ("present", "leaving")


def may_start(principal: Principal, record: CallRecord) -> bool:
    """Whether the principal may start a transfer of this call."""
    if record.call is None and record.transfer is None and record.hold is None:
        return principal.role is Role.SERVICE
    return may_see_call(principal, record)


def may_act_on_hold(principal: Principal, view: HoldView) -> bool:
    """Whether the principal may end this hold: whoever holds the caller, and who sees all."""
    return sees_all(principal) or (
        bool(principal.address) and principal.address == view.agent_address
    )


def may_supervise(principal: Principal, record: CallRecord) -> bool:
    """Whether the principal may listen to this call, and whisper, barge in or take it over."""
    if record.call is None and record.transfer is None:
        return False
    own = (record.transfer.view.agent_address,) if record.transfer else ()
    return covers(principal, *own, *_agents(record.people))


def is_own(principal: Principal, view: TransferView) -> bool:
    """Whether the principal is the agent whose transfer this is."""
    return bool(principal.address) and principal.address == view.agent_address


def _agents(people: Iterable[PersonView]) -> tuple[str, ...]:
    return tuple(each.address for each in people if each.party != Party.CALLER and each.address)
