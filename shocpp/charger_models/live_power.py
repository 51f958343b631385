"""The settings that live power needs, as far as a model allows them (pure).

A charger sends power when MeterValueSampleInterval and MeterValuesSampledData (OCPP 1.6 §9.1)
tell it to. They are offered, never changed by themselves: keys can be read-only or bounded, and a
charger may answer Rejected or RebootRequired.
"""

from collections.abc import Collection
from typing import NamedTuple

from shocpp.charger_models.model import Access, ChargerModel

INTERVAL = "MeterValueSampleInterval"
MEASURANDS = "MeterValuesSampledData"

WANTED_INTERVAL_S = 10

WANTED_MEASURANDS = (
    "Energy.Active.Import.Register",
    "Power.Active.Import",
    "Current.Import",
    "Voltage",
)
"""The most important ones first. From currents and voltages the server derives missing power."""


class Setting(NamedTuple):
    """A configuration key, and the value to offer for it."""

    key: str
    value: str


def offered_settings(model: ChargerModel, writable: Collection[str] = ()) -> tuple[Setting, ...]:
    """Return the settings to offer for a charger of this model.

    `writable` are the keys that the charger itself has reported without `readonly`
    (GetConfiguration). A key of which the table does not know is offered only if it is one of
    them; if it is not, ask the charger first (`questions`).
    """
    if not model.can_connect():
        return ()
    settings = []
    if _is_offered(model.interval.access, INTERVAL, writable):
        settings.append(Setting(INTERVAL, str(max(WANTED_INTERVAL_S, model.interval.least_s))))
    if _is_offered(model.measurands.access, MEASURANDS, writable):
        settings.append(Setting(MEASURANDS, ",".join(_wanted_measurands(model))))
    return tuple(settings)


def questions(model: ChargerModel) -> tuple[str, ...]:
    """Return the keys to ask the charger for (GetConfiguration) before one is offered."""
    if not (model.takes_questions and model.can_connect()):
        return ()
    access_by_key = {INTERVAL: model.interval.access, MEASURANDS: model.measurands.access}
    return tuple(key for key, access in access_by_key.items() if access is Access.NOT_KNOWN)


def _is_offered(access: Access, key: str, writable: Collection[str]) -> bool:
    return access is Access.WRITABLE or (access is Access.NOT_KNOWN and key in writable)


def _wanted_measurands(model: ChargerModel) -> list[str]:
    """Return the wanted names that the model takes; some take `Voltage.L1` for `Voltage`."""
    known = model.measurands.names
    names = [
        name
        for wanted in WANTED_MEASURANDS
        for name in known or WANTED_MEASURANDS
        if name == wanted or name.startswith(f"{wanted}.L")
    ]
    return names[: model.measurands.most]
