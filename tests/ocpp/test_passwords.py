"""Tests of passwords of Charge Points: the presented header, and the stored hash."""

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


def basic(login: bytes) -> str:
    """Return an Authorization header with these bytes."""
    return "Basic " + base64.b64encode(login).decode()


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
def test_a_header_without_a_login_is_none(header: str | None) -> None:
    assert login_of(header) is None


def test_the_scheme_has_no_case_and_blanks_do_not_matter() -> None:
    assert login_of("  bAsIc   Z2FyYWdlOng=  ") == Login(b"garage", b"x")


def test_the_bytes_and_their_hex_digits_are_the_same_password() -> None:
    password = bytes(range(20))
    stored_hash = password_hash(password, SALT, GENERATED_ROUNDS)
    assert is_password(password, stored_hash)
    assert is_password(authorization_key(password).encode(), stored_hash)
    assert is_password(authorization_key(password).upper().encode(), stored_hash)


@pytest.mark.parametrize(
    "presented",
    [b"", b"secret1", b"secret123", b"SECRET12", b"73656372657431", b"7365637265743", b"\xff"],
)
def test_another_password_does_not_match(presented: bytes) -> None:
    assert not is_password(presented, password_hash(b"secret12", SALT, GENERATED_ROUNDS))


def test_a_typed_authorization_key_stands_for_its_bytes() -> None:
    assert password_bytes("00ff" * 10) == b"\x00\xff" * 10
    assert password_bytes("00FF" * 8) == b"\x00\xff" * 8


@pytest.mark.parametrize("typed", ["deadbeef", "00ff" * 11, "0" * 33, "z" * 40, "pässwörd"])
def test_any_other_typed_text_stands_for_itself(typed: str) -> None:
    assert password_bytes(typed) == typed.encode()


def test_a_stored_hash_names_scheme_rounds_and_salt_but_no_password() -> None:
    stored_hash = password_hash(b"secret12", b"salt", 7)
    assert stored_hash.startswith("pbkdf2-sha256$7$73616c74$")
    assert rounds_of(stored_hash) == 7
    assert is_password_hash(stored_hash)
    assert b"secret12".hex() not in stored_hash


GOOD = password_hash(b"x", SALT, 1)


@pytest.mark.parametrize(
    "stored_hash",
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
def test_a_text_that_is_no_hash_matches_no_password(stored_hash: str) -> None:
    assert not is_password_hash(stored_hash)
    assert rounds_of(stored_hash) == 0
    assert not is_password(b"x", stored_hash)


@given(st.binary(max_size=20), st.binary(max_size=20), st.binary(max_size=8))
def test_a_password_matches_in_both_spellings_and_no_other_does(
    password: bytes, other: bytes, salt: bytes
) -> None:
    stored_hash = password_hash(password, salt, 1)
    assert is_password(password, stored_hash)
    assert is_password(password.hex().encode(), stored_hash)
    # HMAC pads its key with zeros (RFC 2104 §2), so those at the end of a password do not count.
    spellings = [spelling.rstrip(b"\0") for spelling in (other, _unhexed(other) or other)]
    assert is_password(other, stored_hash) == (password.rstrip(b"\0") in spellings)


def _unhexed(presented: bytes) -> bytes | None:
    digits = b"0123456789abcdefABCDEF"
    is_hex = len(presented) % 2 == 0 and all(sign in digits for sign in presented)
    return bytes.fromhex(presented.decode()) if is_hex else None


@given(st.binary(max_size=30), st.binary(max_size=30))
def test_any_login_is_read_as_it_was_presented(user: bytes, password: bytes) -> None:
    user = user.replace(b":", b"")
    assert login_of(basic(user + b":" + password)) == Login(user, password)
