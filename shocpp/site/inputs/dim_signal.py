"""The signal of the grid operator: its newest state, its loss, and the log of dimmings.

All inputs come here. The newest state stays in force until the next one, also over a restart. While
the input is lost, `on_loss` of site.json may say otherwise.
"""

import logging
from typing import NamedTuple

from shocpp.configuration.site.conf import SiteConf
from shocpp.configuration.site.dim_source import DIMMED, FREE, DimInput
from shocpp.settings import Settings
from shocpp.site.leader import ring_leader
from shocpp.site.rules import site_conf
from shocpp.store.database import Database
from shocpp.store.keys import NO_KEYS
from shocpp.store.site import dimmings
from shocpp.store.site.dimmings import DimSignal

log = logging.getLogger(__name__)

LOSS_MS = 30_000
"""The duration of a loss from which `on_loss` counts: brokers and devices restart, too."""

REFRESH_MS = 10_000
"""The age at which an equal signal is stored again."""

LOSS = "loss"
"""The source of a dimming that `on_loss` has begun."""


class DimPresent(NamedTuple):
    """The dimming as it is now.

    limit_w      what all chargers may draw while they are dimmed
    source       the kind of the input
    since_ms     when the present dimming began, None without one
    received_ms  when the newest signal came, None if none has come yet
    lost_ms      since when the input is lost, None while it is there
    on_loss      what counts while it is lost; empty: the last state
    is_by_loss   True if `on_loss` dims, and not a signal
    """

    is_dimmed: bool
    limit_w: int
    source: str
    since_ms: int | None
    received_ms: int | None
    lost_ms: int | None
    on_loss: str
    is_by_loss: bool

    @property
    def is_as_on_loss(self) -> bool:
        """Return True if the state is that of `on_loss`; for LOSS_MS the last one holds."""
        return self.on_loss == (DIMMED if self.is_dimmed else FREE)


def note_dimmed(
    db: Database, settings: Settings, *, is_dimmed: bool, source: str, now_ms: int
) -> None:
    """Store a signal, with its row in the log, and wake the leader.

    Raises StoreUnavailable if the database cannot be written.
    """
    stored, signal = dimmings.newest_signal(db), DimSignal(is_dimmed, source, now_ms, None)
    if stored is not None and _is_repeated(stored, signal):
        return
    is_lost = stored is not None and stored.lost_ms is not None
    is_new = stored is None or is_lost or stored.is_dimmed != is_dimmed
    # A sync each ten seconds would wear out an SD card, and a lost age costs nothing.
    _store(db, site_conf(db, settings), signal, now_ms, durable=is_new)
    if is_lost:
        log.info("the input of the grid operator's signal is there again")
    if is_new:
        ring_leader(settings.database)


def note_lost(
    db: Database, settings: Settings, *, source: str, lost_ms: int | None, now_ms: int
) -> None:
    """Store since when the input is lost; None means that it is there, though without a signal.

    Raises StoreUnavailable if the database cannot be written.
    """
    # An input that is lost before its first signal has not dimmed anybody.
    stored = dimmings.newest_signal(db) or DimSignal(False, source, None, None)
    # It was lost before: the first moment counts.
    if (stored.lost_ms is None) == (lost_ms is None):
        return
    conf = site_conf(db, settings)
    _store(db, conf, stored._replace(source=source, lost_ms=lost_ms), now_ms)
    if lost_ms is None:
        log.info("the input of the grid operator's signal is there again")
    else:
        log.warning("the input of the grid operator's signal is lost: %s", _meaning(conf, stored))
    ring_leader(settings.database)


def settle_signal(db: Database, conf: SiteConf | None, now_ms: int) -> None:
    """Bring the signal and the log in step with site.json and with the time; for the leader.

    A signal that is too old becomes a loss, and a loss counts from LOSS_MS on.
    """
    signal, dim = dimmings.newest_signal(db), None if conf is None else conf.dim
    if dim is None:
        if signal is not None or dimmings.present(db) is not None:
            # If an input is configured again next year, the old signal must not dim.
            with db.writing(keys=NO_KEYS):
                dimmings.forget_signal(db)
                _log_dimming(db, conf, now_ms)
        return
    stale_ms = None if signal is None or signal.lost_ms is not None else _stale_ms(dim, signal)
    if signal is not None and stale_ms is not None and now_ms >= stale_ms:
        signal = signal._replace(lost_ms=stale_ms)
        _store(db, conf, signal, now_ms)
        log.warning(
            "the grid operator's signal was not repeated for %s s: %s",
            dim.stale_s,
            _meaning(conf, signal),
        )
        return
    if _is_log_behind(db, conf, now_ms):
        with db.writing(keys=NO_KEYS):
            _log_dimming(db, conf, now_ms)


