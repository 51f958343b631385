"""The settings of the service in /etc/shocpp.env are read as systemd reads them."""

import pytest

from shocpp.installation.environment_file import variables_of


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("SHOCPP_URL=https://charging.example.org", "https://charging.example.org"),
        ("  SHOCPP_URL = two words  ", "two words"),
        ("SHOCPP_URL='a \"b\" \\n'", 'a "b" \\n'),
        ('SHOCPP_URL="a \'b\' \\"c\\" \\$d \\n"', "a 'b' \"c\" $d \\n"),
        ("SHOCPP_URL=a\\ b\\\\c", "a b\\c"),
        ("SHOCPP_URL='a'\"b\"c", "abc"),
        ("SHOCPP_URL=a=b#c;d", "a=b#c;d"),
        ("SHOCPP_URL=one \\\ntwo", "one two"),
        ("SHOCPP_URL=", ""),
    ],
)
def test_a_value_is_read_without_its_quotes_and_backslashes(line: str, value: str) -> None:
    assert variables_of(f"# a comment\n; SHOCPP_URL=x\nno variable\n{line}\n") == {
        "SHOCPP_URL": value
    }


def test_the_last_line_of_a_variable_counts() -> None:
    assert variables_of("A=1\nB=2\nA=3") == {"A": "3", "B": "2"}
