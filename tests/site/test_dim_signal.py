"""The grid operator's signal: what holds, over a loss and a restart, and the log of dimmings."""

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shocpp.configuration.site.conf import SiteConf
from shocpp.errors import UsageError
from shocpp.site.inputs.dim_signal import (
    LOSS_MS,
    dim_present,
    is_dimmed_now,
    note_dimmed,
    note_lost,
    settle_signal,
)
from shocpp.site.inputs.posted import NoPostedInput, record_posted
from shocpp.site.rules import site_conf
from shocpp.store.database import Database, open_database
from shocpp.store.site import dimmings
from shocpp.store.site.dimmings import Dimming, DimSignal
from tests.world.home import Home
from tests.world.limits import write_site

NOW_MS = 1_800_000_000_000
ALWAYS = (0, 10 * NOW_MS)


@pytest.fixture
def db(migrated_home: Home) -> Iterator[Database]:
    """The database of a home that can be dimmed to 4200 W, by a signal that is posted."""
    write_dim(migrated_home)
    with open_database(migrated_home.database) as db:
        yield db


def write_dim(home: Home, dimmed_w: int = 4200, **members: Any) -> None:
    """Write a site.json with these members of its input."""
    dim = members or {"posted": True}
    write_site(home, limit_a=35, dimmed_w=dimmed_w, dim=dim)


def conf_of(db: Database, home: Home) -> SiteConf:
    """Return the site.json in force."""
    conf = site_conf(db, home.settings)
    assert conf is not None
    return conf


def note(db: Database, home: Home, is_dimmed: bool, now_ms: int) -> None:
    note_dimmed(db, home.settings, is_dimmed=is_dimmed, source="posted", now_ms=now_ms)


def lose(db: Database, home: Home, lost_ms: int | None, now_ms: int) -> None:
    note_lost(db, home.settings, source="mqtt", lost_ms=lost_ms, now_ms=now_ms)


def test_a_signal_holds_until_the_next_one_also_over_a_restart(
    db: Database, migrated_home: Home
) -> None:
    conf = conf_of(db, migrated_home)
    assert not is_dimmed_now(db, conf, NOW_MS)
    note(db, migrated_home, True, NOW_MS)
    with open_database(migrated_home.database) as later:
        assert is_dimmed_now(later, conf, NOW_MS + 86_400_000)
        note(later, migrated_home, False, NOW_MS + 86_400_000)
    assert not is_dimmed_now(db, conf, NOW_MS + 86_400_000)
    assert dimmings.begun_between(db, *ALWAYS) == [
        Dimming(NOW_MS, NOW_MS + 86_400_000, 4200, "posted"),
    ]


def test_a_repeated_signal_is_one_dimming(db: Database, migrated_home: Home) -> None:
    for second in range(0, 60, 5):
        note(db, migrated_home, True, NOW_MS + 1000 * second)
    assert dimmings.begun_between(db, *ALWAYS) == [Dimming(NOW_MS, None, 4200, "posted")]
    # It is stored again now and then: its age tells a loss.
    signal = dimmings.newest_signal(db)
    assert signal is not None
    assert signal.received_ms is not None
    assert signal.received_ms >= NOW_MS + 45_000


@pytest.mark.parametrize(
    ("on_loss", "is_dimmed", "is_dimmed_at_loss"),
    [
        ("", True, True),
        ("", False, False),
        ("dimmed", True, True),
        ("dimmed", False, True),
        ("free", True, False),
        ("free", False, False),
    ],
)
def test_a_loss_means_what_site_json_says(
    db: Database, migrated_home: Home, on_loss: str, is_dimmed: bool, is_dimmed_at_loss: bool
) -> None:
    write_dim(migrated_home, mqtt="haus/dim", **({"on_loss": on_loss} if on_loss else {}))
    conf = conf_of(db, migrated_home)
    note(db, migrated_home, is_dimmed, NOW_MS)
    lost_ms = NOW_MS + 60_000
    lose(db, migrated_home, lost_ms, lost_ms)
    assert is_dimmed_now(db, conf, lost_ms + LOSS_MS - 1) is is_dimmed
    assert is_dimmed_now(db, conf, lost_ms + LOSS_MS) is is_dimmed_at_loss
    # A longer loss is the same one.
    lose(db, migrated_home, lost_ms + 5000, lost_ms + 5000)
    present = dim_present(db, conf, lost_ms + LOSS_MS)
    assert present is not None
    assert (present.lost_ms, present.is_dimmed) == (lost_ms, is_dimmed_at_loss)
    # The input is there again, and has not said anything yet: the last state holds.
    lose(db, migrated_home, None, lost_ms + 3_600_000)
    assert is_dimmed_now(db, conf, lost_ms + 3_600_000) is is_dimmed


