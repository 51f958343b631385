"""Print all that users see of the program, so that `diff` shows what a change has changed for them.

    python -m tests.architecture.public_face [BIN] > face.txt

BIN is the folder of the commands to run, by default this interpreter's. The program is only used
through its commands, pages and database, so BIN may be that of any checkout. Two runs of the same
program print the same bytes, today or next year: times of now, passwords, hashes and the like are
placeholders. What depends on the machine stays: its user in `check`, whether it has pdftotext.
"""

import http.client
import json
import re
import shlex
import shutil
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from itertools import product
from pathlib import Path
from typing import Any

from websockets.exceptions import InvalidStatus
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

from tests.architecture import face_input
from tests.architecture.face_home import PATIENCE_S, Scratch

SCRIPTS = (
    *("shocpp", "shocpp-backend", "shocpp-caller", "shocpp-command", "shocpp-listener"),
    "shocpp-summary",
)
FORMATS = ("text", "csv", "csv-machine", "json", "pdf")
LANGUAGES = ("de", "en")
VALUES = re.compile(r'(?<==)"[^"]*"| \S+$')


def title(text: str) -> None:
    """Print the title of a section."""
    print(f"\n======== {text}\n")


# -- help -----------------------------------------------------------------------------------------


def show_help(scratch: Scratch, *command: str) -> None:
    """Print the help of a command, and of those that it lists."""
    listed = scratch.show(*command, "--help").partition("\nCommands:\n")[2]
    for name in re.findall(r"^  ([a-z][a-z-]*)", listed, re.MULTILINE):
        show_help(scratch, *command, name)


# -- a month --------------------------------------------------------------------------------------


def frames_of(calls: Iterable[tuple[str, Any]]) -> str:
    """Return Calls as frames, one a line."""
    numbered = enumerate(calls, 1)
    return "".join(json.dumps([2, str(number), *call]) + "\n" for number, call in numbered)


def show_paper(scratch: Scratch, *arguments: str) -> None:
    """Print a paper in every format and language, PDFs as their text."""
    for language, form in product(LANGUAGES, FORMATS):
        options = ("--lang", language, "--format", form)
        if form != "pdf":
            scratch.show("shocpp-summary", *arguments, *options)
            continue
        scratch.show("shocpp-summary", *arguments, "--account", "family-y", *options, "-o", "a.pdf")
        if shutil.which("pdftotext"):
            scratch.show("pdftotext", "-layout", "a.pdf", "-")


def show_all(scratch: Scratch, commands: Iterable[str]) -> None:
    """Run commands that are written as in a shell, and print what they answer."""
    for command in commands:
        scratch.show(*shlex.split(command))


def show_files(scratch: Scratch) -> None:
    """Print the names, modes and texts of all files of the accounting and conf folders."""
    for folder in ("accounting", "conf"):
        files = [file for file in (scratch.home / folder).rglob("*") if file.is_file()]
        for file in sorted(files, key=lambda file: scratch.masked(str(file))):
            scratch.print(f"-- {file.stat().st_mode & 0o777:o} {file}")
            scratch.print(file.read_text())


# -- the database ---------------------------------------------------------------------------------


def show_schema(scratch: Scratch) -> None:
    """Print views, tables and indexes with their columns."""
    with closing(sqlite3.connect(scratch.home / "db" / "shocpp.sqlite3")) as db:
        things = db.execute("SELECT type, name, tbl_name FROM sqlite_master ORDER BY 1 DESC, 2")
        for kind, name, table in things.fetchall():
            print(f"{kind} {name}" + (f" on {table}" if table != name else ""))
            pragma = "index_xinfo" if kind == "index" else "table_info"
            for row in db.execute(f"PRAGMA {pragma}({name})"):
                print("   ", *row[1:])


def show_rows(scratch: Scratch) -> None:
    """Print all rows of all views, one value a line."""
    with closing(sqlite3.connect(scratch.home / "db" / "shocpp.sqlite3")) as db:
        db.row_factory = sqlite3.Row
        views = db.execute("SELECT name FROM sqlite_master WHERE type = 'view' ORDER BY 1")
        for (view,) in views.fetchall():
            for number, row in enumerate(db.execute(f"SELECT * FROM {view}"), 1):
                print(f"-- {view}, row {number}")
                named = zip(row.keys(), row, strict=True)
                scratch.print("".join(f"{name}: {value!r}\n" for name, value in named))


# -- a server -------------------------------------------------------------------------------------


@contextmanager
def serving(scratch: Scratch) -> Iterator[None]:
    """Run a server; afterwards print what it has logged."""
    log = scratch.home / "log"
    environment = scratch.environment | {"SHOCPP_TOKEN": face_input.TOKEN}
    with open(log, "wb") as file:
        server = subprocess.Popen(["shocpp-listener"], stderr=file, stdout=file, env=environment)
    try:
        wait_until_it_answers(scratch.port)
        yield
    finally:
        server.terminate()
        server.wait(PATIENCE_S)
    scratch.print(log.read_text())


