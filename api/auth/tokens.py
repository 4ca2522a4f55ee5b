"""JSON Web Tokens: checked against one configured key or issuer, with one configured algorithm.

A token carries `sub`, `role` and `exp`, for an agent `address` (default: `client:` and `sub`), and
for a supervisor `teams`, a list of names.
What it says about algorithms, key addresses or embedded keys is never followed.
"""

from __future__ import annotations

import re
from typing import Any

import jwt
from jwt import PyJWK
from jwt.exceptions import PyJWTError

from api.auth.jwks import Jwks
from api.auth.principal import ADDRESS, Principal, Role
from api.settings import Settings

LEEWAY_SECONDS = 30
TYPES = frozenset({None, "JWT", "jwt", "at+jwt", "application/at+jwt"})
_SUBJECT = re.compile(r"^[A-Za-z0-9_.@|+-]{1,120}$")


class Tokens:
    """Verifies tokens as the settings say; accepts none when no secret and no issuer is set."""

    def __init__(self, settings: Settings, jwks: Jwks | None = None) -> None:
        secret = settings.handover_jwt_secret
        self._secret = secret.get_secret_value() if secret else ""
        self._algorithm = "HS256" if self._secret else settings.handover_jwks_algorithm
        self._issuer = settings.handover_jwt_issuer
        self._audience = settings.handover_jwt_audience
        url = settings.handover_jwks_url
        self._jwks = jwks or (Jwks(url) if url else None)

    async def principal(self, token: str) -> Principal | None:
        """Whom a genuine, current token stands for; None for any other text."""
        try:
            header = jwt.get_unverified_header(token)
        except (PyJWTError, ValueError):
            return None
        if header.get("alg") != self._algorithm or header.get("typ") not in TYPES:
            return None
        key = await self._key(header)
        if key is None:
            return None
        try:
            claims: dict[str, Any] = jwt.decode(
                token,
                key,
                algorithms=[self._algorithm],
                audience=self._audience or None,
                issuer=self._issuer or None,
                leeway=LEEWAY_SECONDS,
                options={
                    "require": ["exp", "sub", "role"],
                    "verify_aud": bool(self._audience),
                    "verify_iss": bool(self._issuer),
                },
            )
        except (PyJWTError, ValueError, TypeError, OverflowError):
            return None
        return _principal(claims)

    async def _key(self, header: dict[str, Any]) -> str | PyJWK | None:
        if self._secret:
            return self._secret
        kid = header.get("kid")
        if self._jwks is None or not isinstance(kid, str) or len(kid) > 200:
            return None
        return await self._jwks.key(kid)


def _principal(claims: dict[str, Any]) -> Principal | None:
    """The claims as a principal; None if one of them is not of ours."""
    subject, role = claims.get("sub"), claims.get("role")
    if not isinstance(subject, str) or not _SUBJECT.fullmatch(subject) or role not in tuple(Role):
        return None
    default = f"client:{subject}" if role == Role.AGENT else ""
    address = claims.get("address", default)
    if address and (not isinstance(address, str) or not ADDRESS.fullmatch(address)):
        return None
    teams = claims.get("teams", [])
    if not isinstance(teams, list) or not all(isinstance(each, str) for each in teams):
        return None
    issuer = claims.get("iss", "")
    who = f"jwt:{issuer}:{subject}"
    return Principal(who, Role(role), address or default, frozenset(teams))
