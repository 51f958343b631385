"""The statement of one account: it has all of its own, and nothing of another account.

Simulated chargers send months of several accounts through the real bookkeeping. Names, cards and
figures are unmistakable, so that each can be looked for in every format and language.
"""

import csv
import json
import re
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Set
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from shocpp.bookkeeping import review
from shocpp.bookkeeping.closing import close
from shocpp.bookkeeping.review import Decider
from shocpp.clock import now_ms
from shocpp.errors import UsageError
from shocpp.language.month import Month
from shocpp.ledger.decisions import Measured
from shocpp.reports import formats
from shocpp.reports.account_statement import of_account
from shocpp.reports.month import month_statement
from shocpp.reports.statement import Statement
from shocpp.reports.year import year_statement
from tests.world.desk import ANNA, Office, charge
from tests.world.pdf_statements import pages_of, words_of

LANGUAGES = ("de", "en")
CARDS = {
    "company-x": ("0C0C0CQXQX", "Xylofon"),
    "family-y": ("0F0F0FQYQY", "Yucatan"),
    "guests": ("060606QZQZ", "Zanzibar"),
}
"""The card of each account and its name; the ends of their ids are in no other text."""

RECIPIENTS = {
    "company-x": {"name": "Xaverhaus", "address": ["Xenonweg 1", "Xanten"], "reference": "XREF77"},
    "family-y": {"name": "Yggdrasil", "address": ["Yamweg 2", "Ybbs"], "reference": "YREF88"},
    "guests": {"name": "Zitadelle", "reference": "ZREF99", "employer": "Zymbal AG"},
}
"""The recipient of each account's statements, and the employer of one."""

UNKNOWN_CARD = "0BADBADQUQU"
CHARGERS = {
    "lot-alfa": ("Alfaplatz", "MALFA1", "alfalinks"),
    "lot-beta": ("Betaplatz", "MBETA1", "betalinks"),
    "lot-gama": ("Gamaplatz", "MGAMA1", "gamalinks"),
}
"""The name of each charger, of its meter and of its second connector."""

SEPTEMBER = Month(2023, 9)
WHY = Decider("anna", "gehört FAMILY-Y, war bei company-x, Guests Auto")


