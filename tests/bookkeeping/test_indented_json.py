"""Equal bytes: the fast encoder of accounting files, and the one of the standard library."""

import json

from hypothesis import given
from hypothesis import strategies as st

from shocpp.bookkeeping.accounting_files.indented_json import indented_json

SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=6),
    max_leaves=30,
)


@given(VALUES)
def test_indented_json_is_that_of_the_standard_library(value: object) -> None:
    assert indented_json(value) == json.dumps(value, ensure_ascii=False, indent=2)
