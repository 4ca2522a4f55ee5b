"""Voice queues: parked calls that listen to a wait document until somebody takes them out.

Whoever routes tasks (TaskRouter) is told of calls parked with a workflow by `network.on_parked`
and takes them out with `remove`.
"""

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin

from simulator.core import hearing
from simulator.core.documents import Verb
from simulator.core.model import Bridge, Call, Document, Queue, QueueMember

if TYPE_CHECKING:
    from simulator.core.network import Network
    from simulator.core.script import Script

QUEUE_NAME_LENGTH_MAX = 64
Met = Callable[[Bridge | None], None]


def enqueue(script: "Script", verb: Verb) -> None:
    script.network.queues.park(script, verb)


def leave(script: "Script", verb: Verb) -> None:
    """`<Leave>` in a wait document; anywhere else there is nothing to leave."""
    member = script.call.member
    if member is None:
        script.alert(14203, "Leave: the call is in no queue; it was skipped")
        script.next()
    else:
        script.network.queues.remove(member, "leave")


class Queues:
    def __init__(self, network: "Network") -> None:
        self._network = network
        # Dialling legs that wait at an empty queue, longest first.
        self._dialling: list[tuple[Queue, Call, Verb, Met]] = []

    def named(self, name: str) -> Queue:
        """The queue of that name; made on the fly as Twilio does."""
        for queue in self._network.queues_by_sid.values():
            if queue.name == name:
                return queue
        return self.make(name)

    def make(self, name: str, max_size: int = 100) -> Queue:
        network = self._network
        now = network.clock.now
        queue = Queue(network.sid("QU"), name, now, now, max_size)
        network.queues_by_sid[queue.sid] = queue
        return queue

    # -- parking -----------------------------------------------------------------------------

    def park(self, script: "Script", verb: Verb) -> None:
        workflow = verb.get("workflowSid") or None
        task = self._task(script, verb) if workflow else None
        queue = self.named(workflow or verb.text or "default")
        if len(queue.members) >= queue.max_size:
            script.alert(14207, "Enqueue: The targeted queue reached max queue size")
            self._after(script, verb, queue, "queue-full", 0.0)
            return
        call, now = script.call, self._network.clock.now

        def left(result: str) -> None:
            script.drop_inner()
            script.cleanup = None
            waited = self._network.clock.now - now
            if result not in ("hangup", "redirected"):
                self._after(script, verb, queue, result, waited)
            elif verb.get("action"):
                self._tell_action(script, verb, self._results(queue, result, waited))

        member = QueueMember(call, queue, now, left, workflow, task)
        queue.members[call.sid] = member
        queue.updated_at = now
        call.member = member
        self._network.write("queue", "enter", call=call, queue=queue.name)
        if verb.has("waitUrl") and not verb.get("waitUrl"):
            script.hear(hearing.SILENCE)
        elif verb.get("waitUrl"):
            self._play_wait(script, verb, member)
        else:
            script.hear(f"queue {hearing.MUSIC}")
        self._serve(queue)
        if workflow and call.member is member and self._network.on_parked is not None:
            self._network.on_parked(member)

    def _task(self, script: "Script", verb: Verb) -> dict[str, Any]:
        noun = verb.child("Task") or Verb("Task")
        try:
            attributes = json.loads(noun.text or "{}")
        except ValueError:
            script.alert(14221, "Enqueue: Provided Attributes JSON was not valid")
            attributes = {}
        return {
            "attributes": attributes,
            "priority": noun.get("priority"),
            "timeout": noun.get("timeout"),
        }

    def _play_wait(self, script: "Script", verb: Verb, member: QueueMember) -> None:
        inner = type(script)(
            self._network,
            script.call,
            "queue",
            extra=lambda: self._wait_params(member),
            handlers=script.handlers,
        )
        inner.url = script.url
        script.inner = inner
        method = verb.get("waitUrlMethod") or verb.get("waitMethod", "POST")
        inner.load(Document(url=verb.get("waitUrl"), method=method))

    def _wait_params(self, member: QueueMember) -> dict[str, str]:
        queue = member.queue
        return {
            "QueueSid": queue.sid,
            "QueueTime": str(int(self._network.clock.now - member.enqueued_at)),
            "QueuePosition": str(self.position(member)),
            "AvgQueueTime": str(self.average_wait(queue)),
            "CurrentQueueSize": str(len(queue.members)),
            "MaxQueueSize": str(queue.max_size),
        }

    def _after(
        self, script: "Script", verb: Verb, queue: Queue, result: str, seconds: float
    ) -> None:
        """Enqueue's action, or the next verb."""
        if not verb.get("action"):
            script.next()
            return
        params = self._results(queue, result, seconds)
        script.fetch(verb.get("action"), verb.get("method", "POST"), params)

    @staticmethod
    def _results(queue: Queue, result: str, seconds: float) -> dict[str, str]:
        return {"QueueResult": result, "QueueSid": queue.sid, "QueueTime": str(int(seconds))}

    def _tell_action(self, script: "Script", verb: Verb, results: dict[str, str]) -> None:
        """The action is told although its document can no longer be run on this leg."""
        network, call = self._network, script.call
        params = {**network.calls.params(call), **results}
        url = urljoin(script.url, verb.get("action"))
        method = verb.get("method", "POST")
        network.send("callback", "enqueue-action", url, method, params, call_sid=call.sid)

    @staticmethod
    def position(member: QueueMember) -> int:
        return list(member.queue.members).index(member.call.sid) + 1

    @staticmethod
    def average_wait(queue: Queue) -> int:
        return int(queue.waits_sum / queue.waits_count) if queue.waits_count else 0

    def remove(self, member: QueueMember, result: str) -> None:
        """Take the call out; `result` is the QueueResult its TwiML gets to know."""
        queue, call = member.queue, member.call
        if queue.members.pop(call.sid, None) is None:
            return
        now = self._network.clock.now
        queue.waits_sum += now - member.enqueued_at
        queue.waits_count += 1
        queue.updated_at = now
        call.member = None
        self._network.write("queue", "leave", call=call, queue=queue.name, result=result)
        if self._network.on_unparked is not None:
            self._network.on_unparked(member, result)
        member.leave(result)
        self._network.note_audio(call)

    # -- Dial -> Queue -----------------------------------------------------------------------

    def connect(self, queue: Queue, call: Call, noun: Verb, met: Met) -> Callable[[], None]:
        """Meet the first of the queue, now or when one comes. Answers what cancels the wish."""
        wish = (queue, call, noun, met)
        self._dialling.append(wish)
        self._network.clock.call_soon(lambda: self._serve(queue))

        def cancel() -> None:
            if wish in self._dialling:
                self._dialling.remove(wish)

        return cancel

    def give_up(self, call: Call, met: Met) -> None:
        for wish in self._dialling:
            if wish[1] is call:
                self._dialling.remove(wish)
                met(None)
                return

    def _serve(self, queue: Queue) -> None:
        for wish in list(self._dialling):
            if wish[0] is queue and queue.members:
                self._dialling.remove(wish)
                member = next(iter(queue.members.values()))
                self.bridge_member(member, wish[1], wish[2], wish[3])

    def bridge_member(self, member: QueueMember, agent: Call, noun: Verb, met: Met) -> None:
        """Bridge a parked call to a leg; when they part, both go on with their own TwiML."""
        calls, caller, queue = self._network.calls, member.call, member.queue
        waited = self._network.clock.now - member.enqueued_at
        script, resume = caller.script, member.leave
        member.leave = lambda _: script.drop_inner() if script is not None else None
        self.remove(member, "bridged")
        member.leave = resume

        def talk(_: str) -> None:
            if not (caller.live and agent.live):
                met(None)
                return
            bridge = calls.bridge(caller, agent)
            self._part_later(bridge, caller, agent, member, met)

        if noun.get("url") and script is not None:
            whisper = type(script)(
                self._network,
                caller,
                "whisper",
                on_end=talk,
                extra=lambda: {
                    "QueueSid": queue.sid,
                    "QueueTime": str(int(waited)),
                    "DequeingCallSid": agent.sid,
                },
                handlers=script.handlers,
            )
            whisper.url = agent.script.url if agent.script else ""
            script.inner = whisper
            whisper.fetch(noun.get("url"), noun.get("method", "POST"))
        else:
            talk("")

    def _part_later(
        self, bridge: Bridge, caller: Call, agent: Call, member: QueueMember, met: Met
    ) -> None:
        """When one hangs up, the other's TwiML goes on."""

        def ended(call: Call, _: str) -> None:
            if call is caller and agent.live:
                met(bridge)
            elif call is agent and caller.live and caller.script is not None:
                member.leave("bridged")

        caller.on_end.append(ended)
        agent.on_end.append(ended)
