"""Links carry bytes, can be cut, silenced and mended, and traps catch what they are set for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.chaos.links import HttpLink, Link, Match, Trap

HELLO = b"POST /Participants.json HTTP/1.1\r\nContent-Length: 9\r\n\r\nHold=true"
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
HOLD = Match("POST", r"/Participants\.json", (("Hold", "true"),))
SHORT = 0.2


class Far:
    """Whoever listens at the other end: notes what arrives, and answers."""

    def __init__(self) -> None:
        self.heard: list[bytes] = []

    async def open(self) -> asyncio.Server:
        return await asyncio.start_server(self._accept, "127.0.0.1", 0)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(4096):
                self.heard.append(data)
                writer.write(ANSWER)
        except ConnectionError:
            pass
        finally:
            writer.close()


@pytest_asyncio.fixture
async def far() -> AsyncIterator[tuple[Far, int]]:
    there = Far()
    server = await there.open()
    yield there, server.sockets[0].getsockname()[1]
    server.close()


async def connected(link: Link) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    if not link.port:
        await link.open()
    return await asyncio.open_connection("127.0.0.1", link.port)


async def is_broken(reader: asyncio.StreamReader) -> bool:
    """Whether nothing but the end of the connection comes."""
    try:
        return not await asyncio.wait_for(reader.read(100), 2.0)
    except ConnectionError:
        return True


async def test_a_cut_link_resets_what_is_open_and_refuses_what_is_new(
    far: tuple[Far, int],
) -> None:
    link = Link(far[1])
    reader, writer = await connected(link)
    writer.write(HELLO)
    assert await reader.read(100) == ANSWER
    link.cut()
    assert await is_broken(reader)
    reader, _ = await connected(link)
    assert await is_broken(reader)
    link.mend()
    reader, writer = await connected(link)
    writer.write(HELLO)
    assert await reader.read(100) == ANSWER
    await link.close()


async def test_a_silent_link_keeps_what_is_sent_until_it_is_mended(far: tuple[Far, int]) -> None:
    link = Link(far[1])
    reader, writer = await connected(link)
    link.silence()
    writer.write(HELLO)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(reader.read(100), SHORT)
    assert far[0].heard == []
    link.mend()
    assert await reader.read(100) == ANSWER
    await link.close()


async def test_a_link_with_several_ends_finds_the_one_that_is_open(far: tuple[Far, int]) -> None:
    closed = await asyncio.start_server(lambda _r, w: w.close(), "127.0.0.1", 0)
    port = closed.sockets[0].getsockname()[1]
    closed.close()
    await closed.wait_closed()
    link = Link(port, far[1])
    for _ in range(3):
        reader, writer = await connected(link)
        writer.write(HELLO)
        assert await reader.read(100) == ANSWER
    await link.close()


@pytest.mark.parametrize(
    ("moment", "is_applied", "is_answered"),
    [("asked", False, False), ("applied", True, False), ("answered", True, True)],
)
async def test_a_trap_holds_the_request_at_its_moment(
    far: tuple[Far, int], moment: str, is_applied: bool, is_answered: bool
) -> None:
    link = HttpLink("worker-1", far[1])
    trap = Trap(HOLD, moment)  # type: ignore[arg-type]
    link.traps.append(trap)
    reader, writer = await connected(link)
    writer.write(HELLO)
    assert await asyncio.wait_for(trap.caught, 2.0) == "worker-1"
    assert bool(far[0].heard) is is_applied
    if not is_answered:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(reader.read(100), SHORT)
        trap.let_go()
    assert await reader.read(100) == ANSWER
    assert far[0].heard == [HELLO]
    await link.close()


async def test_what_was_asked_by_somebody_who_died_never_arrives(far: tuple[Far, int]) -> None:
    link = HttpLink("worker-1", far[1])
    trap = Trap(HOLD, "asked")
    link.traps.append(trap)
    _, writer = await connected(link)
    writer.write(HELLO)
    await trap.caught
    writer.transport.abort()
    # Whatever comes later on the same loop is heard after the end of the first connection.
    reader, writer = await connected(link)
    writer.write(b"GET / HTTP/1.1\r\n\r\n")
    assert await reader.read(100) == ANSWER
    trap.let_go()
    writer.write(b"GET / HTTP/1.1\r\n\r\n")
    assert await reader.read(100) == ANSWER
    assert HELLO not in far[0].heard
    await link.close()


async def test_a_trap_lets_other_requests_pass_and_waits_for_its_time(
    far: tuple[Far, int],
) -> None:
    other = HELLO.replace(b"Hold=true", b"Hold=fals")
    link = HttpLink("worker-1", far[1])
    trap = Trap(HOLD, "asked", after=Match("POST", "Participants", (("Hold", "fals"),)))
    link.traps.append(trap)
    reader, writer = await connected(link)
    for sent in (HELLO, other):
        writer.write(sent)
        assert await reader.read(100) == ANSWER
    writer.write(HELLO)
    await asyncio.wait_for(trap.caught, 2.0)
    assert far[0].heard == [HELLO, other]
    trap.let_go()
    assert await reader.read(100) == ANSWER
    await link.close()
