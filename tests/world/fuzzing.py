r"""Frames that no charger should send: real ones, mutated, with the answer that is due.

`Mutator` takes the `>` frames of the transcripts, a Call of every action and answers to our own
Call, and spoils them as text (cut, doubled, spliced, special signs put in) or as JSON (members
missing, renamed, twice, of other types, with hostile values). The same seed makes the same frames,
so a failure is told by its seed, its number and the frame itself.

`wanted` is the oracle: the answer that OCPP-J asks for, told by rules of its own and not by
`shocpp.ocpp`.
"""

import json
import math
import random
import re
import unicodedata
from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import Any, NamedTuple

from hypothesis import strategies as st

from shocpp.ocpp.connection import Connection, OtherVersion
from tests.world.machine import ROOT
from tests.world.playing import filled, read_steps

OUR_CALL = "our-call"
"""The unique id of the Call of ours that is outstanding while frames come."""

CALLS: dict[str, dict[str, Any]] = {
    "Authorize": {"idTag": "3333"},
    "BootNotification": {
        "chargePointVendor": "go-e",
        "chargePointModel": "V3",
        "chargePointSerialNumber": "219010",
        "firmwareVersion": "055.7",
        "meterSerialNumber": "m-1",
    },
    "DataTransfer": {"vendorId": "x", "messageId": "y", "data": "z"},
    "DiagnosticsStatusNotification": {"status": "Idle"},
    "FirmwareStatusNotification": {"status": "Installed"},
    "Heartbeat": {},
    "LogStatusNotification": {"status": "Idle", "requestId": 7},
    "MeterValues": {
        "connectorId": 1,
        "transactionId": 20009042,
        "meterValue": [
            {
                "timestamp": "2026-10-01T05:30:00Z",
                "sampledValue": [
                    {"value": "9050000", "unit": "Wh", "context": "Sample.Periodic"},
                    {"value": "7.36", "measurand": "Power.Active.Import", "unit": "kW"},
                    {"value": "OCMF|{}|{}", "format": "SignedData"},
                ],
            }
        ],
    },
    "SecurityEventNotification": {
        "type": "FailedToAuthenticateAtCentralSystem",
        "timestamp": "2026-10-01T05:00:00Z",
        "techInfo": "x",
    },
    "SignCertificate": {"csr": "-----BEGIN CERTIFICATE REQUEST-----"},
    "SignedFirmwareStatusNotification": {"status": "Installed", "requestId": 7},
    "StartTransaction": {
        "connectorId": 1,
        "idTag": "3333",
        "meterStart": 9042000,
        "timestamp": "2026-10-01T05:00:00Z",
        "reservationId": 4,
    },
    "StatusNotification": {
        "connectorId": 1,
        "errorCode": "NoError",
        "status": "Charging",
        "info": "x",
        "vendorId": "y",
        "vendorErrorCode": "z",
        "timestamp": "2026-10-01T05:00:00Z",
    },
    "StopTransaction": {
        "transactionId": 20009042,
        "idTag": "3333",
        "meterStop": 9075250,
        "timestamp": "2026-10-01T07:10:00Z",
        "reason": "Local",
        "transactionData": [
            {"timestamp": "2026-10-01T06:00:00Z", "sampledValue": [{"value": "9060000"}]}
        ],
    },
}
"""A plausible Call of every action that a Charge Point initiates."""

ANSWERS = [
    f'[3,"{OUR_CALL}",{{"status":"Accepted"}}]',
    f'[3,"{OUR_CALL}",{{"configurationKey":[{{"key":"AuthorizationKey","value":"secret"}}]}}]',
    f'[4,"{OUR_CALL}","NotSupported","no",{{"why":1}}]',
]
"""To the Call of ours; one frame in twelve comes of them."""

NEVER_REFUSED = ("MeterValues", "StartTransaction", "StopTransaction")

LONGEST_SEED = 20_000


