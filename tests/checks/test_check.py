"""Tests of `shocpp check`: each defect has a finding with its remedy, and nothing else has."""

import contextlib
import json
import re
import shlex
import sqlite3
import subprocess
from collections.abc import Callable

import pytest

from shocpp.ocpp.passwords import password_hash
from shocpp.store.files.wal import version_with_wal_race
from tests.world.charger import Charger
from tests.world.faults import small_disk
from tests.world.findings import check
from tests.world.home import Home
from tests.world.machine import BIN, needs, wait_for
from tests.world.people import send
from tests.world.server import Server


def wrong(home: Home) -> list[str]:
    """Return the sentences of all findings that are no notes."""
    ended = check(home, "--json")
    sentences = [
        finding["sentence"]
        for finding in json.loads(ended.stdout)["findings"]
        if finding["level"] != "note"
    ]
    assert ended.returncode == (1 if sentences else 0), ended.stderr
    return sentences


def test_a_home_without_defects_is_fine(server: Server) -> None:
    assert wrong(server.home) == []
    ended = check(server.home)
    assert "fine: nothing has to be corrected" in ended.stdout
    assert f"SHOCPP_DATABASE           {server.home.database}" in ended.stdout
    assert "no server is running" not in ended.stdout


def test_a_server_that_is_not_running_is_noted(home: Home) -> None:
    home.run("shocpp", "migrate")
    assert "no server is running; start it with: shocpp-listener" in check(home).stdout


def test_a_missing_database_is_wrong(home: Home) -> None:
    (sentence,) = wrong(home)
    assert sentence == (
        f"there is no database {home.database}; make it with: shocpp migrate, or if it was lost, "
        "from the accounting files: shocpp rebuild"
    )


def test_each_canned_call_that_cannot_be_used_is_named(home: Home) -> None:
    home.run("shocpp", "migrate")
    (home.folder / "conf" / "canned.json").write_text(
        '{"reset": {"action": "Reset"}, "typo": {"shows": "power"}, "fine": {"show": "power"}}'
    )
    sentences = wrong(home)
    assert len(sentences) == 2
    assert "'reset': Reset: type is required and missing" in sentences[0]
    assert "'typo': 'shows' is unknown; there are action" in sentences[1]


def test_canned_calls_are_held_against_cards_accounts_and_chargers(home: Home) -> None:
    home.run("shocpp", "migrate")
    accounts = json.loads(home.tags_file.read_text())
    accounts[1] |= {"blocked": ["4444"]}
    accounts[2] |= {"expires": "2026-01-31"}
    home.tags_file.write_text(json.dumps(accounts))
    home.charge_points_file.write_text(json.dumps({"garage": {"auth": "none"}}))
    start = {"action": "RemoteStartTransaction"}
    stop = {"action": "RemoteStopTransaction"}
    canned = {
        "unknown": {**start, "payload": {"idTag": "3334"}},
        "blocked": {**start, "payload": {"idTag": "4444"}},
        "expired": {**start, "payload": {"idTag": "5555"}},
        "energy": {"show": "energy", "account": "family-x"},
        "stop": {**stop, "payload": {"account": "family-x"}},
        "other": {"show": "state", "charge_point": "garden"},
        "stop other": {**stop, "payload": {"charge_point": "garden"}},
        "fine": {**start, "payload": {"idTag": "3333"}, "charge_point": "garage"},
        "stop fine": {**stop, "payload": {"account": "family-y"}},
    }
    path = home.folder / "conf" / "canned.json"
    path.write_text(json.dumps(canned))
    see = f"see {home.tags_file}"
    not_listed = (
        f"the charger 'garden' is not listed in {home.charge_points_file} and may not connect; "
        "correct its name, or list it: shocpp charge-points add garden"
    )
    expected = [
        "'unknown': the card '3334' belongs to no account; add it to the ids of its account in ",
        f"'blocked': the card '4444' is blocked, so no charger may start with it; {see}",
        f"'expired': the card '5555' has expired, so no charger may start with it; {see}",
        f"'energy': there is no account 'family-x'; {see}",
        f"'stop': there is no account 'family-x'; {see}",
        f"'other': {not_listed}",
        f"'stop other': {not_listed}",
    ]
    found = wrong(home)
    assert len(found) == len(expected)
    for sentence, beginning in zip(found, expected, strict=True):
        assert sentence.startswith(f"{path}, {beginning}")
    # Without their files nothing can be said.
    home.tags_file.write_text("[")
    home.charge_points_file.write_text("{")
    assert [sentence for sentence in wrong(home) if "canned.json" in sentence] == []


