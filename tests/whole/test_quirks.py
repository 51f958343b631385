"""Quirks of real chargers that no transcript can express, and the list of all quirks.

Each row is a report of users of real chargers. The transcripts `quirk_NN_…` hold frames; this file
holds handshakes, sockets, floods and silence. ROWS names the test of each row.
"""

import base64
import contextlib
import json
import re
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection
from websockets.sync.client import connect as connect_websocket

from shocpp.calls.placing import CallOptions
from shocpp.ocpp.passwords import password_hash
from tests.world.connections import KEY, OCPP16, UPGRADE, RawCharger, ask
from tests.world.home import Home
from tests.world.machine import ROOT, wait_for
from tests.world.placing import place_call
from tests.world.server import Server

HERE = ROOT / "tests"
SILENCE_S = 1.5

SWITCHBOARD, CONNECTION = (
    "tests/central_system/test_switchboard.py",
    "tests/ocpp/test_connection.py",
)

RECONNECTS, SETTINGS = (
    "tests/central_system/test_reconnects.py",
    "tests/admission/test_wrong_settings.py",
)

ROWS: dict[int, tuple[str, ...]] = {
    1: (
        "test_quirk_01_grizzl_e_offers_no_subprotocol",
        "test_quirk_01_libraries_of_chargers_send_an_origin",
    ),
    2: ("test_quirk_02_foxess_changes_its_version_at_every_reconnect",),
    3: (
        "quirk_03_evbox_livo_speaks_2_0_1.txt",
        f"{SETTINGS}::test_a_charger_that_speaks_ocpp_2_is_closed_unanswered_and_listed",
    ),
    4: ("test_quirk_04_ocular_forgets_connection_upgrade",),
    5: ("test_quirk_05_grizzl_e_connects_to_the_root",),
    6: ("test_quirk_06_empty_segments_in_the_path",),
    7: ("test_quirk_07_setec_puts_a_segment_before_its_name",),
    9: ("test_quirk_09_names_encoded_or_not",),
    10: ("test_quirk_10_names_in_either_case",),
    11: ("test_quirk_11_wallbox_without_a_password",),
    12: ("test_quirk_12_a_user_name_that_is_not_the_identity",),
    13: ("test_quirk_13_everest_key_in_hex",),
    14: ("test_quirk_14_a_password_of_any_bytes",),
    16: (
        f"{SWITCHBOARD}::test_a_newer_connection_replaces_an_older_one_whose_end_does_not_remove_it",
        f"{SWITCHBOARD}::test_a_call_reaches_the_newest_connection",
    ),
    17: ("tests/central_system/test_liveness.py::test_a_charger_that_never_pongs_but_talks_stays",),
    18: ("test_quirk_18_teison_and_foxess_find_a_restarted_server_at_once",),
    19: (
        f"{SWITCHBOARD}::test_a_reload_closes_with_1012_and_the_new_workers_serve",
        f"{SWITCHBOARD}::test_a_stop_closes_all_connections_with_1012_within_two_seconds",
    ),
    20: ("test_quirk_20_starcharge_is_sent_nothing_unasked",),
    21: (
        "quirk_21_wallbox_asked_nothing_before_its_boot.txt",
        f"{CONNECTION}::test_a_charger_that_does_not_boot_is_left_alone_for_half_a_minute",
        f"{RECONNECTS}::test_a_charger_that_hangs_up_when_it_is_called_is_waited_for_until_its_firmware_changes",
    ),
    22: ("test_quirk_22_abb_is_not_configured_by_itself",),
    23: (
        "quirk_23_starcharge_comes_back_with_a_heartbeat.txt",
        f"{RECONNECTS}::test_a_charger_that_returns_with_a_heartbeat_gets_its_call_at_once",
    ),
    25: ("test_quirk_25_a_charger_deaf_to_calls_until_it_reconnects",),
    26: (
        "quirk_26_free2move_starts_again_after_its_drop.txt",
        "test_quirk_26_free2move_is_answered_late_and_nobody_else",
        "test_quirk_26_an_answer_kept_back_is_given_before_the_close",
        "test_quirk_26_a_crash_before_the_late_answer_costs_nothing",
        "test_quirk_26_late_answers_over_stdin_and_stdout",
    ),
    27: ("test_quirk_27_a_hard_reset_waits_for_no_confirmation",),
    28: ("test_quirk_28_alfen_flushes_its_backlog",),
    29: ("test_quirk_29_a_full_local_queue_is_drained_fast",),
    30: ("quirk_30_grizzl_e_breaks_off_its_call_result.txt",),
    31: ("quirk_31_simpson_details_are_a_string.txt",),
    32: ("quirk_32_phihong_alters_the_id.txt",),
    34: ("quirk_34_several_payload_null.txt",),
    36: ("quirk_36_vestel_prints_its_json_on_many_lines.txt",),
    37: ("quirk_37_go_e_ids_begin_again_at_every_boot.txt",),
    38: ("quirk_38_microocpp_resends_under_the_same_id.txt",),
    39: ("quirk_39_libocpp_resends_under_a_new_id.txt",),
    40: ("quirk_40_legrand_starcharge_huawei_odd_ids.txt",),
    41: ("quirk_41_openevse_values_are_numbers.txt",),
    43: ("quirk_43_vestel_no_samples.txt",),
    45: ("quirk_45_microocpp_blanks_around_numbers.txt",),
    46: ("quirk_46_halo_autel_units.txt",),
    47: ("quirk_47_alfen_legrand_grizzl_e_words_of_their_own.txt",),
    48: ("quirk_48_abb_status_without_time.txt",),
    49: ("quirk_49_authorize_with_a_connector.txt",),
    50: (
        "quirk_50_evbox_evbstatusnotification.txt",
        "test_quirk_50_evbox_does_not_fill_the_log",
    ),
    51: ("quirk_51_everest_large_stop_with_fewer_samples.txt",),
    52: ("quirk_52_phihong_wants_the_z.txt",),
    54: ("quirk_54_wallbox_empty_id_tag_at_the_stop.txt",),
    55: (
        "quirk_55_free_vend_without_a_card.txt",
        "quirk_55_free_vend_with_a_default_card.txt",
    ),
    56: ("quirk_56_abb_and_microocpp_separators_in_tags.txt",),
    57: ("quirk_57_cards_without_case.txt",),
    59: ("quirk_59_local_list_starts_without_authorize.txt",),
    60: ("quirk_60_go_e_local_cards_say_nothing.txt",),
    61: ("quirk_61_go_e_stops_before_its_start.txt",),
    62: ("quirk_62_everest_started_offline.txt",),
    63: ("quirk_63_hager_charges_despite_concurrent_tx.txt",),
    64: ("quirk_64_tkt_stops_with_id_0.txt",),
    65: ("quirk_65_microocpp_58_and_then_minus_1.txt",),
    66: ("quirk_66_alfen_id_9223372036854775807.txt",),
    67: ("quirk_67_etrel_ids_of_its_own.txt",),
    68: (
        "quirk_68_meter_values_with_id_0.txt",
        "quirk_68_amperfied_triggered_values_are_empty.txt",
    ),
    69: ("quirk_69_en_plus_keeps_a_stale_id.txt",),
    70: ("quirk_70_ocular_values_after_its_stop.txt",),
    71: ("quirk_71_enercab_stops_days_later.txt",),
    72: ("quirk_72_wallbox_stops_what_was_never_started.txt",),
    73: ("quirk_73_abb_starts_again_after_a_loss.txt",),
    74: ("quirk_74_microocpp_start_told_twice.txt",),
    75: ("quirk_75_schneider_starts_at_the_end.txt",),
    76: ("quirk_76_start_without_a_time.txt",),
    78: (
        "quirk_78_growatt_time_without_a_zone.txt",
        "quirk_78_growatt_in_its_own_zone.txt",
    ),
    79: ("quirk_79_chago_local_time_with_a_z.txt",),
    80: ("quirk_80_alfen_2014_and_microocpp_1970.txt",),
    82: ("quirk_82_stop_again_after_20_days.txt",),
    83: ("quirk_83_fractional_meter_stop_is_no_error.txt",),
    84: ("quirk_84_huawei_stops_1_wh_below_its_start.txt",),
    85: ("quirk_85_everest_truncates_and_rounds.txt",),
    87: ("quirk_87_registers_that_restart_or_never_do.txt",),
    88: ("quirk_88_microocpp_values_from_zero.txt",),
    89: ("quirk_89_openevse_kwh_called_wh.txt",),
    90: ("quirk_90_zaptec_register_beyond_32_bits.txt",),
    92: ("quirk_92_wallbox_sends_no_meter_values.txt",),
    94: (
        "quirk_94_microocpp_gives_up_after_three_attempts.txt",
        f"{SWITCHBOARD}::test_a_stop_is_not_acknowledged_while_the_database_is_locked_but_afterwards",
    ),
}

