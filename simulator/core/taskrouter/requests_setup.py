"""Workspaces, activities and task channels over REST.

https://www.twilio.com/docs/taskrouter/api/workspace and the pages beside it
"""

from simulator.core.errors import invalid, not_found
from simulator.core.taskrouter.model import (
    Activity,
    TaskChannel,
    WorkerChannel,
    Workspace,
)
from simulator.core.taskrouter.pages import page
from simulator.core.taskrouter.requests_base import ORDERS, Group, choice, friendly_name, required
from simulator.core.taskrouter.resources import BASE, Body
from simulator.core.text import Form

ACTIVITIES = (("Offline", False), ("Available", True), ("Unavailable", False))
CHANNELS = (
    ("Default", "default"), ("Programmable Chat", "chat"), ("Voice", "voice"), ("SMS", "sms"),
    ("Video", "video"),
)  # fmt: skip


class Workspaces(Group):
    def create(self, form: Form) -> Body:
        router, now = self._router, self._router.now
        name, template = friendly_name(form), choice(form, "Template", ("NONE", "FIFO"), "NONE")
        space = Workspace(
            router.network.sid("WS"),
            now,
            now,
            name,
            form.true("MultiTaskEnabled", True),
            form.given("EventCallbackUrl", ""),
            form.given("EventsFilter", ""),
            choice(form, "PrioritizeQueueOrder", ORDERS, "FIFO"),
        )
        router.workspaces[space.sid] = space
        for title, available in ACTIVITIES:
            activity = Activity(router.network.sid("WA"), now, now, title, available)
            space.activities[activity.sid] = activity
        space.default_activity = space.timeout_activity = next(iter(space.activities.values()))
        for title, unique in CHANNELS:
            channel = TaskChannel(router.network.sid("TC"), now, now, title, unique)
            space.channels[channel.sid] = channel
        router.events.tell(space, "workspace.created", space)
        if template == "FIFO":
            self._fill(space)
        return self.fetch(space.sid)

    def _fill(self, space: Workspace) -> None:
        """R-16: one queue for all, one workflow that leads to it."""
        rest = self._requests
        queue = rest.queues.create(space.sid, Form.of({"FriendlyName": "Sample Queue"}))
        configuration = (
            '{"task_routing":{"filters":[],"default_filter":{"queue":"' + queue["sid"] + '"}}}'
        )
        params = {"FriendlyName": "Default Fifo Workflow", "Configuration": configuration}
        rest.workflows.create(space.sid, Form.of(params))

    def fetch(self, sid: str) -> Body:
        space = self._space(sid)
        return self._shown(space).workspace(space)

    def read(self, form: Form) -> Body:
        name = form.text("FriendlyName")
        spaces = [s for s in self._router.workspaces.values() if name in (None, "", s.name)]
        return page(
            spaces,
            form,
            key="workspaces",
            url=BASE,
            render=lambda space: self._shown(space).workspace(space),
            sid_of=lambda space: space.sid,
        )

    def update(self, sid: str, form: Form) -> Body:
        space = self._space(sid)
        found = {
            name: self._get(space, space.activities, "Activities", form.given(name, ""))
            for name in ("DefaultActivitySid", "TimeoutActivitySid")
            if name in form
        }
        order = choice(form, "PrioritizeQueueOrder", ORDERS, space.queue_order)
        if form.text("MultiTaskEnabled") == "false" and space.multi_task:
            raise invalid(20001, "Multitasking cannot be disabled once it is enabled")
        space.name = form.given("FriendlyName", space.name)
        space.default_activity = found.get("DefaultActivitySid", space.default_activity)
        space.timeout_activity = found.get("TimeoutActivitySid", space.timeout_activity)
        space.multi_task = space.multi_task or form.true("MultiTaskEnabled")
        space.queue_order = order
        if "EventCallbackUrl" in form:
            space.event_url = form.given("EventCallbackUrl", "")
        if "EventsFilter" in form:
            space.events_filter = form.given("EventsFilter", "")
        space.touch(self._router.now)
        self._router.events.tell(space, "workspace.updated", space)
        return self.fetch(sid)

    def delete(self, sid: str) -> None:
        space = self._space(sid)
        for task in list(space.tasks.values()):
            self._router.tasks.delete(space, task)
        del self._router.workspaces[sid]
        self._router.events.tell(space, "workspace.deleted", space)