def wait_until_it_answers(port: int) -> None:
    """Return when a server listens; raises TimeoutError."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.05)
    raise TimeoutError("the server does not listen")


@contextmanager
def charger(scratch: Scratch, name: str) -> Iterator[None]:
    """Connect a charger that accepts whatever it is asked."""
    with connect(
        f"ws://127.0.0.1:{scratch.port}/{name}", subprotocols=[Subprotocol("ocpp1.6")]
    ) as socket_:
        for number, call in enumerate(face_input.CONNECTED, 1):
            socket_.send(json.dumps([2, str(number), *call]))
            scratch.print(f"{name}: {socket_.recv(decode=True)}")
        thread = threading.Thread(target=_confirm, args=[socket_])
        thread.start()
        yield
    thread.join()


def _confirm(socket_: ClientConnection) -> None:
    for text in socket_:
        if (frame := json.loads(text))[0] == 2:
            socket_.send(json.dumps([3, frame[1], {"status": "Accepted"}]))


def show_page(
    scratch: Scratch, method: str, path: str, body: str | None, headers: dict[str, str]
) -> None:
    """Print a request, and the status, some headers and the body of its answer."""
    with closing(http.client.HTTPConnection("127.0.0.1", scratch.port, PATIENCE_S)) as connection:
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        text = answer.read().decode()
    print(f"> {method} {path} {body or ''} {headers or ''}".rstrip())
    print(f"< {answer.status} {answer.reason}")
    for name in ("Content-Type", "WWW-Authenticate", "Allow", "Retry-After", "Location"):
        if answer.headers[name]:
            print(f"< {name}: {answer.headers[name]}")
    with suppress(ValueError):
        text = json.dumps(json.loads(text), indent=1, sort_keys=True, ensure_ascii=False)
    scratch.print(text)


def show_metrics(scratch: Scratch) -> None:
    """Print the names, types, helps and labels of the metrics, without their values."""
    with closing(http.client.HTTPConnection("127.0.0.1", scratch.port, PATIENCE_S)) as connection:
        connection.request("GET", "/metrics")
        lines = connection.getresponse().read().decode().splitlines()
    shown = (line if line[:1] == "#" else VALUES.sub("", line) for line in lines)
    print("\n".join(dict.fromkeys(shown)))


def show_refused_charger(scratch: Scratch, name: str) -> None:
    """Print what a charger gets that may not connect."""
    try:
        connect(f"ws://127.0.0.1:{scratch.port}/{name}", subprotocols=[Subprotocol("ocpp1.6")])
    except InvalidStatus as refused:
        body = (refused.response.body or b"").decode()
        scratch.print(f"{name}: {refused.response.status_code} {body}")


def show_server(scratch: Scratch) -> None:
    """Print what a running server answers to chargers, programs, browsers and commands."""
    with serving(scratch):
        for name in ("attic", "cellar", ""):
            show_refused_charger(scratch, name)
        with charger(scratch, "yard"):
            show_all(scratch, face_input.WHILE_CONNECTED)
            show_refused_charger(scratch, "attic")
            for request in face_input.REQUESTS:
                show_page(scratch, *request)
            show_metrics(scratch)


def show_cgi(scratch: Scratch) -> None:
    """Print what the CGI script answers."""
    script = str(scratch.checkout / "cgi-bin" / "caller.py")
    for request in face_input.CGI_REQUESTS:
        request = {"GATEWAY_INTERFACE": "CGI/1.1", "REQUEST_METHOD": "GET", **request}
        scratch.show(str(scratch.bin / "python"), "-I", "-S", script, **request)


def show_face(scratch: Scratch) -> None:
    """Print everything, section by section."""
    title("help")
    for script in SCRIPTS:
        show_help(scratch, script)
    title("a month: frames and answers")
    scratch.show("shocpp", "migrate")
    for name, calls in face_input.DAYS.items():
        scratch.show("shocpp-backend", "-c", name, stdin=frames_of(calls))
    scratch.keep_digests()
    title("a month: lists")
    show_all(scratch, face_input.LISTS)
    title("a month: papers")
    show_paper(scratch, "2025", "10")
    title("a month: decisions")
    show_all(scratch, face_input.DECISIONS)
    title("a closed month and its year: papers")
    show_paper(scratch, "2025", "10")
    show_paper(scratch, "--year", "2025")
    show_all(scratch, face_input.LISTS)
    title("the server")
    show_server(scratch)
    title("the CGI script")
    show_cgi(scratch)
    title("wrong usages")
    show_all(scratch, face_input.WRONG_USAGES)
    title("the database: rows")
    show_rows(scratch)
    title("files")
    show_files(scratch)
    title("the database: schema")
    show_schema(scratch)
    title("recovery")
    show_all(scratch, face_input.RECOVERY)


def main() -> None:
    """Print the public face of the commands in the folder that the command line names."""
    bin_folder = Path(sys.argv[1] if len(sys.argv) > 1 else sys.prefix + "/bin").absolute()
    with tempfile.TemporaryDirectory(prefix="shocpp-face-") as folder:
        show_face(Scratch(Path(folder).resolve(), bin_folder))


if __name__ == "__main__":
    main()
