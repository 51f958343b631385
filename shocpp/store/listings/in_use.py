"""Cards and prices that are in the books, and therefore stay in the files of conf/."""

import json
from collections.abc import Collection

from shocpp.ledger.accounts import id_tag_key
from shocpp.store.database import Database


def used_cards(db: Database, keys: Collection[str]) -> set[str]:
    """Return those of these cards that have charged, as `id_tag_key` spells them.

    Such a card has started or ended a transaction, or is in a record.
    """
    if not keys:
        return set()
    started = db.execute(
        "SELECT DISTINCT id_tag_key FROM started_transaction"
        " WHERE id_tag_key IN (SELECT value FROM json_each(?))",
        (json.dumps([*keys]),),
    )
    used = {key for (key,) in started.fetchall()}
    # These tables have the spelling of the charger only.
    for table in ("received_stop", "accounting_record"):
        rows = db.execute(f"SELECT DISTINCT id_tag FROM {table} WHERE id_tag IS NOT NULL")
        used.update(id_tag_key(id_tag) for (id_tag,) in rows.fetchall())
    return used.intersection(keys)


def used_prices(db: Database) -> list[tuple[str, int]]:
    """Return the first day (ISO) of each price that a record has, with the account's index."""
    rows = db.execute(
        "SELECT DISTINCT valid_from, account_index FROM price_part"
        " JOIN accounting_record ON accounting_record.id = price_part.record"
    )
    return rows.fetchall()
