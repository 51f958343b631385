"""The command `people`: the roles of the web server's users, in a home and with a server."""

import json
from collections.abc import Callable

import pytest

from tests.world.charger import Charger
from tests.world.home import Home
from tests.world.people import send
from tests.world.server import Server

TOKEN = "correct-horse-battery"


def status(server: Server, user: str, path: str = "/api/transactions") -> int:
    """Return the status of a request that the web server has checked the password of."""
    headers = {"Authorization": f"Bearer {TOKEN}", "X-Remote-User": user}
    return send(server.port, "GET", path, headers).status


def test_users_get_roles_and_lose_them(home: Home) -> None:
    run = home.run
    assert run("shocpp", "people").stdout == ("none, so each user of the web server is an admin\n")
    assert run("shocpp", "people", "set", "papa", "--role", "admin").stdout == (
        "papa is admin now\n"
    )
    driver = ("--role", "driver", "--account", "family-y")
    assert run("shocpp", "people", "set", "we03", *driver).stdout == (
        "we03 is driver of family-y now\n"
    )
    assert run("shocpp", "people").stdout.splitlines() == [
        "USER  ROLE    ACCOUNT",
        "papa  admin",
        "we03  driver  family-y",
    ]
    assert json.loads(run("shocpp", "people", "--json").stdout) == [
        {"user": "papa", "role": "admin", "account": None},
        {"user": "we03", "role": "driver", "account": "family-y"},
    ]
    assert run("shocpp", "people", "remove", "we03").stdout == "we03 has no role any more\n"
    assert json.loads(home.settings.people_file.read_text()) == {"papa": {"role": "admin"}}


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (("set", "kasse", "--role", "treasurer"), "make another user an admin first: shocpp peop"),
        (("set", "we03", "--role", "driver"), "a driver needs an account, a name in tags.json"),
        (("set", "we03", "--role", "driver", "--account", "family-x"), "no account 'family-x'"),
        (("set", "we03", "--role", "viewer", "--account", "family-y"), "only a driver has an acc"),
        (("remove", "papa"), "there is no people.json; begin with: shocpp people set USER --role"),
    ],
)
def test_a_wrong_command_names_the_next_step(
    home: Home, words: tuple[str, ...], error: str
) -> None:
    refused = home.run("shocpp", "people", *words)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert error in refused.stderr
    assert len(refused.stderr.splitlines()) == 1
    assert not home.settings.people_file.exists()


def test_no_shortcut_in_use_stops_when_the_first_user_gets_a_role(
    serve: Callable[..., Server],
) -> None:
    server = serve(SHOCPP_TOKEN=TOKEN)
    home = server.home
    (home.folder / "conf" / "canned.json").write_text('{"clear": {"action": "ClearCache"}}')
    path = "/cgi-bin/caller?canned=clear"
    with Charger(server, "garage") as charger:
        charger.boot()
        assert status(server, "papa", path) == 200
        assert home.run("shocpp", "people").stdout.endswith("is an admin: papa\n")
        done = home.run("shocpp", "people", "set", "kasse", "--role", "treasurer")
        assert done.stdout == (
            f"{home.settings.people_file} begins with these users as admins: papa\n"
            "kasse is treasurer now\n"
        )
        assert [status(server, user) for user in ("papa", "kasse", "eve")] == [200, 200, 403]
        assert status(server, "papa", path) == 200
        assert status(server, "kasse", path) == 403


def test_roles_hold_on_while_the_file_is_gone(serve: Callable[..., Server]) -> None:
    server = serve(SHOCPP_TOKEN=TOKEN)
    home, path = server.home, server.home.settings.people_file
    home.run("shocpp", "people", "set", "papa", "--role", "admin")
    assert status(server, "papa") == 200
    path.unlink()
    lines = home.run("shocpp", "people").stdout.splitlines()
    assert lines[1:] == [
        "papa  admin",
        f"{path} is gone, and these roles hold on; set one to write it again",
    ]
    assert home.run("shocpp", "people", "set", "kasse", "--role", "treasurer").returncode == 0
    assert json.loads(path.read_text()) == {
        "papa": {"role": "admin"},
        "kasse": {"role": "treasurer"},
    }
