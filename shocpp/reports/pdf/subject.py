"""The subject of a PDF statement: its account and language, and the names that it prints."""

from typing import NamedTuple
from zoneinfo import ZoneInfo

from shocpp.language.phrases import masked
from shocpp.ledger.accounts import id_tag_key
from shocpp.reports.pdf.labels import Label, label_of
from shocpp.reports.statement import Statement, Sums


class Subject(NamedTuple):
    """The statement of one account in one language.

    `label` returns a label of `labels.py` in this language. `names` has the names of chargers by
    `charge_point_id`, only of those that have a name.
    """

    statement: Statement
    account: Sums
    language: str
    label: Label
    zone: ZoneInfo
    names: dict[str, str]

    def charge_point(self, charge_point_id: str | None) -> str:
        """Return the name of a charger, or its id; imported records have no charger."""
        if charge_point_id is None:
            return self.label("imported")
        return self.names.get(charge_point_id, charge_point_id)

    def charger_and_connector(self, charge_point_id: str | None, connector_id: int | None) -> str:
        """Return a charger and its connector, as in `garage / 1`, each by its name or id."""
        charger = self.charge_point(charge_point_id)
        if connector_id is None:
            return charger
        name = self.statement.connector(charge_point_id, connector_id)
        return f"{charger} / {name or connector_id}"

    def card(self, id_tag: str) -> str:
        """Return the name of a card, if it has one, and the last four characters of its id."""
        name = self.statement.cards.get(id_tag_key(id_tag), "")
        return f"{name} {masked(id_tag)}".lstrip()


def subject_of(statement: Statement, account: Sums, language: str) -> Subject:
    """Return the subject of an account's statement."""
    names = {
        charger.charge_point_id: charger.name for charger in statement.chargers if charger.name
    }
    zone = ZoneInfo(statement.zone_name)
    return Subject(statement, account, language, label_of(language), zone, names)
