"""What the network says becomes the rest of a sentence; real servers say it in the other tests."""

import pytest

from shocpp.interfaces.delivery.documents import why


@pytest.mark.parametrize(
    ("error", "told"),
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
def test_each_kind_of_trouble_has_its_words(error: BaseException | None, told: str) -> None:
    assert why(error, 0.5) == told
