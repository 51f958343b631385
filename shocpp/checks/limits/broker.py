"""The mqtt.json, the connection to its broker, and the inputs of the site that come from there."""

from collections.abc import Iterator
from contextlib import suppress

from shocpp.checks.findings import RISKY, WRONG, Finding
from shocpp.checks.letterhead import account_names
from shocpp.clock import now_ms
from shocpp.configuration.charge_points import load_allowlist
from shocpp.configuration.mqtt import MqttConf, load_mqtt
from shocpp.configuration.site.file import site_or_stored
from shocpp.configuration.tags import load_accounts
from shocpp.errors import ConfigError
from shocpp.language.findings.sentences import Quoted
from shocpp.service_addresses import is_loopback
from shocpp.settings import Settings
from shocpp.store import properties
from shocpp.store.charge_points import connections
from shocpp.store.database import Database
from shocpp.store.site import mqtt
from shocpp.store.workers import is_alive


def check_broker(settings: Settings, db: Database | None) -> Iterator[Finding]:
    """Find a mqtt.json that is wrong, and a broker that is not connected."""
    path = settings.mqtt_file
    conf: MqttConf | None = None
    try:
        conf = load_mqtt(path)
    except FileNotFoundError:
        yield from _check_topics(settings, db)
    except ConfigError as error:
        has_stored = db is not None and mqtt.stored_conf(db) is not None
        key = "mqtt_broken_kept" if has_stored else "mqtt_broken"
        yield Finding(WRONG, key, {"error": Quoted(str(error))})
    if conf is not None:
        if conf.password is not None and conf.tls is None and not is_loopback(conf.host):
            yield Finding(RISKY, "broker_plain", {"host": conf.host, "file": path})
        yield from _check_payers(settings, conf, db)
    if db is not None:
        yield from _check_state(settings, db)


def _check_state(settings: Settings, db: Database) -> Iterator[Finding]:
    """Find a broker that is not connected, and messages of inputs that cannot be read."""
    state = mqtt.broker_state(db)
    # Without a server, the state is that of its end.
    if state is None or not any(is_alive(doorbell) for _, doorbell in connections.workers(db)):
        return
    if state.trouble is not None:
        values = {
            "error": Quoted(state.trouble),
            "minutes": (now_ms() - state.since_ms) // 60_000,
            "file": settings.mqtt_file,
        }
        yield Finding(WRONG, "broker_lost", values)
    if state.dim_trouble is not None:
        values = {"error": Quoted(state.dim_trouble), "file": settings.site_file}
        yield Finding(WRONG, "signal_unreadable", values)


def _check_topics(settings: Settings, db: Database | None) -> Iterator[Finding]:
    """Find topics in site.json although there is no broker."""
    site = site_or_stored(settings.site_file, properties.stored_site(db) if db else None)
    inputs = [] if site is None else [site.meter, site.dim]
    for topic in [one.topic for one in inputs if one is not None and one.topic]:
        values = {"topic": topic, "site_file": settings.site_file, "file": settings.mqtt_file}
        yield Finding(WRONG, "topic_without_broker", values)


def _check_payers(settings: Settings, conf: MqttConf, db: Database | None) -> Iterator[Finding]:
    """Find starts by MQTT for chargers and accounts that do not exist."""
    # Other checks report these files.
    with suppress(FileNotFoundError, ConfigError):
        allowlist = load_allowlist(settings.charge_points_file)
        for key in conf.start_as:
            if key not in allowlist.entries:
                nobody = {"file": settings.mqtt_file, "charge_point": key}
                yield Finding(WRONG, "payer_of_nothing", nobody)
    with suppress(FileNotFoundError, ConfigError):
        accounts = load_accounts(settings.tags_file, account_names(db)).names()
        for key, payer in conf.start_as.items():
            if payer.account not in accounts:
                values = {
                    "file": settings.mqtt_file,
                    "charge_point": key,
                    "account": payer.account,
                }
                yield Finding(WRONG, "payer_unknown", values)
