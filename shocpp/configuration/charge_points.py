"""conf/charge_points.json: the chargers that may connect, and their properties.

    {"garage": {"password_hash": "pbkdf2-sha256$…", "name": "Stellplatz 4"},
     "yard":   {"auth": "none", "reply_delay_ms": 1000, "tz": "Europe/Berlin"},
     "*":      {"auth": "none"}}

Each key is the name of a charger, in any case. `*` stands for every charger without an entry of its
own, and for chargers that send no name. Without the file, every charger may connect. With the file,
a charger is refused if it has no entry or does not present its password.

    password_hash    a hash that `shocpp charge-points add` writes; while a password is changed, a
                     list of hashes, the newest last
    auth             "none": the charger may connect without a password; if it also has a
                     password_hash, only until it presents the password for the first time
    username         the user name that the charger presents, if it is not its own name
    origin           the Origin header of its library, if it is taken for a web page
    tz               the time zone of its timestamps without an offset (default UTC)
    reply_delay_ms   the delay of the answer to its StartTransaction (default 0)
    default_tag      the id tag of transactions that it starts without one
    cap_kwh          a transaction with more energy waits for a review (default 200)
    name, meter_serial, note    descriptions for the statements, and of its connectors by number:
    connectors       {"1": "left", "2": "right"}
    model            its model, a name in docs/chargers.md, for the page with its guide
    phases, rotation, min_a, max_a, priority, follows_limits, profile, phase_switch
                     what its limits of current depend on: `power/keys.py` and docs/power.md

When a charger has presented a password, the hashes before it in the list are no longer accepted.
`tz` and `reply_delay_ms` take effect with the charger's next connection. `default_tag` and
`cap_kwh` take effect with its next frame.

The file is an access control. So if it vanishes or has an error, the last good list stays in force
(`allowlist_file.py`). To admit all chargers again, write the entry `*`.
"""

import shlex
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from shocpp.configuration.entries import line_of_text, members, parse_json, quoted
from shocpp.configuration.files import conf_text
from shocpp.configuration.power.keys import POWER_KEYS, Power, power_of
from shocpp.errors import ConfigError, UsageError
from shocpp.ledger.register import CAP_WH
from shocpp.ocpp.identity import ANY, identity_key, is_identity
from shocpp.ocpp.passwords import is_password_hash

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from shocpp.store.new_passwords import NewPassword

EXAMPLE = "conf/charge_points.json.example"
OTHERS, COMMENT = ANY, "comment"
LONGEST_DELAY_MS = 10_000
MOST_KWH = 10_000

MOST_HASHES = 8
"""The highest number of hashes of one charger."""

_TEXTS = ("username", "origin", "default_tag", "name", "meter_serial", "note", "model")
_KEYS = (
    *("password_hash", "auth", "tz", "reply_delay_ms", "cap_kwh", "connectors", COMMENT),
    *(*_TEXTS, *POWER_KEYS),
)


class Meter(NamedTuple):
    """The descriptions of a charger and its meter for the statements; None if not configured."""

    name: str | None = None
    meter_serial: str | None = None
    note: str | None = None
    connectors: Mapping[int, str] = {}


class Entry(NamedTuple):
    """The properties of a Charge Point, known before its first frame.

    asks_none         True if it needs no password until it has presented one
    hashes            the hashes of its passwords, the newest last
    zone              the time zone of its timestamps without an offset; None is UTC
    reply_delay_ms    the delay of the answer to its StartTransaction
    default_tag       the id tag of transactions that it starts without one
    cap_wh            the energy above which a record waits for a review
    model             its model, a name in the guide of chargers
    power             the properties that its limits of current depend on
    """

    charge_point_id: str
    needs_no_password: bool = False
    hashes: tuple[str, ...] = ()
    username: str | None = None
    origin: str | None = None
    zone: "ZoneInfo | None" = None
    reply_delay_ms: int = 0
    default_tag: str | None = None
    cap_wh: int = CAP_WH
    model: str | None = None
    meter: Meter = Meter()
    power: Power = Power()


