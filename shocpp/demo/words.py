"""Descriptions of frames in plain English, for the output of the demo (pure).

A payload that lacks a field gets a description, too.
"""

from collections.abc import Callable
from typing import Any

Payload = dict[str, Any]

STATUS_WORDS = {
    "Available": "no car here",
    "Preparing": "car plugged in, waiting for a card",
    "SuspendedEVSE": "car plugged in, waiting for a card",
    "SuspendedEV": "the car draws no power",
    "Charging": "charging",
    "Finishing": "no longer charging, car still plugged in",
    "Faulted": "faulty",
}
"""The description of each status of a connector."""


def _meter_values(payload: Payload) -> str:
    """Return power and register of a MeterValues; samples of single phases are left out."""
    values = {
        sampled.get("measurand"): float(sampled["value"])
        for meter_value in payload.get("meterValue", [])
        for sampled in meter_value["sampledValue"]
        if "phase" not in sampled
    }
    kilowatts = values.get("Power.Active.Import", 0.0) / 1000
    meter_wh = int(values.get("Energy.Active.Import.Register", 0))
    return f"charging: {kilowatts:.1f} kW, meter {grouped(meter_wh)} Wh"


def _limit(payload: Payload) -> str:
    """Return the limits of a SetChargingProfile."""
    schedule = payload.get("csChargingProfiles", {}).get("chargingSchedule", {})
    unit = schedule.get("chargingRateUnit", "")
    periods = schedule.get("chargingSchedulePeriod", [])
    limits = ", then ".join(f"{period.get('limit', 0):g} {unit}" for period in periods) or "?"
    duration_s = schedule.get("duration")
    return f"charge with at most {limits}" + (f" for {duration_s} s" if duration_s else "")


CALL_WORDS: dict[str, Callable[[Payload], str]] = {
    # Charge Point → Central System
    "Authorize": lambda p: f"may card {p.get('idTag')} charge?",
    "BootNotification": lambda p: (
        f"I am a {p.get('chargePointVendor')} {p.get('chargePointModel')}, "
        f"serial {p.get('chargePointSerialNumber')}"
    ),
    "Heartbeat": lambda _: "still here",
    "MeterValues": _meter_values,
    "StartTransaction": lambda p: (
        f"card {p.get('idTag')} starts at meter {grouped(p.get('meterStart', 0))} Wh"
    ),
    "StatusNotification": lambda p: STATUS_WORDS.get(p.get("status", ""), "?"),
    "StopTransaction": lambda p: (
        f"transaction {p.get('transactionId')} ends at meter {grouped(p.get('meterStop', 0))} Wh"
        f" ({p.get('reason', 'Local')})"
    ),
    # Central System → Charge Point
    "ChangeConfiguration": lambda p: f"set {p.get('key')} to {p.get('value')}",
    "ClearCache": lambda _: "forget the cards you remember",
    "ClearChargingProfile": lambda _: "forget limits",
    "GetCompositeSchedule": lambda _: "what are your limits?",
    "GetConfiguration": lambda _: "what are your settings?",
    "RemoteStartTransaction": lambda p: f"start charging for card {p.get('idTag')}",
    "RemoteStopTransaction": lambda p: f"stop transaction {p.get('transactionId')}",
    "SetChargingProfile": _limit,
    "Reset": lambda p: f"reboot ({p.get('type')})",
    "TriggerMessage": lambda p: f"send me a {p.get('requestedMessage')}",
    "UnlockConnector": lambda p: f"unlock connector {p.get('connectorId')}",
}
"""The description of each Call, by action."""


def call_in_words(action: str, payload: Payload) -> str:
    """Return the description of a Call; an unknown action is its own description."""
    describe = CALL_WORDS.get(action)
    return describe(payload) if describe else action


def confirmation_in_words(action: str, payload: Payload) -> str:
    """Return the description of a CallResult; `action` is that of the answered Call."""
    status = payload.get("status") or payload.get("idTagInfo", {}).get("status")
    if action == "StartTransaction":
        return f"{status}: transaction {payload.get('transactionId')}"
    if action == "Heartbeat":
        return f"it is {payload.get('currentTime')}"
    if action == "GetConfiguration":
        keys = payload.get("configurationKey", [])
        return ", ".join(f"{key['key']} = {key.get('value')}" for key in keys) or "none of these"
    return str(status or "noted")


def error_in_words(action: str, code: str) -> str:
    """Return the description of a CallError; `action` is that of the answered Call."""
    return f"{action} refused: {code}"


def grouped(number: int) -> str:
    """Return a number with its digits in groups of three: `9 043 500`."""
    return f"{number:,}".replace(",", " ")
