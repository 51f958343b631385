"""The limit on tiles: who sees it, and when it says something."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from shocpp.calls.page.limits import are_limits_there, limit_forms
from shocpp.calls.tiles import needs
from shocpp.energy.model import METER_ABSENT, METER_SILENT
from shocpp.store.keys import NO_KEYS
from shocpp.store.site import limits, set_points
from shocpp.store.site.limits import LimitChoice
from shocpp.store.site.set_points import SiteState, StoredSetPoint
from tests.calls.test_tiles import COMPANY, NO_NAMES, Forecourt, begin
from tests.world.stored_limits import set_point

DAY_MS = 86_400_000


class LimitedForecourt(Forecourt):
    """A forecourt with limits on file."""

    def decide(self, *points: StoredSetPoint) -> None:
        """Store set points in place of all others."""
        with self.db.writing(keys=NO_KEYS):
            set_points.store(self.db, points)

    def choose(self, connector_id: int, limit_ma: int, until_ms: int | None = None) -> None:
        """Store the limit that somebody has chosen for the garage."""
        choice = LimitChoice("garage", connector_id, limit_ma, until_ms, "Anna", self.now_ms)
        with self.db.writing(keys=NO_KEYS):
            limits.choose(self.db, choice)

    def judge(self, meter: str, *, is_fallback: bool) -> None:
        """Store a verdict on the site's meter."""
        with self.db.writing(keys=NO_KEYS):
            state = SiteState("{}", self.now_ms, meter, is_fallback, None)
            set_points.save_state(self.db, state)

    def form(self) -> dict[str, object]:
        """Return the form at connector 1 of the garage."""
        found = limit_forms(self.db, self.settings, self.tiles().values(), self.now_ms)
        return found["garage/1"]._asdict()


@pytest.fixture
def office(tmp_path: Path) -> Iterator[LimitedForecourt]:
    office = LimitedForecourt(tmp_path)
    yield office
    office.db.close()


def test_a_session_has_its_limit_with_the_reason(office: LimitedForecourt) -> None:
    begin(office)
    assert office.tiles()["garage/1"].limit == ""
    office.decide(set_point("garage", 1, 6_000, "shares", cars=3, total_a=20))
    assert office.tiles()["garage/1"].limit == "6 A: drei Autos teilen 20 A"
    assert office.tiles(NO_NAMES)["garage/1"].limit == "6 A: drei Autos teilen 20 A"


def test_a_driver_sees_the_limit_of_its_own_session_only(office: LimitedForecourt) -> None:
    begin(office, "3333")
    office.decide(set_point("garage", 1, 6_000, "shares", cars=3, total_a=20))
    assert office.tiles(COMPANY)["garage/1"].limit == ""
    family = COMPANY._replace(account="family-y")
    assert office.tiles(family)["garage/1"].limit == "6 A: drei Autos teilen 20 A"


def test_a_connector_without_a_car_shows_a_chosen_limit_and_no_base(
    office: LimitedForecourt,
) -> None:
    office.connect("garage")
    office.report("Available")
    office.decide(set_point("garage", 1, None, "base"))
    assert office.tiles()["garage/1"].limit == ""
    office.choose(0, 10_000, office.now_ms + DAY_MS)
    assert office.tiles()["garage/1"].limit == "10 A: von Hand gewählt, bis 04.09. 12:00"
    assert office.tiles(COMPANY)["garage/1"].limit == ""
    office.choose(1, 8_000)
    assert office.tiles()["garage/1"].limit == "8 A: von Hand gewählt"
    office.later(25)
    assert office.tiles()["garage/1"].limit == "8 A: von Hand gewählt"


def test_the_end_of_a_chosen_limit_stands_behind_it_in_a_session_too(
    office: LimitedForecourt,
) -> None:
    begin(office)
    office.decide(set_point("garage", 1, 10_000, "chosen"))
    office.choose(1, 10_000, office.now_ms + 3_600_000)
    assert office.tiles()["garage/1"].limit == "10 A: von Hand gewählt, bis 14:00"
    office.decide(set_point("garage", 1, 8_000, "shares", cars=2, total_a=16))
    assert office.tiles()["garage/1"].limit == "8 A: zwei Autos teilen 16 A"


