"""conf/charge_points.json: the chargers that are let in, and what is known of each (a room).

    {"garage": {"password_hash": "pbkdf2-sha256$…", "name": "Stellplatz 4"},
     "yard":   {"auth": "none", "reply_delay_ms": 1000, "tz": "Europe/Berlin"},
     "*":      {"auth": "none"}}

Each key is a charger's name; `*` stands for every charger that has no entry of its own, those that
tell no name among them. Without the file every charger is let in. With it, one that has no entry is
refused, and so is one that does not show its password; `"auth": "none"` asks for none.

    password_hash    what `shocpp charge-points add` writes; a list while a password is being
                     changed, the newest last: those before one that was shown count no more,
                     and where `auth` is none, none is asked until one was shown
    username         the user name that it shows, where that is not its own name
    origin           the Origin that its library writes, where it is taken for a web page
    tz               the time zone of its timestamps that name none (default UTC)
    reply_delay_ms   how long the answer to its StartTransaction is kept back (default 0)
    default_tag      the card that is meant where it names none
    cap_kwh          a transaction with more waits for a human (default 200)
    name, meter_serial, note    for the papers, and its connectors by number:
    connectors       {"1": "left", "2": "right"}

`tz` and `reply_delay_ms` hold from a charger's next connection on, `default_tag` and `cap_kwh` from
its next frame on.

It keeps strangers out: so a file that was there and is gone, or that cannot be read, opens nothing.
The last good one stays in force, also in a process that has just been started, because the database
keeps its text; where there was none, nobody comes in. What opens the house again is the entry `*`.
"""

import logging
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from shocpp.configuration.entries import decoded, line_of_text, members, shown
from shocpp.configuration.files import Stamp, conf_text, stamp_of
from shocpp.errors import ConfigError, UsageError
from shocpp.ledger.register import CAP_WH
from shocpp.ocpp.identity import ANY, identity_key, is_identity
from shocpp.ocpp.passwords import is_password_hash

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

log = logging.getLogger(__name__)

EXAMPLE = "conf/charge_points.json.example"
OTHERS, COMMENT = ANY, "comment"
LONGEST_DELAY_MS = 10_000
MOST_KWH = 10_000
MOST_HASHES = 8

_TEXTS = ("username", "origin", "default_tag", "name", "meter_serial", "note")
_KEYS = (
    *("password_hash", "auth", "tz", "reply_delay_ms", "cap_kwh", "connectors", "comment"),
    *_TEXTS,
)


class Meter(NamedTuple):
    """What somebody has written down of a charger and its meter; None: nothing."""

    name: str | None = None
    meter_serial: str | None = None
    note: str | None = None
    connectors: Mapping[int, str] = {}


class Entry(NamedTuple):
    """What is known of a Charge Point before it says anything.

    `hashes` are of its passwords, the newest last; `asks_none`: it may come in without one, until
    it has shown one. `zone` None is UTC.
    """

    charge_point_id: str
    asks_none: bool = False
    hashes: tuple[str, ...] = ()
    username: str | None = None
    origin: str | None = None
    zone: "ZoneInfo | None" = None
    reply_delay_ms: int = 0
    default_tag: str | None = None
    cap_wh: int = CAP_WH
    meter: Meter = Meter()


class Allowlist(NamedTuple):
    """The chargers of the file, by the keys of their identities, and what holds for all others.

    `others` is None where nobody else is let in.
    """

    entries: Mapping[str, Entry]
    others: Entry | None

    def entry(self, charge_point_id: str | None) -> Entry | None:
        """The entry of a charger; None where it is not let in."""
        key = identity_key(charge_point_id or "")
        return self.entries.get(key, self.others)

    def has_passwords(self) -> bool:
        """Whether any charger has to show one."""
        every = (*self.entries.values(), *([self.others] if self.others else ()))
        return any(entry.hashes for entry in every)

    def is_listed(self, charge_point_id: str) -> bool:
        """Whether a charger has an entry of its own, so that nobody can claim to be it."""
        return identity_key(charge_point_id) in self.entries

    def meter(self, charge_point_id: str) -> Meter:
        """What is written down of this charger's meter."""
        entry = self.entries.get(identity_key(charge_point_id))
        return entry.meter if entry else Meter()


