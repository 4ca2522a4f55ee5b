"""Who may import whom. The arrows of `docs/architecture.md`, as rules over syntax trees."""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable, Iterator

from tests.tidy.sources import Finding, Rule, Source

OURS = ("workflows", "activities", "api", "simulator", "benchmarks", "tests", "worker")

CLOCKS_AND_IO = frozenset(
    {
        *("time", "random", "secrets", "uuid"),
        *("os", "sys", "io", "pathlib", "shutil", "glob", "tempfile", "fileinput", "getpass"),
        *("platform", "argparse", "sqlite3", "shelve", "dbm"),
        *("socket", "ssl", "select", "selectors", "urllib", "http", "ftplib"),
        *("subprocess", "threading", "multiprocessing", "asyncio", "concurrent", "signal"),
        *("logging",),
    }
)
"""Modules of the standard library that read a clock, chance, a file, the network or the process."""

CLOCK_CALLS = frozenset({"now", "utcnow", "today"})
IO_CALLS = frozenset({"open", "input", "print", "breakpoint", "eval", "exec"})

DRAWS_THE_DOCS = "workflows/machine/render.py"
"""The one file of the machine that is also a command: it writes the generated page."""


def imported(source: Source) -> Iterator[tuple[str, int]]:
    """Each module that a file imports, absolute, wherever in the file it does so.

    `from package import name` yields `package.name`: whether the name is a module or a function
    makes no difference to a rule about prefixes.
    """
    package = source.path.removesuffix(".py").removesuffix("/__init__").split("/")
    if not source.path.endswith("__init__.py"):
        package = package[:-1]
    for node in source.nodes:
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, node.lineno
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*above, *([node.module] if node.module else [])])
            for alias in node.names:
                yield f"{module}.{alias.name}".strip("."), node.lineno


def below(module: str, *packages: str) -> bool:
    return any(module == p or module.startswith(p + ".") for p in packages)


