"""Signed values of meters, from the charger to the file that transparency software reads."""

import base64
import json
import shutil
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shocpp.bookkeeping.accounting_files.record_files import RecordFiles, write_files
from shocpp.clock import now_ms
from shocpp.ocpp.facts import SignedValue
from shocpp.ocpp.meter_values.signed_values import sample_text
from shocpp.reports.transparency import Encoded, key_of, signatures_of, xml_of
from shocpp.store.books import signed_values
from shocpp.store.database import open_database
from shocpp.store.schema.migrations import migrate
from tests.recovery.test_rebuild import lose
from tests.recovery.test_restore import taken
from tests.world.home import Home
from tests.world.machine import ROOT
from tests.world.visits import EVENING, MORNING, NOON, review, say, start, stop

KEY = "3056301006072A8648CE3D020106052B8104000A0342000446"
BEGIN = (
    'OCMF|{"TX":"B","ID":"Müller & <Söhne> \U0001f50c","TT":"a/b\\\\c","RV":9042.10}|{"SD":"30"}'
)
END = 'OCMF|{"TX":"E","RD":"' + "x" * 20_000 + '"}|{"SD":"]]>"}'


def sample(value: object, context: str | None = None, **more: object) -> dict[str, object]:
    """Return a signed sampledValue; `context` is `Begin`, `End` or None."""
    contexts = {} if context is None else {"context": f"Transaction.{context}"}
    return {"value": value, "format": "SignedData", **contexts, **more}


def with_samples(call: tuple[str, dict[str, object]], *samples: object) -> Any:
    """Return a StopTransaction with these samples as its transactionData."""
    action, payload = call
    entries = [{"timestamp": payload["timestamp"], "sampledValue": list(samples)}]
    return action, {**payload, "transactionData": entries}


def signed(when: str, sent: int, *samples: object) -> Any:
    """Return MeterValues with these samples."""
    entries = [{"timestamp": when, "sampledValue": list(samples)}]
    return "MeterValues", {"connectorId": 1, "transactionId": sent, "meterValue": entries}


