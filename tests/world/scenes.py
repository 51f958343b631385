"""Scenes of a site for pages in a browser: chargers in each state, and everything that people read.

empty    no charger yet
busy     charging, plugged in, free, faulted, away; a refused card, sums of the month
broken   the database is damaged
"""

import contextlib
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from tests.world.charger import Charger
from tests.world.home import Home
from tests.world.server import Server

ACCOUNTS = [
    {
        "index": 1,
        "account": "Familie Yáñez",
        "ids": ["3333", "4444"],
        "names": {"3333": "Golf", "4444": "Zoe"},
    },
    {"index": 2, "account": "Büro Nord GmbH", "ids": ["1111", "2222"], "blocked": ["2222"]},
    {
        "index": 3,
        "account": "Wohnungseigentümergemeinschaft Lindenstraße 14",
        "ids": ["5555"],
        "names": {"5555": "Mitgliedsfahrzeugausleihstation"},
    },
]
DRIVER = ACCOUNTS[0]["account"]
"""The account that charges."""

TARIFFS = {
    "tariffs": [
        {"account": "*", "valid_from": "2020-01-01", "ct_per_kwh": 31.27, "base_fee_eur": 4.5}
    ]
}
CHARGE_POINTS = {
    "*": {"auth": "none"},
    "garage": {"auth": "none", "name": "Garage"},
    "yard": {"auth": "none", "name": "Hof", "connectors": {"1": "links", "2": "rechts"}},
    "p7": {"auth": "none", "name": "Stellplatz 7"},
    "p8": {"auth": "none", "name": "Stellplatz 8"},
    "p9": {"auth": "none", "name": "Stellplatz 9"},
    "p10": {"auth": "none", "name": "Stellplatz 10"},
}


def ago(minutes: int = 0, now: datetime | None = None) -> str:
    """Return the time of so many minutes ago, as chargers write it."""
    moment = (now or datetime.now(UTC)) - timedelta(minutes=minutes)
    return moment.isoformat(timespec="milliseconds")


def furnish(home: Home) -> None:
    """Write the accounts and prices of the scenes into a home."""
    home.tags_file.write_text(json.dumps(ACCOUNTS))
    (home.folder / "conf" / "tariffs.json").write_text(json.dumps(TARIFFS))


@contextlib.contextmanager
def busy(server: Server) -> Iterator[None]:
    """Connect chargers in each state, until the end."""
    server.home.charge_points_file.write_text(json.dumps(CHARGE_POINTS))
    with contextlib.ExitStack() as stack:

        def boot(name: str) -> Charger:
            return stack.enter_context(Charger(server, name)).boot()

        charge(boot("garage"), "3333", minutes=95, kwh=12.4, kw=7.4)
        yard = boot("yard")
        yard.report("Available", 1)
        yard.report("Preparing", 2)
        charge(yard, "5555", minutes=300, kwh=23.1, until=240)
        yard.report("Available", 1)
        # A card that is blocked: the tile says why.
        start(yard, "2222", minutes=1, connector_id=2)
        boot("p7").report("Faulted", 1, "GroundFailure")
        p8 = boot("p8")
        charge(p8, "1111", minutes=30, kwh=3.1, kw=0.0)
        p8.report("SuspendedEV")
        boot("p9").report("Available")
        p10 = boot("p10")
        charge(p10, "04A20BC0FFEE", minutes=120, kwh=2.0, until=60)
        p10.leave()
        yield


def start(
    charger: Charger,
    id_tag: str,
    *,
    minutes: int,
    connector_id: int = 1,
    meter_wh: int = 9_042_000,
    now: datetime | None = None,
) -> int:
    """Start a session so many minutes ago; return its id."""
    confirmation = charger.ask(
        "StartTransaction",
        connectorId=connector_id,
        idTag=id_tag,
        meterStart=meter_wh,
        timestamp=ago(minutes, now),
    )
    return int(confirmation["transactionId"])


def charge(
    charger: Charger,
    id_tag: str,
    *,
    minutes: int,
    kwh: float,
    kw: float | None = None,
    until: int | None = None,
    meter_wh: int = 9_042_000,
    now: datetime | None = None,
) -> int:
    """Play a session that began so many minutes ago; it goes on, or ends `until` minutes ago.

    Returns the register at its end, or now.
    """
    transaction_id = start(charger, id_tag, minutes=minutes, meter_wh=meter_wh, now=now)
    register = meter_wh + int(kwh * 1_000)
    if until is not None:
        charger.ask(
            "StopTransaction",
            transactionId=transaction_id,
            meterStop=register,
            timestamp=ago(until, now),
        )
        return register
    charger.report("Charging")
    power = {"value": str((kw or 0) * 1_000), "measurand": "Power.Active.Import", "unit": "W"}
    samples = [{"value": str(register)}, power]
    charger.ask(
        "MeterValues",
        connectorId=1,
        transactionId=transaction_id,
        meterValue=[{"timestamp": ago(0, now), "sampledValue": samples}],
    )
    return register


def damage(home: Home) -> None:
    """Damage the database, as a failing disk does."""
    for file in home.database.parent.glob(f"{home.database.name}*"):
        file.rename(file.with_name(f"{file.name}.whole"))
    home.database.write_bytes(b"no database" * 1_000)
