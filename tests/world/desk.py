"""The bookkeeping of one process without its thread, and the chargers that send it frames.

`Desk` has a clock of its own; `Office` is a desk with prices, whose months become statements.
"""

import itertools
import json
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from shocpp.bookkeeping.accounting_files.record_files import RecordFiles
from shocpp.bookkeeping.bookkeeping import Bookkeeping
from shocpp.bookkeeping.jobs import Receive
from shocpp.bookkeeping.posting import Posting
from shocpp.bookkeeping.review import Decider
from shocpp.configuration.allowlist_file import AllowlistFile
from shocpp.configuration.tags import TagsFile
from shocpp.configuration.tariffs import TariffsFile
from shocpp.language.month import Month
from shocpp.ocpp.connection import Connection, Reported
from shocpp.ocpp.times import format_timestamp
from shocpp.reports.books import Books
from shocpp.reports.formats import chunks
from shocpp.reports.month import month_statement
from shocpp.reports.statement import Statement
from shocpp.settings import Settings, read_settings
from shocpp.store.books.statements.statement_records import StatementRow
from shocpp.store.database import Database, open_database
from shocpp.store.schema.migrations import migrate
from tests.world.databases import make_database

NOON_MS = 1_693_735_200_000  # 2023-09-03T10:00:00Z, noon in Berlin


BERLIN = ZoneInfo("Europe/Berlin")


ACCOUNTS = [
    {"index": 1, "account": "company-x", "ids": ["1111", "2222"]},
    {"index": 2, "account": "family-y", "ids": ["3333", "4444"]},
]


class Desk:
    """The bookkeeping on a database of its own, and the chargers that send it frames."""

    def __init__(self, folder: Path, born_ms: int = NOON_MS - 365 * 86_400_000) -> None:
        self.folder = folder
        self.path = folder / "shocpp.sqlite3"
        self.now_ms = NOON_MS
        self.keeps_text = True
        self.tags(ACCOUNTS)
        self._born_ms = born_ms
        self._unique_ids = itertools.count(1)
        self._open()

    def _open(self) -> None:
        if self.path.exists():
            migrate(self.path, self._born_ms)
        else:
            make_database(self.path, self._born_ms)
        self.db: Database = open_database(self.path)
        tags = TagsFile(self.folder / "tags.json")
        self.chargers = self.allowlist()
        self.books = Bookkeeping(self.db, tags, self.posting(self.db), "worker", self.chargers)
        self.connections: dict[str, Connection] = {}

    def allowlist(self) -> AllowlistFile:
        """Return its charge_points.json, which is missing unless a test writes it."""
        return AllowlistFile(self.folder / "charge_points.json")

    def posting(self, db: Database) -> Posting:
        """Return the posting, with the prices of its tariffs.json, if there is one."""
        return Posting(db, BERLIN, TariffsFile(self.folder / "tariffs.json"))

    def tags(self, accounts: object) -> None:
        """Write another tags.json."""
        new = self.folder / "tags.json.new"
        new.write_text(accounts if isinstance(accounts, str) else json.dumps(accounts))
        new.rename(self.folder / "tags.json")

    def restart(self) -> None:
        """End the process and start it again."""
        self.db.close()
        self._open()

    def lose_the_database(self) -> None:
        self.db.close()
        for file in self.folder.glob("shocpp.sqlite3*"):
            file.unlink()
        self._born_ms = self.now_ms
        self._open()

    def receive(self, action: str, payload: object, charger: str = "garage") -> Any:
        """Receive one Call with a new unique id, and return its result."""
        text = json.dumps([2, str(next(self._unique_ids)), action, payload])
        return self.receive_text(text, charger)

    def receive_text(self, text: str, charger: str = "garage") -> Any:
        """Receive one text, and return its result."""
        here = self.connections.setdefault(charger, Connection(heartbeat_s=55))
        event = here.receive(text, self.now_ms)
        job = Receive("token", charger, text, self.now_ms, event, self.keeps_text)
        (answer,) = self.books.write([job], self.now_ms)
        self.books.log_committed()
        if isinstance(event, Reported) and isinstance(answer, str):
            here.confirmed(event, text, answer)
        return answer

    def ask(self, action: str, payload: object, charger: str = "garage") -> Any:
        """Receive one Call, let a second pass, and return the confirmation."""
        answer = self.receive(action, payload, charger)
        assert isinstance(answer, str), answer
        self.now_ms += 1000
        return json.loads(answer)[2]

    def start(
        self, wh: object = 9_042_000, id_tag: str = "3333", charger: str = "garage", **more: object
    ) -> int:
        """Start a transaction now, and return its id."""
        plain = {"connectorId": 1, "idTag": id_tag, "meterStart": wh, "timestamp": self.time()}
        return int(self.ask("StartTransaction", plain | more, charger)["transactionId"])

    def stop(self, sent: object, wh: object, charger: str = "garage", **more: object) -> Any:
        """Stop a transaction now, and return the confirmation."""
        plain = {"transactionId": sent, "meterStop": wh, "timestamp": self.time()}
        return self.ask("StopTransaction", plain | more, charger)

    def time(self) -> str:
        return format_timestamp(self.now_ms)

    def later(self, hours: float) -> None:
        self.now_ms += int(hours * 3_600_000)

    def query(self, sql: str, *values: object) -> list[Any]:
        """Return rows; of a single column, its values."""
        rows = self.db.execute(sql, values).fetchall()
        return [row[0] if len(row) == 1 else row for row in rows]

    def records(self) -> list[Any]:
        """Return (account, Wh, reason of the review) of all records."""
        return self.query("SELECT account, consumed_wh, review FROM accounting ORDER BY number")

    def files(self) -> list[dict[str, Any]]:
        """Write all accounting files, and return them in the order of their records."""
        exporter = RecordFiles(self.folder / "accounting")
        while exporter.export(self.db, self.now_ms):
            pass
        files = (self.folder / "accounting").glob("*/*/*.json")
        by_name = {file.name: json.loads(file.read_text()) for file in files}
        return [
            by_name.pop(name)
            for name in self.query("SELECT file_name FROM accounting ORDER BY number")
        ] + list(by_name.values())


