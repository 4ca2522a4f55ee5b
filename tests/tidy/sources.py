"""The files a rule looks at, what a rule is, and how its findings are told."""

from __future__ import annotations

import ast
import subprocess
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Source:
    """One text file, by its path below the root."""

    path: str
    text: str

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text, filename=self.path)

    @cached_property
    def nodes(self) -> tuple[ast.AST, ...]:
        """All of the tree, walked once for all rules."""
        return tuple(ast.walk(self.tree))

    @property
    def lines(self) -> list[str]:
        return self.text.splitlines()

    def inside(self, *folders: str) -> bool:
        """Whether the file is one of these files or lies below one of these folders."""
        return any(self.path == f or self.path.startswith(f.rstrip("/") + "/") for f in folders)


@dataclass(frozen=True)
class Finding:
    """One place that breaks a rule."""

    path: str
    line: int
    what: str


@dataclass(frozen=True)
class Rule:
    """A rule of the house, what to do about a breach, and snippets that prove it can fail."""

    name: str
    remedy: str
    finds: Callable[[Source], Iterator[Finding]]
    bad: tuple[Source, ...]
    good: tuple[Source, ...] = field(default=())

    def report(self, sources: Iterable[Source]) -> str:
        """One line per breach, in a shape that an editor can jump to. Empty if there is none."""
        return "\n".join(
            f"{finding.path}:{finding.line}: {finding.what} — {self.remedy}"
            for source in sources
            for finding in self.finds(source)
        )


@cache
def project_files() -> tuple[str, ...]:
    """Every file that is, or is about to be, part of the project; ignored files are not."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        capture_output=True,
        check=True,
        text=True,
    ).stdout
    return tuple(sorted({p for p in listed.split("\0") if p and (ROOT / p).is_file()}))


@cache
def sources(*suffixes: str) -> tuple[Source, ...]:
    """The project's text files with these suffixes; all of them if none is given."""
    found = []
    for path in project_files():
        if suffixes and not path.endswith(suffixes):
            continue
        try:
            found.append(Source(path, (ROOT / path).read_text(encoding="utf-8")))
        except UnicodeDecodeError:
            continue
    return tuple(found)
