"""`python -m simulator` runs the network; with a verb it acts on the phones of a running one."""

import argparse
import json
import os
import sys
import urllib.error
import urllib.request
from typing import Any
from urllib.parse import quote

from simulator.settings import Settings, SettingsError

ACTIONS = ("answer", "reject", "hangup")


def main(arguments: list[str] | None = None) -> int:
    asked = _parser().parse_args(arguments)
    if asked.verb in (None, "run"):
        return _run(asked)
    return _act(asked)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m simulator", description=__doc__)
    parser.add_argument("--host", help="address to listen on (SIMULATOR_HOST)")
    parser.add_argument("--port", type=int, help="port, 0 for a free one (SIMULATOR_PORT)")
    parser.add_argument("--clock", choices=("real", "turnable"), help="(SIMULATOR_CLOCK)")
    parser.add_argument("--seed", help="seed of all identifiers (SIMULATOR_SEED)")
    parser.add_argument(
        "--at",
        default=os.environ.get("SIMULATOR_URL", "http://127.0.0.1:8090"),
        help="where a running simulator is (SIMULATOR_URL)",
    )
    verbs = parser.add_subparsers(dest="verb")
    verbs.add_parser("run", help="run the network (the default)")
    call = verbs.add_parser("call", help="a person dials a number of the account")
    call.add_argument("from_", metavar="FROM")
    call.add_argument("to", metavar="TO")
    for action in ACTIONS:
        verbs.add_parser(action).add_argument("address", metavar="ADDRESS")
    digits = verbs.add_parser("digits", help="press keys")
    digits.add_argument("address", metavar="ADDRESS")
    digits.add_argument("digits", metavar="DIGITS")
    verbs.add_parser("phones", help="list the phones and what each hears")
    return parser


def _run(asked: argparse.Namespace) -> int:
    # Imported late: acting on phones should not load a web server.
    from simulator.http.server import serve

    environment = dict(os.environ)
    for option, name in (
        ("host", "SIMULATOR_HOST"),
        ("port", "SIMULATOR_PORT"),
        ("clock", "SIMULATOR_CLOCK"),
        ("seed", "SIMULATOR_SEED"),
    ):
        value = getattr(asked, option)
        if value is not None:
            environment[name] = str(value)
    try:
        settings = Settings.from_environment(environment)
    except SettingsError as error:
        print(f"simulator: {error}", file=sys.stderr)  # noqa: T201
        return 2
    return serve(settings)


def _act(asked: argparse.Namespace) -> int:
    if asked.verb == "call":
        answer = _request(asked.at, "POST", "/calls", {"from": asked.from_, "to": asked.to})
    elif asked.verb == "phones":
        answer = _request(asked.at, "GET", "/phones", None)
    else:
        body = {"digits": asked.digits} if asked.verb == "digits" else {}
        path = f"/phones/{quote(asked.address, safe='+:@')}/{asked.verb}"
        answer = _request(asked.at, "POST", path, body)
    print(json.dumps(answer, indent=2))  # noqa: T201
    return 1 if "detail" in answer else 0


def _request(base: str, method: str, path: str, body: dict[str, Any] | None) -> dict[str, Any]:
    request = urllib.request.Request(  # noqa: S310 - the address is the user's own
        f"{base.rstrip('/')}/simulator/v1{path}",
        method=method,
        data=None if body is None else json.dumps(body).encode(),
        headers={"Content-Type": "application/json"},
    )
    try:
        with urllib.request.urlopen(request, timeout=10) as response:  # noqa: S310 - the same
            found: dict[str, Any] = json.load(response)
    except urllib.error.HTTPError as error:
        found = {"detail": json.loads(error.read() or b"{}").get("detail", str(error))}
    except urllib.error.URLError as error:
        found = {"detail": f"no simulator at {base}: {error.reason}"}
    return found


if __name__ == "__main__":
    sys.exit(main())
