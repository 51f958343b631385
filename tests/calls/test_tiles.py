"""The tiles of connectors, the sums of the month, and the needs, on a desk with real books."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shocpp.admission.people.permits import NotPermitted, accounts_in_force, require_call
from shocpp.admission.people.roles import DRIVER, Person
from shocpp.calls import display
from shocpp.calls.page.files import present_files
from shocpp.calls.page.starts import choices, masked
from shocpp.calls.tiles import AccountMonth, Tile, View, months, needs, tiles
from shocpp.interfaces.web.now import needs_for
from shocpp.language import figures
from shocpp.ledger.accounts import id_tag_of
from shocpp.ledger.solar import MINUTE_MS, SiteMinute
from shocpp.settings import Settings
from shocpp.store import properties
from shocpp.store.charge_points import admissions, connections, identities
from shocpp.store.charge_points.admissions import RefusedAttempts
from shocpp.store.charge_points.connections import NewConnection
from shocpp.store.keys import NO_KEYS
from shocpp.store.site import minutes
from tests.world.desk import Office, charge

ALL = View(shows_names=True)
NO_NAMES = View(shows_names=False)
COMPANY = View(shows_names=False, account="company-x")
TARIFF = {"account": "*", "valid_from": "2023-01-01", "ct_per_kwh": 31.27, "base_fee_eur": 4.5}
NAMED = [
    {"index": 1, "account": "company-x", "ids": ["1111", "2222"], "blocked": ["2222"]},
    {"index": 2, "account": "family-y", "ids": ["3333", "4444"], "names": {"3333": "Golf"}},
]


class Forecourt(Office):
    """An office whose chargers are connected, with the settings of a page."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.tags(NAMED)
        self.price(TARIFF)

    @property
    def settings(self) -> Settings:
        return super().settings._replace(
            charge_points_file=self.folder / "charge_points.json",
            accounting_folder=self.folder / "accounting",
        )

    def connect(self, *chargers: str) -> None:
        """Let chargers hold a connection."""
        with self.db.writing(keys=NO_KEYS):
            for name in chargers:
                row = identities.enter(self.db, name, self.now_ms)
                held = NewConnection(f"token-{name}", "192.0.2.1", authenticated=False)
                connections.hold(self.db, row, held, "worker", self.now_ms, None)

    def report(self, status: str, connector_id: int = 1, charger: str = "garage") -> None:
        """Send the status of a connector."""
        named = {"connectorId": connector_id, "errorCode": "NoError", "status": status}
        self.ask("StatusNotification", named, charger)

    def measure(self, sent: int, wh: int, watt: int, charger: str = "garage") -> None:
        """Send the register and the power of a transaction."""
        samples = [
            {"value": str(wh)},
            {"value": str(watt), "measurand": "Power.Active.Import", "unit": "W"},
        ]
        values = [{"timestamp": self.time(), "sampledValue": samples}]
        self.ask(
            "MeterValues", {"connectorId": 1, "transactionId": sent, "meterValue": values}, charger
        )

    def tiles(self, view: View = ALL) -> dict[str, Tile]:
        """Return the tiles of a view by their ids."""
        return {tile.id: tile for tile in tiles(self.db, self.settings, view, self.now_ms)}

    def list_chargers(self, entries: dict[str, object]) -> None:
        """Write another charge_points.json."""
        (self.folder / "charge_points.json").write_text(json.dumps(entries))


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Forecourt]:
    office = Forecourt(tmp_path)
    yield office
    office.db.close()


def begin(office: Forecourt, id_tag: str = "3333") -> int:
    """Connect the garage, and let it charge 12.4 kWh with 7.4 kW."""
    office.connect("garage")
    office.report("Charging")
    sent = office.start(9_042_000, id_tag)
    office.later(1)
    office.measure(sent, 9_054_400, 7_400)
    return sent


def test_a_tile_has_the_words_of_the_voice_answer(office: Forecourt) -> None:
    begin(office)
    tile = office.tiles()["garage/1"]
    spoken = display.state(office.db, office.settings, "garage").sentence
    # The voice answer is spoken today, and names the day of the session.
    assert spoken.endswith(f"{tile.energy}, {tile.power}")
    assert (tile.phrase, tile.power, tile.energy) == ("lädt seit 12:00", "7,4 kW", "12,4 kWh")
    assert (tile.state, tile.action, tile.account, tile.card) == (
        *("Charging", "stop", "family-y", "Golf"),
    )
    assert (tile.power_w, tile.is_stale, tile.since) == (7_400, False, "")


