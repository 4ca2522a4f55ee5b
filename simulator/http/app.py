"""The whole simulator as one ASGI application: Twilio's faces, and the control face beside them."""

from starlette.types import ASGIApp, Receive, Scope, Send

from simulator.http.control import create_control
from simulator.http.rest import RestFace
from simulator.http.runtime import Runtime
from simulator.http.taskrouter import TaskRouterFace
from simulator.settings import Settings

TWILIO_PREFIX = "/2010-04-01/"
TASKROUTER_PREFIX = "/v1/"


class SimulatorApp:
    """Hands each request to the face its path belongs to.

    Twilio's faces come before any framework: they are measured, and faults need the bare
    connection. `faces` maps a path's beginning to a face; further ones are added there.
    """

    def __init__(self, settings: Settings) -> None:
        self.runtime = Runtime(settings)
        self.faces: dict[str, ASGIApp] = {
            TWILIO_PREFIX: RestFace(self.runtime),
            TASKROUTER_PREFIX: TaskRouterFace(self.runtime),
        }
        self._control = create_control(self.runtime)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
            return
        for prefix, face in self.faces.items():
            if scope["path"].startswith(prefix):
                await face(scope, receive, send)
                return
        await self._control(scope, receive, send)

    async def _live(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                await self.runtime.open()
                await send({"type": "lifespan.startup.complete"})
            elif message["type"] == "lifespan.shutdown":
                await self.runtime.close()
                await send({"type": "lifespan.shutdown.complete"})
                return


def create_app(settings: Settings | None = None) -> SimulatorApp:
    """Build the application; without settings they come from the environment."""
    return SimulatorApp(settings or Settings.from_environment())
