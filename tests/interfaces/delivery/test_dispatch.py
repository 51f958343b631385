"""`shocpp-summary --send` as a process of its own: who gets what, and what is told if not."""

import hashlib
import json
import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Callable
from email.message import EmailMessage

import pytest

from tests.bookkeeping.test_review import MORNING, NOON, say, start, stop
from tests.world.home import Home
from tests.world.machine import ROOT, free_port, needs
from tests.world.receiving import (
    LOGIN,
    PASSWORD,
    Certificate,
    PostOffice,
    WebServer,
    certificate,
    office,
    open_office,
    open_web,
)

__all__ = ["certificate", "office", "open_office", "open_web"]

ACCOUNTS = ("company-x", "company-z", "family-y")
MAIL = {
    "from": "weg@example.org",
    "to": {"company-x": ["x@example.org"], "family-y": ["y@example.org", "z@example.org"]},
    "all": ["kasse@example.org"],
}


@pytest.fixture(scope="module")
def charged(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A home where two accounts have charged in October."""
    home = Home(tmp_path_factory.mktemp("charged") / "home")
    say(
        home,
        *(start(1_000, MORNING), stop(34_250, NOON)),
        *(start(34_250, MORNING, "1111"), stop(35_250, NOON)),
    )
    return home


@pytest.fixture
def books(home: Home, charged: Home) -> Home:
    """A copy of it, with an operator.json that names addresses."""
    shutil.copytree(charged.folder, home.folder, dirs_exist_ok=True)
    addresses(home, MAIL)
    return home


def addresses(home: Home, mail: object) -> None:
    """Write the letterhead and who gets mail."""
    (home.folder / "conf" / "operator.json").write_text(json.dumps({"name": "WEG", "mail": mail}))


def send(
    home: Home, *options: str, form: str = "csv", **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run the command."""
    words = ("2026", "10", *options, "--format", form, "--send")
    return home.run("shocpp-summary", *words, env=environment)


def again(home: Home, told: str, **environment: str) -> list[subprocess.CompletedProcess[str]]:
    """Run the commands that it has told, as a shell reads them."""
    commands = [line.strip() for line in told.splitlines() if line.startswith("  shocpp-summary ")]
    assert commands, told
    return [home.run(*shlex.split(command), env=environment) for command in commands]


def smtp(office: PostOffice) -> str:
    """The setting that names this mail server."""
    return f"smtp://127.0.0.1:{office.port}"


def written(home: Home, *options: str, form: str = "csv") -> bytes:
    """The paper as it is written to a file."""
    statement = home.folder / "paper"
    done = home.run(
        "shocpp-summary", "2026", "10", "--format", form, *options, "-o", str(statement)
    )
    assert done.returncode == 0, done.stderr
    return statement.read_bytes()


def documents(message: EmailMessage) -> dict[str, bytes]:
    """What is attached to a letter."""
    found = {}
    for part in message.iter_attachments():
        content = part.get_payload(decode=True)
        assert isinstance(content, bytes)
        found[str(part.get_filename())] = content
    return found


def letters(office: PostOffice) -> dict[str, EmailMessage]:
    """What has arrived, by the first address."""
    return {received.to[0]: received.message for received in office.received}


def test_each_account_gets_its_own_paper_and_all_get_every_one(
    books: Home, office: PostOffice
) -> None:
    done = send(books, SHOCPP_SMTP=smtp(office))
    assert (done.returncode, done.stderr) == (0, "")
    file = books.folder / "conf" / "operator.json"
    assert done.stdout.splitlines() == [
        f"no letter to company-z: no address in {file}",
        "sent to x@example.org: Abrechnung 2026/10: company-x",
        "sent to y@example.org, z@example.org: Abrechnung 2026/10: family-y",
        "sent to kasse@example.org: Abrechnung 2026/10: alle",
    ]
    assert [(received.sender, received.to) for received in office.received] == [
        ("weg@example.org", ["x@example.org"]),
        ("weg@example.org", ["y@example.org", "z@example.org"]),
        ("weg@example.org", ["kasse@example.org"]),
    ]
    files = {
        "2026-10_001_company-x.csv": written(books, "--account", "company-x"),
        "2026-10_003_company-z.csv": written(books, "--account", "company-z"),
        "2026-10_002_family-y.csv": written(books, "--account", "family-y"),
    }
    own = documents(letters(office)["y@example.org"])
    assert own == {"2026-10_002_family-y.csv": files["2026-10_002_family-y.csv"]}
    assert b"33,250" in own["2026-10_002_family-y.csv"]
    assert b"company-x" not in own["2026-10_002_family-y.csv"]
    every = documents(letters(office)["kasse@example.org"])
    assert every == {"2026-10.txt": written(books, form="text"), **files}


def test_one_account_alone(books: Home, office: PostOffice) -> None:
    done = send(books, "--account", "family-y", SHOCPP_SMTP=smtp(office))
    assert done.returncode == 0
    assert [received.to for received in office.received] == [["y@example.org", "z@example.org"]]
    done = send(books, "--account", "family-q", SHOCPP_SMTP=smtp(office))
    assert done.returncode == 2
    assert done.stderr.startswith("there is no account 'family-q' in this month; one of: company-x")
    assert len(office.received) == 1


def test_english_letters_call_it_what_the_paper_does(books: Home, office: PostOffice) -> None:
    done = send(books, "--lang", "en", SHOCPP_SMTP=smtp(office))
    assert "sent to kasse@example.org: Statement 2026/10: all\n" in done.stdout
    message = letters(office)["kasse@example.org"]
    assert message["Subject"] == "Statement 2026/10: all"
    assert documents(message)["2026-10.txt"].startswith(b"Statement for year/month: 2026/10\n")


def test_one_address_alone(books: Home, office: PostOffice) -> None:
    """Also where it is one of two, or gets the whole paper."""
    environment = {"SHOCPP_SMTP": smtp(office)}
    done = send(books, "--to", "z@example.org", "--to", "kasse@example.org", **environment)
    assert (done.returncode, done.stderr) == (0, "")
    assert [received.to for received in office.received] == [
        ["z@example.org"],
        ["kasse@example.org"],
    ]
    assert len(documents(office.received[1].message)) == 4
    assert "no letter to" not in done.stdout
    refused = send(books, "--to", "q@example.org", **environment)
    assert refused.returncode == 2
    assert "--to: 'q@example.org' is no address of" in refused.stderr
    nobody = send(books, "--account", "company-x", "--to", "z@example.org", **environment)
    assert nobody.returncode == 78
    assert "nobody gets a letter: put addresses of company-x into" in nobody.stderr
    assert nobody.stderr.endswith("or say another --to\n")
    assert len(office.received) == 2


def test_a_closed_month_is_sent_the_same_to_the_byte(books: Home, office: PostOffice) -> None:
    assert books.run("shocpp", "close", "2026", "10").returncode == 0
    for form in ("csv", "json"):
        for _ in range(2):
            assert send(books, form=form, SHOCPP_SMTP=smtp(office)).returncode == 0
    sent = [documents(received.message) for received in office.received]
    assert len(sent) == 12
    assert sent[0:3] == sent[3:6]
    assert sent[6:9] == sent[9:12]


def test_a_refused_letter_stops_no_other_and_the_command_for_it_is_told(
    books: Home, office: PostOffice
) -> None:
    office.replies |= {"x@example.org": "550 no", "z@example.org": "452"}
    done = send(books, SHOCPP_SMTP=smtp(office))
    assert done.returncode == 1
    name, month = f"127.0.0.1:{office.port}", "Abrechnung 2026/10"
    rest = "shocpp-summary 2026 10 --format csv --to x@example.org --to z@example.org --send"
    assert done.stderr.splitlines() == [
        f"{month}: company-x: {name} takes the letter for nobody: x@example.org (550 no)",
        f"{month}: family-y: {name} has taken the letter, but not for z@example.org (452)",
        "2 of 3 were not taken, or not for everybody; once that is mended, this sends the rest:",
        f"  {rest}",
    ]
    assert [received.to for received in office.received] == [
        ["y@example.org"],
        ["kasse@example.org"],
    ]
    office.replies.clear()
    (done,) = again(books, done.stderr, SHOCPP_SMTP=smtp(office))
    assert (done.returncode, done.stderr) == (0, "")
    assert [received.to for received in office.received[2:]] == [
        ["x@example.org"],
        ["z@example.org"],
    ]


def test_where_nothing_was_taken_the_rest_is_what_was_asked_for(books: Home) -> None:
    gone = f"127.0.0.1:{free_port()}"
    done = send(books, "--lang", "en", SHOCPP_SMTP=f"smtp://{gone}")
    assert (done.returncode, done.stdout.count("\n")) == (1, 1)
    told = done.stderr.splitlines()
    reason = f"{gone} cannot be reached: Connection refused; see SHOCPP_SMTP"
    assert told[0] == f"Statement 2026/10: company-x: {reason}"
    assert told[3].startswith("3 of 3 were not taken")
    assert told[4:] == ["  shocpp-summary 2026 10 --format csv --lang en --send"]


def test_the_webhook_gets_each_paper_with_what_it_is(
    books: Home, open_web: Callable[..., WebServer]
) -> None:
    web = open_web(200)
    done = send(books, SHOCPP_WEBHOOK=str(web.settings().webhook))
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        f"posted to the webhook for {account}: 2026-10_00{number}_{account}.csv"
        for number, account in ((1, "company-x"), (3, "company-z"), (2, "family-y"))
    ]
    for posting, account in zip(web.received, ACCOUNTS, strict=True):
        content = written(books, "--account", account)
        named = f"2026-10\0{account}\0csv\0".encode()
        headers = posting.headers
        assert posting.content == content
        assert headers["Content-Type"] == "text/csv; charset=utf-8"
        assert (headers["X-Shocpp-Month"], headers["X-Shocpp-Account"]) == ("2026-10", account)
        assert headers["Idempotency-Key"] == hashlib.sha256(named + content).hexdigest()


