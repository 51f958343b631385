"""Archives: the database, the accounting folder and the files of conf/ in one ZIP file.

Its last member, the manifest, has the size and the SHA-256 of each other member. Names of members
are those of the default paths, wherever the settings of a machine put the files.
"""

import hashlib
import json
import os
import stat
import time
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Any, NamedTuple

from shocpp import __version__
from shocpp.errors import UnusableDatabase, UsageError
from shocpp.ocpp.times import format_timestamp, parse_timestamp
from shocpp.recovery.restore import Advance, Progress
from shocpp.settings import Settings
from shocpp.store.books.archive.form_files import FILES as FORMS
from shocpp.store.database import VERSION, Database
from shocpp.store.files.backups import beside, copy, pages, sync

FORMAT = 1
"""The version of the format; an older program refuses an archive with a higher one."""

DATABASE = "database.sqlite3"
MANIFEST = "manifest.json"
ACCOUNTING = "accounting/"
"""The names of members."""

_CONF_NAMES = tuple(
    f"conf/{name}.json"
    for name in ("tags", "canned", "operator", "tariffs", "charge_points", "people", "site", "mqtt")
)
"""The names of members that are files of conf/; a restore takes no other ones."""

_SECRETS = {
    DATABASE: "card numbers and hashes of passwords",
    "conf/canned.json": "the secrets and payloads of canned calls in clear text",
    "conf/charge_points.json": "hashes of passwords",
    "conf/mqtt.json": "the password of the MQTT broker in clear text",
    "conf/tags.json": "card numbers, with which anybody can charge",
}
"""The secrets of each member that has any."""

_LEFT_OUT = (
    "the settings in the environment, such as SHOCPP_TOKEN and SHOCPP_SMTP",
    "the key beside the database: Calls that wait at the moment of the backup are not sent later",
)
"""The parts of an installation that are not in an archive."""

# zipfile raises RuntimeError for a member with a password, and a subclass for other compressions.
_UNREADABLE = (zipfile.BadZipFile, zlib.error, EOFError, ValueError, RuntimeError)

_CHUNK = 1024 * 1024
_MOST_MANIFEST_BYTES = 512 * 1024 * 1024


class Member(NamedTuple):
    """A member of an archive, as its manifest has it."""

    name: str
    size: int
    sha256: str


class Manifest(NamedTuple):
    """The content of a manifest; `made_ms` is a time before the first file was read."""

    made_ms: int
    database_version: int
    members: tuple[Member, ...]


def conf_files(settings: Settings) -> dict[str, Path]:
    """Return the paths of the files of conf/ by the names of their members."""
    of_accounts = (settings.tags_file, settings.canned_file, settings.operator_file)
    of_access = (settings.tariffs_file, settings.charge_points_file, settings.people_file)
    paths = (*of_accounts, *of_access, settings.site_file, settings.mqtt_file)
    return dict(zip(_CONF_NAMES, paths, strict=True))


def is_archive_name(path: Path) -> bool:
    """Return True if a backup with this file name is to be an archive."""
    return path.suffix.lower() == ".zip"


# -- writing --------------------------------------------------------------------------------------


def write_archive(
    db: Database, settings: Settings, to: Path, made_ms: int, progress: Progress
) -> Manifest:
    """Write an archive while the database is in use, or nothing at all.

    An older archive at `to` is replaced once the new one is on disk. Raises UsageError if `to` is
    any other file, UnusableDatabase if the copy of the database fails its checks, StoreUnavailable
    for an error of SQLite, and OSError for a file that cannot be read or written.
    """
    _refuse_to_replace(to)
    partial = to.with_name(f".{to.name}.{os.getpid()}")
    copied = to.with_name(f".{to.name}.{os.getpid()}.sqlite3")
    try:
        for path in (partial, copied):
            # Created here, because they would get the rights of the umask.
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        members = []
        with zipfile.ZipFile(partial, "w", zipfile.ZIP_DEFLATED) as archive:
            # The folder first: a file is written after the commit of its record. So every record
            # of a file is in the copy of the database, which is made later, and so is a record that
            # is booked in between. In the other order, such a record could be in neither.
            paths = _accounting_files(settings.accounting_folder)
            with progress("accounting files", len(paths)) as advance:
                for name, path in paths:
                    members += _added(archive, name, path)
                    advance(1)
            for name, path in conf_files(settings).items():
                members += _added(archive, name, path)
            with progress("pages", pages(db)) as advance:
                copy(db, copied, advance)
            members += _added(archive, DATABASE, copied)
            manifest = Manifest(made_ms, VERSION, tuple(members))
            archive.writestr(_info(MANIFEST, time.time()), _manifest_text(manifest))
        sync(partial)
        # Until this rename the older archive is untouched, also if this process is killed.
        os.replace(partial, to)
        sync(to.parent)
    finally:
        for leftover in (partial, copied, *beside(copied)):
            leftover.unlink(missing_ok=True)
    return manifest


