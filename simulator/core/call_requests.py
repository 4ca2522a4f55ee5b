"""Calls over REST: made, listed, changed, removed. Rules K-01 to K-13."""

from typing import TYPE_CHECKING

from simulator.core import asks, resources
from simulator.core.errors import TwilioError, invalid, not_found
from simulator.core.model import LIVE_STATUSES, Call, Callback, Document
from simulator.core.pages import in_dates, page
from simulator.core.text import Form

if TYPE_CHECKING:
    from simulator.core.network import Network

Body = resources.Body
TWIML_LENGTH_MAX = 4000
ENDINGS = ("canceled", "completed")


class CallRequests:
    def __init__(self, network: "Network") -> None:
        self._network = network

    def create(self, form: Form) -> Body:
        network = self._network
        from_, to = asks.addresses(form)
        network.check_caller_id(from_)
        document = self._document_for_create(form)
        limit = asks.seconds(form, "TimeLimit", 20001, 1, 86400)
        amd = asks.amd_mode(form)
        asynchronous = form.true("AsyncAmd")
        call = network.calls.make(
            from_=form.given("CallerId", from_),
            to=to,
            direction="outbound-api",
            phone=to,
            document=document,
            timeout=asks.ring_seconds(form, 1),
            time_limit=None if limit is None else float(limit),
            progress=asks.progress(form),
            amd=amd,
            amd_asynchronous=asynchronous,
            amd_callback=self._amd_callback(form, asynchronous),
        )
        call.number_sid = network.number_sid(from_)
        call.on_answer = lambda leg: network.calls.run(leg, leg.document)
        network.calls.place(call, paced=True)
        return resources.new_call(network, call)

    @staticmethod
    def _amd_callback(form: Form, asynchronous: bool) -> Callback | None:
        prefix = "AsyncAmd" if asynchronous else "Amd"
        url = asks.url(form, f"{prefix}StatusCallback")
        method = asks.method(form, f"{prefix}StatusCallbackMethod")
        return Callback(url, method) if url else None

    def _document_for_create(self, form: Form) -> Document:
        """Url wins over Twiml on create; an application may stand for both (K-01)."""
        sid = form.text("ApplicationSid")
        if sid:
            application = self._network.applications.get(sid)
            if application is None:
                raise invalid(21218, f"ApplicationSid {sid} is not valid")
            return self._network.voice_document(application.settings)
        document = self._document(form, Document())
        if form.text("Url"):
            return Document(
                document.url, document.method, "", document.fallback_url, document.fallback_method
            )
        if not document.inline:
            raise invalid(21205, "Url parameter is required.")
        return document

    @staticmethod
    def _document(form: Form, now: Document) -> Document:
        inline = form.text("Twiml") or ""
        if len(inline) > TWIML_LENGTH_MAX:
            raise invalid(20001, f"Twiml must not exceed {TWIML_LENGTH_MAX} characters")
        return Document(
            url=asks.url(form, "Url"),
            method=asks.method(form, "Method"),
            inline=inline,
            fallback_url=asks.url(form, "FallbackUrl") or now.fallback_url,
            fallback_method=asks.method(form, "FallbackMethod", now.fallback_method),
        )

    def fetch(self, sid: str) -> Body:
        return resources.call(self._network, self._network.call(sid))

    def read(self, form: Form) -> Body:
        network = self._network
        found = [call for call in self._candidates(form) if self._matches(call, form)]
        return page(
            found,
            form,
            key="calls",
            uri=f"{network.root}/Calls.json",
            render=lambda call: resources.call(network, call),
            sid_of=lambda call: call.sid,
        )

    def _candidates(self, form: Form) -> list[Call]:
        """Newest first. Asking for live calls must not cost a walk through all finished ones."""
        status = form.text("Status")
        table = self._network.live_calls if status in LIVE_STATUSES else self._network.calls_by_sid
        return list(reversed(table.values()))

    @staticmethod
    def _matches(call: Call, form: Form) -> bool:
        for name, value in (
            ("Status", call.status),
            ("To", call.to),
            ("From", call.from_),
            ("ParentCallSid", call.parent_sid),
        ):
            asked = form.text(name)
            if asked and asked != value:
                return False
        return in_dates(form, "StartTime", call.started_at) and in_dates(
            form, "EndTime", call.ended_at
        )

    def update(self, sid: str, form: Form) -> Body:
        """End the call, or send it to another document."""
        network, call = self._network, self._network.call(sid)
        status = form.text("Status")
        if status is not None and status not in ENDINGS:
            raise invalid(20001, "Status must be canceled or completed")
        if form.text("Url") and form.text("Twiml"):
            raise invalid(21205, "Url and Twiml cannot both be given")
        if "TimeLimit" in form:
            self._limit(call, form)
        if status is not None:
            self._end(call, status)
        elif form.text("Url") or form.text("Twiml"):
            self._redirect(call, form)
        return resources.call(network, call)

    def _end(self, call: Call, status: str) -> None:
        """K-03: canceled leaves an answered call alone; completed ends it in any live state."""
        calls = self._network.calls
        if not call.live:
            if status == "canceled" or call.status != "completed":
                self._network.ignored.append("Status")
        elif call.answered:
            if status == "completed":
                calls.finish(call, "completed", by="api")
            else:
                self._network.ignored.append("Status")
        else:
            inbound = call.direction == "inbound"
            calls.finish(call, "completed" if inbound else "canceled", by="api")

    def _redirect(self, call: Call, form: Form) -> None:
        if not call.answered and not (call.direction == "inbound" and call.live):
            raise TwilioError(400, 21220, "Call is not in-progress. Cannot redirect.")
        document = self._document(form, call.document)
        if form.text("Url") and form.text("StatusCallback"):
            call.progress = asks.progress(form)
        self._network.calls.redirect(call, document)

    def _limit(self, call: Call, form: Form) -> None:
        limit = asks.seconds(form, "TimeLimit", 20001, 1, 86400)
        if limit is None or not call.live:
            return
        call.time_limit = float(limit)
        if call.started_at is not None:
            network = self._network
            left = call.started_at + limit - network.clock.now
            call.timers.append(
                network.clock.call_later(
                    left, lambda: network.calls.finish(call, "completed", by="network")
                )
            )

    def delete(self, sid: str) -> None:
        call = self._network.call(sid)
        if call.live:
            raise invalid(20009, "Cannot delete this resource before it is complete")
        del self._network.calls_by_sid[sid]

    def read_recordings(self, sid: str, form: Form) -> Body:
        network = self._network
        made = [r for r in network.recordings.values() if r.call_sid == network.call(sid).sid]
        return page(
            made,
            form,
            key="recordings",
            uri=f"{network.root}/Calls/{sid}/Recordings.json",
            render=lambda r: resources.recording(network, r),
            sid_of=lambda r: r.sid,
        )

    def fetch_recording(self, sid: str, recording_sid: str) -> Body:
        found = self._network.recordings.get(recording_sid)
        if found is None or found.call_sid != sid:
            uri = f"{self._network.root}/Calls/{sid}/Recordings/{recording_sid}.json"
            raise not_found(uri)
        return resources.recording(self._network, found)