def test_a_loss_before_the_first_signal_counts_too(db: Database, migrated_home: Home) -> None:
    write_dim(migrated_home, mqtt="haus/dim", on_loss="dimmed")
    lose(db, migrated_home, NOW_MS, NOW_MS)
    assert dimmings.newest_signal(db) == DimSignal(False, "mqtt", None, NOW_MS)
    conf = conf_of(db, migrated_home)
    settle_signal(db, conf, NOW_MS + LOSS_MS)
    assert dimmings.present(db) == Dimming(NOW_MS + LOSS_MS, None, 4200, "loss")
    note(db, migrated_home, False, NOW_MS + 2 * LOSS_MS)
    assert dimmings.present(db) is None
    assert not is_dimmed_now(db, conf, NOW_MS + 2 * LOSS_MS)


def test_a_dimming_goes_on_in_the_log_over_a_loss(db: Database, migrated_home: Home) -> None:
    write_dim(migrated_home, mqtt="haus/dim", on_loss="dimmed")
    conf = conf_of(db, migrated_home)
    note(db, migrated_home, True, NOW_MS)
    lose(db, migrated_home, NOW_MS + 1000, NOW_MS + 1000)
    settle_signal(db, conf, NOW_MS + 2 * LOSS_MS)
    note(db, migrated_home, False, NOW_MS + 3 * LOSS_MS)
    assert dimmings.begun_between(db, *ALWAYS) == [
        Dimming(NOW_MS, NOW_MS + 3 * LOSS_MS, 4200, "posted")
    ]


def test_a_signal_that_is_not_repeated_is_lost(db: Database, migrated_home: Home) -> None:
    write_dim(migrated_home, posted=True, stale_s=60, on_loss="free")
    conf = conf_of(db, migrated_home)
    note(db, migrated_home, True, NOW_MS)
    settle_signal(db, conf, NOW_MS + 59_999)
    assert dimmings.newest_signal(db) == DimSignal(True, "posted", NOW_MS, None)
    settle_signal(db, conf, NOW_MS + 61_000)
    assert dimmings.newest_signal(db) == DimSignal(True, "posted", NOW_MS, NOW_MS + 60_000)
    settle_signal(db, conf, NOW_MS + 60_000 + LOSS_MS)
    assert dimmings.present(db) is None
    note(db, migrated_home, True, NOW_MS + 200_000)
    assert dimmings.present(db) == Dimming(NOW_MS + 200_000, None, 4200, "posted")


def test_a_signal_that_has_never_come_is_not_too_old(db: Database, migrated_home: Home) -> None:
    write_dim(migrated_home, mqtt="haus/dim", stale_s=60)
    lose(db, migrated_home, NOW_MS, NOW_MS)
    lose(db, migrated_home, None, NOW_MS + 1000)
    settle_signal(db, conf_of(db, migrated_home), NOW_MS + 86_400_000)
    assert dimmings.newest_signal(db) == DimSignal(False, "mqtt", None, None)


def test_other_watts_are_another_dimming(db: Database, migrated_home: Home) -> None:
    note(db, migrated_home, True, NOW_MS)
    write_dim(migrated_home, 8400)
    settle_signal(db, conf_of(db, migrated_home), NOW_MS + 1000)
    assert dimmings.begun_between(db, *ALWAYS) == [
        Dimming(NOW_MS, NOW_MS + 1000, 4200, "posted"),
        Dimming(NOW_MS + 1000, None, 8400, "posted"),
    ]


