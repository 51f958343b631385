"""Archives and their restore: checked first, nothing lost, nothing billed twice."""

import contextlib
import hashlib
import json
import os
import shutil
import sqlite3
import subprocess
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from shocpp.clock import now_ms
from shocpp.recovery.archive import conf_files
from shocpp.store.schema.migrations import migrate
from tests.whole.test_faults_crash import CHANGES, sampled, steps
from tests.world.charger import ChargerWithCar
from tests.world.faults import EVERY_STEP, full, small_disk
from tests.world.home import Home
from tests.world.machine import BIN, needs
from tests.world.people import cookie_of, invitation
from tests.world.server import Server
from tests.world.visits import EVENING, MORNING, say, start, stop, sums

NEXT_DAY = "2026-10-02T05:00:00Z"
NEXT_NOON = "2026-10-02T10:00:00Z"
CONF = ("canned.json", "charge_points.json", "operator.json", "tags.json", "tariffs.json")
BOOKS = "SELECT file_name, number, account, consumed_wh FROM accounting ORDER BY number"


@pytest.fixture(scope="module")
def first_home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A home with one record, and a transaction that is open."""
    home = Home(tmp_path_factory.mktemp("backup") / "home")
    migrate(home.database, now_ms())
    (home.folder / "conf" / "canned.json").write_text('{"a": {"show": "power", "secret": "x"}}')
    say(home, start(1_000, MORNING), stop(5_000, EVENING), start(5_000, EVENING))
    return home


@pytest.fixture
def charged_home(home: Home, first_home: Home) -> Home:
    """A copy of that home."""
    home.copy_from(first_home)
    return home


@pytest.fixture
def archive(charged_home: Home) -> Path:
    """Return an archive of that home."""
    path = charged_home.folder.parent / "backup.ZIP"
    done = charged_home.run("shocpp", "backup", str(path))
    assert (done.returncode, done.stderr) == (0, "")
    assert "conf/canned.json has the secrets" in done.stdout
    return path


def test_a_file_that_a_restore_has_left_is_refused_and_stays(
    archive: Path, charged_home: Home
) -> None:
    left = charged_home.database.with_name("shocpp.sqlite3.restoring")
    shutil.copy(archive, left)
    assert "restore that was cut off" in restored(charged_home, left, code=2)
    assert left.read_bytes() == archive.read_bytes()


def restored(home: Home, path: Path, *options: str, code: int = 0) -> str:
    """Restore a backup; return its output."""
    done = home.run("shocpp", "restore", str(path), *options)
    assert done.returncode == code, done.stderr + done.stdout
    return done.stdout if code == 0 else done.stderr


def everything(home: Home) -> dict[str, bytes]:
    """Return all files of a home with their contents, but for doorbells and logs."""
    return {
        str(path.relative_to(home.folder)): path.read_bytes()
        for path in sorted(home.folder.rglob("*"))
        if path.is_file() and path.name != "log"
    }


def continue_and_stop(home: Home) -> None:
    """Stop the open transaction, and charge once more."""
    say(
        home,
        stop(7_000, NEXT_DAY, 20_000_005),
        start(7_000, NEXT_DAY, "1111"),
        stop(8_500, NEXT_NOON, 10_000_007),
    )


CONTINUED = {"family-y": 6_000, "company-x": 1_500}


def test_an_archive_holds_everything_with_hashes(charged_home: Home, archive: Path) -> None:
    assert archive.stat().st_mode & 0o777 == 0o600
    with zipfile.ZipFile(archive) as opened:
        assert opened.testzip() is None
        manifest = json.loads(opened.read("manifest.json"))
        members = {member["name"]: member for member in manifest["members"]}
        for name, member in members.items():
            content = opened.read(name)
            assert member["size"] == len(content)
            assert member["sha256"] == hashlib.sha256(content).hexdigest()
        assert set(opened.namelist()) == {*members, "manifest.json"}
        assert all(info.external_attr >> 16 == 0o100600 for info in opened.infolist())
    (record,) = charged_home.record_files()
    name = record.relative_to(charged_home.folder).as_posix()
    assert set(members) == {"database.sqlite3", name, "conf/tags.json", "conf/canned.json"}
    assert manifest["format"] == 1
    assert str(charged_home.folder) not in json.dumps(manifest)
    assert charged_home.query("SELECT value FROM property WHERE name = 'backed_up_ms'")
    assert sorted(os.listdir(archive.parent)) == sorted([archive.name, charged_home.folder.name])


def test_a_plain_copy_says_what_it_lacks(charged_home: Home) -> None:
    done = charged_home.run("shocpp", "backup", str(charged_home.folder / "copy.sqlite3"))
    assert f"it has neither {charged_home.folder}/accounting nor conf/" in done.stdout
    assert "shocpp backup " in done.stdout.splitlines()[1]


def test_an_archive_comes_back_on_a_new_machine(
    charged_home: Home, archive: Path, tmp_path: Path
) -> None:
    new = Home(tmp_path / "new")
    other = tmp_path / "elsewhere"
    # The example of `make run` is nobody's intention, and gives way.
    new.environment |= {
        "SHOCPP_ACCOUNTINGDIR": str(other / "books"),
        "SHOCPP_DATABASE": str(other / "db" / "x.sqlite3"),
    }
    text = charged_home.tags_file.read_text().replace("family-y", "family-z")
    assert text != charged_home.tags_file.read_text()
    printed = restored(new, archive)
    assert "records in it: 1" in printed
    assert "the former database" not in printed
    assert "1 files are back" in printed
    assert (new.folder / "conf" / "canned.json").stat().st_mode & 0o777 == 0o600
    assert len(list((other / "books").glob("*/*/*.json"))) == 1
    done = new.run("shocpp", "migrate")
    assert done.returncode == 0, done.stderr
    say(new, stop(7_000, NEXT_DAY, 20_000_005))
    with contextlib.closing(sqlite3.connect(other / "db" / "x.sqlite3")) as db:
        rows = db.execute("SELECT account, consumed_wh FROM accounting ORDER BY number").fetchall()
    assert rows == [("family-y", 4_000), ("family-y", 2_000)]


def test_every_file_of_conf_comes_back(home: Home, tmp_path: Path) -> None:
    assert home.run("shocpp", "migrate").returncode == 0
    contents = dict.fromkeys(conf_files(home.settings).values(), "{}\n")
    contents[home.tags_file] = "[]\n"
    for path, text in contents.items():
        path.write_text(text)
    archive = tmp_path / "backup.zip"
    assert home.run("shocpp", "backup", str(archive)).returncode == 0
    for path in contents:
        path.unlink()
    restored(home, archive)
    assert {path: path.read_text() for path in contents} == contents


@pytest.mark.parametrize("keeps", [False, True])
def test_a_restore_revokes_devices_unless_asked(charged_home: Home, *, keeps: bool) -> None:
    cookie_of(charged_home, "admin")
    invitation(charged_home)
    path = charged_home.folder.parent / "with_devices.zip"
    assert charged_home.run("shocpp", "backup", str(path)).returncode == 0
    # One that is revoked after the backup must not come back.
    charged_home.run("shocpp", "devices", "revoke", "1")
    output = restored(charged_home, path, *(["--keep-devices"] if keeps else []))
    assert ("1 devices are revoked" in output) != keeps
    assert charged_home.query(
        "SELECT count(*) FROM device WHERE revoked_ms IS NULL"
        " UNION ALL SELECT count(*) FROM invitation WHERE outcome IS NULL"
    ) == [(int(keeps),), (int(keeps),)]


def test_limits_are_sent_again_after_a_restore(charged_home: Home) -> None:
    """The charger may have accepted another limit after the backup."""
    with contextlib.closing(sqlite3.connect(charged_home.database)) as db, db:
        db.execute(
            "INSERT INTO installed_profile SELECT id, 1, 'TxDefaultProfile', 0, 20002, 'Absolute',"
            " 'A', 6000, NULL, 1, NULL, '56.2', 1790000000000, 3 FROM charge_point"
        )
    path = charged_home.folder.parent / "with_limits.zip"
    assert charged_home.run("shocpp", "backup", str(path)).returncode == 0
    restored(charged_home, path)
    assert charged_home.query(
        "SELECT profile_id, limit_ma, firmware, accepted_ms FROM installed_profile"
    ) == [(20_002, 6_000, None, 0)]


def test_newer_files_are_imported_and_nothing_is_billed_twice(
    charged_home: Home, archive: Path
) -> None:
    continue_and_stop(charged_home)
    assert sums(charged_home) == CONTINUED
    before = charged_home.query(BOOKS)
    printed = restored(charged_home, archive)
    assert "2 records taken, 1 were there, 0 refused" in printed
    assert charged_home.query(BOOKS) == before
    assert charged_home.query("SELECT count(*) FROM open_transactions") == [(0,)]
    # The charger repeats them, because an answer was lost.
    continue_and_stop(charged_home)
    assert charged_home.query(BOOKS) == before
    (aside,) = charged_home.database.parent.glob("shocpp.sqlite3.[0-9]*")
    assert f"the former database is {aside}" in printed
    assert charged_home.query("PRAGMA integrity_check") == [("ok",)]
    # And again: the same backup may be restored twice.
    assert "2 records taken, 1 were there" in restored(charged_home, archive)
    assert charged_home.query(BOOKS) == before


def test_records_whose_files_still_wait_are_not_lost(charged_home: Home, archive: Path) -> None:
    continue_and_stop(charged_home)
    before = charged_home.query(BOOKS)
    for path in charged_home.record_files()[1:]:
        path.unlink()
    with contextlib.closing(sqlite3.connect(charged_home.database)) as db, db:
        db.execute("UPDATE accounting_record SET exported_ms = NULL")
    restored(charged_home, archive)
    assert charged_home.query(BOOKS) == before


def test_records_of_a_damaged_database_without_a_file_are_not_lost(
    charged_home: Home, archive: Path
) -> None:
    continue_and_stop(charged_home)
    before = charged_home.query(BOOKS)
    for path in charged_home.record_files()[1:]:
        path.unlink()
    content = charged_home.database.read_bytes()
    charged_home.database.write_bytes(bytes(100) + content[100:])
    restored(charged_home, archive)
    assert charged_home.query(BOOKS) == before


def test_a_plain_copy_is_restored_as_well(charged_home: Home, tmp_path: Path) -> None:
    copy = tmp_path / "copy.sqlite3"
    assert charged_home.run("shocpp", "backup", str(copy)).returncode == 0
    continue_and_stop(charged_home)
    before, content = charged_home.query(BOOKS), copy.read_bytes()
    charged_home.database.write_bytes(b"garbage")
    charged_home.database.with_name("shocpp.sqlite3-wal").write_bytes(b"of the former one")
    assert "the backup has neither accounting/ nor conf/" in restored(charged_home, copy)
    assert charged_home.query(BOOKS) == before
    assert copy.read_bytes() == content
    asides = sorted(charged_home.database.parent.glob("shocpp.sqlite3.[0-9]*"))
    assert [path.read_bytes() for path in asides] == [b"garbage", b"of the former one"]


def test_conf_stays_unless_it_is_missing_or_asked_for(charged_home: Home, archive: Path) -> None:
    tags, canned = charged_home.tags_file, charged_home.folder / "conf" / "canned.json"
    former = tags.read_bytes()
    tags.write_bytes(former + b"\n")
    canned.unlink()
    printed = restored(charged_home, archive)
    assert f"{tags} differs from the backup and stays; to replace it: --conf" in printed
    assert f"{canned} is that of the backup\n" in printed
    assert tags.read_bytes() == former + b"\n"
    assert "secret" in canned.read_text()
    printed = restored(charged_home, archive, "--conf")
    (aside,) = tags.parent.glob("tags.json.2*")
    assert f"{tags} is that of the backup; the former one is {aside}" in printed
    assert (tags.read_bytes(), aside.read_bytes()) == (former, former + b"\n")


def test_a_damaged_accounting_file_is_replaced(charged_home: Home, archive: Path) -> None:
    (path,) = charged_home.record_files()
    content = path.read_bytes()
    path.write_bytes(content[:50])
    assert "1 files are back" in restored(charged_home, archive)
    assert path.read_bytes() == content
    (aside,) = path.parent.glob(f"{path.name}.*")
    assert aside.read_bytes() == content[:50]


def test_nothing_is_restored_while_a_server_runs(
    charged_home: Home, archive: Path, serve: Callable[..., Server]
) -> None:
    serve()
    assert "stop the server" in restored(charged_home, archive, code=2)
    assert sums(charged_home) == {"family-y": 4_000}


def test_a_backup_under_load_is_whole(home: Home, serve: Callable[..., Server]) -> None:
    server = serve()
    with ChargerWithCar(server) as charger:
        for number in range(12):
            charger.start("3333")
            charger.stop()
            if number == 6:
                path = home.folder / "b.zip"
                backup = subprocess.Popen(
                    [str(BIN / "shocpp"), "backup", str(path)], env=home.environment
                )
        assert backup.wait(30) == 0
    server.stop()
    before = home.query(BOOKS)
    restored(home, path)
    assert home.query(BOOKS) == before


# --- files that are no backups ---


def rewritten(archive: Path, change: Callable[[dict[str, bytes]], None], **info: int) -> Path:
    """Write the archive anew with changed members; `info` is the external_attr of some."""
    with zipfile.ZipFile(archive) as opened:
        members = {name: opened.read(name) for name in opened.namelist()}
    change(members)
    path = archive.with_name("changed.zip")
    with zipfile.ZipFile(path, "w") as opened:
        for name, content in members.items():
            member = zipfile.ZipInfo(name)
            member.external_attr = info.get(name.partition("/")[0], 0o100600 << 16)
            opened.writestr(member, content)
    return path


def listed_too(name: str, content: bytes) -> Callable[[dict[str, bytes]], None]:
    """Return a change that adds a member, also to the manifest."""

    def change(members: dict[str, bytes]) -> None:
        manifest = json.loads(members["manifest.json"])
        digest = hashlib.sha256(content).hexdigest()
        manifest["members"].append({"name": name, "size": len(content), "sha256": digest})
        members[name] = content
        members["manifest.json"] = json.dumps(manifest).encode()

    return change


def set_in_manifest(**values: Any) -> Callable[[dict[str, bytes]], None]:
    """Return a change of the manifest."""

    def change(members: dict[str, bytes]) -> None:
        members["manifest.json"] = json.dumps(
            json.loads(members["manifest.json"]) | values
        ).encode()

    return change


def with_foreign_database(members: dict[str, bytes]) -> None:
    """Replace the database by garbage whose hash is right."""
    manifest = json.loads(members["manifest.json"])
    members["database.sqlite3"] = content = b"SQLite format 3\0" + bytes(5000)
    for member in manifest["members"]:
        if member["name"] == "database.sqlite3":
            member |= {"size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    members["manifest.json"] = json.dumps(manifest).encode()


CHANGED: list[tuple[Callable[[dict[str, bytes]], Any], str]] = [
    (lambda members: members.pop("manifest.json"), "no manifest.json"),
    (lambda members: members.update({"manifest.json": b"{"}), "cannot be read"),
    (lambda members: members.update({"manifest.json": b"[]"}), "cannot be read"),
    (lambda members: members.pop("conf/tags.json"), "not those of its manifest"),
    (lambda members: members.update({"more": b""}), "not those of its manifest"),
    (lambda members: members.update({"conf/tags.json": b"[]"}), "differs from its manifest"),
    (listed_too("../../x.json", b"{}"), "'../../x.json'"),
    (listed_too("accounting/../x.json", b"{}"), "'accounting/../x.json'"),
    (listed_too("/etc/x", b""), "'/etc/x'"),
    (listed_too("accounting//etc/x", b""), "'accounting//etc/x'"),
    (listed_too("accounting/a\\b", b""), "not made by shocpp"),
    (listed_too("accounting/.hidden", b""), "'accounting/.hidden'"),
    (listed_too("conf/other.json", b""), "'conf/other.json'"),
    (set_in_manifest(format=2), "newer shocpp"),
    (set_in_manifest(database_version=99), "newer shocpp"),
    (with_foreign_database, "not a database of shocpp"),
]


@pytest.mark.parametrize(("change", "sentence"), CHANGED)
def test_a_changed_archive_is_refused_and_nothing_changes(
    charged_home: Home,
    archive: Path,
    change: Callable[[dict[str, bytes]], Any],
    sentence: str,
) -> None:
    path, before = rewritten(archive, change), everything(charged_home)
    done = charged_home.run("shocpp", "restore", str(path))
    assert done.returncode in (2, 78)
    assert sentence in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert everything(charged_home) == before


def test_a_link_in_an_archive_is_refused(charged_home: Home, archive: Path) -> None:
    path = rewritten(archive, lambda _: None, conf=0o120777 << 16)
    assert "not made by shocpp" in restored(charged_home, path, code=2)


def test_damaged_files_are_refused(charged_home: Home, archive: Path, tmp_path: Path) -> None:
    before, content = everything(charged_home), archive.read_bytes()
    path = tmp_path / "damaged.zip"
    for damaged in (b"", b"garbage" * 99, content[: len(content) // 2], content[:-20]):
        path.write_bytes(damaged)
        restored(charged_home, path, code=2)
    for at in range(40, len(content) - 100, len(content) // 10):
        path.write_bytes(content[:at] + bytes([content[at] ^ 0x55]) + content[at + 1 :])
        done = charged_home.run("shocpp", "restore", str(path))
        # A flipped bit of a date or of a right does not change what is restored.
        if done.returncode == 0:
            assert charged_home.query("PRAGMA integrity_check") == [("ok",)]
            before = everything(charged_home)
        assert "Traceback" not in done.stderr
    assert everything(charged_home) == before
    assert "does not exist" in restored(charged_home, tmp_path / "missing.zip", code=2)
    assert "is the database itself" in restored(charged_home, charged_home.database, code=2)


def test_an_archive_replaces_no_other_file(charged_home: Home, archive: Path) -> None:
    text = archive.with_name("notes.zip")
    text.write_text("mine")
    with zipfile.ZipFile(foreign := archive.with_name("foreign.zip"), "w") as opened:
        opened.writestr("mine", "mine")
    for path in (text, foreign):
        done = charged_home.run("shocpp", "backup", str(path))
        assert done.returncode == 2
        assert "is no archive made by shocpp; name another file" in done.stderr
    assert text.read_text() == "mine"
    assert charged_home.run("shocpp", "backup", str(archive)).returncode == 0


# --- kills and full disks ---


def copy_of(home: Home, folder: Path) -> Home:
    """Return the same home elsewhere."""
    shutil.copytree(home.folder, folder)
    shutil.rmtree(folder / "conf")
    copy = Home(folder)
    shutil.copytree(home.folder / "conf", folder / "conf", dirs_exist_ok=True)
    return copy


@pytest.fixture
def continued(charged_home: Home, archive: Path) -> tuple[Home, Path]:
    """A home with records that are newer than its archive."""
    continue_and_stop(charged_home)
    charged_home.record_files()[0].unlink()
    (charged_home.folder / "conf" / "canned.json").unlink()
    return charged_home, archive


@pytest.mark.timeout(300)
def test_a_restore_that_is_killed_anywhere_can_be_repeated(
    continued: tuple[Home, Path], tmp_path: Path
) -> None:
    home, archive = continued
    before = home.query(BOOKS)
    command = [str(BIN / "shocpp"), "restore", str(archive)]
    trace = tmp_path / "trace"
    traced = [needs("strace"), "-f", "-e", f"trace={CHANGES}"]
    whole = copy_of(home, tmp_path / "whole")
    assert whole.run(*traced, "-o", str(trace), *command).returncode == 0
    found = steps(trace)
    # Names change last, and few steps change them: those of a sample are of all kinds.
    names = [step for step in found if step.startswith(("rename", "link", "unlink"))]
    for _, fault in sampled(found) if EVERY_STEP else [*sampled(found)[3::5], *sampled(names)[::3]]:
        one = copy_of(home, tmp_path / f"{fault}")
        one.run(*traced, "-o", os.devnull, "-e", f"inject={fault}", *command)
        if one.database.exists():
            assert one.query(BOOKS) == before, fault
            assert one.query("PRAGMA integrity_check") == [("ok",)]
        restored(one, archive)
        assert one.query(BOOKS) == before, fault
        assert (one.folder / "conf" / "canned.json").exists()
        assert not list(one.database.parent.glob("*.restoring*"))
    continue_and_stop(one)
    assert one.query(BOOKS) == before


@pytest.mark.timeout(120)
@pytest.mark.parametrize("size", ["400k", "900k", "1500k"])
def test_a_full_disk_leaves_the_former_state(
    charged_home: Home, archive: Path, tmp_path: Path, size: str
) -> None:
    with small_disk(tmp_path / "disk", size) as folder:
        small = Home(folder / "home")
        small.run("shocpp", "migrate")
        with full(folder):
            before = everything(small)
            done = small.run("shocpp", "restore", str(archive))
            assert done.returncode != 0
            assert len(done.stderr.splitlines()) == 1, done.stderr
            assert everything(small) == before
            path = folder / "b.zip"
            assert small.run("shocpp", "backup", str(path)).returncode != 0
            assert not list(folder.glob(".b*"))
