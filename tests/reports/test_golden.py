"""Complete statements of months with simulated chargers, each figure derived by hand.

October 2026 (times are local; the clock goes back on the 25th at 3:00). What is charged costs
Wh x ct/kWh / 1000, rounded half up once for each record.

family-y pays 31.27 ct, from 22:00 to 06:00 24.10 ct, 4.50 EUR a month, 19 % VAT included:
    33,250 HT                              1,039.7275                        = 1,040 ct
    22,750 at the change of price 10,000 HT  312.7                                   313
           they are read:         10,007 NT  553.8687   (+ 241.1687)                 241
                                   2,743 HT  639.64231  (+  85.77361)         =  640  86
    12,345 an hour each side of    6,173 HT  193.02971                               193
           22:00, half of it:      6,172 NT  341.77491  (+ 148.7452)          =  342 149
     3,000 HT, of a new card          93.81                                   =   94 ct
     5,000 HT, stopped with id -1    156.35                                   =  156 ct
    18,000 24th 23:00 to 25th     16,000 NT  385.6                                   386
           07:00 are 8 + 1 hours:  2,000 HT  448.14     (+  62.54)            =  448  62
         0                                                                    =    0 ct
    94,345 Wh: 62,166 HT, 1,944 ct; 32,179 NT, 776 ct; 2,720 + 450 = 3,170 ct in 7 transactions
           of which net 3,170 / 1.19 = 2,663.9 = 2,664 ct, VAT 506 ct

company-x pays 28.50 ct and 5 EUR, from the 15th 30.00 ct and 6.20 EUR, and 19 % VAT on it:
     4,000 from September on         114.00                                   =  114 ct
    20,000 and back                  570.00                                   =  570 - 570 ct
    18,000 instead                   513.00                                   =  513 ct
    10,003 14th 23:00 to 15th      3,334 (a third: 3,334.3)   95.019                  95
           02:00:                  6,669                     295.089          =  295 200
        50                             1.5                                    =    2 ct
    10,005                           300.15                                   =  300 ct
    42,058 Wh: 25,334 at 28.50, 722 ct; 16,724 at 30.00, 502 ct; 1,224 ct in 5 transactions
           base fees 500 x 14/31 = 225.8 = 226 ct and 620 x 17/31 = 340 ct: 1,790 ct net
           VAT 340.1 = 340 ct: 2,130 ct

company-z pays the year's flat price of 34 ct, and its tariff has no VAT:
     8,999                           305.966                                  =  306 ct
     6,300 stopped offline           214.20                                   =  214 ct
       200 and back                    6.80                                   =    7 - 7 ct
     1,234                            41.956                                  =   42 ct
     1,000                            34.00                                   =   34 ct
    17,533 Wh, 596 ct in 4 transactions

club has charged nothing, and pays 2 EUR a month.

Together 153,936 Wh and 2,130 + 3,170 + 596 + 200 = 6,096 ct.

The meter of garage: from 9,038,000 to 9,183,802 are 145,802 Wh, which are 141,647 of accounts
(family-y 94,345, company-x 42,058 - 10,055 at the yard, company-z 8,999 + 6,300), 1,500 of a card
that nobody knows, and gaps of 655 (before a start) and 2,000 (that the correction has left).
The yard: 499,950 to 511,439 are 11,489 Wh at its first connector, 251,000 at its third: 12,289 of
accounts (10,055 + 1,234 + 1,000), 250,000 under review, and 200 that were dismissed.
"""

import csv
import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.world.home import Home
from tests.world.machine import BIN, ROOT, needs

GOLDEN = ROOT / "tests" / "golden"

TAGS = [
    {"index": 1, "account": "company-x", "ids": ["1111", "2222"]},
    {
        "index": 2,
        "account": "family-y",
        "ids": ["04A20B3333", "04A20B4444"],
        "names": {"04A20B3333": "Golf"},
    },
    {"index": 3, "account": "company-z", "ids": ["5555"]},
    {"index": 4, "account": "club", "ids": []},
]

