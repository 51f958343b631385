"""International bank account numbers: what is accepted, and which typing errors are found."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from shocpp.configuration.iban import iban_of, in_fours
from shocpp.errors import UsageError

IBANS = (
    # Examples of the registry of SWIFT.
    "DE89370400440532013000",
    "AT611904300234573201",
    "CH9300762011623852957",
    "FR1420041010050500013M02606",
    "NL91ABNA0417164300",
    "GB29NWBK60161331926819",
)


@pytest.mark.parametrize("iban", IBANS)
def test_an_iban_is_read_in_fours_and_in_any_case(iban: str) -> None:
    assert iban_of(iban) == iban_of(in_fours(iban)) == iban_of(f" {iban.lower()}\n") == iban


def test_an_iban_is_printed_in_fours_from_the_left() -> None:
    assert in_fours("DE89370400440532013000") == "DE89 3704 0044 0532 0130 00"
    assert iban_of("") == ""


@given(st.sampled_from(IBANS), st.data())
def test_one_wrong_digit_is_found(iban: str, data: st.DataObject) -> None:
    """97 is a prime, so no other digit at one place has the same remainder."""
    places = [place for place, character in enumerate(iban) if character.isdigit()]
    place, digit = data.draw(st.sampled_from(places)), data.draw(st.sampled_from("0123456789"))
    assume(iban[place] != digit)
    with pytest.raises(UsageError):
        iban_of(iban[:place] + digit + iban[place + 1 :])


@given(st.sampled_from(IBANS), st.data())
def test_two_digits_in_the_wrong_order_are_found(iban: str, data: st.DataObject) -> None:
    place = data.draw(st.integers(2, len(iban) - 2))
    first, second = iban[place : place + 2]
    assume(first != second and first.isdigit() and second.isdigit())
    with pytest.raises(UsageError):
        iban_of(iban[:place] + second + first + iban[place + 2 :])


@given(st.text(max_size=40).filter(lambda text: text.split()))
def test_any_other_text_is_refused_in_one_line(text: str) -> None:
    assume("".join(text.split()).upper() not in IBANS)
    with pytest.raises(UsageError) as error:
        iban_of(text)
    assert len(str(error.value).splitlines()) == 1
