"""Letters of any month and with any texts: none is refused, and none depends on the machine."""

import re
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from shocpp.configuration.operator import Operator
from shocpp.language.phrases import GERMAN, STOP_REASONS
from shocpp.ledger.accounts import Recipient
from shocpp.reports.pdf import labels
from shocpp.reports.pdf.document import pdf_of
from shocpp.reports.pdf.letter import words
from shocpp.reports.statement import Charger
from shocpp.reports.tables.columns import COLUMNS
from tests.world.letters import account_of, closed_statement
from tests.world.pdf_statements import digests_elsewhere, pages_of, record
from tests.world.statements import Month, eventful, months

TEXT = st.text(st.characters(exclude_categories=()), max_size=300)


@settings(max_examples=40, deadline=None)
@given(TEXT, TEXT, TEXT)
def test_no_text_is_refused(first: str, second: str, third: str) -> None:
    row = record(id_tag=second, stop_reason=first, flags=third, decided_by=first, entry="reversal")
    recipient = Recipient(first, (second,) * 9, third, "de", "")
    account = account_of([row], account=first, recipient=recipient, number=third)
    operator = Operator(
        *(first, (second,) * 9, (third,), first, second, third),
        *(first, "exempt", second, "DE02120300000000202051", third, 14),
    )
    statement = closed_statement(
        account,
        operator=operator,
        chargers=(Charger("garage", third, first, second, third),),
        cards={"04a20b1c": first},
    )
    file = pdf_of(statement, account, [row], "de")
    assert file.startswith(b"%PDF-1.")
    assert file.endswith(b"%%EOF\n")


@settings(max_examples=40, deadline=None)
@given(months())
def test_any_month_has_a_letter_for_each_account(month: Month) -> None:
    for account in month.statement.accounts:
        rows = [row for row in month.rows if row.account == account.account]
        for language in ("de", "en"):
            file = pdf_of(month.statement, account, rows, language)
            assert b"/Count 2 " in file


def test_the_same_letter_is_the_same_bytes_in_another_process() -> None:
    script = (
        "import hashlib; from tests.world.letters import *;"
        "rows = rows_of(100); account = account_of(rows); made = closed_statement(account);"
        "print(hashlib.sha256(pdf_of(made, account, rows, 'de')).hexdigest())"
    )
    assert len(digests_elsewhere(script)) == 1


def test_a_german_letter_has_no_english_word(tmp_path: Path) -> None:
    """Every mark, note and section is on it, with texts of people that are German."""
    month = eventful()
    (account,) = (sums for sums in month.accounts if sums.account == "family-y")
    decided = {"decided_by": "Kassenwart", "decided_why": "falsche Karte"}
    rows = [
        record(0, booked_at="2026-10-03T00:00:00.000Z", signed=2),
        record(1, entry="reversal", consumed_wh=-33_250, amount_ct=-1040, **decided),
        record(2, entry="dismissal", **decided),
        record(3, provenance="decoded", flags="start known from the id, within 1 kWh"),
        *(record(4 + number, flags=flag) for number, flag in enumerate(GERMAN)),
        *(
            record(99 + number, stop_reason=reason)
            for number, reason in enumerate(STOP_REASONS["de"])
        ),
        record(300, provenance="imported", price_note="split by time"),
    ]
    recipient = Recipient("Wohnung 3", ("Allee 1",), "WE 03", "de", "")
    statement = month._replace(
        only="family-y",
        accounts=(account._replace(recipient=recipient),),
        gaps=tuple(gap._replace(dismissed=None) for gap in month.gaps),
    )
    file = tmp_path / "letter.pdf"
    file.write_bytes(pdf_of(statement, statement.accounts[0], rows, "de"))
    printed = words_in(" ".join(pages_of(file)))
    english = [*labels.WORDS["en"].values(), *words.WORDS["en"].values(), *GERMAN]
    german = [*labels.WORDS["de"].values(), *words.WORDS["de"].values(), *GERMAN.values()]
    titles = [titles for column in COLUMNS if column.pdf for titles in [column.pdf.titles]]
    english += [title["en"] for title in titles]
    german += [title["de"] for title in titles]
    strange = words_in(" ".join(english)) - words_in(" ".join(german))
    assert len(strange) > 200
    assert printed & strange == set()


def words_in(text: str) -> set[str]:
    """Return the words of a text that have more than two letters."""
    return set(re.findall(r"[^\W\d_]{3,}", re.sub(r"\{.*?\}", "", text)))