TARIFFS = {
    "flat_prices": {"2026": 34},
    "tariffs": [
        {
            "account": "family-y",
            "valid_from": "2026-01-01",
            "ct_per_kwh": 31.27,
            "windows": [{"name": "NT", "from": "22:00", "until": "06:00", "ct_per_kwh": 24.1}],
            "base_fee_eur": 4.5,
            "vat": {"percent": 19, "included": True},
        },
        {
            "account": "company-x",
            "valid_from": "2026-01-01",
            "ct_per_kwh": 28.5,
            "base_fee_eur": 5,
            "vat": {"percent": 19, "included": False},
        },
        {
            "account": "company-x",
            "valid_from": "2026-10-15",
            "ct_per_kwh": 30,
            "base_fee_eur": 6.2,
            "vat": {"percent": 19, "included": False},
        },
        {"account": "company-z", "valid_from": "2026-01-01", "flat": True},
        {"account": "club", "valid_from": "2026-01-01", "ct_per_kwh": 25, "base_fee_eur": 2},
    ],
}

OPERATOR = {
    "name": "WEG Sonnenallee 12",
    "address": ["Sonnenallee 12", "12045 Berlin"],
    "tax_number": "DE123456789",
    "signed_by": "Kassenwart",
}

CHARGE_POINTS = {
    "garage": {
        "auth": "none",
        "name": "Stellplatz 4",
        "meter_serial": "1EMH0012345",
        "note": "MID",
    },
    "*": {"auth": "none"},
}

ROWS = """
company-x  9038000 9042000 114  4000@285000
family-y   9042000 9075250 1040 33250@312700
family-y   9075250 9098000 640  10000@312700 10007@241000 2743@312700
family-y   9098000 9110345 342  6173@312700 6172@241000
company-z  9111000 9119999 306  8999@340000
unassigned 9119999 9121499 -    1500@-
unassigned 9121499 9124499 -    3000@-
unassigned 9124499 9121499 -    -3000@-
family-y   9121499 9124499 94   3000@312700
company-x  9124499 9144499 570  20000@285000
company-x  9144499 9124499 -570 -20000@285000
company-x  9124499 9142499 513  18000@285000
company-x  9144499 9154502 295  3334@285000 6669@300000
company-z  9154502 9160802 214  6300@340000
family-y   9160802 9165802 156  5000@312700
company-x  499950  500000  2    50@300000
company-z  500000  500200  7    200@340000
company-z  500200  500000  -7   -200@340000
company-z  500000  500200  -    0@-
company-z  500200  501434  42   1234@340000
family-y   9165802 9183802 448  16000@241000 2000@312700
family-y   501434  501434  0    0@312700
company-z  250000  251000  34   1000@340000
company-x  501434  511439  300  10005@300000
"""
"""October's records: account, readings, cents, and Wh at microeuro a kWh."""

Call = tuple[str, dict[str, object]]

GOLF, SECOND = "04A20B3333", "04A20B4444"


def start(when: str, wh: int, id_tag: str, connector_id: int = 1) -> Call:
    """Return a StartTransaction; `when` is UTC, ISO 8601 without its `Z`."""
    payload = {"connectorId": connector_id, "idTag": id_tag, "meterStart": wh}
    return "StartTransaction", {**payload, "timestamp": f"{when}Z"}


def stop(when: str, wh: int, transaction_id: int) -> Call:
    """Return a StopTransaction; `when` is UTC, ISO 8601 without its `Z`."""
    payload = {"transactionId": transaction_id, "meterStop": wh, "reason": "EVDisconnected"}
    return "StopTransaction", {**payload, "timestamp": f"{when}Z"}


def values(transaction_id: int, *read: tuple[str, int], connector_id: int = 1) -> Call:
    """Return a MeterValues with readings of the register: times in UTC and Wh."""
    meter_values = [
        {"timestamp": f"{when}Z", "sampledValue": [{"value": str(wh), "unit": "Wh"}]}
        for when, wh in read
    ]
    return "MeterValues", {
        "connectorId": connector_id,
        "transactionId": transaction_id,
        "meterValue": meter_values,
    }


