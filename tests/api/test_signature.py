"""Every webhook route refuses what Twilio did not sign: the list SEC-W, on every route there is."""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import httpx
import pytest
import pytest_asyncio
from fastapi import FastAPI
from fastapi.routing import APIRoute
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.requests import Request

from api.app import create_app
from api.errors import Problem
from api.settings import SettingsError, load_settings
from api.webhooks.signature import Signatures
from tests.api.conftest import make_settings
from tests.api.signing import ACCOUNT, BASE_URL, TOKEN, Pairs, form, signature, signed_headers

FORM = "application/x-www-form-urlencoded"
PAIRS: Pairs = [
    ("AccountSid", ACCOUNT),
    ("CallSid", "CA" + "1" * 32),
    ("CallStatus", "unheard-of"),
    ("Direction", "outbound-api"),
]
"""Genuine, and about nothing that would be carried to Temporal."""


def webhook_paths(app: FastAPI) -> Iterator[str]:
    """The path of every route of Twilio's, however it was added."""
    for route in flat(app.routes):
        if isinstance(route, APIRoute) and route.path.startswith("/twilio"):
            yield "/".join("x" if part.startswith("{") else part for part in route.path.split("/"))


def flat(routes: list[Any]) -> Iterator[Any]:
    """Routes, and the routes of routers among them."""
    for route in routes:
        inner = getattr(route, "routes", None) or getattr(
            getattr(route, "original_router", None), "routes", None
        )
        if inner:
            yield from flat(inner)
        else:
            yield route


def all_paths() -> list[str]:
    return sorted(set(webhook_paths(create_app(make_settings()))))


PATHS = all_paths()
ON_EVERY_ROUTE = pytest.mark.parametrize("path", PATHS)


