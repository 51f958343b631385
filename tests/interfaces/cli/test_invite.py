"""`shocpp invite`, `shocpp devices`, and the invitation at the start of the server."""

import json
import os
import pty
import re
import select
import subprocess
import time

import pytest

from tests.world.commands import refused
from tests.world.home import Home
from tests.world.machine import BIN, PATIENCE_S, free_port
from tests.world.people import invitation, post_form, send
from tests.world.receiving import PostOffice, office, open_office
from tests.world.server import Server

__all__ = ["office", "open_office"]

LINK = re.compile(r"(http\S+)/i#([a-z2-7]{26})")


def text(output: bytes) -> str:
    """Return the text of an output, of which the last character may be cut."""
    return output.decode(errors="replace")


def at_terminal(home: Home, *command: str, until: str = "", **environment: str) -> str:
    """Run a command at a terminal; return its output to the end, or until it has a text."""
    leader, follower = pty.openpty()
    process = subprocess.Popen(
        [str(BIN / command[0]), *command[1:]],
        stdin=follower,
        stdout=follower,
        stderr=subprocess.DEVNULL,
        env=home.environment | environment,
        start_new_session=True,
    )
    os.close(follower)
    output, deadline = b"", time.monotonic() + PATIENCE_S
    try:
        while time.monotonic() < deadline and not (until and until in text(output)):
            if select.select([leader], [], [], 0.1)[0]:
                output += os.read(leader, 65_536)
    # The terminal has no other end any more.
    except OSError:
        pass
    finally:
        process.terminate()
        process.wait(PATIENCE_S)
        os.close(leader)
    return text(output)


def listed(home: Home) -> list[dict[str, object]]:
    """Return the devices that `shocpp devices` lists."""
    return list(json.loads(home.run("shocpp", "devices", "--json").stdout))


@pytest.mark.parametrize(
    ("options", "role", "name", "account"),
    [
        ((), "admin", "admin", None),
        (("--role", "treasurer", "--name", "Kasse"), "treasurer", "Kasse", None),
        (("--account", "family-y"), "driver", "family-y", "family-y"),
        (("--account", "family-y", "--name", "Mama"), "driver", "Mama", "family-y"),
        (("--role", "driver", "--account", "family-y"), "driver", "family-y", "family-y"),
        (("--role", "viewer", "--days", "90"), "viewer", "viewer", None),
    ],
)
def test_an_invitation_is_a_link(
    migrated_home: Home, options: tuple[str, ...], role: str, name: str, account: str | None
) -> None:
    run = migrated_home.run(
        "shocpp", "invite", *options, env={"SHOCPP_URL": "https://charging.example.org/"}
    )
    assert run.returncode == 0, run.stderr
    link = LINK.fullmatch(run.stdout.strip())
    assert link is not None
    assert link[1] == "https://charging.example.org"
    assert migrated_home.query("SELECT role, name, account FROM invitation") == [
        (role, name, account)
    ]
    assert link[2] not in str(migrated_home.query("SELECT * FROM invitation"))


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (("--account", "family-x"), "has no account 'family-x': company-x, family-y, company-z"),
        (("--role", "driver"), "a driver needs --account"),
        (("--role", "admin", "--account", "family-y"), "--account is for drivers"),
        (("--role", "metrics"), "metrics is the role of a program: add --token"),
        (("--token",), "a token needs --role"),
        (("--name", "a\nb"), "--name must have 1 to 60 printable characters"),
        (("--name", "x" * 61), "--name must have 1 to 60 printable characters"),
        (("--mail",), "--mail goes to the address of --account; for others: --mail-to ADDRESS"),
        (("--account", "family-y", "--mail"), "family-y has not one mail address: none in "),
        (("--token", "--role", "viewer", "--mail-to", "a@b"), "a token is printed only"),
    ],
)
def test_a_wrong_invitation_is_refused_in_one_line(
    migrated_home: Home, options: tuple[str, ...], why: str
) -> None:
    assert why in refused(migrated_home.run("shocpp", "invite", *options), 2)
    assert migrated_home.query("SELECT count(*) FROM invitation") == [(0,)]


