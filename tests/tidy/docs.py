"""Documents: one title each, and links that lead somewhere."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import PurePosixPath
from posixpath import normpath

from tests.tidy.sources import ROOT, Finding, Rule, Source

FENCE = re.compile(r"^\s*(```|~~~)")
LINK = re.compile(r"!?\[[^\]]*\]\(<?([^)>\s]+)>?(?:\s+\"[^\"]*\")?\)")
CODE_SPAN = re.compile(r"`[^`]*`")


def prose(source: Source) -> Iterator[tuple[int, str]]:
    """The lines of a document outside of its code blocks."""
    fenced = False
    for number, line in enumerate(source.lines, 1):
        if FENCE.match(line):
            fenced = not fenced
        elif not fenced:
            yield number, line


def titles(source: Source) -> Iterator[Finding]:
    if not source.path.endswith(".md"):
        return
    found = [number for number, line in prose(source) if line.startswith("# ")]
    if len(found) != 1:
        yield Finding(source.path, (found or [1])[-1], f"has {len(found)} titles")


def slug(heading: str) -> str:
    """The anchor that a heading gets: lower case, words joined by hyphens."""
    text = re.sub(r"[`*]", "", heading.lstrip("#").strip().lower())
    return re.sub(r"[^\w\- ]", "", text).replace(" ", "-")


def anchors(text: str) -> set[str]:
    lines = prose(Source("page.md", text))
    return {slug(line) for _, line in lines if line.startswith("#")}


def links(source: Source) -> Iterator[Finding]:
    if not source.path.endswith(".md"):
        return
    for number, line in prose(source):
        for target in LINK.findall(CODE_SPAN.sub("", line)):
            if re.match(r"[a-z][a-z0-9+.-]*:", target):
                continue
            path, _, anchor = target.partition("#")
            at = normpath(str(PurePosixPath(source.path).parent / path)) if path else source.path
            if not (ROOT / at).exists() and at != source.path:
                yield Finding(source.path, number, f"links to {at}, which does not exist")
                continue
            page = source.text if at == source.path else None
            if anchor and page is None and at.endswith(".md"):
                page = (ROOT / at).read_text(encoding="utf-8")
            if anchor and page is not None and anchor not in anchors(page):
                yield Finding(source.path, number, f"links to #{anchor}, which {at} lacks")


RULES = (
    Rule(
        "a_document_has_one_title",
        "begin with one line '# Title' and use '##' below it",
        titles,
        bad=(Source("docs/a.md", "no title"), Source("docs/a.md", "# One\n# Two")),
        good=(Source("docs/a.md", "# One\n```\n# a comment\n```\n"),),
    ),
    Rule(
        "links_lead_somewhere",
        "mend the link, or write the page",
        links,
        bad=(
            Source("docs/a.md", "[x](nowhere-at-all.md)"),
            Source("docs/a.md", "# A\n[x](#not-here)"),
        ),
        good=(
            Source("docs/a.md", "# A title\n[x](../pyproject.toml) [y](#a-title) `[z](q)`"),
            Source("docs/a.md", "[x](https://example.com/y)"),
        ),
    ),
)