def test_a_webhook_that_refuses_one_gets_only_that_one_again(
    books: Home, office: PostOffice, open_web: Callable[..., WebServer]
) -> None:
    """And no letter leaves a second time."""
    web = open_web(200, 404, 200)
    environment = {"SHOCPP_SMTP": smtp(office), "SHOCPP_WEBHOOK": str(web.settings().webhook)}
    done = send(books, **environment)
    assert done.returncode == 1
    told = f"the webhook localhost:{web.server_port} answers 404"
    assert done.stderr.splitlines() == [
        f"2026-10_003_company-z.csv: {told}; see its log and SHOCPP_WEBHOOK",
        "1 of 6 were not taken, or not for everybody; once that is mended, this sends the rest:",
        "  shocpp-summary 2026 10 --account company-z --format csv --to webhook --send",
    ]
    (done,) = again(books, done.stderr, **environment)
    assert done.returncode == 0
    assert done.stdout == "posted to the webhook for company-z: 2026-10_003_company-z.csv\n"
    assert [posting.headers["X-Shocpp-Account"] for posting in web.received] == [
        *ACCOUNTS,
        "company-z",
    ]
    assert web.received[1].headers == web.received[3].headers
    assert len(office.received) == 3


def test_neither_way_waits_for_the_other(
    books: Home, office: PostOffice, open_web: Callable[..., WebServer]
) -> None:
    """A mail server that is gone keeps nothing from the webhook, and the other way round."""
    web, gone = open_web(200), free_port()
    environment = {"SHOCPP_SMTP": smtp(office), "SHOCPP_WEBHOOK": str(web.settings().webhook)}
    done = send(books, **environment | {"SHOCPP_SMTP": f"smtp://127.0.0.1:{gone}"})
    assert (done.returncode, len(web.received)) == (1, 3)
    (done,) = again(books, done.stderr, **environment)
    assert (done.returncode, len(web.received), len(office.received)) == (0, 3, 3)
    done = send(books, **environment | {"SHOCPP_WEBHOOK": f"http://127.0.0.1:{gone}/"})
    assert (done.returncode, len(office.received)) == (1, 6)
    assert done.stderr.splitlines()[-1].strip() == (
        "shocpp-summary 2026 10 --format csv --to webhook --send"
    )
    (done,) = again(books, done.stderr, **environment)
    assert (done.returncode, len(web.received), len(office.received)) == (0, 6, 6)