def test_a_charger_named_by_its_serial_is_listed(home: Home, serve: Callable[..., Server]) -> None:
    home.charge_points_file.write_text(json.dumps({"garage": {"auth": "none"}}))
    canned = {"power": {"show": "power", "charge_point": "4711"}}
    (home.folder / "conf" / "canned.json").write_text(json.dumps(canned))
    with Charger(serve(), "garage", "4711").boot():
        pass
    assert not [sentence for sentence in wrong(home) if "canned.json" in sentence]


def test_ids_that_no_charger_can_send_and_default_tags_of_nobody_are_wrong(home: Home) -> None:
    home.run("shocpp", "migrate")
    ids = ["0x04A2", "4,13E+13", "1" * 21, "1111"]
    home.tags_file.write_text(json.dumps([{"index": 1, "account": "a", "ids": ids}]))
    listed = {name: {"auth": "none", "default_tag": tag} for name, tag in GARAGES}
    home.charge_points_file.write_text(json.dumps(listed))
    sentences = [sentence for sentence in wrong(home) if "connect" not in sentence]
    assert len(sentences) == 5
    assert sentences[0].endswith(
        "can send the id '0x04A2' of a: chargers send no 0x; write the id without it"
    )
    assert "the id '4,13E+13' of a: a spreadsheet has shortened it" in sentences[1]
    assert "an id tag has at most 20 characters" in sentences[2]
    assert "'yard': the default_tag '2222' belongs to no account; add it" in sentences[3]
    assert "'*': the default_tag '2222' belongs to no account; add it" in sentences[4]


GARAGES = (("garage", "11-11"), ("yard", "2222"), ("*", "2222"))


def test_accounts_that_cannot_be_read_are_wrong(home: Home) -> None:
    home.run("shocpp", "migrate")
    home.tags_file.write_text("[{]")
    assert "tags.json is not JSON" in wrong(home)[0]
    home.tags_file.unlink()
    assert "every card is Invalid" in wrong(home)[0]


def test_a_database_that_everybody_can_read_is_wrong(home: Home) -> None:
    home.run("shocpp", "migrate")
    home.database.chmod(0o644)
    (sentence,) = wrong(home)
    assert sentence.endswith(f"mend it with: chmod 600 {home.database}")


def test_a_secret_that_everybody_can_read_is_wrong_and_is_not_repeated(home: Home) -> None:
    home.run("shocpp", "migrate")
    canned = home.folder / "conf" / "canned.json"
    canned.write_text('{"open": {"action": "ClearCache", "secret": "correct horse battery"}}')
    canned.chmod(0o644)
    (sentence,) = wrong(home)
    assert sentence.endswith(f"mend it with: chmod 600 {canned}")
    canned.chmod(0o600)
    ended = home.run("shocpp", "check", env={"SHOCPP_TOKEN": "correct-horse-battery"})
    assert "SHOCPP_TOKEN              set" in ended.stdout
    assert "horse" not in ended.stdout
    secret = "correct-horse"
    env = {"SHOCPP_SMTP": f"smtp://a:{secret}@b", "SHOCPP_WEBHOOK": f"https://b/{secret}"}
    ended = home.run("shocpp", "check", env=env)
    assert re.search(r"SHOCPP_SMTP +set\nSHOCPP_WEBHOOK +set\n", ended.stdout)
    assert "horse" not in ended.stdout


def test_several_workers_with_an_old_sqlite_are_noted(serve: Callable[..., Server]) -> None:
    home = serve(GUNICORN_CMD_ARGS="--workers 2").home
    wait_for(lambda: home.query("SELECT count(*) FROM worker") == [(2,)])
    is_warned = "2 processes serve chargers, and SQLite" in check(home).stdout
    assert is_warned is (version_with_wal_race() is not None)


