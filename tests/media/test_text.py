"""Text in any encoding, its lines, and what is a number in it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from affectssm.errors import DataError
from affectssm.media.text import decoded, number, quoted, read_text


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("7.71", 7.71),
        ("7,71", 7.71),
        (" +.5 ", 0.5),
        (",5", 0.5),
        ("1e-1", 0.1),
        ("1,5E2", 150),
        ("3.", 3),
        ("-2", -2),
    ],
)
def test_numbers(text: str, value: float) -> None:
    assert number(text) == value


@pytest.mark.parametrize(
    "text",
    ["", "1_0", "inf", "nan", "1.2.3", "1,2,3", "1.234,5", "0x1", "١", "1e999", "--1", "5 6", ".", "1e"],
)
def test_what_is_no_number(text: str) -> None:
    assert number(text) is None


LETTERS = st.characters(min_codepoint=32, max_codepoint=126)


@given(
    st.lists(st.text(LETTERS, min_size=1, max_size=20), min_size=1, max_size=8),
    st.sampled_from(["\n", "\r\n", "\r"]),
)
def test_lines_are_the_same_in_every_encoding(lines: list[str], end: str) -> None:
    text = "".join(line + end for line in lines)
    for encoding in ("utf-8", "utf-8-sig", "utf-16", "utf-32", "latin-1"):
        assert decoded(text.encode(encoding)).lines == lines
    if len(text) >= 2:
        for encoding in ("utf-16-le", "utf-16-be"):
            assert decoded(text.encode(encoding)).lines == lines


@given(st.binary(max_size=200))
def test_any_bytes_are_text_or_refused(tmp_path_factory: pytest.TempPathFactory, raw: bytes) -> None:
    path = tmp_path_factory.mktemp("text") / "a.txt"
    path.write_bytes(raw)
    try:
        text = read_text(path, limit=150)
    except DataError as error:
        assert len(raw) > 150 or error.found.startswith("text that begins as utf-")
    else:
        assert "\n" not in "".join(text.lines)
        assert text.encoding == "utf-8" or text.problems


def test_a_quote_is_short_and_printable() -> None:
    assert quoted("a\tb\x00ü") == r"'a\tb\x00\xfc'"
    assert len(quoted("x" * 1000)) < 80


@pytest.mark.parametrize(
    ("text", "encoding", "code"),
    [
        ("id,text\n0001,我不知道。\n", "gb18030", "gb18030_text"),
        ("0001,\N{OLD ITALIC LETTER A}好的\n", "gb18030", "gb18030_text"),
        ("-a,Un caf\xe9 cr\xe9\xe9 \xe0 l'\xe9t\xe9\n", "latin-1", "latin1_text"),
        ("\xdcberm\xe4\xdfig sch\xf6n\n", "latin-1", "latin1_text"),
    ],
)
def test_chinese_and_western_texts_that_are_not_utf_8_are_told_apart(
    text: str, encoding: str, code: str
) -> None:
    found = decoded(text.encode(encoding))
    assert (found.content, found.encoding, [one for one, _ in found.problems]) == (text, encoding, [code])
