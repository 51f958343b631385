"""One line of text (a door): what a charger or a stranger has written cannot begin another one."""


def one_line(text: str) -> str:
    """A text with its control characters escaped, for output, logs and answers."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