@pytest_asyncio.fixture
async def http(deaf_app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(deaf_app)
    async with httpx.AsyncClient(transport=transport, base_url=BASE_URL) as client:
        yield client


async def post(
    http: httpx.AsyncClient,
    path: str,
    pairs: Pairs = PAIRS,
    signed: str | None = None,
    **headers: str,
) -> httpx.Response:
    """A form, signed as given; genuine unless told otherwise."""
    given = {"Content-Type": FORM, **headers}
    given["X-Twilio-Signature"] = signature(BASE_URL + path, pairs) if signed is None else signed
    return await http.post(path, content=form(pairs), headers=given)


def assert_refused(response: httpx.Response) -> None:
    assert response.status_code == 403
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["code"] == "signature_invalid"


def test_introspection_finds_the_routes() -> None:
    assert {"/twilio/conference", "/twilio/voice/inbound", "/twilio/status/x/x/x"} <= set(PATHS)
    assert len(PATHS) >= 9


@ON_EVERY_ROUTE
async def test_genuine_request_is_answered(http: httpx.AsyncClient, path: str) -> None:
    response = await post(http, path, [pair for pair in PAIRS if pair[0] != "CallSid"])
    assert response.status_code in (200, 204)


@ON_EVERY_ROUTE
async def test_w1_no_signature(http: httpx.AsyncClient, path: str) -> None:
    bodies = []
    for headers in ({}, {"Content-Type": FORM}, {"Content-Type": "application/json"}):
        for content in (b"", form(PAIRS), b"{}"):
            response = await http.post(path, content=content, headers=headers)
            assert_refused(response)
            bodies.append(response.content)
    assert len(set(bodies)) == 1


@ON_EVERY_ROUTE
async def test_w2_signature_of_a_bad_form(http: httpx.AsyncClient, path: str) -> None:
    right = signature(BASE_URL + path, PAIRS)
    for wrong in ("", " ", "x", "=" * 28, right[:-1], right + "=", right.lower(), "%" * 28):
        assert_refused(await post(http, path, signed=wrong))
    for value in (right.encode() + b"\xff", "ſ".encode()):
        headers = [("Content-Type", FORM), ("X-Twilio-Signature", value)]
        assert_refused(await http.post(path, content=form(PAIRS), headers=headers))
    twice = [("Content-Type", FORM), *[("X-Twilio-Signature", right)] * 2]
    assert_refused(await http.post(path, content=form(PAIRS), headers=twice))


@ON_EVERY_ROUTE
async def test_w3_changed_parameters(http: httpx.AsyncClient, path: str) -> None:
    right = signature(BASE_URL + path, PAIRS)
    for changed in (
        PAIRS[:-1],
        [*PAIRS, ("More", "1")],
        [*PAIRS[:-1], ("Direction", "inbound")],
        [*PAIRS[:-1], ("direction", "outbound-api")],
        [*PAIRS, ("Direction", "inbound")],
        [],
    ):
        assert_refused(await post(http, path, changed, signed=right))


@ON_EVERY_ROUTE
async def test_w4_signature_of_another_address(http: httpx.AsyncClient, path: str) -> None:
    for url in (
        f"{BASE_URL}/twilio/elsewhere",
        f"{BASE_URL}{path}/",
        f"{BASE_URL}{path}?",
        f"{BASE_URL}{path}?a=1",
        f"http://handover.example{path}",
        f"https://other.example{path}",
        f"https://handover.example:444{path}",
    ):
        assert_refused(await post(http, path, signed=signature(url, PAIRS)))
    right = signature(f"{BASE_URL}{path}?a=1&b=2", PAIRS)
    headers = {"Content-Type": FORM, "X-Twilio-Signature": right}
    assert_refused(await http.post(f"{path}?b=2&a=1", content=form(PAIRS), headers=headers))


@ON_EVERY_ROUTE
async def test_w5_address_comes_from_the_settings(http: httpx.AsyncClient, path: str) -> None:
    proxied = {
        "Host": "10.0.0.7:8000",
        "X-Forwarded-Host": "attacker.example",
        "X-Forwarded-Proto": "http",
        "X-Forwarded-Port": "81",
    }
    pairs = [pair for pair in PAIRS if pair[0] != "CallSid"]
    assert (await post(http, path, pairs, **proxied)).status_code in (200, 204)
    forged = signature(f"http://attacker.example{path}", pairs)
    assert_refused(await post(http, path, pairs, signed=forged, **proxied))


W6: Pairs = [
    ("AccountSid", ACCOUNT),
    ("Blank", ""),
    ("Twice", "b"),
    ("Twice", "a"),
    ("Spaces", "  both sides  "),
    ("Plus", "+1 202+555"),
    ("Name", "Müller 漢字 🎉"),
    ("Markup", "\"><Dial>'&amp;"),
]


@ON_EVERY_ROUTE
async def test_w6_genuine_oddities_and_w7_new_parameters(
    http: httpx.AsyncClient, path: str
) -> None:
    signed = signature(BASE_URL + path, W6)
    for body in (urlencode(W6), urlencode(W6, quote_via=quote)):
        headers = {"Content-Type": FORM, "X-Twilio-Signature": signed}
        response = await http.post(path, content=body, headers=headers)
        assert response.status_code in (200, 204)


@ON_EVERY_ROUTE
async def test_w8_json_bodies(http: httpx.AsyncClient, path: str) -> None:
    body = b'{"status": "x"}'
    digest = hashlib.sha256(body).hexdigest()
    bare = {"Content-Type": "application/json"}

    async def send(query: str, content: bytes) -> httpx.Response:
        headers = {**bare, "X-Twilio-Signature": signature(BASE_URL + path + query)}
        return await http.post(path + query, content=content, headers=headers)

    assert (await send(f"?bodySHA256={digest}", body)).status_code in (200, 204)
    assert_refused(await send(f"?bodySHA256={digest}", body + b" "))
    assert_refused(await send("", body))
    assert_refused(await send("?bodySHA256=", body))
    assert_refused(await send("?bodySHA256=%FF", body))
    assert (await send(f"?bodySHA256={digest.upper()}", body)).status_code == 403


@ON_EVERY_ROUTE
async def test_w9_algorithm_is_ours(http: httpx.AsyncClient, path: str) -> None:
    for named in ("algorithm=none", "algorithm=HMAC_MD5", "key=k1,algorithm=HMAC_SHA256"):
        headers = {"X-Twilio-Webhooks-Signature-Settings": named}
        assert_refused(await post(http, path, signed="", **headers))
        assert_refused(await post(http, path, signed="AAAA", **headers))


async def test_w10_tokens_of_a_rotation(deaf_app: FastAPI) -> None:
    path = "/twilio/voice/ended"
    for listed, status in ((("the old one", "an older one"), 200), ((), 403)):
        app = create_app(make_settings(handover_previous_auth_tokens=listed))
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(app), base_url=BASE_URL
        ) as client:
            for token in ("the old one", "an older one"):
                headers = signed_headers(path, PAIRS, token)
                response = await client.post(path, content=form(PAIRS), headers=headers)
                assert response.status_code == status
            assert (await post(client, path)).status_code == 200


@ON_EVERY_ROUTE
async def test_w11_another_account(http: httpx.AsyncClient, path: str) -> None:
    other = ("AccountSid", "AC" + "9" * 32)
    rest = [pair for pair in PAIRS if pair[0] != "AccountSid"]
    assert_refused(await post(http, path, [other, *rest]))
    assert_refused(await post(http, path, rest))
    assert_refused(await post(http, path, [other, *PAIRS]))


