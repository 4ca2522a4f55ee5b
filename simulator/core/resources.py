"""REST bodies: the network's things in the fields of Twilio's OpenAPI document."""

from typing import TYPE_CHECKING, Any

from simulator.core.model import (
    Application,
    Call,
    Conference,
    Number,
    Participant,
    Queue,
    QueueMember,
    Recording,
)
from simulator.core.text import formatted, rfc2822, rfc2822_or_none

if TYPE_CHECKING:
    from simulator.core.network import Network

Body = dict[str, Any]
CALL_PARTS = (
    ("notifications", "Notifications"), ("recordings", "Recordings"), ("payments", "Payments"),
    ("events", "Events"), ("siprec", "Siprec"), ("streams", "Streams"),
    ("transcriptions", "Transcriptions"),
    ("user_defined_message_subscriptions", "UserDefinedMessageSubscriptions"),
    ("user_defined_messages", "UserDefinedMessages"),
)  # fmt: skip


def call(network: "Network", leg: Call) -> Body:
    uri = f"{network.root}/Calls/{leg.sid}"
    return {
        "sid": leg.sid,
        "date_created": rfc2822(leg.created_at),
        "date_updated": rfc2822(leg.updated_at),
        "parent_call_sid": leg.parent_sid,
        "account_sid": network.account_sid,
        "to": leg.to,
        "to_formatted": formatted(leg.to),
        "from": leg.from_,
        "from_formatted": formatted(leg.from_),
        "phone_number_sid": leg.number_sid,
        "status": leg.status,
        "start_time": rfc2822_or_none(leg.started_at),
        "end_time": rfc2822_or_none(leg.ended_at),
        "duration": None if leg.live else str(network.talk_seconds(leg)),
        "price": None,
        "price_unit": "USD",
        "direction": leg.direction,
        "answered_by": leg.answered_by,
        "api_version": network.api_version,
        "forwarded_from": leg.forwarded_from,
        "group_sid": None,
        "caller_name": leg.caller_name,
        "queue_time": str(leg.queue_ms),
        "trunk_sid": None,
        "uri": f"{uri}.json",
        "subresource_uris": {name: f"{uri}/{part}.json" for name, part in CALL_PARTS},
    }


def new_call(network: "Network", leg: Call) -> Body:
    """The answer to a create: nothing has happened yet (K-02)."""
    return {**call(network, leg), "date_created": None, "date_updated": None}


def conference(network: "Network", room: Conference) -> Body:
    uri = f"{network.root}/Conferences/{room.sid}"
    return {
        "account_sid": network.account_sid,
        "date_created": rfc2822(room.created_at),
        "date_updated": rfc2822(room.updated_at),
        "api_version": network.api_version,
        "friendly_name": room.name,
        "region": room.region,
        "sid": room.sid,
        "status": conference_status(network, room),
        "uri": f"{uri}.json",
        "subresource_uris": {
            "participants": f"{uri}/Participants.json",
            "recordings": f"{uri}/Recordings.json",
        },
        "reason_conference_ended": room.reason_ended,
        "call_sid_ending_conference": room.call_sid_ending,
    }


def conference_status(network: "Network", room: Conference) -> str:
    if room.ended:
        return "completed"
    if room.started:
        return "in-progress"
    waiting = sum(p.joined for p in room.participants.values())
    return network.switches.unstarted_room_status if waiting >= 2 else "init"


def participant(network: "Network", person: Participant) -> Body:
    room, sid = person.conference.sid, person.call.sid
    return {
        "account_sid": network.account_sid,
        "call_sid": sid,
        "label": person.label,
        "conference_sid": room,
        "date_created": rfc2822(person.created_at),
        "date_updated": rfc2822(person.updated_at),
        "end_conference_on_exit": person.end_on_exit,
        "muted": person.muted,
        "hold": person.hold,
        "start_conference_on_enter": person.start_on_enter,
        "status": person.status,
        "coaching": person.coaching,
        "call_sid_to_coach": person.call_sid_to_coach,
        "queue_time": person.queue_time,
        "uri": f"{network.root}/Conferences/{room}/Participants/{sid}.json",
    }


def queue(network: "Network", line: Queue) -> Body:
    return {
        "date_updated": rfc2822(line.updated_at),
        "current_size": len(line.members),
        "friendly_name": line.name,
        "uri": f"{network.root}/Queues/{line.sid}.json",
        "account_sid": network.account_sid,
        "average_wait_time": network.queues.average_wait(line),
        "sid": line.sid,
        "date_created": rfc2822(line.created_at),
        "max_size": line.max_size,
    }


