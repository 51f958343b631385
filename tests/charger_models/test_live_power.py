"""The settings of live power that a model allows, and the questions before the others."""

import pytest

from shocpp.charger_models.live_power import (
    INTERVAL,
    MEASURANDS,
    WANTED_MEASURANDS,
    offered_settings,
    questions,
)
from shocpp.charger_models.model import UNLISTED
from shocpp.configuration.charger_models import charger_models

BOTH = (INTERVAL, MEASURANDS)
ALL = ",".join(WANTED_MEASURANDS)


def offered(key: str, *writable: str) -> dict[str, str]:
    """Return the settings offered for a model."""
    return dict(offered_settings(charger_models().model(key), writable))


def test_a_key_that_the_source_names_writable_is_offered_at_once() -> None:
    assert offered("warp") == {INTERVAL: "10", MEASURANDS: ALL}
    assert questions(charger_models().model("warp")) == ()


def test_a_read_only_key_is_never_offered() -> None:
    assert offered("go-e", *BOTH) == {INTERVAL: "10"}
    assert questions(charger_models().model("go-e")) == ()


@pytest.mark.parametrize(("key", "seconds"), [("easee", "30"), ("mennekes-acu", "60")])
def test_the_interval_is_not_below_the_least_of_the_model(key: str, seconds: str) -> None:
    assert offered(key)[INTERVAL] == seconds


def test_no_more_measurands_are_offered_than_the_model_takes() -> None:
    vestel = charger_models().model("vestel")
    assert len(offered("vestel")[MEASURANDS].split(",")) == vestel.measurands.most == 4
    fewer = vestel._replace(measurands=vestel.measurands._replace(most=2))
    assert dict(offered_settings(fewer))[MEASURANDS] == ",".join(WANTED_MEASURANDS[:2])


def test_only_measurands_that_the_model_has_are_offered_in_its_spelling() -> None:
    assert "Voltage" not in offered("smartevse")[MEASURANDS]
    assert "Current.Import.L1,Current.Import.L2" in offered("evbox-elvi")[MEASURANDS]


def test_an_unknown_key_is_offered_once_the_charger_has_called_it_writable() -> None:
    assert offered("zaptec") == {}
    assert questions(charger_models().model("zaptec")) == BOTH
    assert offered("zaptec", INTERVAL) == {INTERVAL: "10"}
    assert dict(offered_settings(UNLISTED, BOTH)) == {INTERVAL: "10", MEASURANDS: ALL}


@pytest.mark.parametrize("key", ["abb-terra-ac", "openwb", "tesla"])
def test_some_models_are_asked_nothing(key: str) -> None:
    assert questions(charger_models().model(key)) == ()
    assert offered(key) == {}


def test_a_model_that_takes_no_calls_is_offered_nothing() -> None:
    assert offered("openwb", *BOTH) == {}
    assert offered("tesla", *BOTH) == {}
