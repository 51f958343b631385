"""The parser of mqtt.json, and the file that stays in force while it has an error."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shocpp.configuration.mqtt import MqttConf, MqttFile, StartAs, Tls, parse_mqtt
from shocpp.errors import ConfigError
from tests.world.machine import ROOT

PATH = Path("/home/conf/mqtt.json")
HOST: dict[str, Any] = {"host": "192.168.1.5"}


def parsed(**keys: object) -> MqttConf:
    """Return a mqtt.json with a host, parsed."""
    return parse_mqtt(json.dumps({**HOST, **keys}), PATH)


def refusal(text: str) -> str:
    """Return the sentence of the refusal of a file, without the file and the example."""
    with pytest.raises(ConfigError) as refused:
        parse_mqtt(text, PATH)
    sentence = str(refused.value)
    assert sentence.isprintable()
    assert sentence.startswith(str(PATH))
    assert sentence.endswith("; see conf/mqtt.json.example")
    return sentence.removeprefix(str(PATH)).removesuffix("; see conf/mqtt.json.example")


# --- valid files ---


def test_a_host_alone_has_the_defaults() -> None:
    conf = parsed()
    assert conf == MqttConf("192.168.1.5", 1883, None, None, None, "shocpp", True, False, {})


def test_with_tls_the_port_is_another_one_and_the_authority_beside_the_file() -> None:
    assert parsed(tls=True)[1:3] == (8883, Tls())
    assert parsed(tls=False)[1:3] == (1883, None)
    assert parsed(tls={"ca": "ca.pem"}, port=1884)[1:3] == (1884, Tls(Path("/home/conf/ca.pem")))
    assert parsed(tls={"ca": "/etc/ca.pem"}).tls == Tls(Path("/etc/ca.pem"))


def test_starts_are_by_chargers_in_any_case() -> None:
    payers = {"Garage": {"account": "family-y", "card": "key"}, "p2": {"account": "company-x"}}
    conf = parsed(start_as=payers, comment="x")
    assert conf.start_as == {"garage": StartAs("family-y", "key"), "p2": StartAs("company-x")}


def test_the_example_is_valid() -> None:
    text = (ROOT / "conf" / "mqtt.json.example").read_text()
    assert parse_mqtt(text, PATH).start_as["garage"].account == "family-y"


def test_no_text_of_a_configuration_has_the_password() -> None:
    conf = parsed(user="shocpp", password="geheim")
    assert conf.password == "geheim"
    assert "geheim" not in f"{conf} {conf!r}"


# --- refused files ---


REFUSED: list[tuple[dict[str, object], str]] = [
    ({}, "the file has no host: write the name or the address of the broker"),
    (HOST | {"pasword": "geheim"}, "pasword is unknown; there are host, port, tls"),
    ({"host": ""}, "host must be a text on one line, not ''"),
    ({"host": 5}, "host must be a text on one line, not 5"),
    ({"host": "mqtt://x"}, "host must be a name or an address such as 192.168.1.5, not 'mqtt://x'"),
    ({"host": "a..b"}, "host must be a name or an address"),
    ({"host": "x" * 64}, "host must be a name or an address"),
    (
        {"host": "mqtt://shocpp:geheim@broker"},
        "host must be a name or an address such as 192.168.1.5; port, user and password have keys",
    ),
    (HOST | {"user": {"name": "x", "password": "geheim"}}, "user must be a text; the password has"),
    (HOST | {"port": 0}, "port must be a whole number 1..65535, not 0"),
    (HOST | {"port": "1883"}, "port must be a whole number 1..65535, not '1883'"),
    (HOST | {"port": True}, "port must be a whole number 1..65535, not True"),
    (HOST | {"tls": "ca.pem"}, "tls must be true or {\"ca\": FILE}, not 'ca.pem'"),
    (HOST | {"tls": {}}, "tls has no ca; write true for the authorities of this system"),
    (HOST | {"tls": {"insecure": True}}, "tls, insecure is unknown; there are ca"),
    (HOST | {"password": "geheim"}, "password needs a user beside it"),
    (HOST | {"user": "x", "password": ["geheim"]}, "password must be a text; leave it out if the"),
    (HOST | {"user": "x", "password": ""}, "password must be a text"),
    (HOST | {"user": "x", "password": "geheim\ud800"}, "password must be a text of at most 65535"),
    (HOST | {"user": "x", "password": "geheim" * 20_000}, "password must be a text of at most"),
    (HOST | {"user": "x" * 70_000, "password": "geheim"}, "user must have at most 65535 bytes"),
    (HOST | {"prefix": "a/#"}, "prefix must be one topic, without the wildcards + and #, not 'a/#"),
    (HOST | {"prefix": "a//b"}, "prefix must have levels that are not empty, not 'a//b'"),
    (HOST | {"prefix": "$x"}, "prefix must not begin with $"),
    (HOST | {"prefix": "x" * 61}, "prefix must have at most 60 bytes"),
    (HOST | {"discovery": 1}, "discovery must be true or false, not 1"),
    (HOST | {"accounts": "yes"}, "accounts must be true or false, not 'yes'"),
    (HOST | {"start_as": []}, "start_as must be an object, not []"),
    (HOST | {"start_as": {"g": {}}}, "start_as, g has no account; write its name"),
    (HOST | {"start_as": {"g": {"acount": "x"}}}, "start_as, g, acount is unknown"),
    (
        HOST | {"start_as": {"g": {"account": "x"}, "G": {"account": "x"}}},
        "start_as, G is there twice; remove one",
    ),
]


@pytest.mark.parametrize(("content", "sentence"), REFUSED)
def test_an_error_is_reported_with_its_key(content: object, sentence: str) -> None:
    line, _, reported = refusal(json.dumps(content)).partition(": ")
    assert line == ", line 1"
    assert reported.startswith(sentence)
    assert "geheim" not in reported


def test_an_error_names_its_line() -> None:
    assert refusal('{"host": "x",\n\n "port": 0}').startswith(", line 3: port must be")


@given(st.text(max_size=80))
def test_any_prefix_is_accepted_or_refused_with_a_sentence(prefix: str) -> None:
    text = json.dumps({**HOST, "prefix": prefix})
    try:
        conf = parse_mqtt(text, PATH)
    except ConfigError:
        assert refusal(text).startswith(", line 1: prefix must ")
    else:
        assert not set("+#\0") & set(conf.prefix)
        assert all(conf.prefix.split("/"))


# --- the file in force ---


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """The path of a mqtt.json."""
    return tmp_path / "mqtt.json"


def write(path: Path, text: str) -> None:
    """Replace the file, as an editor does."""
    new = path.with_suffix(".new")
    new.write_text(text)
    new.replace(path)


def test_while_the_file_has_an_error_its_last_good_content_stays(path: Path) -> None:
    write(path, '{"host": "a"}')
    file = MqttFile(path, None)
    assert file.conf() == MqttConf("a")
    write(path, '{"host": ')
    assert file.conf() == MqttConf("a")
    assert file.trouble is not None
    assert file.text == '{"host": "a"}'
    write(path, '{"host": "b"}')
    assert (file.conf(), file.trouble) == (MqttConf("b"), None)


def test_a_new_process_uses_the_stored_content_while_the_file_has_an_error(path: Path) -> None:
    write(path, "{")
    assert MqttFile(path, None).conf() is None
    assert MqttFile(path, '{"host": "a"}').conf() == MqttConf("a")
    assert MqttFile(path, '{"of an older version": 1}').conf() is None


def test_a_file_that_is_gone_ends_mqtt(path: Path) -> None:
    file = MqttFile(path, '{"host": "a"}')
    assert (file.conf(), file.text) == (None, None)
    write(path, '{"host": "b"}')
    assert file.conf() == MqttConf("b")
    os.unlink(path)
    assert (file.conf(), file.text) == (None, None)
    write(path, "{")
    assert file.conf() is None