def mailing(home: Home, office: PostOffice, *addresses: str) -> dict[str, str]:
    """Write the addresses of family-y, and return the settings of a command that may mail."""
    mail = {"from": "weg@example.org", "to": {"family-y": addresses}}
    (home.tags_file.parent / "operator.json").write_text(json.dumps({"mail": mail}))
    server = f"smtp://127.0.0.1:{office.port}"
    return {"SHOCPP_SMTP": server, "SHOCPP_URL": "https://box.example.org"}


@pytest.mark.parametrize(
    ("options", "to"),
    [
        (("--account", "family-y", "--mail"), "y@example.org"),
        (("--account", "family-y", "--mail-to", "z@example.org"), "z@example.org"),
        (("--name", "Mama", "--mail-to", "m@example.org"), "m@example.org"),
    ],
)
def test_an_invitation_is_mailed_and_not_printed(
    migrated_home: Home, office: PostOffice, options: tuple[str, ...], to: str
) -> None:
    env = mailing(migrated_home, office, "y@example.org")
    run = migrated_home.run("shocpp", "invite", *options, env=env)
    assert (run.returncode, run.stdout) == (0, f"sent to {to}\n"), run.stderr
    (received,) = office.received
    assert received.to == [to]
    body = received.message.get_body()
    assert body is not None
    link = LINK.search(body.get_content())
    assert link is not None
    assert link[1] == "https://box.example.org"
    assert migrated_home.query("SELECT outcome FROM invitation") == [(None,)]


def test_an_invitation_that_cannot_be_mailed_is_withdrawn(
    migrated_home: Home, office: PostOffice
) -> None:
    env = mailing(migrated_home, office, "y@example.org")
    office.replies["y@example.org"] = "550 no such user"
    words = ("shocpp", "invite", "--account", "family-y", "--mail")
    assert "no such user" in refused(migrated_home.run(*words, env=env), 1)
    assert "SHOCPP_SMTP is not set" in refused(migrated_home.run(*words), 78)
    assert migrated_home.query("SELECT outcome FROM invitation") == [("revoked",), ("revoked",)]


def test_an_account_with_two_addresses_leaves_the_choice(
    migrated_home: Home, office: PostOffice
) -> None:
    env = mailing(migrated_home, office, "y@example.org", "z@example.org")
    run = migrated_home.run("shocpp", "invite", "--account", "family-y", "--mail", env=env)
    sentence = "family-y has not one mail address: y@example.org, z@example.org; use --mail-to"
    assert sentence in refused(run, 2)
    assert migrated_home.query("SELECT count(*) FROM invitation") == [(0,)]


def test_a_terminal_gets_a_qr_code_and_a_pipe_gets_none(migrated_home: Home) -> None:
    assert "█" in at_terminal(migrated_home, "shocpp", "invite")
    piped = migrated_home.run("shocpp", "invite")
    assert "█" not in piped.stdout
    assert piped.stdout.count("\n") == 1


def test_a_link_that_only_this_machine_can_open_is_named(migrated_home: Home) -> None:
    run = migrated_home.run("shocpp", "invite")
    assert "only this machine can open http://127.0.0.1:8080; set SHOCPP_URL" in run.stderr
    checked = migrated_home.run("shocpp", "check").stdout
    assert "which only this machine can open; set SHOCPP_URL" in checked
    env = {"SHOCPP_URL": "http://box.test:8080"}
    assert "only this machine" not in migrated_home.run("shocpp", "invite", env=env).stderr
    assert "only this machine can open" not in migrated_home.run("shocpp", "check", env=env).stdout


@pytest.mark.parametrize(
    "url",
    ["box.test", "ftp://box.test", "http://", "http://box.test/pages", "http://a@b", "http://b?x"],
)
def test_a_wrong_url_is_refused(migrated_home: Home, url: str) -> None:
    run = migrated_home.run("shocpp", "invite", env={"SHOCPP_URL": url})
    assert "SHOCPP_URL must be https://host or http://host:port" in refused(run, 78)


