"""The meter in conf/site.json: where the load of each phase comes from."""

from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import urlsplit

from shocpp.configuration.entries import Located, MemberError, quoted
from shocpp.configuration.json_paths import WHOLE, JsonPath, parse_path
from shocpp.configuration.mqtt import topic_of
from shocpp.energy.model import ALL_PHASES
from shocpp.errors import UsageError

LONGEST_EVERY_S, DEFAULT_EVERY_S = 600, 5
HIGHEST_FACTOR = 1_000_000

_METER_KEYS = (
    *("posted", "url", "mqtt", "every_s", "path", "paths", "unit", "factor", "signs", "split"),
    "comment",
)
_NOT_POSTED = ("url", "mqtt", "every_s", "path", "paths", "unit", "factor", "signs")


class SiteMeter(NamedTuple):
    """The source of the currents of the site.

    is_posted     True if programs post them to /api/site; then only `split` counts besides
    url           the address of the JSON document that is polled, or empty
    topic         the topic of MQTT with a JSON document or a number, or empty
    paths         one path to a sum, or three to the values of L1, L2 and L3
    factor, unit  the factor of the values, and their unit, W or A
    sign_paths    the paths of powers whose signs the currents have, as many as `paths`, or none
    split         the shares of L1, L2 and L3 of a sum; None: the whole sum counts on each phase
    """

    is_posted: bool = False
    url: str = ""
    paths: tuple[JsonPath, ...] = ()
    factor: float = 1.0
    unit: str = "W"
    sign_paths: tuple[JsonPath, ...] = ()
    every_s: int = DEFAULT_EVERY_S
    split: tuple[float, float, float] | None = None
    topic: str = ""


def meter_of(content: Located) -> SiteMeter:
    """Return the source of the currents of the site."""
    keys = content.members(_METER_KEYS)
    split = _split(keys["split"]) if "split" in keys else None
    if "posted" in keys:
        for key in _NOT_POSTED:
            if key in keys:
                raise keys[key].error("has no meaning beside posted; remove one of them")
        if keys["posted"].value is not True:
            raise keys["posted"].error("can only be true; remove it for a meter with a url")
        return SiteMeter(is_posted=True, split=split)
    paths = _paths_of(content, keys)
    if split and len(paths) != 1:
        raise keys["split"].error("is for one path, the sum of the phases; remove it")
    unit = keys["unit"].value if "unit" in keys else "W"
    if unit not in ("W", "A"):
        raise keys["unit"].error(f"must be W or A, not {quoted(unit)}")
    return SiteMeter(
        url=url_of(keys["url"]) if "url" in keys else "",
        paths=paths,
        factor=_factor(keys["factor"]) if "factor" in keys else 1.0,
        unit=unit,
        sign_paths=_sign_paths(keys["signs"], paths, unit) if "signs" in keys else (),
        every_s=every_s_of(keys["every_s"]) if "every_s" in keys else DEFAULT_EVERY_S,
        split=split,
        topic=topic_of(keys["mqtt"]) if "mqtt" in keys else "",
    )


def _paths_of(content: Located, keys: Mapping[str, Located]) -> tuple[JsonPath, ...]:
    """Return the paths of a meter that is polled, or that sends messages by MQTT."""
    if ("url" in keys) == ("mqtt" in keys):
        raise content.error('needs one of url, mqtt and "posted": true')
    if "every_s" in keys and "mqtt" in keys:
        raise keys["every_s"].error("has no meaning beside mqtt, whose devices send by themselves")
    if "path" in keys and "paths" in keys:
        raise keys["path"].error("has no meaning beside paths; remove one of them")
    if "path" in keys:
        return (path_of(keys["path"]),)
    if "paths" in keys:
        return _paths(keys["paths"])
    if "url" in keys:
        raise content.error("needs path or paths: where the values are in the document")
    # The message is a number.
    return (WHOLE,)


def _paths(content: Located) -> tuple[JsonPath, ...]:
    """Return one path, or three."""
    entries = content.entries()
    if len(entries) not in (1, len(ALL_PHASES)):
        raise content.error("must be one path (the sum) or three (L1, L2, L3)")
    return tuple(path_of(entry) for entry in entries)


def path_of(entry: Located) -> JsonPath:
    """Return a path to a value."""
    try:
        return parse_path(entry.text())
    except MemberError:
        raise
    except UsageError as error:
        raise entry.error(f"cannot be read: {error}") from None


def _sign_paths(content: Located, paths: tuple[JsonPath, ...], unit: str) -> tuple[JsonPath, ...]:
    """Return the paths of the powers whose signs the currents have."""
    if unit != "A":
        raise content.error('is for currents, and needs "unit": "A"; powers have a sign')
    signs = _paths(content)
    if len(signs) != len(paths):
        raise content.error(f"must be as many as paths: {len(paths)}")
    return signs


def url_of(member: Located) -> str:
    """Return the address of a document of a device."""
    url = member.text()
    try:
        parts = urlsplit(url)
        is_address = parts.scheme in ("http", "https") and bool(parts.hostname)
        # `port` is read at its first use, and raises ValueError.
        is_usable = is_address and parts.port != 0 and url.isascii() and " " not in url
    except ValueError:
        is_usable = False
    if not is_usable:
        raise member.error(
            f"must be an address such as http://192.168.1.30/status, not {quoted(url)}"
        )
    # The sentence does not repeat the address: it has a password.
    if parts.username is not None or parts.password is not None:
        raise member.error("has a user's name, which is not sent; read it without, or post it")
    return url


def _factor(member: Located) -> float:
    factor = member.number(-HIGHEST_FACTOR, HIGHEST_FACTOR)
    if factor == 0:
        raise member.error("is 0, so that the meter would always read 0; write 1 or -1")
    return float(factor)


def every_s_of(member: Located) -> int:
    """Return the seconds between two polls."""
    if type(member.value) is not int or not 1 <= member.value <= LONGEST_EVERY_S:
        raise member.error(
            f"must be a whole number 1..{LONGEST_EVERY_S}, not {quoted(member.value)}"
        )
    return member.value


def _split(content: Located) -> tuple[float, float, float]:
    """Return the shares of the phases, which are 1 together."""
    shares = [entry.number(0, 1) for entry in content.entries()]
    if len(shares) != len(ALL_PHASES) or abs(sum(shares) - 1) > 0.001:
        raise content.error("must be three shares that are 1 together, such as [0.5, 0.3, 0.2]")
    l1, l2, l3 = shares
    return float(l1), float(l2), float(l3)