def test_without_an_input_nothing_is_dimmed_and_its_signal_is_forgotten(
    db: Database, migrated_home: Home
) -> None:
    note(db, migrated_home, True, NOW_MS)
    write_site(migrated_home, limit_a=35)
    conf = conf_of(db, migrated_home)
    assert not is_dimmed_now(db, conf, NOW_MS)
    assert dim_present(db, conf, NOW_MS) is None
    settle_signal(db, conf, NOW_MS + 1000)
    assert dimmings.newest_signal(db) is None
    write_dim(migrated_home)
    assert not is_dimmed_now(db, conf_of(db, migrated_home), NOW_MS + 2000)
    assert dimmings.begun_between(db, *ALWAYS) == [Dimming(NOW_MS, NOW_MS + 1000, 4200, "posted")]


def test_a_clock_that_is_set_back_ends_no_dimming_before_its_begin(
    db: Database, migrated_home: Home
) -> None:
    note(db, migrated_home, True, NOW_MS)
    note(db, migrated_home, False, NOW_MS - 3_600_000)
    assert dimmings.begun_between(db, *ALWAYS) == [Dimming(NOW_MS, NOW_MS, 4200, "posted")]


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["dimmed", "free", "lost", "there", "settle"]),
        st.integers(min_value=-20_000, max_value=90_000),
    ),
    max_size=12,
)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS, on_loss=st.sampled_from(["", "dimmed", "free"]))
def test_the_log_is_in_step_with_what_is_in_force_after_any_steps(
    db: Database, migrated_home: Home, steps: list[tuple[str, int]], on_loss: str
) -> None:
    write_dim(migrated_home, mqtt="haus/dim", **({"on_loss": on_loss} if on_loss else {}))
    conf, moment_ms = conf_of(db, migrated_home), NOW_MS
    for step, passed_ms in steps:
        moment_ms += passed_ms
        if step in ("dimmed", "free"):
            note(db, migrated_home, step == "dimmed", moment_ms)
        elif step in ("lost", "there"):
            lose(db, migrated_home, moment_ms if step == "lost" else None, moment_ms)
        settle_signal(db, conf, moment_ms)
        is_logged = dimmings.present(db) is not None
        assert is_logged is is_dimmed_now(db, conf, moment_ms)
    logged = dimmings.begun_between(db, *ALWAYS)
    assert sum(one.ended_ms is None for one in logged) <= 1
    assert all(one.ended_ms is None or one.ended_ms >= one.began_ms for one in logged)


# --- posted ---


def test_a_posted_signal_is_stored(db: Database, migrated_home: Home) -> None:
    for value, is_dimmed in [(True, True), ("off", False), (1, True), (0, False)]:
        record_posted(db, migrated_home.settings, {"dimmed": value}, NOW_MS)
        assert is_dimmed_now(db, conf_of(db, migrated_home), NOW_MS) is is_dimmed


@pytest.mark.parametrize("value", [None, 2, "yes", [], {}, float("nan")])
def test_a_posted_signal_with_another_value_is_refused(
    db: Database, migrated_home: Home, value: object
) -> None:
    with pytest.raises(UsageError, match=r"dimmed: .* is no signal"):
        record_posted(db, migrated_home.settings, {"dimmed": value}, NOW_MS)
    assert dimmings.newest_signal(db) is None


@pytest.mark.parametrize("dim", [None, {"mqtt": "haus/dim"}])
def test_a_signal_that_nobody_asked_for_is_refused(
    db: Database, migrated_home: Home, dim: dict[str, Any] | None
) -> None:
    members = {} if dim is None else {"dimmed_w": 4200, "dim": dim}
    write_site(migrated_home, limit_a=35, meter={"posted": True}, **members)
    with pytest.raises(NoPostedInput, match="expects no posted signal"):
        record_posted(db, migrated_home.settings, {"dimmed": True}, NOW_MS)
    with pytest.raises(UsageError, match="one member"):
        record_posted(db, migrated_home.settings, {"dimmed": True, "grid_w": 1}, NOW_MS)
    assert dimmings.newest_signal(db) is None
