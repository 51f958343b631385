"""Which fields an OCPP 1.6 request may have: one table a direction, an entry an action.

Floor: ground (pure), and a table only: what it means for a payload is in `ocpp.validation`. A
CGI process imports this on its way to one Call, so nothing is compiled or computed here.

Actions and fields stand in the specification's order (OCPP 1.6 §6, §7; security whitepaper).
A field is required unless it is wrapped in `optional`. The JSON schemas of OCPP 1.6 say the same
except for the rows marked "not in the schema"; `tests/ocpp/test_validation.py` compares every row.
"""

from typing import Any


class Field:
    """What one value may be: a JSON type, and the rules that differ from the ones below."""

    # A plain class: as a NamedTuple it made this import 2.2 ms instead of 0.6.
    required: bool = True
    max_length: int | None = None  # characters, not bytes
    one_of: tuple[str, ...] = ()  # () = any
    format: str = ""  # "date-time" (RFC 3339) or "uri" (RFC 3986)
    number_too: bool = False  # many Charge Points send a JSON number where a string belongs
    minimum: int | None = None
    decimals: int | None = None  # digits allowed after the point
    min_items: int = 0
    items: "Field | None" = None
    fields: "dict[str, Field] | None" = None

    def __init__(self, json_type: str, **rules: Any) -> None:
        self.json_type = json_type  # string, integer, number, array or object
        self.__dict__.update(rules)


Fields = dict[str, Field]


def optional(field: Field) -> Field:
    return Field(**{**field.__dict__, "required": False})


def text(max_length: int | None = None) -> Field:
    return Field("string", max_length=max_length)


def one_of(*allowed: str) -> Field:
    return Field("string", one_of=allowed)


def array_of(items: Field, min_items: int = 0) -> Field:
    return Field("array", items=items, min_items=min_items)


def object_of(fields: Fields) -> Field:
    return Field("object", fields=fields)


TEXT = text()
INTEGER = Field("integer")
DATE_TIME = Field("string", format="date-time")
URI = Field("string", format="uri")
ID_TAG = text(20)
# §6: "connectorId >= 0" (> 0 for some actions); not in the schema, which takes any integer
CONNECTOR_ID = Field("integer", minimum=0)

# §7: types used by more than one action
SAMPLED_VALUE = object_of(
    {
        "value": Field("string", number_too=True),
        "context": optional(
            one_of(
                *("Interruption.Begin", "Interruption.End", "Sample.Clock", "Sample.Periodic"),
                *("Transaction.Begin", "Transaction.End", "Trigger", "Other"),
            )
        ),
        "format": optional(one_of("Raw", "SignedData")),
        "measurand": optional(
            one_of(
                *("Energy.Active.Export.Register", "Energy.Active.Import.Register"),
                *("Energy.Reactive.Export.Register", "Energy.Reactive.Import.Register"),
                *("Energy.Active.Export.Interval", "Energy.Active.Import.Interval"),
                *("Energy.Reactive.Export.Interval", "Energy.Reactive.Import.Interval"),
                *("Power.Active.Export", "Power.Active.Import", "Power.Offered"),
                *("Power.Reactive.Export", "Power.Reactive.Import", "Power.Factor"),
                *("Current.Import", "Current.Export", "Current.Offered"),
                *("Voltage", "Frequency", "Temperature", "SoC", "RPM"),
            )
        ),
        "phase": optional(
            one_of("L1", "L2", "L3", "N", "L1-N", "L2-N", "L3-N", "L1-L2", "L2-L3", "L3-L1")
        ),
        "location": optional(one_of("Cable", "EV", "Inlet", "Outlet", "Body")),
        # Celcius is the schema's typo, allowed beside the right spelling (OCPP-J errata 2.1).
        # Hertz: in the schema of MeterValues, not in the schema of StopTransaction.
        "unit": optional(
            one_of(
                *("Wh", "kWh", "varh", "kvarh", "W", "kW", "VA", "kVA", "var", "kvar", "A", "V"),
                *("K", "Celcius", "Celsius", "Fahrenheit", "Percent", "Hertz"),
            )
        ),
    }
)
METER_VALUE = object_of(
    # §7.33: sampledValue is 1..*; StopTransaction's schema forgot its minItems
    {"timestamp": DATE_TIME, "sampledValue": array_of(SAMPLED_VALUE, min_items=1)}
)
CHARGING_RATE_UNIT = one_of("A", "W")
CHARGING_PROFILE_PURPOSE = one_of("ChargePointMaxProfile", "TxDefaultProfile", "TxProfile")
CHARGING_SCHEDULE_PERIOD = object_of(
    {
        "startPeriod": INTEGER,
        "limit": Field("number", decimals=1),
        "numberPhases": optional(INTEGER),
    }
)
CHARGING_SCHEDULE = object_of(
    {
        "duration": optional(INTEGER),
        "startSchedule": optional(DATE_TIME),
        "chargingRateUnit": CHARGING_RATE_UNIT,
        # §7.13: 1..*; not in the schema
        "chargingSchedulePeriod": array_of(CHARGING_SCHEDULE_PERIOD, min_items=1),
        "minChargingRate": optional(Field("number", decimals=1)),
    }
)
CHARGING_PROFILE = object_of(
    {
        "chargingProfileId": INTEGER,
        "transactionId": optional(INTEGER),
        "stackLevel": INTEGER,
        "chargingProfilePurpose": CHARGING_PROFILE_PURPOSE,
        "chargingProfileKind": one_of("Absolute", "Recurring", "Relative"),
        "recurrencyKind": optional(one_of("Daily", "Weekly")),
        "validFrom": optional(DATE_TIME),
        "validTo": optional(DATE_TIME),
        "chargingSchedule": CHARGING_SCHEDULE,
    }
)
ID_TAG_INFO = object_of(
    {
        "expiryDate": optional(DATE_TIME),
        "parentIdTag": optional(ID_TAG),
        "status": one_of("Accepted", "Blocked", "Expired", "Invalid", "ConcurrentTx"),
    }
)
ROOT_CERTIFICATE = one_of("CentralSystemRootCertificate", "ManufacturerRootCertificate")
CERTIFICATE_HASH = object_of(
    {
        "hashAlgorithm": one_of("SHA256", "SHA384", "SHA512"),
        "issuerNameHash": text(128),
        "issuerKeyHash": text(128),
        "serialNumber": text(40),
    }
)
LOG = object_of(
    {
        "remoteLocation": text(512),
        "oldestTimestamp": optional(DATE_TIME),
        "latestTimestamp": optional(DATE_TIME),
    }
)
FIRMWARE = object_of(
    {
        "location": text(512),
        "retrieveDateTime": DATE_TIME,
        "installDateTime": optional(DATE_TIME),
        "signingCertificate": text(5500),
        "signature": text(800),
    }
)