BOOT: Call = (
    "BootNotification",
    {
        "chargePointVendor": "go-e",
        "chargePointModel": "V3",
        "chargePointSerialNumber": "219010",
    },
)

GARAGE = (
    BOOT,
    start("2026-09-30T21:00:00", 9_038_000, "1111"),
    stop("2026-09-30T23:00:00", 9_042_000, 10_009_038),
    start("2026-10-01T05:00:00", 9_042_000, GOLF),
    stop("2026-10-01T07:10:00", 9_075_250, 20_009_042),
    start("2026-10-02T18:00:00", 9_075_250, GOLF),
    values(20_009_075, ("2026-10-02T20:00:00", 9_085_250), ("2026-10-03T04:00:00", 9_095_257)),
    stop("2026-10-03T05:00:00", 9_098_000, 20_009_075),
    start("2026-10-04T19:00:00", 9_098_000, GOLF),
    stop("2026-10-04T21:00:00", 9_110_345, 20_009_098),
    start("2026-10-06T08:00:00", 9_111_000, "5555"),
    stop("2026-10-06T10:00:00", 9_119_999, 30_009_111),
    start("2026-10-08T16:00:00", 9_119_999, "04A20B77C1"),
    stop("2026-10-08T17:00:00", 9_121_499, 9_119),
    start("2026-10-09T10:00:00", 9_121_499, "04A20B77C2"),
    stop("2026-10-09T11:00:00", 9_124_499, 9_121),
    start("2026-10-12T06:00:00", 9_124_499, "1111"),
    stop("2026-10-12T08:00:00", 9_144_499, 10_009_124),
    start("2026-10-14T21:00:00", 9_144_499, "1111"),
    stop("2026-10-15T00:00:00", 9_154_502, 10_009_144),
    start("2026-10-16T15:00:00", 9_154_502, "5555"),
    start("2026-10-17T06:00:00", 9_160_802, GOLF),
    stop("2026-10-16T18:30:00", 9_160_802, 30_009_154),
    stop("2026-10-17T07:00:00", 9_165_802, -1),
    start("2026-10-24T21:00:00", 9_165_802, GOLF),
    stop("2026-10-25T06:00:00", 9_183_802, 20_009_165),
    start("2026-10-31T22:30:00", 9_183_802, GOLF),
    stop("2026-10-31T23:30:00", 9_190_000, 20_009_183),
)

YARD = (
    start("2026-10-20T10:00:00", 499_950, "2222"),
    stop("2026-10-20T10:10:00", 500_000, 10_000_499),
    start("2026-10-22T12:00:00", 500_000, "5555"),
    stop("2026-10-22T12:30:00", 500_200, 30_000_500),
    start("2026-10-25T00:30:00", 500_200, "5555"),
    stop("2026-10-25T01:15:00", 501_434, 30_000_500),
    start("2026-10-26T09:00:00", 501_434, SECOND),
    stop("2026-10-26T09:01:00", 501_434, 20_000_501),
    start("2026-10-28T09:00:00", 0, "5555", 3),
    stop("2026-10-28T17:00:00", 250_000, 30_000_000),
    start("2026-10-30T09:00:00", 250_000, "5555", 3),
    stop("2026-10-30T09:30:00", 251_000, 30_000_250),
    start("2026-10-30T19:00:00", 7_000, SECOND, 2),
    values(20_000_007, ("2026-10-30T20:00:00", 8_200), connector_id=2),
    start("2026-10-31T19:00:00", 501_434, "2222"),
    stop("2026-10-31T22:59:59", 511_439, 10_000_501),
)


def output_of(home: Home, *command: str) -> str:
    """Return the output of a command, which must succeed."""
    done = home.run(*command)
    assert done.returncode == 0, done.stderr
    return done.stdout


def say(home: Home, charger: str, calls: tuple[Call, ...]) -> None:
    """Send these Calls as a charger; each must be answered."""
    frames = [json.dumps([2, str(number), *call]) for number, call in enumerate(calls)]
    done = home.run("shocpp-backend", "-c", charger, stdin="\n".join(frames))
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert [answer[0] for answer in answers] == [3] * len(calls), done.stderr


