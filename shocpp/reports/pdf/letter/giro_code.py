"""The GiroCode: a QR code that banking apps read as a transfer (EPC069-12, version 2.1).

Its content has eleven lines, of which some are empty: the service, the version, the character set
(1 is UTF-8), the kind of transfer, the BIC, the name of the account holder, the IBAN, the amount
with a point, the purpose, a structured reference, and in its place the text of the transfer.
"""

from collections.abc import Iterator

from shocpp.reports.pdf.page import Area

MOST_BYTES = 331
MOST_NAME, MOST_TEXT = 70, 140
MOST_CENTS = 99_999_999_999
"""The limits of EPC069-12: bytes in all, characters of the name and of the text, and the amount."""

QUIET_ZONE = 4
"""The light modules around a code (ISO/IEC 18004)."""


def payload_of(name: str, iban: str, amount_ct: int, text: str) -> str | None:
    """Return the content of a GiroCode, or None if a transfer does not fit into one.

    `text` is what the transfer is for; it should be ASCII, which all apps read alike.
    """
    # A line break in a value would move all values after it.
    name, text = (" ".join(value.split()) for value in (name, text))
    payload = "\n".join(
        (
            *("BCD", "002", "1", "SCT"),
            # The BIC is optional within the EEA since version 002.
            *("", name, iban, f"EUR{amount_ct // 100}.{amount_ct % 100:02}"),
            # Neither a purpose nor a structured reference.
            *("", "", text),
        )
    )
    fits = (
        0 < len(name) <= MOST_NAME
        and 0 < len(text) <= MOST_TEXT
        and 0 < amount_ct <= MOST_CENTS
        and iban.isascii()
        and iban.isalnum()
        and (name + text).isprintable()
        and len(payload.encode()) <= MOST_BYTES
    )
    return payload if fits else None


def areas_of(payload: str, x: float, y: float, size: float) -> Iterator[Area]:
    """Yield the dark areas of a code with its quiet zone in a square of this size.

    `x` and `y` are its left lower corner.
    """
    # The codes of the first page need 37 ms to import, which other formats need not pay.
    import segno

    # The EPC wants level M. Without `boost_error` segno takes it also where Q would fit.
    code = segno.make_qr(payload, error="m", encoding="utf-8", boost_error=False)
    rows = [bytes(row) for row in code.matrix_iter(border=QUIET_ZONE)]
    module = size / len(rows)
    for number, row in enumerate(rows, 1):
        end = 0
        while (begin := row.find(1, end)) >= 0:
            end = row.find(0, begin)
            yield Area(
                x + begin * module, y + size - number * module, (end - begin) * module, module
            )
