"""What meters have signed, as a file for transparency software (a room).

The form is that of the S.A.F.E. Transparenzsoftware (its values.xsd and XML_Format.md): for each
signed value the format, the text, and the meter's public key where the charger has told it. The
text is what the meter has signed: what chargers wrap around it for OCPP is taken off, and nothing
else is changed. Whether it is genuine is for that software to say.
"""

import base64
import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple
from xml.etree import ElementTree
from xml.sax.saxutils import escape, quoteattr

from shocpp.errors import UsageError
from shocpp.ocpp.facts import SignedValue
from shocpp.ocpp.signed_values import sample_of
from shocpp.store.books import signed_values
from shocpp.store.database import Database

_FORMATS = (("OCMF|", "OCMF"), ("AP;", "ALFEN"))
"""How a text begins, and its format's name in the Transparenzsoftware."""

_HEX = re.compile(r"(?:[0-9A-Fa-f]{2}\s*)+")
_BASE64 = re.compile(
    r"(?:[0-9A-Za-z+/]{4}\s*){4,}|(?:[0-9A-Za-z+/]{4}\s*)*[0-9A-Za-z+/]{2,3}={1,2}"
)
_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_INTEGER = re.compile(r"-?[0-9]{1,30}")
_OCA_KEY = re.compile(r"oca:(base16|base64):\w+:(.+)", re.DOTALL)


class Encoded(NamedTuple):
    """A text, and how it is encoded: plain, hex or base64."""

    encoding: str
    text: str


class Signature(NamedTuple):
    """One signed text; `format` is the name of its format, empty where it is not known."""

    format: str
    content: Encoded
    public_key: Encoded | None


def transparency_xml(db: Database, number: int) -> str:
    """The signed values of an accounting record, as XML; UsageError where there are none."""
    signed = signed_values.of_record(db, number) if number < 2**63 else None
    if signed is None:
        raise UsageError(f"there is no record {number}; numbers are those of the view accounting")
    if not texts_of(signed.values):
        raise UsageError(
            f"record {number} has no signed values; its charger has sent none "
            "(those that have come are in the view signed_values)"
        )
    told = signed.transaction_id or ""
    return xml_of(told if _INTEGER.fullmatch(told) else str(number), signed.values)


def xml_of(transaction_id: str, values: list[SignedValue]) -> str:
    """A file of one transaction; a key told with one of its values stands for all of them."""
    told = texts_of(values)
    keys = {key for key in told.values() if key is not None}
    only = next(iter(keys)) if len(keys) == 1 else None
    lines = [
        line
        for (context, format_, content), key in told.items()
        for line in _value_lines(transaction_id, context, Signature(format_, content, key or only))
    ]
    head = '<?xml version="1.0" encoding="UTF-8"?>'
    return "\n".join([head, "<values>", *lines, "</values>", ""])


def texts_of(values: list[SignedValue]) -> dict[tuple[str, str, Encoded], Encoded | None]:
    """The key of each signed text, by its context, its format and itself.

    Each once, and none that is empty: the software refuses a file with two begins, or with an empty
    text.
    """
    told: dict[tuple[str, str, Encoded], Encoded | None] = {}
    for value in values:
        context = value.context or "Sample.Periodic"
        for one in signatures_of(sample_of(value.sample).get("value")):
            place = (context, one.format, one.content)
            if one.content.text.strip():
                told[place] = told.get(place) or one.public_key
    return told


def _value_lines(transaction_id: str, context: str, signature: Signature) -> Iterator[str]:
    name = quoteattr(_NO_XML.sub("\ufffd", context))
    yield f'  <value transactionId="{transaction_id}" context={name}>'
    if signature.public_key is not None:
        encoding, key = signature.public_key
        yield f'    <publicKey encoding="{encoding}">{_escaped(key)}</publicKey>'
    named = f"format={quoteattr(signature.format)} " if signature.format else ""
    encoding, text = signature.content
    yield f'    <signedData {named}encoding="{encoding}">{_escaped(text)}</signedData>'
    yield "  </value>"