def decide(home: Home, action: str, wh: int, account: str, *words: str) -> None:
    """Decide as Anna on the only record with this energy of this account."""
    ((number,),) = home.query(
        "SELECT number FROM accounting WHERE consumed_wh = ? AND account = ?", wh, account
    )
    output_of(home, "shocpp", "review", action, str(number), *words, "--by", "anna", "--yes")


@pytest.fixture(scope="module")
def october(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """Return a home in which the chargers have played October."""
    home = Home(tmp_path_factory.mktemp("october") / "home")
    conf = home.folder / "conf"
    for name, content in (
        *(("tags", TAGS), ("tariffs", TARIFFS), ("operator", OPERATOR)),
        ("charge_points", CHARGE_POINTS),
    ):
        (conf / f"{name}.json").write_text(json.dumps(content))
    output_of(home, "shocpp", "migrate")
    say(home, "garage", GARAGE)
    say(home, "yard", YARD)
    to_family = ("--account", "family-y", "--why", "ihre neue Karte")
    decide(home, "assign", 3_000, "unassigned", *to_family)
    decide(home, "correct", 20_000, "company-x", "--wh", "18000", "--why", "Display: 18")
    decide(home, "dismiss", 200, "company-z", "--why", "Test des Elektrikers")
    return home


def statement(home: Home, *options: str, month: str = "2026 10") -> str:
    """Return the output of shocpp-summary for a month."""
    return output_of(home, "shocpp-summary", *month.split(), *options)


def written(home: Home, format_name: str) -> str:
    """Return October's statement as it is written to a file, with every byte."""
    file = home.folder / f"statement.{format_name}"
    statement(home, "--format", format_name, "-o", str(file))
    return file.read_bytes().decode()


def golden(name: str) -> str:
    """Return the expected text of a statement."""
    return (GOLDEN / name).read_bytes().decode()


def timeless(text: str) -> str:
    """Return a statement without the times of decisions and the file names made of them."""
    text = re.sub(r"(kWh .* \(|;anna;)[0-9.: -]+(: |;)", r"\1…\2", text)
    return re.sub(r";(Datensatz|[0-9]+-[0-9a-f]{12})\r\n", "\r\n", text)


class Row(NamedTuple):
    """A record that was derived by hand; the amount and prices are None without a price."""

    account: str
    begin_wh: int
    end_wh: int
    amount_ct: int | None
    parts: list[tuple[int, int | None]]

    @property
    def consumed_wh(self) -> int:
        return sum(wh for wh, _ in self.parts)

    @property
    def microeuro(self) -> int | None:
        """Return the price in microeuro per kWh, or None if there are several."""
        return self.parts[0][1] if len(self.parts) == 1 else None

    @property
    def price_parts(self) -> list[tuple[int, int | None]]:
        """Return Wh and microeuro per kWh of each part, or [] if there is only one price."""
        return self.parts if len(self.parts) > 1 else []


def _whole(text: str) -> int | None:
    return None if text == "-" else int(text)


def derived() -> Iterator[Row]:
    """Yield the rows of ROWS."""
    for line in ROWS.strip().splitlines():
        account, begin, end, ct, *parts = line.split()
        pairs = [part.split("@") for part in parts]
        yield Row(
            account,
            int(begin),
            int(end),
            _whole(ct),
            [(int(wh), _whole(price)) for wh, price in pairs],
        )


def in_german(number: int, decimals: int) -> str:
    """Return 33250 with three decimals as `33,250`."""
    whole, rest = divmod(abs(number), 10**decimals)
    return f"{'-' * (number < 0)}{whole},{rest:0{decimals}}"


def test_each_record_costs_what_was_derived_by_hand() -> None:
    """The exact amount is rounded half up, and only once."""
    for row in derived():
        if row.amount_ct is not None:
            exact = sum(Decimal(wh) * (price or 0) / 10**7 for wh, price in row.parts)
            assert row.amount_ct == exact.quantize(Decimal(1), ROUND_HALF_UP), row


def test_october_as_text(october: Home) -> None:
    assert timeless(statement(october)) == golden("2026-10.txt")


def test_october_for_a_spreadsheet(october: Home) -> None:
    assert timeless(written(october, "csv")) == golden("2026-10.csv")


def test_the_spreadsheet_has_the_derived_figures(october: Home) -> None:
    """The golden file has the figures of ROWS."""
    rows = list(csv.DictReader(golden("2026-10.csv").splitlines(), delimiter=";"))
    for row, expected in zip(rows, derived(), strict=True):
        assert row["Mandant"] == expected.account
        assert row["Zähler Beginn kWh"] == in_german(expected.begin_wh, 3)
        assert row["Zähler Ende kWh"] == in_german(expected.end_wh, 3)
        assert row["kWh"] == in_german(expected.consumed_wh, 3)
        ct, price = expected.amount_ct, expected.microeuro
        assert row["EUR"] == ("" if ct is None else in_german(ct, 2))
        assert row["ct/kWh"] == ("" if price is None else in_german(price, 4)[:-2])
        assert row["Preisteile (kWh × ct)"] == "; ".join(
            f"{in_german(wh, 3)} × {in_german(price or 0, 4)[:-2]}"
            for wh, price in expected.price_parts
        )


def test_october_for_programs(october: Home) -> None:
    rows = list(csv.DictReader(statement(october, "--format", "csv-machine").splitlines()))
    for row, expected in zip(rows, derived(), strict=True):
        energy_cells = tuple(row[key] for key in ("account", "begin_wh", "end_wh", "consumed_wh"))
        energy = (expected.begin_wh, expected.end_wh, expected.consumed_wh)
        assert energy_cells == (expected.account, *map(str, energy))
        money = [expected.microeuro, expected.amount_ct]
        assert [row["microeuro_per_kwh"], row["amount_ct"]] == [
            "" if value is None else str(value) for value in money
        ]
        assert row["price_parts"] == " ".join(f"{wh}@{price}" for wh, price in expected.price_parts)


def test_october_as_json(october: Home) -> None:
    content = json.loads(statement(october, "--format", "json"))
    assert [
        (row["account"], row["begin_wh"], row["end_wh"], row["consumed_wh"], row["amount_ct"])
        for row in content["records"]
    ] == [
        (row.account, row.begin_wh, row.end_wh, row.consumed_wh, row.amount_ct) for row in derived()
    ]
    assert [
        (sums["account"], sums["transactions"], sums["wh"], sums["amount_ct"], sums["total_ct"])
        for sums in content["accounts"]
    ] == [
        ("club", 0, 0, None, 200),
        ("company-x", 5, 42_058, 1_224, 2_130),
        ("company-z", 4, 17_533, 596, 596),
        ("family-y", 7, 94_345, 2_720, 3_170),
    ]
    assert [[fee["amount_ct"] for fee in sums["fees"]] for sums in content["accounts"]] == [
        *([200], [226, 340], [], [450])
    ]
    assert [sums["taxes"] for sums in content["accounts"]] == [
        [],
        [{"vat_bp": 1900, "net_ct": 1_790, "vat_ct": 340, "gross_ct": 2_130}],
        [],
        [{"vat_bp": 1900, "net_ct": 2_664, "vat_ct": 506, "gross_ct": 3_170}],
    ]
    assert content["total"] == {
        "transactions": 16,
        "wh": 153_936,
        "kwh": "153.936",
        "total_ct": 6_096,
        "eur": "60.96",
    }
    assert content["unassigned_wh"] == 1_500
    assert [(row["consumed_wh"], row["review"]) for row in content["under_review"]] == [
        (250_000, "more than 200 kWh")
    ]
    assert [(row["account"], row["consumed_wh"]) for row in content["unfinished"]] == [
        ("family-y", 1_200)
    ]
    assert [(gap["charge_point_id"], gap["from_wh"], gap["gap_wh"]) for gap in content["gaps"]] == [
        *(("garage", 9_110_345, 655), ("garage", 9_142_499, 2_000), ("yard", 500_000, 200))
    ]


def test_the_views_have_the_same_figures(october: Home) -> None:
    of_october = "WHERE year = 2026 AND month = 10 ORDER BY account"
    assert october.query(
        f"SELECT account, transactions, wh, amount_ct, eur FROM monthly_consumption {of_october}"
    ) == [
        ("company-x", 5, 42_058, 1_224, 12.24),
        ("company-z", 4, 17_533, 596, 5.96),
        ("family-y", 7, 94_345, 2_720, 27.2),
        ("unassigned", 1, 1_500, None, None),
    ]
    assert october.query(
        "SELECT account, rate, ct_per_kwh, sum(wh), sum(amount_ct) FROM prices"
        " WHERE month = '2026-10' GROUP BY account, rate, ct_per_kwh"
    ) == [
        ("company-x", "", 28.5, 25_334, 722),
        ("company-x", "", 30.0, 16_724, 502),
        ("company-z", "", 34.0, 17_533, 596),
        ("family-y", "HT", 31.27, 62_166, 1_944),
        ("family-y", "NT", 24.1, 32_179, 776),
    ]
    columns = "meter_wh, booked_wh, unassigned_wh, under_review_wh, gap_wh, overlap_wh, restarts"
    assert october.query(
        f"SELECT charge_point_id, {columns} FROM audit WHERE year = 2026 AND month = 10"
    ) == [
        ("garage", 145_802, 141_647, 1_500, 0, 2_655, 0, 0),
        ("yard", 262_489, 12_289, 0, 250_000, 200, 0, 0),
    ]


def test_a_transaction_across_the_month_end_is_in_the_month_of_its_stop(october: Home) -> None:
    """6,198 Wh from 31 October 23:30 on, all at the night's price: 149.3718 = 149 ct."""
    content = json.loads(
        statement(october, "--format", "json", "--account", "family-y", month="2026 11")
    )
    (row,) = content["records"]
    assert (row["localtime"], row["started_at"]) == (
        "2026-11-01 00:30:00",
        "2026-10-31T22:30:00.000Z",
    )
    assert (row["consumed_wh"], row["amount_ct"]) == (6_198, 149)


def pdf_text(home: Home, account: str, folder: Path) -> str:
    """Return the text of an account's PDF with single blanks."""
    pdftotext = needs("pdftotext")
    file = folder / "statement.pdf"
    output_of(
        home,
        *("shocpp-summary", "2026", "10", "--account", account, "--format", "pdf"),
        *("-o", str(file)),
    )
    command = [pdftotext, "-layout", str(file), "-"]
    laid_out = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True)
    return re.sub(r"[ \u00a0\u202f]+", " ", laid_out.stdout)


