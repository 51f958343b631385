"""The snapshot of a statement and its way back, which must change nothing."""

import json
from typing import Any

import pytest
from hypothesis import given

from shocpp.configuration.operator import Operator
from shocpp.errors import UsageError
from shocpp.reports.snapshot import VERSION, from_snapshot, plain, snapshot
from shocpp.reports.statement import Charger, Closed, Statement, Sums
from shocpp.store.books.audit import Audited, Gap
from tests.world.statements import (
    Month,
    eventful,
    months,
    record_under_review,
    statement,
    sums,
    sums_with_prices,
)


def test_a_statement_comes_back_with_all_its_types() -> None:
    """`==` alone would not distinguish a tuple from a named tuple, so `repr` is compared, too."""
    back = from_snapshot(snapshot(eventful()))
    assert back == eventful()
    assert repr(back) == repr(eventful())
    assert isinstance(back.closed, Closed)
    assert isinstance(back.operator, Operator)
    assert all(type(account) is Sums for account in back.accounts)
    assert [type(row) for row in (*back.audited[:1], *back.gaps[:1])] == [Audited, Gap]


def test_unknown_values_stay_unknown() -> None:
    bare = statement(
        sums("family-y"),
        only="family-y",
        under_review=(record_under_review(charge_point_id=None, transaction_id="x y"),),
        chargers=(Charger("garage", None, None, None, None),),
        cards={},
    )
    assert repr(from_snapshot(snapshot(bare))) == repr(bare)


def test_the_same_statement_is_always_the_same_text() -> None:
    """The text is hashed, so a second snapshot must have the same characters."""
    name = "Müller & Söhne – 二号 \U0001f697"
    original = statement(sums(name, 1_000, 30), cards={"b": "zwei", "a": "eins"})
    text = snapshot(original)
    assert snapshot(from_snapshot(text)) == text
    assert json.loads(text)["accounts"][0]["account"] == name


@pytest.mark.parametrize("vat_included", [True, False])
def test_flags_do_not_become_numbers(vat_included: bool) -> None:
    (price, *_), (fee,) = sums_with_prices().prices, sums_with_prices().fees
    account = sums_with_prices()._replace(
        prices=(price._replace(vat_included=vat_included),),
        fees=(fee._replace(vat_included=vat_included),),
    )
    (back,) = from_snapshot(snapshot(statement(account))).accounts
    assert back.prices[0].vat_included is vat_included
    assert back.fees[0].vat_included is vat_included


@given(months())
def test_any_statement_comes_back(month: Month) -> None:
    back: Statement = from_snapshot(snapshot(month.statement))
    assert back == month.statement
    assert repr(back) == repr(month.statement)


def test_a_snapshot_of_version_1_is_read() -> None:
    """The first ones have no names of connectors either."""
    content = json.loads(snapshot(eventful()))
    assert content.pop("snapshot_version") == VERSION
    for charger in content["chargers"]:
        del charger["connectors"]
    for row in content["under_review"]:
        row |= {"begin_kwh": 9042, "end_kwh": 9075, "consumed_kwh": 200}
    without_numbers(content)
    assert from_snapshot(json.dumps(content)) == unnumbered(eventful(), 1)


def test_a_snapshot_of_version_2_is_read() -> None:
    """Its cases have no numbers."""
    content = json.loads(snapshot(eventful())) | {"snapshot_version": 2}
    without_numbers(content)
    back = from_snapshot(json.dumps(content))
    assert back == unnumbered(eventful(), 2)
    assert plain(back, 2) == json.loads(json.dumps(content))


def without_numbers(content: dict[str, Any]) -> None:
    """Remove the numbers of the cases from the content of a snapshot."""
    for case in (*content["under_review"], *content["unfinished"]):
        del case["number"]


def unnumbered(frame: Statement, version: int) -> Statement:
    """Return a statement as a snapshot of this version has it, without the numbers of its cases."""
    return frame._replace(
        snapshot_version=version,
        under_review=tuple(row._replace(number=None) for row in frame.under_review),
        unfinished=tuple(row._replace(number=None) for row in frame.unfinished),
    )


def test_a_snapshot_of_a_newer_program_is_refused_with_the_next_step() -> None:
    content = json.loads(snapshot(eventful())) | {"snapshot_version": VERSION + 1}
    with pytest.raises(UsageError, match=r"closed by a newer shocpp .+; install the newer one"):
        from_snapshot(json.dumps(content))


def test_a_key_of_a_later_version_is_not_in_an_older_one() -> None:
    assert "snapshot_version" in plain(eventful(), 2)
    assert "snapshot_version" not in plain(eventful(), 1)


def test_names_of_connectors_come_back() -> None:
    named = eventful().chargers[0]._replace(connectors={"2": "links"})
    statement = eventful()._replace(chargers=(named,))
    assert from_snapshot(snapshot(statement)) == statement
