"""The fields of the requests that we send, in the specification's order (pure)."""

from shocpp.ocpp.fields.datatypes import (
    CERTIFICATE_HASH,
    CHARGING_PROFILE,
    CHARGING_PROFILE_PURPOSE,
    CHARGING_RATE_UNIT,
    CONNECTOR_ID,
    DATA_TRANSFER,
    DATE_TIME,
    FIRMWARE,
    ID_TAG,
    ID_TAG_INFO,
    INTEGER,
    LOG,
    ROOT_CERTIFICATE,
    URI,
    Fields,
    array_of,
    object_of,
    one_of,
    optional,
    text,
)

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

ENDS_CONNECTIONS = frozenset({"Reset", "UpdateFirmware", "SignedUpdateFirmware"})
"""Calls that a charger may carry out by hanging up."""