def test_workers_with_different_texts_of_a_file_in_force_are_wrong(server: Server) -> None:
    home = server.home
    other = home.tags_file.with_name("other.json")
    other.write_text(home.tags_file.read_text())

    def moved(by_s: int) -> list[str]:
        """Return what is wrong after the workers have entered their digests earlier or later."""
        with contextlib.closing(sqlite3.connect(home.database, isolation_level=None)) as db:
            db.execute("UPDATE worker SET conf_ms = conf_ms + ?", (by_s * 1_000,))
        return wrong(home)

    texts = "SELECT count(DISTINCT conf), count(conf) FROM worker"
    with home.backend("garage", SHOCPP_TAGSFILE=str(other)) as backend:
        wait_for(lambda: home.query(texts) == [(1, 2)])
        home.tags_file.write_text(home.tags_file.read_text() + "\n")
        wait_for(lambda: home.query(texts) == [(2, 2)])
        # Workers do not read a changed file at the same moment.
        assert moved(60) == []
        (sentence,) = moved(-120)
        processes = " and ".join(
            f"process {pid}" for pid in sorted([*server.workers(), backend.pid])
        )
        assert sentence.startswith(
            f"{processes} serve chargers with different texts of {home.tags_file}; compare their "
            "SHOCPP_TAGSFILE"
        )
        other.write_text(home.tags_file.read_text())
        wait_for(lambda: home.query(texts) == [(1, 2)])
        assert moved(-60) == []


EVENING = """\
[2,"1","StartTransaction",{"connectorId":1,"idTag":"?","meterStart":1000,\
"timestamp":"2026-10-01T05:00:00Z"}]
[2,"2","StopTransaction",{"transactionId":1,"meterStop":5000,"timestamp":"2026-10-01T07:10:00Z"}]
"""


def test_a_case_under_review_is_noted(home: Home) -> None:
    home.run("shocpp-backend", "-c", "garage", stdin=EVENING)
    output = check(home).stdout
    assert "note   1 case waits for somebody to decide; see: shocpp review" in output


def test_records_of_a_lost_database_are_reported_and_imported(
    home: Home, serve: Callable[..., Server]
) -> None:
    folder = home.folder / "my records"
    home.environment["SHOCPP_ACCOUNTINGDIR"] = str(folder)
    home.run("shocpp-backend", "-c", "garage", stdin=EVENING)
    for file in home.database.parent.glob("shocpp.sqlite3*"):
        if file.is_file():
            file.unlink()
    server = serve()
    remedy = f"shocpp import '{folder}'"
    assert f"1 files there are not in the books; import them with: {remedy}" in server.log()
    (sentence,) = wrong(home)
    assert sentence.endswith(f"are not in the books; import them with: {remedy}")
    assert home.run(*shlex.split(remedy)).returncode == 0
    assert wrong(home) == []
    assert home.query("SELECT account, consumed_wh FROM accounting") == [("unassigned", 4_000)]


# -- security --------------------------------------------------------------------------------------

PASSWORD = password_hash(b"secret12", b"salt", 1)


def levels(home: Home, **environment: str) -> list[tuple[str, str]]:
    """Return level and sentence of every finding, the worst first."""
    findings = json.loads(check(home, "--json", **environment).stdout)["findings"]
    return [(finding["level"], finding["sentence"]) for finding in findings]


def chargers(home: Home, **entries: object) -> None:
    """Write charge_points.json with these entries."""
    path = home.folder / "conf" / "charge_points.json"
    path.write_text(json.dumps(entries))
    path.chmod(0o600)


def test_a_server_that_lets_any_charger_of_its_network_in_is_risky(home: Home) -> None:
    home.run("shocpp", "migrate")
    open_to_all = "so any charger that reaches 0.0.0.0:8080 may connect"
    findings = levels(home, WS_ADDRESS="0.0.0.0")
    assert [level for level, _ in findings] == sorted(
        (level for level, _ in findings), key=["wrong", "risky", "note"].index
    )
    risky = [sentence for level, sentence in findings if level == "risky"]
    assert any(open_to_all in sentence for sentence in risky)
    assert any("8080 has no TLS: " in sentence for sentence in risky)
    assert home.run("shocpp", "check", env={"WS_ADDRESS": "0.0.0.0"}).returncode == 1
    assert all(level == "note" for level, _ in levels(home))


