"""The texts and numbers of the ledger that db/views.sql repeats, because SQL cannot import them."""

import re

from shocpp.ledger.clocks import CLOCK_SET_SINCE_MS
from shocpp.ledger.missing_start import START_ASSUMED, START_IN_STOP
from shocpp.ledger.record import ENERGY_UNKNOWN, RESTARTED
from shocpp.ledger.register import TOLERANCE_WH
from shocpp.ocpp.meter_values.quantities import FROM_CURRENT, WITHOUT_ID
from tests.world.machine import ROOT

VIEWS = (ROOT / "db" / "views.sql").read_text()

LATE = "late: "
"""The begin of the flag of `late_record`."""


def test_views_look_for_the_flags_that_the_ledger_writes() -> None:
    sought = re.findall(r"flags(?:,| LIKE) '%?([^'%]+)%?'", VIEWS)
    assert set(sought) == {START_IN_STOP, START_ASSUMED, ENERGY_UNKNOWN, RESTARTED, LATE}


def test_views_recognise_the_sources_of_last_resort() -> None:
    assert re.findall(r"source (?:NOT )?LIKE '%([^'%]+)%?'", VIEWS) == [FROM_CURRENT, WITHOUT_ID]


def test_views_have_the_time_since_which_clocks_are_set() -> None:
    assert re.findall(r"\b1[0-9]{12}\b", VIEWS) == [str(CLOCK_SET_SINCE_MS)]


def test_views_have_the_rounding_of_chargers() -> None:
    limits = re.findall(r"(?:gap_wh >|begin_wh -) ([0-9]+)", VIEWS)
    assert set(limits) == {str(TOLERANCE_WH)}