@pytest.mark.parametrize("id_tag", ["1111", "3333"])
def test_the_amount_is_that_of_the_record_if_it_ended_now(office: Forecourt, id_tag: str) -> None:
    sent = begin(office, id_tag)
    shown = office.tiles()["garage/1"].amount
    office.stop(sent, 9_054_400)
    (amount_ct,) = office.query("SELECT amount_ct FROM accounting")
    assert shown == f"{figures.grouped_euro(amount_ct, 'de')} EUR" == "3,88 EUR"


def test_the_amount_has_the_price_of_solar_energy(office: Forecourt) -> None:
    """1 kWh within ten minutes in the sun at 10 ct, and none until five minutes later."""
    office.price(TARIFF | {"solar": 10})
    first = office.now_ms // MINUTE_MS
    with office.db.writing(keys=NO_KEYS):
        minutes.store(office.db, [SiteMinute(first + at, 0, 0, 100_000) for at in range(15)])
    office.connect("garage")
    office.report("Charging")
    sent = office.start(9_042_000)
    office.later(1 / 6)
    office.measure(sent, 9_043_000, 0)
    office.later(1 / 12)
    assert office.tiles()["garage/1"].amount == "0,10 EUR"
    office.stop(sent, 9_043_000)
    assert office.query("SELECT solar_wh, amount_ct FROM accounting") == [(1_000, 10)]


def test_a_tile_has_no_amount_without_tariffs(office: Forecourt) -> None:
    (office.folder / "tariffs.json").unlink()
    begin(office)
    tile = office.tiles()["garage/1"]
    assert (tile.energy, tile.amount) == ("12,4 kWh", "")


def test_a_row_is_a_connector(office: Forecourt) -> None:
    meter = {"auth": "none", "name": "Hof", "connectors": {"1": "links"}}
    office.list_chargers({"yard": meter, "new": {"auth": "none"}, "garage": {"auth": "none"}})
    office.connect("garage", "yard")
    office.report("Available", 0, "yard")
    office.report("Available", 2, "yard")
    office.report("Reserved", 1, "yard")
    shown = [(tile.title, tile.state, tile.action) for tile in office.tiles().values()]
    assert shown == [
        ("garage", "connected", "start"),
        ("Hof, links", "Reserved", ""),
        ("Hof, Anschluss 2", "Available", "start"),
        ("new", "waiting", ""),
    ]


def test_a_charger_that_is_not_connected_says_when_it_was_seen(office: Forecourt) -> None:
    office.report("Available")
    tile = office.tiles()["garage/1"]
    assert (tile.state, tile.action) == ("offline", "")
    assert tile.phrase == "nicht verbunden, zuletzt gesehen 12:00"
    office.later(31 * 24)
    assert office.tiles() == {}


def test_tiles_are_in_the_order_of_people(office: Forecourt) -> None:
    office.connect("box 10", "box 2", "Box 1", "atelier")
    names = [tile.name for tile in office.tiles().values()]
    assert names == ["atelier", "Box 1", "box 2", "box 10"]


def test_power_is_stale_after_two_intervals_of_samples(office: Forecourt) -> None:
    begin(office)
    with office.db.writing(keys=NO_KEYS):
        row = identities.row_of(office.db, "garage")
        office.db.execute(
            "INSERT INTO configuration_value (charge_point, key, known, value, read_ms)"
            " VALUES (?, 'MeterValueSampleInterval', 1, '60', 1)",
            (row,),
        )
    fresh = office.tiles()["garage/1"]
    assert fresh.changes_ms is not None
    office.now_ms = fresh.changes_ms - 1
    assert not office.tiles()["garage/1"].is_stale
    office.now_ms = fresh.changes_ms
    assert office.tiles()["garage/1"].is_stale
    office.later(0.2)
    stale = office.tiles()["garage/1"]
    assert (stale.power, stale.age) == ("7,4 kW", "zuletzt vor 14 min")
    assert stale.changes(fresh) == {"age": "zuletzt vor 14 min", "stale": "1"}


def test_power_is_stale_after_a_quarter_of_an_hour_if_no_interval_is_known(
    office: Forecourt,
) -> None:
    begin(office)
    office.now_ms += display.STALE_MS - 1_000
    assert not office.tiles()["garage/1"].is_stale
    office.now_ms += 1_001
    assert office.tiles()["garage/1"].is_stale