@pytest.mark.parametrize(
    ("options", "settings", "missing"),
    [
        ((), (), "SHOCPP_SMTP or SHOCPP_WEBHOOK"),
        (("--to", "webhook"), ("SHOCPP_SMTP",), "SHOCPP_WEBHOOK"),
        (("--to", "x@example.org"), ("SHOCPP_WEBHOOK",), "SHOCPP_SMTP"),
    ],
)
def test_without_a_way_out_nothing_leaves(
    options: tuple[str, ...],
    settings: tuple[str, ...],
    missing: str,
    books: Home,
    office: PostOffice,
    open_web: Callable[..., WebServer],
) -> None:
    web = open_web(200)
    ways = {"SHOCPP_SMTP": smtp(office), "SHOCPP_WEBHOOK": str(web.settings().webhook)}
    done = send(books, *options, **{name: ways[name] for name in settings})
    assert (done.returncode, done.stdout) == (78, "")
    assert done.stderr == f"nothing can be sent: set {missing}; see the README's settings\n"
    assert (office.connections, web.received) == (0, [])


def test_without_addresses_nobody_gets_a_letter(
    books: Home, office: PostOffice, open_web: Callable[..., WebServer]
) -> None:
    file, web = books.folder / "conf" / "operator.json", open_web(200)
    addresses(books, {"from": "weg@example.org"})
    done = send(books, SHOCPP_SMTP=smtp(office))
    assert done.returncode == 78
    assert done.stderr == (
        f"nobody gets a letter: put addresses of company-x, company-z, family-y into {file}\n"
    )
    file.write_text("{}")
    hook = {"SHOCPP_WEBHOOK": str(web.settings().webhook)}
    done = send(books, SHOCPP_SMTP=smtp(office), **hook)
    assert done.returncode == 78
    assert 'has no "mail", so nobody sends' in done.stderr
    assert (office.connections, web.received) == (0, [])


