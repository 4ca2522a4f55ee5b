"""Who is asking: the list SEC-A."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import time
from collections.abc import Iterator
from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from fastapi import FastAPI

from api.app import create_app
from api.auth import jwks as jwks_module
from api.auth.jwks import Jwks
from api.auth.principal import Principal, Role, parse_api_key, principal_of_key
from api.auth.tokens import Tokens
from tests.api.conftest import JWT_SECRET, auth, key_entry, make_settings
from tests.api.signing import BASE_URL

OPEN = {"/healthz", "/readyz", "/metrics"}
"""Routes that are answered without a credential, and documented so."""


def claims(**given: Any) -> dict[str, Any]:
    return {"sub": "alice", "role": "agent", "exp": time.time() + 60, **given}


def token(headers: dict[str, Any] | None = None, secret: str = JWT_SECRET, **given: Any) -> str:
    return jwt.encode(claims(**given), secret, "HS256", headers)


def http_of(app: FastAPI) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=BASE_URL)


async def status_of(app: FastAPI, headers: dict[str, str], query: str = "") -> httpx.Response:
    """Asks for a transfer whose id is none: 404 means the credential was accepted."""
    async with http_of(app) as http:
        return await http.get(f"/v1/transfers/none{query}", headers=headers)


BAD_HEADERS = [
    {},
    {"Authorization": ""},
    {"Authorization": "Bearer"},
    {"Authorization": "Bearer "},
    {"Authorization": "Basic YWxpY2U6a2V5"},
    {"Authorization": "key of alice"},
    {"X-API-Key": ""},
    {"X-API-Key": "x" * 100_000},
    {"Authorization": "Bearer a.b.c"},
    {"Authorization": "Bearer ..."},
]


@pytest.mark.parametrize("headers", BAD_HEADERS, ids=range(len(BAD_HEADERS)))
async def test_a1_no_or_malformed_credential(deaf_app: FastAPI, headers: dict[str, str]) -> None:
    response = await status_of(deaf_app, headers)
    assert response.status_code == 401
    assert response.headers["www-authenticate"] == "Bearer"
    assert response.headers["content-type"] == "application/problem+json"


async def test_a1_credential_in_the_address_is_ignored(deaf_app: FastAPI) -> None:
    for query in ("?key=key+of+alice", "?api_key=key+of+alice", f"?token={token()}"):
        assert (await status_of(deaf_app, {}, query)).status_code == 401


async def test_genuine_credentials_are_accepted(deaf_app: FastAPI) -> None:
    for headers in (
        auth("alice"),
        {"X-API-Key": "key of alice"},
        {"Authorization": f"bearer {token()}"},
        {"X-API-Key": token()},
    ):
        assert (await status_of(deaf_app, headers)).status_code == 404


def forged(header: dict[str, Any], payload: dict[str, Any], signature: bytes = b"") -> str:
    encode = jwt.utils.base64url_encode
    parts = (json.dumps(header).encode(), json.dumps(payload).encode(), signature)
    return b".".join(encode(part) for part in parts).decode()


@pytest.mark.parametrize("algorithm", ["none", "None", "NONE", "hs256", "Hs256", "RS256", "HS512"])
async def test_a2_algorithm_is_ours(deaf_app: FastAPI, algorithm: str) -> None:
    text = forged({"alg": algorithm, "typ": "JWT"}, claims())
    assert (await status_of(deaf_app, {"X-API-Key": text})).status_code == 401


@pytest.fixture(scope="module")
def private_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


def public_jwk(key: rsa.RSAPrivateKey, kid: str) -> dict[str, Any]:
    made: dict[str, Any] = jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key(), as_dict=True)
    return {**made, "kid": kid, "use": "sig", "alg": "RS256"}


class Issuer:
    """An issuer's key address that a test can change, and a clock that it can turn."""

    def __init__(self, *keys: dict[str, Any]) -> None:
        self.keys = list(keys)
        self.fetches = 0
        self.now = 1000.0
        self.failure: Exception | None = None
        self.hangs = False

    async def fetch(self, url: str) -> bytes:
        assert url == "https://issuer.example/keys"
        self.fetches += 1
        if self.hangs:
            await asyncio.Event().wait()
        if self.failure is not None:
            raise self.failure
        return json.dumps({"keys": self.keys}).encode()

    def tokens(self, **settings: Any) -> Tokens:
        made = make_settings(
            handover_jwt_secret=None,
            handover_jwks_url="https://issuer.example/keys",
            **settings,
        )
        return Tokens(made, Jwks(made.handover_jwks_url, self.fetch, lambda: self.now))