def secrets_of(manifest: Manifest) -> list[str]:
    """Return a line for each member with secrets."""
    return [
        f"{member.name} has {_SECRETS[member.name]}"
        for member in manifest.members
        if member.name in _SECRETS
    ]


def _refuse_to_replace(to: Path) -> None:
    """Raise UsageError unless the path is free or holds an older archive."""
    if not to.parent.is_dir():
        raise UsageError(f"the folder {to.parent} does not exist; make it first")
    if to.exists() and not (to.is_file() and _is_ours(to)):
        raise UsageError(f"{to} exists and is no archive made by shocpp; name another file")


def _is_ours(path: Path) -> bool:
    try:
        with zipfile.ZipFile(path) as archive:
            return {MANIFEST, DATABASE} <= set(archive.namelist())
    except (OSError, ValueError, zipfile.BadZipFile):
        return False


def _accounting_files(folder: Path) -> list[tuple[str, Path]]:
    """Return the files of the accounting folder with the names of their members."""
    # Hidden files are partial ones. Superseded files are restored under their names, as superseded.
    found = [*folder.glob("**/*.json"), *folder.glob("**/*.superseded"), *folder.glob(FORMS)]
    relative = [(path.relative_to(folder), path) for path in sorted(found)]
    return [
        (f"{ACCOUNTING}{name.as_posix()}", path)
        for name, path in relative
        if not any(part.startswith(".") for part in name.parts) and path.is_file()
    ]


