"""The names of vendors and models, as the tables of chargers compare them (pure)."""


def is_of_name(name: str, vendor: str, model: str) -> bool:
    """Return True if a vendor, or where that is another one a model, begins with a name."""
    begin = plain(name)
    return any(plain(text).startswith(begin) for text in (vendor, model))


def plain(text: str) -> str:
    """Return letters and digits only, in one case."""
    return "".join(character for character in text.casefold() if character.isalnum())
