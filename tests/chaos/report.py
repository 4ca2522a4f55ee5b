"""What a run has shown: as text, as `last.json` for programs, as `docs/chaos.md` and in the README.

Each part keeps its own latest figures with their date, so that a part can be run alone.
"""

from __future__ import annotations

import json
import os
import re
import time
from pathlib import Path
from typing import Any

from tests.e2e.processes import ROOT

DATA = Path(__file__).with_name("last.json")
PAGE = ROOT / "docs" / "chaos.md"
README = ROOT / "README.md"
BEGIN, END = "<!-- make chaos -->", "<!-- end of make chaos -->"

Json = dict[str, Any]

COMMANDS = {
    "cells": 'make chaos ARGS="--cells {played} --seed {seed}"',
    "measure": "make chaos ARGS=--measure",
    "deployment": "make chaos ARGS=--deployment",
    "storm": 'make chaos ARGS="--idempotency {keys} {posts}"',
    "forced": 'make chaos ARGS="--terminated {number}"',
    "crowd": 'make chaos ARGS="--crowd {number} --seed {seed}"',
    "soak": "make soak MINUTES={minutes:g}",
}

ABOUT = """# Chaos: real processes, really killed

Written by `make chaos ARGS=--keep` and `make soak ARGS=--keep`. Do not edit: a test holds this page
against `tests/chaos/last.json`.

Two apis behind a balancer, two workers, Temporal's server on a file and the simulator run as
processes of their own. Every way between them is a TCP proxy of the test's, which can reset it, or
keep it open and pass nothing on. A worker's way to Twilio can be stopped at one request: before it
arrives, after it took effect, or after the answer. Then a process is killed with `kill -9`, stopped
with SIGSTOP, or cut off, while people go on talking, answering, pressing and hanging up.

What became of the caller is not asked of the engine. A checker of its own reads the simulator's
ledger of who heard what, its log of requests, and the API's answers: each label dialled at most
once, nobody in silence for more than five seconds, nobody forgotten on hold, no caller's leg or
room ended by us, nobody removed who was all the caller had, no leg left ten seconds after the
caller has gone, and `completed` only if caller and target talked.
"""


def text(told: Json) -> str:
    """The figures of one run for a terminal."""
    return "\n" + "\n\n".join(_section(name, part) for name, part in told.items())


def keep(told: Json) -> None:
    """Write the figures of this run beside the latest ones of the parts that were not run."""
    kept = load()
    now = {
        "date": time.strftime("%Y-%m-%d"),
        "load": round(os.getloadavg()[1], 1),
        "cores": os.cpu_count(),
    }
    kept |= {name: {"taken": now, "told": part} for name, part in told.items()}
    DATA.write_text(json.dumps(kept, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    PAGE.write_text(page(kept), encoding="utf-8")
    README.write_text(in_readme(README.read_text(encoding="utf-8"), kept), encoding="utf-8")


def load() -> Json:
    """The latest figures of every part."""
    return dict(json.loads(DATA.read_text(encoding="utf-8"))) if DATA.exists() else {}


def page(kept: Json) -> str:
    """`docs/chaos.md`."""
    parts = [ABOUT]
    for name in COMMANDS:
        if name in kept:
            parts.append(f"{_section(name, kept[name]['told'])}\n\n{_taken(name, kept[name])}\n")
    return "\n".join(parts)


def in_readme(readme: str, kept: Json) -> str:
    """The README with its lines about this page replaced."""
    if BEGIN not in readme:
        return readme
    pattern = re.compile(re.escape(BEGIN) + ".*?" + re.escape(END), re.DOTALL)
    return pattern.sub(lambda _: f"{BEGIN}\n{_short(kept)}\n{END}", readme)


def _taken(name: str, kept: Json) -> str:
    taken, told = kept["taken"], kept["told"]
    command = COMMANDS[name].format(**told) if isinstance(told, dict) else COMMANDS[name]
    return (
        f"Printed by `{command}` on {taken['date']}, {taken['cores']} cores, "
        f"load average {taken['load']:g} from other work on the machine included."
    )


def _section(name: str, told: Any) -> str:
    return {
        "cells": _cells,
        "measure": _measure,
        "deployment": _deployment,
        "storm": _storm,
        "forced": _forced,
        "crowd": _crowd,
        "soak": _soak,
    }[name](told)


def _table(head: str, rows: list[list[str]]) -> str:
    columns = head.split(" | ")
    lines = [f"| {head} |", "|" + "---|" * len(columns)]
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in rows)])


