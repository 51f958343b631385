"""The means by which chargers switch their phases: the table, and their own word."""

import re

import pytest

from shocpp.charger_models.phase_switching import (
    NUMBER_PHASES,
    VENDORS,
    Means,
    Ways,
    command_of,
    ways_of,
)

SAYS_SO = {"ConnectorSwitch3to1PhaseSupported": "true"}


@pytest.mark.parametrize(
    ("vendor", "model", "values", "expected"),
    [
        ("go-e", "Gemini", {}, Ways(NUMBER_PHASES)),
        ("Alfen BV", "NG910", {}, Ways(NUMBER_PHASES)),
        ("Charge Amps AB", "Aura", {}, Ways(NUMBER_PHASES)),
        ("KEBA AG", "P30", SAYS_SO, Ways(None, 300)),
        ("Wall Box Chargers", "Pulsar", {}, Ways(None)),
        ("Mennekes", "Amtron", SAYS_SO, Ways(None)),
        ("maker", "model", {}, Ways(None)),
        ("maker", "model", SAYS_SO, Ways(NUMBER_PHASES)),
        ("maker", "model", {"connectorswitch3to1phasesupported": " True"}, Ways(NUMBER_PHASES)),
        ("maker", "model", {"ACPhaseSwitchingSupported": "true"}, Ways(NUMBER_PHASES)),
        ("maker", "model", {"ConnectorSwitch3to1PhaseSupported": "false"}, Ways(None)),
        (None, None, {}, Ways(None)),
    ],
)
def test_the_table_counts_before_the_word_of_the_charger(
    vendor: str | None, model: str | None, values: dict[str, str], expected: Ways
) -> None:
    assert ways_of(vendor, model, values) == expected


def test_each_row_has_a_public_source() -> None:
    for row in VENDORS:
        assert row.sources, row.name
        for source in row.sources:
            assert re.fullmatch(r"[\w.-]+(/[\w.-]+)?#\d+", source), source


def test_the_command_is_that_of_the_means() -> None:
    assert command_of(NUMBER_PHASES, 1, 1) is None
    key = Means(key="Phases{connector}", one="single", three="three")
    assert command_of(key, 2, 1) == (
        "ChangeConfiguration",
        {"key": "Phases2", "value": "single"},
    )
    transfer = Means(vendor_id="maker", message_id="Phases", one='{"c": {connector}}')
    assert command_of(transfer, 1, 1) == (
        "DataTransfer",
        {"vendorId": "maker", "messageId": "Phases", "data": '{"c": 1}'},
    )
    assert command_of(Means(vendor_id="maker"), 1, 3) == (
        "DataTransfer",
        {"vendorId": "maker", "data": "3"},
    )