def defines_workflow(source: Source) -> bool:
    """Whether a file holds a workflow class, or a base of some: a class, or a method of one, that
    Temporal is told of."""
    kinds = (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    return any(
        ast.unparse(decorator).startswith("workflow.")
        for node in source.nodes
        if isinstance(node, kinds)
        for decorator in node.decorator_list
    )


def refuse(
    applies: Callable[[Source], bool], refused: Callable[[str], bool]
) -> Callable[[Source], Iterator[Finding]]:
    """A rule: the files that it applies to import nothing that is refused."""

    def finds(source: Source) -> Iterator[Finding]:
        if not source.path.endswith(".py") or not applies(source):
            return
        for module, line in imported(source):
            if refused(module):
                yield Finding(source.path, line, f"imports {module}")

    return finds


def machine_breaches(source: Source) -> Iterator[Finding]:
    if not source.inside("workflows/machine") or not source.path.endswith(".py"):
        return
    draws = source.path == DRAWS_THE_DOCS
    for module, line in imported(source):
        top = module.split(".")[0]
        if below(module, "workflows.machine"):
            continue
        if top not in sys.stdlib_module_names or (top in CLOCKS_AND_IO and not draws):
            yield Finding(source.path, line, f"imports {module}")
    for node in source.nodes:
        if not isinstance(node, ast.Call):
            continue
        if isinstance(node.func, ast.Attribute) and node.func.attr in CLOCK_CALLS:
            yield Finding(source.path, node.lineno, f"reads a clock: {ast.unparse(node.func)}()")
        if isinstance(node.func, ast.Name) and node.func.id in IO_CALLS and not draws:
            yield Finding(source.path, node.lineno, f"does I/O: {node.func.id}()")


KNOW_TEMPORAL = ("shell", "dispatch", "connection", "encryption", "telemetry", "logs")
"""Beside the workflow classes: the files of workflows/, or the beginnings of their names, that may
know Temporal. The shell and its dispatch run on it; the others are how a process reaches it,
what it stores encrypted, and what is said about it."""

TWILIOS_WORDS = frozenset(
    {
        *("no-answer", "in-progress", "canceled", "machine_start", "machine_end_beep"),
        *("conference-start", "conference-end", "participant-join", "participant-leave"),
        *("participant-hold", "participant-unhold", "participant-modify"),
        *("CallSid", "ConferenceSid", "CallStatus", "StatusCallbackEvent", "SequenceNumber"),
        *("EndConferenceOnExit", "endConferenceOnExit", "end_conference_on_exit"),
    }
)


def is_temporal_free(source: Source) -> bool:
    if not source.inside("workflows"):
        return False
    name = source.path.split("/")[1].removesuffix(".py")
    return not name.startswith(KNOW_TEMPORAL) and not defines_workflow(source)


def package_breaches(source: Source) -> Iterator[Finding]:
    inside = source.inside("workflows", "activities", "api")
    if not inside or not source.path.endswith("/__init__.py"):
        return
    if ast.get_docstring(source.tree) is None:
        yield Finding(source.path, 1, "has no docstring")
    for node in source.tree.body[1:]:
        yield Finding(source.path, node.lineno, f"holds more than a docstring: {ast.unparse(node)}")


def border_breaches(source: Source) -> Iterator[Finding]:
    is_ours = source.inside("workflows") and not source.path.startswith("workflows/dispatch")
    if not is_ours or not source.path.endswith(".py"):
        return
    for node in source.nodes:
        if isinstance(node, ast.Constant) and node.value in TWILIOS_WORDS:
            yield Finding(source.path, node.lineno, f"says {node.value!r}, which is Twilio's word")


def product(source: Source) -> bool:
    return source.inside("workflows", "activities", "api", "simulator", "worker.py")


def bad(path: str, text: str) -> Source:
    return Source(path, text)


CHECKS_THE_ACCOUNT = "activities.account"
"""The one check of the settings that api and worker have in common."""

API_OF_TWILIO = ("twilio.request_validator", "twilio.jwt", "twilio.twiml")

RULES = (
    Rule(
        "the_machine_is_pure",
        "let time, chance and the world come in as fields of an event",
        machine_breaches,
        bad=(
            bad("workflows/machine/x.py", "import time"),
            bad("workflows/machine/x.py", "def f():\n    from temporalio import workflow"),
            bad("workflows/machine/x.py", "from ..messages import TASK_QUEUE"),
            bad("workflows/machine/x.py", "from datetime import datetime\ndatetime.now()"),
            bad("workflows/machine/x.py", "open('table')"),
        ),
        good=(
            bad("workflows/machine/x.py", "from dataclasses import dataclass"),
            bad("workflows/machine/x.py", "from .model import State"),
            bad(DRAWS_THE_DOCS, "from pathlib import Path\nprint(Path())"),
        ),
    ),
    Rule(
        "messages_know_the_machine_alone",
        "messages.py is the contract: standard library and workflows.machine, nothing else",
        refuse(
            lambda s: s.path == "workflows/messages.py",
            lambda m: (
                m.split(".")[0] not in sys.stdlib_module_names and not below(m, "workflows.machine")
            ),
        ),
        bad=(bad("workflows/messages.py", "import temporalio"),),
        good=(bad("workflows/messages.py", "from workflows.machine.model import Kind"),),
    ),
    Rule(
        "temporal_stays_in_the_shell",
        "the machine's side is free of Temporal: use the shell, a workflow class, dispatch.py, or "
        f"one of {', '.join(KNOW_TEMPORAL)}",
        refuse(is_temporal_free, lambda m: below(m, "temporalio")),
        bad=(bad("workflows/views.py", "from temporalio import workflow"),),
        good=(
            bad("workflows/shell.py", "from temporalio import workflow"),
            bad("workflows/encryption.py", "from temporalio.converter import PayloadCodec"),
            bad(
                "workflows/warm_transfer.py",
                "from temporalio import workflow\n@workflow.defn\nclass W: ...",
            ),
        ),
    ),
    Rule(
        "only_dispatch_knows_activities",
        "map the command to its activity in workflows/dispatch.py",
        refuse(
            lambda s: s.inside("workflows") and not s.path.startswith("workflows/dispatch"),
            lambda m: below(m, "activities"),
        ),
        bad=(bad("workflows/shell.py", "from activities.participants import hold_participant"),),
        good=(bad("workflows/dispatch.py", "from activities import participants"),),
    ),
    Rule(
        "workflows_know_neither_api_nor_twilio",
        "Twilio's words belong to activities/ and to api/webhooks/",
        refuse(
            lambda s: s.inside("workflows"),
            lambda m: below(m, "api", "simulator", "benchmarks", "worker", "twilio"),
        ),
        bad=(
            bad("workflows/shell.py", "import twilio.rest"),
            bad("workflows/shell.py", "from api.schemas import Transfer"),
        ),
    ),
    Rule(
        "twilios_words_stay_at_the_border",
        "translate in api/webhooks/ on the way in and in workflows/dispatch.py on the way out",
        border_breaches,
        bad=(bad("workflows/machine/classify.py", "if status == 'no-answer': ..."),),
        good=(
            bad("workflows/dispatch.py", "x = 'no-answer'"),
            bad("workflows/machine/model.py", "x = 'no_answer'"),
        ),
    ),
    Rule(
        "activities_could_serve_another_engine",
        "hand in plain values; activities/ knows Twilio and nothing of transfers",
        refuse(
            lambda s: s.inside("activities"),
            lambda m: below(m, *(p for p in OURS if p != "activities")),
        ),
        bad=(bad("activities/calls.py", "from workflows.machine.model import Party"),),
        good=(bad("activities/calls.py", "from activities.client import Client"),),
    ),
    Rule(
        "api_reaches_twilio_through_workflows",
        "send a message to the workflow; api/ calls no activity, no shell and no dispatch",
        refuse(
            lambda s: s.inside("api"),
            lambda m: (
                below(m, "worker", "simulator", "workflows.dispatch", "workflows.shell")
                or (below(m, "activities") and not below(m, CHECKS_THE_ACCOUNT))
            ),
        ),
        bad=(
            bad("api/routes/calls.py", "from activities.participants import hold_participant"),
            bad("api/routes/calls.py", "from workflows.dispatch import DISPATCH"),
        ),
        good=(
            bad("api/routes/calls.py", "from workflows.messages import TASK_QUEUE"),
            bad("api/settings.py", "from activities.account import AccountBaseSettings"),
        ),
    ),
    Rule(
        "api_uses_three_parts_of_the_sdk",
        f"of Twilio's SDK use {', '.join(API_OF_TWILIO)} only",
        refuse(
            lambda s: s.inside("api"),
            lambda m: below(m, "twilio") and not below(m, *API_OF_TWILIO),
        ),
        bad=(
            bad("api/app.py", "from twilio.rest import Client"),
            bad("api/app.py", "import twilio"),
        ),
        good=(bad("api/app.py", "from twilio.request_validator import RequestValidator"),),
    ),
    Rule(
        "the_simulator_stands_alone",
        "a simulator that knows the engine proves nothing about it",
        refuse(
            lambda s: s.inside("simulator"),
            lambda m: below(m, *(p for p in OURS if p != "simulator")),
        ),
        bad=(bad("simulator/core/calls.py", "from workflows.machine.model import Party"),),
        good=(bad("simulator/http/app.py", "from simulator.core import calls"),),
    ),
    Rule(
        "nothing_imports_the_tests",
        "move what is shared into the product, or write it twice",
        refuse(product, lambda m: below(m, "tests", "benchmarks")),
        bad=(
            bad("worker.py", "from tests.e2e.stack import Stack"),
            bad("api/app.py", "import benchmarks"),
        ),
    ),
    Rule(
        "packages_are_empty",
        "import from the module itself, so that a leaf never drags in the tree",
        package_breaches,
        bad=(
            bad("api/routes/__init__.py", '"""Routes."""\nfrom api.routes import transfers'),
            bad("activities/__init__.py", ""),
        ),
        good=(bad("api/__init__.py", '"""How people and Twilio reach it."""'),),
    ),
)
