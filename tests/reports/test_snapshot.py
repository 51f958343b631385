"""The snapshot of a statement and its way back, which must change nothing."""

import json
from typing import Any

import pytest
from hypothesis import given

from shocpp.configuration.operator import Operator
from shocpp.errors import UsageError
from shocpp.ledger.accounts import NO_RECIPIENT
from shocpp.reports.snapshot import VERSION, from_snapshot, plain, snapshot, sums_from_snapshot
from shocpp.reports.statement import Charger, Closed, Parties, Statement, Sums
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
    assert in_order(back) == in_order(eventful())
    assert isinstance(back.closed, Closed)
    assert isinstance(back.operator, Operator)
    assert all(type(account) is Sums for account in back.accounts)
    assert [type(row) for row in (*back.audited[:1], *back.gaps[:1])] == [Audited, Gap]


def in_order(frame: Statement) -> list[str]:
    """Return the `repr` of each field; sets have no order of their own."""
    parties = frame.parties
    sets = (sorted(map(repr, each)) for each in (parties.uses, parties.moved, frame.noted))
    plain_frame = frame._replace(
        parties=parties._replace(uses=frozenset(), moved=frozenset()), noted=frozenset()
    )
    return [*map(repr, plain_frame), *map(str, sets)]


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
    content = older_content(1)
    assert content.pop("snapshot_version") == 1
    for charger in content["chargers"]:
        del charger["connectors"]
    for row in content["under_review"]:
        row |= {"begin_kwh": 9042, "end_kwh": 9075, "consumed_kwh": 200}
    assert from_snapshot(json.dumps(content)) == older(eventful(), 1)


@pytest.mark.parametrize("version", [2, 3, 4])
def test_a_snapshot_of_an_older_version_is_read(version: int) -> None:
    """Cases of 2 have no numbers; those of 3 no recipients and payment; those of 4 no sun."""
    content = older_content(version)
    back = from_snapshot(json.dumps(content))
    assert back == older(eventful(), version)
    assert plain(back, version) == content
    assert sums_from_snapshot(json.dumps(content)) == back.accounts


def older_content(version: int) -> dict[str, Any]:
    """Return the content of a snapshot as an older version wrote it."""
    content: dict[str, Any] = json.loads(snapshot(eventful())) | {"snapshot_version": version}
    for account in content["accounts"]:
        del account["solar_wh"]
    if version == 4:
        return content
    del content["forms"], content["parties"], content["noted"]
    for key in ("vat_id", "tax", "tax_note", "iban", "account_holder", "payment_days"):
        del content["operator"][key]
    for account in content["accounts"]:
        del account["recipient"], account["number"]
    if version < 3:
        for case in (*content["under_review"], *content["unfinished"]):
            del case["number"]
    return content


def older(frame: Statement, version: int) -> Statement:
    """Return a statement as a snapshot of an older version has it."""
    without_sun = tuple(sums._replace(solar_wh=None) for sums in frame.accounts)
    frame = frame._replace(snapshot_version=version, accounts=without_sun)
    if version == 4:
        return frame
    plain_operator = Operator(**{key: getattr(frame.operator, key) for key in Operator._fields[:6]})
    accounts = (sums._replace(recipient=NO_RECIPIENT, number="") for sums in frame.accounts)
    frame = frame._replace(
        operator=plain_operator,
        accounts=tuple(accounts),
        forms=(),
        parties=Parties(),
    )
    if version >= 3:
        return frame
    return frame._replace(
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
