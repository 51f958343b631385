"""Remedies: each reason of a refused attempt has one, and each remedy its sentence everywhere."""

import pytest

from shocpp.admission import decision, remedies
from shocpp.admission.remedies import Remedy
from shocpp.interfaces.cli.configuration.charge_points import remedy_sentence

REASONS = {
    value
    for name, value in vars(decision).items()
    if name.isupper() and isinstance(value, str) and name != "OTHERS"
}
KEYS = {
    value.key
    for value in (*vars(remedies).values(), *remedies.REMEDIES.values(), Remedy("no_subprotocol"))
    if isinstance(value, Remedy)
}


def test_each_reason_has_a_remedy() -> None:
    assert set(remedies.REMEDIES) == REASONS


@pytest.mark.parametrize("key", sorted(KEYS))
def test_each_remedy_has_a_sentence(key: str) -> None:
    row = {"id": "-garage", "told": "a box"}
    assert remedy_sentence(key, row)
