"""The parts of every PDF statement: letterhead, running head, footer, signature line."""

from pathlib import Path

from tests.world.pdf_statements import LETTERHEAD, printed, record, words_of


def test_the_letterhead_is_as_configured(tmp_path: Path) -> None:
    (page,) = printed(tmp_path, [record()])
    for line in (
        *("WEG Sonnenallee 12", "Sonnenallee 12", "12045 Berlin", "030 1234567"),
        *("weg@example.org", "Steuernummer DE123456789"),
    ):
        assert line in page


def test_the_signature_line_has_no_name_without_a_signer(tmp_path: Path) -> None:
    assert "Datum, Unterschrift: Kassenwart" in words_of(printed(tmp_path, []))
    without_signer = LETTERHEAD._replace(signed_by="")
    assert "Datum, Unterschrift Erstellt" in words_of(
        printed(tmp_path, [], operator=without_signer)
    )


def test_a_letterhead_has_twelve_lines_at_most(tmp_path: Path) -> None:
    long_letterhead = LETTERHEAD._replace(
        address=tuple(f"line-{number}" for number in range(1, 20))
    )
    text = words_of(printed(tmp_path, [record()], operator=long_letterhead))
    assert "line-11" in text
    assert "line-12" not in text


def test_the_following_pages_begin_with_title_account_and_operator(tmp_path: Path) -> None:
    first, second = printed(tmp_path, [record(number) for number in range(40)])
    assert "Abrechnung Oktober 2026 – family-y" in second.splitlines()[0]
    assert second.splitlines()[0].rstrip().endswith("WEG Sonnenallee 12")
    assert "– family-y" not in first
