"""Whole JSON texts from a stream (a door): frames, not lines (pure: text in, texts out).

Some chargers pretty-print, so a frame may take many lines; inetd and websocketd hand on whatever
came. A text that is broken off is given up when a new frame begins a line, so one truncated frame
costs nothing but itself.
"""

import re

# A string holds no raw line break, so a broken one ends with its line.
_TOKEN = re.compile(r'"(?:[^"\\\n]|\\.)*"|[\[\]{}"\n]')
_FRAME_BEGINS = re.compile(r"\[\s*[234]\s*,")
_FRAME_MAY_BEGIN = re.compile(r"\[?\s*[234]?\s*")


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
            what, end = token.group(), token.end()
            if what == "\n" and self._depth:
                if _FRAME_BEGINS.match(self._text, end):
                    return self._cut(end)
                if _FRAME_MAY_BEGIN.fullmatch(self._text, end):
                    return None  # what begins here shows with the next characters
            elif what == "\n":
                return self._cut(end)
            elif what == '"' and self._text.find("\n", end) < 0:
                return None  # its other end may be still to come
            elif what in "[{":
                self._depth += 1
            elif what in "]}":
                self._depth -= 1
                if self._depth <= 0:
                    return self._cut(end)
            self._at = end
        return None

    def _cut(self, end: int) -> str:
        text, self._text = self._text[:end], self._text[end:]
        self._at = self._depth = 0
        return text
