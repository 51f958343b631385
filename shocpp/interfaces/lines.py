"""Escaping of control characters, so that a text of a charger or a stranger stays on one line."""


def one_line(text: str) -> str:
    """Return the text with its control characters escaped, for output, logs and answers."""
    # Nearly every text is printable: to look at each character takes 5 µs a log line.
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