WAITING = {
    25: "dropping a connection by hand",
}
"""The part of a row that waits for a later feature."""


# -- chargers --------------------------------------------------------------------------------------


@contextlib.contextmanager
def connect(url: str, *offered: str) -> Iterator[ClientConnection]:
    """A charger's connection."""
    subprotocols: Any = list(offered or ("ocpp1.6",))
    with connect_websocket(url, subprotocols=subprotocols, compression=None) as charger:
        yield charger


class Backend:
    """A `shocpp-backend` of one charger."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process
        assert process.stdin is not None
        assert process.stdout is not None
        self._in, self._out = process.stdin, process.stdout

    def say(self, text: str) -> None:
        """Send a text as one line."""
        self._in.write(f"{text}\n")
        self._in.flush()

    def hear(self) -> Any:
        """The next frame."""
        return json.loads(self._out.readline())

    def end_input(self) -> None:
        """Say nothing more."""
        self._in.close()

    def terminate(self) -> None:
        """End it as systemd does."""
        self._process.terminate()

    def wait(self) -> int:
        """Its exit code."""
        return self._process.wait(20)


@contextlib.contextmanager
def backend(home: Home, identity: str) -> Iterator[Backend]:
    """A running `shocpp-backend`."""
    with home.backend(identity) as process:
        yield Backend(process)


GRIZZL_E = (
    *UPGRADE,
    "User-Agent: TinyWebsockets Client",
    "Origin: https://github.com/gilmaimon/TinyWebsockets",
)
GRIZZL_E_BOOT = {
    "chargePointSerialNumber": "GRS-4011002b9c",
    "chargePointModel": "GRS-*",
    "chargePointVendor": "United Chargers",
    "firmwareVersion": "05.43",
    "meterType": "SW",
    "iccid": "-67",
}
START = {
    "connectorId": 1,
    "idTag": "3333",
    "meterStart": 9_042_000,
    "timestamp": "2026-10-01T05:00:00Z",
}
STOP = {"transactionId": 20_009_042, "meterStop": 9_075_000, "timestamp": "2026-10-01T07:10:00Z"}


def names(home: Home) -> list[str]:
    """The chargers that have been here."""
    return [name for (name,) in home.query("SELECT id FROM charge_points ORDER BY id")]


def assert_silent(charger: ClientConnection) -> None:
    """Nothing comes for a while."""
    with pytest.raises(TimeoutError):
        charger.recv(SILENCE_S)


# -- the list --------------------------------------------------------------------------------------


def test_every_row_is_tested_where_the_list_says() -> None:
    for row, places in ROWS.items():
        for place in places:
            file, _, name = place.rpartition("::")
            if place.endswith(".txt"):
                assert (HERE / "transcripts" / place).is_file(), (row, place)
            else:
                text = (ROOT / (file or __file__)).read_text(encoding="utf-8")
                assert re.search(rf"^def {name}\(", text, re.MULTILINE), (row, place)


def test_no_quirk_is_missing_from_the_list() -> None:
    listed = {place for places in ROWS.values() for place in places}
    written = {path.name for path in (HERE / "transcripts").glob("quirk_*.txt")}
    written |= {name for name in globals() if name.startswith("test_quirk_")}
    assert written <= listed, written - listed
    for row, places in ROWS.items():
        numbers = {int(found[1]) for place in places if (found := re.search(r"quirk_(\d+)", place))}
        assert numbers <= {row}, places


def test_what_still_waits_is_a_row_of_the_list() -> None:
    assert set(WAITING) < set(ROWS)


# -- handshakes ------------------------------------------------------------------------------------


def test_quirk_01_grizzl_e_offers_no_subprotocol(server: Server) -> None:
    """lbbrhzn/ocpp#442, steve#1109, #135: 1.6 is presumed; its Origin is no web page's."""
    with RawCharger(server, b"/GRS-4011002b9c", *GRIZZL_E) as charger:
        assert charger.status == 101, charger.answered
        assert charger.header("Sec-WebSocket-Protocol") is None
        assert charger.ask("BootNotification", GRIZZL_E_BOOT)["status"] == "Accepted"
    assert "GRS-4011002b9c offers no subprotocol; ocpp1.6 is assumed" in server.log()


