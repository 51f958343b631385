"""Calls of MeterValues, most of them nearly plain: the texts on which two readers may disagree.

`OddReadings` writes its JSON by hand, so that a member may be there twice, a number may have any
spelling and blanks may stand anywhere. The same seed makes the same texts.
"""

import json
import random
from collections.abc import Sequence

from shocpp.ocpp.fields.datatypes import SAMPLED_VALUE

_WORDS = {
    name: [json.dumps(word) for word in field.one_of]
    for name, field in (SAMPLED_VALUE.fields or {}).items()
}
_VALUES = [
    *('"9042000"', '"9042.5"', '"0"', '"-1"', '"1,5"', '"162,440"', '"1.234,5"', '" 7 "', '""'),
    *('"1e3"', '"-0"', '"+1"', '"012"', '"1."', '".5"', '"NaN"', '"x"', '"٣"', '"²"', '"1_000"'),
    *(f'"{"9" * length}"' for length in (15, 16, 29, 30, 31, 40, 41)),
    *("1", "1.5", "-0", "-0.0", "1e5", "1E400", "NaN", "null", "true", "[]", "{}", "9" * 41),
    *('"OCMF|{}|{}"', '"4F434D467C"', '{"signedMeterData":"x"}', f'"{"OCMF|" * 9}"', '"AP;"'),
]
_ODD_WORDS = {
    "context": ["Transaction.begin", " Transaction.Begin ", "Sample.periodic", "", "Begin"],
    "format": ["SignedData", "signeddata", " _Signed", "raw", "", "OCMF"],
    "measurand": [" energy.active.import.register", "POWER.ACTIVE.IMPORT", "", " ", "Power"],
    "phase": ["l1", " L2 ", "L1-L2-L3", "Total", "", " ", "N", "LL"],
    "location": ["outlet", " Inlet", "Grid", "", "EVSE"],
    "unit": ["KWH", " kWh", "wh", "Percentage", "", "kwH", "°C"],
}
_NUMBERS = [
    *("1", "0", "-1", "1.0", "1e0", "-0", "-0.0", "0.5", "2147483647", "2147483648", "1E400"),
    *(str(2**62 + more) for more in (-1, 0, 1)),
    *(str(2**64), "9007199254740993.0", "9" * 41, '"1"', '"x"', "null", "true", "[1]", "NaN", "01"),
]
_TIMES = [
    *('"2026-10-01T05:30:00Z"', '"2026-10-01T05:30:00.123Z"', '"2026-10-01T05:30:00"'),
    *('"2026-10-01t05:30:00z"', '"2026-10-01T24:00:00Z"', '"2026-10-01T05:30:60Z"', '"20261001"'),
    *('"1970-01-01T00:00:00Z"', '"x"', '""', "null", "7", '"2026-10-01T05:30:00+02:00"', "[]"),
]
_NAMES = ["value", "context", "measurand", "evseId", "cut", "", "val\\u0075e", "Value", "signed"]
_SPOILERS = [
    *("\\u0041", "\\n", "\\", "\t", "\0", "\x1f", "\ufeff", "\ud800", "é", "\U0001f50c", '"'),
    *("{", "}", "[", "]", ",", ":", " ", "\xa0", "null", "1", "\u2028", "\x7f", "\x0b"),
]


class OddReadings:
    """Texts without end."""

    def __init__(self, seed: int) -> None:
        self._dice = random.Random(seed)

    def text(self) -> str:
        """Return the next text."""
        text = self._call()
        # Half of them stay as they are.
        for _ in range(self._dice.choice((0, 0, 0, 1, 1, 2))):
            at = self._dice.randrange(len(text) + 1)
            gap = self._dice.choice((0, 0, 1, 5))
            text = text[:at] + self._dice.choice(_SPOILERS) + text[at + gap :]
        return text

    def _one(self, plain: Sequence[str], odd: Sequence[str], chance: float = 0.06) -> str:
        return self._dice.choice(odd if self._dice.random() < chance else plain)

    def _blank(self) -> str:
        return self._one(("",), (" ", "\n", "\t", "\r\n  "), 0.03)

    def _call(self) -> str:
        kind = self._one(("2",), ("2.0", "2e0", "3", "4", "-2", '"2"', "true"), 0.03)
        unique_id = self._one(('"1048577"', '"x"', '"é"'), ("7", "1.0", '""', "null", "[]"), 0.05)
        action = self._one(('"MeterValues"',), ('"Heartbeat"', '"metervalues"', "null"), 0.02)
        payload = self._one((self._payload(),), ("null", "[]", "{}", '"x"'), 0.03)
        more = self._one(("",), (",1", ",{}"), 0.02)
        text = f"[{kind},{unique_id},{action},{payload}{more}]"
        return self._blank() + text.replace(",", "," + self._blank()) + self._blank()

    def _object(self, members: list[str], names: Sequence[str]) -> str:
        if self._dice.random() < 0.04:
            members.append(self._dice.choice(members or ['"x":1']))
        if self._dice.random() < 0.03:
            members.append(f'"{self._dice.choice(names)}":{self._dice.choice(_VALUES)}')
        if self._dice.random() < 0.3:
            self._dice.shuffle(members)
        return "{" + ",".join(members) + "}"

    def _payload(self) -> str:
        entries = ",".join(self._entry() for _ in range(self._dice.choice((0, 1, 1, 1, 1, 2, 3))))
        members = [f'"meterValue":{self._one((f"[{entries}]",), ("null", "{}", "[[]]"), 0.03)}']
        if self._dice.random() < 0.97:
            members.append(f'"connectorId":{self._one(("1", "2"), _NUMBERS, 0.1)}')
        if self._dice.random() < 0.8:
            members.append(f'"transactionId":{self._one(("20009042",), _NUMBERS, 0.1)}')
        return self._object(members, ("connectorId", "transactionId", "evseId", "meterValue"))

    def _entry(self) -> str:
        samples = ",".join(self._sample() for _ in range(self._dice.choice((0, 1, 1, 2, 4, 8))))
        members = [f'"sampledValue":{self._one((f"[{samples}]",), ("null", "{}", "[1]"), 0.02)}']
        if self._dice.random() < 0.98:
            members.append(f'"timestamp":{self._one(_TIMES[:3], _TIMES, 0.1)}')
        return self._object(members, ("timestamp", "sampledValue", "x"))

    def _sample(self) -> str:
        members = []
        if self._dice.random() < 0.99:
            members.append(f'"value":{self._one(_VALUES[:8], _VALUES, 0.05)}')
        for name, often in (
            *(("measurand", 0.8), ("unit", 0.7), ("phase", 0.4)),
            *(("context", 0.5), ("location", 0.4), ("format", 0.3)),
        ):
            if self._dice.random() < often:
                odd = [*map(json.dumps, _ODD_WORDS[name]), "null", "7", "[]", "{}"]
                plain = _WORDS[name]
                if name == "measurand":
                    plain = [*plain, *(w for w in plain for _ in range(4) if "Import" in w)]
                if name == "format":
                    plain = ['"Raw"']
                members.append(f'"{name}":{self._one(plain, odd, 0.02)}')
        return self._object(members, _NAMES)