class Home(Office):
    """An office with three accounts and three chargers."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.tags(
            [
                {"index": 20 + index, "account": account, "ids": [id_tag], "names": {id_tag: name}}
                | RECIPIENTS[account]
                for index, (account, (id_tag, name)) in enumerate(CARDS.items())
            ]
        )
        since = {"valid_from": "2023-01-01"}
        vat = {"percent": 19, "included": False}
        self.price(
            {"account": "company-x", "ct_per_kwh": 31.2711} | since,
            {"account": "family-y", "ct_per_kwh": 27.8133} | since,
            {"account": "guests", "ct_per_kwh": 43.9171, "base_fee_eur": 7.77, "vat": vat} | since,
        )
        known = {
            charger: {"auth": "none", "name": name, "meter_serial": meter, "connectors": {"2": two}}
            for charger, (name, meter, two) in CHARGERS.items()
        }
        (folder / "conf").mkdir()
        (folder / "conf" / "charge_points.json").write_text(json.dumps(known))

    def documents(self, statement: Statement) -> dict[str, str]:
        """Return a statement as texts, in each format and language."""
        books = self.open_books()
        return {
            f"{name}-{language}": self._text(
                name, b"".join(formats.chunks(books, statement, name, language))
            )
            for name, language in product(formats.FORMATS, LANGUAGES)
        }

    def year_documents(self, account: str) -> dict[str, str]:
        """Return the statement of 2023 of an account as texts, in each format and language."""
        year = year_statement(self.open_books(), 2023, account)
        return {
            f"{name}-{language}": self._text(
                name, b"".join(formats.chunks_of_year(year, name, language))
            )
            for name, language in product(formats.FORMATS, LANGUAGES)
        }

    def _text(self, format_name: str, content: bytes) -> str:
        if format_name != "pdf":
            return content.decode("utf-8-sig")
        file = self.folder / "statement.pdf"
        file.write_bytes(content)
        return words_of(pages_of(file))


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    """Return an office at noon on a day of September 2023, with company-x and family-y."""
    office = Office(tmp_path)
    yield office
    office.db.close()


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """Return a folder for the offices of all examples."""
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)


def session(
    office: Office, charger: str, begin_wh: int, end_wh: int, id_tag: str, **more: object
) -> None:
    """Send a transaction of two hours at a charger."""
    sent = office.start(begin_wh, id_tag, charger, **more)
    office.later(2)
    office.stop(sent, end_wh, charger)


# --- the plain cases ---


def test_an_account_gets_only_its_own(office: Office) -> None:
    charge(office, 1_000, 2_000)
    charge(office, 2_000, 302_000, "1111")  # under review
    charge(office, 302_000, 303_000, "?")
    session(office, "yard", 5_000, 6_000, "1111")
    office.start(303_000, "1111")
    whole = office.statement()
    statement = of_account(whole, "family-y")
    assert [sums.account for sums in statement.accounts] == [statement.only] == ["family-y"]
    assert (statement.unassigned_wh, statement.under_review, statement.unfinished) == (0, (), ())
    assert [row.account for row in office.rows(statement)] == ["family-y"]
    assert [charger.charge_point_id for charger in statement.chargers] == ["garage"]
    assert (statement.audited, statement.gaps, statement.shared) == ((), (), ("garage",))
    other = of_account(whole, "company-x")
    assert (len(other.under_review), len(other.unfinished)) == (1, 1)
    assert [charger.charge_point_id for charger in other.chargers] == ["garage", "yard"]
    assert [meter.charge_point_id for meter in other.audited] == ["yard"]
    assert other.shared == ("garage",)
    with pytest.raises(UsageError, match="there is no account 'x' in this month; one of: company"):
        of_account(whole, "x")


def test_the_only_user_of_a_charger_gets_its_meter_check(office: Office) -> None:
    """Also with a gap, whether it is dismissed or not."""
    charge(office, 1_000, 2_000)
    charge(office, 2_700, 3_000)
    whole = office.statement()
    statement = of_account(whole, "family-y")
    assert (statement.audited, statement.gaps, statement.shared) == (whole.audited, whole.gaps, ())
    review.dismiss(office.db, office.settings, whole.gaps[0].number, ANNA)
    statement = of_account(office.statement(), "family-y")
    assert (len(statement.audited), [gap.dismissed for gap in statement.gaps]) == (1, ["told so"])


@pytest.mark.parametrize("what", ["running", "unknown card", "imported", "taken away"])
def test_any_use_by_another_account_makes_a_charger_shared(office: Office, what: str) -> None:
    charge(office, 1_000, 2_000)
    if what == "running":
        office.start(2_000, "1111")
    elif what == "unknown card":
        charge(office, 2_000, 2_500, "?")
    elif what == "imported":
        office.db.execute("UPDATE accounting_record SET provenance = 'imported'")
        charge(office, 2_000, 2_500, "1111")
    else:
        charge(office, 2_000, 2_500, "1111")
        review.assign(office.db, office.settings, "2", "family-y", ANNA)
    statement = of_account(office.statement(), "family-y")
    assert (statement.audited, statement.imported_wh) == ((), ())
    assert statement.shared == ("garage",)


def test_a_case_of_another_account_from_an_earlier_month_is_in_no_check(office: Office) -> None:
    """The register has counted it below the first session of the month."""
    charge(office, 1_000, 2_000, "1111")
    charge(office, 2_000, 302_000, "1111")  # under review
    office.now_ms += 30 * 86_400_000
    charge(office, 302_000, 303_000)
    whole = office.statement(month=10)
    assert [meter.under_review_wh for meter in whole.audited] == [300_000]
    statement = of_account(whole, "family-y")
    assert (statement.audited, statement.shared) == ((), ("garage",))
    charge(office, 303_000, 304_000)
    office.now_ms += 30 * 86_400_000
    # Nothing but sessions of family-y is in the next check.
    charge(office, 304_000, 305_000)
    statement = of_account(office.statement(month=11), "family-y")
    assert [meter.meter_wh for meter in statement.audited] == [1_000]


def test_the_end_of_a_session_of_another_account_is_in_no_gap(office: Office) -> None:
    charge(office, 1_000, 2_000, "1111")
    office.now_ms += 30 * 86_400_000
    charge(office, 2_750, 3_000)
    whole = office.statement(month=10)
    assert [gap.from_wh for gap in whole.gaps] == [2_000]
    statement = of_account(whole, "family-y")
    assert (statement.audited, statement.gaps, statement.shared) == ((), (), ("garage",))


def test_energy_that_waits_for_another_account_is_in_no_check(office: Office) -> None:
    charge(office, 1_000, 3_000)
    office.stop(424_242, 500, idTag="1111")
    statement = of_account(office.statement(), "family-y")
    texts = [
        b"".join(formats.chunks(office.open_books(), statement, "text", language)).decode()
        for language in LANGUAGES
    ]
    assert "\n  garage: gemeinsam genutzt, in der Abrechnung aller Mandanten\n" in texts[0]
    assert "\n  garage: shared, in the statement of all accounts\n" in texts[1]


def test_only_connectors_that_the_account_used_have_names(office: Office) -> None:
    (office.folder / "conf").mkdir()
    known = {"auth": "none", "connectors": {"1": "left", "2": "right"}}
    (office.folder / "conf" / "charge_points.json").write_text(json.dumps({"garage": known}))
    session(office, "garage", 1_000, 2_000, "3333", connectorId=2)
    session(office, "garage", 1_000, 2_000, "1111", connectorId=1)
    (charger,) = of_account(office.statement(), "family-y").chargers
    assert charger.connectors == {"2": "right"}


# --- decisions ---


def decided_rows(office: Office, account: str) -> list[tuple[Any, ...]]:
    """Return card and transaction id of the account's records, with the kind of each."""
    rows = office.rows(of_account(office.statement(), account))
    return [(row.entry, row.id_tag, row.transaction_id) for row in rows]