OPEN_TO_ALL = Entry(OTHERS, asks_none=True)
NO_ALLOWLIST = Allowlist({}, OPEN_TO_ALL)
"""No file: every charger is let in."""

CLOSED = Allowlist({}, None)


def load_allowlist(path: Path) -> Allowlist:
    """The file as it is now; raises FileNotFoundError, or ConfigError naming place and remedy."""
    return parse_allowlist(conf_text(path), str(path))


def load_allowlist_or_none(path: Path) -> Allowlist:
    """The file as it is now; without one, every charger is let in."""
    try:
        return load_allowlist(path)
    except FileNotFoundError:
        return NO_ALLOWLIST


def allowlist_or_stored(path: Path, kept: str | None) -> Allowlist:
    """The file as it is now; without one what is kept of it, if it has ever been there."""
    try:
        return load_allowlist(path)
    except FileNotFoundError:
        return NO_ALLOWLIST if kept is None else parse_allowlist(kept, str(path))


def parse_allowlist(text: str, source: str) -> Allowlist:
    """What a charge_points.json says; `source` names the file in the sentences of ConfigError."""
    try:
        listed = members(decoded(text, source, EXAMPLE), "the file")
        entries: dict[str, Entry] = {}
        for charge_point_id, value in listed.items():
            if charge_point_id != COMMENT:
                place, key = shown(charge_point_id), identity_key(charge_point_id)
                if key in entries:
                    raise UsageError(f"{place} is there twice: names have no case; join the two")
                entries[key] = _entry(charge_point_id, value, place)
    except UsageError as error:
        raise ConfigError(f"{source}: {error}; see {EXAMPLE}") from None
    return Allowlist(entries, entries.pop(OTHERS, None))


def can_be_listed(charge_point_id: str) -> bool:
    """Whether an entry can have this name."""
    is_name = is_identity(charge_point_id) and charge_point_id == charge_point_id.strip()
    return (is_name and charge_point_id != COMMENT) or charge_point_id == OTHERS


