"""The needs of an installation: a sentence for each thing that a human must do next."""

from collections.abc import Iterator

from shocpp.calls.page.files import present_files
from shocpp.energy.model import IGNORES, METER_ABSENT, REFUSES
from shocpp.language.page import SENTENCES
from shocpp.language.site import meter_text
from shocpp.settings import Settings
from shocpp.store import gauges, properties
from shocpp.store.charge_points import admissions
from shocpp.store.database import Database
from shocpp.store.files.space import reserve_bytes, space_of
from shocpp.store.site import set_points

REFUSED_MS = 86_400_000
"""Milliseconds for which a refused charger needs a human."""


def needs(db: Database, settings: Settings, now_ms: int) -> list[str]:
    """Return what needs a human, the most urgent first."""
    return [
        *_of_disk(settings),
        *_of_files(db, settings),
        *_of_limits(db, settings),
        *_of_books(db, settings),
        *_of_chargers(db, settings, now_ms),
    ]


def _of_disk(settings: Settings) -> Iterator[str]:
    """Yield a sentence if the disk is so full that only transactions are written."""
    try:
        space = space_of(settings.database)
    except OSError:
        return
    if space.free < reserve_bytes(settings.reserve_mb, space.total):
        yield SENTENCES[settings.language]["disk"].format(free_mb=space.free // 1_000_000)


def _of_files(db: Database, settings: Settings) -> Iterator[str]:
    """Yield a sentence for each folder and file that a human must mend."""
    words = SENTENCES[settings.language]
    folder = properties.unwritable_folder(db)
    if folder is not None:
        yield words["unwritable"].format(reason=folder.reason)
    for path in present_files(db, settings).broken:
        is_tariffs = path == settings.tariffs_file
        yield words["broken_tariffs" if is_tariffs else "broken_file"].format(file=path.name)


def _of_limits(db: Database, settings: Settings) -> Iterator[str]:
    """Yield a sentence about the meter of the site, and one if chargers do not keep limits."""
    words, state = SENTENCES[settings.language], set_points.present_state(db)
    if state is not None and state.is_fallback:
        yield words["limits_fallback"].format(meter=meter_text(state.meter, settings.language))
    elif state is not None and state.meter == METER_ABSENT:
        yield words["limits_meter"].format(meter=meter_text(state.meter, settings.language))
    loose = {
        point.charge_point_id: None
        for point in set_points.present(db)
        if point.standing in (REFUSES, IGNORES)
    }
    if loose:
        meters = present_files(db, settings).allowlist
        names = ", ".join(meters.meter(name).name or name for name in loose)
        yield words["limits_not_kept"].format(charge_points=names)


def _of_books(db: Database, settings: Settings) -> Iterator[str]:
    """Yield a sentence if cases wait for a decision."""
    count = sum(number for _, number in gauges.cases_under_review(db))
    if count:
        words = SENTENCES[settings.language]
        yield words["review_one"] if count == 1 else words["review"].format(count=count)


def _of_chargers(db: Database, settings: Settings, now_ms: int) -> Iterator[str]:
    """Yield a sentence if chargers were refused lately, and have not been let in since."""
    words = SENTENCES[settings.language]
    names = admissions.refused_since(db, now_ms - REFUSED_MS)
    if names:
        name = names[0] or words["nameless"]
        text = words["refused" if len(names) == 1 else "refused_several"]
        yield text.format(charge_point=name, count=len(names) - 1)