@pytest.mark.parametrize(
    ("account", "figures"),
    [
        (
            "family-y",
            "31,27 24,10 94,345 27,20 62,166 19,44 32,179 7,76 4,50 26,64 5,06 31,70 1,200",
        ),
        (
            "company-x",
            "28,50 30,00 42,058 12,24 25,334 7,22 16,724 5,02 2,26 3,40 17,90 21,30",
        ),
        ("company-z", "34,00 17,533 5,96 250,000"),
        ("club", "0,000 2,00"),
    ],
)
def test_october_as_pdf(october: Home, tmp_path: Path, account: str, figures: str) -> None:
    """The PDF has the energy and amount of each row, and the sums; a dismissal has no row."""
    text = pdf_text(october, account, tmp_path)
    for figure in figures.split():
        assert re.search(rf"(?<![\d,.-]){figure}(?![\d,])", text), (figure, text)
    for row in derived():
        if row.account == account and row.amount_ct is not None:
            energy, amount = in_german(row.consumed_wh, 3), in_german(row.amount_ct, 2)
            prices = [f"{in_german(price or 0, 4)[:-2]}" for _, price in row.parts]
            price = prices[0] if len(prices) == 1 else rf"\d+,\d+ × ({'|'.join(prices)})"
            assert re.search(rf" {energy} {price} {amount} ", text), (row, text)


