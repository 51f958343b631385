"""The ways in which chargers tell of one and the same register.

They differ in location, phases, unit, spelling, context and transaction id. `TELLINGS` has a way of
each kind with the charger that uses it, as far as one is known.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

TENTHS = {"L1": 5, "L2": 3, "L3": 2}
"""The tenths of a register that each phase has counted."""


class Telling(NamedTuple):
    """A charger's way to tell of its register.

    labels         the members of each sample
    phases         the phases that the register comes in, "" for a total
    spelling       a format of the value: of `wh`, or of the `whole` kWh and the `rest`
    sent_id        the transaction id of its MeterValues: "own", "zero" or "none"
    begin_first    the register at the start is the first sample of each entry
    lead_wh        the lead of another register that comes without an id, None if there is none
    in_stop        the entries are the transactionData of the stop
    """

    labels: Mapping[str, str] = MappingProxyType({})
    phases: tuple[str, ...] = ("",)
    spelling: str = "{wh}"
    unit: str | None = "Wh"
    sent_id: str = "own"
    begin_first: bool = False
    lead_wh: int | None = None
    in_stop: bool = False

    def entry(self, time: str | None, wh: int, begin_wh: int) -> dict[str, Any]:
        """Return the entry of a `meterValue` list with a register of `wh`."""
        return {"timestamp": time, "sampledValue": self.samples(wh, begin_wh)}

    def samples(self, wh: int, begin_wh: int) -> list[dict[str, Any]]:
        """Return the samples of a register of `wh`."""
        parts, rest = [], wh
        for phase in self.phases[1:]:
            share = wh * TENTHS[phase[:2]] // 10
            parts.append((phase, share))
            rest -= share
        parts.append((self.phases[0], rest))
        made = [self._sample(part, phase) for phase, part in parts]
        begin = self._sample(begin_wh, self.phases[0]) | {"context": "Transaction.Begin"}
        return [begin, *made] if self.begin_first else made

    def _sample(self, wh: int, phase: str) -> dict[str, Any]:
        value = self.spelling.format(wh=wh, whole=wh // 1000, rest=wh % 1000)
        unit = {} if self.unit is None else {"unit": self.unit}
        return {"value": value, **self.labels, **unit} | ({"phase": phase} if phase else {})

    def messages(
        self, connector_id: int, transaction_id: int, entry: dict[str, Any], wh: int
    ) -> list[dict[str, Any]]:
        """Return the payloads of the MeterValues that tell of an entry with a register of `wh`."""
        ids = {"own": {"transactionId": transaction_id}, "zero": {"transactionId": 0}, "none": {}}
        own = {"connectorId": connector_id, **ids[self.sent_id], "meterValue": [entry]}
        if self.lead_wh is None:
            return [own]
        other = {**entry, "sampledValue": [{"value": str(wh + self.lead_wh)}]}
        return [{"connectorId": connector_id, "meterValue": [other]}, own]


TELLINGS = {
    "plain": Telling(),
    "no unit (Autel)": Telling(unit=None),
    "FoxESS: all is Inlet": Telling({"location": "Inlet"}),
    "Grizzl-E: Body and L1-N": Telling({"location": "Body"}, ("L1-N",)),
    "Sino: three phases, no total": Telling({}, ("L1", "L2", "L3")),
    "a cable": Telling({"location": "Cable"}),
    "a car": Telling({"location": "EV"}),
    "a vendor's word": Telling({"location": "Socket 1"}),
    "kwh": Telling(spelling="{whole}.{rest:03}", unit="kwh"),
    "KWH with a comma": Telling(spelling="{whole},{rest:03}", unit="KWH"),
    "Wh with a decimal comma": Telling(spelling="{wh},0"),
    "Wh in thousands": Telling(spelling="{wh:,}"),
    "blanks": Telling(spelling=" {wh} ", unit=" Wh "),
    "case": Telling({"measurand": "ENERGY.active.import.REGISTER", "location": "outlet"}),
    "clock": Telling({"context": "Sample.Clock"}),
    "Growatt: Begin first": Telling({"context": "Sample.Periodic"}, begin_first=True),
    "Inlet and Begin": Telling({"location": "Inlet"}, begin_first=True),
    "no id (OCPP 1.6 §6.31)": Telling(sent_id="none"),
    "id 0": Telling(sent_id="zero"),
    "no id, three phases at the Inlet": Telling(
        {"location": "Inlet"}, ("L1", "L2", "L3"), sent_id="none"
    ),
    "ABB: the register of its life without id": Telling(lead_wh=5_000_000),
    "another register in reach without id": Telling({"location": "Inlet"}, lead_wh=700),
    "transactionData": Telling(in_stop=True),
    "transactionData, Inlet": Telling({"location": "Inlet"}, in_stop=True, begin_first=True),
}

IN_METER_VALUES = tuple(telling for telling in TELLINGS.values() if not telling.in_stop)
"""The ways that use MeterValues."""
