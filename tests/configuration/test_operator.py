"""The parser of operator.json: valid files, and refusals with the location and the remedy."""

import json
from contextlib import suppress
from email.headerregistry import Address
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shocpp.configuration.operator import (
    NO_OPERATOR,
    Mail,
    Operator,
    OperatorFile,
    is_mail_address,
    load_operator,
    parse_operator,
)
from shocpp.errors import ConfigError
from tests.world.findings import check
from tests.world.home import Home
from tests.world.machine import ROOT

FROM = {"from": "weg@example.org"}


def parsed(entries: object) -> OperatorFile:
    """Return an operator.json, parsed."""
    return parse_operator(json.dumps(entries), "conf/operator.json")


def refusal(entries: object) -> str:
    """Return the sentence of the refusal of a file."""
    with pytest.raises(ConfigError) as refused:
        parsed(entries)
    sentence = str(refused.value)
    assert sentence.startswith("conf/operator.json")
    assert sentence.isprintable()
    return sentence


# --- valid files ---


def test_the_example_is_that_of_a_house_without_vat() -> None:
    file = load_operator(ROOT / "conf" / "operator.json.example")
    assert file.operator == Operator(
        name="WEG Sonnenallee 12",
        address=("Sonnenallee 12", "12045 Berlin"),
        contact=("030 1234567", "weg@example.org"),
        tax_number="34/123/45678",
        signed_by="Kassenwart",
        note="Fragen beantwortet der Kassenwart.",
        tax="none",
        iban="DE02120300000000202051",
        payment_days=14,
    )
    to = {"family-y": ("y@example.org",)}
    assert file.mail == Mail("weg@example.org", to, ("kasse@example.org",))


def test_taxes_and_payment_are_read() -> None:
    operator = parsed(
        {
            "name": "WEG",
            "vat_id": "DE123456789",
            "tax": "exempt",
            "tax_note": "§ 4 Nr. 13",
            "iban": " at61 1904 3002 3457 3201 ",
            "account_holder": "A. B.",
            "payment_days": 0,
        }
    ).operator
    assert (operator.vat_id, operator.tax, operator.tax_note) == (
        *("DE123456789", "exempt", "§ 4 Nr. 13"),
    )
    assert (operator.iban, operator.account_holder, operator.payment_days) == (
        *("AT611904300234573201", "A. B.", 0),
    )


def test_a_missing_file_is_an_empty_one(tmp_path: Path) -> None:
    assert load_operator(tmp_path / "operator.json") == NO_OPERATOR == parsed({})


def test_every_key_may_be_left_out_and_every_object_have_a_comment() -> None:
    file = parsed(
        {
            "comment": 1,
            "mail": {**FROM, "comment": {}},
        }
    )
    assert file.operator == NO_OPERATOR.operator
    assert file.mail == Mail("weg@example.org", {}, ())


def test_a_comment_may_be_there_twice() -> None:
    assert parse_operator('{"comment": 1, "comment": 2}', "x") == NO_OPERATOR


# --- refusals ---


@pytest.mark.parametrize(
    ("entries", "expected"),
    [
        ([], "the file must be an object, not []"),
        ({"nmae": "WEG"}, "the file: 'nmae' is unknown; there are name, tax_number, signed_by"),
        ({"name": 5}, "name must be a text on one line"),
        ({"name": None}, "not None"),
        ({"note": "one\ntwo"}, "note must be a text on one line"),
        ({"tax_number": "DE\t123"}, r"without control characters, not 'DE\t123'"),
        ({"signed_by": "\ud800"}, "signed_by must be a text"),
        ({"tax": "19"}, "tax must be one of vat, small-business, exempt, none, not '19'"),
        ({"tax": True}, "tax must be one of"),
        ({"tax": "exempt"}, "write the reason into tax_note"),
        ({"tax": "none", "tax_note": "inkl. USt"}, "remove tax_note"),
        ({"name": "x", "iban": "DE02 1203 0000 0000 2020 50"}, "its check digits do not fit"),
        (
            {"name": "x", "iban": "DE02 1203 0000 0000 2020 5"},
            "has 21 characters, one of DE has 22",
        ),
        ({"name": "x", "iban": "12030000"}, "iban: '12030000' is no IBAN"),
        ({"name": "x", "iban": 7}, "iban must be a text on one line"),
        ({"iban": "DE02120300000000202051"}, "iban needs account_holder"),
        ({"name": "x" * 71, "iban": "DE02120300000000202051"}, "with at most 70 characters"),
        ({"payment_days": -1}, "payment_days must be a whole number from 0 to 365, not -1"),
        ({"payment_days": True}, "payment_days must be a whole number"),
        ({"payment_days": "14"}, "payment_days must be a whole number"),
        ({"address": "Sonnenallee 12"}, "address must be a list of lines"),
        ({"contact": ["030", 4]}, "contact, line 2 must be a text on one line"),
        ({"mail": []}, "mail must be an object"),
        ({"mail": {"from": ""}}, "mail, from: '' is no mail address"),
        ({"mail": {**FROM, "cc": []}}, "mail: 'cc' is unknown; there are from, to, all, comment"),
        ({"mail": {**FROM, "to": ["y@example.org"]}}, "mail, to must be an object"),
        ({"mail": {**FROM, "to": {"y": "y@example.org"}}}, "mail, to 'y' must be a list of mail"),
        ({"mail": {**FROM, "to": {"y": []}}}, "mail, to 'y' must be a list of mail addresses"),
        ({"mail": {**FROM, "to": {"y": [1]}}}, "mail, to 'y': 1 is no mail address"),
        ({"mail": {**FROM, "to": {"y": ["a@b", "a@b"]}}}, "mail, to 'y': a@b is there twice"),
        ({"mail": {**FROM, "all": "kasse@example.org"}}, "mail, all must be a list of mail"),
        (
            {"mail": {**FROM, "to": {"y z": ["a@b"], "y\u00a0z": ["c@d"]}}},
            "mail, to: 'y z' is there twice; keep one of them",
        ),
        ({"mail": {"from": "WEG <weg@example.org>"}}, "mail, from: 'WEG <weg@example.org>' is no"),
        ({"mail": {"from": None}}, "mail, from: None is no mail address; write it as kasse@"),
    ],
)
def test_an_error_is_reported_with_its_location(entries: object, expected: str) -> None:
    assert expected in refusal(entries)


