"""The way to Twilio: the official SDK over one pooled, time-limited connection.

Never retries, never follows a redirect, never logs a body or a query. Whether a request may be
repeated is decided by the activity that knows what it would repeat.
"""

from __future__ import annotations

import asyncio
import json
import logging
import re
import time
from base64 import b64encode
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import lru_cache
from typing import Any
from urllib.parse import urlencode

import aiohttp
from twilio.base.exceptions import TwilioException
from twilio.http import AsyncHttpClient
from twilio.http.response import Response
from twilio.rest import Client
from yarl import URL

from activities.settings import TwilioSettings
from activities.throttle import Throttle, count_request, priority_here

TOTAL_SECONDS = 2.5
"""Time limit of one request. Below an activity's usual 3 seconds, so that the activity reports the
time-out itself; the SDK's own client ignores the limit given to its constructor."""
CONNECT_SECONDS = 1.5
"""Part of it for the connection: no connection means nothing was asked, and that is worth knowing
early. A first packet that is lost is sent again after a second (RFC 6298, section 2.1)."""
KEEP_ALIVE_SECONDS = 15.0
"""An idle connection is dropped after this, before load balancers usually do it: a POST sent into a
connection that the other side has just closed has an unknown outcome."""
ANSWER_BYTES_MAX = 4 * 1024 * 1024
"""More than the longest list page; anything longer is not Twilio's answer."""

_TWILIO = re.compile(r"^https://(?:api|taskrouter)(?:\.[a-z0-9-]+)*\.twilio\.com")

_logger = logging.getLogger(__name__)


class TooManyRequests(TwilioException):  # type: ignore[misc]
    """429: the request was not processed. Carries Retry-After, which the SDK's error loses."""

    def __init__(self, retry_after: float | None) -> None:
        super().__init__("HTTP 429")
        self.retry_after = retry_after


class UnexpectedAnswer(TwilioException):  # type: ignore[misc]
    """An answer that cannot be Twilio's: a redirect, a page, or nothing where a record belongs."""


class HttpClient(AsyncHttpClient):  # type: ignore[misc]
    """The transport below the SDK. Make it inside a running loop."""

    def __init__(
        self,
        base_url: str = "",
        total_seconds: float = TOTAL_SECONDS,
        connect_seconds: float = CONNECT_SECONDS,
        throttle: Throttle | None = None,
    ) -> None:
        super().__init__(_logger, True, None)
        self.throttle = throttle or Throttle()
        self._base_url = base_url.rstrip("/")
        self.dated = (0.0, "")
        """What time Twilio's newest answer told, and when it came by the loop's clock."""
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=KEEP_ALIVE_SECONDS),
            timeout=aiohttp.ClientTimeout(total=total_seconds, connect=connect_seconds),
            cookie_jar=aiohttp.DummyCookieJar(),
        )

    async def request(
        self,
        method: str,
        uri: str,
        params: dict[str, object] | None = None,
        data: dict[str, object] | None = None,
        headers: dict[str, str] | None = None,
        auth: tuple[str, str] | None = None,
        timeout: float | None = None,  # noqa: ASYNC109 - the SDK's signature
        allow_redirects: bool = False,
    ) -> Response:
        """One request, one answer. `timeout` and `allow_redirects` of the SDK are not obeyed."""
        url = self._rewrite(uri)
        if params:
            url = f"{url}?{urlencode(params, doseq=True)}"
        body = urlencode(data, doseq=True).encode() if data else None
        async with self.throttle.slot(priority_here()):
            count_request()
            try:
                answer = await self._send(method.upper(), url, body, headers or {}, auth)
            except TooManyRequests as refusal:
                self.throttle.refused(refusal.retry_after)
                raise
            except (TwilioException, aiohttp.ClientError, TimeoutError, OSError):
                self.throttle.failed()
                raise
            if answer.status_code >= 500:
                self.throttle.failed()
            else:
                self.throttle.answered()
            return answer

    async def _send(
        self,
        method: str,
        url: str,
        body: bytes | None,
        headers: dict[str, str],
        auth: tuple[str, str] | None,
    ) -> Response:
        started = time.monotonic()
        async with self._session.request(
            method,
            URL(url, encoded=True),
            data=body,
            headers={**headers, **_authorization(auth)},
            allow_redirects=False,
        ) as answer:
            text = await _read(answer)
            if told := answer.headers.get("Date"):
                self.dated = (asyncio.get_running_loop().time(), told)
            took = (time.monotonic() - started) * 1000
            _logger.debug("%s -> %d in %.0f ms", method, answer.status, took)
            _refuse_strange_answers(answer, text)
            return Response(answer.status, text, answer.headers)

    async def close(self) -> None:
        """Close all connections."""
        await self._session.close()

    def _rewrite(self, uri: str) -> str:
        return _TWILIO.sub(self._base_url, uri) if self._base_url else uri


@asynccontextmanager
async def open_client(
    settings: TwilioSettings,
    total_seconds: float = TOTAL_SECONDS,
    throttle: Throttle | None = None,
) -> AsyncIterator[Client]:
    """The SDK's client for these settings, closed at the end. Clients of one process share one
    `throttle`."""
    http = HttpClient(settings.twilio_base_url, total_seconds, throttle=throttle)
    username, password = settings.rest_credentials
    client = Client(username, password, settings.twilio_account_sid, http_client=http)
    try:
        yield client
    finally:
        await http.close()


@lru_cache(8)
def _authorization(auth: tuple[str, str] | None) -> Mapping[str, str]:
    """Basic authentication, RFC 7617. A process has one or two logins."""
    if auth is None:
        return {}
    return {"Authorization": "Basic " + b64encode(":".join(auth).encode()).decode()}


async def _read(answer: aiohttp.ClientResponse) -> str:
    parts: list[bytes] = []
    size = 0
    async for chunk in answer.content.iter_chunked(65536):
        size += len(chunk)
        if size > ANSWER_BYTES_MAX:
            raise UnexpectedAnswer("answer too long")
        parts.append(chunk)
    return b"".join(parts).decode("utf-8", errors="replace")


def _refuse_strange_answers(answer: aiohttp.ClientResponse, text: str) -> None:
    """The SDK takes any 3xx for a record when fetching, and any body for JSON."""
    if answer.status == 429:
        raise TooManyRequests(_seconds(answer.headers.get("Retry-After")))
    if 300 <= answer.status < 400:
        raise UnexpectedAnswer("redirect")
    if answer.status < 300 and text and not _is_record(text):
        raise UnexpectedAnswer("not a JSON object")


def _is_record(text: str) -> bool:
    try:
        record: Any = json.loads(text)
    except ValueError:
        return False
    return isinstance(record, dict)


def _seconds(header: str | None) -> float | None:
    """Retry-After in seconds, within reason; the form with a date is not used by Twilio."""
    try:
        seconds = float(header or "")
    except ValueError:
        return None
    return min(seconds, 30.0) if seconds >= 0 else None
