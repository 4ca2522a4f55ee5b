"""The public keys of an issuer of tokens, fetched rarely and never for long.

Keys stay valid for `LIFE_SECONDS`, are renewed in the background before that, and go on being used
while the issuer cannot be reached. A key id that is not known asks again at most once a minute.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable

import aiohttp
import structlog
from jwt import PyJWK, PyJWKSet
from jwt.exceptions import PyJWTError

log = structlog.get_logger("handover.api.jwks")

LIFE_SECONDS = 600.0
"""A key that the issuer withdrew is refused after this at the latest."""
RENEW_SECONDS = 300.0
STALE_SECONDS = 3600.0
"""How long keys are used when the issuer does not answer at all."""
ATTEMPT_SECONDS = 60.0
"""At most one fetch in this time, whatever anybody sends us."""
FETCH_SECONDS = 2.0
BODY_BYTES_MAX = 256 * 1024

Fetch = Callable[[str], Awaitable[bytes]]
Clock = Callable[[], float]


class Jwks:
    """The keys behind one configured address. Nothing in a token can change the address."""

    def __init__(self, url: str, fetch: Fetch | None = None, clock: Clock = time.monotonic) -> None:
        self._url = url
        self._fetch = fetch or fetch_body
        self._clock = clock
        self._keys: dict[str, PyJWK] = {}
        self._fetched_at: float | None = None
        self._attempted_at: float | None = None
        self._attempt: asyncio.Task[None] | None = None

    async def key(self, kid: str) -> PyJWK | None:
        """The key with this id; None if the issuer has none or cannot be asked."""
        age = self._age
        if age is None or age > LIFE_SECONDS or kid not in self._keys:
            await self._renew()
        elif age > RENEW_SECONDS:
            self._begin_attempt()
        age = self._age
        return self._keys.get(kid) if age is not None and age <= STALE_SECONDS else None

    @property
    def _age(self) -> float | None:
        return None if self._fetched_at is None else self._clock() - self._fetched_at

    async def _renew(self) -> None:
        """Waits for a fetch, if one is due or under way."""
        self._begin_attempt()
        if self._attempt is not None:
            await asyncio.shield(self._attempt)

    def _begin_attempt(self) -> None:
        if self._attempt is not None and not self._attempt.done():
            return
        now = self._clock()
        if self._attempted_at is not None and now - self._attempted_at < ATTEMPT_SECONDS:
            self._attempt = None
            return
        self._attempted_at = now
        self._attempt = asyncio.get_running_loop().create_task(self._load())

    async def _load(self) -> None:
        """One fetch. Whatever goes wrong, the keys of before stay."""
        try:
            async with asyncio.timeout(FETCH_SECONDS):
                body = await self._fetch(self._url)
            keys = PyJWKSet.from_dict(json.loads(body)).keys
        except (TimeoutError, aiohttp.ClientError, OSError, ValueError, TypeError) as error:
            log.warning("signing keys could not be fetched", error=type(error).__name__)
        except (PyJWTError, AttributeError, KeyError) as error:
            log.warning("signing keys could not be read", error=type(error).__name__)
        else:
            self._keys = {key.key_id: key for key in keys if key.key_id}
            self._fetched_at = self._clock()


async def fetch_body(url: str) -> bytes:
    """The body at `url`: no redirects, a bounded size. Raises what `Jwks` expects."""
    timeout = aiohttp.ClientTimeout(total=FETCH_SECONDS)
    async with (
        aiohttp.ClientSession(timeout=timeout) as session,
        session.get(url, allow_redirects=False) as response,
    ):
        if response.status != 200:
            raise ValueError("not 200")
        body = await response.content.read(BODY_BYTES_MAX + 1)
        while len(body) <= BODY_BYTES_MAX and (more := await response.content.read(65536)):
            body += more
        if len(body) > BODY_BYTES_MAX:
            raise ValueError("too large")
        return body
