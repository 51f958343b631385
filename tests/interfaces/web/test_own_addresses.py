"""The addresses that pages give to chargers: by number where no proxy has a name."""

from pathlib import Path

import pytest
from flask import Flask

from shocpp.interfaces.web.own_addresses import charger_address
from shocpp.settings import read_settings


@pytest.mark.parametrize(
    ("host", "environment", "address"),
    [
        # Some chargers find no names.
        ("box.local:8080", {"WS_ADDRESS": "192.0.2.7"}, "ws://192.0.2.7:8080/"),
        ("box", {"WS_ADDRESS": "192.0.2.7", "WS_PORT": "9000"}, "ws://192.0.2.7:9000/"),
        ("box.local:8080", {"WS_ADDRESS": "2001:db8::7"}, "ws://[2001:db8::7]:8080/"),
        # A number that the visitor has used leads here, also through a router.
        ("198.51.100.4:81", {"WS_ADDRESS": "192.0.2.7"}, "ws://198.51.100.4:81/"),
        ("[2001:db8::8]:8080", {"WS_ADDRESS": "192.0.2.7"}, "ws://[2001:db8::8]:8080/"),
        ("localhost:8080", {"WS_ADDRESS": "192.0.2.7"}, "ws://192.0.2.7:8080/"),
        # A proxy has the name, and this server is reached through it only.
        ("box.local", {"WS_ADDRESS": "127.0.0.1"}, "ws://box.local/"),
        (
            "box.local",
            {"WS_ADDRESS": "192.0.2.7", "SHOCPP_TRUSTED_PROXIES": "192.0.2.1"},
            "ws://box.local/",
        ),
    ],
)
def test_a_charger_gets_the_number_of_the_server(
    host: str, environment: dict[str, str], address: str, tmp_path: Path
) -> None:
    settings = read_settings({"SHOCPP_HOME": str(tmp_path), **environment})
    with Flask("test").test_request_context("/", headers={"Host": host}):
        assert charger_address(settings) == address
