"""The pictures of the page in docs/, of a server with simulated chargers: `make screenshots`.

    python -m tests.world.screenshots

It is always the same evening in the middle of a month: only another page makes another picture.
"""

import contextlib
import json
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

from tests.world.browser import Browser, Screen
from tests.world.charger import Charger
from tests.world.clock import Clock
from tests.world.home import Home
from tests.world.machine import ROOT
from tests.world.people import cookie_of
from tests.world.scenes import charge
from tests.world.server import Server
from tests.world.sun_screenshots import write_pictures

EVENING = datetime(2026, 11, 20, 17, 40, tzinfo=UTC)
DAY_MIN = 24 * 60
PICTURES = {
    "page-phone.png": (Screen(390, 844, 1.5), True),
    "page-desk.png": (Screen(1200, 930, is_phone=False), False),
}
"""The screen of each picture, and whether it is dark."""

MOST_BYTES = 120_000
ACCOUNTS = [
    {
        "index": 1,
        "account": "family-y",
        "ids": ["3333", "4444"],
        "names": {"3333": "Golf", "4444": "Zoe"},
    },
    {"index": 2, "account": "company-x", "ids": ["1111"], "names": {"1111": "Van"}},
    {"index": 3, "account": "guests", "ids": ["5555"]},
]
TARIFF = {"account": "*", "valid_from": "2020-01-01", "ct_per_kwh": 31.27}
CARDS = {
    "carport": ["1111", "3333"],
    "garage": ["3333", "4444"],
    "gate": ["5555"],
    "ramp": ["4444"],
    "shed": ["5555"],
    "yard": ["1111", "5555"],
}
"""The chargers, and the cards that charge there."""


def furnish(home: Home) -> None:
    """Write the accounts, prices and chargers into a home."""
    names = {name: {"auth": "none", "name": name.title()} for name in CARDS}
    home.tags_file.write_text(json.dumps(ACCOUNTS))
    home.charge_points_file.write_text(json.dumps(names))
    (home.folder / "conf" / "tariffs.json").write_text(json.dumps({"tariffs": [TARIFF]}))


@contextlib.contextmanager
def evening(server: Server) -> Iterator[None]:
    """Let the chargers live their month, and leave them in their states of the evening."""
    with contextlib.ExitStack() as stack:
        chargers = {name: stack.enter_context(Charger(server, name)).boot() for name in CARDS}
        registers = {name: play_month(chargers[name], CARDS[name]) for name in CARDS}
        charge(
            chargers["carport"],
            "1111",
            minutes=47,
            kwh=8.6,
            kw=11.0,
            meter_wh=registers["carport"],
            now=EVENING,
        )
        charge(
            chargers["ramp"],
            "4444",
            minutes=140,
            kwh=19.3,
            kw=3.7,
            meter_wh=registers["ramp"],
            now=EVENING,
        )
        for name in ("garage", "shed"):
            chargers[name].report("Available")
        chargers["gate"].report("Faulted", 1, "GroundFailure")
        chargers["yard"].report("Preparing")
        yield


def play_month(charger: Charger, cards: list[str]) -> int:
    """Play a session on most days of the month; return the register at the end."""
    random, register = Random(charger.name), 4_310_500
    for days in range(EVENING.day - 1, 0, -1):
        if random.random() < 0.7:
            kwh, begun = random.randrange(300, 2_600) / 100, days * DAY_MIN + random.randrange(180)
            until = begun - int(kwh * 60 / 11)
            card = random.choice(cards)
            register = charge(
                charger,
                card,
                minutes=begun,
                kwh=kwh,
                until=until,
                meter_wh=register,
                now=EVENING,
            )
    return register


def main() -> None:
    """Write the pictures."""
    with tempfile.TemporaryDirectory(prefix="shocpp-screenshots-") as folder:
        home = Home(Path(folder) / "home")
        furnish(home)
        local = EVENING + timedelta(hours=1)
        faked = Clock(Path(folder) / "clock", f"{local:%Y-%m-%d %H:%M:%S}").environment
        # With the real monotonic clock beside it, libfaketime 0.9.10 lets gunicorn's sleep fail.
        clock = {name: value for name, value in faked.items() if "MONOTONIC" not in name}
        server = Server(home, SHOCPP_LANG="en", **clock)
        try:
            with evening(server), Browser() as browser:
                cookie = cookie_of(home, "admin", name="Anna")
                for name, (screen, is_dark) in PICTURES.items():
                    with browser.tab(
                        server.port, cookie, screen, is_dark=is_dark, moves=False
                    ) as tab:
                        tab.open().await_live()
                        picture = tab.page.screenshot(path=ROOT / "docs" / name)
                    _check(name, picture)
                for path in write_pictures(Path(folder) / "sun", ROOT / "docs", browser):
                    _check(path.name, path.read_bytes())
        finally:
            server.kill()


def _check(name: str, picture: bytes) -> None:
    """Fail if a picture is too large, and print its size."""
    assert len(picture) < MOST_BYTES, f"{name} has {len(picture)} bytes"
    print(f"docs/{name}: {len(picture)} bytes")


if __name__ == "__main__":
    main()