LIBRARIES = ["https://github.com/gilmaimon/TinyWebsockets", "file://", "http://garage.example"]
PAGES = ["https://evil.example", "http://evil.example:8080", "null", "file://evil", ""]
BROWSER = "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"


def test_quirk_01_libraries_of_chargers_send_an_origin(server: Server) -> None:
    """TinyWebsockets of Grizzl-E, arduinoWebSockets of MicroOcpp, libwebsockets of EVerest."""
    for origin in LIBRARIES:
        with RawCharger(server, b"/garage", *UPGRADE, OCPP16, f"Origin: {origin}") as charger:
            assert charger.status == 101, (origin, charger.answered)
    for page in PAGES:
        with RawCharger(server, b"/garage", *UPGRADE, OCPP16, f"Origin: {page}") as browser:
            assert browser.status == 403, page
    rebound = ("Origin: http://garage.example", BROWSER)
    with RawCharger(server, b"/garage", *UPGRADE, OCPP16, *rebound) as browser:
        assert browser.status == 403


def test_quirk_02_foxess_changes_its_version_at_every_reconnect(server: Server) -> None:
    """lbbrhzn/ocpp#2008: a probe, then 1.6 and 2.0.1 by turns; what is known is the charger's."""
    with connect(server.url("A022KP1"), "ocpp1.6") as probe:
        assert probe.subprotocol == "ocpp1.6"
    with connect(server.url("A022KP1"), "ocpp2.0.1", "ocpp1.6") as charger:
        assert charger.subprotocol == "ocpp1.6"
        assert ask(charger, "StartTransaction", START)["transactionId"] == 20_009_042
    with connect(server.url("A022KP1"), "ocpp2.0.1") as charger:
        assert charger.subprotocol is None
    with connect(server.url("A022KP1"), "ocpp1.6", "ocpp2.0.1") as charger:
        assert charger.subprotocol == "ocpp1.6"
        assert ask(charger, "StopTransaction", STOP) == {}
    assert server.home.query("SELECT charge_point_id, consumed_wh, review FROM accounting") == [
        ("A022KP1", 33_000, None)
    ]


