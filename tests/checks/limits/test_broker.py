"""Findings about mqtt.json, its broker, and inputs of the site that come from there."""

import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from shocpp.checks.exposure import check_secrets, check_writers
from shocpp.checks.limits.broker import check_broker
from shocpp.store.database import open_database
from shocpp.store.keys import NO_KEYS
from shocpp.store.site import mqtt
from shocpp.store.site.mqtt import BrokerState
from tests.world.broker import Broker
from tests.world.certificates import Authority
from tests.world.findings import check, english_of
from tests.world.home import Home
from tests.world.limits import write_site
from tests.world.machine import free_port, wait_for
from tests.world.server import Server

PASSWORD = "correct horse"


def broker_findings(home: Home) -> list[str]:
    """Return the English sentences about the broker."""
    with open_database(home.database) as db:
        return english_of(check_broker(home.settings, db))


def write_mqtt(home: Home, **members: object) -> Path:
    """Write a mqtt.json."""
    path = home.settings.mqtt_file
    path.write_text(json.dumps({"host": "127.0.0.1", **members}))
    return path


def test_without_the_file_and_with_a_good_one_nothing_is_found(migrated_home: Home) -> None:
    assert broker_findings(migrated_home) == []
    write_mqtt(migrated_home, user="x", password=PASSWORD)
    assert broker_findings(migrated_home) == []


def test_a_broken_file_is_named_with_its_line(migrated_home: Home) -> None:
    path = write_mqtt(migrated_home, password=PASSWORD)
    (sentence,) = broker_findings(migrated_home)
    assert sentence == (
        f"{path}, line 1: password needs a user beside it; see conf/mqtt.json.example; there is "
        "no MQTT until it is corrected"
    )
    with open_database(migrated_home.database) as db:
        with db.writing(keys=NO_KEYS):
            mqtt.store_conf(db, "sealed")
        (finding,) = check_broker(migrated_home.settings, db)
    assert finding.key == "mqtt_broken_kept"


def test_a_password_in_plain_text_to_another_machine_is_risky(migrated_home: Home) -> None:
    path = write_mqtt(migrated_home, host="192.168.1.5", user="x", password=PASSWORD)
    (sentence,) = broker_findings(migrated_home)
    assert sentence == (
        "the password for the broker 192.168.1.5 crosses the network in plain text; set TLS up "
        f"there, and write tls into {path}"
    )
    write_mqtt(migrated_home, host="192.168.1.5", user="x", password=PASSWORD, tls=True)
    assert broker_findings(migrated_home) == []


def test_a_topic_without_a_broker_is_wrong(migrated_home: Home) -> None:
    inputs = {"meter": {"mqtt": "haus/meter"}, "dim": {"mqtt": "haus/dim"}}
    write_site(migrated_home, limit_a=35, dimmed_w=4200, **inputs)
    sentences = broker_findings(migrated_home)
    assert [one.partition("names the topic ")[2].partition(",")[0] for one in sentences] == [
        "haus/meter",
        "haus/dim",
    ]


def test_starts_for_chargers_and_accounts_that_do_not_exist_are_wrong(migrated_home: Home) -> None:
    migrated_home.charge_points_file.write_text('{"garage": {"auth": "none"}}')
    payers = {"garage": {"account": "nobody"}, "elsewhere": {"account": "family-y"}}
    path = write_mqtt(migrated_home, start_as=payers)
    unknown_charger, unknown_account = broker_findings(migrated_home)
    assert unknown_charger == (
        f"{path}: start_as names elsewhere, which is no charger; correct the name"
    )
    assert unknown_account == (
        f"{path}: start_as of garage names the account nobody, which does not exist; correct the "
        "name"
    )


def test_a_broker_that_cannot_be_reached_is_wrong_while_a_server_runs(
    serve: Callable[..., Server], home: Home
) -> None:
    port = free_port()
    path = write_mqtt(home, port=port, user="x", password=PASSWORD)
    server = serve()

    def trouble() -> bool:
        with open_database(home.database) as db:
            state = mqtt.broker_state(db)
        return state is not None and "refused" in str(state.trouble)

    wait_for(trouble)
    printed = check(home).stdout
    assert (
        f"the broker 127.0.0.1:{port} cannot be reached: Connection refused; there has been no "
        f"MQTT for 0 min; start the broker, or correct {path}"
    ) in " ".join(printed.split())
    assert PASSWORD not in printed + server.log()
    server.stop()
    assert broker_findings(home) == []


def test_an_expired_authority_is_wrong_and_the_server_goes_on(
    serve: Callable[..., Server], home: Home, tmp_path: Path
) -> None:
    authority = Authority(tmp_path / "authority", days=-1)
    users = {"shocpp": PASSWORD}
    broker = Broker(tmp_path / "broker", users, authority.certificates("127.0.0.1"))
    try:
        tls = {"ca": str(authority.path)}
        write_mqtt(home, port=broker.port, user="shocpp", password=PASSWORD, tls=tls)
        server = serve()
        wait_for(lambda: any("certificate has expired" in one for one in broker_findings(home)))
        assert server.is_healthy()
        assert " as shocpp" not in broker.log()
    finally:
        broker.kill()


def test_an_unreadable_signal_is_wrong(serve: Callable[..., Server], home: Home) -> None:
    serve()

    def findings() -> list[str]:
        with open_database(home.database) as db, db.writing(keys=NO_KEYS):
            mqtt.store_broker_state(db, BrokerState(0, None, dim_trouble="the dim input is odd"))
        return broker_findings(home)

    # The server that begins forgets once what it finds: it has no broker.
    (sentence,) = wait_for(findings)
    assert sentence.startswith("the dim input is odd; the last signal of the grid operator stays")


@pytest.mark.parametrize("mode", [0o604, 0o602])
def test_a_file_that_everybody_reads_or_changes_is_wrong(migrated_home: Home, mode: int) -> None:
    path = write_mqtt(migrated_home, user="x", password=PASSWORD)
    checks = {0o604: check_secrets, 0o602: check_writers}
    path.chmod(0o600)
    assert not any(
        str(path) in one for one in english_of(checks[mode](migrated_home.settings, None))
    )
    path.chmod(mode)
    assert any(str(path) in one for one in english_of(checks[mode](migrated_home.settings, None)))


def test_a_backup_names_the_password_of_the_broker_and_does_not_have_it_in_the_manifest(
    migrated_home: Home, tmp_path: Path
) -> None:
    write_mqtt(migrated_home, user="x", password=PASSWORD)
    to = tmp_path / "backup.zip"
    done = migrated_home.run("shocpp", "backup", str(to))
    assert "the password of the MQTT broker in clear text" in done.stdout + done.stderr
    with zipfile.ZipFile(to) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    assert [name for name, text in members.items() if PASSWORD.encode() in text] == [
        "conf/mqtt.json"
    ]


def test_a_broker_in_a_flapping_network_leaves_one_state(
    serve: Callable[..., Server], home: Home, tmp_path: Path
) -> None:
    broker = Broker(tmp_path / "broker")
    try:
        write_mqtt(home, port=broker.port)
        server = serve()
        for _ in range(3):
            wait_for(lambda: broker.log().count(" as shocpp") and broker_findings(home) == [])
            broker.kill()
            wait_for(lambda: broker_findings(home) != [])
            broker.start()
        wait_for(lambda: broker_findings(home) == [])
        assert server.is_healthy()
    finally:
        broker.kill()