def _escaped(text: str) -> str:
    return escape(text, {"\r": "&#13;"})  # a parser would make it a newline


def signatures_of(value: object) -> list[Signature]:
    """What a sampledValue's value holds: most often one signed text, bare or wrapped.

    Wrapped is it in the SignedMeterValueType of OCPP 2 as a JSON text (the Open Charge Alliance's
    way for OCPP 1.6), in hex or Base64, or in XML like ours (EVBox).
    """
    wrapped = _wrapped(value)
    if value is None:
        return []
    if wrapped is None:
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        return _signatures(text, "", None)
    text = next(wrapped[name] for name in _WRAPPED if name in wrapped)
    method = wrapped.get("encodingMethod")
    key = wrapped.get("publicKey")
    return _signatures(
        text if isinstance(text, str) else json.dumps(text, ensure_ascii=False),
        _format_name(method) if isinstance(method, str) else "",
        key_of(key) if isinstance(key, str) else None,
    )


_WRAPPED = ("signedMeterData", "signedMeterValue")


def _wrapped(value: object) -> dict[str, Any] | None:
    if isinstance(value, str) and value.lstrip().startswith("{"):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            return None
    if isinstance(value, dict) and any(name in value for name in _WRAPPED):
        return value
    return None


def _signatures(text: str, told: str, key: Encoded | None) -> list[Signature]:
    plain = _plain(text)
    contained = _contained(plain) if plain.lstrip().startswith("<") else []
    if contained:
        return [one._replace(public_key=one.public_key or key) for one in contained]
    beginning = plain.lstrip()
    for begins, format_ in _FORMATS:
        if beginning.startswith(begins):
            return [Signature(format_, _content(plain), key)]
    return [Signature(told, _content(text), key)]


def _plain(text: str) -> str:
    """The text that is here in hex or Base64, where it is one that we know."""
    bare = "".join(text.split())
    for decode in (bytes.fromhex, lambda encoded: base64.b64decode(encoded, validate=True)):
        try:
            decoded = decode(bare).decode()
        except ValueError:
            continue
        if decoded.lstrip().startswith(("<", *(begins for begins, _ in _FORMATS))):
            return decoded
    return text


def _contained(text: str) -> list[Signature]:
    """The signed texts of an XML such as ours; one that defines entities is not read."""
    try:
        values = [] if "<!" in text else list(ElementTree.fromstring(text.strip()).iter())
    except (ElementTree.ParseError, ValueError):
        return []
    found = []
    for value in values:
        parts = {part.tag.rpartition("}")[2]: part for part in value}
        data, key = parts.get("signedData"), parts.get("publicKey")
        if data is not None and data.text:
            told_key = key_of(key.text or "") if key is not None else None
            found += _signatures(data.text, _format_name(data.get("format", "")), told_key)
    return found


def _content(text: str) -> Encoded:
    """As it is, but for characters that XML cannot hold."""
    if _NO_XML.search(text):
        return Encoded("base64", base64.b64encode(text.encode(errors="surrogatepass")).decode())
    return Encoded(_encoding(text), text)


def _encoding(text: str) -> str:
    bare = text.strip()
    if _HEX.fullmatch(bare):
        return "hex"
    return "base64" if _BASE64.fullmatch(bare) else "plain"


def _format_name(told: str) -> str:
    return re.sub(r"[^0-9A-Z]+", "_", told.upper()).strip("_")


def key_of(told: str) -> Encoded | None:
    """A public key as the transparency software takes it: what is printed on the meter.

    The Open Charge Alliance has it as Base64 of `oca:base16:asn1:` and the hex; its own example has
    Base64 of the hex alone; others send the hex, or Base64 of the key itself.
    """
    text = told.strip()
    try:
        within = base64.b64decode(text, validate=True).decode("ascii")
    except ValueError:
        within = text
    oca = _OCA_KEY.fullmatch(within)
    if oca is not None:
        text = oca[2]
        if oca[1] == "base16":
            text = re.sub(r"0[xX]|[^0-9A-Fa-f]", "", text)
    elif _HEX.fullmatch(within):
        text = within
    return _content(text) if text else None