def test_october_closed_is_the_same_for_ever(october: Home, tmp_path: Path) -> None:
    """It survives prices, a late stop, a correction, an import, a letterhead and a rebuild."""
    home = Home(tmp_path / "home")
    shutil.rmtree(home.folder)
    shutil.copytree(october.folder, home.folder)
    lines = output_of(home, "shocpp", "close", "2026", "10", "--by", "anna").splitlines()
    assert lines[0].startswith("2026-10 is closed: 25 records, link 1, ")
    before = every_text_format(home)
    closed = re.sub(r"Abgeschlossen: Glied 1, .*\n  [0-9a-f]{64}\n\n", "", before["text"])
    for number, account in enumerate(("club", "company-x", "company-z", "family-y"), 1):
        closed = re.sub(
            rf"({account}: [0-9,]+ EUR), Abrechnung Nr. 2026-000{number}", r"\1", closed
        )
    assert timeless(closed) == golden("2026-10.txt").replace(", vorläufig:", ":")
    assert timeless(before["csv"]) == golden("2026-10.csv")
    assert home.query("SELECT account, wh, fees_ct, vat_ct, total_ct FROM closed_accounts") == [
        ("club", 0, 200, 0, 200),
        ("company-x", 42_058, 566, 340, 2_130),
        ("company-z", 17_533, 0, 0, 596),
        ("family-y", 94_345, 450, 506, 3_170),
    ]
    conf = home.folder / "conf"
    (conf / "tariffs.json").write_text('{"tariffs": []}')
    (conf / "operator.json").write_text('{"name": "WEG Neu"}')
    say(home, "yard", (stop("2026-10-31T21:00:00", 9_000, 20_000_007),))
    decide(home, "correct", 8_999, "company-z", "--wh", "8000", "--why", "zu viel")
    (tmp_path / "1790838600-0326fd891def.json").write_text(json.dumps(OF_THE_SEED))
    assert "1 records taken" in output_of(home, "shocpp", "import", str(tmp_path), "-c", "garage")
    assert every_text_format(home) == before
    home.database.rename(tmp_path / "lost.sqlite3")
    output_of(home, "shocpp", "rebuild")
    assert every_text_format(home) == before
    assert output_of(home, "shocpp", "verify").endswith("whole: 1 closed month\n")


