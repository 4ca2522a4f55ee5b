"""Who may do what. Pure, and the whole table:

| | agent who started it | agent on the call | other agent | supervisor | service |
|---|---|---|---|---|---|
| see a transfer, its events | yes | yes | 404 | yes | yes |
| complete, cancel, swap, join, drop | yes | 403 | 404 | yes | yes |
| see a call, and whether it is recorded | – | yes | 404 | yes | yes |
| pause and resume its recording | – | yes | 404 | yes | yes |
| start, naming itself | – | yes | 404 | yes | yes |
| start, naming another agent | – | 403 | 404 | yes | yes |
| start on a call that has no record | – | 404 | 404 | 404 | yes |

What somebody may not know of is answered like what does not exist.
"""

from __future__ import annotations

from api.auth.principal import Principal, Role
from api.engine.records import CallRecord, person_at
from workflows.messages import TransferView


def sees_all(principal: Principal) -> bool:
    """Whether no call is hidden from this principal. Rights by team come with another issue."""
    return principal.role is not Role.AGENT


def may_see(principal: Principal, view: TransferView) -> bool:
    """Whether the principal may know of this transfer."""
    if sees_all(principal) or is_own(principal, view):
        return True
    return person_at(principal.address, view.people) is not None


def may_act(principal: Principal, view: TransferView) -> bool:
    """Whether the principal may press this transfer's buttons."""
    return sees_all(principal) or is_own(principal, view)


def may_see_call(principal: Principal, record: CallRecord) -> bool:
    """Whether the principal may know of this call."""
    if record.call is None and record.transfer is None:
        return False
    if sees_all(principal):
        return True
    if record.transfer and record.transfer.is_running and is_own(principal, record.transfer.view):
        return True
    return person_at(principal.address, record.people) is not None


def may_record(principal: Principal, record: CallRecord) -> bool:
    """Whether the principal may have the call's recording paused and resumed: a phone that only
    rings is not on the call yet."""
    if sees_all(principal):
        return True
    person = person_at(principal.address, record.people)
    return person is not None and person.presence in ("present", "leaving")


def may_start(principal: Principal, record: CallRecord) -> bool:
    """Whether the principal may start a transfer of this call."""
    if record.call is None and record.transfer is None:
        return principal.role is Role.SERVICE
    return may_see_call(principal, record)


def is_own(principal: Principal, view: TransferView) -> bool:
    """Whether the principal is the agent whose transfer this is."""
    return bool(principal.address) and principal.address == view.agent_address
