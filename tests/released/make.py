"""Make the folder of a release: its database, its files, and what it prints of closed months.

    python -m tests.released.make NAME

Run it in this checkout with the Python of the release's own environment; its commands do the rest:

    ~/shocpp-1.0/.venv/bin/python -m tests.released.make 1.0

The world is the October of tests/reports/test_golden.py and what it lacks: a month before it,
records that are late, imported, signed or under review, corrections of a closed month, a dismissed
gap, names of connectors, and transactions that are open for ever.
"""

import json
import lzma
import shutil
import sys
import tempfile
from pathlib import Path

from tests.reports import test_golden as october
from tests.reports.test_golden import GOLF, SECOND, Call, decide, output_of, say, start, stop
from tests.world.charger import Charger
from tests.world.clock import Clock
from tests.world.home import Home
from tests.world.machine import ROOT
from tests.world.server import Server

FOLDER = ROOT / "tests" / "released"
MONTHS = ("2026-09", "2026-10")
PRINTED = {
    **{f"text-{language}": ("text", language) for language in ("de", "en")},
    **{f"csv-{language}": ("csv", language) for language in ("de", "en")},
    **{f"pdf-{language}": ("pdf", language) for language in ("de", "en")},
    "csv-machine": ("csv-machine", "de"),
    "json": ("json", "de"),
}
"""The folders of what is printed of a month, each with its format and language."""

CONFIGURATION = {
    "tags": october.TAGS,
    "tariffs": october.TARIFFS,
    "operator": {**october.OPERATOR, "contact": ["weg@example.org"], "note": "Bitte überweisen."},
    "charge_points": {
        **october.CHARGE_POINTS,
        "court": {"auth": "none", "name": "Hof", "connectors": {"1": "links", "2": "rechts"}},
    },
}

SEEDS = {
    "localtime": "2026-09-02 09:10:00",
    "unixtime": "1788333000",
    "account": "family-y",
    "begin_kwh": "9030",
    "end_kwh": "9034",
    "consumed_kwh": "4",
}
"""A record of the seed's scripts."""

OCMF = 'OCMF|{{"FV":"1.0","RD":[{{"TX":"{}","RV":{}}}]}}|{{"SD":"304402AB"}}'


def signed(call: Call, mark: str, kwh: str) -> Call:
    """Return a StopTransaction with a signed reading."""
    action, payload = call
    sample = {"value": OCMF.format(mark, kwh), "format": "SignedData"}
    values = {"timestamp": payload["timestamp"], "sampledValue": [sample]}
    return action, {**payload, "transactionData": [values]}


SEPTEMBER = (
    start("2026-09-20T19:00:00", 1_000_000, GOLF),
    october.values(20_001_000, ("2026-09-20T20:00:00", 1_006_000)),
    signed(stop("2026-09-21T05:30:00", 1_018_000, 20_001_000), "E", "1018.0"),
    start("2026-09-22T08:00:00", 50_000, "1111", 2),
    stop("2026-09-22T10:00:00", 62_000, 10_000_050),
    start("2026-09-29T10:00:00", 1_018_500, "5555"),
)
LATE = (stop("2026-09-29T12:00:00", 1_030_000, 30_001_018),)

AT_THE_COURT = (
    start("2026-10-08T05:00:00", 1_030_000, GOLF),
    signed(stop("2026-10-08T07:10:00", 1_063_250, 20_001_030), "E", "1063.25"),
    start("2026-10-11T05:00:00", 62_000, SECOND, 2),
)
ABOVE_THE_CAP = (
    start("2026-10-21T05:00:00", 9_042_000, SECOND),
    stop("2026-10-21T07:00:00", 9_475_250, 20_009_042),
)
NOVEMBER = (
    start("2026-11-05T05:00:00", 9_475_250, GOLF),
    stop("2026-11-05T07:00:00", 9_480_250, 20_009_475),
    start("2026-11-06T05:00:00", 9_480_250, "2222"),
)


