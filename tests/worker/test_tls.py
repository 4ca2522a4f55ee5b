"""The way to Temporal with TLS: a door before the server that knows who may come."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from tests.chaos.links import CHUNK
from workflows import connection
from workflows.connection import ConnectionSettings, UnreachableError


@dataclass
class Identity:
    """A key and its certificate."""

    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate

    def save(self, folder: Path, name: str) -> tuple[str, str]:
        """The paths of certificate and key."""
        paths = folder / f"{name}.pem", folder / f"{name}.key"
        paths[0].write_bytes(self.certificate.public_bytes(Encoding.PEM))
        secret = self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        paths[1].write_bytes(secret)
        return str(paths[0]), str(paths[1])


def issued(name: str, by: Identity | None = None, days: int = 1) -> Identity:
    """A certificate for 127.0.0.1; one that signs others, if nobody has signed it. Negative days
    are over."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(by.certificate.subject if by else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=10))
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.BasicConstraints(ca=by is None, path_length=None), critical=True)
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))]), critical=False
        )
    )
    signer = by.key if by else key
    return Identity(key, builder.sign(signer, hashes.SHA256()))


@dataclass
class Door:
    """Where it is, what a client has to show, and how many came in."""

    address: str
    settings: dict[str, str]
    folder: Path
    authority: Identity
    let_in: int = 0


@pytest.fixture
async def door(temporal_address: str, tmp_path: Path) -> AsyncIterator[Door]:
    """Ends TLS before the development server, which has none of its own."""
    authority = issued("authority")
    ca, _ = authority.save(tmp_path, "ca")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=ca)
    context.load_cert_chain(*issued("server", authority).save(tmp_path, "server"))
    context.verify_mode = ssl.CERT_REQUIRED
    context.set_alpn_protocols(["h2"])
    certificate, key = issued("client", authority).save(tmp_path, "client")
    settings = {
        "TEMPORAL_TLS": "true",
        "TEMPORAL_TLS_SERVER_CA_CERT_PATH": ca,
        "TEMPORAL_TLS_CLIENT_CERT_PATH": certificate,
        "TEMPORAL_TLS_CLIENT_KEY_PATH": key,
    }
    here = Door("", settings, tmp_path, authority)

    async def pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        while data := await source.read(CHUNK):
            sink.write(data)
            await sink.drain()

    async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # A client of TLS 1.3 believes itself connected before its certificate was looked at.
        here.let_in += 1
        host, _, port = temporal_address.partition(":")
        far_reader, far_writer = await asyncio.open_connection(host, int(port))
        ways = [pump(reader, far_writer), pump(far_reader, writer)]
        await asyncio.gather(*ways, return_exceptions=True)
        far_writer.close()
        writer.close()

    server = await asyncio.start_server(pass_on, "127.0.0.1", 0, ssl=context)
    here.address = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    yield here
    server.close()


async def connected(door: Door, monkeypatch: pytest.MonkeyPatch, **changes: str) -> int:
    """Connect as the product does and ask something; answers how many workflows there are."""
    given = {**door.settings, **changes}
    monkeypatch.setenv("TEMPORAL_ADDRESS", door.address)
    for name, value in given.items():
        monkeypatch.setenv(name, value) if value else monkeypatch.delenv(name, raising=False)
    settings = ConnectionSettings(_env_file=None)
    client = await connection.connect(settings=settings, seconds_max=0)
    return (await client.count_workflows()).count


async def test_t5_certificates_that_are_wrong_connect_nobody(
    door: Door, temporal: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert await connected(door, monkeypatch) >= 0
    assert door.let_in == 1

    stranger = issued("authority")
    other_ca, _ = stranger.save(door.folder, "other-ca")
    with pytest.raises(UnreachableError, match="TEMPORAL_ADDRESS"):
        await connected(door, monkeypatch, TEMPORAL_TLS_SERVER_CA_CERT_PATH=other_ca)
    for name, identity in (
        ("expired", issued("client", door.authority, days=-1)),
        ("strange", issued("client", stranger)),
    ):
        certificate, key = identity.save(door.folder, name)
        with pytest.raises(UnreachableError, match="TEMPORAL_ADDRESS"):
            await connected(
                door,
                monkeypatch,
                TEMPORAL_TLS_CLIENT_CERT_PATH=certificate,
                TEMPORAL_TLS_CLIENT_KEY_PATH=key,
            )
    without = {"TEMPORAL_TLS_CLIENT_CERT_PATH": "", "TEMPORAL_TLS_CLIENT_KEY_PATH": ""}
    with pytest.raises(UnreachableError):
        await connected(door, monkeypatch, **without)
    in_clear = dict.fromkeys(door.settings, "")
    with pytest.raises(UnreachableError):
        await connected(door, monkeypatch, **in_clear)
    assert door.let_in == 1, "nobody else was let in"
