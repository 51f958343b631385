"""The charger's configuration keys, as GetConfiguration and ChangeConfiguration see them.

Floor: doors (demo). Pure. Nothing here changes how the simulated charger behaves.
"""

from shocpp.demo.words import Payload

READ_ONLY = {"NumberOfConnectors"}


class Configuration:
    """A few keys of a go-eCharger."""

    def __init__(self) -> None:
        self._values = {
            "AllowOfflineTxForUnknownId": "true",
            "AuthorizeRemoteTxRequests": "false",
            "HeartbeatInterval": "300",
            "MeterValueSampleInterval": "60",
            "NumberOfConnectors": "1",
        }

    def get(self, payload: Payload) -> Payload:
        """The confirmation of GetConfiguration: the keys asked for, or all."""
        wanted = payload.get("key") or list(self._values)
        return {
            "configurationKey": [
                {"key": key, "readonly": key in READ_ONLY, "value": self._values[key]}
                for key in wanted
                if key in self._values
            ],
            "unknownKey": [key for key in wanted if key not in self._values],
        }

    def change(self, payload: Payload) -> Payload:
        """The confirmation of ChangeConfiguration."""
        key, value = payload["key"], payload["value"]
        if key not in self._values:
            return {"status": "NotSupported"}
        if key in READ_ONLY:
            return {"status": "Rejected"}
        self._values[key] = value
        return {"status": "Accepted"}