ANNA = Decider("anna", "told so")


FORMATS = ("text", "csv", "csv-machine", "json")


class Office(Desk):
    """A desk in a time zone, with prices, that makes statements of its months."""

    def __init__(self, folder: Path, zone_name: str = "Europe/Berlin") -> None:
        self.zone_name = zone_name
        super().__init__(folder)

    def posting(self, db: Database) -> Posting:
        return Posting(db, ZoneInfo(self.zone_name), TariffsFile(self.folder / "tariffs.json"))

    @property
    def settings(self) -> Settings:
        """Return the settings of a command in this office."""
        return read_settings(
            {
                "SHOCPP_HOME": str(self.folder),
                "SHOCPP_DATABASE": str(self.path),
                "SHOCPP_TAGSFILE": str(self.folder / "tags.json"),
                "SHOCPP_TARIFFSFILE": str(self.folder / "tariffs.json"),
                "TZ": self.zone_name,
            }
        )

    def price(self, *tariffs: dict[str, Any], flat: dict[str, Any] | None = None) -> None:
        """Write another tariffs.json."""
        content = {"tariffs": tariffs, "flat_prices": flat or {}}
        (self.folder / "tariffs.json").write_text(json.dumps(content))

    def open_books(self) -> Books:
        """Return the books as a command reads them, with the present files of conf/."""
        return Books(self.db, self.settings)

    def statement(self, year: int = 2023, month: int = 9) -> Statement:
        """Return the statement of a month."""
        return month_statement(self.open_books(), Month(year, month))

    def rows(self, statement: Statement) -> list[StatementRow]:
        """Return the records of a statement."""
        return list(self.open_books().rows(statement))

    def printed(self, statement: Statement) -> dict[str, bytes]:
        """Return a statement in all formats that are texts."""
        books = self.open_books()
        return {name: b"".join(chunks(books, statement, name, "de")) for name in FORMATS}


def charge(office: Office, begin_wh: int, end_wh: int, id_tag: str = "3333") -> None:
    """Send a transaction of two hours; the default card is one of family-y."""
    sent = office.start(begin_wh, id_tag)
    office.later(2)
    office.stop(sent, end_wh)
