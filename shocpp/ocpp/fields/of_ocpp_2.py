"""Actions and members by which OCPP 2.x differs from OCPP 1.6 (pure).

A charger may speak OCPP 2.x on a connection without subprotocol, or under `ocpp1.6`. An answer of
ours would make it discard its events. A payload is one of OCPP 2.x only if it has members that 2.x
requires and lacks those that 1.6 requires, so that one of 1.6 with additional members never counts.
"""

from collections.abc import Mapping

from shocpp.ocpp.frames import Payload

ACTIONS_OF_OCPP_2 = frozenset(
    {
        "BatterySwap",
        "ClearedChargingLimit",
        "ClosePeriodicEventStream",
        "Get15118EVCertificate",
        "GetCertificateChainStatus",
        "GetCertificateStatus",
        "NotifyChargingLimit",
        "NotifyCustomerInformation",
        "NotifyDERAlarm",
        "NotifyDERStartStop",
        "NotifyDisplayMessages",
        "NotifyEVChargingNeeds",
        "NotifyEVChargingSchedule",
        "NotifyEvent",
        "NotifyMonitoringReport",
        "NotifyPeriodicEventStream",
        "NotifyPriorityCharging",
        "NotifyReport",
        "NotifySettlement",
        "OpenPeriodicEventStream",
        "PublishFirmwareStatusNotification",
        "PullDynamicScheduleUpdate",
        "ReportChargingProfiles",
        "ReportDERControl",
        "ReservationStatusUpdate",
        "TransactionEvent",
        "VatNumberValidation",
    }
)
"""The requests of charging stations in OCPP 2.0.1 and 2.1 whose names OCPP 1.6 does not have."""

MEMBERS: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "Authorize": (("idToken",), ("idTag",)),
    "BootNotification": (("chargingStation",), ("chargePointVendor", "chargePointModel")),
    "MeterValues": (("evseId",), ("connectorId",)),
    "StatusNotification": (("connectorStatus", "evseId"), ("status", "errorCode")),
}
"""Of actions that both have: members that OCPP 2.x requires, and those that OCPP 1.6 requires."""


def is_of_ocpp_2(action: str, payload: Payload) -> bool:
    """Return True if the payload of an action that both have is one of OCPP 2.x."""
    of_2, of_16 = MEMBERS.get(action, ((), ()))
    return (
        bool(of_2)
        and all(payload.get(name) is not None for name in of_2)
        and all(payload.get(name) is None for name in of_16)
    )
