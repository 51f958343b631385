"""Tests of phrases and figures in German and English; each reason in the sources has a phrase."""

import ast
from collections.abc import Iterator
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shocpp.language.dates import local_time, spelled
from shocpp.language.figures import ct_per_kwh, euro, kwh, percent
from shocpp.language.phrases import FORMER, GERMAN, STOP_REASONS, entry, masked, phrase, stop_reason
from shocpp.ledger.decisions import ENDED_BY_HAND
from shocpp.ledger.missing_start import START_ASSUMED, START_DECODED, START_IN_STOP
from shocpp.ledger.record import ENERGY_UNKNOWN, OVERLAPS, RESTARTED, SECOND_STOP
from shocpp.ledger.transactions import CARD_LEARNED, DEFAULT_TAG_USED
from shocpp.ocpp.fields.from_charge_point import FROM_CHARGE_POINT
from tests.world.machine import ROOT

BERLIN = ZoneInfo("Europe/Berlin")
PACKAGES = ("bookkeeping", "ledger", "ocpp", "recovery")
NAMED = {"flags", "review", "unmatched", "note"}
FROM_ELSEWHERE = {
    OVERLAPS,
    RESTARTED,
    SECOND_STOP,
    DEFAULT_TAG_USED,
    CARD_LEARNED,
    ENDED_BY_HAND,
    ENERGY_UNKNOWN,
    START_ASSUMED,
    START_DECODED,
    START_IN_STOP,
    "split by meter values",
    "split by time",
    "start not known, price of its stop",
}


# --- reasons and flags in the sources ---


def reasons_in(source: str) -> set[str]:
    """Return every reason and flag that a module can make, with `{}` for each variable part."""
    reasons: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        for expression in _reason_expressions(node):
            for text in _texts(expression):
                reasons.update(text.split("; "))
    return reasons - {""}


def _reason_expressions(node: ast.AST) -> Iterator[ast.expr]:
    """Yield the expressions that become a record's review or flags."""
    if isinstance(node, ast.Call):
        yield from (word.value for word in node.keywords if word.arg in NAMED)
        if ast.unparse(node.func) in ("flags.append", "reviews.append"):
            yield node.args[0]
    if isinstance(node, ast.AugAssign | ast.Assign | ast.AnnAssign) and node.value is not None:
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        if any(ast.unparse(target) in ("flags", "reviews") for target in targets):
            yield node.value
    if isinstance(node, ast.FunctionDef) and node.returns is not None:
        returned = ast.unparse(node.returns)
        if returned.endswith(", tuple[str, ...]]"):
            for inner in ast.walk(node):
                if isinstance(inner, ast.Return) and isinstance(inner.value, ast.Tuple):
                    yield inner.value.elts[-1]


def _texts(expression: ast.expr) -> Iterator[str]:
    """Yield the strings of an expression, with `{}` for each variable part."""
    if isinstance(expression, ast.Constant) and isinstance(expression.value, str):
        yield expression.value
    elif isinstance(expression, ast.JoinedStr):
        yield "".join(
            str(part.value) if isinstance(part, ast.Constant) else "{}"
            for part in expression.values
        )
    elif not isinstance(expression, ast.Call):
        for part in ast.iter_child_nodes(expression):
            if isinstance(part, ast.expr):
                yield from _texts(part)


def reasons_by_file() -> dict[str, set[str]]:
    """Return the reasons and flags of each file of PACKAGES."""
    return {
        str(file.relative_to(ROOT)): reasons_in(file.read_text())
        for package in PACKAGES
        for file in sorted((ROOT / "shocpp" / package).rglob("*.py"))
    }


def test_every_reason_and_flag_of_the_sources_has_a_german_form() -> None:
    missing = {
        f"{file}: {english}"
        for file, reasons in reasons_by_file().items()
        for english in reasons
        if english not in GERMAN
    }
    assert missing == set(), "give it a German form in shocpp/language/phrases.py"


def test_no_german_form_is_of_a_reason_that_no_longer_exists() -> None:
    reasons = set().union(*reasons_by_file().values())
    assert set(GERMAN) - reasons - FROM_ELSEWHERE == set()
    assert set(FORMER) & reasons == set()


def test_a_reason_of_an_older_version_has_its_german_form() -> None:
    for english, german in FORMER.items():
        assert phrase(english.format("anna"), "de") == german.format("anna")


def test_the_collection_finds_reasons_of_each_form_of_code() -> None:
    by_file = reasons_by_file()
    for file, english in {
        "shocpp/ledger/booking.py": "more than {} kWh",
        "shocpp/ledger/matching.py": "matched without its id",
        "shocpp/ledger/decisions.py": "never stopped",
        "shocpp/ledger/transactions.py": "start time implausible",
        "shocpp/ocpp/actions.py": "{} unreadable",
        "shocpp/bookkeeping/billing.py": "see the log",
        "shocpp/recovery/filed/records.py": "the file says {} kWh of its readings",
        "shocpp/recovery/restore.py": "{} has the same account and readings",
    }.items():
        assert english in by_file[file]


def test_the_collection_finds_reasons_of_new_code() -> None:
    assert reasons_in(
        "def f(row) -> tuple[int, tuple[str, ...]]:\n"
        "    flags += ('a',)\n"
        "    reviews.append(f'b {row} c' if row else 'd; e')\n"
        "    Match(unmatched='f', flags=('g', *more))\n"
        "    row._replace(review='; '.join(reviews) or None)\n"
        "    return 0, ('h',)\n"
    ) == {"a", "b {} c", "d", "e", "f", "g", "h"}


