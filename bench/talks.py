"""The messages of simulated chargers.

No two MeterValues of a charger are equal, so that no cache of a server sees the same bytes again:
unique ids, timestamps and registers rise, and the other eleven values move. These eleven are
encoded before the measurement in a thousand variants, because the load must not be the limit.
"""

import json
import random
from collections.abc import Callable, Generator
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import count
from typing import Any

from bench.frames import Frame, framed

CARD = "3333"
SAMPLES = (
    *((("Voltage", f"L{phase}-N", "V", 229.0, 8.0)) for phase in (1, 2, 3)),
    *((("Current.Import", f"L{phase}", "A", 15.5, 1.0)) for phase in (1, 2, 3)),
    *((("Power.Active.Import", f"L{phase}", "W", 3_560.0, 300.0)) for phase in (1, 2, 3)),
    ("Power.Active.Import", None, "W", 10_700.0, 900.0),
    ("SoC", None, "Percent", 50.0, 40.0),
)
"""The samples of a three-phase charger beside its register: measurand, phase, unit, middle, range.

With the register they are twelve (1.6 kB).
"""

VARIANTS = 1_021
"""A prime number, so that steps of any size reach all variants."""

EVERY_S, A_DAY = 10, 8_640
TIMES = [f"T{s // 3600:02}:{s // 60 % 60:02}:{s % 60:02}Z" for s in range(0, 86_400, EVERY_S)]

Talk = Generator[Frame, bytes, None]
"""The messages of a charger; `send` it the answer to a frame that is awaited."""


def _sample(value: str, measurand: str, phase: str | None, unit: str) -> dict[str, str]:
    sample = {"value": value, "context": "Sample.Periodic", "format": "Raw"}
    sample |= {"measurand": measurand, "unit": unit, "location": "Outlet"}
    return sample | ({"phase": phase} if phase else {})


def samples(wh: int) -> list[dict[str, str]]:
    """Return the sampledValue list of a MeterValues with this register."""
    others = [
        _sample(f"{middle:.2f}", measurand, phase, unit)
        for measurand, phase, unit, middle, _ in SAMPLES
    ]
    return [_sample(f"{wh}", "Energy.Active.Import.Register", None, "Wh"), *others]


