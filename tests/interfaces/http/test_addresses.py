"""The client address of a request, behind trusted and other proxies."""

import pytest

from shocpp.interfaces.http.addresses import address_of_caller

PROXY = ("127.0.0.1", "::1")


@pytest.mark.parametrize(
    ("peer", "forwarded", "trusted", "address"),
    [
        ("203.0.113.9", None, PROXY, "203.0.113.9"),
        ("127.0.0.1", "203.0.113.9", PROXY, "203.0.113.9"),
        ("127.0.0.1", "203.0.113.9", (), "127.0.0.1"),
        ("203.0.113.9", "198.51.100.1", PROXY, "203.0.113.9"),
        # The client of the proxy can have written all addresses but the last one.
        ("127.0.0.1", "198.51.100.1, 203.0.113.9", PROXY, "203.0.113.9"),
        ("127.0.0.1", "203.0.113.9, 10.1.2.3", ("127.0.0.1", "10.0.0.0/8"), "203.0.113.9"),
        ("127.0.0.1", "203.0.113.9:4711", PROXY, "203.0.113.9"),
        ("127.0.0.1", "[2001:db8::7]:4711", PROXY, "2001:db8::7"),
        ("127.0.0.1", "2001:db8::7", PROXY, "2001:db8::7"),
        ("127.0.0.1", "::ffff:203.0.113.9", PROXY, "203.0.113.9"),
        ("::ffff:127.0.0.1", "203.0.113.9", PROXY, "203.0.113.9"),
        ("127.0.0.1", "unknown", PROXY, "127.0.0.1"),
        ("127.0.0.1", "198.51.100.1, x\r\ny", PROXY, "127.0.0.1"),
        ("127.0.0.1", "127.0.0.1", PROXY, "127.0.0.1"),
        ("", "203.0.113.9", ("unix",), "203.0.113.9"),
        ("", "203.0.113.9", PROXY, "unix"),
    ],
)
def test_only_a_trusted_proxy_names_another_address(
    peer: str, forwarded: str | None, trusted: tuple[str, ...], address: str
) -> None:
    environ = {"REMOTE_ADDR": peer}
    if forwarded is not None:
        environ["HTTP_X_FORWARDED_FOR"] = forwarded
    assert address_of_caller(environ, trusted) == address
