"""The means by which chargers switch between three phases and one: a table of vendors (pure).

OCPP 1.6 knows numberPhases in a charging profile (§7.14), and says of a charger that follows it by
ConnectorSwitch3to1PhaseSupported (§9.4.4). Others have a configuration key of their own, or a
DataTransfer. Many accept numberPhases and do nothing, so that nothing is guessed: without a row,
and without its own word, a charger is not switched unless its operator states the means.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from shocpp.charger_models.names import is_of_name

SWITCHES_PHASES = ("ConnectorSwitch3to1PhaseSupported", "ACPhaseSwitchingSupported")
"""The keys by which a charger says that it follows numberPhases: OCPP 1.6 §9.4.4, evcc#16228."""

ONE, THREE = 1, 3
"""The numbers of phases."""

PAUSE_S = 120
"""The time at 0 A around a switch, where nothing else is known (lbbrhzn/ocpp#1035)."""


class Means(NamedTuple):
    """The way to switch; without a key and a vendor_id, it is numberPhases of the profile.

    key                    of a ChangeConfiguration
    vendor_id, message_id  of a DataTransfer
    one, three             the value or the data for each number of phases
    """

    key: str | None = None
    vendor_id: str | None = None
    message_id: str | None = None
    one: str = "1"
    three: str = "3"

    @property
    def is_of_profile(self) -> bool:
        """True if the limits themselves carry the number of phases."""
        return self.key is None and self.vendor_id is None


NUMBER_PHASES = Means()


class Ways(NamedTuple):
    """All that is known of the switching of a charger; without means it is not switched."""

    means: Means | None
    pause_s: int = PAUSE_S


class _Row(NamedTuple):
    """The chargers of a name.

    name      the begin of their vendor or, where that is another one, of their model
    sources   numbers of public issues
    means     None: no means is known over OCPP
    """

    name: str
    sources: tuple[str, ...]
    means: Means | None
    pause_s: int = PAUSE_S


VENDORS = (
    _Row("Alfen", ("evcc#4931", "evcc#4946"), NUMBER_PHASES),
    _Row("Charge Amps", ("evcc#16228", "evcc#16244"), NUMBER_PHASES),
    # It speaks of its phases by a cloud of its own only.
    _Row("Easee", ("evcc#12825",), None),
    # Firmware before the middle of 2023 ignores it.
    _Row("go-e", ("go-e#154", "go-e#190"), NUMBER_PHASES),
    # P30 with S10, and P40: by Modbus or UDP. It ignores a switch after less than five minutes.
    _Row("KEBA", ("evcc#6283", "evcc#7464", "evcc#22658"), None, 300),
    # The number of phases in a profile is ignored.
    _Row("MENNEKES", ("evcc#19735",), None),
    # By Modbus only.
    _Row("Vestel", ("evcc#18891", "evcc#18966"), None),
    # The car has to be plugged in again.
    _Row("Wallbox", ("cliviu74/wallbox#66",), None),
    _Row("Webasto", ("evcc#23734",), None),
    _Row("Zaptec", ("evcc#26184", "evcc#30554"), None),
)
"""The rows, of which the first that fits counts."""


def ways_of(vendor: str | None, model: str | None, values: Mapping[str, str]) -> Ways:
    """Return how a charger with this BootNotification and these configuration values switches.

    The table counts before its own word.
    """
    # Some say that they can, and ignore the number in a profile (evcc#19735).
    for row in VENDORS:
        if is_of_name(row.name, vendor or "", model or ""):
            return Ways(row.means, row.pause_s)
    by_key = {key.casefold(): value.strip().casefold() for key, value in values.items()}
    says_so = any(by_key.get(key.casefold()) == "true" for key in SWITCHES_PHASES)
    return Ways(NUMBER_PHASES if says_so else None)


def command_of(means: Means, connector_id: int, phases: int) -> tuple[str, dict[str, Any]] | None:
    """Return action and payload of the Call for a number of phases; None if its limits carry it.

    `{connector}` in a key, a value or data stands for the connector id.
    """
    value = means.one if phases == ONE else means.three

    def filled(text: str) -> str:
        return text.replace("{connector}", str(connector_id))

    if means.key is not None:
        return "ChangeConfiguration", {"key": filled(means.key), "value": filled(value)}
    if means.vendor_id is not None:
        payload = {"vendorId": means.vendor_id, "data": filled(value)}
        if means.message_id is not None:
            payload["messageId"] = means.message_id
        return "DataTransfer", payload
    return None
