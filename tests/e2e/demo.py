"""`make demo`: plays every story on simulated phones with the real engine, and tells what happened.

Real are Temporal's server, the api, the workers, Twilio's SDK and the REST requests; simulated is
the telephone network alone. Ends with 0 only if every story ended as told.
"""

from __future__ import annotations

import argparse
import asyncio
import re
import signal
import sys
import time
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from tests.e2e.books import Page
from tests.e2e.control_stories import CONTROL_STORIES
from tests.e2e.hold_stories import HOLD_STORIES
from tests.e2e.processes import StackError
from tests.e2e.queue_stories import QUEUE_STORIES, QUEUES, QueueStory, QueueTroupe
from tests.e2e.recording_stories import RECORDED, RECORDING_STORIES
from tests.e2e.scene import Pair, Told
from tests.e2e.stack import CALLS_RUNNING, Options, Stack
from tests.e2e.stories import STORIES, Story
from tests.e2e.supervision_stories import SUPERVISION_STORIES
from tests.e2e.telephones import Telephones, until
from tests.e2e.troupe import Troupe

WIDTH_PIPED = 120
INDENT = "   "
PAINT = (
    (re.compile(r"^\s+[+-][\d.]+s"), "dim"),
    (re.compile(r"\btalks\b"), "green"),
    (re.compile(r"\b(holds|leaves)\b"), "yellow"),
    (re.compile(r"\b(gone|-)\b"), "dim"),
    (re.compile(r"= [A-Z_>-]+"), "bold"),
    (re.compile(r"(?<= )> .*"), "cyan"),
)


PROGRAMME: tuple[Story | QueueStory, ...] = (
    *STORIES,
    *SUPERVISION_STORIES,
    *HOLD_STORIES,
    *CONTROL_STORIES,
    *RECORDING_STORIES,
    *QUEUE_STORIES,
)
"""First those without TaskRouter, then those that are recorded, then those with TaskRouter: each
kind needs a stack of its own."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Play the stories; answers the exit code."""
    parser = argparse.ArgumentParser(prog="make demo", description=__doc__.split("\n\n")[0])
    names = [story.name for story in PROGRAMME]
    parser.add_argument("stories", nargs="*", metavar="STORY", help=f"{', '.join(names)}; or all")
    chosen = parser.parse_args(arguments).stories
    if unknown := sorted(set(chosen) - set(names)):
        parser.error(f"there is no story {', '.join(unknown)}; there are {', '.join(names)}")
    stories = [story for story in PROGRAMME if not chosen or story.name in chosen]
    console = Console(highlight=False, soft_wrap=True)
    if not console.is_terminal:
        console.width = WIDTH_PIPED
    try:
        return asyncio.run(_interruptible(console, stories))
    except StackError as error:
        console.print(Text(f"The stack did not come up. {error}", "red"))
        return 1
    except (asyncio.CancelledError, KeyboardInterrupt):
        console.print("Stopped.")
        return 130


async def _interruptible(console: Console, stories: Sequence[Story | QueueStory]) -> int:
    """SIGTERM ends the demo as Ctrl-C does: every process goes down with it."""
    task = asyncio.current_task()
    assert task is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    return await play(console, stories)


async def play(console: Console, stories: Sequence[Story | QueueStory]) -> int:
    """The whole evening: the stacks, the stories, the tables."""
    began = time.monotonic()
    evening = Evening(console, began)
    recorded = [story for story in RECORDING_STORIES if story in stories]
    direct = [story for story in stories if isinstance(story, Story) and story not in recorded]
    queued = [story for story in stories if isinstance(story, QueueStory)]
    if direct:
        await evening.without_taskrouter(direct)
    if recorded:
        await evening.recorded(recorded)
    if queued:
        await evening.with_taskrouter(queued)
    told = evening.told
    console.print(summary(told), soft_wrap=False)
    for line in evening.wrong:
        console.print(Text(f"Not right: {line}", "bold red"))
    ended = sum(not each.problems for each in told)
    console.print(
        Text(
            f"\n{ended} of {len(told)} stories ended as told, "
            f"in {time.monotonic() - began:.0f} s altogether.",
            "bold red" if evening.has_failed else "bold green",
        )
    )
    return int(evening.has_failed)


class Evening:
    """What is played, and what is found out."""

    def __init__(self, console: Console, began: float) -> None:
        self.told: list[Told] = []
        self.wrong: list[str] = []
        """What is not right besides the stories themselves."""
        self._console = console
        self._began = began

    @property
    def has_failed(self) -> bool:
        """Whether anything was not as told."""
        return bool(self.wrong) or any(each.problems for each in self.told)

    async def without_taskrouter(self, stories: Sequence[Story]) -> None:
        """Agents are rung in turn, and phones are dialled."""
        self._console.print(
            "Starting Temporal's server, the telephone simulator, the api and two workers ..."
        )
        async with Stack(Options(workers=2)) as stack:
            self._console.print(f"{self._up()} Times below count from each click.\n")
            self.told += await _stories(self._console, stack, stories)
            await self._close(stack)

    async def recorded(self, stories: Sequence[Story]) -> None:
        """The same, with recording switched on."""
        self._console.print("The same with calls that are recorded ...")
        async with Stack(RECORDED) as stack:
            self._console.print(f"{self._up()}\n")
            troupe = Troupe(stack)
            await troupe.open()
            for story in stories:
                self.told.append(await troupe.perform(story))
                tell(self._console, len(self.told), self.told[-1])
            await self._close(stack)

    async def with_taskrouter(self, stories: Sequence[QueueStory]) -> None:
        """Calls come through queues, and the books of the workers' time are checked."""
        self._console.print("The same with TaskRouter, provisioned by its command ...")
        async with Stack(QUEUES) as stack:
            self._console.print(f"{self._up()}\n")
            troupe = QueueTroupe(stack)
            for story in stories:
                self.told.append(await troupe.perform(story))
                tell(self._console, len(self.told), self.told[-1])
            pages, wrong = await troupe.books()
            self.wrong += wrong
            self._console.print(utilisation(pages), soft_wrap=False)
            self._console.print()
            await self._close(stack)

    def _up(self) -> str:
        return f"All are up after {time.monotonic() - self._began:.1f} s."

    async def _close(self, stack: Stack) -> None:
        """What is left over counts as wrong, and if anything is, the logs are of interest."""
        self.wrong += await _left_over(stack)
        if self.has_failed:
            self._console.print(Text(f"\nThe ends of the logs:\n\n{stack.log_tails()}", "dim"))


