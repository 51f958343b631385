"""One line of text: a text of a charger or a stranger cannot begin a new line."""


def one_line(text: str) -> str:
    """Return the text with its control characters escaped, for output, logs and answers."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