def make(home: Home, clock: Clock) -> None:
    """Play three months, of which two are closed."""
    for name, content in CONFIGURATION.items():
        (home.folder / "conf" / f"{name}.json").write_text(json.dumps(content, indent=2) + "\n")
    output_of(home, "shocpp", "migrate")
    import_seeds(home)
    serve(home, SEPTEMBER)
    output_of(home, "shocpp", "close", "2026", "9", "--by", "anna")
    # The charger sends it again, as if it had not heard the answer.
    say(home, "court", LATE * 2)
    decide(home, "correct", 12_000, "company-x", "--wh", "11500", "--why", "Display: 11,5")
    clock.set("2026-11-02 09:00:00")
    for name, calls in (("garage", october.GARAGE), ("yard", october.YARD)):
        say(home, name, calls)
    say(home, "court", AT_THE_COURT)
    say(home, "carport", ABOVE_THE_CAP)
    decide(home, "assign", 3_000, "unassigned", "--account", "family-y", "--why", "neue Karte")
    decide(home, "correct", 20_000, "company-x", "--wh", "18000", "--why", "Display: 18")
    decide(home, "dismiss", 200, "company-z", "--why", "Test des Elektrikers")
    dismiss_gap(home, 655)
    output_of(home, "shocpp", "close", "2026", "10", "--by", "bernd")
    clock.set("2026-11-10 09:00:00")
    say(home, "carport", NOVEMBER)
    decide(home, "correct", 8_999, "company-z", "--wh", "9000", "--why", "abgelesen")


def import_seeds(home: Home) -> None:
    """Import a file of the seed's scripts as one of the garage."""
    file = home.folder / "1788333000-0326fd891def.json"
    file.write_text(json.dumps(SEEDS))
    output_of(home, "shocpp", "import", str(file), "-c", "garage")


def serve(home: Home, calls: tuple[Call, ...]) -> None:
    """Send Calls to a server over a WebSocket, and let it send one."""
    # With a real monotonic clock, faketime makes a sleep of gunicorn fail.
    server = Server(home, FAKETIME_DONT_FAKE_MONOTONIC="0", DONT_FAKE_MONOTONIC="0")
    try:
        with Charger(server, "court").boot() as charger:
            charger.report("Available")
            # Frames that are answered with a CallError, or not at all.
            for frame in ([2, "90", "NoSuchAction", {}], [2, "91", "Authorize", {"idTag": 7}], "?"):
                charger.send(frame)
            for action, payload in calls:
                charger.ask(action, **payload)
            output_of(home, "shocpp-command", "-c", "court", "Reset", '{"type": "Soft"}')
    finally:
        server.stop()


def dismiss_gap(home: Home, wh: int) -> None:
    """Dismiss the gap with this energy."""
    ((number,),) = home.query("SELECT number FROM gaps WHERE gap_wh = ?", wh)
    why = ("--why", "Zähler getauscht", "--by", "anna", "--yes")
    output_of(home, "shocpp", "review", "dismiss", number, *why)


def print_months(home: Home, folder: Path) -> None:
    """Print the closed months in every format and language, for all accounts and for each."""
    for month in MONTHS:
        for name, (format_name, language) in PRINTED.items():
            target = folder / month / name
            target.mkdir(parents=True)
            print_month(home, month, ("--format", format_name, "--lang", language), target)


def print_month(home: Home, month: str, options: tuple[str, ...], target: Path) -> None:
    """Print a month into a folder in one format and language."""
    summary = ("shocpp-summary", *month.split("-"), *options, "-o")
    # A folder gets the statement of each account.
    output_of(home, *summary, str(target))
    if "pdf" not in options:
        suffix = next(target.iterdir()).suffix
        output_of(home, *summary, str(target / f"{month}{suffix}"))


def main() -> None:
    """Make the folder of the release that the command line names."""
    (name,) = sys.argv[1:]
    target = FOLDER / name
    target.mkdir()
    with tempfile.TemporaryDirectory(prefix="shocpp-released-") as temporary:
        home = Home(Path(temporary) / "home")
        clock = Clock(Path(temporary) / "clock", "2026-10-05 12:00:00")
        home.environment |= clock.environment
        make(home, clock)
        print_months(home, target / "printed")
        (target / "frames.txt").write_text(output_of(home, "shocpp", "frames", "-n", "1000"))
        copy = home.folder / "copy.sqlite3"
        output_of(home, "shocpp", "backup", str(copy))
        (target / "database.sqlite3.xz").write_bytes(lzma.compress(copy.read_bytes(), preset=9))
        for folder in ("conf", "accounting"):
            shutil.copytree(home.folder / folder, target / folder)


if __name__ == "__main__":
    main()