def test_a_session_of_another_account_comes_without_its_card(office: Office) -> None:
    charge(office, 1_000, 2_000, "1111")
    (number,) = office.query("SELECT transaction_id FROM accounting")
    review.assign(office.db, office.settings, "1", "family-y", ANNA)
    assert decided_rows(office, "family-y") == [("replacement", None, None)]
    own = [("record", "1111", number), ("reversal", "1111", number)]
    assert decided_rows(office, "company-x") == own
    review.assign(office.db, office.settings, "3", "company-x", ANNA)
    assert decided_rows(office, "family-y") == [
        ("replacement", None, None),
        ("reversal", None, None),
    ]
    assert decided_rows(office, "company-x") == [*own, ("replacement", "1111", number)]


def test_a_transaction_that_was_ended_for_another_account_comes_without_its_card(
    office: Office,
) -> None:
    office.start(1_000, "1111")
    review.correct(office.db, office.settings, "T1", Measured(consumed_wh=1_000), "family-y", ANNA)
    assert decided_rows(office, "family-y") == [("replacement", None, None)]
    # The stop wins over the human; the account stays.
    office.stop(10_000_001, 2_500, idTag="1111")
    assert {row[1:] for row in decided_rows(office, "family-y")} == {(None, None)}


def test_a_session_of_an_unknown_card_has_its_card(office: Office) -> None:
    """The card is that of whom the energy was assigned to."""
    charge(office, 1_000, 2_000, "new card")
    review.assign(office.db, office.settings, "1", "family-y", ANNA)
    ((_, id_tag, transaction_id),) = decided_rows(office, "family-y")
    assert (id_tag, transaction_id is None) == ("new card", False)