def every_text_format(home: Home) -> dict[str, str]:
    """Return October in all formats that are texts."""
    return {name: written(home, name) for name in ("text", "csv", "csv-machine", "json")}


OF_THE_SEED = {
    "localtime": "2026-10-01 09:10:00",
    "unixtime": "1790838600",
    "account": "family-y",
    "begin_kwh": "5",
    "end_kwh": "9",
    "consumed_kwh": "4",
}


MARCH = (
    start("2026-03-28T22:00:00", 100_000, GOLF),
    stop("2026-03-29T05:00:00", 114_000, 20_000_100),
    start("2026-03-29T00:30:00", 50_000, "5555", 2),
    stop("2026-03-29T01:30:00", 55_000, 30_000_050),
    start("2026-03-31T21:00:00", 114_000, GOLF),
    stop("2026-03-31T21:59:59", 116_001, 20_000_114),
    start("2026-03-31T21:59:59", 116_001, GOLF),
    stop("2026-03-31T22:00:00", 116_003, 20_000_116),
)


def test_the_night_without_an_hour_and_the_last_second_of_march(home: Home) -> None:
    """On 29 March the clock goes from 2:00 to 3:00, and March ends at 22:00 UTC.

    family-y, 28th 23:00 to 29th 07:00, are 7 hours, 6 of them at the night's price:
        12,000 NT 289.20 = 289 ct; 2,000 HT 351.74 (+ 62.54) = 352 ct, 63 ct of it
    and 2,001 NT on the 31st until a second before midnight: 48.2241 = 48 ct; the next 2 Wh, which
    end at midnight, are April's. company-z, 29th 01:30 to 03:30, is an hour: 5,000 at 34 = 170 ct.
    """
    for name, content in (("tags", TAGS), ("tariffs", TARIFFS)):
        (home.folder / "conf" / f"{name}.json").write_text(json.dumps(content))
    output_of(home, "shocpp", "migrate")
    say(home, "garage", MARCH)
    assert statement(home, month="2026 3").partition("\nAbrechnungsdatensätze")[0] == golden(
        "2026-03.txt"
    )
    rows = json.loads(statement(home, "--format", "json", month="2026 3"))["records"]
    assert [
        (row["account"], row["localtime"], row["duration_s"], row["consumed_wh"], row["amount_ct"])
        for row in rows
    ] == [
        ("company-z", "2026-03-29 03:30:00", 3600, 5_000, 170),
        ("family-y", "2026-03-29 07:00:00", 7 * 3600, 14_000, 352),
        ("family-y", "2026-03-31 23:59:59", 3599, 2_001, 48),
    ]
    assert rows[1]["price_parts"] == [
        {"wh": 12_000, "microeuro_per_kwh": 241_000},
        {"wh": 2_000, "microeuro_per_kwh": 312_700},
    ]
    (of_april,) = json.loads(statement(home, "--format", "json", month="2026 4"))["records"]
    assert (of_april["localtime"], of_april["consumed_wh"]) == ("2026-04-01 00:00:00", 2)


