"""Letters of any month and with any texts: none is refused, and none depends on the machine."""

import subprocess
import sys

from hypothesis import given, settings
from hypothesis import strategies as st

from shocpp.configuration.operator import Operator
from shocpp.ledger.accounts import Recipient
from shocpp.reports.pdf.document import pdf_of
from shocpp.reports.statement import Charger
from tests.world.letters import account_of, closed_statement
from tests.world.machine import ROOT
from tests.world.pdf_statements import record
from tests.world.statements import Month, months

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
    digests = {
        subprocess.run(
            [sys.executable, "-c", script],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=30,
            check=True,
            env={"PYTHONHASHSEED": seed, "TZ": zone, "PATH": ""},
        ).stdout
        for seed, zone in (("1", "UTC"), ("2", "Asia/Tokyo"))
    }
    assert len(digests) == 1