def _entry(charge_point_id: str, value: object, place: str) -> Entry:
    if not can_be_listed(charge_point_id):
        raise UsageError(f"{place} cannot name a charger: no slash, no control characters")
    keys = members(value, place, _KEYS)
    texts = {key: _text(keys[key], f"{place}: {key}") for key in _TEXTS if key in keys}
    hashes = _hashes(keys.get("password_hash", []), f"{place}: password_hash")
    asks_none = "auth" in keys
    if asks_none and keys["auth"] != "none":
        raise UsageError(f'{place}: auth can only be "none", not {shown(keys["auth"])}')
    if not (hashes or asks_none):
        add = f"shocpp charge-points add {shlex.quote(charge_point_id)}"
        raise UsageError(
            f'{place} has no password; write "auth": "none" into its entry, and if it can show '
            f"one, give it one then: {add} --replace"
        )
    return Entry(
        charge_point_id,
        asks_none,
        hashes,
        texts.get("username"),
        texts.get("origin"),
        _zone(keys["tz"], f"{place}: tz") if "tz" in keys else None,
        _whole(keys.get("reply_delay_ms", 0), LONGEST_DELAY_MS, f"{place}: reply_delay_ms"),
        texts.get("default_tag"),
        1000 * _whole(keys.get("cap_kwh", CAP_WH // 1000), MOST_KWH, f"{place}: cap_kwh"),
        Meter(
            texts.get("name"),
            texts.get("meter_serial"),
            texts.get("note"),
            _connectors(keys.get("connectors", {}), f"{place}: connectors"),
        ),
    )


def _text(value: object, place: str) -> str:
    text = line_of_text(value, place)
    if not text.strip():
        raise UsageError(f"{place} is empty; write something, or leave it out")
    return text


def _hashes(value: object, place: str) -> tuple[str, ...]:
    hashes = [value] if isinstance(value, str) else value
    if not isinstance(hashes, list) or len(hashes) > MOST_HASHES:
        raise UsageError(f"{place} must be a hash, or a list of at most {MOST_HASHES}")
    # What was typed may be the password itself: it is not repeated.
    if not all(isinstance(one, str) and is_password_hash(one) for one in hashes):
        raise UsageError(
            f'{place} is no hash; write "auth": "none" in its place, and then: '
            "shocpp charge-points add NAME --replace"
        )
    return tuple(hashes)


def _zone(value: object, place: str) -> "ZoneInfo":
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

    try:
        return ZoneInfo(_text(value, place))
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise UsageError(
            f"{place} must name a time zone such as Europe/Berlin, not {shown(value)}"
        ) from None


def _whole(value: object, most: int, place: str) -> int:
    if type(value) is not int or not 0 <= value <= most:
        raise UsageError(f"{place} must be a whole number 0..{most}, not {shown(value)}")
    return value


def _connectors(value: object, place: str) -> dict[int, str]:
    names: dict[str, Any] = members(value, place)
    for number in names:
        if not (number.isascii() and number.isdigit() and len(number) <= 3):
            raise UsageError(f'{place} are named by number, such as {{"1": "left"}}')
        if number != str(int(number)):
            raise UsageError(f"{place}, {number} is {int(number)}; leave the zeros out")
    return {int(number): _text(name, f"{place}, {number}") for number, name in names.items()}


class AllowlistFile:
    """The listing in force; `trouble` is why the file's present content is not. For any thread."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.text: str | None = None
        self.trouble: str | None = None
        self._kept: str | None = None
        self._allowlist: Allowlist | None = None
        self._stamp: Stamp | None = None
        self._read = False

    def fall_back_to(self, kept: str | None) -> None:
        """The last good text that any process has read, for while there is no other."""
        self._kept, self._read = kept, False

    @property
    def newest(self) -> Allowlist | None:
        """The listing as it was last looked at, if it was: nothing waits for a disk here."""
        return self._allowlist

    def allowlist(self) -> Allowlist:
        """The listing, after a look whether the file has changed (one stat)."""
        stamp = stamp_of(self.path)
        if not self._read or stamp != self._stamp or self._allowlist is None:
            self._load()
            self._read, self._stamp = True, stamp
        assert self._allowlist is not None
        return self._allowlist

    def _load(self) -> None:
        try:
            text = conf_text(self.path)
            allowlist = parse_allowlist(text, str(self.path))
        except FileNotFoundError:
            if self._allowlist in (None, NO_ALLOWLIST) and self._kept is None:
                self._allowlist, self.trouble = NO_ALLOWLIST, None
                return
            self._keep(f"{self.path} is not there any more")
        except ConfigError as error:
            self._keep(str(error))
        else:
            self._allowlist, self.text, self.trouble = allowlist, text, None
            log.info("%s: chargers %s", self.path, ", ".join(self._names(allowlist)) or "none")

    def _keep(self, trouble: str) -> None:
        if self._allowlist in (None, NO_ALLOWLIST):
            self._allowlist = self._stored_allowlist()
        names = ", ".join(self._names(self._allowlist))
        self.trouble = f"{trouble}; " + (
            f"the list read before stays in force: {names}" if names else "no charger is let in"
        )
        log.warning("%s", self.trouble)

    def _stored_allowlist(self) -> Allowlist:
        if self._kept is None:
            return CLOSED
        try:
            return parse_allowlist(self._kept, str(self.path))
        except ConfigError:  # an older version's
            return CLOSED

    @staticmethod
    def _names(allowlist: Allowlist) -> list[str]:
        others = [OTHERS] if allowlist.others else []
        return [entry.charge_point_id for entry in allowlist.entries.values()] + others
