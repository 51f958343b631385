"""The console of the demo: somebody types a letter or a word, and a cable is plugged in.

Each command acts on one charger: the one that it names, or else the last one named.
"""

from collections.abc import Callable, Mapping

from shocpp.demo.charge_point import ChargePoint

HELP = """\
p  plug      plug the cable in
u  unplug    unplug it, which ends the charge
c  card      hold a card to the charger: c, or c 4444; held again, it ends the charge
f  fault     let a fault happen; again: repair it
o  offline   take the charger from the network; again: bring it back
l  list      list the chargers: a number or a name chooses one, as in p 2 or p yard
h  help      print these lines
q  quit      end the demo (Ctrl-C)"""
"""The commands, as `help` prints them."""

Act = Callable[[list[str]], str]


class Console:
    """The console for these chargers; `card_of` has the card that is held to each one."""

    def __init__(self, chargers: Mapping[str, ChargePoint], card_of: Mapping[str, str]) -> None:
        self._chargers = chargers
        self._card_of = card_of
        self._names = list(chargers)
        self._current = self._names[0]
        self.is_over = False
        self._acts: dict[str, Act] = {
            "plug": self._plug,
            "unplug": self._unplug,
            "card": self._hold_card,
            "fault": self._fault,
            "offline": self._change_link,
            "list": lambda _: self.list_chargers(),
            "help": lambda _: HELP,
            "quit": self._quit,
        }
        self._acts |= {word[0]: act for word, act in self._acts.items()}

    @property
    def prompt(self) -> str:
        """The prompt, with the charger on which commands act."""
        return f"{self._current}> "

    def execute(self, line: str) -> str:
        """Obey a line, and return the answer: a sentence, several lines, or nothing."""
        words = line.split()
        named = next((word for word in words[:2] if self._charger_of(word)), None)
        if named is not None:
            self._current = self._charger_of(named) or self._current
            words.remove(named)
        if not words:
            return self._line_of(self._current) if named else ""
        act = self._acts.get(words[0].lower())
        if act is None:
            return f"{words[0]!r} is no command and no charger; h lists the commands"
        return act(words[1:])

    def list_chargers(self) -> str:
        """Return a line for each charger, with its number and status."""
        return "\n".join(map(self._line_of, self._names))

    def _line_of(self, name: str) -> str:
        charger = self._chargers[name]
        cable = ", cable plugged in" if charger.is_plugged_in else ""
        number = self._names.index(name) + 1
        link = "" if charger.is_online else "offline, "
        return f"{number}  {name:<8}  {link}{charger.status}{cable}"

    def _charger_of(self, word: str) -> str | None:
        """Return the charger that a word names, by its number or name, or None."""
        if word.isascii() and word.isdecimal() and 0 < int(word[:9]) <= len(self._names):
            return self._names[int(word) - 1]
        return word.lower() if word.lower() in self._chargers else None

    @property
    def _charger(self) -> ChargePoint:
        return self._chargers[self._current]

    def _plug(self, _: list[str]) -> str:
        if self._charger.is_plugged_in:
            return f"{self._current}: a cable is plugged in already; u unplugs it"
        self._charger.plug_in()
        return f"{self._current}: the cable is plugged in"

    def _unplug(self, _: list[str]) -> str:
        if not self._charger.is_plugged_in:
            return f"{self._current}: no cable is plugged in; p plugs it in"
        self._charger.unplug()
        return f"{self._current}: the cable is unplugged"

    def _hold_card(self, words: list[str]) -> str:
        id_tag = words[0][:20] if words else self._card_of[self._current]
        if not self._charger.present(id_tag):
            return f"{self._current}: card {id_tag} is refused"
        if not self._charger.is_plugged_in:
            return f"{self._current}: card {id_tag} is accepted, but no cable is plugged in"
        return f"{self._current}: card {id_tag} is accepted"

    def _fault(self, _: list[str]) -> str:
        if self._charger.status == "Faulted":
            self._charger.repair()
            return f"{self._current}: repaired"
        self._charger.break_down()
        return f"{self._current}: faulty"

    def _change_link(self, _: list[str]) -> str:
        if self._charger.is_online:
            self._charger.go_offline()
            return f"{self._current}: offline"
        self._charger.go_online()
        return f"{self._current}: online again"

    def _quit(self, _: list[str]) -> str:
        self.is_over = True
        return ""
