"""The month's Abrechnung as text, in the seed's layout (a room).

Sums are of whole Wh and printed with three decimals; the records are printed as the seed wrote
them, with whole kWh and strings, those of 0 Wh left out. Under the seed's lines follow what no
account answers for, what is under review and what is still charging.
"""

import json
import os
from collections import defaultdict
from collections.abc import Iterable, Sequence

from shocpp.central_system.record_files import seed_form
from shocpp.central_system.tags import load_accounts
from shocpp.ledger.accounts import UNASSIGNED
from shocpp.settings import Settings
from shocpp.store import records, transactions
from shocpp.store.database import open_database
from shocpp.store.records import AccountingRow

WIDTH = 30


def kwh(wh: int) -> str:
    """Wh as German kWh with three decimals: 25000 → `25,000`."""
    sign = "-" if wh < 0 else ""
    return f"{sign}{abs(wh) // 1000},{abs(wh) % 1000:03}"


def summary_text(
    year: int, month: int, rows: Sequence[AccountingRow], accounts: Iterable[str]
) -> str:
    """The paper of one month. `accounts` are named even where they have charged nothing."""
    booked = [row for row in rows if row.review is None]
    sums: dict[str, int] = defaultdict(int, dict.fromkeys(accounts, 0))
    for row in booked:
        sums[row.account] += row.consumed_wh
    unassigned_wh = sums.pop(UNASSIGNED, 0)
    width = max(len(kwh(sum(sums.values()))), 4)
    lines = [f"Abrechnung für Jahr/Monat: {year:04}/{month:02}", ""]
    lines += [
        f"Mandant: {account:<{WIDTH}} {kwh(sums[account]):>{width}} kWh" for account in sorted(sums)
    ]
    lines.append(f"{'Gesamt :':<{9 + WIDTH}} {kwh(sum(sums.values())):>{width}} kWh")
    lines += _besides(unassigned_wh, [row for row in rows if row.review is not None])
    records = [seed_form(row) for row in booked if row.consumed_wh]
    lines += ["", "Abrechnungsdatensätze:", "", json.dumps(records, ensure_ascii=False, indent=2)]
    return "\n".join(lines) + "\n"


def _besides(unassigned_wh: int, under_review: Sequence[AccountingRow]) -> list[str]:
    lines = []
    if unassigned_wh:
        lines.append(f"Nicht zugeordnet: {kwh(unassigned_wh)} kWh (unbekannte Karten)")
    if under_review:
        claimed_wh = sum(row.consumed_wh for row in under_review)
        cases = "1 Vorgang" if len(under_review) == 1 else f"{len(under_review)} Vorgänge"
        lines.append(f"In Prüfung: {cases}, {kwh(claimed_wh)} kWh")
        lines += [f"  {row.localtime} {row.charge_point_id}: {row.review}" for row in under_review]
    return ["", *lines] if lines else []


def month_summary(settings: Settings, year: int, month: int) -> str:
    """The paper of one month.

    Raises UnusableDatabase where there are no books, ConfigError where tags.json cannot be read.
    """
    with open_database(settings.database) as db:
        rows = records.of_month(db, year, month)
        bound = transactions.account_names(db)
    try:
        accounts = load_accounts(settings.tags_file, bound).names()
    except FileNotFoundError:
        accounts = []
    return summary_text(year, month, rows, accounts)


def keep_summary(settings: Settings, year: int, month: int, text: str) -> None:
    """Keep the paper beside its records, where there are any: all of it or as it was before.

    Raises OSError.
    """
    folder = settings.accounting_folder / f"{year:04}" / f"{month:02}"
    if not folder.is_dir():
        return
    path = folder / f"00_abrechnung_{year:04}_{month:02}.txt"
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        partial.write_text(text, encoding="utf-8")
        partial.chmod(0o600)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