def test_a_reason_names_no_other_account(office: Office) -> None:
    charge(office, 1_000, 2_000, "1111")
    why = "Company-X's Auto, von company-xy, family-y, FAMILY-Ys; xcompany-x"
    review.assign(office.db, office.settings, "1", "family-y", Decider("anna", why))
    (row,) = office.rows(of_account(office.statement(), "family-y"))
    assert row.decided_why == "…'s Auto, von company-xy, family-y, FAMILY-Ys; xcompany-x"
    *_, row = office.rows(of_account(office.statement(), "company-x"))
    assert row.decided_why == "Company-X's Auto, von company-xy, …, …s; xcompany-x"
    *_, row = office.rows(office.statement())
    assert row.decided_why == why


# --- any month ---


class Session(NamedTuple):
    """A car of an account, or of nobody, at a connector of a charger."""

    account: str | None
    charger: str
    connector: int
    idle_h: int
    gap: bool
    is_late: bool
    is_large: bool


class Life(NamedTuple):
    """Months of sessions and decisions; `closed` are closed after `closed_after` sessions."""

    sessions: list[Session]
    decisions: list[tuple[str, int, str]]
    closed_after: int | None


_SESSIONS = st.builds(
    Session,
    account=st.sampled_from([*CARDS, *CARDS, *CARDS, None]),
    charger=st.sampled_from([*CHARGERS]),
    connector=st.sampled_from([1, 2]),
    idle_h=st.sampled_from([1, 30, 200, 400]),
    gap=st.booleans(),
    is_late=st.sampled_from([False, False, True]),
    is_large=st.sampled_from([False, False, False, False, True]),
)
_LIVES = st.builds(
    Life,
    st.lists(_SESSIONS, min_size=2, max_size=9),
    st.lists(
        st.tuples(
            st.sampled_from(["assign", "correct", "dismiss"]),
            st.integers(0, 9),
            st.sampled_from([*CARDS]),
        ),
        max_size=3,
    ),
    st.none() | st.integers(1, 8),
)


def live(office: Home, life: Life, energies: list[int]) -> None:
    """Play sessions and decisions; `energies` has the Wh of each session."""
    registers: dict[tuple[str, int], int] = {}
    late: list[tuple[int, int, str, str]] = []
    for number, (lived, wh) in enumerate(zip(life.sessions, energies, strict=True)):
        if number == life.closed_after:
            close_all(office)
        office.later(lived.idle_h)
        place = lived.charger, lived.connector
        begin_wh = registers.get(place, 1_000_000) + 743 * lived.gap
        id_tag = CARDS[lived.account][0] if lived.account else UNKNOWN_CARD
        sent = office.start(begin_wh, id_tag, lived.charger, connectorId=lived.connector)
        office.later(2)
        registers[place] = begin_wh + wh + 230_000 * lived.is_large
        stop = sent, registers[place], lived.charger, office.time()
        if lived.is_late:
            late.append(stop)
        else:
            office.stop(*stop[:3])
        # A charger that was offline sends its stops after the next session.
        while late and late[0] != stop:
            *of_stop, timestamp = late.pop(0)
            office.stop(*of_stop, timestamp=timestamp)
    for action, index, account in life.decisions:
        decide(office, action, index, account)


def close_all(office: Home) -> None:
    """Close the months that have records."""
    for name in office.query("SELECT DISTINCT month FROM accounting ORDER BY month"):
        close(office.open_books(), Month.parse(name), "anna", anyway=True)


def decide(office: Home, action: str, index: int, account: str) -> None:
    """Make a decision on one of the records, if it is possible."""
    numbers = office.query("SELECT number FROM accounting ORDER BY number")
    db, settings, number = office.db, office.settings, str(numbers[index % len(numbers)])
    try:
        if action == "assign":
            review.assign(db, settings, number, account, WHY)
        elif action == "correct":
            measured = Measured(consumed_wh=6_661 + index)
            review.correct(db, settings, number, measured, account, WHY)
        else:
            review.dismiss(db, settings, number, WHY)
    except (UsageError, IndexError):
        # Another decision has replaced the record, or this one does not fit.
        pass


