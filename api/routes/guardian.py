"""What the guardian found, for whoever runs the engine."""

from __future__ import annotations

from fastapi import APIRouter

from api.auth.rights import sees_all
from api.dependencies import PartsDep, PrincipalDep
from api.engine.guardians import guardian_record
from api.errors import Problem, documented
from api.schemas import GuardianItem

router = APIRouter(prefix="/v1", tags=["operation"])


@router.get("/guardian", summary="What the guardian found", responses=documented(401, 403, 503))
async def read_guardian(principal: PrincipalDep, parts: PartsDep) -> GuardianItem:
    """The last look at Twilio and what was found so far, for supervisors and services.

    Each finding is a lost callback, or a workflow that was ended by force, or a bug.
    """
    if not sees_all(principal):
        raise Problem(403, "operators_only", "Only supervisors and services may see this.")
    record = await guardian_record(parts.engine.temporal)
    return GuardianItem(is_looking=record.is_looking, guardian=record.view)
