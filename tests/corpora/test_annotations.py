"""Annotation files: what cannot be used is masked at its own index, and said."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from affectssm.corpora.annotations import (
    count_frames,
    read_engagement,
    read_language,
    read_segments,
    time_and_value,
)
from affectssm.errors import DataError


def engagement(tmp_path, content: bytes):
    path = tmp_path / "expert.engagement.annotation.csv"
    path.write_bytes(content)
    return read_engagement(path)


def test_index_is_kept_and_every_bad_token_masked(tmp_path):
    found = engagement(tmp_path, b"0.5\n\nnan\n-nan(ind)\n1.2\n-0.1\nn/a\n0,5\n1\n0\n1e-1\n")
    assert found.valid.tolist() == [True] + [False] * 7 + [True] * 3
    np.testing.assert_array_equal(found.value, np.float32([0.5, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0.1]))
    assert [code for code, _ in found.problems] == ["label_not_a_number", "label_out_of_range"]
    text = dict(found.problems)["label_not_a_number"]
    assert "blank: 1 of 11 lines, first at line 2" in text
    assert "nan: 2 of 11" in text
    assert "not a number: 2 of 11 lines, first at line 7: 'n/a'" in text


@pytest.mark.parametrize("token", ["inf", "1_0", "0x1", "-nan", "1.#IND", "NaN(ind)", "0.5 0.6", "١"])
def test_what_python_would_take_for_a_number_is_not_trusted(tmp_path, token):
    found = engagement(tmp_path, f"0.25\n{token}\n0.75\n".encode())
    assert found.valid.tolist() == [True, False, True]


def test_fields_behind_a_semicolon_line_ends_and_bom(tmp_path):
    found = engagement(tmp_path, b"\xef\xbb\xbf0.25;0.9\r\n 0.5 ;1\r\n0.75")
    np.testing.assert_array_equal(found.value, np.float32([0.25, 0.5, 0.75]))
    assert not found.problems


def test_latin1_byte_that_unicode_takes_for_a_line_end_shifts_nothing(tmp_path):
    found = engagement(tmp_path, b"0.25\nung\xfcltig\x85x\n0.75\n")
    assert found.valid.tolist() == [True, False, True]
    assert {code for code, _ in found.problems} == {"latin1_text", "label_not_a_number"}


@pytest.mark.parametrize("content", [b"", b"\n\n", b"nan\nnan\n"])
def test_label_without_a_value_is_a_problem(tmp_path, content):
    assert "label_empty" in dict(engagement(tmp_path, content).problems)


def test_missing_file_says_so(tmp_path):
    with pytest.raises(DataError, match="No such file"):
        read_engagement(tmp_path / "none.csv")


@given(
    st.lists(
        st.one_of(st.floats(-1, 2, width=32), st.sampled_from(["", "nan", "-nan(ind)", "x"])), max_size=30
    )
)
def test_length_and_valid_values_survive_any_mixture(tmp_path_factory, tokens):
    path = tmp_path_factory.mktemp("label") / "l.csv"
    path.write_text("".join(f"{token}\n" for token in tokens))
    found = read_engagement(path)
    good = [isinstance(token, float) and 0 <= token <= 1 for token in tokens]
    assert found.valid.tolist() == good
    assert count_frames(path) == len(tokens)
    np.testing.assert_allclose(
        found.value, [t if g else 0 for t, g in zip(tokens, good, strict=True)], atol=1e-6
    )


def test_language_is_the_one_spoken_longest_and_text_may_hold_semicolons(tmp_path):
    path = tmp_path / "language.annotation.csv"
    path.write_bytes(b"0;10;English;1.0\n10;90;Fran\xe7ais;1.0\nbroken\n90;95;a;b;0.5\n")
    segments, problems = read_segments(path)
    assert [(segment.text, segment.confidence) for segment in segments][-1] == ("a;b", 0.5)
    assert [code for code, _ in problems] == ["latin1_text", "segment_unparsable"]
    assert read_language(path)[0] == "Français"


LINES = ["0,25", "1", "", "0,5", "-nan(ind)", "0"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("rest", ["", ";0,9", "\t1,0"])
def test_decimal_commas_tabs_and_encodings_are_read(tmp_path, encoding, end, rest):
    content = "".join(line + rest + end for line in LINES).encode(encoding)
    found = engagement(tmp_path, content)
    assert found.valid.tolist() == [True, True, False, True, False, True]
    np.testing.assert_array_equal(found.value, np.float32([0.25, 1, 0, 0.5, 0, 0]))
    assert ("wide_text" in dict(found.problems)) == encoding.startswith(("utf-16", "utf-32"))
    assert count_frames(tmp_path / "expert.engagement.annotation.csv") == 6


def test_commas_beside_points_are_never_guessed_about(tmp_path):
    """`0,5` may be two fields where other lines have a point."""
    found = engagement(tmp_path, b"0.25\n0,5\n0.5,1.0\n")
    assert found.valid.tolist() == [True, False, False]
    assert "2 of 3 lines, first at line 2: '0,5'" in dict(found.problems)["label_not_a_number"]


def test_a_label_that_does_not_read_is_quoted(tmp_path):
    found = engagement(tmp_path, b"\nhigh\nlow\n")
    assert dict(found.problems)["label_empty"] == "no valid value in 3 lines, the first is 'high'"


def test_wide_text_that_breaks_off_is_refused_by_its_encoding(tmp_path):
    with pytest.raises(DataError, match=r"begins as utf-16.* byte 6"):
        engagement(tmp_path, "0.5".encode("utf-16")[:-1])


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
@pytest.mark.parametrize("mark", [";", "\t"])
def test_transcripts_with_commas_and_tabs(tmp_path, encoding, mark):
    path = tmp_path / "expert.audio.transcript.annotation.csv"
    lines = [["0,5", "1,25", "ja, gut", "0,9"], ["2", "3.5", "so", "1"], ["x", "4", "weg", "1"]]
    path.write_bytes("\n".join(map(mark.join, lines)).encode(encoding))
    segments, problems = read_segments(path)
    assert [(s.start, s.end, s.text, s.confidence) for s in segments] == [
        (0.5, 1.25, "ja, gut", 0.9), (2, 3.5, "so", 1),
    ]  # fmt: skip
    quote = ascii(mark.join(lines[2]))
    assert dict(problems)["segment_unparsable"] == f"1 of 3 lines, first at line 3: {quote}"


def timed(tmp_path, lines):
    path = tmp_path / "left.csv"
    path.write_text("".join(f"{line}\n" for line in lines))
    found = read_engagement(path, time_and_value)
    assert count_frames(path, time_and_value) == len(found.value) == len(found.valid)
    return found


@pytest.mark.parametrize("hz", [1, 10, 25, 60])
def test_values_with_times_come_to_the_label_clock(tmp_path, hz):
    moments = np.arange(4 * hz) / hz
    found = timed(tmp_path, [f"{time:.6f};{0.1 + 0.2 * time:.6f}" for time in moments])
    frames = (np.arange(100) + 0.5) / 25
    assert found.valid.all() and not found.problems
    np.testing.assert_allclose(found.value, 0.1 + 0.2 * np.minimum(frames, moments[-1]), atol=1e-5)


def test_what_lies_beside_a_value_or_a_time_that_is_none_is_invalid(tmp_path):
    lines = [f"{place / 10};0.5;x" for place in range(40)]
    lines[10], lines[20:25] = "1.0;nan", ["no time;0.5"] * 5
    found = timed(tmp_path, ["time;engagement", *lines])
    frames = (np.arange(100) + 0.5) / 25
    np.testing.assert_array_equal(
        found.valid, ~(((frames > 0.9) & (frames < 1.1)) | ((frames > 1.9) & (frames < 2.5)))
    )
    text = dict(found.problems)["label_not_a_number"]
    assert "without a time: 6 of 41 lines, first at line 1" in text and "nan: 1 of 41" in text


@pytest.mark.parametrize("lines", [[], ["0.5"], ["-1;0.5", "1e9;0.5"], ["x;1", ";1"], ["0;high"]])
def test_lines_of_another_form_are_no_label_with_times(tmp_path, lines):
    found = timed(tmp_path, lines)
    assert not found.valid.any() and "label_empty" in dict(found.problems)


def test_times_and_values_may_have_decimal_commas_and_times_must_rise(tmp_path):
    found = timed(tmp_path, ["0,0;0,25", "0,1;0,75", "0,1;0,5", "0,05;0,5", "0,2;1"])
    np.testing.assert_allclose(
        found.value, [0.35, 0.55, 0.75, 0.85, 0.95, 1, 1, 1][: len(found.value)], atol=1e-6
    )
    assert "without a time: 2 of 5" in dict(found.problems)["label_not_a_number"]
