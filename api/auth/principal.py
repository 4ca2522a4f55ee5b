"""Who is asking: a named principal with a role, and for an agent the address of its phone."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

_KEY_NAME = re.compile(r"^[A-Za-z0-9_.@-]{1,64}$")
ADDRESS = re.compile(
    r"client:[A-Za-z0-9_][A-Za-z0-9_.@+=-]{0,119}|\+[1-9][0-9]{6,14}|sip:[\w.+~-]+@[a-z0-9.-]+",
    re.ASCII,
)
"""What an agent's phone may be called."""
TEAM = re.compile(r"^[A-Za-z0-9_.-]{1,64}$")
_SHA256 = re.compile(r"^[0-9a-f]{64}$")


class Role(StrEnum):
    """What a principal may do; see `api.auth.rights` for the table."""

    AGENT = "agent"
    SUPERVISOR = "supervisor"
    SERVICE = "service"


@dataclass(frozen=True)
class Principal:
    """Somebody who showed a credential. `id` tells principals apart, also across credentials."""

    id: str
    role: Role
    address: str = ""
    """The phone of an agent, as `client:alice`. Empty for supervisors without a phone."""
    teams: frozenset[str] = frozenset()
    """Teams that the credential itself names, for a supervisor."""
    covered: frozenset[str] | None = None
    """The agents of the teams that a supervisor is in; None where there are no teams."""

    @property
    def by(self) -> str:
        """The word of the journal for a request of this principal."""
        return "agent" if self.role is Role.AGENT else "operator"


Teams = Mapping[str, frozenset[str]]
"""A team's name -> its members: agents by address, supervisors by `key:name` or by address."""


def parse_teams(words: Iterable[str]) -> Teams:
    """`team=member` words -> the teams. Raises ValueError that names the first word that is not."""
    teams: dict[str, frozenset[str]] = {}
    for word in words:
        name, _, member = word.partition("=")
        is_member = ADDRESS.fullmatch(member) or member.startswith("key:")
        if not TEAM.fullmatch(name) or not is_member:
            raise ValueError("each should be team=client:name, team=+number or team=key:name")
        teams[name] = teams.get(name, frozenset()) | {member}
    return teams


def in_teams(principal: Principal, teams: Teams) -> Principal:
    """The principal, and for a supervisor the agents whose calls are its business.

    With teams, a supervisor who is in none of them covers nobody.
    """
    if principal.role is not Role.SUPERVISOR or not teams:
        return principal
    names = {principal.id, principal.address} - {""}
    own = [who for team, who in teams.items() if team in principal.teams or names & who]
    return replace(principal, covered=frozenset().union(*own))


@dataclass(frozen=True)
class ApiKey:
    """One configured key: who it stands for, and the hash of its secret."""

    principal: Principal
    sha256: str


def parse_api_key(text: str) -> ApiKey:
    """`name:role:sha256hex[:address]` -> an `ApiKey`. Raises ValueError that shows no secret."""
    name, role, digest, address = (*text.split(":", 3), "", "", "")[:4]
    if not _KEY_NAME.fullmatch(name):
        raise ValueError("each key should be name:role:sha256hex or name:role:sha256hex:address")
    if role not in tuple(Role):
        raise ValueError(f"the role of key {name} should be agent, supervisor or service")
    if not _SHA256.fullmatch(digest):
        raise ValueError(f"key {name} should carry the SHA-256 of the secret, 64 hex digits")
    if role == Role.AGENT and not address:
        address = f"client:{name}"
    if address and not ADDRESS.fullmatch(address):
        raise ValueError(f"the address of key {name} should be client:name, a number, or sip:…")
    return ApiKey(Principal(f"key:{name}", Role(role), address), digest)


def principal_of_key(secret: str, keys: Sequence[ApiKey]) -> Principal | None:
    """Whom the presented secret stands for, if anybody.

    Every configured key is compared, in constant time, so that the time taken tells nothing.
    """
    presented = hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()
    found: Principal | None = None
    for key in keys:
        if hmac.compare_digest(presented, key.sha256):
            found = key.principal
    return found