DATA_TRANSFER: Fields = {
    "vendorId": text(255),
    "messageId": optional(text(50)),
    "data": optional(TEXT),
}

CONNECTOR_STATUSES = (
    *("Available", "Preparing", "Charging", "SuspendedEVSE", "SuspendedEV", "Finishing"),
    *("Reserved", "Unavailable", "Faulted"),
)

FROM_CHARGE_POINT: dict[str, Fields] = {
    "Authorize": {"idTag": ID_TAG},
    "BootNotification": {
        "chargeBoxSerialNumber": optional(text(25)),
        "chargePointModel": text(20),
        "chargePointSerialNumber": optional(text(25)),
        "chargePointVendor": text(20),
        "firmwareVersion": optional(text(50)),
        "iccid": optional(text(20)),
        "imsi": optional(text(20)),
        "meterSerialNumber": optional(text(25)),
        "meterType": optional(text(25)),
    },
    "DataTransfer": DATA_TRANSFER,
    "DiagnosticsStatusNotification": {
        "status": one_of("Idle", "Uploaded", "UploadFailed", "Uploading"),
    },
    "FirmwareStatusNotification": {
        "status": one_of(
            *("Downloaded", "DownloadFailed", "Downloading", "Idle"),
            *("InstallationFailed", "Installing", "Installed"),
        ),
    },
    "Heartbeat": {},
    "MeterValues": {
        "connectorId": CONNECTOR_ID,
        "transactionId": optional(INTEGER),
        "meterValue": array_of(METER_VALUE, min_items=1),
    },
    "StartTransaction": {
        "connectorId": CONNECTOR_ID,
        "idTag": ID_TAG,
        "meterStart": INTEGER,
        "reservationId": optional(INTEGER),
        "timestamp": DATE_TIME,
    },
    "StatusNotification": {
        "connectorId": CONNECTOR_ID,
        "errorCode": one_of(
            *("ConnectorLockFailure", "EVCommunicationError", "GroundFailure", "HighTemperature"),
            *("InternalError", "LocalListConflict", "NoError", "OtherError", "OverCurrentFailure"),
            *("OverVoltage", "PowerMeterFailure", "PowerSwitchFailure", "ReaderFailure"),
            *("ResetFailure", "UnderVoltage", "WeakSignal"),
        ),
        "info": optional(text(50)),
        "status": one_of(*CONNECTOR_STATUSES),
        "timestamp": optional(DATE_TIME),
        "vendorId": optional(text(255)),
        "vendorErrorCode": optional(text(50)),
    },
    "StopTransaction": {
        "idTag": optional(ID_TAG),
        "meterStop": INTEGER,
        "timestamp": DATE_TIME,
        "transactionId": INTEGER,
        "reason": optional(
            one_of(
                *("DeAuthorized", "EmergencyStop", "EVDisconnected", "HardReset", "Local", "Other"),
                *("PowerLoss", "Reboot", "Remote", "SoftReset", "UnlockCommand"),
            )
        ),
        "transactionData": optional(array_of(METER_VALUE)),
    },
    "SecurityEventNotification": {
        "type": text(50),
        "timestamp": DATE_TIME,
        "techInfo": optional(text(255)),
    },
    "SignCertificate": {"csr": text(5500)},
    "LogStatusNotification": {
        "status": one_of(
            *("BadMessage", "Idle", "NotSupportedOperation", "PermissionDenied"),
            *("Uploaded", "UploadFailure", "Uploading"),
        ),
        "requestId": optional(INTEGER),
    },
    "SignedFirmwareStatusNotification": {
        "status": one_of(
            *("Downloaded", "DownloadFailed", "Downloading", "DownloadScheduled"),
            *("DownloadPaused", "Idle", "InstallationFailed", "Installing", "Installed"),
            *("InstallRebooting", "InstallScheduled", "InstallVerificationFailed"),
            *("InvalidSignature", "SignatureVerified"),
        ),
        "requestId": optional(INTEGER),
    },
}