def test_limits_that_have_no_effect_and_the_fallback_need_a_human(
    office: LimitedForecourt,
) -> None:
    office.list_chargers({"garage": {"auth": "none", "name": "Garage"}})
    office.connect("garage", "yard")
    follows = set_point("yard", 1, 6_000, "shares", cars=2, total_a=12)
    office.decide(set_point("garage", 1, 16_000, "ignores", max_a=32), follows)
    assert needs(office.db, office.settings, office.now_ms) == []
    ignores = set_point("garage", 1, 16_000, "ignores", max_a=32)._replace(standing="ignores")
    office.decide(ignores, ignores._replace(connector_id=2), follows)
    assert needs(office.db, office.settings, office.now_ms) == [
        "Limits wirken nicht bei: Garage. Gründe nennt die Seite „Limits“."
    ]
    office.judge(METER_ABSENT, is_fallback=False)
    assert needs(office.db, office.settings, office.now_ms)[0] == (
        "Zähler des Hauses: der Zähler merkt nichts von den Autos. Prüfe, ob er den ganzen "
        "Anschluss misst."
    )
    office.judge(METER_SILENT, is_fallback=True)
    assert needs(office.db, office.settings, office.now_ms)[0] == (
        "Die Limits kommen ohne den Zähler aus: der Zähler meldet nichts. Die Seite „Limits“ "
        "zeigt, was gilt."
    )


def test_a_form_has_the_end_of_the_chosen_limit(office: LimitedForecourt) -> None:
    office.connect("garage")
    office.report("Available")
    office.choose(1, 10_000, office.now_ms + 3_600_000)
    assert office.form()["until"] == "13:00"
    office.choose(1, 10_000, office.now_ms + 3 * DAY_MS)
    assert office.form()["until"] == "", "a time of day would be another end"


def test_a_file_of_the_site_or_the_broker_with_an_error_needs_a_human(
    office: LimitedForecourt,
) -> None:
    assert needs(office.db, office.settings, office.now_ms) == []
    office.settings.site_file.parent.mkdir(exist_ok=True)
    office.settings.site_file.write_text("{")
    (sentence,) = needs(office.db, office.settings, office.now_ms)
    assert sentence.startswith("site.json hat einen Fehler")
    office.settings.mqtt_file.write_text('{"hots": ""}')
    _, sentence = needs(office.db, office.settings, office.now_ms)
    assert sentence.startswith("mqtt.json hat einen Fehler")


def test_a_form_has_the_currents_of_its_charger_and_the_chosen_limit(
    office: LimitedForecourt,
) -> None:
    office.list_chargers({"garage": {"auth": "none", "max_a": 20, "min_a": 8}})
    office.connect("garage")
    office.report("Available")
    assert not are_limits_there(office.db, office.now_ms)
    form = office.form()
    assert (form["min_a"], form["max_a"], form["limit_a"]) == (8, 20, 20)
    assert (form["is_chosen"], form["is_of_all"]) == (False, False)
    office.choose(0, 10_000)
    assert are_limits_there(office.db, office.now_ms)
    form = office.form()
    assert (form["limit_a"], form["is_chosen"], form["is_of_all"]) == (10, True, True)
    # The slider of a pause begins at the highest current.
    office.choose(1, 0)
    form = office.form()
    assert (form["limit_a"], form["is_chosen"], form["is_of_all"]) == (20, True, False)
    # The command allows more than the file says.
    office.choose(1, 32_000)
    assert (office.form()["max_a"], office.form()["limit_a"]) == (32, 32)


def test_a_time_counts_down_in_steps_of_ten_seconds(office: LimitedForecourt) -> None:
    begin(office)
    office.decide(
        set_point("garage", 1, 6_000, "sun_short")._replace(next_ms=office.now_ms + 130_000)
    )
    texts = []
    while (tile := office.tiles()["garage/1"]).limit != "6 A: Sonne reicht nicht; Stopp in Kürze":
        assert tile.changes_ms is not None
        texts.append(tile.limit.removeprefix("6 A: Sonne reicht nicht; Stopp in "))
        office.now_ms = tile.changes_ms - 1
        assert office.tiles()["garage/1"].limit == tile.limit
        office.now_ms += 1
    assert texts[:3] == ["2:10", "2:00", "1:50"]
    assert texts[-1] == "0:10"
    assert len(texts) == 13


def test_another_reason_does_not_count_down(office: LimitedForecourt) -> None:
    begin(office)
    before_ms = office.tiles()["garage/1"].changes_ms
    office.decide(set_point("garage", 1, 6_000, "sun")._replace(next_ms=office.now_ms + 5_000))
    assert office.tiles()["garage/1"].changes_ms == before_ms
