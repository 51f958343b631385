"""Whole JSON texts from a stream (a door): frames, not lines (pure: text in, texts out).

Some chargers pretty-print, so a frame may take many lines; inetd and websocketd hand on whatever
came. A text that is broken off is given up when a new frame begins a line, so one truncated frame
costs nothing but itself.
"""

import re

_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[\[\]{}]|"|\n', re.DOTALL)
_FRAME_BEGINS = re.compile(r"\[\s*[234]\s*,")


class JsonTexts:
    """Cuts a stream into texts. `too_long` turns True when one exceeds `limit` characters."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.too_long = False
        self._text = ""
        self._at = 0
        self._depth = 0

    def feed(self, received: str) -> list[str]:
        """The texts these characters complete."""
        self._text += received
        texts = []
        while (text := self._next()) is not None:
            if text.strip():
                texts.append(text.strip())
        self.too_long = len(self._text) > self.limit
        return texts

    def rest(self) -> list[str]:
        """What is left at the end of the stream: a frame whose last newline is missing."""
        rest, self._text = self._text.strip(), ""
        return [rest] if rest else []

    def _next(self) -> str | None:
        while (token := _TOKEN.search(self._text, self._at)) is not None:
            what = token.group()
            if what == '"':
                return self._given_up()  # a string that has not ended yet
            self._at = token.end()
            if what == "\n":
                if self._depth == 0 or _FRAME_BEGINS.match(self._text, self._at):
                    return self._cut(self._at)
            elif what in "[{":
                self._depth += 1
            elif what in "]}":
                self._depth -= 1
                if self._depth <= 0:
                    return self._cut(self._at)
        return None

    def _given_up(self) -> str | None:
        """A string runs on: wait for its end, unless a new frame begins a line in it."""
        begins = re.compile(r"\n(?=\[\s*[234]\s*,)").search(self._text, self._at)
        return self._cut(begins.end()) if begins else None

    def _cut(self, end: int) -> str:
        text, self._text = self._text[:end], self._text[end:]
        self._at = self._depth = 0
        return text