def test_quirk_04_ocular_forgets_connection_upgrade(server: Server) -> None:
    """lbbrhzn/ocpp PR#1984: 400 now and then, and the next attempt is welcome."""
    for _ in range(3):
        with RawCharger(server, b"/BS-EV22", "Upgrade: websocket", KEY, OCPP16) as charger:
            assert charger.status == 400
    with RawCharger(server, b"/BS-EV22", *UPGRADE, OCPP16) as charger:
        assert charger.status == 101
        assert charger.ask("Heartbeat", {}).keys() == {"currentTime"}
    assert "Traceback" not in server.log()


def test_quirk_05_grizzl_e_connects_to_the_root(server: Server) -> None:
    """lbbrhzn/ocpp#176, #1911: no identity in the path; its serial becomes it."""
    with RawCharger(server, b"/", *GRIZZL_E) as charger:
        assert charger.status == 101, charger.answered
        assert charger.ask("BootNotification", GRIZZL_E_BOOT)["status"] == "Accepted"
        assert charger.ask("StartTransaction", START)["transactionId"] == 20_009_042
    with RawCharger(server, b"/", *GRIZZL_E) as charger:
        assert charger.ask("BootNotification", GRIZZL_E_BOOT)["status"] == "Accepted"
        assert charger.ask("StopTransaction", STOP) == {}
    assert server.home.query("SELECT charge_point_id, consumed_wh FROM accounting") == [
        ("GRS-4011002b9c", 33_000)
    ]


def test_quirk_06_empty_segments_in_the_path(server: Server) -> None:
    """SAP's simulator (#1034) and users of evcc: `//id` and `/id/` are the charger `id`."""
    for target in (b"//CS-SAP-00001", b"/CS-SAP-00001/", b"//CS-SAP-00001//"):
        with RawCharger(server, target, *UPGRADE, OCPP16) as charger:
            assert charger.ask("Heartbeat", {}).keys() == {"currentTime"}
    assert names(server.home) == ["CS-SAP-00001"]


