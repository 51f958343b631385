"""The installed package: its files, its home, and its first charge, without a checkout."""

import os
import re
import stat
import subprocess
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from shocpp.clock import now_ms
from tests.world.chroot import USER, Chroot
from tests.world.databases import make_database
from tests.world.faults import DAY, ask, assert_booked_once, connect
from tests.world.home import Home
from tests.world.installed import (
    SECRET,
    Installed,
    InstalledHome,
    InstalledServer,
    docker_context,
    installed_package,
)
from tests.world.machine import BIN, ROOT, free_port, needs
from tests.world.server import Server

BESIDE_PACKAGE = ("app.py", "cgi-bin", "conf", "db", "gunicorn.conf.py", "wsgi.ini")
PROGRAM = ("shocpp", *BESIDE_PACKAGE)


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """The package, built from a checkout in use and installed without it."""
    return installed_package(tmp_path_factory)


@pytest.fixture
def home(tmp_path: Path, installed: Installed) -> InstalledHome:
    """A home that `shocpp home` has made, with an empty home folder of its user beside it."""
    (tmp_path / "user").mkdir()
    home = InstalledHome(tmp_path / "home", installed, HOME=str(tmp_path / "user"))
    done = run(installed, home, "shocpp", "home", str(home.folder))
    assert done.returncode == 0, done.stderr
    home.environment["SHOCPP_HOME"] = str(home.folder)
    return home


@pytest.fixture
def start(installed: Installed, tmp_path: Path) -> Iterator[Callable[..., Server]]:
    """Starts installed servers, by a command of their own; they end with the test."""
    servers: list[Server] = []

    def start(home: Home, *command: str) -> Server:
        class OwnServer(InstalledServer):
            log_folder = tmp_path

        OwnServer.command = command or (str(installed.bin / "shocpp-listener"),)
        servers.append(OwnServer(home))
        return servers[-1]

    yield start
    for server in servers:
        if server.process.poll() is None:
            server.kill()


