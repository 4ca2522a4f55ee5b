"""Refuses what Twilio did not sign. Every route of Twilio depends on this, by its router.

The signed address is built from `PUBLIC_BASE_URL` and the raw path and query; nothing that a client
can set (`Host`, `X-Forwarded-…`) takes part. The algorithm is fixed: SHA-1 over the account's token
(https://www.twilio.com/docs/usage/security#validating-requests).
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from urllib.parse import parse_qs, parse_qsl, urlparse

from starlette.datastructures import FormData
from starlette.requests import Request
from twilio.request_validator import RequestValidator, add_port, remove_port

from api.errors import Problem

SIGNATURE = "x-twilio-signature"
TOKEN = "i-twilio-idempotency-token"  # noqa: S105 - the name of a header
FORM = "application/x-www-form-urlencoded"
FIELDS_MAX = 500
"""A call event has some 40 parameters. Twilio adds new ones without notice."""


@dataclass(frozen=True)
class Webhook:
    """A genuine request of Twilio."""

    form: FormData
    token: str
    """The same for each repetition of one event."""

    def get(self, name: str) -> str:
        """A parameter, or empty text; the first value if there are more."""
        values = self.form.getlist(name)
        return str(values[0]) if values else ""


class Signatures:
    """Tells genuine requests from others. Never raises anything but the one refusal."""

    def __init__(self, base_url: str, account_sid: str, tokens: tuple[str, ...]) -> None:
        self._base_url = base_url
        self._account_sid = account_sid
        self._validators = tuple(RequestValidator(token) for token in tokens)

    async def verified(self, request: Request) -> Webhook:
        """The request as a `Webhook`. Raises the same 403 for whatever is not genuine."""
        body = await request.body()
        given = request.headers.getlist(SIGNATURE)
        if len(given) != 1 or not given[0].isascii():
            raise refusal()
        raw_path = request.scope.get("raw_path") or request.url.path.encode()
        url = self._base_url + raw_path.decode("latin-1")
        query = request.scope.get("query_string", b"").decode("latin-1")
        if query:
            url += f"?{query}"
        media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        form = self._form(media_type, body, query)
        if form is None or not self._is_signed(url, form, given[0]):
            raise refusal()
        is_get = request.method == "GET"
        if is_get:
            # Its parameters are part of the address, and with it of the signature.
            form = _read(query)
            if form is None:
                raise refusal()
        accounts = form.getlist("AccountSid")
        if accounts != [self._account_sid] and (media_type == FORM or is_get or accounts):
            raise refusal()
        return Webhook(form, request.headers.get(TOKEN, "")[:100])

    def _form(self, media_type: str, body: bytes, query: str) -> FormData | None:
        """The parameters that take part in the signature; None for a body that cannot.

        Blank values and repeated names stay: Twilio signed them too.
        """
        if media_type == FORM or not body:
            return _read(body.decode("latin-1"))
        if media_type == "application/json":
            stated = parse_qs(query).get("bodySHA256", [""])[0].encode()
            computed = hashlib.sha256(body).hexdigest().encode()
            return FormData() if hmac.compare_digest(stated, computed) else None
        return None

    def _is_signed(self, url: str, form: FormData, signature: str) -> bool:
        """Whether one of our tokens signed it, with or without the port in the address, as the
        library has it. All are tried and compared by `hmac`, so that the time tells nothing: the
        library's own comparison is faster by some nanoseconds for each character that is right.
        """
        try:
            parsed = urlparse(url)
            urls = remove_port(parsed), add_port(parsed)
            results = [
                hmac.compare_digest(each.compute_signature(tried, form), signature)
                for each in self._validators
                for tried in urls
            ]
        except (ValueError, TypeError, UnicodeError):
            return False
        return any(results)


def _read(text: str) -> FormData | None:
    """Encoded parameters; None if there are too many."""
    try:
        pairs = parse_qsl(text, keep_blank_values=True, errors="replace", max_num_fields=FIELDS_MAX)
    except ValueError:
        return None
    return FormData([(name, value) for name, value in pairs])


def refusal() -> Problem:
    """The one answer to everything that is not genuine."""
    return Problem(403, "signature_invalid", "This address answers Twilio's signed requests only.")


async def verify(request: Request) -> None:
    """The router's dependency: refuses, or leaves the `Webhook` on the request's state."""
    signatures: Signatures = request.app.state.signatures
    request.state.webhook = await signatures.verified(request)
