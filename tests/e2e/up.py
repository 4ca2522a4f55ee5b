"""`make up`: the same stack as `make demo`, staying up, for a browser. Ctrl-C stops all of it.

Temporal keeps nothing: with the next start everything is new, API keys included.
"""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
from collections.abc import Sequence

from rich.console import Console
from rich.text import Text

from tests.e2e.processes import StackError
from tests.e2e.stack import COLLEAGUE, NUMBER, Options, Stack
from tests.e2e.telephones import Telephones, until

AGENT = "client:alice"
CALLERS = ("+15550100001", "+15550100002")
BY_HAND = (*CALLERS, AGENT, COLLEAGUE)
BY_THEMSELVES: tuple[tuple[str, str, str, dict[str, float]], ...] = (
    ("+15550100102", "answer", "answers after three seconds", {"after_seconds": 3.0}),
    ("+15550100103", "busy", "is always busy", {}),
    ("+15550100104", "no_answer", "rings and is never answered", {}),
    ("+15550100105", "voicemail", "is taken by a mailbox", {"after_seconds": 4.0}),
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Start, print the addresses, wait; answers the exit code."""
    parser = argparse.ArgumentParser(prog="make up", description=__doc__.split("\n\n")[0])
    parser.add_argument(
        "--for", type=float, dest="seconds", metavar="SECONDS", help="stop after this time"
    )
    parser.add_argument(
        "--encrypted", action="store_true", help="encrypt what Temporal stores, as in production"
    )
    parser.add_argument("--workers", type=int, default=2, help="worker processes (default: 2)")
    options = parser.parse_args(arguments)
    console = Console(highlight=False, soft_wrap=True)
    try:
        asyncio.run(_stay(console, _options(options.workers, options.encrypted), options.seconds))
    except StackError as error:
        console.print(Text(f"The stack is down. {error}", "red"))
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def _options(workers: int, is_encrypted: bool) -> Options:
    return Options(
        workers=workers,
        web_ui=True,
        is_encrypted=is_encrypted,
        simulated_in_page=True,
        agents=(AGENT, COLLEAGUE),
    )


async def _stay(console: Console, options: Options, seconds: float | None) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    console.print("Starting ...")
    starting = asyncio.create_task(_started(options))
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait({starting, stopping}, return_when=asyncio.FIRST_COMPLETED)
    if not starting.done():
        starting.cancel()
        await asyncio.wait({starting})
        return
    stack = starting.result()
    try:
        await _set_phones(stack)
        _tell(console, stack)
        await asyncio.wait(
            {stopping, asyncio.create_task(_watch(stack))},
            timeout=seconds,
            return_when=asyncio.FIRST_COMPLETED,
        )
        _check(stack)
    finally:
        console.print("Stopping ...")
        await stack.stop()


async def _started(options: Options) -> Stack:
    return await Stack(options).__aenter__()


async def _set_phones(stack: Stack) -> None:
    """The phones that the printed page speaks of, so that the phones page shows them."""
    phones = Telephones(stack)
    for address in BY_HAND:
        await phones.behave(address, "ring")
    for address, kind, _, details in BY_THEMSELVES:
        await phones.behave(address, kind, **details)


async def _watch(stack: Stack) -> None:
    """Ends when a process has ended by itself."""

    async def look() -> bool | None:
        return None if all(each.is_running for each in stack.processes.values()) else True

    await until(look, "a process to end", float("inf"))


def _check(stack: Stack) -> None:
    for process in stack.processes.values():
        if not process.is_running:
            raise StackError(f"{process.name} has ended by itself:\n{process.tail()}")


def _tell(console: Console, stack: Stack) -> None:
    """Where everything is, and what to do first."""
    addresses = [
        ("agent page, as alice", f"{stack.api_url}/#key={stack.keys['alice']}"),
        ("agent page, as bob", f"{stack.api_url}/#key={stack.keys['bob']}"),
        ("agent page, as supervisor", f"{stack.api_url}/#key={stack.keys['supervisor']}"),
        ("simulated phones", f"{stack.simulator_url}/"),
        ("OpenAPI page", f"{stack.api_url}/docs"),
        ("Temporal's Web UI", stack.web_ui_url),
        ("logs", str(stack.folder)),
    ]
    console.print(Text("\nHandover is up. Nothing here rings a real telephone.\n", "bold"))
    for name, address in addresses:
        console.print(Text.assemble((f"  {name:<26}", "dim"), (address, "cyan")))
    console.print(f"""
  Try it: on the phones page let {CALLERS[0]} call {NUMBER}, answer at {AGENT},
  then transfer the call on alice's page to {COLLEAGUE} and answer there.

  Phones answered by hand: {", ".join(BY_HAND)}.""")
    for address, _, words, _ in BY_THEMSELVES:
        console.print(f"  {address} {words}.")
    console.print(Text(f"\n{_on_reading(stack)}\n\n  Ctrl-C stops everything.\n"))


def _on_reading(stack: Stack) -> str:
    """What an operator can read in Temporal's Web UI."""
    if not stack.options.is_encrypted:
        return (
            "  What Temporal stores is not encrypted here, so that its Web UI shows each ladder;\n"
            "  --encrypted (make up ARGS=--encrypted) runs it as in production."
        )
    return (
        "  What Temporal stores is encrypted. A Web UI with a log-in reads it through the codec\n"
        f"  endpoint {stack.api_url}/codec with the token of a supervisor or a service."
    )


if __name__ == "__main__":
    sys.exit(main())
