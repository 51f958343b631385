"""Whole JSON texts from a stream of characters (pure).

A frame may take several lines, because some chargers pretty-print, and inetd and websocketd pass
all bytes on. An incomplete text is dropped when a new frame begins a line. So one truncated frame
does not affect the next one.
"""

import re

# A JSON string holds no raw line break (RFC 8259 §7), so a broken string ends with its line.
_TOKEN = re.compile(r'"(?:[^"\\\n]|\\.)*"|[\[\]{}"\n]')
_FRAME_BEGINS = re.compile(r"\[\s*[234]\s*,")
_FRAME_MAY_BEGIN = re.compile(r"\[?\s*[234]?\s*")


class JsonTexts:
    """A splitter of a stream into JSON texts.

    `too_long` is True if an incomplete text exceeds `limit` characters.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.too_long = False
        # The text that is not complete, the index of the next token in it, and the number of open
        # brackets before that index.
        self._text = ""
        self._at = 0
        self._depth = 0

    def feed(self, received: str) -> list[str]:
        """Return the texts that these characters complete, without surrounding white space."""
        self._text += received
        texts = []
        while (text := self._next()) is not None:
            if text.strip():
                texts.append(text.strip())
        self.too_long = len(self._text) > self.limit
        return texts

    def rest(self) -> list[str]:
        """Return the rest at the end of the stream, such as a frame without a last newline."""
        rest, self._text = self._text.strip(), ""
        return [rest] if rest else []

    def _next(self) -> str | None:
        """Cut off the next complete or broken text; return None if more characters are needed."""
        while (match := _TOKEN.search(self._text, self._at)) is not None:
            token, end = match.group(), match.end()
            if token == "\n" and self._depth:
                # A new frame on this line means that the text before it was truncated.
                if _FRAME_BEGINS.match(self._text, end):
                    return self._cut(end)
                # The next characters decide whether a frame begins here.
                if _FRAME_MAY_BEGIN.fullmatch(self._text, end):
                    return None
            elif token == "\n":
                return self._cut(end)
            # A single quote is a string without its end, which may still arrive.
            elif token == '"' and self._text.find("\n", end) < 0:
                return None
            elif token in "[{":
                self._depth += 1
            elif token in "]}":
                self._depth -= 1
                if self._depth <= 0:
                    return self._cut(end)
            self._at = end
        return None

    def _cut(self, end: int) -> str:
        text, self._text = self._text[:end], self._text[end:]
        self._at = self._depth = 0
        return text
