"""A paper as the text that a closing keeps, and back: nothing of it may change on the way."""

import json

import pytest
from hypothesis import given

from shocpp.configuration.operator import Operator
from shocpp.reports.snapshot import from_snapshot, snapshot
from shocpp.reports.statement import Charger, Closed, Statement, Sums
from shocpp.store.books.audit import Audited, Gap
from tests.world.statements import (
    Month,
    accounting_row,
    eventful,
    months,
    statement,
    sums,
    sums_with_prices,
)


def test_a_paper_comes_back_with_all_its_types() -> None:
    """In which everything has happened; `==` alone would not tell a tuple from a named one."""
    back = from_snapshot(snapshot(eventful()))
    assert back == eventful()
    assert repr(back) == repr(eventful())
    assert isinstance(back.closed, Closed)
    assert isinstance(back.operator, Operator)
    assert all(type(one) is Sums for one in back.accounts)
    assert [type(one) for one in (*back.audited[:1], *back.gaps[:1])] == [Audited, Gap]


def test_what_is_not_known_stays_unknown() -> None:
    bare = statement(
        sums("family-y"),
        only="family-y",
        under_review=(accounting_row(charge_point_id=None, transaction_id="x y"),),
        chargers=(Charger("garage", None, None, None, None),),
        cards={},
    )
    assert repr(from_snapshot(snapshot(bare))) == repr(bare)


def test_the_same_paper_is_always_the_same_text() -> None:
    """It is hashed: what comes back is frozen to the same letters, whatever they are."""
    name = "Müller & Söhne – 二号 \U0001f697"
    told = statement(sums(name, 1_000, 30), cards={"b": "zwei", "a": "eins"})
    text = snapshot(told)
    assert snapshot(from_snapshot(text)) == text
    assert json.loads(text)["accounts"][0]["account"] == name


@pytest.mark.parametrize("vat_included", [True, False])
def test_flags_do_not_become_numbers(vat_included: bool) -> None:
    (price, *_), (fee,) = sums_with_prices().prices, sums_with_prices().fees
    told = sums_with_prices()._replace(
        prices=(price._replace(vat_included=vat_included),),
        fees=(fee._replace(vat_included=vat_included),),
    )
    (back,) = from_snapshot(snapshot(statement(told))).accounts
    assert back.prices[0].vat_included is vat_included
    assert back.fees[0].vat_included is vat_included


@given(months())
def test_any_paper_comes_back(month: Month) -> None:
    back: Statement = from_snapshot(snapshot(month.statement))
    assert back == month.statement
    assert repr(back) == repr(month.statement)


def test_a_paper_from_before_connectors_had_names_is_read() -> None:
    kept = json.loads(snapshot(eventful()))
    for charger in kept["chargers"]:
        del charger["connectors"]
    assert from_snapshot(json.dumps(kept)) == eventful()


def test_names_of_connectors_are_kept() -> None:
    named = eventful().chargers[0]._replace(connectors={"2": "links"})
    statement = eventful()._replace(chargers=(named,))
    assert from_snapshot(snapshot(statement)) == statement
