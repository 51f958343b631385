"""QR codes for terminals, two rows of modules in a line of text, and for pages and paper."""

import segno

BLACK_ON_WHITE, RESET = "\x1b[38;5;16;48;5;231m", "\x1b[0m"
"""The colours of a code, whatever those of the terminal: many scanners read no inverted code."""

BORDER = 2
"""The light modules around a code. ISO/IEC 18004 has four; phones need two."""

HALVES = {(0, 0): " ", (1, 0): "▀", (0, 1): "▄", (1, 1): "█"}
"""The characters of two modules, one above the other; 1 is dark."""


def qr_lines(text: str) -> list[str]:
    """Return the lines of the QR code of a text, without colours."""
    # Level L: a screen is not dirty, and a smaller code fits into more terminals.
    code = segno.make_qr(text, error="l")
    rows = [list(row) for row in code.matrix_iter(border=BORDER)]
    if len(rows) % 2:
        rows.append([0] * len(rows[0]))
    return [
        "".join(HALVES[bool(upper), bool(lower)] for upper, lower in zip(*pair, strict=True))
        for pair in zip(rows[::2], rows[1::2], strict=True)
    ]


def qr_for_terminal(text: str) -> str:
    """Return the QR code of a text as black modules on white, for a terminal with 256 colours."""
    return "\n".join(f"{BLACK_ON_WHITE}{line}{RESET}" for line in qr_lines(text))


def qr_image(text: str) -> str:
    """Return the QR code of a text as the address of an image (`data:image/svg+xml…`).

    It is black on white with a quiet zone, in the dark as well, and has no size of its own.
    """
    # Level M: a sheet of paper may get dirty.
    code = segno.make_qr(text, error="m")
    return str(code.svg_data_uri(border=4, dark="#000", light="#fff", omitsize=True))