def test_to_and_output_go_with_what_they_go_with(books: Home, office: PostOffice) -> None:
    done = books.run("shocpp-summary", "2026", "10", "--to", "x@example.org")
    assert (done.returncode, done.stderr) == (2, "--to says to whom --send sends; say both\n")
    done = send(books, "-o", "paper.csv", SHOCPP_SMTP=smtp(office))
    assert (done.returncode, done.stderr) == (2, "--send and -o are two things; say one of them\n")
    assert office.connections == 0


@pytest.mark.parametrize("login", [LOGIN, LOGIN.replace("correct", "wrong")])
def test_no_password_is_in_what_it_prints(
    login: str,
    books: Home,
    certificate: Certificate,
    open_office: Callable[..., PostOffice],
    open_web: Callable[..., WebServer],
) -> None:
    office, web = open_office(certificate.context), open_web(404)
    done = send(
        books,
        SHOCPP_SMTP=f"smtp://{login}localhost:{office.port}",
        SHOCPP_WEBHOOK=str(web.settings().webhook),
        SSL_CERT_FILE=str(certificate.file),
    )
    is_refused = login != LOGIN
    assert done.returncode == 1
    assert ("refuses the login" in done.stderr) is is_refused
    assert len(office.received) == (0 if is_refused else 3)
    for secret in (PASSWORD, "battery", "horse", "s3cret", login, login.rpartition(":")[2][:-1]):
        assert secret not in done.stdout + done.stderr


def test_what_it_tells_to_run_is_one_word_for_each_account(
    books: Home, open_web: Callable[..., WebServer]
) -> None:
    """Whatever an account is called, the shell takes the command as it was meant."""
    name = "Müller & Söhne; $(reboot) 'x'"
    entry = {"index": 9, "account": name, "ids": ["CARD9"]}
    books.tags_file.write_text(json.dumps([*json.loads(books.tags_file.read_text()), entry]))
    web = open_web(404, 200)
    hook = {"SHOCPP_WEBHOOK": str(web.settings().webhook)}
    done = send(books, "--account", name, **hook)
    assert done.returncode == 1
    (done,) = again(books, done.stderr, **hook)
    assert done.returncode == 0
    assert [posting.content for posting in web.received] == [written(books, "--account", name)] * 2


# --- the timer ---


def commands_of_the_unit() -> list[str]:
    """What the unit runs, `close` of the comment included, as systemd hands it to the shell."""
    unit = (ROOT / "conf" / "systemd" / "shocpp-summary.service").read_text()
    found = re.findall(r"^#?Exec\w+=(/bin/sh -c '.*')$", unit, re.MULTILINE)
    return [line.replace("%%", "%").replace("$$", "$") for line in found]


@pytest.mark.parametrize(
    ("today", "last_month"),
    [
        ("2026-01-01", "2025 12"),
        ("2026-01-31", "2025 12"),
        ("2026-03-31", "2026 02"),
        ("2024-03-31", "2024 02"),
        ("2026-05-31", "2026 04"),
        ("2026-10-02", "2026 09"),
        ("2026-12-31", "2026 11"),
    ],
)
def test_the_timer_sends_last_months_papers(today: str, last_month: str) -> None:
    close, send = commands_of_the_unit()
    ran = {}
    for command in (close, send):
        shell, option, script = shlex.split(command)
        assert script.startswith("exec /opt/shocpp/.venv/bin/shocpp")
        said = script.replace("exec ", "echo ", 1)
        for _ in range(5):  # faketime itself fails where one that was killed is in its way
            done = subprocess.run(
                [needs("faketime"), f"{today} 06:00:00", shell, option, said],
                capture_output=True,
                text=True,
                timeout=10,
                env=os.environ | {"TZ": "Europe/Berlin"},
            )
            if done.returncode == 0:
                break
        ran[command] = done.stdout.strip().removeprefix("/opt/shocpp/.venv/bin/")
    assert ran[close] == f"shocpp close {last_month}"
    assert ran[send] == f"shocpp-summary {last_month} --format pdf --send"