def _added(archive: zipfile.ZipFile, name: str, path: Path) -> list[Member]:
    """Add a file to an archive; return its member, or nothing if the file does not exist."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    except FileNotFoundError:
        # A file may be renamed meanwhile; its record is in the database.
        return []
    # O_NONBLOCK, so that a FIFO without a writer does not block.
    with open(descriptor, "rb") as source:
        status = os.fstat(source.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise UsageError(f"{path} is no regular file, and cannot be backed up; move it away")
        size, digest = 0, hashlib.sha256()
        is_large = status.st_size > zipfile.ZIP64_LIMIT // 2
        with archive.open(_info(name, status.st_mtime), "w", force_zip64=is_large) as member:
            while chunk := source.read(_CHUNK):
                member.write(chunk)
                digest.update(chunk)
                size += len(chunk)
    return [Member(name, size, digest.hexdigest())]


def _info(name: str, moment_s: float) -> zipfile.ZipInfo:
    # ZIP has no year before 1980 and none after 2107.
    moment = time.localtime(min(max(moment_s, 315_619_200), 4_000_000_000))
    info = zipfile.ZipInfo(name, moment[:6])
    info.compress_type = zipfile.ZIP_DEFLATED
    info.external_attr = (stat.S_IFREG | 0o600) << 16
    return info


def _manifest_text(manifest: Manifest) -> str:
    content = {
        "format": FORMAT,
        "made_by": f"shocpp {__version__}",
        "made_at": format_timestamp(manifest.made_ms),
        "database_version": manifest.database_version,
        "secrets": secrets_of(manifest),
        "left_out": list(_LEFT_OUT),
        "members": [member._asdict() for member in manifest.members],
    }
    return json.dumps(content, ensure_ascii=False, indent=1) + "\n"


# -- reading --------------------------------------------------------------------------------------


class Archive:
    """An archive that is open for reading; every member has been read once and compared."""

    def __init__(self, path: Path, archive: zipfile.ZipFile, manifest: Manifest) -> None:
        self.path = path
        self.manifest = manifest
        self._archive = archive

    def names(self, prefix: str) -> list[str]:
        """Return the names of members that begin with this text."""
        return [member.name for member in self.manifest.members if member.name.startswith(prefix)]

    def size(self, name: str) -> int:
        """Return the size of a member in bytes."""
        return self._archive.getinfo(name).file_size

    def read(self, name: str) -> bytes:
        """Return the content of a member that is small."""
        return self._archive.read(name)

    def extract(self, name: str, to: IO[bytes], advance: Advance) -> None:
        """Write the content of a member into a file; `advance` gets the number of its bytes."""
        with self._archive.open(name) as member:
            while chunk := member.read(_CHUNK):
                to.write(chunk)
                advance(len(chunk))


@contextmanager
def open_archive(path: Path, progress: Progress) -> Iterator[Archive]:
    """Open an archive for the block, after every member was read and compared with the manifest.

    Raises UsageError if it is damaged, was changed, or is not one of ours.
    """
    with ExitStack() as stack:
        try:
            archive = stack.enter_context(zipfile.ZipFile(path))
            manifest = _read_manifest(path, archive)
            _require_same_members(path, archive.infolist(), manifest)
            members = manifest.members
            with progress("bytes compared", sum(member.size for member in members)) as advance:
                for member in members:
                    if not _is_same(archive, member, advance):
                        raise _refusal(path, f"is damaged: {member.name} differs from its manifest")
        except _UNREADABLE as error:
            raise _refusal(path, f"is damaged or not made by shocpp ({error})") from None
        yield Archive(path, archive, manifest)


def _refusal(path: Path, fault: str) -> UsageError:
    return UsageError(f"{path} {fault}; name another backup")


def _read_manifest(path: Path, archive: zipfile.ZipFile) -> Manifest:
    if MANIFEST not in archive.namelist():
        raise _refusal(path, f"was not made by shocpp: it has no {MANIFEST}")
    if archive.getinfo(MANIFEST).file_size > _MOST_MANIFEST_BYTES:
        raise _refusal(path, f"is damaged: its {MANIFEST} is too large")
    try:
        content: dict[str, Any] = json.loads(archive.read(MANIFEST))
        if content["format"] > FORMAT:
            raise UsageError(
                f"{path} was made by a newer shocpp: restore it with {content['made_by']}"
            )
        members = tuple(
            Member(str(member["name"]), int(member["size"]), str(member["sha256"]))
            for member in content["members"]
        )
        made_ms = parse_timestamp(content["made_at"])
        manifest = Manifest(int(made_ms or 0), int(content["database_version"]), members)
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise _refusal(path, f"is damaged: its {MANIFEST} cannot be read ({error!r})") from None
    if manifest.database_version > VERSION:
        raise UnusableDatabase(
            f"{path} has a database of version {manifest.database_version}, this program knows "
            f"{VERSION}; it was made by a newer shocpp: restore it with that version"
        )
    return manifest


def _require_same_members(path: Path, infos: list[zipfile.ZipInfo], manifest: Manifest) -> None:
    """Raise UsageError unless the archive has the members of its manifest, and only plain files."""
    # orig_filename: the module cuts a name at a NUL.
    names = [info.orig_filename for info in infos if info.orig_filename != MANIFEST]
    listed = [member.name for member in manifest.members]
    if sorted(names) != sorted(set(listed)) or len(infos) != len(listed) + 1:
        raise _refusal(path, "is damaged: its members are not those of its manifest")
    if DATABASE not in listed:
        raise _refusal(path, f"is damaged: it has no {DATABASE}")
    for info in infos:
        kind = stat.S_IFMT(info.external_attr >> 16)
        if not _is_known(info.orig_filename) or kind not in (0, stat.S_IFREG):
            raise _refusal(path, f"was not made by shocpp: {info.orig_filename!r}")
    sizes = {info.filename: info.file_size for info in infos}
    for member in manifest.members:
        if sizes[member.name] != member.size:
            raise _refusal(path, f"is damaged: {member.name} differs from its manifest")


def _is_known(name: str) -> bool:
    """Return True if a member of this name has a known path, and cannot leave its folder."""
    if name in (DATABASE, MANIFEST) or name in _CONF_NAMES:
        return True
    parts = name.removeprefix(ACCOUNTING).split("/")
    is_safe = all(part and part[0] != "." and part.isprintable() for part in parts)
    # A backslash separates folders on other systems.
    return name.startswith(ACCOUNTING) and is_safe and "\\" not in name


def _is_same(archive: zipfile.ZipFile, member: Member, advance: Advance) -> bool:
    """Return True if a member has the size and the hash of the manifest."""
    digest = hashlib.sha256()
    for chunk in _chunks(archive, member, advance):
        digest.update(chunk)
    return digest.hexdigest() == member.sha256


def _chunks(archive: zipfile.ZipFile, member: Member, advance: Advance) -> Iterator[bytes]:
    """Yield the content of a member, and no more than its size."""
    left = member.size
    with archive.open(member.name) as content:
        while chunk := content.read(_CHUNK):
            left -= len(chunk)
            if left < 0:
                raise zipfile.BadZipFile(f"{member.name} is larger than its manifest says")
            advance(len(chunk))
            yield chunk