def _cells(told: Json) -> str:
    passed = told["played"] - len(told["failed"])
    lines = [
        "## Cells: what is done to the processes, at each step of cold and warm transfers\n",
        f"{passed} of {told['played']} cells passed; {told['applicable']} are there "
        f"(seed {told['seed']}).",
    ]
    return "\n".join([*lines, *(f"- failed: {name}" for name in told["failed"])])


def _measure(rows: list[Json]) -> str:
    lines = [
        [
            row["name"], row["since"], str(row["n"]),
            *(f"{row[name]:.2f} s" for name in ("p50", "p99", "max")),
            "-" if row["aim"] is None else f"{row['aim']:g} s",
            "-" if row["aim"] is None else ("yes" if row["met"] else "**no**"),
        ]
        for row in rows
    ]  # fmt: skip
    wrong = [f"- {row['name']}: {each}" for row in rows for each in row["problems"]]
    wrong += [
        f"\n{row['name']}: it was away for {min(row['away']):.1f} to {max(row['away']):.1f} s."
        for row in rows
        if row.get("away")
    ]
    table = _table("fault | timed from | n | p50 | p99 | max | aim at p99 | met", lines)
    title = "## How long the engine is gone: from a fault to its next request to Twilio\n"
    return "\n".join([title, table, *wrong])


def _deployment(builds: list[Json]) -> str:
    rows = [
        [
            each["build"], each["mode"], str(len(each["phases"])), f"{each['stop_seconds']:.1f} s",
            f"{each['gap_seconds']:.1f} s", str(len(each["problems"])),
        ]
        for each in builds
    ]  # fmt: skip
    head = "next build | mode | phases parked | old workers gone after | new ones at work after"
    table = _table(f"{head} | problems", rows)
    wrong = [
        f"- {each['build']}, {each['mode']}: {problem}"
        for each in builds
        for problem in each["problems"]
    ]
    wrong += [
        f"\nUnder `{each['build']}` ({each['mode']}) the guardian ended what failed again and "
        f"again: {', '.join(ones)}."
        for each in builds
        if (ones := each.get("rescued"))
    ]
    states = "\n".join(
        f"- {mode}: {', '.join(phases)}" for mode, phases in _parked(builds).items()
    )  # fmt: skip
    about = (
        "Where a state lasts for one request to Twilio, that request is on its way. Then both "
        "workers are stopped with SIGTERM, and two of a changed build are started. Which states "
        "are not parked in, and why, stands in `tests/chaos/phases.py` and `phases_queues.py`; a "
        "new state is in neither list, and a test says so. "
        "`patched`: its new step stands behind `patched()`. `careless`: it does not, which has to "
        "show, harm nobody, and be mended by starting the old build again; states that end by a "
        "clock of seconds do not wait for that, and are left out. `pinned`: the "
        "same careless build beside the old one, with `HANDOVER_VERSIONING`: each transfer ends on "
        "the build it began with, and the old workers go last. In the mode `taskrouter` callers "
        "come by `<Enqueue>`, every transfer is to a worker by a task, and at the end no worker "
        "may have or be offered anything. `enqueued` is the caller's own task, `looked for` the "
        "one that finds the target, each in TaskRouter's words."
    )
    title = "## A deployment in the middle (F27)\n\nA call is parked in each of these states.\n"
    return "\n".join([title, states, "", about, "", table, *wrong])


def _parked(builds: list[Json]) -> dict[str, list[str]]:
    """The states by the engine's mode; `careless` leaves some out."""
    return {each["mode"]: each["phases"] for each in builds if each["build"] == "patched"}


def _storm(told: Json) -> str:
    answers = ", ".join(f"{count} × {name}" for name, count in sorted(told["answered"].items()))
    lines = [
        "## A storm of repeated starts (G9)\n",
        f"{told['keys']} keys, each posted {told['posts']} times at once on two apis in turn, once "
        f"with another body and once after the end; an api was killed {told['kills']} times: "
        f"{told['transfers']} transfers. Answers: {answers}. Sent again: {told['lost']} posts that "
        f"nobody answered, {told['unavailable']} that were answered 503. {told['seconds']:.0f} s.",
    ]
    return "\n".join([*lines, *(f"- {each}" for each in told["problems"])])


PHASES = ("ringing", "consulting", "talking")
"""Of runs that were kept before there was a fourth."""


