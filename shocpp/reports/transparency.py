"""The signed values of meters as a file for transparency software.

The format is that of the S.A.F.E. Transparenzsoftware (its values.xsd and XML_Format.md). It has
the format, the text and, if the charger has sent it, the public key of the meter for each signed
value. The text is the one that the meter has signed: only the wrapping that chargers add for OCPP
is removed. This module does not verify signatures; that is the task of the transparency software.
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
from shocpp.ocpp.meter_values.signed_values import sample_of
from shocpp.store.books import signed_values
from shocpp.store.database import Database
from shocpp.texts import UNSAFE

_FORMATS = (("OCMF|", "OCMF"), ("AP;", "ALFEN"))
"""The beginning of a signed text, and the name of its format in the Transparenzsoftware."""

_HEX = re.compile(r"(?:[0-9A-Fa-f]{2}\s*)+")
# A short text counts as Base64 only with padding, because most short words would match as well.
_BASE64 = re.compile(
    r"(?:[0-9A-Za-z+/]{4}\s*){4,}|(?:[0-9A-Za-z+/]{4}\s*)*[0-9A-Za-z+/]{2,3}={1,2}"
)
_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_UNSAFE = re.compile(f"[{UNSAFE}]")
_INTEGER = re.compile(r"-?[0-9]{1,30}")
_OCA_KEY = re.compile(r"oca:(base16|base64):\w+:(.+)", re.DOTALL)


class Encoded(NamedTuple):
    """A text and its encoding: plain, hex or base64."""

    encoding: str
    text: str


class Signature(NamedTuple):
    """A signed text; `format` is the name of its format, or empty if it is not known."""

    format: str
    content: Encoded
    public_key: Encoded | None


def transparency_xml(db: Database, number: int) -> str:
    """Return the signed values of an accounting record as XML.

    Raises UsageError if there is no such record, or if it has no signed values.
    """
    # SQLite's integers have 64 bits; a larger number would raise OverflowError.
    signed = signed_values.of_record(db, number) if number < 2**63 else None
    if signed is None:
        raise UsageError(f"there is no record {number}; numbers are those of the view accounting")
    if not texts_of(signed.values):
        raise UsageError(
            f"record {number} has no signed values; its charger has sent none "
            "(those that have come are in the view signed_values)"
        )
    # The schema wants an integer. A record without one as its id is named by its own number.
    transaction_id = signed.transaction_id or ""
    return xml_of(
        transaction_id if _INTEGER.fullmatch(transaction_id) else str(number), signed.values
    )


def xml_of(transaction_id: str, values: list[SignedValue]) -> str:
    """Return the file of one transaction.

    A value without a public key gets the key of the others, if they all have the same one.
    """
    texts = texts_of(values)
    keys = {key for key in texts.values() if key is not None}
    only = next(iter(keys)) if len(keys) == 1 else None
    lines = [
        line
        for (context, format_, content), key in texts.items()
        for line in _value_lines(transaction_id, context, Signature(format_, content, key or only))
    ]
    head = '<?xml version="1.0" encoding="UTF-8"?>'
    return "\n".join([head, "<values>", *lines, "</values>", ""])


def texts_of(values: list[SignedValue]) -> dict[tuple[str, str, Encoded], Encoded | None]:
    """Return the public key of each signed text by its context, its format and the text itself.

    A text that was sent twice is in it once, and empty texts are left out. The transparency
    software refuses a file with two begins or with an empty text.
    """
    keys: dict[tuple[str, str, Encoded], Encoded | None] = {}
    for value in values:
        # The default of the field `context` (OCPP 1.6 §7.43).
        context = value.context or "Sample.Periodic"
        for signature in signatures_of(sample_of(value.sample).get("value")):
            signed_text = (context, signature.format, signature.content)
            if signature.content.text.strip():
                # The key may come with any repetition of the text.
                keys[signed_text] = keys.get(signed_text) or signature.public_key
    return keys


def _value_lines(transaction_id: str, context: str, signature: Signature) -> Iterator[str]:
    """Yield the lines of a `value` element."""
    name = _referenced(quoteattr(_NO_XML.sub("\ufffd", context)))
    yield f'  <value transactionId="{transaction_id}" context={name}>'
    if signature.public_key is not None:
        encoding, key = signature.public_key
        yield f'    <publicKey encoding="{encoding}">{_escaped(key)}</publicKey>'
    format_ = f"format={quoteattr(signature.format)} " if signature.format else ""
    encoding, text = signature.content
    yield f'    <signedData {format_}encoding="{encoding}">{_escaped(text)}</signedData>'
    yield "  </value>"


def _escaped(text: str) -> str:
    # A parser turns a bare carriage return into a newline, which would break the signature.
    return _referenced(escape(text, {"\r": "&#13;"}))


def _referenced(text: str) -> str:
    """Return a text of XML with references in place of what would control a terminal."""
    return _UNSAFE.sub(lambda match: f"&#x{ord(match[0]):x};", text)


def signatures_of(value: object) -> list[Signature]:
    """Return the signed texts in the value of a sampledValue: most often one, or an empty list.

    The text may be bare, in hex or in Base64. It may also be wrapped: in OCPP 2's
    SignedMeterValueType as a JSON text (the Open Charge Alliance's way for OCPP 1.6), or in XML
    like that of this module (EVBox).
    """
    wrapped = _signed_meter_value(value)
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
"""The fields of a SignedMeterValueType that may have the signed text."""


def _signed_meter_value(value: object) -> dict[str, Any] | None:
    """Return the SignedMeterValueType that a value is or contains as JSON, or None."""
    if isinstance(value, str) and value.lstrip().startswith("{"):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            # RecursionError: a text of 100,000 opening braces.
            return None
    if isinstance(value, dict) and any(name in value for name in _WRAPPED):
        return value
    return None


def _signatures(text: str, default_format: str, key: Encoded | None) -> list[Signature]:
    """Return the signed texts in a text.

    `default_format` is the format of a text that does not show it by its beginning.
    """
    plain = _plain(text)
    contained = _contained(plain) if plain.lstrip().startswith("<") else []
    if contained:
        return [
            signature._replace(public_key=signature.public_key or key) for signature in contained
        ]
    beginning = plain.lstrip()
    for begins, format_ in _FORMATS:
        if beginning.startswith(begins):
            return [Signature(format_, _content(plain), key)]
    return [Signature(default_format, _content(text), key)]


def _plain(text: str) -> str:
    """Return the text decoded from hex or Base64, if it is XML or a known format; else as it is."""
    bare = "".join(text.split())
    # Hex comes first, because many texts in hex are valid Base64 as well.
    for decode in (bytes.fromhex, lambda encoded: base64.b64decode(encoded, validate=True)):
        try:
            decoded = decode(bare).decode()
        except ValueError:
            continue
        # A plain text may be valid hex or Base64 by chance: only a known beginning proves it.
        if decoded.lstrip().startswith(("<", *(begins for begins, _ in _FORMATS))):
            return decoded
    return text


def _contained(text: str) -> list[Signature]:
    """Return the signed texts of an XML document like that of `xml_of`; [] if it is another one."""
    try:
        # A document with declarations could define entities that fill the memory.
        values = [] if "<!" in text else list(ElementTree.fromstring(text.strip()).iter())
    except (ElementTree.ParseError, ValueError):
        return []
    signatures = []
    for value in values:
        # ElementTree writes a tag with namespace as `{namespace}tag`.
        parts = {part.tag.rpartition("}")[2]: part for part in value}
        data, key = parts.get("signedData"), parts.get("publicKey")
        if data is not None and data.text:
            public_key = key_of(key.text or "") if key is not None else None
            format_ = _format_name(data.get("format", ""))
            signatures += _signatures(data.text, format_, public_key)
    return signatures


def _content(text: str) -> Encoded:
    """Return the text unchanged, or as Base64 if it has characters that XML cannot contain."""
    if _NO_XML.search(text):
        # A text from JSON may have lone surrogates.
        return Encoded("base64", base64.b64encode(text.encode(errors="surrogatepass")).decode())
    return Encoded(_encoding(text), text)


def _encoding(text: str) -> str:
    """Return the encoding that the transparency software has to use for a text."""
    bare = text.strip()
    if _HEX.fullmatch(bare):
        return "hex"
    return "base64" if _BASE64.fullmatch(bare) else "plain"


def _format_name(method: str) -> str:
    """Return an encoding method as the software spells formats: `EDL 40 P` is `EDL_40_P`."""
    return re.sub(r"[^0-9A-Z]+", "_", method.upper()).strip("_")


def key_of(sent_key: str) -> Encoded | None:
    """Return a public key as the transparency software accepts it and as meters have it printed.

    Chargers send it in several ways. The Open Charge Alliance defines Base64 of `oca:base16:asn1:`
    and the hex; its own example has Base64 of the hex alone. Others send the hex, or Base64 of the
    key itself. An empty key is None.
    """
    text = sent_key.strip()
    try:
        within = base64.b64decode(text, validate=True).decode("ascii")
    except ValueError:
        within = text
    oca = _OCA_KEY.fullmatch(within)
    if oca is not None:
        text = oca[2]
        # `0x` and blanks are not part of the hex.
        if oca[1] == "base16":
            text = re.sub(r"0[xX]|[^0-9A-Fa-f]", "", text)
    elif _HEX.fullmatch(within):
        text = within
    return _content(text) if text else None