def test_quirk_07_setec_puts_a_segment_before_its_name(server: Server) -> None:
    """steve#689: `/4/CBI-…`; the last segment names it."""
    with RawCharger(server, b"/4/CBI-1512345678", *UPGRADE, OCPP16) as charger:
        assert charger.ask("Heartbeat", {}).keys() == {"currentTime"}
    assert names(server.home) == ["CBI-1512345678"]


def test_quirk_09_names_encoded_or_not(server: Server) -> None:
    """open-ocpp until 2024 (#179, #198): special characters as they are, or percent-encoded.

    What is not ASCII has to be encoded: HTTP knows no such target, and it is refused with 400.
    """
    for target in (b"/RDAM|1{2}^3", b"/RDAM%7C1%7B2%7D%5E3", b"/RDAM%7c1{2}%5e3"):
        with RawCharger(server, target, *UPGRADE, OCPP16) as charger:
            assert charger.status == 101, charger.answered
            assert charger.ask("Heartbeat", {}).keys() == {"currentTime"}
    assert names(server.home) == ["RDAM|1{2}^3"]
    with RawCharger(server, "/Säule".encode(), *UPGRADE, OCPP16) as charger:
        assert charger.status == 400
    with RawCharger(server, b"/S%C3%A4ule", *UPGRADE, OCPP16) as charger:
        assert charger.ask("Heartbeat", {}).keys() == {"currentTime"}
    assert names(server.home) == ["RDAM|1{2}^3", "Säule"]


def test_quirk_10_names_in_either_case(server: Server) -> None:
    """SteVe's handshake handler: the same charger, whichever case it writes."""
    with connect(server.url("Garage-A1")) as charger:
        assert ask(charger, "StartTransaction", START)["transactionId"] == 20_009_042
    with connect(server.url("GARAGE-a1")) as charger:
        assert ask(charger, "StartTransaction", START)["transactionId"] == 20_009_042
        assert ask(charger, "StopTransaction", STOP, "2") == {}
    assert names(server.home) == ["Garage-A1"]
    assert server.home.query("SELECT consumed_wh FROM accounting") == [(33_000,)]


def is_let_in(server: Server, *headers: str, name: str = "box-1") -> bool:
    """Return True if a charger connects under the name in its path."""
    with RawCharger(server, f"/{name}".encode(), *UPGRADE, OCPP16, *headers) as charger:
        answer = charger.status == 101 and charger.ask("Heartbeat", {})
        return bool(answer) and name in names(server.home)


def basic(credentials: bytes) -> str:
    """A header of HTTP's Basic authentication."""
    return f"Authorization: Basic {base64.b64encode(credentials).decode()}"


@pytest.fixture
def closed(home: Home, serve: Callable[..., Server]) -> Server:
    """A server whose chargers have passwords, but for one that cannot have any."""
    entries = {
        "box-1": {"password_hash": password_hash(KEY_BYTES, b"salt", 1)},
        "vcp": {"password_hash": password_hash(b"secret12", b"salt", 1), "username": "admin"},
        "wallbox": {"auth": "none"},
    }
    (home.folder / "conf" / "charge_points.json").write_text(json.dumps(entries))
    return serve()


KEY_BYTES = bytes.fromhex("0001020304050607ffff3afffffffffffffffff0")


def test_quirk_11_wallbox_without_a_password(closed: Server) -> None:
    """Its password must stay empty: without one, or with an empty one, it gets in."""
    assert is_let_in(closed, name="wallbox")
    assert is_let_in(closed, basic(b"wallbox:"), name="wallbox")
    assert not is_let_in(closed)


def test_quirk_12_a_user_name_that_is_not_the_identity(closed: Server) -> None:
    """ocpp-virtual-charge-point#3: the path says who it is, not the user name."""
    assert is_let_in(closed, basic(b"admin:secret12"), name="vcp")
    assert not is_let_in(closed, basic(b"vcp:secret12"), name="vcp")


def test_quirk_13_everest_key_in_hex(closed: Server) -> None:
    """EVerest#2034, steve#1895: the AuthorizationKey as its 40 hex digits, large or small."""
    assert is_let_in(closed, basic(b"box-1:0001020304050607FFFF3AFFFFFFFFFFFFFFFFF0"))
    assert is_let_in(closed, basic(b"box-1:0001020304050607ffff3afffffffffffffffff0"))
    assert not is_let_in(closed, basic(b"box-1:0001020304050607ffff3afffffffffffffffff1"))