# --- phrases ---


@pytest.mark.parametrize(
    ("english", "german"),
    [
        ("", ""),
        ("never stopped", "nie beendet"),
        ("more than 200 kWh", "mehr als 200 kWh"),
        ("more than 200 kWh; never stopped", "mehr als 200 kWh; nie beendet"),
        ("meterStop unreadable", "meterStop unlesbar"),
        ("connector id unreadable", "Anschlussnummer unlesbar"),
        ("late: 2026-10 is closed", "verspätet: 2026-10 ist abgeschlossen"),
        ("id off by -31", "Vorgangsnummer um -31 daneben"),
        (
            "assigned by anna: it was not readable, see the {note}",
            "zugeordnet von anna: it was not readable, see the {note}",
        ),
        (
            "1693727530-0326fd891def.json has the same account and readings",
            "1693727530-0326fd891def.json hat denselben Mandanten und dieselben Zählerstände",
        ),
        (
            "it could not be processed; see the log",
            "es konnte nicht verarbeitet werden; siehe Protokoll",
        ),
        ("what a later version says", "what a later version says"),
        ("quite a lot unreadable", "quite a lot unreadable"),
    ],
)
def test_reasons_are_translated_and_unknown_ones_stay(english: str, german: str) -> None:
    assert phrase(english, "de") == german
    assert phrase(english, "en") == english


@pytest.mark.parametrize("english", GERMAN)
def test_a_number_or_a_name_in_a_phrase_stays(english: str) -> None:
    german = phrase(english.replace("{}", "2026-10"), "de")
    assert german == GERMAN[english].replace("{}", "2026-10")


@given(st.text(), st.sampled_from(("de", "en")))
def test_a_phrase_of_any_text_raises_nothing(text: str, language: str) -> None:
    assert phrase(text, language).count("; ") >= text.count("; ")


@pytest.mark.parametrize("language", ["de", "en"])
def test_every_stop_reason_of_the_protocol_has_a_phrase(language: str) -> None:
    reasons = FROM_CHARGE_POINT["StopTransaction"]["reason"].one_of
    assert set(STOP_REASONS[language]) == set(reasons)
    assert all(stop_reason(reason, language) != reason for reason in reasons)


def test_a_reason_of_a_vendor_stays_as_it_is() -> None:
    assert stop_reason("Vandalism", "de") == "Vandalism"


def test_every_kind_of_record_has_a_name() -> None:
    assert [entry(kind, "de") for kind in ("record", "reversal", "replacement", "dismissal")] == [
        *("Vorgang", "Storno", "Korrektur", "verworfen")
    ]
    assert entry("reversal", "en") == "reversal"


# --- figures ---


@pytest.mark.parametrize(
    ("figure", "german", "english"),
    [
        (kwh, {0: "0,000", 33_250: "33,250", -5: "-0,005", 1_234_567: "1234,567"}, None),
        (euro, {0: "0,00", 1_040: "10,40", -7: "-0,07", 123_456_78: "123456,78"}, None),
        (
            ct_per_kwh,
            {312_700: "31,27", 340_000: "34,00", 312_750: "31,275", 1: "0,0001", -100: "-0,01"},
            None,
        ),
        (
            percent,
            {1900: "19 %", 1950: "19,5 %", 725: "7,25 %", 0: "0 %", 1000: "10 %"},
            {1900: "19%", 1950: "19.5%", 725: "7.25%", 0: "0%", 1000: "10%"},
        ),
    ],
)
def test_figures_are_written_as_the_language_writes_them(
    figure: object, german: dict[int, str], english: dict[int, str] | None
) -> None:
    assert callable(figure)
    assert {number: figure(number, "de") for number in german} == german
    english = english or {number: text.replace(",", ".") for number, text in german.items()}
    assert {number: figure(number, "en") for number in english} == english


@given(st.integers(-(2**63), 2**63))
def test_no_figure_loses_anything(number: int) -> None:
    assert int(kwh(number, "de").replace(",", "")) == number
    assert int(euro(number, "en").replace(".", "")) == number


def test_a_masked_card_has_its_end_only() -> None:
    assert masked("04A20B3333") == "…3333"
    assert masked("") == "…"


@pytest.mark.parametrize(
    ("moment", "local"),
    [
        ("2026-10-01T07:10:00.000Z", "2026-10-01 09:10:00"),
        (1_790_838_600_999, "2026-10-01 09:10:00"),
        ("2026-10-25T00:30:00.000Z", "2026-10-25 02:30:00"),
        ("2026-10-25T01:30:00.000Z", "2026-10-25 02:30:00"),
        ("2026-12-31T23:30:00.000Z", "2027-01-01 00:30:00"),
    ],
)
def test_moments_are_local_times(moment: str | int, local: str) -> None:
    assert local_time(moment, BERLIN) == local


def test_dates_are_written_as_the_language_writes_them() -> None:
    assert spelled("2026-10-01 09:10:00", "de") == "01.10.2026 09:10:00"
    assert spelled("2026-10-01", "de") == "01.10.2026"
    assert spelled("2026-10-01 09:10:00", "en") == "2026-10-01 09:10:00"
