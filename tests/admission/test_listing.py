"""The chargers that are known, and the admission of each."""

from pathlib import Path

import pytest

from shocpp.admission.listing import (
    CHANGING,
    NONE,
    OPEN,
    OTHERS_NONE,
    OTHERS_PASSWORD,
    PASSWORD,
    REFUSED,
    admission_of,
    known_charger,
    known_chargers,
)
from shocpp.configuration.charge_points import NO_ALLOWLIST, Allowlist, parse_allowlist
from shocpp.ocpp.passwords import password_hash
from shocpp.store import new_passwords
from shocpp.store.keys import NO_KEYS
from tests.world.desk import Desk

BOOT = {"chargePointVendor": "v", "chargePointModel": "m"}
HASH = password_hash(b"old-one!", b"salt", 1)


def listed(others: str = "") -> Allowlist:
    """Return a list with an entry of each kind, and one for all others."""
    text = (
        f'{{"Box": {{"password_hash": "{HASH}"}}, "yard": {{"auth": "none", "name": "Hof"}},'
        f' "court": {{"auth": "none", "password_hash": "{HASH}"}}{others}}}'
    )
    return parse_allowlist(text, "charge_points.json")


@pytest.mark.parametrize(
    ("allowlist", "name", "admission"),
    [
        (NO_ALLOWLIST, "garage", OPEN),
        (listed(), "garage", REFUSED),
        (listed(), "BOX", PASSWORD),
        (listed(), "yard", NONE),
        (listed(), "court", CHANGING),
        (listed(', "*": {"auth": "none"}'), "garage", OTHERS_NONE),
        (listed(f', "*": {{"password_hash": "{HASH}"}}'), "garage", OTHERS_PASSWORD),
        (listed(', "*": {"auth": "none"}'), "box", PASSWORD),
    ],
)
def test_an_admission_follows_from_the_entry(
    allowlist: Allowlist, name: str, admission: str
) -> None:
    assert admission_of(allowlist, name) == admission


def test_chargers_are_known_by_list_or_by_visit(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    for name in ("garage", "yard"):
        desk.ask("BootNotification", BOOT, name)
    known = {one.charge_point_id: one for one in known_chargers(desk.db, listed())}
    assert set(known) == {"Box", "yard", "court", "garage"}
    facts = {
        name: (one.is_listed, one.row is not None, one.admission) for name, one in known.items()
    }
    assert facts["garage"] == (False, True, REFUSED)
    assert facts["yard"] == (True, True, NONE)
    assert facts["Box"] == (True, False, PASSWORD)
    assert (known["yard"].name, known["Box"].name) == ("Hof", "Box")
    one = known_charger(desk.db, listed(), "YARD")
    assert one == known["yard"]
    nobody = known_charger(desk.db, listed(), "nobody")
    assert (nobody.row, nobody.is_listed, nobody.is_connected) == (None, False, False)


def test_a_password_on_its_way_counts_for_the_admission_only(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.ask("BootNotification", BOOT, "garage")
    with desk.db.writing(keys=NO_KEYS):
        new_passwords.add(desk.db, "call", "garage", HASH, "none")
    garage = known_charger(desk.db, NO_ALLOWLIST, "garage")
    assert (garage.admission, garage.is_listed) == (CHANGING, False)
