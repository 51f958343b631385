"""The file that reportlab writes: its metadata and its fonts."""

from typing import NamedTuple

from reportlab import rl_config
from reportlab.pdfgen.canvas import Canvas

from shocpp.reports.pdf.font import Face

# Without it reportlab writes compressed streams as ASCII 85, which is a fourth longer.
rl_config.useA85 = 0


class DocumentInfo(NamedTuple):
    """The metadata of a PDF file; `created_at` is UTC, ISO 8601, and `language` is `de` or `en`."""

    title: str
    author: str
    subject: str
    creator: str
    created_at: str
    language: str


def empty_canvas(info: DocumentInfo, size: tuple[float, float]) -> Canvas:
    """Return an empty file with its metadata, whose first page has a size.

    Neither the time of its making nor random ids are in it, so that a reprint has the same bytes.
    """
    canvas = Canvas(
        "",
        pagesize=size,
        pageCompression=1,
        invariant=1,
        # Otherwise every file would refer to Helvetica.
        initialFontName=Face.PLAIN,
        # The language in which screen readers pronounce the texts (PDF 1.7 §14.9.2).
        lang=info.language,
    )
    canvas.setTitle(_encodable(info.title))
    canvas.setAuthor(_encodable(info.author))
    canvas.setSubject(_encodable(info.subject))
    canvas.setCreator(info.creator)
    # Viewers then show the title in place of the file's name (PDF 1.7 §12.2).
    canvas.setViewerPreference("DisplayDocTitle", "true")
    moment = "".join(character for character in info.created_at[:19] if character.isdigit())
    # The date of creation is that of the statement and not that of the printing.
    canvas.setDateFormatter(lambda *_clock: f"D:{moment}Z")
    return canvas


def _encodable(text: str) -> str:
    """Return the text with `?` for lone surrogates, which have no encoding in UTF-8."""
    return text.encode("utf-8", "replace").decode()
