"""The core without HTTP: repeatable to the last identifier, quick, and dependent on nothing."""

import ast
from pathlib import Path

from simulator.core.clock import Clock
from simulator.core.ids import SidFactory
from simulator.core.phones import Behavior
from tests.simulator.network_kit import World

SIMULATOR = Path(__file__).parents[2] / "simulator"
# What the core may use of the standard library: nothing that reads a clock, a file or a socket.
PURE = {
    "bisect", "collections", "contextlib", "copy", "dataclasses", "datetime", "email", "enum",
    "fnmatch", "functools", "hashlib", "heapq", "itertools", "json", "math", "operator", "random",
    "re", "string", "typing", "urllib",
}  # fmt: skip


def imports_of(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add(node.module or "")
    return found


def test_core_imports_nothing_that_touches_the_world() -> None:
    for path in SIMULATOR.glob("core/**/*.py"):
        for name in imports_of(path):
            root = name.split(".")[0]
            assert root in PURE | {"simulator", "lxml"}, f"{path.name} imports {name}"
            assert not name.startswith("simulator.http"), f"{path.name} imports {name}"


def test_simulator_imports_nothing_of_the_engine() -> None:
    for path in SIMULATOR.rglob("*.py"):
        roots = {name.split(".")[0] for name in imports_of(path)}
        assert not roots & {"workflows", "activities", "api", "tests", "benchmarks"}, path


def story() -> list[tuple[float, str, str, str | None]]:
    world = World()
    caller, room = world.caller_in_room()
    world.network.phones.behave("client:a", Behavior("answer", 3), Behavior("busy"))
    agent = world.add(room, "client:a", Label="agent")
    world.advance(4)
    world.network.update_participant(room, caller.sid, {"Hold": "true"})
    world.add(room, "client:a", Label="target")
    world.network.delete_participant(room, agent.sid)
    world.advance(60)
    return [(e.at, e.kind, e.what, e.call_sid) for e in world.network.ledger]


def test_same_story_gives_the_same_ledger() -> None:
    first = story()
    assert first == story()
    assert len(first) > 20


def test_clock_runs_everything_at_its_own_time_and_in_order() -> None:
    clock, ran = Clock(100.0), list[tuple[str, float]]()

    def note(name: str) -> None:
        ran.append((name, clock.now))

    clock.call_later(5, lambda: note("late"))
    clock.call_later(1, lambda: clock.call_later(1, lambda: note("nested")))
    dropped = clock.call_later(3, lambda: note("dropped"))
    clock.call_later(5, lambda: note("later"))
    dropped.cancel()
    clock.advance(10)
    assert ran == [("nested", 102.0), ("late", 105.0), ("later", 105.0)]
    assert (clock.now, clock.next_at()) == (110.0, None)
    clock.turn_to(50)
    assert clock.now == 110.0


def test_identifiers_never_meet() -> None:
    make = SidFactory("seed")
    made = [make("CA") for _ in range(1000)]
    assert len(set(made)) == 1000
    assert all((len(sid) == 34 and sid[2:].islower()) or sid[2:].isdigit() for sid in made)
    assert SidFactory("seed")("CA") == made[0] != SidFactory("other")("CA")
