"""The configuration keys of the charger, for GetConfiguration and ChangeConfiguration (pure).

Their values do not change the behaviour of the simulated charger.
"""

from shocpp.demo.words import Payload

READ_ONLY = {"NumberOfConnectors"}


class Configuration:
    """A few configuration keys of a go-eCharger with their values."""

    def __init__(self) -> None:
        self._values = {
            "AllowOfflineTxForUnknownId": "true",
            "AuthorizeRemoteTxRequests": "false",
            "HeartbeatInterval": "300",
            "MeterValueSampleInterval": "60",
            "NumberOfConnectors": "1",
        }

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
        if key in READ_ONLY:
            return {"status": "Rejected"}
        self._values[key] = value
        return {"status": "Accepted"}
