"""The input of public_face: configuration files, frames of October 2025, commands and requests."""

from typing import Any

TOKEN = "0123456789abcdef"

CONFIGURATION = {
    "tags.json": """[
        {"index": 1, "account": "company-x", "ids": ["1111", "2222"], "names": {"1111": "Golf"}},
        {"index": 2, "account": "family-y", "ids": ["3333", "4444"]},
        {"index": 3, "account": "company-z", "ids": ["5555"], "blocked": ["5555"]}
    ]""",
    "tariffs.json": """{"tariffs": [
        {"account": "family-y", "valid_from": "2025-01-01", "name": "HT", "ct_per_kwh": 31.27,
         "windows": [{"name": "NT", "from": "22:00", "until": "06:00", "ct_per_kwh": 24.1}],
         "base_fee_eur": 4.5, "vat": {"percent": 19, "included": true}},
        {"account": "company-x", "valid_from": "2025-01-01", "flat": true}
    ], "flat_prices": {"2025": 34, "2026": 34, "2027": 34, "2028": 34, "2029": 34}}""",
    "operator.json": """{
        "name": "WEG Sonnenallee 12", "address": ["Sonnenallee 12", "12045 Berlin"],
        "contact": ["weg@example.org"], "tax_number": "DE123456789", "signed_by": "Kassenwart",
        "mail": {"from": "weg@example.org", "to": {"family-y": ["y@example.org"]}}
    }""",
    "charge_points.json": """{
        "garage": {"auth": "none", "name": "Stellplatz 4", "meter_serial": "1EMH0012345",
                   "note": "MID", "connectors": {"1": "links", "2": "rechts"}},
        "yard": {"auth": "none", "tz": "Europe/Berlin", "cap_kwh": 100}
    }""",
    "canned.json": """{
        "unlock": {"action": "UnlockConnector", "payload": {"connectorId": 1}},
        "stop-family": {"action": "RemoteStopTransaction", "payload": {"account": "family-y"}},
        "state": {"show": "state", "charge_point": "yard"},
        "power": {"show": "power", "charge_point": "yard"},
        "in-words": {"show": "energy", "account": "family-y", "reply": "Bisher: {sentence}"}
    }""",
}

OCMF = 'OCMF|{"FV":"1.0","RD":[{"TX":"B","RV":9042.10}]}|{"SD":"304402AB"}'
BOOT = ("BootNotification", {"chargePointVendor": "go-e", "chargePointModel": "V3"})


def start(id_tag: str, wh: int, moment: str, connector_id: int = 1) -> tuple[str, Any]:
    """Return a StartTransaction of October 2025; `moment` is such as 01T05:00."""
    card = {"connectorId": connector_id, "idTag": id_tag}
    return "StartTransaction", {**card, "meterStart": wh, "timestamp": f"2025-10-{moment}:00Z"}


def stop(transaction_id: int, wh: int, moment: str, **more: Any) -> tuple[str, Any]:
    """Return a StopTransaction of October 2025."""
    end = {"meterStop": wh, "timestamp": f"2025-10-{moment}:00Z", **more}
    return "StopTransaction", {"transactionId": transaction_id, **end}


def values(transaction_id: int, moment: str, *samples: dict[str, str]) -> tuple[str, Any]:
    """Return a MeterValues of October 2025."""
    value = {"timestamp": f"2025-10-{moment}:00Z", "sampledValue": samples}
    return "MeterValues", {"connectorId": 1, "transactionId": transaction_id, "meterValue": [value]}


def status(state: str) -> tuple[str, Any]:
    """Return a StatusNotification of connector 1."""
    return "StatusNotification", {"connectorId": 1, "errorCode": "NoError", "status": state}


SIGNED = {
    "timestamp": "2025-10-01T07:10:00Z",
    "sampledValue": [{"value": OCMF, "format": "SignedData"}],
}
POWER = {"value": "7400", "measurand": "Power.Active.Import", "unit": "W"}
DAYS = {
    "garage": [
        BOOT,
        status("Available"),
        ("Authorize", {"idTag": "3333"}),
        ("Authorize", {"idTag": "5555"}),
        start("3333", 9042000, "01T05:00"),
        values(20009042, "01T06:00", {"value": "9060000"}, POWER),
        stop(20009042, 9075250, "01T07:10", transactionData=[SIGNED]),
        start("04A20B", 9076000, "02T05:00"),
        stop(9076, 9080000, "02T07:10"),
        start("1111", 9080000, "03T19:00", connector_id=2),
        stop(10009080, 9090005, "03T21:30", reason="EVDisconnected", idTag="1111"),
        start("5555", 9090005, "04T05:00"),
        ("DataTransfer", {"vendorId": "org.example"}),
        ("Heartbeat", {"extra": 1}),
        ("NoSuchAction", {}),
        ("StartTransaction", {"connectorId": 1}),
        ("Authorize", {"idTag": 7}),
    ],
    "yard": [
        ("BootNotification", {**BOOT[1], "chargePointSerialNumber": "000123"}),
        start("3333", 9042000, "05T05:00"),
        stop(20009042, 9475250, "05T07:00"),
        start("2222", 9475250, "06T05:00"),
        stop(424242, 9480000, "06T06:00"),
        start("4444", 9480000, "07T05:00", connector_id=2),
    ],
}

