"""What mail and webhook share (a door): what leaves by them, and why it does not arrive."""

import ssl
from typing import NamedTuple

TIMEOUT_S = 30.0


class Document(NamedTuple):
    """A paper in one of its forms, such as `text/csv; charset=utf-8`."""

    file_name: str
    media_type: str
    content: bytes


def why(error: BaseException | None, timeout_s: float) -> str:
    """What the network or TLS has to say, as the rest of a sentence; empty where it is neither."""
    match error:
        case ssl.SSLCertVerificationError():
            return f"cannot be trusted: {error.verify_message}"
        case ssl.SSLError():
            return f"cannot speak TLS here: {error.reason or error}"
        case TimeoutError():
            return f"did not answer within {timeout_s:g} s"
        case OSError():
            return f"cannot be reached: {error.strerror or error}"
    return ""
