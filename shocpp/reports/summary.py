"""The month's Abrechnung as text, in the seed's layout (a room).

Sums are of whole Wh and printed with three decimals; the records are printed as the seed wrote
them, with whole kWh and strings, those of 0 Wh left out. Under the seed's lines follow what no
account answers for, what is under review and what is still charging.
"""

import json
import os
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

from shocpp.central_system.record_files import seed_form
from shocpp.central_system.tags import load_accounts
from shocpp.ledger.accounts import UNASSIGNED
from shocpp.settings import Settings
from shocpp.store import audit, records, transactions
from shocpp.store.audit import Audited, Gap
from shocpp.store.database import open_database
from shocpp.store.records import AccountingRow

WIDTH = 30


def kwh(wh: int) -> str:
    """Wh as German kWh with three decimals: 25000 → `25,000`."""
    sign = "-" if wh < 0 else ""
    return f"{sign}{abs(wh) // 1000},{abs(wh) % 1000:03}"


class Paper(NamedTuple):
    """What a month's paper is made of; `accounts` are named even where they charged nothing."""

    year: int
    month: int
    accounts: Sequence[str]
    booked: Sequence[AccountingRow]
    under_review: Sequence[AccountingRow]
    audited: Sequence[Audited]
    gaps: Sequence[Gap]


def summary_text(paper: Paper, zone: ZoneInfo) -> str:
    """The paper of one month."""
    sums: dict[str, int] = defaultdict(int, dict.fromkeys(paper.accounts, 0))
    for row in paper.booked:
        sums[row.account] += row.consumed_wh
    unassigned_wh = sums.pop(UNASSIGNED, 0)
    width = max(len(kwh(sum(sums.values()))), 4)
    lines = [f"Abrechnung für Jahr/Monat: {paper.year:04}/{paper.month:02}", ""]
    lines += [
        f"Mandant: {account:<{WIDTH}} {kwh(sums[account]):>{width}} kWh" for account in sorted(sums)
    ]
    lines.append(f"{'Gesamt :':<{9 + WIDTH}} {kwh(sum(sums.values())):>{width}} kWh")
    lines += _besides(unassigned_wh, paper.under_review)
    lines += _decided(paper.booked)
    lines += _audit(paper, zone)
    records = [seed_form(row) for row in paper.booked if row.consumed_wh]
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
        lines += [f"  {row.localtime} {_where(row)}: {row.review}" for row in under_review]
    return ["", *lines] if lines else []


def _where(row: AccountingRow) -> str:
    return row.charge_point_id or "importiert"


_DECIDED = {"reversal": "storniert bei", "replacement": "zugeordnet zu", "dismissal": "verworfen,"}


def _decided(booked: Sequence[AccountingRow]) -> list[str]:
    """What humans have decided, each with who and why; the records are in the list below."""
    lines = [
        f"  {row.localtime} {_where(row)}: {kwh(row.consumed_wh)} kWh "
        f"{_DECIDED[row.entry]} {row.account} ({row.decided_by}: {row.decided_why})"
        for row in booked
        if row.entry in _DECIDED
    ]
    return ["", "Korrekturen:", *lines] if lines else []


def _audit(paper: Paper, zone: ZoneInfo) -> list[str]:
    """Whether what the meters have counted is what is booked."""
    lines = []
    for audited in paper.audited:
        imported_wh = sum(
            row.consumed_wh
            for row in paper.booked
            if row.provenance == "imported" and row.charge_point_id == audited.charge_point_id
        )
        besides = f", dazu {kwh(imported_wh)} importiert" if imported_wh else ""
        lines.append(f"  {audited.charge_point_id}: {_equation(audited)}{besides}")
        lines += [
            f"    {gap.number}: {kwh(gap.to_wh - gap.from_wh)} kWh {_waived(gap)}, "
            f"zwischen {_local(gap.after_ms, zone)} und {_local(gap.before_ms, zone)}"
            for gap in paper.gaps
            if gap.charge_point_id == audited.charge_point_id
        ]
    return ["", "Zählerprüfung:", *lines] if lines else []


def _equation(audited: Audited) -> str:
    if audited.restarts:
        return "nicht prüfbar, denn sein Zähler begann neu"
    parts = (
        (" nicht zugeordnet", audited.unassigned_wh),
        (" in Prüfung", audited.under_review_wh),
        (" Lücken", audited.gap_wh),
        (" doppelt", -audited.overlap_wh),
    )
    told = "".join(f" {'-' if wh < 0 else '+'} {kwh(abs(wh))}{what}" for what, wh in parts if wh)
    return f"{kwh(audited.booked_wh)} abgerechnet{told} = {kwh(audited.meter_wh)} kWh gezählt"


def _waived(gap: Gap) -> str:
    return "nicht zugeordnet" if gap.dismissed is None else f"verworfen ({gap.dismissed})"


def _local(moment_ms: int, zone: ZoneInfo) -> str:
    return f"{datetime.fromtimestamp(moment_ms / 1000, zone):%Y-%m-%d %H:%M:%S}"


def month_summary(settings: Settings, year: int, month: int) -> str:
    """The paper of one month.

    Raises UnusableDatabase where there are no books, ConfigError where tags.json cannot be read.
    """
    with open_database(settings.database) as db:
        try:
            names = load_accounts(settings.tags_file, transactions.account_names(db)).names()
        except FileNotFoundError:
            names = []
        paper = Paper(
            year,
            month,
            names,
            records.of_month(db, year, month),
            records.under_review(db, year, month),
            audit.of_month(db, year, month),
            audit.gaps_of_month(db, year, month),
        )
    return summary_text(paper, settings.zone)


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