@pytest.mark.parametrize("meters", [{}, [], {"garage": {"name": "Stellplatz 4"}}])
def test_the_meters_of_an_older_file_are_refused_with_their_new_file(meters: object) -> None:
    sentence = refusal({"name": "WEG", "meters": meters})
    assert "meters are now in conf/charge_points.json, as name, meter_serial and note" in sentence
    assert '"*": {"auth": "none"} admits all others; see conf/charge_points' in sentence


def test_a_no_break_blank_becomes_a_blank() -> None:
    text = (
        '{"name": "WEG\u00a0Sonnenallee", "mail": {"from": "a@b", "to": {"y\u202fGmbH": ["a@b"]}}}'
    )
    file = parse_operator(text, "operator.json")
    assert file.operator.name == "WEG Sonnenallee"
    assert list(file.mail.to) == ["y GmbH"]


def test_a_key_that_is_there_twice_is_refused() -> None:
    with pytest.raises(
        ConfigError, match="is not JSON: 'name' is there twice, line 1; see conf/operator"
    ):
        parse_operator('{"name": "WEG", "name": "GmbH"}', "operator.json")


@pytest.mark.parametrize(
    ("text", "expected"), [("{", "is not JSON"), ("[" * 100_000, "is not JSON")]
)
def test_a_text_that_is_not_json_is_refused(text: str, expected: str) -> None:
    with pytest.raises(ConfigError, match=expected):
        parse_operator(text, "operator.json")


def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read: Is a directory; see its rights"):
        load_operator(tmp_path)
    latin = tmp_path / "operator.json"
    latin.write_bytes('{"name": "Müller"}'.encode("latin-1"))
    with pytest.raises(ConfigError, match=r"cannot be read: .*; save it as UTF-8"):
        load_operator(latin)


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["name", "address", "meters", "mail", "from", "to", "all", "x"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=8,
)


@given(ANYTHING)
def test_any_content_is_read_or_refused_in_one_sentence(entries: Any) -> None:
    with suppress(ConfigError):
        assert isinstance(parsed(entries), OperatorFile)
        return
    assert refusal(entries)


# --- addresses ---


@pytest.mark.parametrize(
    "address",
    ["a@b", "kasse@example.org", "first.last+weg@mail.example.co.uk", "o'neil@xn--mller-kva.de"],
)
def test_a_plain_mail_address_is_valid(address: str) -> None:
    assert is_mail_address(address)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "example.org",
        "@example.org",
        "a@",
        "a@b@c",
        "a@b\n",
        "a@b\r\nBcc: c@d",
        "a@b, c@d",
        "a b@c",
        "A <a@b>",
        "<a@b>",
        '"a b"@c',
        "a..b@c",
        ".a@b",
        "a.@b",
        "a@b.",
        "a@.b",
        "a@-b",
        "a@b-",
        "ä@example.org",
        "a@müller.de",
        "a@b\0",
        f"{'a' * 65}@b",
        f"a@{'b' * 64}",
        f"a@{'.'.join(['b' * 60] * 5)}",
    ],
)
def test_a_text_that_only_looks_like_an_address_is_invalid(text: str) -> None:
    assert not is_mail_address(text)


@given(st.from_regex(r"[!-~]{1,8}@[A-Za-z0-9.-]{1,8}", fullmatch=True))
def test_a_valid_address_is_valid_for_the_mail_library(text: str) -> None:
    if is_mail_address(text):
        assert Address(addr_spec=text).addr_spec == text


# --- shocpp check ---


def test_check_reports_an_error_in_the_file(home: Home) -> None:
    home.run("shocpp", "migrate")
    (home.folder / "conf" / "operator.json").write_text('{"nmae": "WEG"}')
    ended = check(home)
    assert ended.returncode == 1
    assert "'nmae' is unknown; there are name" in ended.stdout


def test_check_reports_unknown_accounts(home: Home) -> None:
    home.run("shocpp", "migrate")
    entries = {
        "mail": {**FROM, "to": {"famly-y": ["y@example.org"], "family-y": ["y@example.org"]}},
    }
    (home.folder / "conf" / "operator.json").write_text(json.dumps(entries))
    output = check(home).stdout
    assert "there is no account 'famly-y'" in output
    assert "'family-y'" not in output
    assert "has mail addresses, but SHOCPP_SMTP is not set" in output
