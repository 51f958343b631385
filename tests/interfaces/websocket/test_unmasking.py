"""Tests of unmasking: the C function and ours give the same bytes, and neither has to be there."""

import sys
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shocpp.interfaces.websocket.unmasking import unmask, unmask_in_c, unmask_in_python

MASKS = st.binary(min_size=4, max_size=4)


def xor(payload: bytes, mask: bytes) -> bytes:
    """Return the payload XOR the mask, as the specification has it (RFC 6455 §5.3)."""
    return bytes(byte ^ mask[at % 4] for at, byte in enumerate(payload))


@given(st.binary(max_size=1_100), MASKS, st.sampled_from((bytes, bytearray)))
def test_both_give_the_payload(payload: bytes, mask: bytes, kind: type[bytes]) -> None:
    for unmasked in (
        unmask(kind(payload), kind(mask)),
        unmask_in_python(kind(payload), kind(mask)),
    ):
        assert unmasked == xor(payload, mask)


@pytest.mark.parametrize("length", [499, 500, 501, 4_095, 4_096])
def test_both_give_the_payload_of_any_length(length: int) -> None:
    payload = bytes(at % 251 for at in range(length))
    assert unmask(payload, b"\0\1\xfe\xff") == unmask_in_python(payload, b"\0\1\xfe\xff")


def test_the_c_function_is_taken_where_it_is_installed() -> None:
    assert unmask is not unmask_in_python


def test_there_is_none_without_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "websockets", None)
    assert unmask_in_c() is None


@pytest.mark.parametrize("speedups", [None, "speedups.py", f"speedups{EXTENSION_SUFFIXES[0]}"])
def test_there_is_none_without_an_extension_that_loads(
    speedups: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "websockets"
    package.mkdir()
    for name in ("__init__.py", speedups):
        if name:
            (package / name).write_text("")
    monkeypatch.delitem(sys.modules, "websockets", raising=False)
    monkeypatch.syspath_prepend(tmp_path)
    assert unmask_in_c() is None
