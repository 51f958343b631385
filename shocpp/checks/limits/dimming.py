"""The signal of the grid operator."""

from collections.abc import Iterator

from shocpp.checks.findings import NOTE, WRONG, Finding
from shocpp.clock import now_ms
from shocpp.configuration.site.conf import SiteConf
from shocpp.configuration.site.dim_source import MQTT, POLLED
from shocpp.language.dates import day_and_time, local_datetime
from shocpp.language.findings.sentences import Quoted, Sentence, bilingual
from shocpp.settings import Settings
from shocpp.site.inputs.dim_signal import dim_present
from shocpp.site.present import dim_trouble
from shocpp.store.database import Database
from shocpp.store.site import set_points

OF_LOSS = {
    (True, True): "dim_means_dimmed",
    (True, False): "dim_means_free",
    (False, True): "dim_holds_dimmed",
    (False, False): "dim_holds_free",
}
"""The sentences of what counts: by site.json or as the last state, and dimmed or not."""


def check_dimming(settings: Settings, conf: SiteConf, db: Database) -> Iterator[Finding]:
    """Find out if the grid operator's signal is lost, or has never come."""
    dim, present = conf.dim, dim_present(db, conf, now_ms())
    if dim is None or present is None:
        return
    remedy = Sentence("dim_mend_posted", {"file": settings.site_file})
    if dim.source == MQTT:
        remedy = Sentence("dim_mend_mqtt", {"topic": dim.topic})
    if dim.source == POLLED:
        # The query of an address may have a key of the device.
        error = dim_trouble(set_points.present_state(db)) or dim.url.partition("?")[0]
        polled = {"file": settings.site_file, "error": Quoted(error)}
        remedy = Sentence("dim_mend_polled", polled)
    if present.lost_ms is None:
        if present.received_ms is None:
            yield Finding(NOTE, "dim_never", {"mend": remedy})
        return
    lost = local_datetime(present.lost_ms, settings.zone)
    values = {
        "since": bilingual(lambda language: day_and_time(lost, language)),
        "state": Sentence(OF_LOSS[present.is_as_on_loss, present.is_dimmed]),
        "mend": remedy,
    }
    yield Finding(WRONG, "dim_lost", values)