async def _stories(console: Console, stack: Stack, stories: Sequence[Story]) -> list[Told]:
    """Stories that do not disturb each other run at once; they are told in order."""
    troupe = Troupe(stack)
    await troupe.open()
    told: list[Told] = []
    peaceful = [
        (story, asyncio.create_task(troupe.perform(story)))
        for story in stories
        if not story.plays_alone
    ]
    for story, performance in peaceful:
        told.append(await performance)
        tell(console, stories.index(story) + 1, told[-1])
    for story in stories:
        if story.plays_alone:
            told.append(await troupe.perform(story))
            tell(console, stories.index(story) + 1, told[-1])
    return told


async def _left_over(stack: Stack) -> list[str]:
    """When everybody has gone home, no call is up and no workflow waits."""
    found = [f"a call at {where}" for where in await Telephones(stack).live_legs()]
    client = await stack.temporal()

    async def look() -> bool | None:
        running = await client.count_workflows(CALLS_RUNNING)
        return True if running.count == 0 else None

    try:
        await until(look, "the workflows of all calls to end", 10.0)
    except AssertionError:
        async for running in client.list_workflows(CALLS_RUNNING):
            found.append(f"the workflow {running.id}")
    return found


# --- how it is told ---


def tell(console: Console, number: int, told: Told) -> None:
    """One story: its sentence, its ladder, who talks with whom, its price, and the verdict."""
    console.print(Text.assemble((f"{number}  ", "dim"), (told.title, "bold")))
    for line in told.ladder.splitlines():
        console.print(_painted(INDENT + line))
    for aside in told.asides:
        console.print(Text(f"{INDENT}     note  {aside}", "magenta"))
    for title, words in (
        ("talked", _spoken(told)),
        ("at the end", _end(told)),
        (
            "cost",
            f"{told.requests} requests to Twilio, {told.events} history events, "
            f"{told.actions} billable actions",
        ),
    ):
        console.print(Text.assemble((f"{INDENT}{title:>10}  ", "dim"), words))
    if told.problems:
        for problem in told.problems:
            console.print(Text(f"{INDENT}  NOT SO:  {problem}", "bold red"))
    else:
        console.print(Text(f"{INDENT}        ✓  ended as told", "bold green"))
    console.print()


def _painted(line: str) -> Text:
    text = Text(line)
    for pattern, style in PAINT:
        for match in pattern.finditer(line):
            text.stylize(style, *match.span())
    return text


def _spoken(told: Told) -> str:
    """For how long each pair talked since the click."""
    return ", ".join(f"{_names(pair)} {seconds:.1f} s" for pair, seconds in told.talked.items())


def _end(told: Told) -> str:
    """Who hears whom, who has a call, and what nobody has any more."""
    talk = "; ".join(f"{_names(pair)} hear each other" for pair in told.together)
    up = ", ".join(told.up) or "nobody"
    return f"{talk or 'nobody hears anybody'}; still connected: {up}"


def _names(pair: Pair) -> str:
    return " and ".join(pair)


def summary(told: Sequence[Told]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("story", no_wrap=True)
    table.add_column("ended", no_wrap=True)
    for title in ("seconds", "on hold", "to human", "requests", "events", "actions"):
        table.add_column(title, justify="right", no_wrap=True)
    table.add_column("")
    for each in told:
        view = each.view or each.outcome
        human = view.get("seconds_to_human")
        table.add_row(
            each.name,
            view.get("reason", "not begun"),
            f"{each.seconds:.1f}",
            f"{view.get('hold_seconds', 0):.1f}",
            "-" if human is None else f"{human:.1f}",
            str(each.requests),
            str(each.events),
            str(each.actions),
            Text("NOT SO", "bold red") if each.problems else Text("✓", "green"),
        )
    return table


def utilisation(pages: Sequence[Page]) -> Table:
    """How each worker's time was spent, and whether TaskRouter was told right."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("worker", no_wrap=True)
    table.add_column("is", no_wrap=True)
    for title in ("offered s", "busy s", "on calls s", "apart at most s", "twice s"):
        table.add_column(title, justify="right", no_wrap=True)
    table.add_column("offers")
    table.add_column("")
    for page in pages:
        on_calls = sum(span.seconds(time.time()) for span in page.on_calls)
        table.add_row(
            page.worker,
            page.activity,
            f"{page.seconds['reserved']:.1f}",
            f"{sum(span.seconds(time.time()) for span in page.busy):.1f}",
            f"{on_calls:.1f}",
            f"{page.worst_seconds:.2f}",
            f"{page.together:.1f}",
            ", ".join(f"{count} {status}" for status, count in sorted(page.offers.items())),
            Text("NOT SO", "bold red") if page.problems else Text("✓", "green"),
        )
    return table


if __name__ == "__main__":
    sys.exit(main())