def test_a_programs_token_is_printed_once(server: Server) -> None:
    run = server.home.run("shocpp", "invite", "--token", "--role", "metrics")
    assert re.fullmatch("[a-z2-7]{26}\n", run.stdout)
    headers = {"Authorization": f"Bearer {run.stdout.strip()}"}
    assert send(server.port, "GET", "/metrics", headers).status == 200
    assert send(server.port, "GET", "/api/transactions", headers).status == 403
    (token,) = listed(server.home)
    assert (token["role"], token["kind"]) == ("metrics", "token")
    revoked = server.home.run("shocpp", "devices", "revoke", str(token["number"]))
    assert revoked.stdout == f"device {token['number']} of metrics (metrics) is revoked\n"
    assert send(server.port, "GET", "/metrics", headers).status == 401
    assert listed(server.home) == []


def test_devices_are_listed_with_open_invitations(server: Server) -> None:
    home = server.home
    assert home.run("shocpp", "devices").stdout == (
        "no device is signed in; invite one: shocpp invite\n"
    )
    token = invitation(home, "driver", "family-y")
    invitation(home, "viewer")
    assert post_form(server.port, "/i", {"token": token}).status == 303
    lines = home.run("shocpp", "devices", "list").stdout.splitlines()
    assert lines[0].split() == [
        "NUMBER",
        "NAME",
        "ROLE",
        "ACCOUNT",
        "KIND",
        "LAST",
        "USED",
        "SINCE",
        "BY",
    ]
    assert lines[1].split()[:5] == ["1", "Mama", "driver", "family-y", "device"]
    assert lines[2].startswith("open invitation 2 of Mama (viewer), until ")
    assert refused(home.run("shocpp", "devices", "revoke", "7"), 2) == (
        "no device 7 is in force; see: shocpp devices\n"
    )


def test_an_open_invitation_is_withdrawn(server: Server) -> None:
    home, token = server.home, invitation(server.home)
    withdraw = ("shocpp", "devices", "withdraw", "1")
    assert home.run("shocpp", "devices").stdout.endswith("; to end it: shocpp devices withdraw 1\n")
    assert home.run(*withdraw).stdout == "invitation 1 is withdrawn\n"
    answer = post_form(server.port, "/i", {"token": token})
    assert answer.status == 403
    assert "Diese Einladung wurde zurückgezogen." in answer.text
    assert refused(home.run(*withdraw), 2) == ("no invitation 1 is open; see: shocpp devices\n")
    assert "invitation" not in home.run("shocpp", "devices").stdout.replace("shocpp invite", "")


# --- the start of the server ---


def test_a_start_at_a_terminal_prints_an_invitation_with_its_qr_code(home: Home) -> None:
    output = at_terminal(home, "shocpp-listener", until="\x1b[0m", WS_PORT=str(free_port()))
    link = LINK.search(output)
    assert link is not None
    assert home.query("SELECT role, is_printed, outcome FROM invitation") == [("admin", 1, None)]
    again = at_terminal(home, "shocpp-listener", until="\x1b[0m", WS_PORT=str(free_port()))
    assert LINK.search(again) is not None
    assert home.query("SELECT outcome FROM invitation ORDER BY id") == [("voided",), (None,)]


def test_a_start_with_a_device_prints_no_invitation(server: Server) -> None:
    post_form(server.port, "/i", {"token": invitation(server.home)})
    server.stop()
    port = str(free_port())
    output = at_terminal(server.home, "shocpp-listener", until="pages:", WS_PORT=port)
    assert f"pages:      http://127.0.0.1:{port}/" in output
    assert LINK.search(output) is None


def test_no_link_reaches_a_journal(server: Server) -> None:
    assert "and nobody is invited yet: shocpp invite" in server.log()
    assert LINK.search(server.log()) is None
    assert server.home.query("SELECT count(*) FROM invitation") == [(0,)]
    token = invitation(server.home)
    post_form(server.port, "/i", {"token": token})
    post_form(server.port, "/i", {"token": token})
    assert token not in server.log()