def test_quirk_14_a_password_of_any_bytes(closed: Server) -> None:
    """Java-OCA-OCPP#163: bytes that are no UTF-8, a colon and a NUL among them."""
    assert is_let_in(closed, basic(b"box-1:" + KEY_BYTES))
    assert not is_let_in(closed, basic(b"box-1:" + KEY_BYTES[:-1]))
    assert "Traceback" not in closed.log()


# -- connections -----------------------------------------------------------------------------------


def test_quirk_18_teison_and_foxess_find_a_restarted_server_at_once(server: Server) -> None:
    """One that is turned away stays away for 6 to 19 minutes: the server is back in seconds."""
    with connect(server.url("teison")) as charger:
        ask(charger, "StartTransaction", START)
        begun = time.monotonic()
        server.stop()
        server.restart()
    with connect(server.url("teison")) as charger:
        assert time.monotonic() - begun < 10
        assert ask(charger, "StopTransaction", STOP) == {}
    assert server.home.query("SELECT consumed_wh FROM accounting") == [(33_000,)]


def test_quirk_20_starcharge_is_sent_nothing_unasked(server: Server) -> None:
    """lbbrhzn/ocpp#1096: a TriggerMessage(BootNotification) throws it into a loop of reconnects."""
    with connect(server.url("1000")) as charger:
        ask(charger, "Heartbeat", {}, "aGrvd5GlPPCvoh07K5D1UNpcdObPE7lLt9m2")
        assert_silent(charger)
        boot = {"chargePointVendor": "StarCharge", "chargePointModel": "Artemis"}
        assert ask(charger, "BootNotification", boot)["status"] == "Accepted"
        assert_silent(charger)
    assert server.home.query("SELECT count(*) FROM call") == [(0,)]


@contextlib.contextmanager
def called(server: Server, name: str, action: str, payload: dict[str, Any]) -> Iterator[Any]:
    """While somebody calls a charger and waits two seconds for its answer; gives the outcome."""
    with ThreadPoolExecutor(1) as caller:
        placed = caller.submit(
            place_call, server.home.settings, name, action, payload, CallOptions("a test", 2.0)
        )
        yield placed


def test_quirk_22_abb_is_not_configured_by_itself(server: Server) -> None:
    """lbbrhzn/ocpp#1275: a GetConfiguration after its measurands were set is a loop of reboots."""
    boot = {"chargePointVendor": "ABB", "chargePointModel": "CDT_TACW11::NET_WIFI"}
    measurands = {"key": "MeterValuesSampledData", "value": "Energy.Active.Import.Register"}
    with connect(server.url("TACW1140422G0297")) as charger:
        ask(charger, "BootNotification", boot)
        assert_silent(charger)
        with called(server, "TACW1140422G0297", "ChangeConfiguration", measurands) as placed:
            call_id = json.loads(charger.recv(5))[1]
            charger.send(json.dumps([3, call_id, {"status": "Accepted"}]))
            assert placed.result(10).state == "answered"
        assert_silent(charger)


def test_quirk_25_a_charger_deaf_to_calls_until_it_reconnects(server: Server) -> None:
    """mobilityhouse/ocpp#338, #626: a caller's time ends, the charger stays and is asked again."""
    boot = {"chargePointVendor": "x", "chargePointModel": "y"}
    with connect(server.url("deaf")) as charger:
        ask(charger, "BootNotification", boot)
        with called(server, "deaf", "ClearCache", {}) as placed:
            assert json.loads(charger.recv(5))[2] == "ClearCache"
            assert ask(charger, "Heartbeat", {}, "2").keys() == {"currentTime"}
            assert placed.result(10).state != "answered"
        assert ask(charger, "Heartbeat", {}, "3").keys() == {"currentTime"}
    with connect(server.url("deaf")) as charger:
        ask(charger, "BootNotification", boot)
        with called(server, "deaf", "ClearCache", {}) as placed:
            call_id = json.loads(charger.recv(5))[1]
            charger.send(json.dumps([3, call_id, {"status": "Accepted"}]))
            assert placed.result(10).state == "answered"


LATE_S = 0.5
FOR_EVER_MS = 10_000
"""Longer than what is looked at before the answer takes, on any machine."""


def keep_back(home: Home, delay_ms: int) -> None:
    """From now on free2move's starts are answered so late, and all chargers may connect."""
    listed = {"free2move": {"auth": "none", "reply_delay_ms": delay_ms}, "*": {"auth": "none"}}
    home.charge_points_file.write_text(json.dumps(listed))


