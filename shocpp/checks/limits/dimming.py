"""The signal of the grid operator."""

from collections.abc import Iterator

from shocpp.checks.findings import NOTE, WRONG, Finding
from shocpp.clock import now_ms
from shocpp.configuration.site.conf import SiteConf
from shocpp.configuration.site.dim_source import POLLED
from shocpp.language.dates import day_and_time, local_datetime
from shocpp.language.findings.sentences import Quoted, Sentence, Values, bilingual
from shocpp.settings import Settings
from shocpp.site.inputs.dim_signal import dim_present
from shocpp.site.present import dim_trouble
from shocpp.store.database import Database
from shocpp.store.site import set_points


def check_dimming(settings: Settings, conf: SiteConf, db: Database) -> Iterator[Finding]:
    """Find out if the grid operator's signal is lost, or has never come."""
    dim, present = conf.dim, dim_present(db, conf, now_ms())
    if dim is None or present is None:
        return
    mend: Values = {"file": settings.site_file, "topic": dim.topic}
    if dim.source == POLLED:
        # The query of an address may have a key of the device.
        error = dim_trouble(set_points.present_state(db)) or dim.url.partition("?")[0]
        mend = {**mend, "error": Quoted(error)}
    remedy = Sentence(f"dim_mend_{dim.source}", mend)
    if present.lost_ms is None:
        if present.received_ms is None:
            yield Finding(NOTE, "dim_never", {"mend": remedy})
        return
    lost = local_datetime(present.lost_ms, settings.zone)
    held = "means" if dim.on_loss else "holds"
    values = {
        "since": bilingual(lambda language: day_and_time(lost, language)),
        "state": Sentence(f"dim_{held}_{'dimmed' if present.is_dimmed else 'free'}"),
        "mend": remedy,
    }
    yield Finding(WRONG, "dim_lost", values)
