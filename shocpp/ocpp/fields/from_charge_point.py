"""The fields of the requests that a Charge Point sends, in the specification's order (pure)."""

from shocpp.ocpp.fields.datatypes import (
    CONNECTOR_ID,
    DATA_TRANSFER,
    DATE_TIME,
    ID_TAG,
    INTEGER,
    METER_VALUE,
    Fields,
    array_of,
    one_of,
    optional,
    text,
)

CONNECTOR_STATUSES = (
    *("Available", "Preparing", "Charging", "SuspendedEVSE", "SuspendedEV", "Finishing"),
    *("Reserved", "Unavailable", "Faulted"),
)
"""ChargePointStatus (OCPP 1.6 §7.7)."""

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