@pytest.mark.parametrize("entries", [None, {"*": {"auth": "none"}}])
def test_a_server_that_lets_any_charger_of_its_proxy_in_is_risky(
    home: Home, entries: dict[str, object] | None
) -> None:
    home.run("shocpp", "migrate")
    if entries is not None:
        chargers(home, **entries)
    ((level, sentence),) = [
        (level, sentence)
        for level, sentence in levels(home, SHOCPP_TRUSTED_PROXIES="127.0.0.1")
        if "comes through the proxy may connect" in sentence
    ]
    assert level == "risky"
    assert str(home.charge_points_file) in sentence


def test_files_that_everybody_can_change_are_wrong_and_the_remedy_works(home: Home) -> None:
    home.run("shocpp", "migrate")
    home.tags_file.chmod(0o666)
    home.tags_file.parent.chmod(0o777)
    sentences = wrong(home)
    assert len(sentences) == 2
    for sentence in sentences:
        subprocess.run(sentence.partition("mend it with: ")[2].split(), check=True)
    assert wrong(home) == []


def test_a_missing_tags_file_is_wrong_and_the_remedy_works(home: Home) -> None:
    home.run("shocpp", "migrate")
    home.tags_file.unlink()
    (sentence,) = wrong(home)
    subprocess.run(sentence.partition("begin with: ")[2].split(), check=True, cwd="/")
    assert wrong(home) == []


def test_with_passwords_and_a_proxy_nothing_is_risky(home: Home) -> None:
    home.run("shocpp", "migrate")
    chargers(home, garage={"password_hash": PASSWORD})
    findings = levels(home, SHOCPP_TRUSTED_PROXIES="127.0.0.1")
    assert [sentence for level, sentence in findings if level != "note"] == []
    assert not any("may connect, and can book" in sentence for _, sentence in findings)
    findings = levels(home, SHOCPP_TRUSTED_PROXIES="127.0.0.1", WS_ADDRESS="0.0.0.0")
    risky = [sentence for level, sentence in findings if level == "risky"]
    assert any("can be reached without it" in sentence for sentence in risky)


def test_chargers_without_a_password_are_named(home: Home) -> None:
    home.run("shocpp", "migrate")
    chargers(home, garage={"password_hash": PASSWORD}, yard={"auth": "none"})
    sentences = [sentence for _, sentence in levels(home)]
    assert any("yard needs no password, so anybody" in sentence for sentence in sentences)
    chargers(home, garage={"password_hash": PASSWORD}, **{"*": {"auth": "none"}})
    sentences = [sentence for _, sentence in levels(home, WS_ADDRESS="0.0.0.0")]
    assert any(
        "any charger without an entry that reaches" in sentence and 'take "*" out' in sentence
        for sentence in sentences
    )


def test_a_list_that_cannot_be_read_is_wrong(home: Home) -> None:
    home.run("shocpp", "migrate")
    chargers(home, garage={"pasword_hash": PASSWORD})
    (sentence,) = wrong(home)
    assert "'pasword_hash' is unknown; there are password_hash, auth" in sentence


def test_hashes_that_everybody_can_read_are_wrong(home: Home) -> None:
    home.run("shocpp", "migrate")
    chargers(home, garage={"password_hash": PASSWORD})
    path = home.folder / "conf" / "charge_points.json"
    path.chmod(0o644)
    (sentence,) = wrong(home)
    assert sentence.endswith(f"mend it with: chmod 600 {path}")


def test_a_connected_charger_that_will_not_be_let_in_again_is_named(server: Server) -> None:
    with Charger(server, "yard") as yard:
        yard.boot()
        chargers(server.home, garage={"password_hash": PASSWORD})
        (sentence,) = wrong(server.home)
    assert sentence.startswith("yard is connected and not in ")
    assert sentence.endswith("shocpp charge-points add yard")