def is_dimmed_now(db: Database, conf: SiteConf | None, now_ms: int) -> bool:
    """Return True while the grid operator dims the chargers."""
    signal = dimmings.newest_signal(db)
    if conf is None or conf.dim is None or signal is None:
        return False
    return _is_dimmed(conf.dim, signal, now_ms)


def dim_present(db: Database, conf: SiteConf | None, now_ms: int) -> DimPresent | None:
    """Return the dimming as it is now, or None if site.json has no input for it."""
    if conf is None or conf.dim is None or conf.rules.dimmed_w is None:
        return None
    dim, signal, open_dimming = conf.dim, dimmings.newest_signal(db), dimmings.present(db)
    is_dimmed = signal is not None and _is_dimmed(dim, signal, now_ms)
    return DimPresent(
        is_dimmed,
        conf.rules.dimmed_w,
        dim.source,
        open_dimming.began_ms if is_dimmed and open_dimming is not None else None,
        signal and signal.received_ms,
        signal and signal.lost_ms,
        dim.on_loss,
        is_dimmed and signal is not None and not signal.is_dimmed,
    )


def _stale_ms(dim: DimInput, signal: DimSignal) -> int | None:
    """Return when a signal is lost unless it is repeated, None for never."""
    # Nobody has sent one that could be repeated: `shocpp check` says so.
    if dim.stale_s is None or signal.received_ms is None:
        return None
    return signal.received_ms + 1000 * dim.stale_s


def _is_repeated(stored: DimSignal, signal: DimSignal) -> bool:
    """Return True if a signal says what the stored one has said lately."""
    if stored._replace(received_ms=signal.received_ms) != signal or stored.received_ms is None:
        return False
    return 0 <= (signal.received_ms or 0) - stored.received_ms < REFRESH_MS


def _is_dimmed(dim: DimInput, signal: DimSignal, now_ms: int) -> bool:
    # After a step of the clock backward, a loss of the future counts.
    is_long = signal.lost_ms is not None and not 0 <= now_ms - signal.lost_ms < LOSS_MS
    if is_long and dim.on_loss:
        return dim.on_loss == DIMMED
    return signal.is_dimmed


def _store(
    db: Database, conf: SiteConf | None, signal: DimSignal, now_ms: int, *, durable: bool = True
) -> None:
    """Store a signal, and what it changes in the log."""
    with db.writing(keys=NO_KEYS, durable=durable):
        dimmings.store_signal(db, signal)
        # The leader keeps the limits of a file that is gone for a while, and the log with them.
        if conf is not None and conf.dim is not None:
            _log_dimming(db, conf, now_ms)


def _log_dimming(db: Database, conf: SiteConf | None, now_ms: int) -> None:
    """Begin and end dimmings in the log, as they are in force now."""
    if not _is_log_behind(db, conf, now_ms):
        return
    if dimmings.present(db) is not None:
        dimmings.end(db, now_ms)
        log.warning("the dimming by the grid operator has ended")
    wanted = _in_force(db, conf, now_ms)
    if wanted is not None:
        limit_w, source = wanted
        dimmings.begin(db, now_ms, limit_w, source)
        log.warning("the grid operator dims the chargers to %s W (%s)", limit_w, source)


def _is_log_behind(db: Database, conf: SiteConf | None, now_ms: int) -> bool:
    """Return True if the dimming that goes on by the log is not the one in force."""
    logged, wanted = dimmings.present(db), _in_force(db, conf, now_ms)
    # A dimming that goes on over a loss of its input is the same one.
    return (logged and logged.limit_w) != (wanted and wanted[0])


def _in_force(db: Database, conf: SiteConf | None, now_ms: int) -> tuple[int, str] | None:
    """Return the watts and the source of the dimming in force, or None."""
    signal = dimmings.newest_signal(db)
    if conf is None or conf.rules.dimmed_w is None or not is_dimmed_now(db, conf, now_ms):
        return None
    # The proof must not name the grid operator for what our own setting has decided.
    is_signal = signal is not None and signal.is_dimmed
    return conf.rules.dimmed_w, signal.source if signal is not None and is_signal else LOSS


def _meaning(conf: SiteConf | None, signal: DimSignal) -> str:
    """Return what counts while the input is lost."""
    on_loss = conf.dim.on_loss if conf is not None and conf.dim is not None else ""
    if on_loss:
        return f"after {LOSS_MS // 1000} s the chargers count as {on_loss}"
    return f"the last state holds ({'dimmed' if signal.is_dimmed else 'not dimmed'})"