def is_open(home: Home) -> bool:
    """Return True if free2move's transaction is on disk."""
    opened = "SELECT transaction_id FROM open_transactions WHERE charge_point_id = 'free2move'"
    return home.query(opened) == [(20_009_042,)]


def call(unique_id: str, action: str, payload: object) -> str:
    """A Call."""
    return json.dumps([2, unique_id, action, payload])


def test_quirk_26_free2move_is_answered_late_and_nobody_else(server: Server) -> None:
    """lbbrhzn/ocpp#2080: its start is on disk at once; its answers wait in their order."""
    keep_back(server.home, int(LATE_S * 1000))
    values = {"connectorId": 1, "meterValue": []}
    with connect(server.url("free2move")) as charger:
        for _ in range(2):  # the second one is told again, and its answer comes as late
            began = time.monotonic()
            charger.send(call("1", "StartTransaction", START))
            charger.send(call("2", "MeterValues", values))
            charger.send(call("3", "Heartbeat", {}))
            wait_for(lambda: is_open(server.home))
            first = json.loads(charger.recv(10))
            assert time.monotonic() - began >= LATE_S
            assert (first[1], first[2]["transactionId"]) == ("1", 20_009_042)
            assert [json.loads(charger.recv(10))[1] for _ in range(2)] == ["2", "3"]
    keep_back(server.home, FOR_EVER_MS)
    with connect(server.url("free2move")) as charger, connect(server.url("other")) as other:
        charger.send(call("1", "StartTransaction", START))
        charger.send(call("2", "StopTransaction", STOP))
        booked = "SELECT consumed_wh FROM accounting"
        wait_for(lambda: server.home.query(booked) == [(33_000,)])
        assert ask(other, "Heartbeat", {}).keys() == {"currentTime"}
        assert ask(other, "StartTransaction", START)["transactionId"] == 20_009_042
        with pytest.raises(TimeoutError):
            charger.recv(0)


def test_quirk_26_an_answer_kept_back_is_given_before_the_close(server: Server) -> None:
    """A server that ends does not keep it for itself."""
    keep_back(server.home, FOR_EVER_MS)
    with connect(server.url("free2move")) as charger:
        charger.send(call("1", "StartTransaction", START))
        charger.send(call("2", "Heartbeat", {}))
        wait_for(lambda: is_open(server.home))
        assert server.stop() == 0
        assert json.loads(charger.recv(10))[2]["transactionId"] == 20_009_042
        assert json.loads(charger.recv(10))[1] == "2"
        with pytest.raises(ConnectionClosed):
            charger.recv(10)
        assert charger.close_code == 1012


def test_quirk_26_a_crash_before_the_late_answer_costs_nothing(server: Server) -> None:
    """The repeated start gets the same id."""
    keep_back(server.home, FOR_EVER_MS)
    with connect(server.url("free2move")) as charger:
        charger.send(call("1", "StartTransaction", START))
        wait_for(lambda: is_open(server.home))
        server.kill()
        with pytest.raises(ConnectionClosed):
            charger.recv(10)
    keep_back(server.home, 1)
    server.restart()
    with connect(server.url("free2move")) as charger:
        assert ask(charger, "StartTransaction", START)["transactionId"] == 20_009_042
    assert server.home.query("SELECT count(*) FROM open_transactions") == [(1,)]


def test_quirk_26_late_answers_over_stdin_and_stdout(home: Home) -> None:
    """The input may have ended meanwhile; whoever ends the process gets them at once."""
    keep_back(home, int(LATE_S * 1000))
    with backend(home, "free2move") as charger:
        charger.say(call("0", "Heartbeat", {}))
        assert charger.hear()[1] == "0"
        began = time.monotonic()
        charger.say(call("1", "StartTransaction", START))
        charger.say(call("2", "Heartbeat", {}))
        charger.end_input()
        assert charger.hear()[2]["transactionId"] == 20_009_042
        assert time.monotonic() - began >= LATE_S
        assert charger.hear()[1] == "2"
        assert charger.wait() == 0
    keep_back(home, FOR_EVER_MS)
    with backend(home, "free2move") as charger:
        charger.say(call("1", "StartTransaction", START))
        charger.say(call("2", "StopTransaction", STOP))
        wait_for(lambda: home.query("SELECT consumed_wh FROM accounting") == [(33_000,)])
        charger.terminate()
        assert charger.hear()[2]["transactionId"] == 20_009_042
        assert charger.hear()[1] == "2"
        assert charger.wait() == 0


