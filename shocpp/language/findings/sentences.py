"""A sentence of a finding: its key and its values, filled in for a language (pure).

The texts that programs write, such as the error of a parser, are English. A sentence in German
quotes them, so that a page can mark their language.
"""

from collections.abc import Callable, Iterator, Mapping
from string import Formatter
from typing import NamedTuple

from shocpp.language.findings.access import ACCESS
from shocpp.language.findings.books import BOOKS
from shocpp.language.findings.conf import CONF
from shocpp.language.findings.limits import LIMITS
from shocpp.language.findings.machine import MACHINE
from shocpp.language.findings.mqtt import MQTT

TABLES = (MACHINE, BOOKS, ACCESS, CONF, LIMITS, MQTT)

FINDINGS = {
    language: {key: text for table in TABLES for key, text in table[language].items()}
    for language in ("de", "en")
}
"""Each sentence by its key. Some are parts of others."""

Values = Mapping[str, object]
"""The values of a sentence by their names: texts, numbers, paths and the types below."""

NO_VALUES: Values = {}


class Quoted(NamedTuple):
    """The English text of a program: of a parser, or of the operating system."""

    text: str


class Bilingual(NamedTuple):
    """A value that the languages write in different ways, such as an amount."""

    de: str
    en: str


class Part(NamedTuple):
    """A part of a sentence; `is_foreign` if it is in another language than the rest."""

    text: str
    is_foreign: bool = False


class Sentence(NamedTuple):
    """A sentence of the tables: its key, and a value for each of its fields."""

    key: str
    values: Values = NO_VALUES

    def text(self, language: str) -> str:
        """Return the sentence in a language as a line."""
        return "".join(part.text for part in self.parts(language))

    def parts(self, language: str) -> Iterator[Part]:
        """Yield the parts of the sentence in a language, in their order."""
        for words, name, _, conversion in Formatter().parse(FINDINGS[language][self.key]):
            if words:
                yield Part(words)
            if name is not None:
                yield from _parts(self.values[name], language, conversion)


def bilingual(written: Callable[[str], str]) -> Bilingual:
    """Return a value as a function of the language writes it."""
    return Bilingual(written("de"), written("en"))


def _parts(value: object, language: str, conversion: str | None) -> Iterator[Part]:
    """Yield the parts of a value of a sentence."""
    match value:
        case Sentence():
            yield from value.parts(language)
        case Quoted():
            yield Part(value.text, is_foreign=language != "en")
        case Bilingual():
            yield Part(value.de if language == "de" else value.en)
        case _:
            yield Part(str(Formatter().convert_field(value, conversion)))
