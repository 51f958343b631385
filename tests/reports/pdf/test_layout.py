"""What every PDF paper has: letterhead, running head, footer, the line to sign on."""

from pathlib import Path

from tests.world.pdf_statements import LETTERHEAD, printed, record, words_of


def test_the_letterhead_is_as_configured(tmp_path: Path) -> None:
    (page,) = printed(tmp_path, [record()])
    for line in (
        *("WEG Sonnenallee 12", "Sonnenallee 12", "12045 Berlin", "030 1234567"),
        *("weg@example.org", "Steuernummer DE123456789"),
    ):
        assert line in page


def test_without_a_signer_the_line_to_sign_on_names_nobody(tmp_path: Path) -> None:
    assert "Datum, Unterschrift: Kassenwart" in words_of(printed(tmp_path, []))
    nobody = LETTERHEAD._replace(signed_by="")
    assert "Datum, Unterschrift Erstellt" in words_of(printed(tmp_path, [], operator=nobody))


def test_a_letterhead_has_twelve_lines_at_most(tmp_path: Path) -> None:
    long = LETTERHEAD._replace(address=tuple(f"line-{number}" for number in range(1, 20)))
    told = words_of(printed(tmp_path, [record()], operator=long))
    assert "line-11" in told
    assert "line-12" not in told


def test_the_pages_that_follow_begin_with_whose_paper_it_is(tmp_path: Path) -> None:
    first, second = printed(tmp_path, [record(number) for number in range(40)])
    assert "Abrechnung Oktober 2026 – family-y" in second.splitlines()[0]
    assert second.splitlines()[0].rstrip().endswith("WEG Sonnenallee 12")
    assert "– family-y" not in first