def _encoded(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def _variant(dice: random.Random) -> bytes:
    """Return the end of a MeterValues, from its second sample on."""
    samples = [
        _sample(f"{dice.uniform(middle - span / 2, middle + span / 2):.2f}", measurand, phase, unit)
        for measurand, phase, unit, middle, span in SAMPLES
    ]
    return b"," + _encoded(samples)[1:] + b"}]}]"


@cache
def _variants() -> list[bytes]:
    dice = random.Random(1)
    return [_variant(dice) for _ in range(VARIANTS)]


_REGISTER = _encoded(_sample("%d", "Energy.Active.Import.Register", None, "Wh"))
_METER_VALUES = (
    b'[2,%b,"MeterValues",{"connectorId":1,"transactionId":%d,"meterValue":'
    b'[{"timestamp":"%b","sampledValue":[' + _REGISTER + b"%b"
)


class Numbers:
    """The unique ids, the clock and the register of one charger.

    wh    its register at the beginning
    """

    def __init__(self, number: int = 0, wh: int = 1_000) -> None:
        self.wh = wh
        self._ids = count(number * 100_000 + 1)
        self._moments = count()
        self._begun = datetime.now(UTC) - timedelta(days=20)
        self._seconds = int(self._begun.timestamp()) % 86_400 // EVERY_S
        self._day, self._date = -1, ""
        self._turns = count(number * 17)
        self._variants = _variants()

    def call(self, action: str, payload: dict[str, Any], *, is_awaited: bool = False) -> Frame:
        """Return a Call under the next unique id."""
        unique_id = b'"%08d"' % next(self._ids)
        text = b'[2,%b,"%b",%b]' % (unique_id, action.encode(), _encoded(payload))
        return Frame(framed(text), unique_id, is_awaited)

    def heartbeat(self) -> Frame:
        unique_id = b'"%08d"' % next(self._ids)
        return Frame(framed(b'[2,%b,"Heartbeat",{}]' % unique_id), unique_id)

    def moment(self) -> str:
        """Return a timestamp ten seconds after the one before."""
        day, time = divmod(self._seconds + next(self._moments), A_DAY)
        if day != self._day:
            self._day = day
            self._date = f"{self._begun + timedelta(days=day):%Y-%m-%d}"
        return self._date + TIMES[time]

    def meter_values(self, transaction_id: int, wh: int) -> Frame:
        """Return a MeterValues with twelve samples."""
        unique_id = b'"%08d"' % next(self._ids)
        variant = self._variants[next(self._turns) % VARIANTS]
        moment = self.moment().encode()
        text = _METER_VALUES % (unique_id, transaction_id, moment, wh, variant)
        return Frame(framed(text), unique_id)


def start(numbers: Numbers, wh: int) -> Frame:
    payload = {"connectorId": 1, "idTag": CARD, "meterStart": wh, "timestamp": numbers.moment()}
    return numbers.call("StartTransaction", payload, is_awaited=True)


def stop(numbers: Numbers, transaction_id: int, wh: int) -> Frame:
    payload = {"transactionId": transaction_id, "meterStop": wh, "idTag": CARD}
    return numbers.call("StopTransaction", payload | {"timestamp": numbers.moment()})


def transaction_id_of(answer: bytes) -> int:
    """Return the transaction id in the answer to a StartTransaction."""
    return int(json.loads(answer)[2]["transactionId"])


def status(numbers: Numbers, name: str) -> Frame:
    payload = {"connectorId": 1, "status": name, "errorCode": "NoError"}
    return numbers.call("StatusNotification", payload | {"timestamp": numbers.moment()})


def heartbeats(numbers: Numbers) -> Talk:
    """Send Heartbeats only."""
    while True:
        yield numbers.heartbeat()


def mix(numbers: Numbers) -> Talk:
    """Send Heartbeat and MeterValues by turns, in a transaction that does not end."""
    transaction_id = transaction_id_of((yield start(numbers, numbers.wh)))
    for wh in count(numbers.wh, 10):
        yield numbers.heartbeat()
        yield numbers.meter_values(transaction_id, wh)


def meter_values(numbers: Numbers) -> Talk:
    """Send MeterValues only, in a transaction that does not end."""
    transaction_id = transaction_id_of((yield start(numbers, numbers.wh)))
    for wh in count(numbers.wh, 10):
        yield numbers.meter_values(transaction_id, wh)


def transactions(numbers: Numbers) -> Talk:
    """Send StartTransaction and StopTransaction by turns."""
    for wh in count(numbers.wh, 500):
        transaction_id = transaction_id_of((yield start(numbers, wh)))
        yield stop(numbers, transaction_id, wh + 500)


def sessions(numbers: Numbers) -> Talk:
    """Send whole sessions of nine messages each."""
    for wh in count(numbers.wh, 500):
        yield numbers.call("Authorize", {"idTag": CARD})
        yield status(numbers, "Preparing")
        transaction_id = transaction_id_of((yield start(numbers, wh)))
        yield status(numbers, "Charging")
        yield numbers.meter_values(transaction_id, wh + 100)
        yield numbers.meter_values(transaction_id, wh + 200)
        yield numbers.heartbeat()
        yield stop(numbers, transaction_id, wh + 500)
        yield status(numbers, "Available")


def outage(numbers: Numbers) -> Talk:
    """Send the transactions of an outage, with eight MeterValues each."""
    for wh in count(numbers.wh, 900):
        transaction_id = transaction_id_of((yield start(numbers, wh)))
        for step in range(1, 9):
            yield numbers.meter_values(transaction_id, wh + 100 * step)
        yield stop(numbers, transaction_id, wh + 900)


TALKS: dict[str, Callable[[Numbers], Talk]] = {
    talk.__name__: talk for talk in (heartbeats, mix, meter_values, transactions, sessions, outage)
}
