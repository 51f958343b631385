"""The configuration keys of the charger, for GetConfiguration and ChangeConfiguration (pure).

Only MeterValueSampleInterval changes the behaviour of the simulated charger.
"""

from shocpp.demo import limits
from shocpp.demo.words import Payload

READ_ONLY = {"NumberOfConnectors", *limits.CONFIGURATION}
SAMPLE_INTERVAL = "MeterValueSampleInterval"


class Configuration:
    """A few configuration keys of a go-eCharger with their values."""

    def __init__(self, sample_interval_s: int) -> None:
        self._values = {
            "AllowOfflineTxForUnknownId": "true",
            "AuthorizeRemoteTxRequests": "false",
            "HeartbeatInterval": "300",
            SAMPLE_INTERVAL: str(sample_interval_s),
            "NumberOfConnectors": "1",
            **limits.CONFIGURATION,
        }

    @property
    def sample_interval_s(self) -> int:
        """The seconds between two meter values of a transaction; 0: none (OCPP 1.6 §9.1.15)."""
        return int(self._values[SAMPLE_INTERVAL])

    def get(self, payload: Payload) -> Payload:
        """Return the confirmation of GetConfiguration: the requested keys, or all."""
        requested = payload.get("key") or list(self._values)
        return {
            "configurationKey": [
                {"key": key, "readonly": key in READ_ONLY, "value": self._values[key]}
                for key in requested
                if key in self._values
            ],
            "unknownKey": [key for key in requested if key not in self._values],
        }

    def change(self, payload: Payload) -> Payload:
        """Store a value, and return the confirmation of ChangeConfiguration."""
        key, value = payload["key"], payload["value"]
        if key not in self._values:
            return {"status": "NotSupported"}
        is_number = value.isascii() and value.isdecimal() and len(value) < 10
        if key in READ_ONLY or (key == SAMPLE_INTERVAL and not is_number):
            return {"status": "Rejected"}
        self._values[key] = value
        return {"status": "Accepted"}
