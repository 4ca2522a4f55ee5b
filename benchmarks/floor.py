"""The floor: the barest workflow that makes the same round trips as a transfer.

No table, no view, no memo, no codec, no summaries, no timers, no log lines, no figures. It walks a
script of requests to Twilio and of pauses until something is heard, and that is all: what the
engine costs beyond it is the price of everything the engine does besides.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from temporalio import activity, workflow

with workflow.unsafe.imports_passed_through():
    from activities.client import HttpClient

QUEUE = "floor"
HOST = "https://api.twilio.com"
LIMIT = timedelta(seconds=5)


@dataclass(frozen=True)
class Ask:
    """One request to Twilio. An empty method is a pause until the next signal or update."""

    method: str = ""
    path: str = ""
    form: dict[str, str] | None = None


HEAR = Ask()


class Twilio:
    """The one activity, with the engine's HTTP client below it."""

    def __init__(self, http: HttpClient, auth: tuple[str, str]) -> None:
        self._http = http
        self._auth = auth

    @activity.defn(name="request")
    async def request(self, given: Ask) -> int:
        """Make one request; answers its status."""
        answer = await self._http.request(
            given.method,
            HOST + given.path,
            data=dict(given.form) if given.form else None,
            headers={"Content-Type": "application/x-www-form-urlencoded"},
            auth=self._auth,
        )
        return int(answer.status_code)


@workflow.defn(name="Floor")
class Floor:
    """One walk through a script."""

    @workflow.init
    def __init__(self, script: list[Ask]) -> None:
        self._heard = 0
        self._taken = 0

    @workflow.run
    async def run(self, script: list[Ask]) -> int:
        """To the end of the script; answers how much was heard on the way."""
        for given in script:
            if given.method:
                await workflow.execute_activity_method(
                    Twilio.request, given, start_to_close_timeout=LIMIT
                )
            else:
                await workflow.wait_condition(lambda: self._heard > self._taken)
                self._taken += 1
        return self._heard

    @workflow.signal
    def hear(self) -> None:
        """Something happened."""
        self._heard += 1

    @workflow.update
    def ask(self) -> int:
        """Somebody asks for something."""
        self._heard += 1
        return self._heard
