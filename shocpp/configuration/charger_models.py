"""The reader of the package file with the table of charger models."""

from functools import cache
from importlib.resources import files

from shocpp.charger_models.model import ChargerModels, parse


@cache
def charger_models() -> ChargerModels:
    """Return the table of charger models."""
    return parse(files("shocpp.charger_models").joinpath("models.toml").read_text("utf-8"))
