"""House style that a linter does not know: sizes, docstrings, leftovers, names of places."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from tests.tidy.sources import Finding, Rule, Source

LINE_LENGTH_MAX = 100
FUNCTION_LINES_MAX = 70
FILE_LINES_MAX = 500
"""Aim for 300. At 500 a file is split, not discussed."""

CODE = (".py", ".js", ".css", ".html", ".sh")
DATA = re.compile(r"(^|/)(data|recordings|histories|payloads|openapi|scenarios|node_modules)/")
"""Folders of recorded or foreign data: our style does not reach there."""

MAY_PRINT = ("benchmarks", "tests", "simulator/__main__.py", "workflows/machine/render.py")


def is_data(source: Source) -> bool:
    return bool(DATA.search(source.path)) or source.path.endswith((".lock", "package-lock.json"))


PRAGMA = re.compile(r"\s*# (noqa|type: ignore)\b.*$")
"""Words to a tool at the end of a line do not count, nor does a line that ends in an address: ruff
sees it the same way."""


def long_lines(source: Source) -> Iterator[Finding]:
    if not source.path.endswith(CODE) or is_data(source):
        return
    for number, whole in enumerate(source.lines, 1):
        line = PRAGMA.sub("", whole)
        ends_in_address = "://" in line.rpartition(" ")[2]
        if len(line) > LINE_LENGTH_MAX and not ends_in_address:
            yield Finding(source.path, number, f"{len(line)} characters in a line")


def long_functions(source: Source) -> Iterator[Finding]:
    if not source.path.endswith(".py"):
        return
    for node in source.nodes:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            if length > FUNCTION_LINES_MAX:
                yield Finding(source.path, node.lineno, f"{node.name}() has {length} lines")


def long_files(source: Source) -> Iterator[Finding]:
    if source.path.endswith(CODE) and not is_data(source) and len(source.lines) > FILE_LINES_MAX:
        yield Finding(source.path, 1, f"{len(source.lines)} lines in a file")


def silent_modules(source: Source) -> Iterator[Finding]:
    if source.path.endswith(".py") and not (ast.get_docstring(source.tree) or "").strip():
        yield Finding(source.path, 1, "opens without a sentence on what it is for")


LEFTOVER = re.compile(
    r"\b(" + "|".join(("TO" + "DO", "FIX" + "ME", "HA" + "CK", "XX" + "X")) + r")\b"
)


def leftovers(source: Source) -> Iterator[Finding]:
    if is_data(source):
        return
    for number, line in enumerate(source.lines, 1):
        if found := LEFTOVER.search(line):
            yield Finding(source.path, number, f"leftover {found.group()}")


def prints(source: Source) -> Iterator[Finding]:
    if not source.path.endswith(".py"):
        return
    for node in source.nodes:
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
            continue
        if node.func.id == "breakpoint":
            yield Finding(source.path, node.lineno, "leftover breakpoint()")
        is_meant = "noqa: T201" in source.lines[(node.end_lineno or node.lineno) - 1]
        if node.func.id == "print" and not is_meant and not source.inside(*MAY_PRINT):
            yield Finding(source.path, node.lineno, "leftover print()")


PLACES = re.compile(
    "|".join(
        re.escape("".join(pieces))
        for pieces in (
            ("/wo", "rk/"),
            ("/opt/", "wheels"),
            ("/opt/", "pypi"),
            ("../", "shared"),
            ("py", "pi.org"),
            ("python", "hosted.org"),
            ("registry.", "npmjs"),
            ("registry.", "yarnpkg"),
            ("deb.", "debian.org"),
            ("proxy.", "golang.org"),
        )
    )
)
"""Hosts of package registries and folders of the machine something was written on."""


def places(source: Source) -> Iterator[Finding]:
    for number, line in enumerate(source.lines, 1):
        if found := PLACES.search(line):
            yield Finding(source.path, number, f"names {found.group()}")


PHONE_NUMBER = re.compile(r"(?<![\w+])\+[1-9]\d{7,14}(?!\d)")
RESERVED = re.compile(
    r"\+(?:1\d{3}555\d{4}|1555\d{4,7}"  # North America; 500 555 00xx are Twilio's magic numbers
    r"|447700900\d{3}|442079460\d{3}|441632960\d{3}"  # United Kingdom, for drama
    r"|4930231250?\d{2,3}"  # Germany, for drama
    r"|3363998\d{4}|3319900\d{4}"  # France, for drama
    r"|6149157\d{4}|61255500\d{3}"  # Australia, for drama
    r"|(\d)\1{7,14})$"  # one digit over and over: nobody's
)
FOREIGN = re.compile(r"(^|/)(openapi|payloads)/")
"""Documents published by somebody else, kept word for word."""


def real_numbers(source: Source) -> Iterator[Finding]:
    if FOREIGN.search(source.path):
        return
    for number, line in enumerate(source.lines, 1):
        for found in PHONE_NUMBER.findall(line):
            if not RESERVED.match(found):
                yield Finding(source.path, number, f"{found} may be somebody's number")


LONG_FUNCTION = "def f():\n" + "    x = 1\n" * FUNCTION_LINES_MAX

RULES = (
    Rule(
        "lines_fit_the_screen",
        f"at most {LINE_LENGTH_MAX} characters",
        long_lines,
        bad=(Source("api/web/agent.js", "x" * 101),),
        good=(Source("docs/a.md", "x" * 101), Source("api/app.py", "x" * 100)),
    ),
    Rule(
        "functions_fit_the_screen",
        f"at most {FUNCTION_LINES_MAX} lines: keep the flow in the parent, move leaves out",
        long_functions,
        bad=(Source("api/app.py", LONG_FUNCTION),),
        good=(Source("api/app.py", LONG_FUNCTION.rsplit("    x", 1)[0]),),
    ),
    Rule(
        "files_are_split_in_time",
        f"at most {FILE_LINES_MAX} lines, better 300: split by what changes together",
        long_files,
        bad=(Source("api/app.py", "x = 1\n" * 501),),
        good=(Source("simulator/data/calls.py", "x = 1\n" * 501),),
    ),
    Rule(
        "modules_say_what_they_are_for",
        "open with a docstring, and say what the module must never do where that matters",
        silent_modules,
        bad=(Source("api/app.py", "import x"), Source("tests/x.py", '""" """')),
    ),
    Rule(
        "nothing_is_left_over",
        "do it now, or write an issue",
        leftovers,
        bad=(Source("docs/a.md", "TO" + "DO: later"),),
    ),
    Rule(
        "nothing_prints_by_accident",
        "log it; only commands print, and mark it `noqa: T201`",
        prints,
        bad=(Source("api/app.py", "print(1)"), Source("tests/x.py", "breakpoint()")),
        good=(
            Source("benchmarks/floor.py", "print(1)"),
            Source("simulator/http/server.py", "print(1)  # noqa: T201"),
        ),
    ),
    Rule(
        "no_place_is_named",
        "write no registry host and no folder of your machine into the project",
        places,
        bad=(
            Source("README.md", "see /wo" + "rk/main"),
            Source("a.lock", "https://py" + "pi.org/x"),
        ),
        good=(Source("README.md", "the work/life balance"),),
    ),
    Rule(
        "no_number_is_somebodys",
        "use a number reserved for fiction, such as +1 202 555 0100",
        real_numbers,
        bad=(Source("tests/x.py", "'+4915" + "123456789'"),),
        good=(Source("tests/x.py", "'+12025550100' '+15005550006'"),),
    ),
)