def run(installed: Installed, home: Home, *command: str) -> subprocess.CompletedProcess[str]:
    """Run a console script of the installed package in an empty folder."""
    folder = home.folder.parent / "empty"
    folder.mkdir(exist_ok=True)
    done = subprocess.run(
        [str(installed.bin / command[0]), *command[1:]],
        cwd=folder,
        env=home.environment,
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert list(folder.iterdir()) == []
    return done


def charge_a_day(server: Server) -> None:
    """Let a charger deliver the day's energy."""
    with connect(server.url("garage")) as charger:
        for number, call in enumerate(DAY):
            ask(charger, *call, str(number))


def program_files() -> set[str]:
    """The names of the files of this checkout that belong to the program."""
    git = [needs("git"), "ls-files", "--cached", "--others", "--exclude-standard", "--", *PROGRAM]
    listed = subprocess.run(git, cwd=ROOT, check=True, capture_output=True, text=True)
    return {name for name in listed.stdout.splitlines() if (ROOT / name).is_file()}


def contents(archive: Path) -> dict[str, bytes]:
    """The files of a wheel or sdist by their names."""
    if archive.suffix == ".whl":
        with zipfile.ZipFile(archive) as wheel:
            return {name: wheel.read(name) for name in wheel.namelist()}
    with tarfile.open(archive) as sdist:
        files = {member.name: sdist.extractfile(member) for member in sdist.getmembers()}
        return {name.partition("/")[2]: file.read() for name, file in files.items() if file}


def in_wheel(name: str) -> str:
    """The name that a file of the checkout has in the wheel."""
    return f"shocpp/share/{name}" if name.startswith(BESIDE_PACKAGE) else name


def test_the_wheel_has_every_file_of_the_program_below_shocpp(installed: Installed) -> None:
    files = contents(installed.wheel)
    assert {name.partition("/")[0] for name in files} == {"shocpp", "shocpp-0.1.0.dist-info"}
    for name in program_files():
        assert files[in_wheel(name)] == (ROOT / name).read_bytes(), name


def test_nothing_of_an_owner_is_in_wheel_sdist_or_image(installed: Installed) -> None:
    program = program_files() | {"LICENSE", "README.md", "pyproject.toml"}
    sdist = contents(installed.sdist)
    assert sdist.keys() - {"PKG-INFO"} == program
    assert set(docker_context(installed.checkout)) == program | {"requirements.lock"}
    wheel = contents(installed.wheel)
    wanted = {in_wheel(name) for name in program_files()}
    assert {name for name in wheel if ".dist-info/" not in name} == wanted
    assert not any(SECRET.encode() in content for content in (*wheel.values(), *sdist.values()))


def test_the_image_has_the_wheel_and_the_locked_packages_only() -> None:
    installing, _, running = (
        (ROOT / "Dockerfile").read_text().partition("\nFROM python")[2].partition("\nFROM ")
    )
    assert "--require-hashes --requirement=requirements.lock" in installing
    assert "--no-build-isolation --no-deps .\n" in installing
    assert "--editable" not in installing
    assert re.findall("^COPY (.*)", running, re.MULTILINE) == [
        "--from=installed /opt/shocpp /opt/shocpp"
    ]


def test_a_first_charge_is_billed_without_a_checkout(
    installed: Installed, home: InstalledHome, start: Callable[..., Server]
) -> None:
    files = set(installed.environment.rglob("*"))
    server = start(home)
    charge_a_day(server)
    assert_booked_once(home)
    assert f"records:    {home.folder}/accounting" in server.log()
    summary = run(installed, home, "shocpp-summary", "2026", "10")
    assert re.search("Mandant: family-y +33,000 kWh", summary.stdout), summary
    assert run(installed, home, "shocpp-summary", "2026", "10", "--format", "pdf").stdout
    checked = run(installed, home, "shocpp", "check").stdout
    assert f"SHOCPP_HOME               {home.folder}\n" in checked
    assert str(home.folder / "wsgi.ini") not in checked
    script = subprocess.run(
        [home.folder / "cgi-bin" / "caller.py"],
        env={
            "REQUEST_METHOD": "GET",
            "REMOTE_USER": "anna",
            "QUERY_STRING": "canned=family-this-month",
        },
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert script.stdout.startswith("Status: 200 OK"), script
    assert (
        script.stderr
        == "canned call 'family-this-month' of 'anna': done, "
        + script.stdout.splitlines()[-1]
        + "\n"
    )
    assert server.stop() == 0
    # Nothing is written into the folder of the package, nor into that of the user.
    assert set(installed.environment.rglob("*")) == files
    assert list(Path(home.environment["HOME"]).iterdir()) == []


def test_a_home_can_be_made_again_and_nothing_of_it_is_overwritten(
    installed: Installed, home: InstalledHome
) -> None:
    assert stat.S_IMODE(home.folder.stat().st_mode) == 0o700
    modes = {path: stat.S_IMODE(path.stat().st_mode) for path in home.folder.rglob("*.*")}
    script = home.folder / "cgi-bin" / "caller.py"
    assert modes.pop(script) == 0o700
    assert set(modes.values()) == {0o600}
    home.tags_file.write_text("[]")
    (home.folder / "wsgi.ini").unlink()
    done = run(installed, home, "shocpp", "home")
    assert done.stdout.startswith(f"wrote {home.folder / 'wsgi.ini'}\nstart it with: ")
    assert home.tags_file.read_text() == "[]"
    # Beside a database, the accounts of an example would contradict its books.
    home.database.parent.mkdir()
    home.database.touch()
    home.tags_file.unlink()
    assert run(installed, home, "shocpp", "home").stdout.startswith("start it with: ")
    foreign = home.folder.parent
    refused = run(installed, home, "shocpp", "home", str(foreign))
    assert (refused.returncode, refused.stdout) == (2, "")
    assert refused.stderr == f"{foreign} has files and is no home; name a new or empty folder\n"


def test_the_wsgi_ini_of_the_home_wins_and_check_names_one_that_does_not_fit(
    installed: Installed, home: InstalledHome, start: Callable[..., Server]
) -> None:
    ini = home.folder / "wsgi.ini"
    shipped = ini.read_text()
    ini.write_text(shipped.replace("\nworkers = 1", "\nworkers = 2"))
    server = start(home)
    assert len(server.workers()) == 2
    assert server.stop() == 0
    for line, wrong, sentence in (
        ("app:paste_app", "shocpp.app:main", "needs the line paste.app_factory = app:paste_app"),
        ("keepalive = 5", "keep_alive = 5", "gunicorn has no setting keep_alive"),
        ("[server:main]", "nonsense", "cannot be used: "),
    ):
        ini.write_text(shipped.replace(line, wrong))
        checked = run(installed, home, "shocpp", "check")
        assert f"{ini}" in checked.stdout
        assert sentence in checked.stdout
        port = {"WS_PORT": str(free_port())}
        refused = home.run(
            "shocpp-listener", env=port, executable=installed.bin / "shocpp-listener"
        )
        assert (refused.returncode, refused.stderr.count("\n")) == (78, 1), refused
        assert sentence in refused.stderr


def test_check_names_a_cgi_script_of_another_installation(
    installed: Installed, home: InstalledHome
) -> None:
    script = home.folder / "cgi-bin" / "caller.py"
    script.write_text(script.read_text().replace("/site-packages", "/other-packages"))
    sentence = f"{script} is of another version or installation of shocpp; remove it"
    assert sentence in run(installed, home, "shocpp", "check").stdout
    script.unlink()
    run(installed, home, "shocpp", "home")
    assert str(script) not in run(installed, home, "shocpp", "check").stdout


def test_only_the_imported_package_decides_if_it_is_a_checkout(installed: Installed) -> None:
    program = "from shocpp.installation.files import SHIPPED; print(SHIPPED)"
    for python, cwd, folder in (
        (BIN / "python", installed.checkout, ROOT),
        (installed.bin / "python", ROOT, installed.packages / "shocpp" / "share"),
    ):
        done = subprocess.run(
            [python, "-P", "-c", program], cwd=cwd, capture_output=True, text=True, env=os.environ
        )
        assert done.stdout == f"{folder}\n", done


# -- as another user, in a root folder of its own ------------------------------------------------


def test_the_listener_alone_makes_the_default_home(
    installed: Installed, tmp_path: Path, start: Callable[..., Server]
) -> None:
    chroot = Chroot(tmp_path / "root", installed, ("home/anna", "tmp"))
    chroot.give()
    default, user = "/home/anna/.local/share/shocpp", {"HOME": "/home/anna"}
    shocpp = installed.bin / "shocpp"
    for command in (("check",), ("migrate",), ("review",), ("backup", "x.zip")):
        refused = chroot.run(shocpp, *command, **user)
        assert (refused.returncode, refused.stdout) == (78, "")
        assert refused.stderr == (
            f"the home {default} does not exist; name yours with SHOCPP_HOME=DIR, or make a new "
            "one with: shocpp home\n"
        )
    named = chroot.run(installed.bin / "shocpp-listener", **user, SHOCPP_HOME="/home/anna/typo")
    assert named.returncode == 78
    assert "make it with: shocpp home /home/anna/typo" in named.stderr
    home = InstalledHome(chroot.root / default[1:], installed, **user)
    server = start(home, *chroot.command(installed.bin / "shocpp-listener", cwd="/tmp"))
    assert f"home:       {default} is new, with example accounts" in server.log()
    charge_a_day(server)
    assert_booked_once(home)
    assert "33,000 kWh" in chroot.run(installed.bin / "shocpp-summary", "2026", "10", **user).stdout
    assert home.folder.stat().st_uid == USER
    unit = (home.folder / "conf" / "systemd" / "shocpp.service").read_text()
    assert (
        f"\nEnvironment=SHOCPP_HOME={default}\nExecStart={installed.bin}/shocpp-listener\n" in unit
    )


def test_commands_read_the_settings_of_the_service_where_they_may(
    installed: Installed, tmp_path: Path
) -> None:
    chroot = Chroot(tmp_path / "root", installed, ("srv/shocpp", "srv/other"))
    chroot.give()
    file = chroot.root / "etc" / "shocpp.env"
    file.write_text("# of the service\nSHOCPP_HOME='/srv/shocpp'\nSHOCPP_LANG=en\nPATH=/nowhere\n")
    shocpp = installed.bin / "shocpp"

    def settings(**environment: str) -> str:
        return chroot.run(shocpp, "check", HOME="/", **environment).stdout

    assert "SHOCPP_HOME               /srv/shocpp\n" in settings()
    assert "SHOCPP_LANG               en\n" in settings()
    assert "SHOCPP_LANG               de\n" in settings(SHOCPP_LANG="de")
    # Another home has other settings.
    assert "SHOCPP_LANG               de\n" in settings(SHOCPP_HOME="/srv/other")
    file.chmod(0o600)
    refused = chroot.run(shocpp, "check", HOME="/")
    assert refused.returncode == 78
    assert "this user may not read /etc/shocpp.env" in refused.stderr


def test_a_volume_of_an_older_image_starts_unchanged(
    installed: Installed, tmp_path: Path, start: Callable[..., Server]
) -> None:
    chroot = Chroot(tmp_path / "root", installed, ("tmp",))
    home = Home(chroot.root / "data")
    make_database(home.database, now_ms())
    chroot = Chroot(chroot.root, installed, ("tmp", "data"))
    chroot.give()
    home.environment = {
        "PATH": f"{installed.bin}:/usr/bin:/bin",
        "PYTHONDONTWRITEBYTECODE": "1",
        "SHOCPP_HOME": "/data",
        "WS_ADDRESS": "127.0.0.1",
    }
    server = start(home, *chroot.command("shocpp-listener", cwd="/data"))
    charge_a_day(server)
    assert_booked_once(home)
    summary = chroot.run("shocpp-summary", "2026", "10", **home.environment)
    assert "33,000 kWh" in summary.stdout
    assert server.stop() == 0
    assert {path.name for path in home.folder.iterdir()} == {"accounting", "conf", "db"}
    assert [path.name for path in (home.folder / "conf").iterdir()] == ["tags.json"]