@pytest.mark.parametrize("reset", [False, True])
def test_quirk_27_a_hard_reset_waits_for_no_confirmation(server: Server, reset: bool) -> None:
    """TC_013: it sends its stop and disconnects; the stop is booked although no answer arrives."""
    with RawCharger(server, b"/box", *UPGRADE, OCPP16) as charger:
        charger.ask("StartTransaction", START)
        charger.send(json.dumps([2, "2", "StopTransaction", STOP | {"reason": "HardReset"}]))
        if reset:
            time.sleep(0.5)  # a RST may overtake what was sent; half a second later it may not
            linger = (1).to_bytes(4, "little") + (0).to_bytes(4, "little")
            charger.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    booked = "SELECT consumed_wh, stop_reason, review FROM accounting"
    wait_for(lambda: server.home.query(booked) == [(33_000, "HardReset", None)])
    with RawCharger(server, b"/box", *UPGRADE, OCPP16) as charger:
        assert charger.ask("StopTransaction", STOP | {"reason": "HardReset"}) == {}
    assert server.home.query("SELECT consumed_wh, repeats FROM accounting") == [(33_000, 1)]


def send_all(charger: ClientConnection, frames: list[str]) -> None:
    """Send frames without waiting for answers."""
    for frame in frames:
        charger.send(frame)


def test_quirk_28_alfen_flushes_its_backlog(server: Server) -> None:
    """lbbrhzn/ocpp#361: all its unsent MeterValues at once; none is dropped, none out of order."""
    count = 1_500
    sample = {
        "connectorId": 1,
        "transactionId": 9_223_372_036_854_775_807,
        "meterValue": [
            {
                "timestamp": "2020-09-19T15:14:23Z",
                "sampledValue": [{"value": "15.630", "context": "Sample.Periodic", "unit": "A"}],
            }
        ],
    }
    with connect(server.url("NL-GFX-A2246")) as charger, ThreadPoolExecutor(1) as sender:
        frames = [json.dumps([2, str(n), "MeterValues", sample]) for n in range(count)]
        sent = sender.submit(send_all, charger, frames)
        answers = [charger.recv(20) for _ in range(count)]
        sent.result(20)
    assert answers == [f'[3,"{n}",{{}}]' for n in range(count)]
    assert server.home.query("SELECT count(*) FROM meter_values") == [(count,)]


def test_quirk_29_a_full_local_queue_is_drained_fast(server: Server) -> None:
    """ocpp-rpc#69: a hundred messages fit and the next is dropped; they are gone in seconds."""
    begun = time.monotonic()
    with connect(server.url("dc")) as charger:
        for number in range(50):
            start_wh = 1_000_000 + number * 2_000
            hour = f"2026-10-{1 + number // 24:02}T{number % 24:02}"
            started = START | {"meterStart": start_wh, "timestamp": f"{hour}:00:00Z"}
            transaction_id = ask(charger, "StartTransaction", started, f"a{number}")[
                "transactionId"
            ]
            stopped = {
                "transactionId": transaction_id,
                "meterStop": start_wh + 2_000,
                "timestamp": f"{hour}:30:00Z",
            }
            assert ask(charger, "StopTransaction", stopped, f"b{number}") == {}
    assert time.monotonic() - begun < 10
    booked = server.home.query("SELECT count(*), sum(consumed_wh), count(review) FROM accounting")
    assert booked == [(50, 100_000, 0)]


def test_quirk_50_evbox_does_not_fill_the_log(serve: Callable[..., Server]) -> None:
    """lbbrhzn/ocpp#221: one DataTransfer every few seconds for years, and no line for each."""
    server = serve()
    transfer = {
        "vendorId": "EV-BOX",
        "messageId": "evbStatusNotification",
        "data": "1,SuspendedEVSE,NoError,No error.,0,Yellow,1,{20,8000,16},{0,0}",
    }
    with connect(server.url("EVB-P20482857")) as charger:
        for number in range(100):
            answer = ask(charger, "DataTransfer", transfer, str(number))
            assert answer == {"status": "UnknownVendorId"}
    lines = [line for line in server.log().splitlines() if "EVB-P20482857" in line]
    assert len(lines) < 10, lines
