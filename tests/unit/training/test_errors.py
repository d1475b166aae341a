"""What libraries say comes to a user in one line."""

import pytest

from training.errors import one_line


@pytest.mark.parametrize(
    ("said", "line"),
    [
        ("no row 7", "no row 7"),
        ("Error in loading X:\n\tsize mismatch for w\r\n", "Error in loading X: size mismatch for w"),
        ("", "OSError"),
        (" \n ", "OSError"),
    ],
)
def test_an_error_is_one_line(said, line):
    assert one_line(OSError(said)) == line


def test_a_long_error_is_cut():
    assert one_line(ValueError("abcdef"), longest=3) == "abc"
