"""The command `operator`: the letterhead and the mail addresses of statements."""

import json

import pytest

from tests.world.home import Home

LETTERHEAD = (
    *("--name", "WEG Sonnenallee 12", "--address", "Sonnenallee 12", "--address", "12045 Berlin"),
    *("--contact", "030 1234567", "--tax-number", "DE123456789", "--signed-by", "Kassenwart"),
    *("--note", "Bitte bis zum 15. überweisen.", "--mail-from", "weg@example.org"),
    *("--mail-all", "kasse@example.org", "--mail-all", "beirat@example.org"),
)


def test_the_letterhead_is_printed_as_it_was_set(home: Home) -> None:
    assert home.run("shocpp", "operator").stdout == (
        "none; write the first line of it: shocpp operator set --name NAME\n"
    )
    done = home.run("shocpp", "operator", "set", *LETTERHEAD)
    assert (done.returncode, done.stderr) == (0, "")
    home.run("shocpp", "accounts", "set", "family-y", "--mail", "y@example.org")
    assert home.run("shocpp", "operator").stdout == (
        "name        WEG Sonnenallee 12\n"
        "address     Sonnenallee 12\n"
        "            12045 Berlin\n"
        "contact     030 1234567\n"
        "tax number  DE123456789\n"
        "signed by   Kassenwart\n"
        "note        Bitte bis zum 15. überweisen.\n"
        "mail from   weg@example.org\n"
        "mail all    kasse@example.org\n"
        "            beirat@example.org\n"
        "mail to     family-y: y@example.org\n"
    )
    printed = json.loads(home.run("shocpp", "operator", "--json").stdout)
    written = json.loads((home.folder / "conf" / "operator.json").read_text())
    unset = {"vat_id", "tax", "tax_note", "iban", "account_holder", "payment_days"}
    assert {key: value for key, value in printed.items() if key not in unset} == written
    assert not any(printed[key] for key in unset)


def test_an_empty_value_removes_it(home: Home) -> None:
    home.run("shocpp", "operator", "set", *LETTERHEAD)
    cleared = ("--address", "", "--contact", "", "--note", "", "--mail-all", "")
    assert home.run("shocpp", "operator", "set", *cleared).returncode == 0
    assert json.loads((home.folder / "conf" / "operator.json").read_text()) == {
        "name": "WEG Sonnenallee 12",
        "tax_number": "DE123456789",
        "signed_by": "Kassenwart",
        "mail": {"from": "weg@example.org"},
    }


@pytest.mark.parametrize(
    ("words", "code", "error"),
    [
        ((), 2, "name something to change"),
        (("--mail-from", "WEG"), 78, "'WEG' is no mail address; write it as kasse@example.org"),
        (("--name", "a\nb"), 78, "name must be a text on one line"),
    ],
)
def test_a_wrong_command_names_the_next_step(
    home: Home, words: tuple[str, ...], code: int, error: str
) -> None:
    refused = home.run("shocpp", "operator", "set", *words)
    assert (refused.returncode, refused.stdout) == (code, "")
    assert error in refused.stderr
    assert len(refused.stderr.splitlines()) == 1
    assert not (home.folder / "conf" / "operator.json").exists()
