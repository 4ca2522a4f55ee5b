"""The workers of a contact centre: what they see and do, through the control face."""

from __future__ import annotations

from tests.e2e.stack import Stack
from tests.e2e.telephones import Json, Telephones, until


class Centre:
    """What the workers see and do, as on their own desktops."""

    def __init__(self, stack: Stack) -> None:
        self._phones = Telephones(stack)

    async def worker(self, name: str) -> Json:
        """One worker: activity, and what is offered and accepted."""
        return await self._phones.ask("GET", f"/workers/{name}")

    async def offered(self, *names: str) -> tuple[str, Json]:
        """Wait until one of these workers is offered something; answers who, and what."""

        async def look() -> tuple[str, Json] | None:
            for name in names:
                if offers := (await self.worker(name))["offered"]:
                    return name, offers[0]
            return None

        return await until(look, f"{' or '.join(names)} to be offered a task")

    async def reject(self, reservation_sid: str) -> None:
        """A worker declines on the desktop, while the phone rings."""
        await self._phones.ask("POST", f"/reservations/{reservation_sid}/reject", {})

    async def accepted(self, name: str, task_sid: str) -> None:
        """Wait until a worker has a task."""

        async def look() -> bool | None:
            held = (await self.worker(name))["accepted"]
            return True if task_sid in {each["task_sid"] for each in held} else None

        await until(look, f"{name} to have the task")

    async def utilisation(self) -> list[Json]:
        """How each worker's time was spent."""
        workers: list[Json] = (await self._phones.ask("GET", "/utilisation"))["workers"]
        return workers
