"""Which addresses may be dialled. A number is checked with `phonenumbers` against an allow-list.

Never dialled: emergency and short numbers, premium and shared-cost numbers, satellite and other
numbers without a country, our own number. Area code 555 of +1 belongs to nobody and cannot be
reached, so it passes where the US are allowed: tests and the simulator live there.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumberType

E164 = re.compile(r"^\+[1-9][0-9]{6,14}$", re.ASCII)
FICTION = re.compile(r"^\+1555[0-9]{4,7}$", re.ASCII)
CLIENT = re.compile(r"^client:[A-Za-z0-9_][A-Za-z0-9_.@+=-]{0,119}$", re.ASCII)
SIP = re.compile(r"^sip:[A-Za-z0-9_.+~-]{1,64}@([a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?)$", re.ASCII)
ROUTED_NAME = re.compile(r"[\w .-]{1,64}")
"""Names of workers and queues: what may stand between quotes in TaskRouter's expressions."""

DIALABLE = frozenset(
    {
        PhoneNumberType.FIXED_LINE,
        PhoneNumberType.MOBILE,
        PhoneNumberType.FIXED_LINE_OR_MOBILE,
        PhoneNumberType.VOIP,
        PhoneNumberType.TOLL_FREE,
        PhoneNumberType.UAN,
    }
)


class AddressRefusedError(ValueError):
    """The text says what would be right. It never repeats the address."""


@dataclass(frozen=True)
class DialingRules:
    """What the settings allow."""

    own_number: str
    countries: frozenset[str]
    sip_domains: frozenset[str]
    has_taskrouter: bool = False
    """Whether workers and queues can be targets."""

    def check_target(self, address: str) -> None:
        """Raises `AddressRefusedError` unless a transfer may dial this address."""
        if address.startswith("client:"):
            _check_client(address)
        elif address.startswith("sip:"):
            self._check_sip(address)
        elif address.startswith(("queue:", "worker:")):
            self._check_routed(address)
        else:
            self._check_number(address)

    def check_agent(self, address: str) -> None:
        """Raises `AddressRefusedError` unless this can be the address of an agent's phone."""
        if address.startswith(("queue:", "worker:")):
            raise AddressRefusedError("should be the address of a phone")
        self.check_target(address)

    def _check_routed(self, address: str) -> None:
        if not self.has_taskrouter:
            raise AddressRefusedError("queues and workers need TaskRouter mode, which is off")
        name = address.partition(":")[2]
        if not ROUTED_NAME.fullmatch(name) or name != name.strip():
            raise AddressRefusedError(
                "should be worker: or queue: and a name of up to 64 letters, digits and _ .-"
            )

    def _check_number(self, address: str) -> None:
        if not E164.fullmatch(address):
            raise AddressRefusedError(
                "should be client:name, a number as +14155550100, or sip:user@domain"
            )
        if address == self.own_number:
            raise AddressRefusedError("should not be our own number")
        if FICTION.fullmatch(address) and "US" in self.countries:
            return
        try:
            number = phonenumbers.parse(address, None)
        except NumberParseException:
            raise AddressRefusedError("should be a number that exists") from None
        if not phonenumbers.is_valid_number(number):
            raise AddressRefusedError("should be a number that exists")
        region = phonenumbers.region_code_for_number(number) or ""
        national = phonenumbers.national_significant_number(number)
        if region not in self.countries:
            allowed = ", ".join(sorted(self.countries))
            raise AddressRefusedError(f"should be a number of an allowed country: {allowed}")
        if phonenumbers.connects_to_emergency_number(national, region):
            raise AddressRefusedError("emergency numbers are never dialled")
        if phonenumbers.number_type(number) not in DIALABLE:
            raise AddressRefusedError("premium, shared-cost and service numbers are never dialled")

    def _check_sip(self, address: str) -> None:
        match = SIP.fullmatch(address)
        if match is None:
            raise AddressRefusedError("should be sip:user@domain, without port and parameters")
        if match.group(1) not in self.sip_domains:
            raise AddressRefusedError("should be at an allowed SIP domain")


def _check_client(address: str) -> None:
    if not CLIENT.fullmatch(address):
        raise AddressRefusedError("should be client: and a name of letters, digits and _.@+=-")