@pytest.fixture
def issuer(private_key: rsa.RSAPrivateKey) -> Issuer:
    return Issuer(public_jwk(private_key, "k1"))


def rs256(key: rsa.RSAPrivateKey, kid: str = "k1", **more: Any) -> str:
    headers = {"kid": kid, **more.pop("headers", {})}
    return jwt.encode(claims(**more), key, "RS256", headers)


async def test_a2_public_key_is_no_secret(private_key: rsa.RSAPrivateKey, issuer: Issuer) -> None:
    pem = private_key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    unsigned = forged({"alg": "HS256", "typ": "JWT", "kid": "k1"}, claims()).rstrip(".")
    digest = hmac.new(pem, unsigned.encode(), hashlib.sha256).digest()
    text = f"{unsigned}.{jwt.utils.base64url_encode(digest).decode()}"
    assert await issuer.tokens().principal(text) is None


@pytest.mark.parametrize("name", ["jku", "x5u", "jwk", "x5c"])
async def test_a3_keys_named_by_the_token_are_never_asked(
    private_key: rsa.RSAPrivateKey, issuer: Issuer, name: str
) -> None:
    attacker = rsa.generate_private_key(65537, 2048)
    value: Any = "https://attacker.example/keys"
    if name == "jwk":
        value = public_jwk(attacker, "k1")
    text = rs256(attacker, headers={name: value})
    assert await issuer.tokens().principal(text) is None
    assert issuer.fetches == 1


A4 = {
    "expired": {"exp": time.time() - 120},
    "not yet": {"nbf": time.time() + 600},
    "issued in the future": {"iat": time.time() + 600},
    "absurd": {"iat": 1e300},
    "text": {"exp": "tomorrow"},
}


@pytest.mark.parametrize("given", A4.values(), ids=A4)
async def test_a4_times(deaf_app: FastAPI, given: dict[str, Any]) -> None:
    assert (await status_of(deaf_app, {"X-API-Key": token(**given)})).status_code == 401


@pytest.mark.parametrize("missing", ["exp", "sub", "role"])
async def test_a4_required_claims(deaf_app: FastAPI, missing: str) -> None:
    given = claims()
    del given[missing]
    text = jwt.encode(given, JWT_SECRET, "HS256")
    assert (await status_of(deaf_app, {"X-API-Key": text})).status_code == 401


async def test_a5_audience_issuer_and_type() -> None:
    tokens = Tokens(make_settings(handover_jwt_issuer="us", handover_jwt_audience="handover"))
    right = {"iss": "us", "aud": "handover"}
    assert await tokens.principal(token(**right)) is not None
    assert await tokens.principal(token({"typ": "at+jwt"}, **right)) is not None
    for wrong in ({"iss": "them"}, {"aud": "other"}, {"aud": ""}, {"iss": None}):
        given = {name: value for name, value in {**right, **wrong}.items() if value is not None}
        assert await tokens.principal(token(**given)) is None
    for name in right:
        given = {key: value for key, value in right.items() if key != name}
        assert await tokens.principal(token(**given)) is None
    for kind in ("id+jwt", "logout+jwt", "dpop+jwt"):
        assert await tokens.principal(token({"typ": kind}, **right)) is None


@pytest.mark.parametrize(
    "given",
    [
        {"role": "admin"},
        {"role": ["service"]},
        {"sub": ""},
        {"sub": 7},
        {"sub": "a b"},
        {"address": "client:../x"},
        {"address": ["client:bob"]},
        {"address": "queue:everybody"},
    ],
    ids=str,
)
async def test_a5_claims_of_another_form(deaf_app: FastAPI, given: dict[str, Any]) -> None:
    assert (await status_of(deaf_app, {"X-API-Key": token(**given)})).status_code == 401


async def test_claims_make_the_principal() -> None:
    tokens = Tokens(make_settings())
    assert await tokens.principal(token(iss="us")) == Principal(
        "jwt:us:alice", Role.AGENT, "client:alice"
    )
    ben = await tokens.principal(token(sub="ben", address="+12025550171"))
    assert ben is not None
    assert ben.address == "+12025550171"
    sue = await tokens.principal(token(sub="sue", role="supervisor"))
    assert sue is not None
    assert (sue.address, sue.by) == ("", "operator")


