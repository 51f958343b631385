"""`shocpp-summary --send` as a process of its own: recipients, documents and failures."""

import hashlib
import json
import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Callable
from datetime import datetime, timedelta
from email.message import EmailMessage
from zoneinfo import ZoneInfo

import pytest

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
from tests.world.visits import MORNING, NOON, say, start, stop

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
    """A copy of that home, with an operator.json that names addresses."""
    shutil.copytree(charged.folder, home.folder, dirs_exist_ok=True)
    addresses(home, MAIL)
    return home


def addresses(home: Home, mail: object) -> None:
    """Write an operator.json with this "mail"."""
    (home.folder / "conf" / "operator.json").write_text(json.dumps({"name": "WEG", "mail": mail}))


def send(
    home: Home, *options: str, form: str = "csv", **environment: str
) -> subprocess.CompletedProcess[str]:
    """Send October with these options."""
    words = ("2026", "10", *options, "--format", form, "--send")
    return home.run("shocpp-summary", *words, env=environment)


def run_printed(
    home: Home, output: str, **environment: str
) -> list[subprocess.CompletedProcess[str]]:
    """Run the commands in this output, split as by a shell."""
    commands = [
        line.strip() for line in output.splitlines() if line.startswith("  shocpp-summary ")
    ]
    assert commands, output
    return [home.run(*shlex.split(command), env=environment) for command in commands]


def smtp(office: PostOffice) -> str:
    """Return the value of SHOCPP_SMTP for this mail server."""
    return f"smtp://127.0.0.1:{office.port}"


def written(home: Home, *options: str, form: str = "csv") -> bytes:
    """Write October to a file, and return its content."""
    statement = home.folder / "statement"
    done = home.run(
        "shocpp-summary", "2026", "10", "--format", form, *options, "-o", str(statement)
    )
    assert done.returncode == 0, done.stderr
    return statement.read_bytes()


def documents(message: EmailMessage) -> dict[str, bytes]:
    """Return the attachments of a mail by file name."""
    attachments = {}
    for part in message.iter_attachments():
        content = part.get_payload(decode=True)
        assert isinstance(content, bytes)
        attachments[str(part.get_filename())] = content
    return attachments


def mails(office: PostOffice) -> dict[str, EmailMessage]:
    """Return the received mails by their first recipient."""
    return {received.to[0]: received.message for received in office.received}


