"""Tests of identities: the segment of a path that names a charger, and the allowed names."""

import pytest

from shocpp.ocpp.identity import LONGEST, identity_key, is_identity, is_typable, last_segment


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/garage", "garage"),
        ("garage", "garage"),
        ("//garage", "garage"),
        ("/garage/", "garage"),
        ("/4/garage", "garage"),
        ("/ocpp/1.6/garage?token=/x", "garage"),
        ("/ garage / ", "garage"),
        ("/Haus%20am%20See", "Haus%20am%20See"),
    ],
)
def test_the_last_segment_that_is_not_blank_is_the_name(path: str, name: str) -> None:
    assert last_segment(path) == name


@pytest.mark.parametrize("path", ["", "/", "//", "/ /", "?", "/?garage"])
def test_a_path_without_segments_names_no_charger(path: str) -> None:
    assert last_segment(path) == ""


@pytest.mark.parametrize(
    "name", ["1", "garage", "Haus am See", "Straße", "CBI-1:a%2F", "x" * LONGEST]
)
def test_a_printable_name_is_an_identity(name: str) -> None:
    assert is_identity(name)


@pytest.mark.parametrize(
    "name", ["", " ", "a/b", "/", "a\0", "a\nb", "\ud800", "x" * (LONGEST + 1)]
)
def test_an_empty_long_or_unprintable_name_is_no_identity(name: str) -> None:
    assert not is_identity(name)


@pytest.mark.parametrize(
    ("name", "typable"),
    [("garage", True), ("Box-01_a.b", True), ("Süd", False), ("box 1", False), ("a/b", False)],
)
def test_a_name_of_plain_characters_can_be_typed_into_every_charger(
    name: str, typable: bool
) -> None:
    assert is_typable(name) is typable


def test_identities_are_compared_without_case() -> None:
    assert identity_key("Straße-7") == identity_key("STRASSE-7") == "strasse-7"