async def test_a6_unknown_key_ids_ask_once_a_minute(
    private_key: rsa.RSAPrivateKey, issuer: Issuer
) -> None:
    tokens = issuer.tokens()
    for number in range(1000):
        kid = ("../../etc/passwd", "' OR 1=1", "http://attacker.example")[number % 3]
        header = {"alg": "RS256", "typ": "JWT", "kid": f"{kid}{number}"}
        assert await tokens.principal(forged(header, claims())) is None
    assert issuer.fetches == 1
    issuer.now += 61
    assert await tokens.principal(rs256(private_key, "k7")) is None
    assert issuer.fetches == 2


@pytest.mark.parametrize(
    "failure", [ValueError("500"), OSError("down"), json.JSONDecodeError("", "", 0)], ids=str
)
async def test_a7_cached_keys_go_on_while_the_issuer_is_down(
    private_key: rsa.RSAPrivateKey, issuer: Issuer, failure: Exception
) -> None:
    tokens = issuer.tokens()
    text = rs256(private_key)
    assert await tokens.principal(text) is not None
    issuer.failure = failure
    issuer.now += jwks_module.LIFE_SECONDS + 1
    assert await tokens.principal(text) is not None
    issuer.now += jwks_module.STALE_SECONDS
    assert await tokens.principal(text) is None


async def test_a7_silent_issuer_costs_a_bounded_wait(
    private_key: rsa.RSAPrivateKey, issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jwks_module, "FETCH_SECONDS", 0.05)
    issuer.hangs = True
    begun = time.monotonic()
    assert await issuer.tokens().principal(rs256(private_key)) is None
    assert time.monotonic() - begun < 1.0


async def test_a8_new_key_is_accepted_with_one_fetch(
    private_key: rsa.RSAPrivateKey, issuer: Issuer
) -> None:
    tokens = issuer.tokens()
    assert await tokens.principal(rs256(private_key)) is not None
    new = rsa.generate_private_key(65537, 2048)
    issuer.keys.append(public_jwk(new, "k2"))
    issuer.now += 61
    assert await tokens.principal(rs256(new, "k2")) is not None
    assert issuer.fetches == 2


async def test_a9_withdrawn_key_is_refused_within_its_life(
    private_key: rsa.RSAPrivateKey, issuer: Issuer
) -> None:
    tokens = issuer.tokens()
    assert await tokens.principal(rs256(private_key)) is not None
    issuer.keys[:] = [public_jwk(rsa.generate_private_key(65537, 2048), "k2")]
    issuer.now += jwks_module.LIFE_SECONDS + 1
    assert await tokens.principal(rs256(private_key)) is None


async def test_a10_keys_are_fetched_once(private_key: rsa.RSAPrivateKey, issuer: Issuer) -> None:
    tokens = issuer.tokens()
    text = rs256(private_key)
    found = await asyncio.gather(*(tokens.principal(text) for _ in range(200)))
    assert all(found)
    assert issuer.fetches == 1


async def test_a11_wrong_key_part_of_a_key_and_revoked_key(deaf_app: FastAPI) -> None:
    for wrong in ("key of alic", "key of alicee", "KEY OF ALICE", "key of zoe", "\udcff"):
        keys = deaf_app.state.parts.settings.handover_api_keys
        assert principal_of_key(wrong, keys) is None
    revoked = create_app(make_settings(handover_api_keys=key_entry("bob", "agent")))
    assert (await status_of(revoked, auth("alice"))).status_code == 401


async def test_a11_keys_are_stored_hashed() -> None:
    text = repr(make_settings())
    assert "key of alice" not in text
    assert JWT_SECRET not in text


@pytest.mark.parametrize(
    "entry",
    [
        "alice",
        "alice:agent",
        "alice:boss:" + "0" * 64,
        "alice:agent:secret",
        "a b:agent:00",
        f"key:agent:{'0' * 64}:client:' OR",
    ],
)
async def test_a11_key_entries_of_another_form_name_themselves(entry: str) -> None:
    with pytest.raises(ValueError, match="key") as raised:
        parse_api_key(entry)
    assert "secret" not in str(raised.value).replace("the secret", "")


def routes_of(app: FastAPI) -> Iterator[tuple[str, str]]:
    """Every method and path of the OpenAPI document."""
    for path, operations in app.openapi()["paths"].items():
        for method in operations:
            yield method.upper(), path.replace("{", "x").replace("}", "x")


async def test_a12_every_documented_route_asks_for_a_credential(deaf_app: FastAPI) -> None:
    seen = 0
    async with http_of(deaf_app) as http:
        for method, path in routes_of(deaf_app):
            if path in OPEN:
                continue
            response = await http.request(method, path)
            assert response.status_code == 401, (method, path)
            seen += 1
    assert seen >= 11