class Activities(Group):
    def create(self, sid: str, form: Form) -> Body:
        space, now = self._space(sid), self._router.now
        name = friendly_name(form)
        made = Activity(
            self._router.network.sid("WA"), now, now, name, form.true("Available", False)
        )
        space.activities[made.sid] = made
        self._router.events.tell(space, "activity.created", made)
        return self._shown(space).activity(made)

    def fetch(self, sid: str, activity_sid: str) -> Body:
        space = self._space(sid)
        return self._shown(space).activity(
            self._get(space, space.activities, "Activities", activity_sid)
        )

    def read(self, sid: str, form: Form) -> Body:
        space = self._space(sid)
        name, available = form.text("FriendlyName"), form.text("Available")
        found = [
            a
            for a in space.activities.values()
            if name in (None, "", a.name)
            and (available in (None, "") or a.available is form.true("Available"))
        ]
        shown = self._shown(space)
        return page(
            found,
            form,
            key="activities",
            url=f"{shown.url}/Activities",
            render=shown.activity,
            sid_of=lambda a: a.sid,
        )

    def update(self, sid: str, activity_sid: str, form: Form) -> Body:
        """Only the name: `Available` is taken and changes nothing (R-15)."""
        space = self._space(sid)
        activity = self._get(space, space.activities, "Activities", activity_sid)
        if "Available" in form and form.true("Available") is not activity.available:
            self._router.network.ignored.append("Available")
        if form.text("FriendlyName"):
            activity.name = friendly_name(form)
            activity.touch(self._router.now)
            self._router.events.tell(space, "activity.updated", activity)
        return self._shown(space).activity(activity)

    def delete(self, sid: str, activity_sid: str) -> None:
        space = self._space(sid)
        activity = self._get(space, space.activities, "Activities", activity_sid)
        used = [w.name for w in space.workers.values() if w.activity is activity]
        if used or activity in (space.default_activity, space.timeout_activity):
            raise invalid(20001, f"Activity {activity.name} is in use")
        del space.activities[activity_sid]
        self._router.events.tell(space, "activity.deleted", activity)


class TaskChannels(Group):
    def create(self, sid: str, form: Form) -> Body:
        space, now = self._space(sid), self._router.now
        name, unique = friendly_name(form), required(form, "UniqueName")
        if any(c.unique_name == unique for c in space.channels.values()):
            raise invalid(20001, f"UniqueName {unique} is in use")
        made = TaskChannel(
            self._router.network.sid("TC"), now, now, name, unique,
            form.true("ChannelOptimizedRouting"),
        )  # fmt: skip
        space.channels[made.sid] = made
        for worker in space.workers.values():
            own = WorkerChannel(self._router.network.sid("WC"), now, now, made)
            worker.channels[made.sid] = own
        self._router.events.tell(space, "task-channel.created", made)
        return self._shown(space).task_channel(made)

    def find(self, space: Workspace, key: str) -> TaskChannel:
        """By SID or by unique name."""
        found = space.channels.get(key) or next(
            (c for c in space.channels.values() if c.unique_name == key), None
        )
        if found is None:
            raise not_found(f"/v1/Workspaces/{space.sid}/TaskChannels/{key}")
        return found

    def fetch(self, sid: str, key: str) -> Body:
        space = self._space(sid)
        return self._shown(space).task_channel(self.find(space, key))

    def read(self, sid: str, form: Form) -> Body:
        space = self._space(sid)
        shown = self._shown(space)
        return page(
            list(space.channels.values()),
            form,
            key="channels",
            url=f"{shown.url}/TaskChannels",
            render=shown.task_channel,
            sid_of=lambda c: c.sid,
        )

    def update(self, sid: str, key: str, form: Form) -> Body:
        space = self._space(sid)
        channel = self.find(space, key)
        channel.name = form.given("FriendlyName", channel.name)
        channel.optimized = form.true("ChannelOptimizedRouting", channel.optimized)
        channel.touch(self._router.now)
        self._router.events.tell(space, "task-channel.updated", channel)
        return self._shown(space).task_channel(channel)

    def delete(self, sid: str, key: str) -> None:
        space = self._space(sid)
        channel = self.find(space, key)
        if channel.unique_name == "default" or any(
            t.channel is channel and t.open for t in space.tasks.values()
        ):
            raise invalid(20001, f"TaskChannel {channel.unique_name} is in use")
        del space.channels[channel.sid]
        for worker in space.workers.values():
            worker.channels.pop(channel.sid, None)
        self._router.events.tell(space, "task-channel.deleted", channel)
