"""Labels of own recordings in the forms that spreadsheets and annotation programs write, on a clock."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from affectssm.corpora.folder_labels import Series, read_series
from affectssm.errors import DataError
from affectssm.settings.folder import LabelSettings


def series(path: Path, text: str | bytes, rate: float = 0.0, **told: Any) -> Series:
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_series(path, LabelSettings(**told), rate)


def codes(found: Series) -> list[str]:
    return [code for code, _ in found.problems]


def flat(found: Series) -> list[float | None]:
    return [
        round(float(value), 4) if there else None
        for value, there in zip(found.value[:, 0], found.valid, strict=True)
    ]


REGULAR = [(0.0, 0.1), (0.2, 0.2), (0.4, 0.3), (0.6, 0.4)]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("time,engagement\n0,0.1\n0.2,0.2\n0.4,0.3\n0.6,0.4\n", {}),
        ("\ufefftime;engagement\r\n0;0,1\r\n0,2;0,2\r\n0,4;0,3\r\n0,6;0,4\r\n", {"names": ("engagement",)}),
        ("0.0\t0.1\n0.2\t0.2\n0.4\t0.3\n0.6\t0.4\n", {}),
        ("0,0;0,1\n0,2;0,2\n0,4;0,3\n0,6;0,4\n", {}),
        ("sep=;\nTime (ms);Value\n0;0.1\n200;0.2\n400;0.3\n600;0.4\n", {"names": ("engagement",)}),
        ("time_ms,frame,engagement,confidence\n0,0,0.1,1\n200,5,0.2,1\n400,10,0.3,1\n600,15,0.4,1\n", {}),
        ("t,engagement\n00:00:00.0,0.1\n00:00:00.2,0.2\n0:00.4,0.3\n0:00.6,0.4\n", {}),
        ("seconds,joy,calm\n0,9,0.1\n0.2,9,0.2\n0.4,9,0.3\n0.6,9,0.4\n", {"names": ("calm",)}),
        ("when,value\n0,0.1\n200,0.2\n400,0.3\n600,0.4\n", {"time": "when", "unit": "ms"}),
        ("time,x\n0,10\n0.2,20\n0.4,30\n0.6,40\n".encode("utf-16"), {"values": {f"{n}0": n / 10 for n in range(9)}}),
    ],
)  # fmt: skip
def test_regular_times_keep_their_own_rate(tmp_path: Path, text: str | bytes, told: dict[str, Any]) -> None:
    found = series(tmp_path / "a.csv", text, **told)
    assert found.rate == pytest.approx(5.0)
    np.testing.assert_allclose(found.time, [time + 0.1 for time, _ in REGULAR], atol=1e-9)  # the middle
    np.testing.assert_allclose(found.value[:, 0], [value for _, value in REGULAR], rtol=1e-6)
    assert found.valid.all() and set(codes(found)) <= {"wide_text"}


def test_times_of_the_middle_stay(tmp_path: Path) -> None:
    found = series(tmp_path / "a.csv", "time,x\n0.1,1\n0.3,2\n0.5,3\n")
    np.testing.assert_allclose(found.time, [0.1, 0.3, 0.5], atol=1e-9)


def test_times_of_few_digits_are_regular_and_a_hole_is_a_gap(tmp_path: Path) -> None:
    lines = [f"{row / 30:.2f},{row}\n" for row in range(90) if not 30 <= row < 45]
    found = series(tmp_path / "a.csv", "time,x\n" + "".join(lines))
    assert found.rate == pytest.approx(30, rel=0.01) and len(found.value) == 90
    assert flat(found) == [None if 30 <= row < 45 else row for row in range(90)]


def test_irregular_times_hold_the_last_value_but_not_over_a_gap(tmp_path: Path) -> None:
    text = "time,x\n0.11,1\n0.2,2\n0.52,3\n0.6,4\n3.0,5\n"
    found = series(tmp_path / "a.csv", text, hz=10, hold_s=0.5)
    # rows at 0.05, 0.15, ...: each by hand
    assert flat(found)[:12] == [None, 1, 2, 2, 2, 3, 4, 4, 4, 4, 4, None]
    assert flat(found)[12:30] == [None] * 18 and flat(found)[30:] == [5] * 5
    assert found.time[3] == pytest.approx(0.35) and found.rate == 10


def test_intervals_hold_between_their_ends_and_the_later_counts_where_two_overlap(tmp_path: Path) -> None:
    text = "start,stop,mood\n0.0,0.4,low\n0.3,0.6,high\n0.8,1.0,LOW\n1.0,0.9,low\n1.0,1.2,odd\n"
    found = series(tmp_path / "a.csv", text, hz=10, values={"low": 0, "high": 1})
    assert flat(found) == [0, 0, 0, 1, 1, 1, None, None, 0, 0, None, None]
    assert sorted(codes(found)) == ["label_not_a_number", "label_overlap", "label_word_unknown"]


def test_a_value_a_frame_goes_at_the_rate_of_the_video(tmp_path: Path) -> None:
    found = series(tmp_path / "a.csv", "valence,arousal\n0.5,-0.5\n0.25,nan\n2,0\n", 30.0, names=("valence", "arousal"),
                   range=(-1, 1))  # fmt: skip
    assert found.rate == 30 and found.time[1] == pytest.approx(1.5 / 30)
    assert found.valid.tolist() == [True, False, False] and found.value[0].tolist() == [0.5, -0.5]
    assert sorted(codes(found)) == ["label_not_a_number", "label_out_of_range"]
    assert not found.value[~found.valid].any()


@pytest.mark.parametrize("first", [0, 1])
def test_numbered_frames_that_are_left_out_are_gaps(tmp_path: Path, first: int) -> None:
    lines = "".join(f"{frame + first},{frame}\n" for frame in (0, 1, 4, 6))
    found = series(tmp_path / "a.csv", "frame,x\n" + lines, 10.0)
    assert flat(found) == [0, 1, None, None, 4, None, 6] and found.rate == 10
    assert found.time[4] == pytest.approx(0.45) and not found.problems
    later = series(tmp_path / "a.csv", "frame;x\n3;5\n4;6\n", 10.0)
    assert flat(later) == [None, None, None, 5, 6]
    assert flat(series(tmp_path / "a.csv", "frame,x\na.jpg,1\nb.jpg,2\n")) == [1, 2]
    timed = series(tmp_path / "a.csv", "frame,time,x\n9,0,1\n3,0.1,2\n")
    assert flat(timed) == [1, 2] and timed.rate == pytest.approx(10)


@pytest.mark.parametrize("frames", [(0, 2, 2), (5, 4), (-1, 0), (0, 10**12)])
def test_frames_that_do_not_rise_are_refused(tmp_path: Path, frames: tuple[int, ...]) -> None:
    with pytest.raises(DataError, match="frame '"):
        series(tmp_path / "a.csv", "frame,x\n" + "".join(f"{one},1\n" for one in frames))


@pytest.mark.parametrize("names", [("calm", "Calm"), ("a b", "a_b"), ("calm", "average")])
def test_names_of_labels_are_apart(names: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="names"):
        LabelSettings(names=names)


def test_what_cannot_be_told_is_an_error_that_names_what_there_is(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="joy, calm"):
        series(tmp_path / "a.csv", "time,joy,calm\n0,1,2\n")
    with pytest.raises(DataError, match="no column 'anger'; there are joy, calm"):
        series(tmp_path / "a.csv", "time,joy,calm\n0,1,2\n", names=("anger",))
    with pytest.raises(DataError, match="4 columns without names"):
        series(tmp_path / "a.csv", "0,1,2,3\n1,1,2,3\n")
    for empty in ("", "\n\n", ",,\n"):
        with pytest.raises(DataError, match="empty"):
            series(tmp_path / "a.csv", empty)
    assert flat(series(tmp_path / "a.csv", "time,x\n0,1e300\n1,1\n")) == [None, 1]
    assert codes(series(tmp_path / "a.csv", "time,x\n0,a\n1,b\n")) == ["label_not_a_number", "label_empty"]


EAF = """<?xml version="1.0" encoding="UTF-8"?>
<ANNOTATION_DOCUMENT AUTHOR="" DATE="2024-01-01T00:00:00+01:00" FORMAT="3.0" VERSION="3.0">
<HEADER MEDIA_FILE="" TIME_UNITS="milliseconds"/>
<TIME_ORDER><TIME_SLOT TIME_SLOT_ID="ts1" TIME_VALUE="0"/><TIME_SLOT TIME_SLOT_ID="ts2" TIME_VALUE="300"/>
<TIME_SLOT TIME_SLOT_ID="ts3" TIME_VALUE="500"/><TIME_SLOT TIME_SLOT_ID="ts4"/></TIME_ORDER>
<TIER LINGUISTIC_TYPE_REF="default-lt" PARTICIPANT="anna" TIER_ID="mood@anna">
<ANNOTATION><ALIGNABLE_ANNOTATION ANNOTATION_ID="a1" TIME_SLOT_REF1="ts1" TIME_SLOT_REF2="ts2">
<ANNOTATION_VALUE>low</ANNOTATION_VALUE></ALIGNABLE_ANNOTATION></ANNOTATION>
<ANNOTATION><ALIGNABLE_ANNOTATION ANNOTATION_ID="a2" TIME_SLOT_REF1="ts2" TIME_SLOT_REF2="ts3">
<ANNOTATION_VALUE>high</ANNOTATION_VALUE></ALIGNABLE_ANNOTATION></ANNOTATION>
</TIER>
<TIER LINGUISTIC_TYPE_REF="ref-lt" PARENT_REF="mood@anna" TIER_ID="strength">
<ANNOTATION><REF_ANNOTATION ANNOTATION_ID="a3" ANNOTATION_REF="a2"><ANNOTATION_VALUE>0.7</ANNOTATION_VALUE>
</REF_ANNOTATION></ANNOTATION></TIER>
<TIER LINGUISTIC_TYPE_REF="default-lt" TIER_ID="open"><ANNOTATION>
<ALIGNABLE_ANNOTATION ANNOTATION_ID="a4" TIME_SLOT_REF1="ts3" TIME_SLOT_REF2="ts4">
<ANNOTATION_VALUE>1</ANNOTATION_VALUE></ALIGNABLE_ANNOTATION></ANNOTATION></TIER>
</ANNOTATION_DOCUMENT>"""
MOOD = {"values": {"low": 0, "high": 1}, "hz": 10}


def test_elan(tmp_path: Path) -> None:
    path = tmp_path / "a.eaf"
    assert flat(series(path, EAF, tier="mood@anna", **MOOD)) == [0, 0, 0, 1, 1]
    anna = LabelSettings(tier="mood@{participant}", **MOOD).of("anna")
    assert flat(read_series(path, anna)) == [0, 0, 0, 1, 1]
    assert flat(series(path, EAF, tier="strength", hz=10)) == [None, None, None, 0.7, 0.7]
    both = series(
        path, EAF, names=("mood@anna", "strength"), **MOOD | {"values": {"low": 0, "high": 1, "0.7": 0.7}}
    )
    assert both.valid.tolist() == [False] * 3 + [True] * 2
    assert both.value[3].tolist() == pytest.approx([1, 0.7])
    assert codes(series(path, EAF, tier="open", hz=10)) == ["label_not_a_number", "label_empty"]
    with pytest.raises(DataError, match="no tier 'mood'; there are mood@anna, strength, open") as caught:
        series(path, EAF, tier="mood")
    assert "did you mean mood@anna?" in caught.value.remedy
    with pytest.raises(DataError, match="3 tiers"):
        series(path, EAF)
    bomb = EAF.replace("<ANNOTATION_DOCUMENT", '<!DOCTYPE a [<!ENTITY b "c">]><ANNOTATION_DOCUMENT', 1)
    with pytest.raises(DataError, match="entities") as caught:
        series(path, bomb, tier="open")
    assert caught.value.code == "unsafe_file"
    with pytest.raises(DataError, match="no XML"):
        series(path, EAF[:400], tier="open")


def test_what_elan_exports_as_text(tmp_path: Path) -> None:
    line = "{tier}\t\t{0}\t{1}\t{2}\t{3}\t{4}\t{5}\t{text}\n".format
    bare = line("00:00:00.000", "0.0", "00:00:00.300", "0.3", "00:00:00.300", "0.3", tier="mood", text="low")
    bare += line(
        "00:00:00.300", "0.3", "00:00:00.500", "0.5", "00:00:00.200", "0.2", tier="mood", text="high"
    )
    bare += line(
        "00:00:00.000", "0.0", "00:00:00.500", "0.5", "00:00:00.500", "0.5", tier="words", text="so it is"
    )
    assert flat(series(tmp_path / "a.txt", bare, tier="mood", **MOOD)) == [0, 0, 0, 1, 1]
    millis = "mood\t0\t300\t300\tlow\nmood\t300\t500\t200\thigh\n"
    assert flat(series(tmp_path / "a.txt", millis, **MOOD)) == [0, 0, 0, 1, 1]
    headed = "Begin Time - hh:mm:ss.ms\tBegin Time - ss.msec\tEnd Time - hh:mm:ss.ms\tEnd Time - ss.msec\t"
    headed += "Duration - ss.msec\tmood\n00:00:00.000\t0.0\t00:00:00.300\t0.3\t0.3\tlow\n"
    headed += "00:00:00.300\t0.3\t00:00:00.500\t0.5\t0.2\thigh\n"
    assert flat(series(tmp_path / "a.txt", headed, **MOOD)) == [0, 0, 0, 1, 1]
    tiers = "Tier\tBegin Time - msec\tEnd Time - msec\tAnnotation\nmood\t0\t300\tlow\nwords\t0\t500\tso\n"
    tiers += "mood\t300\t500\thigh\n"
    assert flat(series(tmp_path / "a.txt", tiers, tier="mood", **MOOD)) == [0, 0, 0, 1, 1]
    with pytest.raises(DataError, match="no tier 'joy'; there are mood, words"):
        series(tmp_path / "a.txt", tiers, tier="joy")


ANVIL = """<?xml version="1.0" encoding="UTF-8"?>
<annotation><head><specification src="s.xml"/></head><body>
<track name="face.mood" type="primary">
<el index="0" start="0.0" end="0.3"><attribute name="kind">low</attribute><attribute name="sure">1</attribute></el>
<el index="1" start="0.3" end="0.5"><attribute name="kind">high</attribute></el></track>
<track name="phrase" type="span" ref="face.mood">
<el index="0" start="0" end="1"><attribute name="x">0.2</attribute></el></track>
</body></annotation>"""


def test_anvil(tmp_path: Path) -> None:
    path = tmp_path / "a.anvil"
    assert flat(series(path, ANVIL, tier="face.mood/kind", **MOOD)) == [0, 0, 0, 1, 1]
    assert flat(series(path, ANVIL, tier="phrase", hz=10)) == [0.2] * 5
    assert flat(series(path, ANVIL, tier="phrase/x", hz=10)) == [0.2] * 5
    with pytest.raises(DataError, match=r"face\.mood/kind, face\.mood/sure, phrase"):
        series(path, ANVIL, tier="mood")


def nova(path: Path, scheme: str, body: bytes, ftype: str = "ASCII") -> Path:
    path.write_text(
        f'<?xml version="1.0" ?>\n<annotation ssi-v="3"><info ftype="{ftype}" size="3"/>{scheme}</annotation>'
    )
    path.with_name(path.name + "~").write_bytes(body)
    return path.with_name(path.name + "~")


CLASSES = '<scheme name="mood" type="DISCRETE"><item name="low" id="0"/><item name="high" id="1"/></scheme>'
SCORES = '<scheme name="x" type="CONTINUOUS" sr="{}" min="0" max="1"/>'


def test_nova(tmp_path: Path) -> None:
    path = tmp_path / "a.annotation"
    settings = LabelSettings(**MOOD)
    text = nova(path, CLASSES, b"0;0.3;0;1\n0,3;0,5;1;1\n0.5;0.6;-1;1\n")
    assert flat(read_series(text, settings)) == flat(read_series(path, settings)) == [0, 0, 0, 1, 1, None]
    records = b"".join(
        struct.pack("<ddIf", *one) for one in ((0, 0.3, 0, 1), (0.3, 0.5, 1, 1), (0.5, 0.6, 2**32 - 1, 1))
    )
    assert flat(read_series(nova(path, CLASSES, records, "BINARY"), settings)) == [0, 0, 0, 1, 1, None]
    scores = nova(path, SCORES.format("4"), b"0.5;1\nNaN;1\n0.25;1\n")
    found = read_series(scores, LabelSettings(), 25.0)
    assert found.rate == 4 and flat(found) == [0.5, None, 0.25] and found.time[0] == pytest.approx(0.125)
    binary = struct.pack("<6f", 0.5, 1, float("nan"), 1, 0.25, 1)
    assert flat(read_series(nova(path, SCORES.format("4"), binary, "BINARY"), LabelSettings())) == [
        0.5,
        None,
        0.25,
    ]
    free = nova(path, '<scheme name="t" type="FREE"/>', b"0;0.2;high;1\n")
    assert flat(read_series(free, settings)) == [1, 1]
    with pytest.raises(DataError, match="13 bytes"):
        read_series(nova(path, SCORES.format("4"), b"x" * 13, "BINARY"), LabelSettings())
    with pytest.raises(DataError, match="POINT"):
        read_series(nova(path, '<scheme name="t" type="POINT"/>', b""), LabelSettings())
    with pytest.raises(DataError, match="sr 'x'"):
        read_series(nova(path, SCORES.format("x"), b""), LabelSettings())
    with pytest.raises(DataError, match="holds one label"):
        read_series(scores, LabelSettings(names=("valence", "arousal")))
    path.with_name(path.name + "~").unlink()
    with pytest.raises(DataError):
        read_series(nova(path, CLASSES, b"").with_name("b.annotation~"), settings)


def test_numbers_stay_numbers_beside_words_unless_numbers_are_among_the_words(tmp_path: Path) -> None:
    text = "time,x\n0,low\n0.2,0.3\n0.4,high\n"
    assert flat(series(tmp_path / "a.csv", text, values={"low": 0.0, "high": 1.0})) == pytest.approx(
        [0.0, 0.3, 1.0]
    )
    found = series(tmp_path / "b.csv", "time,x\n0,1\n0.2,2\n0.4,3\n", values={"1": 0.0, "2": 1.0})
    assert flat(found) == [0.0, 1.0, None] and "label_word_unknown" in codes(found)