TO_CHARGE_POINT: dict[str, Fields] = {
    "CancelReservation": {"reservationId": INTEGER},
    "ChangeAvailability": {
        "connectorId": CONNECTOR_ID,
        "type": one_of("Inoperative", "Operative"),
    },
    "ChangeConfiguration": {"key": text(50), "value": text(500)},
    "ClearCache": {},
    "ClearChargingProfile": {
        "id": optional(INTEGER),
        "connectorId": optional(CONNECTOR_ID),
        "chargingProfilePurpose": optional(CHARGING_PROFILE_PURPOSE),
        "stackLevel": optional(INTEGER),
    },
    "DataTransfer": DATA_TRANSFER,
    "GetCompositeSchedule": {
        "connectorId": CONNECTOR_ID,
        "duration": INTEGER,
        "chargingRateUnit": optional(CHARGING_RATE_UNIT),
    },
    "GetConfiguration": {"key": optional(array_of(text(50)))},
    "GetDiagnostics": {
        "location": URI,
        "retries": optional(INTEGER),
        "retryInterval": optional(INTEGER),
        "startTime": optional(DATE_TIME),
        "stopTime": optional(DATE_TIME),
    },
    "GetLocalListVersion": {},
    "RemoteStartTransaction": {
        "connectorId": optional(CONNECTOR_ID),
        "idTag": ID_TAG,
        "chargingProfile": optional(CHARGING_PROFILE),
    },
    "RemoteStopTransaction": {"transactionId": INTEGER},
    "ReserveNow": {
        "connectorId": CONNECTOR_ID,
        "expiryDate": DATE_TIME,
        "idTag": ID_TAG,
        "parentIdTag": optional(ID_TAG),
        "reservationId": INTEGER,
    },
    "Reset": {"type": one_of("Hard", "Soft")},
    "SendLocalList": {
        "listVersion": INTEGER,
        "localAuthorizationList": optional(
            array_of(object_of({"idTag": ID_TAG, "idTagInfo": optional(ID_TAG_INFO)}))
        ),
        "updateType": one_of("Differential", "Full"),
    },
    "SetChargingProfile": {
        "connectorId": CONNECTOR_ID,
        "csChargingProfiles": CHARGING_PROFILE,
    },
    "TriggerMessage": {
        "requestedMessage": one_of(
            *("BootNotification", "DiagnosticsStatusNotification", "FirmwareStatusNotification"),
            *("Heartbeat", "MeterValues", "StatusNotification"),
        ),
        "connectorId": optional(CONNECTOR_ID),
    },
    "UnlockConnector": {"connectorId": CONNECTOR_ID},
    "UpdateFirmware": {
        "location": URI,
        "retries": optional(INTEGER),
        "retrieveDate": DATE_TIME,
        "retryInterval": optional(INTEGER),
    },
    "CertificateSigned": {"certificateChain": text(10000)},
    "DeleteCertificate": {"certificateHashData": CERTIFICATE_HASH},
    "ExtendedTriggerMessage": {
        "requestedMessage": one_of(
            *("BootNotification", "LogStatusNotification", "FirmwareStatusNotification"),
            *("Heartbeat", "MeterValues", "SignChargePointCertificate", "StatusNotification"),
        ),
        "connectorId": optional(CONNECTOR_ID),
    },
    "GetInstalledCertificateIds": {"certificateType": ROOT_CERTIFICATE},
    "GetLog": {
        "logType": one_of("DiagnosticsLog", "SecurityLog"),
        "requestId": INTEGER,
        "retries": optional(INTEGER),
        "retryInterval": optional(INTEGER),
        "log": LOG,
    },
    "InstallCertificate": {"certificateType": ROOT_CERTIFICATE, "certificate": text(5500)},
    "SignedUpdateFirmware": {
        "retries": optional(INTEGER),
        "retryInterval": optional(INTEGER),
        "requestId": INTEGER,
        "firmware": FIRMWARE,
    },
}
