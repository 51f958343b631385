"""Passwords of Charge Points: what they show, and what is kept."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shocpp.ocpp.passwords import (
    GENERATED_ROUNDS,
    MOST_ROUNDS,
    Login,
    authorization_key,
    is_password,
    is_password_hash,
    login_of,
    password_bytes,
    password_hash,
    rounds_of,
)

SALT = bytes(16)


def basic(shown: bytes) -> str:
    """A header that shows these bytes."""
    return "Basic " + base64.b64encode(shown).decode()


def test_name_and_password_are_split_at_the_first_colon() -> None:
    assert login_of(basic(b"garage:a:b:")) == Login(b"garage", b"a:b:")


def test_a_password_may_be_any_bytes() -> None:
    assert login_of(basic(b"garage:\xff\x00\n\xc3")) == Login(b"garage", b"\xff\x00\n\xc3")


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "Basic",
        "Basic ",
        "Basic !",
        "Basic é",
        "Basic A",
        "Basic \udcff",
        "Bearer Z2FyYWdlOng=",
        basic(b"no colon"),
    ],
)
def test_a_header_without_a_login_has_none(header: str | None) -> None:
    assert login_of(header) is None


def test_the_scheme_has_no_case_and_blanks_do_not_matter() -> None:
    assert login_of("  bAsIc   Z2FyYWdlOng=  ") == Login(b"garage", b"x")


def test_the_bytes_and_their_hex_digits_are_the_same_password() -> None:
    password = bytes(range(20))
    kept = password_hash(password, SALT, GENERATED_ROUNDS)
    assert is_password(password, kept)
    assert is_password(authorization_key(password).encode(), kept)
    assert is_password(authorization_key(password).upper().encode(), kept)


@pytest.mark.parametrize(
    "shown",
    [b"", b"secret1", b"secret123", b"SECRET12", b"73656372657431", b"7365637265743", b"\xff"],
)
def test_another_password_is_another_one(shown: bytes) -> None:
    assert not is_password(shown, password_hash(b"secret12", SALT, GENERATED_ROUNDS))


def test_a_typed_authorization_key_stands_for_its_bytes() -> None:
    assert password_bytes("00ff" * 10) == b"\x00\xff" * 10
    assert password_bytes("00FF" * 8) == b"\x00\xff" * 8


@pytest.mark.parametrize("typed", ["deadbeef", "00ff" * 11, "0" * 33, "z" * 40, "pässwörd"])
def test_any_other_typed_text_stands_for_itself(typed: str) -> None:
    assert password_bytes(typed) == typed.encode()


def test_what_is_kept_names_scheme_rounds_and_salt_but_no_password() -> None:
    kept = password_hash(b"secret12", b"salt", 7)
    assert kept.startswith("pbkdf2-sha256$7$73616c74$")
    assert rounds_of(kept) == 7
    assert is_password_hash(kept)
    assert b"secret12".hex() not in kept


GOOD = password_hash(b"x", SALT, 1)


@pytest.mark.parametrize(
    "kept",
    [
        "",
        "secret12",
        "sha256$1$00$00",
        GOOD + "$",
        GOOD.replace("$1$", "$0$"),
        GOOD.replace("$1$", "$-1$"),
        GOOD.replace("$1$", f"${MOST_ROUNDS + 1}$"),
        GOOD.replace("$1$", "$99999999$"),
        GOOD.replace("$1$", "$\u0661$"),
        GOOD[:-1] + "g",
    ],
)
def test_what_is_no_hash_is_nobodys_password(kept: str) -> None:
    assert not is_password_hash(kept)
    assert rounds_of(kept) == 0
    assert not is_password(b"x", kept)


@given(st.binary(max_size=20), st.binary(max_size=20), st.binary(max_size=8))
def test_a_password_is_itself_in_both_spellings_and_no_other(
    password: bytes, other: bytes, salt: bytes
) -> None:
    kept = password_hash(password, salt, 1)
    assert is_password(password, kept)
    assert is_password(password.hex().encode(), kept)
    assert is_password(other, kept) == (password in (other, _unhexed(other)))


def _unhexed(shown: bytes) -> bytes | None:
    digits = b"0123456789abcdefABCDEF"
    is_hex = len(shown) % 2 == 0 and all(sign in digits for sign in shown)
    return bytes.fromhex(shown.decode()) if is_hex else None


@given(st.binary(max_size=30), st.binary(max_size=30))
def test_any_login_is_read_as_it_was_shown(user: bytes, password: bytes) -> None:
    user = user.replace(b":", b"")
    assert login_of(basic(user + b":" + password)) == Login(user, password)