def test_a_vat_id_in_place_of_a_tax_number_is_named(home: Home) -> None:
    """The example of older versions had one, and many have copied it."""
    home.run("shocpp", "migrate")
    for number, is_named in (
        ("DE123456789", True),
        ("ATU12345678", True),
        ("34/123/45678", False),
        ("St.-Nr. 34/123/45678", False),
        ("", False),
    ):
        content = json.dumps({"tax_number": number})
        (home.folder / "conf" / "operator.json").write_text(content)
        found = f"tax_number is '{number}', which looks like a VAT id; write it into vat_id"
        assert (found in home.run("shocpp", "check").stdout) == is_named, number


def test_a_misspelled_setting_or_key_is_named(home: Home) -> None:
    home.run("shocpp", "migrate")
    findings = levels(home, SHOCPP_TOKN="x", SHOCPP_SOMETHING="1")
    assert (
        "wrong",
        "SHOCPP_TOKN is no setting of this program; did you mean SHOCPP_TOKEN?",
    ) in findings
    assert any("SHOCPP_SOMETHING is no setting" in sentence for _, sentence in findings)
    home.tags_file.write_text(
        '[{"index": 1, "account": "a", "ids": ["1"], "expire": "2026-01-01"}]'
    )
    assert any("'expire' of a means nothing here" in sentence for sentence in wrong(home))


def test_a_clock_behind_the_books_is_wrong(home: Home) -> None:
    faketime = needs("faketime")
    home.run("shocpp-backend", "-c", "garage", stdin=EVENING)
    ended = subprocess.run(
        [faketime, "2026-01-01 12:00:00", str(BIN / "shocpp"), "check", "--json"],
        capture_output=True,
        text=True,
        env=home.environment,
        timeout=30,
    )
    sentences = [finding["sentence"] for finding in json.loads(ended.stdout)["findings"]]
    assert any("the clock is behind the newest record" in sentence for sentence in sentences)


def test_a_disk_that_is_nearly_full_is_wrong(home: Home) -> None:
    home.environment["SHOCPP_RESERVE_MB"] = "20"
    with small_disk(home.folder / "db", "16m"):
        home.run("shocpp", "migrate")
        sentences = wrong(home)
    assert any("MB are left for " in text and "make room" in text for text in sentences)


def test_a_disk_of_both_folders_is_one_finding(home: Home) -> None:
    home.run("shocpp", "migrate")
    (home.folder / "accounting").mkdir(exist_ok=True)
    home.environment["SHOCPP_RESERVE_MB"] = "1000000"
    low = [sentence for sentence in wrong(home) if "MB are left for " in sentence]
    assert len(low) == 1
    assert f"left for {home.database.parent}; below 1000000 MB" in low[0]


def test_a_full_disk_of_the_accounting_files_stops_no_transaction(home: Home) -> None:
    home.environment["SHOCPP_RESERVE_MB"] = "20"
    home.run("shocpp", "migrate")
    with small_disk(home.folder / "accounting", "16m") as folder:
        low = [sentence for sentence in wrong(home) if "MB are left for " in sentence]
    assert len(low) == 1
    assert f"left for {folder}; on a full disk the accounting files wait" in low[0]


def test_a_charge_points_json_that_cannot_be_read_is_wrong(home: Home) -> None:
    home.run("shocpp", "migrate")
    home.charge_points_file.write_text('{"garage": {}}')
    assert any("'garage' has no password" in sentence for sentence in wrong(home))


def test_chargers_that_are_listed_and_have_never_connected_are_named(home: Home) -> None:
    home.run("shocpp-backend", "-c", "garage", stdin='[2,"1","Heartbeat",{}]')
    listed = {name: {"auth": "none"} for name in ("GARAGE", "garrage", "*")}
    home.charge_points_file.write_text(json.dumps(listed))
    output = check(home).stdout
    assert f"{home.charge_points_file}: no charger 'garrage' has connected yet; type its" in output
    assert output.count("has connected yet") == 1


# --- people ---


def notes(home: Home, **environment: str) -> list[str]:
    """Return the sentences of all findings."""
    findings = json.loads(check(home, "--json", **environment).stdout)["findings"]
    return [finding["sentence"] for finding in findings]