ENERGIES = (11_173, 13_397, 17_791, 19_937, 23_339, 29_611, 31_193, 37_589, 41_467)


@pytest.mark.timeout(180)
@examples(max_examples=10, deadline=None)
@given(_LIVES)
def test_an_account_finds_nothing_of_another_one(folder: Path, life: Life) -> None:
    find_nothing_of_others(folder, life)


def find_nothing_of_others(folder: Path, life: Life) -> None:
    """Assert that each document of each account has nothing of another one."""
    office = Home(Path(tempfile.mkdtemp(dir=folder)))
    live(office, life, list(ENERGIES[: len(life.sessions)]))
    for month in months_of(office):
        whole = month_statement(office.open_books(), month)
        for account in CARDS:
            statement = of_account(whole, account)
            documents = office.documents(statement)
            assert_nothing_of_others(office, whole, account, documents)
            assert_own_rows(office, whole, account, documents)
    wholes = [month_statement(office.open_books(), month) for month in months_of(office)]
    for account in CARDS:
        documents = office.year_documents(account)
        # The year has the account's figures of all months, and its sum.
        own = set().union(*(figures_of(office, whole, account)[0] for whole in wholes))
        every = (sums for whole in wholes if whole.year == 2023 for sums in whole.accounts)
        own.add(sum(sums.wh for sums in every if sums.account == account))
        for whole in wholes:
            assert_nothing_of_others(office, whole, account, documents, own)
    office.db.close()


def test_the_sum_of_an_accounts_cases_is_its_own(folder: Path) -> None:
    """All that is under review at a shared charger are two cases of company-x."""
    sessions = [
        Session("guests", "lot-gama", 2, 200, False, False, True),
        Session("guests", "lot-alfa", 2, 30, False, True, False),
        Session("company-x", "lot-beta", 2, 1, True, False, True),
        Session("guests", "lot-beta", 2, 200, False, False, False),
        Session(None, "lot-beta", 1, 30, False, False, True),
        Session("company-x", "lot-beta", 2, 1, True, False, True),
        Session("family-y", "lot-gama", 1, 400, True, False, False),
        Session("guests", "lot-beta", 2, 400, False, True, False),
        Session("company-x", "lot-beta", 1, 400, True, False, True),
    ]
    decisions = [("correct", 6, "family-y"), ("dismiss", 0, "family-y")]
    find_nothing_of_others(folder, Life(sessions, decisions, 1))


def test_a_figure_of_another_month_is_the_accounts_own(folder: Path) -> None:
    """The energy of September, taken back later, is in the year of its account, and no leak."""
    sessions = [
        Session("company-x", "lot-beta", 1, 200, True, False, False),
        Session("guests", "lot-gama", 2, 1, False, True, False),
        Session(None, "lot-gama", 2, 400, False, False, True),
        Session("family-y", "lot-beta", 2, 30, False, True, True),
        Session("family-y", "lot-beta", 2, 1, True, False, True),
        Session("company-x", "lot-gama", 1, 200, False, True, False),
        Session("company-x", "lot-alfa", 2, 30, False, False, False),
        Session("guests", "lot-alfa", 1, 30, False, False, False),
        Session("family-y", "lot-beta", 1, 1, False, False, False),
    ]
    life = Life(sessions, [("dismiss", 0, "guests")], 4)
    find_nothing_of_others(folder, life)


def months_of(office: Home) -> list[Month]:
    """Return the months with records or open transactions."""
    names = office.query(
        "SELECT month FROM accounting UNION SELECT substr(started_at, 1, 7) FROM open_transactions"
    )
    return [Month.parse(name) for name in sorted(names)]