def _seeds() -> list[str]:
    texts = [
        re.sub(r"\{\{\w+\}\}", "20009042", filled(step.text, _Anything()))
        for path in sorted((ROOT / "tests" / "transcripts").glob("*.txt"))
        for step in read_steps(path)
        if step.kind == ">"
    ]
    texts += [json.dumps([2, f"{n}", *call]) for n, call in enumerate(CALLS.items())]
    # A charger that speaks OCPP 2.x is sent away unanswered.
    spoken = [text for text in dict.fromkeys(texts) if not _is_of_ocpp_2(text)]
    seeds = [text for text in spoken if len(text) <= LONGEST_SEED]
    return seeds + ANSWERS * (len(seeds) // 11 // len(ANSWERS))


def _is_of_ocpp_2(text: str) -> bool:
    return isinstance(Connection(55).receive(text, 0), OtherVersion)


class _Anything(dict[str, str]):
    """Whatever a transcript has captured by then."""

    def __missing__(self, name: str) -> str:
        return "20009042"


# -- hostile pieces -------------------------------------------------------------------------------


class Raw(str):
    """JSON text, or nearly, that stands for no value of Python's."""

    __slots__ = ()


class Members(list[tuple[Any, Any]]):
    """An object as it is spelled: a name may be there twice."""


NUMBERS = [
    *("NaN", "Infinity", "-Infinity", "1e400", "-1e400", "1e-400", "-0", "-0.0", "0.1", "1E5"),
    *("9" * 30, "9" * 5000, "-" + "9" * 4400, "1" + "0" * 310, "9" * 40, "9" * 41, "1.5e308"),
    *(str(sign * 2**bits + more) for bits in (15, 31, 32, 53, 63, 64) for sign in (-1, 1)
      for more in (-1, 0, 1)),
    *("214748364", "2149999999", "10009999", "1e18", "20009042.0", "20009042.5", "012", "+1"),
]  # fmt: skip
STRINGS = [
    *('"\\ud800"', '"\\udc00\\ud800"', '"\\u0000"', '"\\uFEFF"', '"a\\r\\n2026 INFO forged"'),
    *('"\\u001b[31m"', '"\\u202e"', '"\\u2028"', '"\U0001f50c"', '"' + "\u0301" * 300 + '"'),
    *('"\'; DROP TABLE frame; --"', '"$(id)"', '"`id`"', '"../../etc/passwd"', '"%s%n{0}{x}"'),
    *(
        '"\\"><script>alert(1)</script>"',
        '"a[$(id)]"',
        '""',
        '" "',
        '"null"',
        '"-1"',
        '"\uff11\uff12"',
    ),
    *('"NaN"', '"1e400"', '"Infinity"', '"1_000"', '"0x10"', '"9" ', '" 9042000 "', '"9042.5"'),
    *('"222222017-10-27T00:00:00Z"', '"0000-00-00T00:00:00Z"', '"2026-02-30T25:61:61Z"'),
    *('"9999-12-31T23:59:59.999999999Z"', '"2026-10-01T00:00:00+99:99"', '"1970-01-01T00:00:00Z"'),
    *('"2026-10-01T00:00:00.' + "9" * 400 + 'Z"', '"\\/\\b\\f"', '"' + "9" * 5000 + '"'),
]
STRUCTURES = ["null", "true", "false", "[]", "{}", "[[]]", '{"":{}}', '[{"value":[{}]}]']
SIGNS = [
    *("\0", "\ufeff", "\\", '"', "[", "]", "{", "}", ",", ":", "\n", "\r\n", "\x1b[2J", "\x7f"),
    *("\\ud800", "\\u0000", "\\u", "\\x41", "//", "/**/", "'", "\u2028", "\u202e", "é"),
    *("NaN", "1e400", "-", "[[", "null", "\u0661", "\xa0", "<!--", "\ud7ff", "\uffff"),
]  # fmt: skip
KINDS = ["0", "1", "3", "4", "5", "2.0", '"2"', "-2", "NaN", "true", "null", "1e400", "22", "2e0"]
NAMES = [
    "idTag",
    "meterStop",
    "transactionId",
    "timestamp",
    "connectorId",
    "",
    "\\u0000",
    "__proto__",
]


class Mutator:
    """Frames without end; the same ones for the same seed. `seed` and `number` name the last."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.number = 0
        self._dice = random.Random(seed)
        self._seeds = _seeds()
        self._trees = [tree for text in self._seeds if (tree := _tree(text)) is not None]
        self._on_text = [
            *(self._flip, self._cut, self._splice, self._double, self._put_in, self._break_off)
        ]
        self._on_json: list[Callable[[Any], Any]] = [
            *(self._swap, self._swap, self._swap, self._remove, self._rename, self._member_twice),
            *(self._another_kind, self._foreign_id, self._move, self._deepen),
        ]

    def frame(self) -> str:
        """The next frame; one in twenty is left as it was."""
        self.number += 1
        if self._dice.random() < 0.6:
            tree = self._dice.choice(self._trees)
            for _ in range(self._dice.choice((1, 1, 2, 3))):
                tree = self._dice.choice(self._on_json)(tree)
            text = _written(tree)
        else:
            text = self._dice.choice(self._seeds)
        if self._dice.random() < 0.4:
            for _ in range(self._dice.choice((1, 1, 1, 2, 4))):
                text = self._dice.choice(self._on_text)(text)
        return text

    def where(self, text: str) -> str:
        """Return a description of the frame for a failed assertion, to make a test of it."""
        return f"SHOCPP_FUZZ_SEED={self.seed}, frame {self.number}: {text!r}"

    # -- as text ----------------------------------------------------------------------------------

    def _span(self, text: str) -> tuple[int, int]:
        begin = self._dice.randrange(len(text) + 1)
        return begin, min(len(text), begin + self._dice.choice((1, 1, 2, 5, 20, 100)))

    def _flip(self, text: str) -> str:
        begin, _ = self._span(text)
        flipped = chr(ord(text[begin]) ^ 1 << self._dice.randrange(7)) if begin < len(text) else "?"
        return text[:begin] + flipped + text[begin + 1 :]

    def _cut(self, text: str) -> str:
        begin, end = self._span(text)
        return text[:begin] + text[end:]

    def _break_off(self, text: str) -> str:
        return text[: self._span(text)[0]]

    def _splice(self, text: str) -> str:
        other = self._dice.choice(self._seeds)
        return text[: self._span(text)[0]] + other[self._span(other)[0] :]

    def _double(self, text: str) -> str:
        begin, end = self._span(text)
        return text[:end] + text[begin:end] * self._dice.choice((1, 1, 2, 50)) + text[end:]

    def _put_in(self, text: str) -> str:
        begin, end = self._span(text)
        sign = self._dice.choice(SIGNS) if self._dice.random() < 0.6 else self._value()
        return text[:begin] + sign + text[self._dice.choice((begin, end)) :]

    # -- as JSON ----------------------------------------------------------------------------------

    def _value(self) -> Raw:
        """A hostile value of any type; long ones seldom, for the sake of speed."""
        if self._dice.random() < 0.01:
            return Raw('"' + self._dice.choice(("x", "é", "\\u00e9", "\\ud800")) * 65_536 + '"')
        return Raw(self._dice.choice(self._dice.choice((NUMBERS, STRINGS, STRUCTURES))))

    def _place(self, tree: Any) -> tuple[Any, int]:
        """A list or object within a frame, and the position of one of its items."""
        places = [
            (inner, position) for inner in _containers(tree) for position in range(len(inner))
        ]
        return self._dice.choice(places) if places else ([None], 0)

    def _swap(self, tree: Any) -> Any:
        return self._at(tree, lambda _: self._value())

    def _at(self, tree: Any, change: Callable[[Any], Any]) -> Any:
        tree = _copied(tree)
        inner, position = self._place(tree)
        if isinstance(inner, Members):
            name, value = inner[position]
            inner[position] = name, change(value)
        else:
            inner[position] = change(inner[position])
        return tree

    def _remove(self, tree: Any) -> Any:
        tree = _copied(tree)
        inner, position = self._place(tree)
        del inner[position]
        return tree

    def _move(self, tree: Any) -> Any:
        """An item goes elsewhere, or comes once more there."""
        tree = _copied(tree)
        inner, position = self._place(tree)
        item = inner[position][1] if isinstance(inner, Members) else inner[position]
        return self._at(tree, lambda _: _copied(item))

    def _rename(self, tree: Any) -> Any:
        return self._with_member(tree, lambda name, value: [(self._name(name), value)])

    def _member_twice(self, tree: Any) -> Any:
        other = self._value()
        return self._with_member(tree, lambda name, value: [(name, other), (name, value)])

    def _name(self, name: str) -> str:
        return self._dice.choice([*NAMES, name.upper(), name + " ", name[1:]])

    def _with_member(
        self, tree: Any, change: Callable[[Any, Any], Iterable[tuple[Any, Any]]]
    ) -> Any:
        tree = _copied(tree)
        objects = [inner for inner in _containers(tree) if isinstance(inner, Members) and inner]
        if objects:
            inner = self._dice.choice(objects)
            position = self._dice.randrange(len(inner))
            inner[position : position + 1] = change(*inner[position])
        return tree

    def _another_kind(self, tree: Any) -> Any:
        return [Raw(self._dice.choice(KINDS)), *tree[1:]] if isinstance(tree, list) else tree

    def _foreign_id(self, tree: Any) -> Any:
        ids = (Raw(f'"{OUR_CALL}"'), Raw('"1"'), Raw("1"), self._value())
        if isinstance(tree, list) and len(tree) > 1:
            return [tree[0], self._dice.choice(ids), *tree[2:]]
        return tree

    def _deepen(self, tree: Any) -> Any:
        """Into as many brackets as a parser may bear, or a few more."""
        depth = self._dice.choice((3, 60, 200, self._dice.randrange(850, 1010)))
        if self._dice.random() < 0.7:
            depth = 3
        if self._dice.random() < 0.5:
            return self._at(tree, lambda value: Raw("[" * depth + _written(value) + "]" * depth))
        around = '{"x":'
        return self._at(tree, lambda value: Raw(around * depth + _written(value) + "}" * depth))


def _tree(text: str) -> Any:
    """A frame as lists and `Members`; None where it is no JSON array."""
    try:
        tree = json.loads(text, object_pairs_hook=Members, strict=False, parse_int=Raw)
    except (ValueError, RecursionError):
        return None
    return tree if isinstance(tree, list) and not isinstance(tree, Members) else None


def _containers(tree: Any) -> list[Any]:
    found = []
    waiting = [tree]
    while waiting:
        inner = waiting.pop()
        if isinstance(inner, list):
            found.append(inner)
            is_object = isinstance(inner, Members)
            waiting += [item[1] for item in inner] if is_object else inner
    return found


def _copied(tree: Any) -> Any:
    if isinstance(tree, Members):
        return Members((name, _copied(value)) for name, value in tree)
    return [_copied(item) for item in tree] if isinstance(tree, list) else tree


def _written(tree: Any) -> str:
    if isinstance(tree, Raw):
        return tree
    if isinstance(tree, Members):
        return f"{{{','.join(f'{_name_text(name)}:{_written(value)}' for name, value in tree)}}}"
    if isinstance(tree, list):
        return f"[{','.join(map(_written, tree))}]"
    return json.dumps(tree)


def _name_text(name: str) -> str:
    return f'"{name}"' if name == "\\u0000" else json.dumps(name)


# -- the oracle -----------------------------------------------------------------------------------

DEEP = 500
"""Brackets from which on it is a matter of the parser's stack whether a frame is readable."""

LONG = 40
"""Digits from which on the same holds for a number as an id."""

CODES = {
    *("NotImplemented", "NotSupported", "FormationViolation", "OccurenceConstraintViolation"),
    *("TypeConstraintViolation", "PropertyConstraintViolation"),
}
"""With what a Call may be refused; InternalError would be a mistake of ours."""


UNREAD = object()
"""The id of a frame that is too deep for the oracle's own stack."""


class Wanted(NamedTuple):
    """The answer to a Call: to this id; a confirmation if `never_refused`; maybe, if not sure."""

    unique_id: Any
    never_refused: bool
    is_sure: bool

    def trouble_with(self, answer: str) -> str | None:
        """Return the fault of an answer, or None."""
        frame = json.loads(answer, parse_constant=_no_constant)
        if not isinstance(frame, list) or len(frame) < 3:
            return "no frame"
        if self.unique_id is UNREAD:
            return None
        if frame[1] != self.unique_id:
            return "an answer to another id"
        if type(frame[1]) is not type(self.unique_id):
            return "an id that is not as it was sent"
        if len(answer) > 6 * len(str(self.unique_id)) + 1_000:
            return f"an answer of {len(answer)} characters"
        if frame[0] == 3:
            return None if len(frame) == 3 and isinstance(frame[2], dict) else "no CallResult"
        if frame[0] != 4 or len(frame) != 5 or frame[2] not in CODES or frame[4] != {}:
            return "no CallError as OCPP-J knows it"
        return "energy is refused" if self.never_refused else None


def _no_constant(name: str) -> Any:
    raise AssertionError(f"{name} in an answer")


def wanted(text: str) -> Wanted | None:
    """Return the answer that OCPP-J wants: one for a Call with a readable id, else none."""
    is_sure = text.count("[") + text.count("{") < DEEP
    try:
        frame = json.loads(text.lstrip("\ufeff"), strict=False, parse_int=_number)
    except RecursionError:
        return Wanted(UNREAD, never_refused=False, is_sure=False)
    except ValueError:
        return None
    if not isinstance(frame, list) or len(frame) < 2:
        return None
    kind, unique_id = frame[:2]
    if type(kind) not in (int, float) or kind != 2:
        return None
    if type(unique_id) is float and not math.isfinite(unique_id):
        return None
    if type(unique_id) is Decimal:
        unique_id, is_sure = int(unique_id), False
    if type(unique_id) not in (str, int, float):
        return None
    is_call = len(frame) > 3 and (frame[3] is None or isinstance(frame[3], dict))
    never_refused = is_call and isinstance(frame[2], str) and frame[2] in NEVER_REFUSED
    return Wanted(_storable(unique_id), never_refused, is_sure)


def _number(digits: str) -> int | Decimal:
    return int(digits) if len(digits) <= LONG else Decimal(digits)


def _storable(unique_id: Any) -> Any:
    """NUL and lone surrogates can neither be kept nor sent."""
    if not isinstance(unique_id, str):
        return unique_id
    return "".join("\ufffd" if c == "\0" or "\ud800" <= c <= "\udfff" else c for c in unique_id)


def is_hopeless(text: str) -> bool:
    """Return True if a text counts as garbage, three of which in a row end a connection."""
    if text.count("[") + text.count("{") >= DEEP:
        return True
    try:
        frame = json.loads(text.lstrip("\ufeff"), strict=False, parse_int=_number)
    except (ValueError, RecursionError):
        return True
    if not isinstance(frame, list) or not frame or type(frame[0]) not in (int, float):
        return True
    if frame[0] not in (2, 3, 4):
        return False
    return len(frame) < 2 or type(frame[1]) not in (str, int)


def controls(text: str) -> list[str]:
    """The characters of a text that move a terminal's cursor, turn its lines round or end them."""
    turning = ("LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI")
    return [
        c
        for c in text
        if unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp")
        or unicodedata.bidirectional(c) in turning
    ]


# -- for Hypothesis -------------------------------------------------------------------------------

hostile_values = st.recursive(
    st.sampled_from([*NUMBERS, *STRINGS, *STRUCTURES]).map(Raw)
    | st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=8)
    | st.integers()
    | st.floats(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(st.tuples(st.text(max_size=3), inner), max_size=3).map(Members)
    ),
    max_leaves=6,
)


@st.composite
def hostile_calls(draw: st.DrawFn) -> str:
    """A Call of an action whose members hold anything, come twice, or are not there."""
    action = draw(st.sampled_from(sorted(CALLS)))
    plain = _tree(json.dumps([CALLS[action]]))[0]
    members = Members()
    for name, value in plain:
        kept = [(name, value)] if draw(st.booleans()) else []
        members += [*kept, *((name, other) for other in draw(st.lists(hostile_values, max_size=1)))]
    return _written([2, draw(st.text(max_size=4) | st.integers(0, 9)), action, members])