def member(network: "Network", parked: QueueMember, position: int) -> Body:
    sid, line = parked.call.sid, parked.queue.sid
    return {
        "call_sid": sid,
        "date_enqueued": rfc2822(parked.enqueued_at),
        "position": position,
        "uri": f"{network.root}/Queues/{line}/Members/{sid}.json",
        "wait_time": int(network.clock.now - parked.enqueued_at),
        "queue_sid": line,
    }


NUMBER_DEFAULTS: Body = {
    "address_sid": None,
    "address_requirements": "none",
    "beta": False,
    "bundle_sid": None,
    "capabilities": {"fax": False, "mms": False, "sms": True, "voice": True},
    "emergency_address_sid": None,
    "emergency_address_status": "unregistered",
    "emergency_status": "Inactive",
    "identity_sid": None,
    "origin": "twilio",
    "sms_fallback_method": "POST",
    "sms_fallback_url": "",
    "sms_method": "POST",
    "sms_url": "",
    "status": "in-use",
    "status_callback": "",
    "status_callback_method": "POST",
    "trunk_sid": None,
    "type": None,
    "voice_application_sid": None,
    "voice_caller_id_lookup": False,
    "voice_fallback_method": "POST",
    "voice_fallback_url": "",
    "voice_method": "POST",
    "voice_receive_mode": "voice",
    "voice_url": "",
}
APPLICATION_DEFAULTS: Body = {
    "message_status_callback": "",
    "public_application_connect_enabled": False,
    "sms_fallback_method": "POST",
    "sms_fallback_url": "",
    "sms_method": "POST",
    "sms_status_callback": "",
    "sms_url": "",
    "status_callback": "",
    "status_callback_method": "POST",
    "voice_caller_id_lookup": False,
    "voice_fallback_method": "POST",
    "voice_fallback_url": "",
    "voice_method": "POST",
    "voice_url": "",
}


def number(network: "Network", line: Number) -> Body:
    return {
        **NUMBER_DEFAULTS,
        "sms_application_sid": None,
        "friendly_name": formatted(line.phone_number),
        **line.settings,
        "account_sid": network.account_sid,
        "api_version": network.api_version,
        "date_created": rfc2822(line.created_at),
        "date_updated": rfc2822(line.updated_at),
        "phone_number": line.phone_number,
        "sid": line.sid,
        "uri": f"{network.root}/IncomingPhoneNumbers/{line.sid}.json",
    }


def application(network: "Network", app: Application) -> Body:
    return {
        **APPLICATION_DEFAULTS,
        "friendly_name": app.sid,
        **app.settings,
        "account_sid": network.account_sid,
        "api_version": network.api_version,
        "date_created": rfc2822(app.created_at),
        "date_updated": rfc2822(app.updated_at),
        "sid": app.sid,
        "uri": f"{network.root}/Applications/{app.sid}.json",
    }


def recording(network: "Network", made: Recording) -> Body:
    uri = f"{network.root}/Calls/{made.call_sid}/Recordings/{made.sid}.json"
    return {
        "account_sid": network.account_sid,
        "api_version": network.api_version,
        "call_sid": made.call_sid,
        "conference_sid": None,
        "date_created": rfc2822(made.created_at),
        "date_updated": rfc2822(made.created_at),
        "start_time": rfc2822(made.created_at - made.seconds),
        "duration": str(made.seconds),
        "sid": made.sid,
        "price": None,
        "uri": uri,
        "encryption_details": None,
        "price_unit": "USD",
        "status": "completed",
        "channels": 1,
        "source": made.source,
        "error_code": None,
        "track": "both",
    }


def account(network: "Network") -> Body:
    parts = {
        "applications": "Applications",
        "calls": "Calls",
        "conferences": "Conferences",
        "incoming_phone_numbers": "IncomingPhoneNumbers",
        "queues": "Queues",
    }
    return {
        "auth_token": None,
        "date_created": rfc2822(network.opened_at),
        "date_updated": rfc2822(network.opened_at),
        "friendly_name": "Simulated account",
        "owner_account_sid": network.account_sid,
        "sid": network.account_sid,
        "status": "active",
        "subresource_uris": {name: f"{network.root}/{part}.json" for name, part in parts.items()},
        "type": "Full",
        "uri": f"{network.root}.json",
    }
