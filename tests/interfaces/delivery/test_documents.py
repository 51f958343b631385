"""Network errors as text. The other tests of this folder get them from real servers."""

import pytest

from shocpp.interfaces.delivery.documents import network_error_text


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (
            ConnectionRefusedError(111, "Connection refused"),
            "cannot be reached: Connection refused",
        ),
        (OSError("no words of the system"), "cannot be reached: no words of the system"),
        (TimeoutError(), "did not answer within 0.5 s"),
        (ValueError("not of the network"), ""),
        (None, ""),
    ],
)
def test_network_error_text_has_a_predicate_for_each_kind_of_error(
    error: BaseException | None, text: str
) -> None:
    assert network_error_text(error, 0.5) == text
