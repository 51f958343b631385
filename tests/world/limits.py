"""Limits of current in tests: site.json, a meter, and the profiles that a charger was sent."""

import contextlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.world.charger import Charger, now
from tests.world.home import Home


def write_site(home: Home, **members: Any) -> None:
    """Write a site.json, as an editor does that replaces it."""
    path = home.folder / "conf" / "site.json"
    new = path.with_suffix(".new")
    new.write_text(json.dumps(members))
    new.replace(path)


def profiles(charger: Charger) -> list[tuple[int, int, str, float]]:
    """Return connector, level, purpose and limit of each profile that a charger was sent."""
    written = []
    for action, payload in [*charger.calls]:
        if action == "SetChargingProfile":
            profile = payload["csChargingProfiles"]
            period = profile["chargingSchedule"]["chargingSchedulePeriod"][0]
            purpose = profile["chargingProfilePurpose"]
            written.append(
                (payload["connectorId"], profile["stackLevel"], purpose, period["limit"])
            )
    return written


def limits(charger: Charger) -> list[float]:
    """Return the limits of the profiles that a charger was sent."""
    return [limit for *_, limit in profiles(charger)]


def start(charger: Charger, id_tag: str = "1111", connector_id: int = 1) -> int:
    """Start a transaction now, and return its id."""
    meter = {"connectorId": connector_id, "meterStart": 0, **now()}
    confirmation = charger.ask("StartTransaction", idTag=id_tag, **meter)
    return int(confirmation["transactionId"])


def report_currents(charger: Charger, transaction_id: int, *currents_a: float) -> None:
    """Report the current of each phase of connector 1."""
    samples = [
        {"value": f"{current}", "measurand": "Current.Import", "phase": f"L{number}", "unit": "A"}
        for number, current in enumerate(currents_a, 1)
    ]
    value = [{"timestamp": now()["timestamp"], "sampledValue": samples}]
    charger.ask("MeterValues", connectorId=1, transactionId=transaction_id, meterValue=value)


def set_point(home: Home, connector_id: int = 1) -> dict[str, Any] | None:
    """Return the set point of a connector of the only charger with one, by the view."""
    columns = ("limit_a", "base_a", "reason", "standing", "confirmed_a", "observed_a")
    rows = home.query(
        f"SELECT {', '.join(columns)} FROM set_points WHERE connector_id = ?", connector_id
    )
    return dict(zip(columns, rows[0], strict=True)) if rows else None


class Device:
    """A device with a JSON document, such as a meter: its port, its answers, its requests."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}/status"
        self.status, self.headers = 200, dict[str, str]()
        self.document: object = {}
        self.body: bytes | None = None
        self.requests: list[str] = []
        self.hangs = threading.Event()
        self.goes_on = threading.Event()


@contextlib.contextmanager
def device() -> Iterator[Device]:
    """A device on a free port; it answers with its `document`, or with its `body`."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            here.requests.append(self.path)
            if here.hangs.is_set():
                here.goes_on.wait(30)
            body = json.dumps(here.document).encode() if here.body is None else here.body
            self.send_response(here.status)
            for name, value in here.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            with contextlib.suppress(OSError):
                self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Print nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    here = Device(server.server_address[1])
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield here
    finally:
        here.goes_on.set()
        server.shutdown()
        server.server_close()
