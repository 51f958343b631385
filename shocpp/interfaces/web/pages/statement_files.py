"""The statement of a month as a file that a browser saves, for the treasurer and the driver."""

from flask import Response

from shocpp.interfaces.delivery.documents import Document
from shocpp.interfaces.web.pages.form_pages import not_there
from shocpp.language.month import Month


def month_of(text: str) -> Month:
    """Return the month of an address; raises Refused (404) for any other text."""
    try:
        return Month.parse(text)
    except ValueError:
        raise not_there() from None


def file_response(document: Document) -> Response:
    """Return a document for a browser to save."""
    response = Response(document.content, content_type=document.media_type)
    # Opened in place, it would leave an app on the home screen without a way back.
    response.headers.set("Content-Disposition", "attachment", filename=document.file_name)
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response