def _forced(told: Json) -> str:
    lines = [
        "## Every workflow ended by force\n",
        f"{told['number']} calls ({', '.join(told.get('phases', PHASES))}), both workers killed, "
        f"all {told['ended']} workflows terminated. {told['seconds']:.1f} s after the workers were "
        f"started again nobody was on hold and no phone rang; {told['clean_seconds']:.1f} s after "
        "the callers had hung up no leg and no workflow was left.",
    ]
    return "\n".join([*lines, *(f"- {each}" for each in told["problems"])])


def _crowd(told: Json) -> str:
    lines = [
        "## Many calls at once\n",
        f"{told['number']} warm transfers started in the same moment, a worker killed among them: "
        f"the last one had ended after {told['seconds']:.0f} s, and {told['clean_seconds']:.0f} s "
        f"after the callers had hung up nothing was left. Of {told['tasks']} workflow tasks "
        f"{told['overdue']} had to be given out again because no answer came in time, and "
        f"{told['passed_on']} because the worker that had the call in memory did not take them. "
        f"Problems: {len(told['problems'])}.",
    ]
    return "\n".join([*lines, *(f"- {each}" for each in told["problems"])])


def _soak(told: Json) -> str:
    rows = [
        [
            name, f"{each['megabytes_first']} MB", f"{each['megabytes_last']} MB",
            f"{each['growth_percent']} %",
            str(each["descriptors_before"]), str(each["descriptors_after"]),
        ]
        for name, each in told["processes"].items()
    ]  # fmt: skip
    outcomes = ", ".join(f"{count} {name}" for name, count in sorted(told["outcomes"].items()))
    faults = ", ".join(f"{count} × {name}" for name, count in sorted(told["faults"].items()))
    table = _table(
        "process | memory at first | at last | last quarter to second | descriptors before | after",
        rows,
    )
    lines = [
        "## Soak\n",
        f"{told['minutes']:g} minutes (seed {told['seed']}): {told['calls']} calls, "
        f"{told['requests']} requests to Twilio; {outcomes}; {told['redialled']} callers had to "
        f"dial twice. Faults: {faults}. Nothing was left {told['clean_seconds']} s after the last "
        f"call. Problems: {len(told['problems'])}.",
        "",
        "Measured are the processes that live through all of it; the simulator keeps the whole "
        "ledger, and grows with it.",
        "",
    ]
    return "\n".join([*lines, table, *(f"- {each}" for each in told["problems"])])


def _short(kept: Json) -> str:
    rows = []
    for row in kept.get("measure", {}).get("told", []):
        if row["aim"] is not None:
            met = "" if row["met"] else " **missed**"
            rows.append([
                f"{row['name']}, from {row['since']} to the next request",
                f"p50 {row['p50']:.1f} s, p99 {row['p99']:.1f} s (n = {row['n']}){met}",
                f"{row['aim']:g} s",
            ])  # fmt: skip
    if cells := kept.get("cells", {}).get("told"):
        passed = cells["played"] - len(cells["failed"])
        rows.append(["cells F01–F05 of cold and warm, passed", f"{passed} of {cells['played']}",
                     "all"])  # fmt: skip
    if told := kept.get("storm", {}).get("told"):
        what = f"{told['keys']} keys × {told['posts']} parallel posts, {told['kills']} kills"
        rows.append([what, f"{told['transfers']} transfers", str(told["keys"])])
    if told := kept.get("deployment", {}).get("told"):
        parked = sum(len(phases) for phases in _parked(told).values())
        what = f"{parked} calls parked in as many states, all workers exchanged"
        rows.append([what, f"{sum(len(each['problems']) for each in told)} problems", "0"])
    if told := kept.get("forced", {}).get("told"):
        what = f"{told['ended']} workflows of {told['number']} calls ended by force, workers killed"
        wrong = " **missed**: something was left over" if told["problems"] else ""
        rows.append([what, f"everybody looked after in {told['seconds']:.0f} s{wrong}", "60 s"])
    if told := kept.get("crowd", {}).get("told"):
        what = f"{told['number']} calls at once, a worker killed among them"
        rows.append([what, f"{len(told['problems'])} problems", "0"])
    if told := kept.get("soak", {}).get("told"):
        faults = sum(told["faults"].values())
        what = f"soak, {told['minutes']:g} min: {told['calls']} calls, {faults} faults"
        rows.append([what, f"{len(told['problems'])} problems", "0"])
    dates = sorted({each["taken"]["date"] for each in kept.values()})
    return _table("with real processes | measured | aim", rows) + f"\n\nTaken {', '.join(dates)}."
