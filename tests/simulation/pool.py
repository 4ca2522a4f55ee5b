"""Many histories on all cores: a process of its own for each chunk, forked from the one that asks.

What histories leave behind, and no collector finds, goes with the process: memory stays flat over
any number of them.
"""

from __future__ import annotations

import gc
import multiprocessing
import signal
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection, wait
from multiprocessing.synchronize import Event
from types import FrameType
from typing import Any, TypeVar

from tests.simulation.play import play
from tests.simulation.scenarios import SCENARIOS, plain

Chunk = TypeVar("Chunk")
Result = TypeVar("Result")

_FORKED = multiprocessing.get_context("fork")
_stopping: Event | None = None


def is_stopping() -> bool:
    """Whether nobody waits any more for what this process plays."""
    return _stopping is not None and _stopping.is_set()


def spread(
    work: Callable[[Chunk], Result], chunks: Iterable[Chunk], jobs: int
) -> Iterator[tuple[Chunk, Result]]:
    """Do this work on each chunk, so many at a time; yields as they come. Closing it ends it soon.
    Raises `RuntimeError` if a process dies."""
    global _stopping
    _warm_up()
    _stopping = _FORKED.Event()
    left = iter(chunks)
    running: dict[Connection, tuple[Any, Chunk]] = {}
    try:
        with _interruptible() as is_interrupted:
            while True:
                while len(running) < jobs and (chunk := next(left, None)) is not None:
                    ours, theirs = _FORKED.Pipe(duplex=False)
                    process = _FORKED.Process(target=_work, args=(work, chunk, theirs))
                    with _deaf():
                        process.start()
                    theirs.close()
                    running[ours] = process, chunk
                if not running:
                    return
                for ready in wait(list(running)):
                    process, chunk = running.pop(ready)  # type: ignore[index]
                    try:
                        result = ready.recv()  # type: ignore[union-attr]
                    except EOFError:
                        raise RuntimeError(f"a process died over {chunk!r}") from None
                    process.join()
                    yield chunk, result
                    if is_interrupted():
                        raise KeyboardInterrupt
    finally:
        _stopping.set()
        for ours, (process, _) in running.items():
            with suppress(EOFError):
                ours.recv()  # it could not end with an answer that nobody takes
            process.join()
        _stopping = None


@contextmanager
def _interruptible() -> Iterator[Callable[[], bool]]:
    """Ctrl-C raises as ever, and is remembered: what is raised in a finaliser, Python drops."""
    heard: list[int] = []

    def hear(number: int, frame: FrameType | None) -> None:
        heard.append(number)
        signal.default_int_handler(number, frame)

    before = signal.signal(signal.SIGINT, hear)
    try:
        yield lambda: bool(heard)
    finally:
        signal.signal(signal.SIGINT, before)


def _warm_up() -> None:
    """What is found out once per process is found out before there are many, and is never looked
    at again by the collector."""
    for name in SCENARIOS:
        play(plain(name))
    gc.collect()
    gc.freeze()


@contextmanager
def _deaf() -> Iterator[None]:
    """Ctrl-C is heard after this, and by the first process alone."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _work(work: Callable[[Chunk], Result], chunk: Chunk, answer: Connection) -> None:
    """In the new process, which does not hear Ctrl-C. When to collect is for the work to say."""
    gc.disable()
    answer.send(work(chunk))
    answer.close()