async def test_w12_shifted_boundaries_have_no_effect(http: httpx.AsyncClient) -> None:
    path = f"/twilio/status/transfer/CF{'0' * 32}/label"
    genuine: Pairs = [
        ("AccountSid", ACCOUNT),
        ("CallSid", "CA" + "1" * 32),
        ("CallStatus", "completed"),
    ]
    signed = signature(BASE_URL + path, genuine)
    for name, cut in itertools.product(range(3), range(1, 4)):
        shifted = list(genuine)
        key, value = shifted[name]
        shifted[name] = (key + value[:cut], value[cut:])
        response = await post(http, path, shifted, signed=signed)
        assert response.status_code in (204, 403)  # and the deaf application was not asked


def test_w14_empty_token_stops_the_process(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TWILIO_AUTH_TOKEN", "  ")
    with pytest.raises(SettingsError, match="TWILIO_AUTH_TOKEN"):
        load_settings()


@ON_EVERY_ROUTE
async def test_w16_other_methods(http: httpx.AsyncClient, path: str) -> None:
    for method in ("GET", "HEAD", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"):
        response = await http.request(method, path, headers={"X-Twilio-Signature": "x"})
        if method == "GET" and path.startswith("/twilio/status/"):
            assert_refused(response)
        else:
            assert response.status_code == 405, method


async def test_parameters_of_a_get_are_signed_with_the_address(http: httpx.AsyncClient) -> None:
    path = f"/twilio/status/transfer/x/x?{urlencode(PAIRS)}"
    signed = {"X-Twilio-Signature": signature(BASE_URL + path)}
    assert (await http.get(path, headers=signed)).status_code == 204
    assert_refused(await http.get(path + "1", headers=signed))
    for strange in ("", "?AccountSid=AC" + "9" * 32, "?" + "&".join(["a=1"] * 600)):
        other = f"/twilio/status/transfer/x/x{strange}"
        signed = {"X-Twilio-Signature": signature(BASE_URL + other)}
        assert_refused(await http.get(other, headers=signed))


@ON_EVERY_ROUTE
async def test_w17_large_bodies(http: httpx.AsyncClient, path: str) -> None:
    large: Pairs = [*PAIRS, ("Body", "x" * 70_000)]
    assert (await post(http, path, large)).status_code == 413
    many: Pairs = [*PAIRS, *((f"P{number}", "") for number in range(1000))]
    assert_refused(await post(http, path, many))


@ON_EVERY_ROUTE
async def test_w19_never_a_redirect(http: httpx.AsyncClient, path: str) -> None:
    for variant in (path + "/", path.replace("/twilio/", "/twilio//"), path.upper()):
        response = await post(http, variant)
        assert response.status_code in (204, 403, 404)


def test_w23_published_vector() -> None:
    path = Path(__file__).with_name("payloads") / "signature_vector.json"
    vector = json.loads(path.read_text(encoding="utf-8"))
    pairs: Pairs = list(vector["parameters"].items())
    assert signature(vector["url"], pairs, vector["token"]) == vector["signature"]


# --- G8: mutations and variants -------------------------------------------------------------------

SIGNATURES = Signatures(BASE_URL, ACCOUNT, (TOKEN,))
TEXT = st.text(max_size=30)
FORMS = st.lists(st.tuples(TEXT.filter(bool), TEXT), max_size=8)


def request_of(
    path: bytes, query: bytes, body: bytes, headers: list[tuple[bytes, bytes]]
) -> Request:
    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    scope = {
        "type": "http",
        "method": "POST",
        "path": path.decode(),
        "raw_path": path,
        "query_string": query,
        "headers": headers,
    }
    return Request(scope, receive)


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(pairs=FORMS, query=st.sampled_from([b"", b"room=CA1", b"a=%20b&c"]))
async def test_genuine_variants_pass(pairs: list[tuple[str, str]], query: bytes) -> None:
    pairs = [*(pair for pair in pairs if pair[0] != "AccountSid"), ("AccountSid", ACCOUNT)]
    url = f"{BASE_URL}/twilio/x" + (f"?{query.decode()}" if query else "")
    headers = [
        (b"content-type", FORM.encode()),
        (b"x-twilio-signature", signature(url, pairs).encode()),
    ]
    webhook = await SIGNATURES.verified(request_of(b"/twilio/x", query, form(pairs), headers))
    assert webhook.form.multi_items() == pairs


@settings(max_examples=300)
@given(
    body=st.binary(max_size=200),
    query=st.binary(max_size=40),
    signed=st.binary(max_size=40),
    media_type=st.sampled_from([FORM, "application/json", "multipart/form-data", "", "x/y"]),
)
async def test_whatever_is_sent_the_answer_is_the_same_refusal(
    body: bytes, query: bytes, signed: bytes, media_type: str
) -> None:
    headers = [(b"content-type", media_type.encode()), (b"x-twilio-signature", signed)]
    with pytest.raises(Problem) as raised:
        await SIGNATURES.verified(request_of(b"/twilio/x", query, body, headers))
    assert (raised.value.status, raised.value.code) == (403, "signature_invalid")
