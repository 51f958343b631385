"""Calls to chargers that reconnect without a BootNotification (OCPP-J §5.4), which is legal.

Each reload of the server makes such reconnects. A charger that is booting is waited for.
"""

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from tests.whole.test_faults_server import reload
from tests.world.charger import Charger
from tests.world.machine import wait_for
from tests.world.server import Server

CLEAR_CACHE = ("shocpp-command", "-c", "garage", "ClearCache")
ACCEPTED = '{"status": "Accepted"}'


def clear_cache(server: Server, *options: str) -> str:
    """Send a ClearCache; return the confirmation or the error."""
    ended = server.home.run(CLEAR_CACHE[0], *options, *CLEAR_CACHE[1:])
    return (ended.stdout or ended.stderr).strip()


def wait_of_newest_call(server: Server) -> int:
    """Return the milliseconds for which the newest Call waited after its charger had connected."""
    ((waited_ms,),) = server.home.query(
        "SELECT sent_ms - max(queued_ms, connected_ms) FROM call JOIN connection"
        " USING (charge_point) ORDER BY call.id DESC LIMIT 1"
    )
    return int(waited_ms)


def boot_and_leave(server: Server, firmware: str = "1.0") -> None:
    """Let the garage boot on one connection, and leave."""
    with Charger(server, "garage") as charger:
        charger.ask(
            "BootNotification",
            chargePointVendor="go-e",
            chargePointModel="V3",
            firmwareVersion=firmware,
        )
        charger.leave()


def test_a_silent_charger_that_returns_gets_its_call_after_three_seconds(server: Server) -> None:
    boot_and_leave(server)
    with Charger(server, "garage"):
        assert clear_cache(server) == ACCEPTED
        # Less than the 30 s of a charger that is new.
        assert wait_of_newest_call(server) < 10_000


def test_a_charger_that_returns_with_a_heartbeat_gets_its_call_at_once(server: Server) -> None:
    boot_and_leave(server)
    with Charger(server, "garage") as charger:
        charger.ask("Heartbeat")
        assert clear_cache(server) == ACCEPTED
        assert wait_of_newest_call(server) < 2_500


def test_a_waiting_call_goes_out_with_the_first_message(server: Server) -> None:
    boot_and_leave(server)
    with Charger(server, "garage") as charger:
        wait_for(lambda: server.home.query("SELECT 1 FROM connection"))
        charger.send_call("Heartbeat")
        wait_for(lambda: "1" in charger._confirmations)
        assert clear_cache(server) == ACCEPTED


def test_after_a_reload_a_charger_that_does_not_boot_gets_its_call(server: Server) -> None:
    boot_and_leave(server)
    with Charger(server, "garage"):
        reload(server)
    with Charger(server, "garage"):
        assert clear_cache(server) == ACCEPTED
        # Less than the 30 s of a charger that is new.
        assert wait_of_newest_call(server) < 10_000


def test_a_charger_that_returns_with_a_boot_is_called_after_its_answer(server: Server) -> None:
    boot_and_leave(server)
    with Charger(server, "garage") as charger:
        charger.boot()
        assert clear_cache(server) == ACCEPTED
        assert wait_of_newest_call(server) < 2_500


def newest_call(server: Server) -> dict[str, Any]:
    """Return the newest Call of the list."""
    calls = json.loads(server.home.run("shocpp", "calls", "--json", "-n", "1").stdout)
    return dict(calls[0])


def test_a_call_is_listed_with_the_reason_while_it_waits(server: Server) -> None:
    with Charger(server, "garage") as charger, ThreadPoolExecutor(1) as people:
        charger.ask("Heartbeat")
        waiting = people.submit(clear_cache, server, "-t", "3")
        wait_for(lambda: server.home.query("SELECT 1 FROM calls WHERE state = 'queued'"))
        assert newest_call(server)["waits_because"].startswith("garage is booting; ")
        assert "garage is booting; " in server.home.run("shocpp", "calls").stdout
        waiting.result()
        assert newest_call(server)["waits_because"] is None


def test_a_call_that_waits_says_why(server: Server) -> None:
    boot_and_leave(server)
    with Charger(server, "garage"):
        answered = clear_cache(server, "-t", "1")
    assert answered == (
        "OCPP unreachable. No answer in 1 s: it was never sent, because garage has just "
        "reconnected; try again in 3 s"
    )


def test_a_call_to_a_charger_that_is_booting_says_why(server: Server) -> None:
    waiting = "garage is booting; it gets Calls once its BootNotification is answered, or 30 s"
    with Charger(server, "garage") as charger:
        charger.ask("Heartbeat")
        answered = clear_cache(server, "-t", "1")
        assert f"it was never sent, because {waiting} after its first message" in answered
        assert waiting in newest_call(server)["error_description"]


def test_a_charger_that_hangs_up_when_it_is_called_is_waited_for_until_its_firmware_changes(
    server: Server,
) -> None:
    boot_and_leave(server)

    def hang_up(charger: Charger, _: str, __: object) -> None:
        charger._socket.close()

    with Charger(server, "garage", ClearCache=hang_up) as charger:
        charger.ask("Heartbeat")
        answered = clear_cache(server)
        assert answered.startswith("outcome unknown")
    wait_for(lambda: "garage hung up when it was called" in server.log())
    for _ in range(2):
        with Charger(server, "garage") as charger:
            charger.ask("Heartbeat")
            assert "garage is booting" in clear_cache(server, "-t", "1")
            charger.boot()
            assert clear_cache(server) == ACCEPTED
            charger.leave()
    boot_and_leave(server, firmware="2.0")
    with Charger(server, "garage") as charger:
        charger.ask("Heartbeat")
        assert clear_cache(server) == ACCEPTED


def test_a_charger_that_hangs_up_for_a_reset_is_called_as_before(server: Server) -> None:
    boot_and_leave(server)

    def hang_up(charger: Charger, _: str, __: object) -> None:
        charger._socket.close()

    with Charger(server, "garage", Reset=hang_up) as charger:
        charger.ask("Heartbeat")
        server.home.run("shocpp-command", "-c", "garage", "Reset", '{"type": "Hard"}')
    with Charger(server, "garage") as charger:
        charger.ask("Heartbeat")
        assert clear_cache(server) == ACCEPTED