CONNECTED = [
    BOOT,
    status("Charging"),
    values(20009480, "07T06:00", {"value": "9483000"}, POWER),
    ("NoSuchAction", {}),
]

# -- commands -------------------------------------------------------------------------------------

LISTS = [
    *("shocpp review", "shocpp review list --json", "shocpp transactions"),
    *("shocpp transactions --json", "shocpp transactions --signed 1", "shocpp frames"),
    *("shocpp frames -c yard -n 2 --json", "shocpp calls", "shocpp calls --json"),
    *("shocpp charge-points", "shocpp charge-points --json", "shocpp tariffs check"),
    *("shocpp tariffs check --json", "shocpp check", "shocpp verify", "shocpp verify --json"),
]
DECISIONS = [
    "shocpp review assign 2 --account family-y --why 'their new card'",
    "shocpp review correct 4 --wh 33250 --why 'read off the car' --yes",
    "shocpp review dismiss 5 --why test --yes",
    "shocpp close 2025 10",
    "shocpp close 2025 10 --unpriced",
    "shocpp review correct 1 --wh 33000 --why 'after the month was closed' --yes",
]
WHILE_CONNECTED = [
    'shocpp-command -c yard Reset \'{"type": "Soft"}\'',
    "shocpp-command UnlockConnector '{\"connectorId\": 1}'",
    'shocpp-command -c yard RemoteStopTransaction \'{"account": "company-z"}\'',
    *("shocpp-caller state", "shocpp-caller power", "shocpp-caller stop-family"),
    *("shocpp-caller unlock", "shocpp-caller in-words", "shocpp calls -n 3"),
    "shocpp charge-points add attic",
    *("shocpp charge-points", "shocpp charge-points --refused --json", "shocpp check"),
]
WRONG_USAGES = [
    *("shocpp", "shocpp nothing", "shocpp-summary", "shocpp-summary 2025", "shocpp-summary 1999 1"),
    *("shocpp-summary 2025 13", "shocpp-summary 2025 10 --account nobody"),
    *("shocpp-summary 2025 10 --format odt", "shocpp-summary 2025 10 --lang fr"),
    *("shocpp-summary 2025 10 --to x@example.org", "shocpp-summary 2025 10 --send"),
    *("shocpp-summary 2025 10 -o nowhere/paper.txt", "shocpp-summary 2025 10 --year 2025"),
    *("shocpp-command Reset", 'shocpp-command -c nobody Reset \'{"type": "Soft"}\''),
    *('shocpp-command -c garage Reset \'{"type": "Soft"}\'', "shocpp-command Reset '{'"),
    *("shocpp-command -c garage Reset '[]'", 'shocpp-command Reset \'{"type": "Medium"}\''),
    *("shocpp-command -c garage NoSuchAction", "shocpp-command -c garage Reset '{\"a\": 1}'"),
    'shocpp-command -c yard RemoteStopTransaction \'{"account": "company-x"}\'',
    *("shocpp-command -t 0 -c garage ClearCache", "shocpp-caller nothing", "shocpp-caller state"),
    *("shocpp-caller unlock", "shocpp frames -c nobody", "shocpp frames -n 0"),
    *("shocpp review assign 99 --account family-y --why x", "shocpp review assign 2 --why x"),
    "shocpp review assign 2 --account nobody --why x",
    *("shocpp review assign 2 --account family-y --why ' '", "shocpp review dismiss x --why x"),
    *("shocpp review dismiss G99 --why x", "shocpp review dismiss T99 --why x"),
    *("shocpp review correct 1 --why x", "shocpp review correct 1 --begin 5 --end 4 --why x"),
    *("shocpp close 2025 0", "shocpp close 2025 8", "shocpp close 2099 1"),
    *("shocpp transactions --signed 99", "shocpp transactions --signed 2"),
    *("shocpp charge-points add garage", "shocpp charge-points add --rotate --replace garage"),
    *("shocpp charge-points add --rotate nobody", "shocpp charge-points add ''"),
    *("shocpp tags learn --account nobody -t 1", "shocpp tags learn"),
    *("shocpp import nowhere", "shocpp import conf", "shocpp backup nowhere/books.sqlite3"),
    *("shocpp-backend", "shocpp-backend -c ''", "shocpp-listener nothing"),
    *("env SHOCPP_LANG=fr shocpp check", "env WS_PORT=x shocpp-listener"),
    *("env TZ=Mars/Base shocpp tariffs check", "env SHOCPP_TOKEN=short shocpp check"),
    *("env SHOCPP_SMTP=ftp://x shocpp check", "env SHOCPP_WEBHOOK=http://example.org shocpp check"),
    *("env SHOCPP_HOME=/nowhere shocpp check", "env SHOCPP_DATABASE=conf/tags.json shocpp review"),
    *("env SHOCPP_DATABASE=/nowhere/db shocpp review", "env SHOCPP_TAGSFILE=log shocpp check"),
    "env SHOCPP_TARIFFSFILE=conf/tags.json shocpp tariffs check",
]
RECOVERY = [
    *("shocpp backup books.sqlite3", "shocpp backup books.sqlite3", "shocpp import accounting"),
    *("shocpp rebuild --frames", "shocpp rebuild", "shocpp review", "shocpp verify"),
    "shocpp-summary 2025 10 --lang en",
]