def newest_hash(entry: Entry | None) -> str:
    """Return the newest hash of an entry; `none` if it has none, `unlisted` without an entry."""
    if entry is None:
        return "unlisted"
    return entry.hashes[-1] if entry.hashes else "none"


class Allowlist(NamedTuple):
    """The entries of the file by `identity_key`, and the entry `*` for all other chargers.

    `others` is None if no other charger may connect.
    """

    entries: Mapping[str, Entry]
    others: Entry | None

    def entry(self, charge_point_id: str | None) -> Entry | None:
        """Return the entry of a charger, or None if it may not connect."""
        return self.entry_of(identity_key(charge_point_id or ""))

    def entry_of(self, key: str) -> Entry | None:
        """Return the entry of the charger with this `identity_key`, or None."""
        return self.entries.get(key, self.others)

    def has_passwords(self) -> bool:
        """Return True if any charger has a password."""
        every = (*self.entries.values(), *([self.others] if self.others else ()))
        return any(entry.hashes for entry in every)

    def is_listed(self, charge_point_id: str) -> bool:
        """Return True if a charger has an entry of its own; then no other one can use its name."""
        return identity_key(charge_point_id) in self.entries

    def with_new_passwords(self, waiting: "Iterable[NewPassword]") -> "Allowlist":
        """Return the list with the passwords that wait in the database, the oldest first.

        A password is in force only as long as its charger has the one here that it replaces:
        whoever writes another one later means that one.
        """
        entries = dict(self.entries)
        for new in waiting:
            key = identity_key(new.charge_point_id)
            former = entries.get(key, self.others)
            if newest_hash(former) == new.replaces:
                # Its own entry is now what the one for all others was, but for the description.
                entry = entries.get(key) or (former or Entry(OTHERS))._replace(meter=Meter())
                entries[key] = entry._replace(
                    charge_point_id=new.charge_point_id, hashes=(*entry.hashes, new.stored_hash)
                )
        return Allowlist(entries, self.others)

    def meter(self, charge_point_id: str) -> Meter:
        """Return the descriptions of a charger and its meter."""
        entry = self.entries.get(identity_key(charge_point_id))
        return entry.meter if entry else Meter()


OPEN_TO_ALL = Entry(OTHERS, needs_no_password=True)
"""The entry of every charger if there is no file: no password, and all defaults."""

NO_ALLOWLIST = Allowlist({}, OPEN_TO_ALL)
"""The list if there is no file: every charger may connect."""

CLOSED = Allowlist({}, None)
"""The list if the file cannot be used and no last good one exists: no charger may connect."""


def load_allowlist(path: Path) -> Allowlist:
    """Return the list of the file.

    Raises FileNotFoundError, or ConfigError with the location and the remedy.
    """
    return parse_allowlist(conf_text(path), str(path))


def load_allowlist_or_none(path: Path) -> Allowlist:
    """Return the list of the file; without a file, the one that admits every charger."""
    try:
        return load_allowlist(path)
    except FileNotFoundError:
        return NO_ALLOWLIST


def allowlist_or_stored(path: Path, stored_text: str | None) -> Allowlist:
    """Return the list of the file; without a file, that of the last good text, if there was one."""
    try:
        return load_allowlist(path)
    except FileNotFoundError:
        return NO_ALLOWLIST if stored_text is None else parse_allowlist(stored_text, str(path))


def parse_allowlist(text: str, source: str) -> Allowlist:
    """Return the list of a charge_points.json; `source` names the file in ConfigError."""
    try:
        listed = members(parse_json(text, source, EXAMPLE), "the file")
        entries: dict[str, Entry] = {}
        for charge_point_id, value in listed.items():
            if charge_point_id != COMMENT:
                location, key = quoted(charge_point_id), identity_key(charge_point_id)
                # Names differ in more than case (`identity_key`), or one entry would be ignored.
                if key in entries:
                    raise UsageError(f"{location} is there twice: names have no case; join the two")
                entries[key] = _entry(charge_point_id, value, location)
    except UsageError as error:
        raise ConfigError(f"{source}: {error}; see {EXAMPLE}") from None
    return Allowlist(entries, entries.pop(OTHERS, None))