def test_each_account_gets_its_statement_and_all_get_every_statement(
    books: Home, office: PostOffice
) -> None:
    done = send(books, SHOCPP_SMTP=smtp(office))
    assert (done.returncode, done.stderr) == (0, "")
    file = books.folder / "conf" / "operator.json"
    assert done.stdout.splitlines() == [
        f"no mail to company-z: no address in {file}",
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
    own = documents(mails(office)["y@example.org"])
    assert own == {"2026-10_002_family-y.csv": files["2026-10_002_family-y.csv"]}
    assert b"33,250" in own["2026-10_002_family-y.csv"]
    assert b"company-x" not in own["2026-10_002_family-y.csv"]
    every = documents(mails(office)["kasse@example.org"])
    assert every == {"2026-10.txt": written(books, form="text"), **files}


def test_account_sends_the_statement_of_one_account(books: Home, office: PostOffice) -> None:
    done = send(books, "--account", "family-y", SHOCPP_SMTP=smtp(office))
    assert done.returncode == 0
    assert [received.to for received in office.received] == [["y@example.org", "z@example.org"]]
    done = send(books, "--account", "family-q", SHOCPP_SMTP=smtp(office))
    assert done.returncode == 2
    assert done.stderr.startswith("there is no account 'family-q' in this month; one of: company-x")
    assert len(office.received) == 1


def test_a_mail_says_amount_number_and_due_day_in_the_language_of_its_account(
    books: Home, office: PostOffice
) -> None:
    """33.25 kWh at 30 ct are 9.975, so 9.98 EUR; 1 kWh costs 0.30 EUR.

    The month is closed today, so it is due in 14 days. In an open month nothing is.
    """
    conf = books.folder / "conf"
    tariff = {"account": "*", "valid_from": "2026-01-01", "ct_per_kwh": 30}
    (conf / "tariffs.json").write_text(json.dumps({"tariffs": [tariff]}))
    accounts = json.loads((conf / "tags.json").read_text())
    for account in accounts:
        if account["account"] == "family-y":
            account["lang"] = "en"
    (conf / "tags.json").write_text(json.dumps(accounts))
    operator = {"name": "WEG", "mail": MAIL, "payment_days": 14}
    (conf / "operator.json").write_text(json.dumps(operator))
    send(books, SHOCPP_SMTP=smtp(office))
    bodies = _texts(office)
    assert bodies["y@example.org"] == (
        "Hello,\n\nattached is the statement of 2026/10, account: family-y.\n\n"
        "Total to pay: 9.98 EUR\n"
        "Provisional: the month is not closed yet, so the statement has no number.\n"
        "\n-- \nWEG\n"
    )
    assert bodies["x@example.org"].startswith(
        "Guten Tag,\n\nim Anhang ist die Abrechnung 2026/10, Mandant: company-x.\n\n"
        "Zu zahlen: 0,30 EUR\nVorläufig: Der Monat ist noch nicht abgeschlossen"
    )
    assert "\n\nZusammen: 10,28 EUR\nVorläufig: " in bodies["kasse@example.org"]
    office.received.clear()
    assert books.run("shocpp", "close", "2026", "10").returncode == 0
    due = datetime.now(ZoneInfo("Europe/Berlin")).date() + timedelta(days=14)
    send(books, SHOCPP_SMTP=smtp(office))
    texts = _texts(office)
    assert texts["y@example.org"] == (
        "Hello,\n\nattached is the statement of 2026/10, account: family-y.\n\n"
        f"Total to pay: 9.98 EUR\nStatement no. 2026-0003\nDue on {due}\n\n-- \nWEG\n"
    )
    assert mails(office)["y@example.org"]["Subject"] == "Statement 2026/10: family-y"
    assert texts["x@example.org"].endswith(
        f"Abrechnung Nr. 2026-0001\nFällig am {due:%d.%m.%Y}\n\n-- \nWEG\n"
    )
    office.received.clear()
    send(books, "--lang", "de", SHOCPP_SMTP=smtp(office))
    assert mails(office)["y@example.org"]["Subject"] == "Abrechnung 2026/10: family-y"
    assert f"Fällig am {due:%d.%m.%Y}\n" in _texts(office)["y@example.org"]


def _texts(office: PostOffice) -> dict[str, str]:
    """Return the texts of the received mails by their first recipient."""
    bodies = {to: mail.get_body() for to, mail in mails(office).items()}
    return {
        to: body.get_content().replace("\r\n", "\n")
        for to, body in bodies.items()
        if isinstance(body, EmailMessage)
    }


def test_english_mails_use_the_word_of_the_statement(books: Home, office: PostOffice) -> None:
    done = send(books, "--lang", "en", SHOCPP_SMTP=smtp(office))
    assert "sent to kasse@example.org: Statement 2026/10: all\n" in done.stdout
    message = mails(office)["kasse@example.org"]
    assert message["Subject"] == "Statement 2026/10: all"
    assert documents(message)["2026-10.txt"].startswith(b"Statement for year/month: 2026/10\n")


def test_to_sends_to_one_address_only(books: Home, office: PostOffice) -> None:
    """The address may be one of two, or one that gets every statement."""
    environment = {"SHOCPP_SMTP": smtp(office)}
    done = send(books, "--to", "z@example.org", "--to", "kasse@example.org", **environment)
    assert (done.returncode, done.stderr) == (0, "")
    assert [received.to for received in office.received] == [
        ["z@example.org"],
        ["kasse@example.org"],
    ]
    assert len(documents(office.received[1].message)) == 4
    assert "no mail to" not in done.stdout
    refused = send(books, "--to", "q@example.org", **environment)
    assert refused.returncode == 2
    assert "--to: 'q@example.org' is no address of" in refused.stderr
    nobody = send(books, "--account", "company-x", "--to", "z@example.org", **environment)
    assert nobody.returncode == 78
    assert "nobody gets mail: put addresses of company-x into" in nobody.stderr
    assert nobody.stderr.endswith("or use another --to\n")
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


def test_a_closed_month_reaches_an_account_that_was_renamed_since(
    books: Home, office: PostOffice
) -> None:
    closed = books.run("shocpp", "close", "2026", "10", "--by", "anna")
    assert closed.returncode == 0, closed.stderr
    assert books.run("shocpp", "accounts", "rename", "family-y", "flat 3").returncode == 0
    for options in ((), ("--account", "flat 3")):
        assert send(books, *options, SHOCPP_SMTP=smtp(office)).returncode == 0
    to = [received.to for received in office.received]
    assert to.count(["y@example.org", "z@example.org"]) == 2
    # The statement is that of its closing.
    assert list(documents(mails(office)["y@example.org"])) == ["2026-10_002_family-y.csv"]


@pytest.mark.parametrize("index", [2, 3])
def test_a_closed_month_reaches_nobody_who_has_the_name_or_the_index_by_now(
    books: Home, office: PostOffice, index: int
) -> None:
    """The entry was removed by hand, with its former name, and somebody else has its name."""
    assert books.run("shocpp", "close", "2026", "10", "--by", "anna").returncode == 0
    before = json.loads(books.tags_file.read_text())
    name = {2: "family-y", 3: "guests"}[index]
    if index == 2:
        assert books.run("shocpp", "accounts", "rename", "family-y", "flat 3").returncode == 0
    entries = [entry for entry in before if entry["index"] not in (2, 3)]
    # company-z has index 3, and is in no record.
    entries.append({"index": 3 if index == 3 else 9, "account": name, "ids": []})
    books.tags_file.write_text(json.dumps(entries))
    addresses(books, {"from": "weg@example.org", "to": {name: ["new@example.org"]}})
    done = send(books, SHOCPP_SMTP=smtp(office))
    assert "new@example.org" not in str([received.to for received in office.received])
    assert "nobody gets mail" in done.stderr


def test_a_refused_mail_stops_no_other_and_its_command_is_printed(
    books: Home, office: PostOffice
) -> None:
    office.replies |= {"x@example.org": "550 no", "z@example.org": "452"}
    done = send(books, SHOCPP_SMTP=smtp(office))
    assert done.returncode == 1
    name, month = f"127.0.0.1:{office.port}", "Abrechnung 2026/10"
    rest = "shocpp-summary 2026 10 --format csv --to x@example.org --to z@example.org --send"
    assert done.stderr.splitlines() == [
        f"{month}: company-x: {name} refuses all recipients: x@example.org (550 no)",
        f"{month}: family-y: {name} accepts the mail, but not for z@example.org (452)",
        "2 of 3 did not reach all their recipients; remove the cause, then this sends the rest:",
        f"  {rest}",
    ]
    assert [received.to for received in office.received] == [
        ["y@example.org"],
        ["kasse@example.org"],
    ]
    office.replies.clear()
    (done,) = run_printed(books, done.stderr, SHOCPP_SMTP=smtp(office))
    assert (done.returncode, done.stderr) == (0, "")
    assert [received.to for received in office.received[2:]] == [
        ["x@example.org"],
        ["z@example.org"],
    ]


def test_after_a_total_failure_the_printed_command_is_the_original(books: Home) -> None:
    gone = f"127.0.0.1:{free_port()}"
    done = send(books, "--lang", "en", SHOCPP_SMTP=f"smtp://{gone}")
    assert (done.returncode, done.stdout.count("\n")) == (1, 1)
    lines = done.stderr.splitlines()
    reason = f"{gone} cannot be reached: Connection refused; see SHOCPP_SMTP"
    assert lines[0] == f"Statement 2026/10: company-x: {reason}"
    assert lines[3].startswith("3 of 3 did not reach all their recipients")
    assert lines[4:] == ["  shocpp-summary 2026 10 --format csv --lang en --send"]


def test_the_webhook_gets_each_statement_with_its_description(
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
        name = f"2026-10\0{account}\0csv\0".encode()
        headers = posting.headers
        assert posting.content == content
        assert headers["Content-Type"] == "text/csv; charset=utf-8"
        assert (headers["X-Shocpp-Month"], headers["X-Shocpp-Account"]) == ("2026-10", account)
        assert headers["Idempotency-Key"] == hashlib.sha256(name + content).hexdigest()


def test_a_document_refused_by_the_webhook_is_sent_alone_again(
    books: Home, office: PostOffice, open_web: Callable[..., WebServer]
) -> None:
    """No mail leaves a second time."""
    web = open_web(200, 404, 200)
    environment = {"SHOCPP_SMTP": smtp(office), "SHOCPP_WEBHOOK": str(web.settings().webhook)}
    done = send(books, **environment)
    assert done.returncode == 1
    refusal = f"the webhook localhost:{web.server_port} answers 404"
    assert done.stderr.splitlines() == [
        f"2026-10_003_company-z.csv: {refusal}; see its log and SHOCPP_WEBHOOK",
        "1 of 6 did not reach all their recipients; remove the cause, then this sends the rest:",
        "  shocpp-summary 2026 10 --account company-z --format csv --to webhook --send",
    ]
    (done,) = run_printed(books, done.stderr, **environment)
    assert done.returncode == 0
    assert done.stdout == "posted to the webhook for company-z: 2026-10_003_company-z.csv\n"
    assert [posting.headers["X-Shocpp-Account"] for posting in web.received] == [
        *ACCOUNTS,
        "company-z",
    ]
    assert web.received[1].headers == web.received[3].headers
    assert len(office.received) == 3


def test_mail_and_webhook_do_not_block_each_other(
    books: Home, office: PostOffice, open_web: Callable[..., WebServer]
) -> None:
    """An absent mail server does not stop the webhook, and an absent webhook does not stop mail."""
    web, gone = open_web(200), free_port()
    environment = {"SHOCPP_SMTP": smtp(office), "SHOCPP_WEBHOOK": str(web.settings().webhook)}
    done = send(books, **environment | {"SHOCPP_SMTP": f"smtp://127.0.0.1:{gone}"})
    assert (done.returncode, len(web.received)) == (1, 3)
    (done,) = run_printed(books, done.stderr, **environment)
    assert (done.returncode, len(web.received), len(office.received)) == (0, 3, 3)
    done = send(books, **environment | {"SHOCPP_WEBHOOK": f"http://127.0.0.1:{gone}/"})
    assert (done.returncode, len(office.received)) == (1, 6)
    assert done.stderr.splitlines()[-1].strip() == (
        "shocpp-summary 2026 10 --format csv --to webhook --send"
    )
    (done,) = run_printed(books, done.stderr, **environment)
    assert (done.returncode, len(web.received), len(office.received)) == (0, 6, 6)


@pytest.mark.parametrize(
    ("options", "settings", "missing"),
    [
        ((), (), "SHOCPP_SMTP or SHOCPP_WEBHOOK"),
        (("--to", "webhook"), ("SHOCPP_SMTP",), "SHOCPP_WEBHOOK"),
        (("--to", "x@example.org"), ("SHOCPP_WEBHOOK",), "SHOCPP_SMTP"),
    ],
)
def test_nothing_is_sent_if_a_setting_is_missing(
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
    assert done.stderr == f"nothing can be sent: set {missing}; see docs/reference.md, Settings\n"
    assert (office.connections, web.received) == (0, [])


def test_sending_without_addresses_is_a_configuration_error(
    books: Home, office: PostOffice, open_web: Callable[..., WebServer]
) -> None:
    file, web = books.folder / "conf" / "operator.json", open_web(200)
    addresses(books, {"from": "weg@example.org"})
    done = send(books, SHOCPP_SMTP=smtp(office))
    assert done.returncode == 78
    assert done.stderr == (
        f"nobody gets mail: put addresses of company-x, company-z, family-y into {file}\n"
    )
    file.write_text("{}")
    hook = {"SHOCPP_WEBHOOK": str(web.settings().webhook)}
    done = send(books, SHOCPP_SMTP=smtp(office), **hook)
    assert done.returncode == 78
    assert "has no address that sends; add it: shocpp operator set" in done.stderr
    assert (office.connections, web.received) == (0, [])


def test_to_needs_send_and_output_excludes_it(books: Home, office: PostOffice) -> None:
    done = books.run("shocpp-summary", "2026", "10", "--to", "x@example.org")
    assert (done.returncode, done.stderr) == (
        2,
        "--to chooses the recipients of --send, or is the last day of --from; use both options\n",
    )
    done = send(books, "-o", "statement.csv", SHOCPP_SMTP=smtp(office))
    assert (done.returncode, done.stderr) == (
        2,
        "--send and -o exclude each other; use one of them\n",
    )
    assert office.connections == 0


@pytest.mark.parametrize("login", [LOGIN, LOGIN.replace("correct", "wrong")])
def test_no_password_is_printed(
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


def test_a_printed_command_is_quoted_for_the_shell(
    books: Home, open_web: Callable[..., WebServer]
) -> None:
    """The name of the account has characters that are special to a shell."""
    name = "Müller & Söhne; $(reboot) 'x'"
    entry = {"index": 9, "account": name, "ids": ["CARD9"]}
    books.tags_file.write_text(json.dumps([*json.loads(books.tags_file.read_text()), entry]))
    web = open_web(404, 200)
    hook = {"SHOCPP_WEBHOOK": str(web.settings().webhook)}
    done = send(books, "--account", name, **hook)
    assert done.returncode == 1
    (done,) = run_printed(books, done.stderr, **hook)
    assert done.returncode == 0
    assert [posting.content for posting in web.received] == [written(books, "--account", name)] * 2


# --- the timer ---


def commands_of_the_unit() -> list[str]:
    """Return the unit's commands as systemd unescapes them, with `close` of the comment."""
    unit = (ROOT / "conf" / "systemd" / "shocpp-summary.service").read_text()
    commands = re.findall(r"^#?Exec\w+=(/bin/sh -c '.*')$", unit, re.MULTILINE)
    return [line.replace("%%", "%").replace("$$", "$") for line in commands]


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
def test_the_timer_sends_the_statements_of_last_month(today: str, last_month: str) -> None:
    close, send = commands_of_the_unit()
    ran = {}
    for command in (close, send):
        shell, option, script = shlex.split(command)
        assert script.startswith("exec /opt/shocpp/.venv/bin/shocpp")
        printed = script.replace("exec ", "echo ", 1)
        # faketime fails now and then on the shared memory of one that was killed.
        for _ in range(5):
            done = subprocess.run(
                [needs("faketime"), f"{today} 06:00:00", shell, option, printed],
                capture_output=True,
                text=True,
                timeout=10,
                env=os.environ | {"TZ": "Europe/Berlin"},
            )
            if done.returncode == 0:
                break
        ran[command] = done.stdout.strip().removeprefix("/opt/shocpp/.venv/bin/")
    assert ran[close] == f"shocpp close {last_month} --anyway"
    assert ran[send] == f"shocpp-summary {last_month} --format pdf --send"