def test_a_refused_card_has_the_words_of_the_voice_answer(office: Forecourt) -> None:
    office.connect("garage")
    office.report("Preparing")
    sent = office.start(1_000, "2222")
    office.stop(sent, 1_000)
    assert office.tiles()["garage/1"].reason == "Die Karte …22 ist gesperrt."
    assert office.tiles(NO_NAMES)["garage/1"].reason == (
        "Die Karte wurde abgelehnt: sie ist gesperrt."
    )
    # Its own card; another account learns nothing of it.
    assert office.tiles(COMPANY)["garage/1"].reason == "Die Karte …22 ist gesperrt."
    assert office.tiles(View(shows_names=False, account="family-y"))["garage/1"].reason == ""
    office.later(0.3)
    assert office.tiles()["garage/1"].reason == ""


def test_an_unknown_card_has_its_last_characters_only(office: Forecourt) -> None:
    begin(office, "04A20BDEADBEEF")
    tile = office.tiles()["garage/1"]
    assert (tile.account, tile.card) == ("unassigned", "unbekannte Karte …BEEF")
    assert "04A20B" not in str(tile)


@given(st.text("0123456789ABCDEF", min_size=1, max_size=20))
def test_half_of_a_card_at_most_is_shown(text: str) -> None:
    shown = masked(id_tag_of(text))[1:]
    assert text.endswith(shown)
    assert len(shown) <= max(1, min(4, len(text) // 2))


def test_a_view_without_names_names_nobody(office: Forecourt) -> None:
    begin(office)
    tile = office.tiles(NO_NAMES)["garage/1"]
    assert (tile.energy, tile.account, tile.card) == ("12,4 kWh", "", "")
    assert months(office.db, office.settings, NO_NAMES, office.now_ms) == []


def test_a_driver_sees_its_own_session_whole(office: Forecourt) -> None:
    begin(office, "1111")
    own, whole = office.tiles(COMPANY)["garage/1"], office.tiles()["garage/1"]
    assert own == whole
    assert own.account == "company-x"


STEPS = st.lists(
    st.sampled_from(["Charging", "SuspendedEV", "SuspendedEVSE", "measure", "Faulted"]),
    max_size=6,
)


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=15, deadline=None
)
@given(STEPS)
def test_a_driver_sees_of_anothers_session_that_the_connector_is_occupied(
    tmp_path_factory: pytest.TempPathFactory, steps: list[str]
) -> None:
    office = Forecourt(tmp_path_factory.mktemp("office"))
    office.connect("garage")
    office.report("Preparing")
    free = office.tiles(COMPANY)["garage/1"]
    assert (free.state, free.phrase, free.action) == ("free", "frei", "start")
    sent, wh = office.start(9_042_000, "3333"), 9_042_000
    occupied = office.tiles(COMPANY)["garage/1"]
    assert occupied.changes(free) == {"state": "occupied", "phrase": "belegt", "action": ""}
    for step in steps:
        office.later(0.1)
        if step == "measure":
            wh += 700
            office.measure(sent, wh, 7_000)
        else:
            office.report(step)
        assert office.tiles(COMPANY)["garage/1"] == occupied
    office.stop(sent, wh)
    office.report("Available")
    assert office.tiles(COMPANY)["garage/1"] == free
    office.db.close()


def test_each_kind_of_row_is_one_query_for_all_chargers(office: Forecourt) -> None:
    def statements(count: int) -> int:
        office.connect(*(f"box{number}" for number in range(count)))
        for number in range(count):
            office.report("Charging", 1, f"box{number}")
            office.start(1_000, "3333", f"box{number}")
        seen: list[str] = []
        office.db.connection.set_trace_callback(seen.append)
        assert len(office.tiles()) == count
        office.db.connection.set_trace_callback(None)
        return len([text for text in seen if not text.startswith("--")])

    assert statements(2) == statements(30) <= 12


def test_the_tiles_of_some_chargers_are_those_of_all(office: Forecourt) -> None:
    office.list_chargers({"yard": {"auth": "none"}, "*": {"auth": "none"}})
    begin(office)
    office.connect("box")
    everything = office.tiles()
    for name in ("garage", "GARAGE", "box", "yard"):
        only = tiles(office.db, office.settings, ALL, office.now_ms, {name})
        key = name.casefold()
        assert only == [tile for tile in everything.values() if tile.charge_point == key]


def test_the_month_has_the_sums_of_its_statement(office: Forecourt) -> None:
    charge(office, 9_042_000, 9_075_250)
    charge(office, 9_075_250, 9_076_251, "1111")
    statement = office.statement()
    shown = months(office.db, office.settings, ALL, office.now_ms)
    assert shown == [
        AccountMonth(
            sums.account,
            figures.grouped_kwh(sums.wh, "de"),
            figures.grouped_euro(sums.total_ct or 0, "de"),
        )
        for sums in statement.accounts
    ]
    assert shown[1] == ("family-y", "33,250", "14,90")
    assert months(office.db, office.settings, COMPANY, office.now_ms) == shown[:1]


def test_the_month_has_provisional_prices(office: Forecourt) -> None:
    (office.folder / "tariffs.json").unlink()
    charge(office, 9_042_000, 9_075_250)
    assert months(office.db, office.settings, ALL, office.now_ms)[1].eur == "–"
    office.price(TARIFF)
    assert months(office.db, office.settings, ALL, office.now_ms)[1].eur == "14,90"


def test_needs_name_the_next_step(office: Forecourt) -> None:
    assert needs(office.db, office.settings, office.now_ms) == []
    charge(office, 1_000, 3_000, "04A20B")
    (office.folder / "tags.json").write_text("[")
    with office.db.writing(keys=NO_KEYS):
        properties.store_tags(office.db, json.dumps(NAMED))
        properties.record_unwritable_folder(office.db, "Permission denied", office.now_ms)
        refused = RefusedAttempts("stranger", "192.0.2.9", "not listed", "", 3, office.now_ms)
        admissions.record_refused(office.db, [refused])
    assert needs(office.db, office.settings, office.now_ms) == [
        (
            "Die Belege in accounting/ lassen sich nicht schreiben (Permission denied): Platz und "
            "Rechte des Ordners prüfen."
        ),
        (
            "tags.json hat einen Fehler, die letzte gute Fassung gilt. Die Stelle nennt die Seite "
            "„Prüfung“, oder shocpp check."
        ),
        "Ein Fall wartet auf eine Entscheidung: shocpp review",
        (
            "stranger wurde abgewiesen. Grund und Abhilfe nennt die Seite „Wallboxen“, oder shocpp "
            "charge-points."
        ),
    ]
    # Chargers and people spell a name in different cases.
    office.connect("Stranger")
    assert len(needs(office.db, office.settings, office.now_ms)) == 3


def test_a_driver_keeps_its_session_where_it_may_charge_no_more(office: Forecourt) -> None:
    sent = begin(office, "1111")
    office.report("Available", connector_id=2)
    office.tags([{**NAMED[0], "charge_points": ["yard"]}, NAMED[1]])
    (tile,) = office.tiles(COMPANY).values()
    assert (tile.id, tile.state, tile.action) == ("garage/1", "Charging", "stop")
    driver = Person("phone", DRIVER, "company-x")
    own = {"transactionId": int(tile.transaction)}
    require_call(office.db, office.settings, driver, "garage", "RemoteStopTransaction", own)
    start = {"idTag": "1111"}
    with pytest.raises(NotPermitted, match="may not use this charger"):
        require_call(office.db, office.settings, driver, "garage", "RemoteStartTransaction", start)
    office.stop(sent, 9_055_000)
    assert office.tiles(COMPANY) == {}


def test_a_server_that_serves_no_charger_needs_a_human(office: Forecourt) -> None:
    def shown(view: View) -> list[str]:
        return needs_for(office.db, office.settings, view, office.now_ms, serves_chargers=False)

    assert "kann gerade keine Wallbox bedienen" in shown(ALL)[0]
    assert shown(NO_NAMES) == shown(COMPANY) == []


def test_an_index_of_the_books_keeps_its_account(office: Forecourt) -> None:
    """As in the server, which keeps the former accounts in force."""
    office.stop(begin(office), 9_060_000)
    with office.db.writing(keys=NO_KEYS):
        properties.store_tags(office.db, json.dumps(NAMED))
    renamed = json.dumps(NAMED).replace("family-y", "family-z")
    office.settings.tags_file.write_text(renamed)
    files = present_files(office.db, office.settings)
    assert files.accounts.names() == ["company-x", "family-y"]
    assert files.broken == (office.settings.tags_file,)
    assert accounts_in_force(office.db, office.settings).names() == ["company-x", "family-y"]


def test_a_choice_has_no_number_of_a_card(office: Forecourt) -> None:
    accounts = present_files(office.db, office.settings).accounts
    found = choices(accounts, None, office.now_ms)
    assert [(choice.label, choice.id_tag) for choice in found] == [
        ("company-x", "1111"),
        ("family-y · Golf", "3333"),
        ("family-y", "4444"),
    ]
    assert len({choice.value for choice in found}) == 3
    assert all(choice.id_tag not in choice.value for choice in found)
    own = choices(accounts, "family-y", office.now_ms)
    assert [choice.account for choice in own] == ["family-y", "family-y"]
