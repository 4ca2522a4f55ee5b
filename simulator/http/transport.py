"""One signed request to the application: the wire side of the outbox."""

import time
from dataclasses import dataclass
from urllib.parse import quote, unquote, urlencode, urlsplit, urlunsplit

import aiohttp
from yarl import URL

from simulator.core.outbox import Fetch, Reply
from simulator.http.overrides import OverrideError, Overrides, split
from simulator.http.signature import sign, signed_url

USER_AGENT = "TwilioProxy/1.1"
# Shorter than the five seconds after which common servers drop an idle connection.
KEEP_ALIVE_SECONDS = 2.0
BODY_BYTES_MAX = 256 * 1024


@dataclass(frozen=True, slots=True)
class Outcome:
    reply: Reply
    attempts: int
    seconds: float


class Transport:
    """A pool of kept connections. Must be opened inside the event loop that uses it."""

    def __init__(self, auth_token: str) -> None:
        self._token = auth_token
        self._session: aiohttp.ClientSession | None = None

    async def open(self) -> None:
        connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=KEEP_ALIVE_SECONDS)
        self._session = aiohttp.ClientSession(connector=connector, auto_decompress=True)

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()

    async def send(self, fetch: Fetch) -> Outcome:
        """Send, and send again where the policy says so; never raises."""
        began = time.monotonic()
        try:
            address, overrides = split(fetch.url)
        except OverrideError as error:
            return Outcome(Reply(0, error=f"11243: {error}"), 0, 0.0)
        attempts = 0
        while True:
            attempts += 1
            reply, failure = await self._once(fetch, address, overrides, began)
            spent = time.monotonic() - began
            tired = attempts > overrides.retries or spent >= overrides.total_seconds
            if not failure or tired or not overrides.retries_on(failure):
                return Outcome(reply, attempts, spent)

    async def _once(
        self, fetch: Fetch, address: str, overrides: Overrides, began: float
    ) -> tuple[Reply, str]:
        """One attempt: the reply, and the kind of failure (empty when there was none)."""
        left = max(0.001, overrides.total_seconds - (time.monotonic() - began))
        limits = aiohttp.ClientTimeout(
            total=left,
            sock_connect=overrides.connect_seconds,
            sock_read=overrides.read_seconds,
        )
        try:
            reply = await self._exchange(fetch, address, limits)
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            return Reply(0, error=f"connect: {error}"), "ct"
        except TimeoutError:
            return Reply(0, error="no answer in time"), "rt"
        except (aiohttp.ClientError, ValueError) as error:
            return Reply(0, error=f"{type(error).__name__}: {error}"), "broken"
        failure = {4: "4xx", 5: "5xx"}.get(reply.status // 100, "")
        return reply, failure

    async def _exchange(self, fetch: Fetch, address: str, limits: aiohttp.ClientTimeout) -> Reply:
        """W-08: credentials in the address are only shown when the application asks for them."""
        parts = urlsplit(address)
        plain = urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
        reply = await self._request(fetch, plain, limits, None)
        if reply.status == 401 and parts.username:
            login = aiohttp.encode_basic_auth(
                unquote(parts.username), unquote(parts.password or "")
            )
            reply = await self._request(fetch, plain, limits, login)
        return reply

    async def _request(
        self,
        fetch: Fetch,
        url: str,
        limits: aiohttp.ClientTimeout,
        login: str | None,
    ) -> Reply:
        if self._session is None:
            raise aiohttp.ClientError("the transport is closed")
        headers = {"User-Agent": USER_AGENT, "I-Twilio-Idempotency-Token": fetch.token}
        if login is not None:
            headers["Authorization"] = login
        data: bytes | None = None
        if fetch.method == "GET":
            url = with_query(url, fetch.params)
            headers["X-Twilio-Signature"] = sign(self._token, signed_url(url))
        else:
            headers["Content-Type"] = "application/x-www-form-urlencoded; charset=UTF-8"
            headers["X-Twilio-Signature"] = sign(self._token, signed_url(url), fetch.params)
            data = urlencode(fetch.params).encode()
        async with self._session.request(
            fetch.method,
            URL(url, encoded=True),
            data=data,
            headers=headers,
            timeout=limits,
            max_redirects=5,
        ) as response:
            body = await response.content.read(BODY_BYTES_MAX)
            while not response.content.at_eof() and len(body) < BODY_BYTES_MAX:
                body += await response.content.read(BODY_BYTES_MAX)
            text = body.decode(response.charset or "utf-8", errors="replace")
            return Reply(response.status, text, response.content_type)


def with_query(url: str, params: dict[str, str]) -> str:
    query = urlencode(params, quote_via=quote)
    return f"{url}{'&' if '?' in url else '?'}{query}" if query else url
