"""The meter that is polled: its documents, its errors, and a device that hangs."""

import socket
import threading
import time
from typing import Any

import pytest

from shocpp.configuration.site.conf import parse_site
from shocpp.configuration.site.meter_source import SiteMeter
from shocpp.errors import UsageError
from shocpp.site.inputs.polled import MeterPolling, NoReading, currents_of, read_meter
from tests.world.limits import device
from tests.world.machine import wait_for

THREE = [f"emeters[{number}].power" for number in range(3)]


def meter(url: str = "http://127.0.0.1:1/", **members: Any) -> SiteMeter:
    """Return the meter of a site.json."""
    import json

    conf = parse_site(json.dumps({"limit_a": 35, "meter": {"url": url, **members}}), "it", None)
    assert conf.meter is not None
    return conf.meter


@pytest.mark.parametrize(
    ("members", "document", "currents_ma"),
    [
        (
            {"paths": THREE},
            {"emeters": [{"power": 230}, {"power": -460}, {"power": 0}]},
            (1_000, -2_000, 0),
        ),
        ({"paths": ["power"]}, {"power": "690"}, (3_000, 3_000, 3_000)),
        ({"paths": ["power"], "split": [0.5, 0.5, 0]}, {"power": 690}, (1_500, 1_500, 0)),
        ({"paths": ["power"], "factor": -1}, {"power": 690}, (-3_000, -3_000, -3_000)),
        ({"paths": ["p"], "factor": 1000}, {"p": 0.69}, (3_000, 3_000, 3_000)),
        (
            {"paths": ["a", "b", "c"], "unit": "A", "signs": ["pa", "pb", "pc"]},
            {"a": 3.5, "b": 2, "c": 1, "pa": -800, "pb": 0, "pc": 200},
            (-3_500, 2_000, 1_000),
        ),
    ],
)
def test_a_document_has_the_current_of_each_phase(
    members: dict[str, Any], document: object, currents_ma: tuple[int, int, int]
) -> None:
    assert currents_of(meter(**members), document) == currents_ma


def test_a_document_without_a_value_or_with_a_wrong_one_is_refused() -> None:
    with pytest.raises(UsageError, match="power"):
        currents_of(meter(paths=["power"]), {"total": 1})
    with pytest.raises(UsageError, match="check the unit"):
        currents_of(meter(paths=["power"], unit="A"), {"power": 23_000})


def test_each_error_of_a_device_names_its_address() -> None:
    with device() as here:
        polled = meter(here.url, paths=["power"])
        here.document = {"power": 230}
        assert read_meter(polled) == (1_000, 1_000, 1_000)
        for status, body, words in [
            (404, None, "answers with the status 404"),
            (302, None, "answers with the status 302"),
            (200, b"<html>", "answers with no JSON"),
            (200, b"[" * 100_000, "answers with no JSON"),
            (200, b'{"power": NaN}', "is no number"),
            (200, b" " * 1024 * 1025, "more than 1024 KiB"),
            (200, b'{"total": 1}', "there is no 'power'"),
        ]:
            here.status, here.body = status, body
            here.headers = {"Location": here.url} if status == 302 else {}
            with pytest.raises(NoReading, match=words) as error:
                read_meter(polled)
            assert here.url in str(error.value)
        # The redirection was not followed.
        assert len(here.requests) == 8


def test_a_device_that_is_not_there_or_talks_nonsense_is_an_error() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
        polled = meter(f"http://127.0.0.1:{port}/", paths=["power"])
        with pytest.raises(NoReading, match="Connection refused"):
            read_meter(polled)
        listener.listen()

        def answer() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(4096)
                connection.sendall(b"no HTTP at all\r\n\r\n")

        threading.Thread(target=answer, daemon=True).start()
        with pytest.raises(NoReading, match="cannot be reached"):
            read_meter(polled)


def test_no_proxy_of_the_environment_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    with device() as here:
        here.document = {"power": 230}
        assert read_meter(meter(here.url, paths=["power"])) == (1_000, 1_000, 1_000)


def test_polls_keep_their_beat_and_wait_until_they_are_taken() -> None:
    woken: list[float] = []
    with device() as here:
        here.document = {"power": 230}
        polling = MeterPolling(
            meter(here.url, paths=["power"], every_s=1), lambda: woken.append(time.monotonic())
        )
        polling.start()
        wait_for(lambda: len(woken) == 3)
        assert 1.8 < woken[-1] - woken[0] < 2.5
        taken = polling.take()
        assert [one.currents_ma for one in taken] == [(1_000, 1_000, 1_000)] * 3
        assert polling.take() == []
        here.hangs.set()
        wait_for(lambda: len(here.requests) == 4)
        wait_for(lambda: polling.trouble is not None)
        assert "timed out" in str(polling.trouble)
        here.hangs.clear()
        here.goes_on.set()
        wait_for(lambda: polling.trouble is None)
        polling.stop()
        time.sleep(0.2)
        before = len(here.requests)
        time.sleep(1.5)
        assert len(here.requests) == before