def test_statements_are_written_to_the_given_folder(october: Home, tmp_path: Path) -> None:
    """A folder gets one for each account, or only that of the given account."""
    for folder in ("all", "one"):
        (tmp_path / folder).mkdir()
    assert (
        statement(october, "-o", str(tmp_path / "all")) == f"4 statements are in {tmp_path}/all\n"
    )
    assert sorted(file.name for file in (tmp_path / "all").iterdir()) == [
        *("2026-10_001_company-x.txt", "2026-10_002_family-y.txt"),
        *("2026-10_003_company-z.txt", "2026-10_004_club.txt"),
    ]
    assert statement(october, "--account", "club", "-o", str(tmp_path / "one")) == ""
    (file,) = (tmp_path / "one").iterdir()
    assert file.name == "2026-10_004_club.txt"
    assert file.read_text() == statement(october, "--account", "club")
    assert file.read_text() == (tmp_path / "all" / file.name).read_text()


def test_a_closed_pipe_is_no_error(october: Home) -> None:
    """`head -1` closes the pipe after the first line."""
    command = f"{BIN / 'shocpp-summary'} 2026 10 | head -1"
    ended = subprocess.run(
        ["bash", "-c", command],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
        env=october.environment,
    )
    assert (ended.stdout, ended.stderr) == ("Abrechnung für Jahr/Monat: 2026/10\n", "")


@pytest.mark.parametrize(
    ("options", "code", "sentence"),
    [
        ("2026 10 --account x", 2, "there is no account 'x' in this month; one of: club, company"),
        ("2026 10 --account unassigned", 2, "there is no account 'unassigned' in this month"),
        ("2026 10 --year 2026", 2, "--year and --from take no YEAR and MONTH"),
        ("2026", 2, "name a month, such as: shocpp-summary 2026 09, or use --year 2026"),
        ("--year 2026 --account x", 2, "there is no account 'x' in 2026; one of: club, company-x"),
        ("2026 10 -o none/paper.txt", 2, "there is no folder none; make it first: mkdir -p none"),
        ("2026 10 --format pdf -o conf/tags.json", 2, "conf/tags.json is a file, but each account"),
        ("--year 2026 -o conf", 2, "conf is a folder; name a file in it: -o conf/FILE"),
        ("2100 1", 2, "2100 is not in the range 2000<=x<=2099"),
        ("2026 13", 2, "13 is not in the range 1<=x<=12"),
    ],
)
def test_an_impossible_statement_is_refused_in_one_sentence(
    october: Home, options: str, code: int, sentence: str
) -> None:
    ended = october.run("shocpp-summary", *options.split(), cwd=october.folder)
    assert ended.returncode == code
    assert sentence in ended.stderr
    assert ended.stdout == ""


@pytest.mark.parametrize("year", ["2000", "2099"])
def test_a_month_far_away_is_empty(october: Home, year: str) -> None:
    content = json.loads(statement(october, "--format", "json", month=f"{year} 12"))
    assert (content["records"], content["total"]["wh"]) == ([], 0)