def test_web_users_without_roles_are_named(serve: Callable[..., Server]) -> None:
    token = {"SHOCPP_TOKEN": "correct-horse-battery"}
    server = serve(**token)
    home = server.home
    without = f"there is no {home.settings.people_file}, so each user of the web server is an admin"
    assert not any(without in sentence for sentence in notes(home))
    (sentence,) = [s for s in notes(home, **token) if without in s]
    assert sentence.endswith("see conf/people.json.example")
    canned = {"clear": {"action": "ClearCache"}, "all": {"action": "ClearCache"}}
    (home.folder / "conf" / "canned.json").write_text(json.dumps(canned))
    with Charger(server, "garage") as charger:
        charger.boot()
        bearer = {"Authorization": "Bearer correct-horse-battery"}
        for headers in (bearer | {"X-Remote-User": "papa"}, bearer, {"Host": "localhost"}):
            assert send(server.port, "GET", "/cgi-bin/caller?canned=clear", headers).status == 200
    (sentence,) = [s for s in notes(home) if without in s]
    command = "shocpp people set papa --role admin"
    assert sentence.endswith(f"those admins that have asked lately, and nobody else: {command}")
    home.run(*command.split())
    assert home.settings.people_file.exists()
    assert not any(without in sentence for sentence in notes(home, **token))


def test_a_broken_people_file_and_unknown_accounts_are_wrong(migrated_home: Home) -> None:
    path = migrated_home.settings.people_file
    path.write_text('{"eve": {"role": "driver", "account": "family-x"}}')
    assert wrong(migrated_home) == [
        f"{path}, 'eve': there is no account 'family-x'; see {migrated_home.tags_file}"
    ]
    path.write_text('{"eve": {"role": "root"}}')
    (sentence,) = wrong(migrated_home)
    assert "the user 'eve' needs a role, one of admin" in sentence


def test_files_with_a_former_name_say_how_they_follow(migrated_home: Home) -> None:
    """As after an edit of tags.json alone, or a rename that was interrupted."""
    conf = migrated_home.folder / "conf"
    accounts = json.loads(migrated_home.tags_file.read_text())
    accounts[1] |= {"account": "flat 3", "former": ["family-y"]}
    migrated_home.tags_file.write_text(json.dumps(accounts))
    tariff = {"account": "family-y", "valid_from": "2026-01-01", "ct_per_kwh": 30}
    mail = {"from": "a@example.org", "to": {"family-y": ["y@example.org"]}}
    contents = {
        "tariffs": {"tariffs": [tariff]},
        "operator": {"mail": mail},
        "people": {"eve": {"role": "driver", "account": "family-y"}},
        "canned": {"kwh": {"show": "energy", "account": "family-y"}},
    }
    for name, content in contents.items():
        (conf / f"{name}.json").write_text(json.dumps(content))
    command = "shocpp accounts rename family-y 'flat 3'"
    corrected = f"the account 'family-y' is 'flat 3' now; this corrects it: {command}"
    assert sorted(wrong(migrated_home)) == [
        f"{conf / 'canned.json'}, 'kwh': {corrected}",
        f"{conf / 'operator.json'}, mail: {corrected}",
        f"{conf / 'people.json'}, 'eve': {corrected}",
    ]
    tariffs = migrated_home.run("shocpp", "tariffs", "check")
    assert f"{conf / 'tariffs.json'}: {corrected}" in tariffs.stdout
    assert migrated_home.run(*shlex.split(command)).returncode == 0
    assert wrong(migrated_home) == []
    assert corrected not in migrated_home.run("shocpp", "tariffs", "check").stdout


def test_unknown_charge_points_of_an_account_are_named(migrated_home: Home) -> None:
    accounts = json.loads(migrated_home.tags_file.read_text())
    accounts[1]["charge_points"] = ["garage", "yard"]
    migrated_home.tags_file.write_text(json.dumps(accounts))
    migrated_home.charge_points_file.write_text(json.dumps({"garage": {"auth": "none"}}))
    (sentence,) = wrong(migrated_home)
    assert sentence == (
        f"{migrated_home.tags_file}: family-y may use 'yard', which is no charger that has been "
        "here; see: shocpp charge-points"
    )