@pytest.fixture(scope="module")
def charged(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """Return a home with one signed transaction, which is record 1: family-y, 4 kWh."""
    home = Home(tmp_path_factory.mktemp("charged") / "home")
    assert home.run("shocpp", "migrate").returncode == 0
    say(
        home,
        start(1_000, MORNING),
        signed(MORNING, 20_000_001, sample(BEGIN, "Begin", unit="kWh")),
        with_samples(stop(5_000, NOON), sample(BEGIN, "Begin"), sample(END, "End")),
    )
    return home


@pytest.fixture
def signed_home(home: Home, charged: Home) -> Home:
    """Return a home of the test's own with a copy of `charged`."""
    for name in ("db", "accounting"):
        source, own = charged.folder / name, home.folder / name
        shutil.copytree(source, own, ignore=shutil.ignore_patterns("*-bells", "*-cgi"))
    return home


def exported(home: Home, number: int | str = 1) -> list[tuple[dict[str, str], dict[str, Any]]]:
    """Return the values of `shocpp transactions --signed`: their attributes and their parts."""
    done = home.run("shocpp", "transactions", "--signed", str(number))
    assert done.returncode == 0, done.stderr
    return parsed(done.stdout)


def parsed(xml: str) -> list[tuple[dict[str, str], dict[str, Any]]]:
    """Return the values of an XML file: their attributes and their parts."""
    root = ElementTree.fromstring(xml.encode())
    assert root.tag == "values"
    return [
        (value.attrib, {part.tag: (part.attrib, part.text) for part in value}) for value in root
    ]


def stored(home: Home) -> list[tuple[Any, ...]]:
    """Return the stored signed values, without the numbers of their records."""
    return home.query(
        "SELECT charge_point_id, connector_id, transaction_id, sampled_at, context, measurand,"
        " sample, number IS NULL FROM signed_values ORDER BY sampled_at, context, sample"
    )


# --- shocpp transactions --signed ---


def test_a_record_is_exported_with_the_exact_begin_and_end(signed_home: Home) -> None:
    plain = {"format": "OCMF", "encoding": "plain"}
    assert exported(signed_home) == [
        (
            {"transactionId": "20000001", "context": "Transaction.Begin"},
            {"signedData": (plain, BEGIN)},
        ),
        ({"transactionId": "20000001", "context": "Transaction.End"}, {"signedData": (plain, END)}),
    ]


def test_the_file_has_the_same_content_as_the_output(signed_home: Home, tmp_path: Path) -> None:
    path = tmp_path / "1.xml"
    done = signed_home.run("shocpp", "transactions", "--signed", "1", "-o", str(path))
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert path.read_text() == signed_home.run("shocpp", "transactions", "--signed", "1").stdout
    assert path.read_text().startswith('<?xml version="1.0" encoding="UTF-8"?>\n<values>\n')


def test_a_decision_about_a_record_has_the_signed_values_of_the_record(signed_home: Home) -> None:
    review(signed_home, "correct", "1", "--account", "company-x")
    assert [row[0] for row in signed_home.query("SELECT number FROM accounting")] == [1, 2, 3]
    assert exported(signed_home, 3) == exported(signed_home, 2) == exported(signed_home, 1)


def test_an_unmatched_stop_has_its_own_signed_values(signed_home: Home) -> None:
    say(signed_home, with_samples(stop(9, EVENING, 7), sample("AP;0;3;X", "End")))
    say(signed_home, with_samples(stop(9, EVENING, 2**70), sample(END, "End")))
    assert [attributes["transactionId"] for attributes, _ in exported(signed_home, 2)] == ["7"]
    assert exported(signed_home, 2)[0][1]["signedData"][0]["format"] == "ALFEN"
    assert exported(signed_home, 3)[0][0]["transactionId"] == str(2**70)
    assert signed_home.query("SELECT number, context FROM signed_values WHERE number > 1") == [
        (2, "Transaction.End"),
        (3, "Transaction.End"),
    ]
    review(signed_home, "assign", "2", "--account", "family-y")
    ((newest,),) = signed_home.query("SELECT max(number) FROM accounting")
    assert newest > 3
    assert exported(signed_home, newest) == exported(signed_home, 2)


def test_an_impossible_export_is_refused_in_one_line(signed_home: Home) -> None:
    say(signed_home, start(5_000, EVENING), stop(6_000, EVENING))
    for words, complaint in (
        (("--signed", "2"), "record 2 has no signed values; its charger has sent none"),
        (("--signed", "3"), "there is no record 3; numbers are those of the view accounting"),
        (("--signed", str(2**70)), f"there is no record {2**70}; numbers are"),
        (("-o", "x"), "-o is the file of signed values; name their record: --signed 12"),
        (("--signed", "1", "--json"), "signed values are XML; leave out --json"),
    ):
        done = signed_home.run("shocpp", "transactions", *words)
        assert done.returncode == 2
        assert done.stderr.startswith(complaint)
        assert len(done.stderr.splitlines()) == 1


def test_the_ready_query_counts_the_signed_values_of_records(signed_home: Home) -> None:
    say(signed_home, start(5_000, EVENING), stop(6_000, EVENING))
    query = (ROOT / "db" / "reports" / "signed_values.sql").read_text()
    assert [(row[0], *row[-3:]) for row in signed_home.query(query)] == [(1, 3, 2, 1), (2, 0, 0, 0)]


# --- stored values, and their recovery ---


def test_a_repeated_value_is_stored_once(signed_home: Home) -> None:
    before = stored(signed_home)
    assert len(before) == 3
    again = signed(MORNING, 20_000_001, sample(BEGIN, "Begin", unit="kWh"))
    say(signed_home, again, with_samples(stop(5_000, NOON), sample(END, "End")), again)
    assert stored(signed_home) == before


def test_a_record_file_has_the_values_unchanged(signed_home: Home) -> None:
    (path,) = signed_home.record_files()
    values = json.loads(path.read_text())["signed"]
    assert [
        (value["connector_id"], value["sampled_text"], value["context"], value["with_stop"])
        for value in values
    ] == [
        (1, MORNING, "Transaction.Begin", 0),
        (1, NOON, "Transaction.Begin", 1),
        (1, NOON, "Transaction.End", 1),
    ]
    assert json.loads(values[0]["sample"]) == sample(BEGIN, "Begin", unit="kWh")
    assert list(json.loads(values[0]["sample"])) == ["value", "format", "context", "unit"]


def test_a_rebuild_from_the_files_restores_the_values(signed_home: Home) -> None:
    say(signed_home, with_samples(stop(9, EVENING, 7), sample("AP;0;3;X", "End")))
    say(signed_home, with_samples(stop(5_500, EVENING, 20_000_001), sample("OCMF|second", "End")))
    review(signed_home, "correct", "1", "--account", "company-x")
    before, xml = stored(signed_home), exported(signed_home)
    files = in_files(signed_home)
    assert sum(len(signed) for signed in files.values()) == 5
    lose(signed_home)
    done = signed_home.run("shocpp", "rebuild")
    assert (done.returncode, done.stderr) == (0, "")
    assert stored(signed_home) == before
    assert exported(signed_home) == xml
    shutil.rmtree(signed_home.folder / "accounting")
    with open_database(signed_home.database) as db:
        RecordFiles(signed_home.settings.accounting_folder).requeue_missing(db)
        write_files(db, signed_home.settings)
    assert in_files(signed_home) == files


def in_files(home: Home) -> dict[str, list[dict[str, Any]]]:
    """Return the signed values in the record files, by the names of the files."""
    return {path.name: json.loads(path.read_text())["signed"] for path in home.record_files()}


def test_a_rebuild_from_the_frames_derives_the_values_again(signed_home: Home) -> None:
    say(signed_home, signed(EVENING, 20_000_001, sample("late", "End")))
    before, xml = stored(signed_home), exported(signed_home)
    assert len(before) == 4
    done = signed_home.run("shocpp", "rebuild", "--frames")
    assert (done.returncode, done.stderr) == (0, "")
    assert stored(signed_home) == before
    assert exported(signed_home) == xml


def test_an_import_restores_the_values_and_accepts_older_files(signed_home: Home) -> None:
    before = stored(signed_home)
    ours = signed_home.folder / "copy"
    shutil.copytree(signed_home.folder / "accounting", ours)
    lose(signed_home)
    migrate(signed_home.database, now_ms())
    assert signed_home.run("shocpp", "import", str(ours)).returncode == 0
    assert stored(signed_home) == before
    lose(signed_home)
    migrate(signed_home.database, now_ms())
    (path,) = ours.glob("*/*/*.json")
    record = json.loads(path.read_text())
    del record["signed"]
    path.write_text(json.dumps(record))
    assert signed_home.run("shocpp", "import", str(ours)).returncode == 0
    assert stored(signed_home) == []


def test_a_file_with_invalid_values_is_refused_by_name(signed_home: Home) -> None:
    (path,) = signed_home.record_files()
    record = json.loads(path.read_text())
    good = record["signed"][0]
    shutil.rmtree(signed_home.folder / "db")
    migrate(signed_home.database, now_ms())
    for odd in (
        *({"x": 1}, [5], [{}], [{"sample": "{}"}]),
        *([good | {"sample": text}] for text in ("x", "[]", '{"x":NaN}', "[" * 100_000, None)),
        *([good | {name: None}] for name in ("connector_id", "received_ms", "with_stop")),
        *([good | {"received_ms": "x"}], [good | {"context": ["x"]}], [good | {"with_stop": 2}]),
    ):
        path.write_text(json.dumps(record | {"signed": odd}))
        restored, _, (refused,), _ = taken(signed_home, path)
        assert (restored, refused.startswith(str(path))) == (0, True), odd
    path.write_text(json.dumps(record))
    assert taken(signed_home, path) == (1, 0, [], [])


def test_a_full_record_file_still_has_begin_and_end(home: Home) -> None:
    assert home.run("shocpp", "migrate").returncode == 0
    long = "x" * (signed_values.MOST_CHARACTERS // 4)
    say(
        home,
        start(1_000, MORNING),
        *[signed(MORNING, 20_000_001, sample(f"{number}{long}")) for number in range(5)],
        signed(MORNING, 20_000_001, sample(BEGIN, "Begin")),
        with_samples(stop(5_000, NOON), sample(END, "End")),
    )
    (path,) = home.record_files()
    contexts = [value["context"] for value in json.loads(path.read_text())["signed"]]
    assert contexts == [None, None, None, "Transaction.Begin", "Transaction.End"]
    assert len(exported(home)) == 7


# --- the wrapping of a signed text ---


OCMF = 'OCMF|{"FV":"1.0"}|{"SD":"30"}'
IN_BASE64 = base64.b64encode(OCMF.encode()).decode()
EVBOX = '<values><value><signedData format="ALFEN">AP;1;X</signedData></value></values>'


@pytest.mark.parametrize(
    ("value", "format_", "content"),
    [
        (OCMF, "OCMF", ("plain", OCMF)),
        (f" {OCMF}\n", "OCMF", ("plain", f" {OCMF}\n")),
        (IN_BASE64, "OCMF", ("plain", OCMF)),
        (OCMF.encode().hex(), "OCMF", ("plain", OCMF)),
        (OCMF.encode().hex(" ").upper(), "OCMF", ("plain", OCMF)),
        ({"signedMeterData": IN_BASE64, "encodingMethod": "EDL"}, "OCMF", ("plain", OCMF)),
        ({"signedMeterValue": OCMF}, "OCMF", ("plain", OCMF)),
        ("AP;0;3;X", "ALFEN", ("plain", "AP;0;3;X")),
        (EVBOX, "ALFEN", ("plain", "AP;1;X")),
        (base64.b64encode(EVBOX.encode()).decode(), "ALFEN", ("plain", "AP;1;X")),
        ({"signedMeterData": "0aFf", "encodingMethod": "EDL 40 P"}, "EDL_40_P", ("hex", "0aFf")),
        ({"signedMeterData": "AQID/w==", "encodingMethod": "pcdf"}, "PCDF", ("base64", "AQID/w==")),
        ({"signedMeterData": 5}, "", ("plain", "5")),
        ({"other": "x"}, "", ("plain", '{"other": "x"}')),
        ('{"other":"x"}', "", ("plain", '{"other":"x"}')),
        ('{"signedMeterData"', "", ("plain", '{"signedMeterData"')),
        ("{" * 100_000, "", ("plain", "{" * 100_000)),
        ("<values><value>", "", ("plain", "<values><value>")),
        ("<values/>", "", ("plain", "<values/>")),
        ("a text", "", ("plain", "a text")),
        ("a\x01b", "", ("base64", "YQFi")),
        ('{"signedMeterData":"a\\ud800"}', "", ("base64", "Ye2ggA==")),
        (5, "", ("plain", "5")),
    ],
    ids=lambda value: str(value)[:30],
)
def test_the_signed_text_is_unwrapped_and_otherwise_unchanged(
    value: object, format_: str, content: tuple[str, str]
) -> None:
    for sent in (value, json.dumps(value) if isinstance(value, dict) else value):
        if sent == '{"other": "x"}':
            continue
        (signature,) = signatures_of(sent)
        assert (signature.format, tuple(signature.content)) == (format_, content)


def test_xml_with_two_values_is_split_and_xml_with_entities_is_not_read() -> None:
    xml = (
        '<values xmlns="urn:x"><value><signedData format="ocmf">OCMF|1</signedData>'
        f'<publicKey encoding="hex">{KEY}</publicKey></value>'
        "<value><signedData>OCMF|2</signedData></value><value/></values>"
    )
    assert [tuple(signature) for signature in signatures_of(xml)] == [
        ("OCMF", ("plain", "OCMF|1"), ("hex", KEY)),
        ("OCMF", ("plain", "OCMF|2"), None),
    ]
    bomb = f'<!DOCTYPE x [<!ENTITY a "aaaa">]>{xml}'
    assert [tuple(signature) for signature in signatures_of(bomb)] == [("", ("plain", bomb), None)]


def in_base64(text: str) -> str:
    """Return the text as Base64."""
    return base64.b64encode(text.encode()).decode()


@pytest.mark.parametrize(
    ("sent_key", "key"),
    [
        (in_base64(f"oca:base16:asn1:{KEY}"), ("hex", KEY)),
        (in_base64(f"oca:base16:asn1:0x{KEY[:6]} {KEY[6:]}\n"), ("hex", KEY)),
        (f"oca:base16:asn1:{KEY}", ("hex", KEY)),
        (in_base64("oca:base64:asn1:MFYwEAYHKoZIzj0CAQYFK4EEAAoD"), None),
        (in_base64(KEY), ("hex", KEY)),
        (KEY, ("hex", KEY)),
        (f" {KEY}\n", ("hex", KEY)),
        ("MFYwEAYHKoZIzj0CAQYFK4EEAAoD", ("base64", "MFYwEAYHKoZIzj0CAQYFK4EEAAoD")),
        ("not a key", ("plain", "not a key")),
    ],
)
def test_a_public_key_becomes_the_one_printed_on_the_meter(
    sent_key: str, key: tuple[str, str] | None
) -> None:
    assert key_of(sent_key) == Encoded(*(key or ("base64", "MFYwEAYHKoZIzj0CAQYFK4EEAAoD")))


@pytest.mark.parametrize("sent_key", ["", "  \n"])
def test_an_empty_key_is_none(sent_key: str) -> None:
    assert key_of(sent_key) is None


def wrapped(value: str, key: str) -> str:
    """Return a SignedMeterValueType as JSON, the Open Charge Alliance's way for OCPP 1.6."""
    data = in_base64(value)
    return json.dumps(
        {"signedMeterData": data, "signingMethod": "", "encodingMethod": "OCMF", "publicKey": key}
    )


def values_of(*samples: dict[str, object]) -> list[SignedValue]:
    """Return signed values as they are stored."""
    return [
        SignedValue(
            None, str(value["context"]) if "context" in value else None, None, sample_text(value)
        )
        for value in samples
    ]


def test_the_only_key_of_a_transaction_is_used_for_all_its_values() -> None:
    oca = in_base64(f"oca:base16:asn1:{KEY}")
    values = values_of(
        sample(wrapped("OCMF|1", ""), "Begin"),
        sample("OCMF|1", "Begin"),
        sample(wrapped("OCMF|2", oca), "End"),
    )
    assert [
        (attributes["context"], parts["publicKey"], parts["signedData"][1])
        for attributes, parts in parsed(xml_of("7", values))
    ] == [
        ("Transaction.Begin", ({"encoding": "hex"}, KEY), "OCMF|1"),
        ("Transaction.End", ({"encoding": "hex"}, KEY), "OCMF|2"),
    ]


@pytest.mark.parametrize("value", ["", " \n", None, wrapped("", KEY)])
def test_an_empty_signed_text_is_left_out(value: object) -> None:
    ((_, parts),) = parsed(xml_of("7", values_of(sample(value), sample("OCMF|1"))))
    assert parts["signedData"][1] == "OCMF|1"
    assert parsed(xml_of("7", values_of(sample(value), {"format": "SignedData"}))) == []


def test_two_different_keys_are_not_used_for_other_values() -> None:
    values = values_of(
        sample(wrapped("OCMF|1", KEY)),
        sample(wrapped("OCMF|2", KEY + "00")),
        sample("OCMF|3"),
        sample(wrapped("OCMF|1", "")),
    )
    keys = [parts.get("publicKey") for _, parts in parsed(xml_of("7", values))]
    assert keys == [({"encoding": "hex"}, KEY), ({"encoding": "hex"}, KEY + "00"), None]


def test_a_context_of_a_vendor_is_escaped() -> None:
    odd = {"value": "OCMF|1", "context": 'a"<&\n\x00'}
    ((attributes, _),) = parsed(xml_of("7", values_of(odd)))
    assert attributes["context"] == 'a"<&\n\ufffd'
    ((attributes, _),) = parsed(xml_of("7", values_of({"value": "OCMF|1"})))
    assert attributes["context"] == "Sample.Periodic"


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=100))
def test_every_text_survives_the_xml(text: str) -> None:
    ((_, parts),) = parsed(xml_of("7", values_of(sample(f"OCMF|{text}"))))
    attributes, content = parts["signedData"]
    if attributes["encoding"] == "base64":
        content = base64.b64decode(content).decode()
    assert (attributes["format"], content) == ("OCMF", f"OCMF|{text}")