def assert_nothing_of_others(
    office: Home,
    whole: Statement,
    account: str,
    documents: dict[str, str],
    own_elsewhere: Set[int] = frozenset(),
) -> None:
    """Assert that no document has a name, a card, a charger or a figure of another account.

    `own_elsewhere` are figures of the account in other months.
    """
    used = office.query(
        "SELECT charge_point_id, connector_id FROM accounting WHERE month = ? AND account = ?",
        *(whole.period.name, account),
    )
    running = (row for row in whole.unfinished if row.account == account)
    used += [(row.charge_point_id, row.connector_id) for row in running]
    chargers = {charger for charger, _ in used}
    words = [
        *(text for name, card in CARDS.items() if name != account for text in (name, *card)),
        *(card[-4:] for name, (card, _) in CARDS.items() if name != account),
        *(text for name in RECIPIENTS if name != account for text in recipient_texts(name)),
        *(text for name, texts in CHARGERS.items() if name not in chargers for text in texts),
        *(name for name in CHARGERS if name not in chargers),
        *(texts[2] for name, texts in CHARGERS.items() if (name, 2) not in used),
    ]
    own, others = figures_of(office, whole, account)
    for name, text in documents.items():
        assert [word for word in words if word.casefold() in text.casefold()] == [], (name, text)
        printed = figures_in(name, text)
        assert [wh for wh in others - own - own_elsewhere if printed & set(spelled(wh))] == [], (
            name,
            text,
        )


def recipient_texts(account: str) -> list[str]:
    """Return all texts of the recipient of an account."""
    values = RECIPIENTS[account].values()
    return [text for value in values for text in ([value] if isinstance(value, str) else value)]


def figures_in(name: str, text: str) -> set[str]:
    """Return the figures in a document, as they are spelled there."""
    if name.startswith("csv"):
        # A comma between cells looks like one in a figure.
        rows = csv.reader(text.splitlines(), delimiter=";" if name == "csv-de" else ",")
        text = " ".join(cell for row in rows for cell in row)
    # The seconds of `created_at` may look like an energy: 11.173.
    text = re.sub(r"\d{4}-\d\d-\d\dT[\d:.]+", "", text)
    return set(re.findall(r"(?<![\d.,])\d[\d.,]*\d(?!\d)", text))


def spelled(wh: int) -> Iterable[str]:
    """Return the spellings of an energy: Wh, and kWh in both languages."""
    kwh = f"{abs(wh) / 1000:,.3f}"
    german = kwh.replace(",", "_").replace(".", ",").replace("_", ".")
    return f"{abs(wh)}", kwh, german, kwh.replace(",", ""), german.replace(".", "")


def figures_of(office: Home, whole: Statement, account: str) -> tuple[set[int], set[int]]:
    """Return the energies of an account in Wh, and those of which any part is of another one."""
    own, others = set(), set()
    at_chargers: Counter[str | None] = Counter()
    for row in office.rows(whole):
        if row.account == account:
            own |= {row.consumed_wh, row.begin_wh, row.end_wh, -row.consumed_wh}
            at_chargers[row.charge_point_id] += row.consumed_wh
        else:
            others |= {row.consumed_wh}
    for waiting in whole.under_review:
        energies = {waiting.consumed_wh, waiting.begin_wh, waiting.end_wh}
        (own if waiting.account == account else others).update(energies)
    # A statement has the sum of its cases, which may be all that a shared meter has under review.
    own.add(sum(row.consumed_wh for row in whole.under_review if row.account == account))
    for running in whole.unfinished:
        (own if running.account == account else others).add(running.consumed_wh or 0)
    for sums in whole.accounts:
        energies = {sums.wh, sums.unpriced_wh, *(price.wh for price in sums.prices)}
        (own if sums.account == account else others).update(energies)
    users = office.query(
        "SELECT DISTINCT charge_point_id, account FROM accounting WHERE month <= ?",
        whole.period.name,
    )
    users += [(running.charge_point_id, running.account) for running in whole.unfinished]
    for meter in whole.audited:
        energies = {*meter[1:-1]}
        here = {name for charger, name in users if charger == meter.charge_point_id}
        (own if here == {account} else others).update(energies)
        gaps = [gap for gap in whole.gaps if gap.charge_point_id == meter.charge_point_id]
        for gap in gaps:
            (own if here == {account} else others).add(gap.to_wh - gap.from_wh)
    others |= {sum(sums.wh for sums in whole.accounts), whole.unassigned_wh}
    # Small figures are everywhere.
    return own | {*at_chargers.values()}, {wh for wh in others if abs(wh) > 999}


