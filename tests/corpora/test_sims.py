"""CH-SIMS and CH-SIMS v2: tables in Chinese encodings, four labels, and the part without labels."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from affectssm.corpora.clip_tables import ColumnsError, read_table
from affectssm.corpora.clips import ClipCorpus, Clips
from affectssm.corpora.listing import Entry
from affectssm.corpora.sims import SIMS
from affectssm.errors import DataError
from affectssm.features.sentiment import NO_LABEL
from affectssm.store.faults import FaultLog
from tests.corpora.clip_corpora import HEADER, dump, table, write_table
from tests.corpora.small_corpora import _film
from tests.corpora.test_mosei import found_in, kinds_of, told, tracks

LINES = [
    "video_0001,0001,我不知道；真的？,0.6,0.4,-0.2,1,Positive,train",
    "video_0001,0010,好,0,0,0,0,Neutral,valid",
]


@pytest.mark.parametrize(
    ("encoding", "codes"),
    [("utf-8", []), ("utf-8-sig", []), ("gb18030", ["gb18030_text"]), ("utf-16", ["wide_text"])],
)
@pytest.mark.parametrize("headed", [True, False])
def test_tables_read_in_every_encoding_with_and_without_names(
    tmp_path: Path, encoding: str, codes: list[str], headed: bool
) -> None:
    path = write_table(tmp_path / "meta.csv", LINES, HEADER if headed else "", encoding)
    found = read_table(path)
    assert list(found) == ["video_0001[0001]", "video_0001[0010]"]
    first = found["video_0001[0001]"]
    assert (first.text, first.split, first.labels) == ("我不知道；真的？", "train", (0.6, 0.4, -0.2, 1.0))
    assert [code for code, _ in found.problems] == codes + ["clip_table_headerless"] * (not headed)


def test_lines_of_a_table_hide_no_other_lines(tmp_path: Path) -> None:
    lines = [
        '-v,1,"two, or\nthree lines",0.2,,,,Positive,train', 'v,2,5" wide,0.2,,,,Positive,test', "", "v,3,short,0.2",
        'v,4,"open,0.2,,,,Positive,test', "v,4,again,0.4,,,,Positive,train", "v,5,so,much,,,,Positive,TEST",
        *(f"v,{number},x,0,,,,Neutral,valid" for number in range(6, 70)),
    ]  # fmt: skip
    found = read_table(write_table(tmp_path / "label.csv", lines))
    assert found["-v[1]"].text == "two, or\nthree lines" and found["v[2]"].text == '5" wide'
    assert (
        found["v[4]"].text == "open" and np.isnan(found["v[5]"].labels[0]) and found["v[5]"].split == "test"
    )
    assert set(found) == {"-v[1]", *(f"v[{number}]" for number in (2, *range(4, 70)))}
    odd = dict(found.problems)
    assert odd["clip_table_line"] == "1: line 6 'v,3,short,0.2'"
    assert odd["duplicate_clip"].startswith("1: line 8 ") and odd["label_not_a_number"].startswith(
        "1: line 9 "
    )


@pytest.mark.parametrize("name", ["video_id", "clip_id", "text", "label", "mode"])
def test_a_table_without_a_column_is_one_clear_error(tmp_path: Path, name: str) -> None:
    path = write_table(tmp_path / "label.csv", LINES, HEADER.replace(name, "x", 1))
    with pytest.raises(ColumnsError, match=f"no column {name};"):
        read_table(path)
    with pytest.raises(ColumnsError, match="no column video_id, clip_id"):
        read_table(write_table(tmp_path / "label.csv", [], ""))


def test_a_clip_has_four_labels_of_which_some_may_be_missing(tmp_path: Path) -> None:
    root = tmp_path / "root"
    held = table(["video_0001$_$0001", "video_0002$_$0003"], "sims", (39, 8, 6))
    held["regression_labels_A"] = np.array([0.2, np.nan])
    dump(root / "Processed/unaligned_39.pkl", {"train": held})
    manifest = found_in(root, "sims")
    kinds = {"unaligned_text", "unaligned_audio", "unaligned_vision", "tokens", "sentiment"}
    assert kinds_of(manifest) == {"video_0001[0001]": kinds, "video_0002[0003]": kinds}
    assert {(row.language, row.dim) for row in manifest.rows if row.kind == "sentiment"} == {("chinese", 4)}
    found, _ = tracks(root, "sentiment")
    assert found["video_0001[0001]"].value.tolist() == [pytest.approx([0.2, -0.4, 0.2, -0.4])]
    assert found["video_0002[0003]"].value.tolist() == [pytest.approx([0.4, -0.4, NO_LABEL, -0.4])]
    with pytest.raises(
        DataError, match=r"audio of 33 columns and vision of 709, those of CH-SIMS, expected 25 and 177"
    ):
        found_in(root, "simsv2")


def test_clips_without_labels_are_a_split_of_their_own_and_never_take_a_labelled_one(tmp_path: Path) -> None:
    root, folder = tmp_path / "root", tmp_path / "root/ch-simsv2"
    held = table(["aqgy3_0001$_$00000", "aqgy3_0001$_$00001"], "simsv2")
    dump(folder / "s.pkl", {"train": held, "train_mix": held})
    without = {name: one for name, one in held.items() if "labels" not in name}
    dump(root / "a.pkl", {"train": without | {"id": ["aqgy3_0009$_$00000", "aqgy3_0001$_$00001"]}})
    write_table(root / "ch-simsv2u/meta.csv", ["aqgy3_0009,00000,好,,,,,,", "aqgy3_0009,00001,好,,,,,,"])
    write_table(folder / "meta.csv", ["aqgy3_0001,00000,好,0.2,0,0,0,Positive,train"])
    for clip in (root / "ch-simsv2u/Raw", folder / "Raw"):
        _film(clip / "aqgy3_0009/00001.mp4")
        _film(clip / "aqgy3_0009" / f"{len(str(clip))}.mp4")
    manifest = found_in(root, "simsv2")
    assert {row.recording: row.split for row in manifest.rows} == {
        "aqgy3_0001[00000]": "train", "aqgy3_0001[00001]": "train",
        "aqgy3_0009[00000]": "unlabelled", "aqgy3_0009[00001]": "unlabelled",
    }  # fmt: skip
    kinds = kinds_of(manifest)
    assert "sentiment" in kinds["aqgy3_0001[00001]"] and "sentiment" not in kinds["aqgy3_0009[00000]"]
    assert {row.path for row in manifest.rows if row.kind == "video"} == {
        "ch-simsv2u/Raw/aqgy3_0009/00001.mp4"
    }
    faults = told(manifest)
    assert "clip_unlabelled" not in faults
    assert faults["duplicate_stream"].found == "1: aqgy3_0009[00001] video"


def counts_of(corpus: ClipCorpus, labels: dict[str, list[int]]) -> list[str]:
    """What is told of the counts of clips with so many negative, neutral and positive labels in a split."""
    log, entry = FaultLog(corpus.corpus), Entry(("x",), 1, 1)
    clips = Clips(corpus, log)
    for split, classes in labels.items():
        for label, count in zip((-1, 0, 1), classes, strict=True):
            for at in range(count):
                clips.claim(split, f"{label}_{at}", split, label, entry)
    clips.finish()
    return [fault.found for fault in log.rows if fault.code == "counts_differ"]


def test_counts_tell_whether_the_download_is_whole() -> None:
    whole = {"train": [700, 300, 368], "val": [200, 100, 156], "test": [248, 69, 140]}
    assert counts_of(SIMS, whole) == []
    assert counts_of(SIMS, whole | {"val": [200, 100, 155]}) == [
        "455 clips in val: 200 negative, 100 neutral, 155 positive"
    ]
    assert counts_of(SIMS, whole | {"test": [248, 70, 139]}) == [
        "457 clips in test: 248 negative, 70 neutral, 139 positive"
    ]


def test_the_counts_of_one_of_several_releases_suffice() -> None:
    several = replace(SIMS, counts={"test": (5, 8)}, classes={"test": (3, 2, 3)})
    assert counts_of(several, {"test": [4, 1, 0]}) == counts_of(several, {"test": [3, 2, 3]}) == []
    for other in ([4, 1, 3], [3, 2, 2]):
        assert len(counts_of(several, {"test": other})) == 1
