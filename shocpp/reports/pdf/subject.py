"""Whose PDF paper it is, in which language, and how it calls chargers and cards (a room)."""

from typing import NamedTuple
from zoneinfo import ZoneInfo

from shocpp.language.phrases import masked
from shocpp.ledger.accounts import id_tag_key
from shocpp.reports.pdf.labels import word
from shocpp.reports.statement import Statement, Sums


class Subject(NamedTuple):
    """Whose paper it is, and in which language."""

    statement: Statement
    account: Sums
    language: str
    zone: ZoneInfo
    names: dict[str, str]

    def word(self, key: str, *values: object, **named: object) -> str:
        """A label, with what belongs into it."""
        return word(self.language, key, *values, **named)

    def charge_point(self, charge_point_id: str | None) -> str:
        """A charger as rows call it."""
        if charge_point_id is None:
            return self.word("imported")
        return self.names.get(charge_point_id, charge_point_id)

    def place(self, charge_point_id: str | None, connector_id: int | None) -> str:
        """A charger and its connector, by name where it has one."""
        charger = self.charge_point(charge_point_id)
        if connector_id is None:
            return charger
        return (
            f"{charger} / {self.statement.connector(charge_point_id, connector_id) or connector_id}"
        )

    def card(self, id_tag: str) -> str:
        """A card: its name, and the last four characters of its id."""
        name = self.statement.cards.get(id_tag_key(id_tag), "")
        return f"{name} {masked(id_tag)}".lstrip()


def subject_of(statement: Statement, account: Sums, language: str) -> Subject:
    """The subject of a paper."""
    names = {
        charger.charge_point_id: charger.name for charger in statement.chargers if charger.name
    }
    return Subject(statement, account, language, ZoneInfo(statement.zone_name), names)