def assert_own_rows(
    office: Home, whole: Statement, account: str, documents: dict[str, str]
) -> None:
    """Assert that the documents have all records of the account, and their sums."""
    rows = [row for row in office.rows(whole) if row.account == account]
    (sums,) = (sums for sums in whole.accounts if sums.account == account)
    wh, amounts = sum(row.consumed_wh for row in rows), [row.amount_ct or 0 for row in rows]
    content = json.loads(documents["json-de"])
    assert [row["consumed_wh"] for row in content["records"]] == [row.consumed_wh for row in rows]
    assert [row["file_name"] for row in content["records"]] == [row.file_name for row in rows]
    assert content["accounts"][0]["wh"] == content["total"]["wh"] == sums.wh == wh
    assert (content["accounts"][0]["amount_ct"] or 0) == (sums.amount_ct or 0) == sum(amounts)
    assert content["total"]["total_ct"] == sums.total_ct
    for language, point in (("de", ","), ("en", ".")):
        kwh = f"{wh / 1000:.3f}".replace(".", point)
        text = documents[f"text-{language}"]
        title = {"de": "Mandant:", "en": "Account:"}[language]
        assert re.search(rf"^{title} {account} +{kwh} kWh$", text, re.MULTILINE), text
        assert len(documents[f"csv-{language}"].splitlines()) == 1 + len(rows)
        assert kwh.replace("-", "") in documents[f"pdf-{language}"].replace("−", "-")
        assert all(text in documents[f"pdf-{language}"] for text in recipient_texts(account))
    assert len(documents["csv-machine-de"].splitlines()) == 1 + len(rows)


@pytest.mark.timeout(180)
@examples(max_examples=6, deadline=None)
@given(_LIVES, st.integers(-700, 700))
def test_no_document_depends_on_the_energy_of_others(
    folder: Path, life: Life, more_wh: int
) -> None:
    """A gap takes back what others have charged more, so that the own readings stay."""
    plain = life._replace(
        decisions=[],
        closed_after=None,
        sessions=[
            lived._replace(gap=False, is_large=False, is_late=False) for lived in life.sessions
        ],
    )
    printed = []
    for difference in (0, more_wh):
        office = Home(Path(tempfile.mkdtemp(dir=folder)))
        registers: dict[tuple[str, int], int] = {}
        for lived, wh in zip(plain.sessions, ENERGIES, strict=False):
            office.later(lived.idle_h)
            place = lived.charger, lived.connector
            begin_wh = registers.get(place, 1_000_000)
            is_other = lived.account != "family-y"
            id_tag = CARDS[lived.account][0] if lived.account else UNKNOWN_CARD
            sent = office.start(begin_wh, id_tag, lived.charger, connectorId=lived.connector)
            office.later(2)
            registers[place] = begin_wh + wh + 1_000 * is_other
            office.stop(sent, begin_wh + wh + difference * is_other, lived.charger)
        printed.append(documents_of_family_y(office))
        office.db.close()
    assert printed[0] == printed[1]


def documents_of_family_y(office: Home) -> list[dict[str, str]]:
    """Return the documents of all months, as if they were made at the same moment."""
    made_at = "2024-01-01T00:00:00.000Z"
    assert now_ms() > office.now_ms
    return [
        office.documents(
            of_account(office.statement(*month), "family-y")._replace(created_at=made_at)
        )
        for month in months_of(office)
    ]