def can_have_entry(charge_point_id: str) -> bool:
    """Return True if an entry can have this name."""
    is_name = is_identity(charge_point_id) and charge_point_id == charge_point_id.strip()
    return (is_name and charge_point_id != COMMENT) or charge_point_id == OTHERS


def _entry(charge_point_id: str, value: object, location: str) -> Entry:
    if not can_have_entry(charge_point_id):
        raise UsageError(f"{location} cannot name a charger: no slash, no control characters")
    keys = members(value, location, _KEYS)
    texts = {key: _text(keys[key], f"{location}: {key}") for key in _TEXTS if key in keys}
    hashes = _hashes(keys.get("password_hash", []), f"{location}: password_hash")
    needs_no_password = "auth" in keys
    if needs_no_password and keys["auth"] != "none":
        raise UsageError(f'{location}: auth can only be "none", not {quoted(keys["auth"])}')
    # An entry without both would admit a charger without a password, because of a forgotten key.
    if not (hashes or needs_no_password):
        add = f"shocpp charge-points add {shlex.quote(charge_point_id)}"
        raise UsageError(
            f'{location} has no password; write "auth": "none" into its entry, and if it can '
            f"present one, then run: {add} --replace"
        )
    return Entry(
        charge_point_id,
        needs_no_password,
        hashes,
        texts.get("username"),
        texts.get("origin"),
        _zone(keys["tz"], f"{location}: tz") if "tz" in keys else None,
        _whole(keys.get("reply_delay_ms", 0), LONGEST_DELAY_MS, f"{location}: reply_delay_ms"),
        texts.get("default_tag"),
        1000 * _whole(keys.get("cap_kwh", CAP_WH // 1000), MOST_KWH, f"{location}: cap_kwh"),
        texts.get("model"),
        Meter(
            texts.get("name"),
            texts.get("meter_serial"),
            texts.get("note"),
            _connectors(keys.get("connectors", {}), f"{location}: connectors"),
        ),
        power_of(keys, location),
    )


def _text(value: object, location: str) -> str:
    """Return a text of one line that is not blank."""
    text = line_of_text(value, location)
    if not text.strip():
        raise UsageError(f"{location} is empty; write something, or leave it out")
    return text


def _hashes(value: object, location: str) -> tuple[str, ...]:
    """Return one hash or a list of hashes as a tuple."""
    hashes = [value] if isinstance(value, str) else value
    if not isinstance(hashes, list) or len(hashes) > MOST_HASHES:
        raise UsageError(f"{location} must be a hash, or a list of at most {MOST_HASHES}")
    # The value may be the password itself, so the sentence does not repeat it.
    if not all(isinstance(text, str) and is_password_hash(text) for text in hashes):
        raise UsageError(
            f'{location} is no hash; write "auth": "none" in its place, and then run: '
            "shocpp charge-points add NAME --replace"
        )
    return tuple(hashes)


def _zone(value: object, location: str) -> "ZoneInfo":
    """Return a time zone by its name in the tz database."""
    # Imported here: zoneinfo costs a CGI process 7 ms.
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

    try:
        return ZoneInfo(_text(value, location))
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise UsageError(
            f"{location} must name a time zone such as Europe/Berlin, not {quoted(value)}"
        ) from None


def _whole(value: object, most: int, location: str) -> int:
    """Return a whole number 0..most."""
    # type(), not isinstance(): JSON's true is an int in Python.
    if type(value) is not int or not 0 <= value <= most:
        raise UsageError(f"{location} must be a whole number 0..{most}, not {quoted(value)}")
    return value


def _connectors(value: object, location: str) -> dict[int, str]:
    names: dict[str, Any] = members(value, location)
    for number in names:
        if not (number.isascii() and number.isdigit() and len(number) <= 3):
            raise UsageError(f'{location} are named by number, such as {{"1": "left"}}')
        if number != str(int(number)):
            raise UsageError(f"{location}, {number} is {int(number)}; leave the zeros out")
    return {int(number): _text(name, f"{location}, {number}") for number, name in names.items()}
