"""The meter that is polled: its documents, its errors, and a device that hangs."""

import contextlib
import socket
import threading
import time
from typing import Any

import pytest

from shocpp.configuration.site.conf import parse_site
from shocpp.configuration.site.meter_source import SiteMeter
from shocpp.errors import UsageError
from shocpp.site.inputs import polled
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
            (200, b'{"power": 2\xff}', "answers with no JSON"),
            (200, b'{"power": "\xff"}', "answers with no JSON"),
            (200, b'{"power": null}', "power is no number but None"),
            (200, b'{"power": "1,5"}', "power is no number but '1,5'"),
            (200, b" " * 1024 * 1024 * 10, "more than 1024 KiB"),
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
        assert len(here.requests) == 13


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


def test_a_device_whose_answer_does_not_end_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    """It sends a byte now and then, for a minute and more."""
    monkeypatch.setattr(polled, "LONGEST_S", 1.0)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        for head in (b"", b"HTTP/1.0 200 OK\r\n\r\n"):
            left = threading.Event()

            def drip(head: bytes = head, left: threading.Event = left) -> None:
                connection, _ = listener.accept()
                with connection, contextlib.suppress(OSError):
                    connection.recv(4096)
                    connection.sendall(head)
                    while True:
                        connection.sendall(b" ")
                        time.sleep(0.05)
                left.set()

            threading.Thread(target=drip, daemon=True).start()
            port = listener.getsockname()[1]
            begun = time.monotonic()
            with pytest.raises(NoReading, match="no whole answer in 1 s"):
                read_meter(meter(f"http://127.0.0.1:{port}/", paths=["power"]))
            assert time.monotonic() - begun < 3
            assert left.wait(5)


def test_an_address_may_be_of_ipv6_and_have_a_query() -> None:
    with socket.create_server(("::1", 0), family=socket.AF_INET6) as listener:
        requests: list[bytes] = []

        def answer() -> None:
            connection, _ = listener.accept()
            with connection:
                requests.append(connection.recv(4096))
                connection.sendall(b'HTTP/1.0 200 OK\r\n\r\n{"power": 230}')

        threading.Thread(target=answer, daemon=True).start()
        port = listener.getsockname()[1]
        polled_meter = meter(f"http://[::1]:{port}/cm?cmnd=status%208", paths=["power"])
        assert read_meter(polled_meter) == (1_000, 1_000, 1_000)
    assert requests[0].startswith(b"GET /cm?cmnd=status%208 HTTP/1.1\r\n")
    assert b"Host: [::1]:%d\r\n" % port in requests[0]


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