# -- requests: method, path, body, headers --------------------------------------------------------

STRANGER = {"Host": "example.org"}
JSON = {"Content-Type": "application/json"}
CALLS = "/api/charge-points/yard/calls"
RESET = '{"action": "Reset", "payload": {"type": "Soft"}}'
REQUESTS: list[tuple[str, str, str | None, dict[str, str]]] = [
    *(("GET", path, None, {}) for path in ("/", "/healthz", "/nothing", "/api", "/api/nothing")),
    *(("GET", path, None, {}) for path in ("/api/openapi.json", "/api/charge-points")),
    *(("GET", path, None, {}) for path in ("/api/charge-points/yard", "/api/transactions")),
    *(("GET", path, None, {}) for path in ("/api/charge-points/nobody", "/api/meter-values")),
    *(("GET", f"/api/accounting?{query}", None, {}) for query in ("limit=2", "limit=x", "a=1")),
    *(("GET", f"/cgi-bin/caller?{query}", None, {}) for query in ("", "canned=nothing")),
    *(("GET", f"/cgi-bin/caller?{query}", None, {}) for query in ("canned=state", "a=1&a=2")),
    *(("DELETE", path, None, {}) for path in ("/api/accounting", "/cgi-bin/caller", "/metrics")),
    *(("GET", path, None, STRANGER) for path in ("/api/accounting", "/metrics", "/healthz")),
    ("GET", "/cgi-bin/caller?canned=state", None, STRANGER),
    ("GET", "/api/transactions", None, {**STRANGER, "Authorization": f"Bearer {TOKEN}"}),
    ("GET", "/api/transactions", None, {**STRANGER, "Authorization": "Bearer wrong"}),
    ("GET", "/api/transactions", None, {"Sec-Fetch-Site": "cross-site"}),
    ("GET", "/cgi-bin/caller?canned=state", None, {"Sec-Fetch-Site": "cross-site"}),
    ("GET", "/garage", None, {"Upgrade": "websocket"}),
    ("POST", CALLS, RESET, JSON),
    ("POST", CALLS, RESET, {"Content-Type": "text/plain"}),
    ("POST", CALLS, "{", JSON),
    ("POST", CALLS, "[]", JSON),
    ("POST", CALLS, '{"action": "Reset", "payload": {"type": "Medium"}}', JSON),
    ("POST", CALLS, '{"action": "NoSuchAction"}', JSON),
    ("POST", CALLS, '{"action": "RemoteStopTransaction", "payload": {"account": "x"}}', JSON),
    ("POST", CALLS.replace("yard", "garage"), RESET, JSON),
    ("POST", CALLS.replace("yard", "nobody"), RESET, JSON),
]
CGI_REQUESTS = [
    {"REMOTE_USER": "anna", "QUERY_STRING": "canned=state"},
    {"REMOTE_USER": "anna", "QUERY_STRING": "canned=nothing"},
    {"REMOTE_USER": "anna", "QUERY_STRING": ""},
    {"REMOTE_USER": "anna", "QUERY_STRING": "canned=state", "REQUEST_METHOD": "PUT"},
    {"REMOTE_ADDR": "192.0.2.1", "QUERY_STRING": "canned=state"},
]
