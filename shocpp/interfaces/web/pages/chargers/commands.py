"""Commands to a charger: those that interrupt somebody ask first. No thread waits for a charger.

/chargers/garage/reset                    Reset
/chargers/garage/unlock?connector=1       UnlockConnector
/chargers/garage/availability?connector=1 ChangeAvailability
"""

from collections.abc import Mapping

from flask import Flask

from shocpp.admission.listing import KnownCharger
from shocpp.admission.people.roles import COMMAND, Person
from shocpp.calls.page.commands import command
from shocpp.interfaces.web.pages.chargers.charger_pages import (
    ChargerPages,
    Choice,
    Question,
    path_of,
)
from shocpp.interfaces.web.pages.form_pages import not_there
from shocpp.store.charge_points import charging
from shocpp.store.database import Database

OPERATIVE, INOPERATIVE = "Operative", "Inoperative"


class Commands(ChargerPages):
    """The commands to a charger."""

    def add_to(self, app: Flask) -> None:
        """Register the views."""
        for name, ask, act in (
            ("reset", self._ask_reset, self._reset),
            ("unlock", self._ask_unlock, self._unlock),
            ("availability", self._ask_availability, self._set_availability),
        ):
            self.add_question(app, name, COMMAND, ask, act)

    def _ask_reset(self, db: Database, charger: KnownCharger, _: Mapping[str, str]) -> Question:
        """Return the question before a restart, with the sessions that it ends."""
        words, open_ = self.words, charging.open_at(db, charger.charge_point_id)
        return Question(
            words["ask_reset"].format(charge_point=charger.name),
            (*self.running(charger, open_), words["reset_hint"]),
            words["restart"],
            choice=Choice(
                "type", words["reset_type"], (("Soft", words["soft"]), ("Hard", words["hard"]))
            ),
        )

    def _reset(
        self, db: Database, person: Person, charger: KnownCharger, fields: dict[str, str]
    ) -> str:
        """Queue a Reset (OCPP 1.6 §5.14)."""
        kind = "Hard" if fields.get("type") == "Hard" else "Soft"
        return self._send(db, person, charger, "Reset", {"type": kind})

    def _ask_unlock(
        self, db: Database, charger: KnownCharger, values: Mapping[str, str]
    ) -> Question:
        """Return the question before a plug is unlocked."""
        words, connector_id = self.words, _connector(values, least=1)
        open_ = charging.open_at(db, charger.charge_point_id)
        at = self.connector(charger, connector_id)
        return Question(
            words["ask_unlock"].format(connector=at),
            (*self.running(charger, open_, connector_id), words["unlock_hint"]),
            words["unlock"],
            hidden={"connector": str(connector_id)},
        )

    def _unlock(
        self, db: Database, person: Person, charger: KnownCharger, fields: dict[str, str]
    ) -> str:
        """Queue an UnlockConnector (OCPP 1.6 §5.18)."""
        payload = {"connectorId": _connector(fields, least=1)}
        return self._send(db, person, charger, "UnlockConnector", payload)

    def _ask_availability(
        self, db: Database, charger: KnownCharger, values: Mapping[str, str]
    ) -> Question:
        """Return the question before a connector goes out of service; 0 is all of them."""
        words, connector_id = self.words, _connector(values)
        open_ = charging.open_at(db, charger.charge_point_id)
        return Question(
            words["ask_out"].format(connector=self.connector(charger, connector_id)),
            (*self.running(charger, open_, connector_id), words["out_hint"]),
            words["out"],
            hidden={"connector": str(connector_id), "to": INOPERATIVE},
        )

    def _set_availability(
        self, db: Database, person: Person, charger: KnownCharger, fields: dict[str, str]
    ) -> str:
        """Queue a ChangeAvailability (OCPP 1.6 §5.2), also of the way back."""
        # The way back asks nothing.
        kind = OPERATIVE if fields.get("to") == OPERATIVE else INOPERATIVE
        payload = {"connectorId": _connector(fields), "type": kind}
        return self._send(db, person, charger, "ChangeAvailability", payload)

    def _send(
        self,
        db: Database,
        person: Person,
        charger: KnownCharger,
        action: str,
        payload: Mapping[str, object],
    ) -> str:
        """Queue a Call, and return the page that shows its outcome."""
        command(db, charger.charge_point_id, action, payload, person.name)
        return path_of(charger.charge_point_id, "#calls")


def _connector(values: Mapping[str, str], least: int = 0) -> int:
    """Return the connector of a link or a form; raises Refused (404) if it is none."""
    text = values.get("connector", "")
    is_number = text.isascii() and text.isdigit() and len(text) <= 3
    if not is_number or int(text) < least:
        raise not_there()
    return int(text)
