"""The files a discovery leaves, the shard index, the length of a recording, and the fingerprint of a listing."""

from __future__ import annotations

import csv
import dataclasses
import json
import os
import subprocess
import sys
from collections import Counter

import pytest
from trees import MM25, ROWS, SETTINGS, dyad, label, stream, streams

from affectssm.corpora import checksums
from affectssm.corpora.checksums import check_unchanged
from affectssm.corpora.demo.write import write_demo
from affectssm.corpora.discover import discover_corpus, label_frames, listing_fingerprint
from affectssm.corpora.manifest import StreamRow, content_hash, read_manifest
from affectssm.errors import ConfigError
from affectssm.store.card import read_card
from affectssm.store.faults import read_faults
from affectssm.vocabulary.corpora import CORPORA
from affectssm.vocabulary.faults import CODES

FILES = CORPORA["noxi"].files

ROW = StreamRow(
    "noxi",
    "train",
    "001",
    "expert",
    "annotation",
    "p",
    "root",
    25.0,
    100,
    1,
    4.0,
    9,
    "sha256:a",
    "001",
    "",
    "s00",
)


def shards(out):
    return json.loads((out / "shards.json").read_text())["shards"]


def test_files_round_trip_and_carry_cards(tmp_path):
    dyad(tmp_path / "noxi/train/001")
    stream(tmp_path / "noxi/train/001", "s.clip", 512)
    found = discover_corpus("noxi", tmp_path / "noxi", None, SETTINGS, tmp_path / "out")
    assert read_manifest(tmp_path / "out/manifest.parquet") == found.rows
    assert read_manifest(tmp_path / "out/manifest.parquet", "s00") == [
        r for r in found.rows if r.shard == "s00"
    ]
    assert {fault.code for fault in read_faults(tmp_path / "out/faults.parquet")} == {
        "unknown_role",
        "no_raw_media",
    }
    assert read_card(tmp_path / "out/manifest.parquet")["stage"] == "corpora/noxi"


def test_no_such_corpus(tmp_path):
    with pytest.raises(ConfigError, match="noxi, noxi_add, mpiigi"):
        discover_corpus("noxy", tmp_path, None, SETTINGS, tmp_path)


def test_a_changed_label_changes_the_annotations_of_its_shard_alone(tmp_path):
    for name in (f"{number:03d}" for number in range(1, 9)):
        dyad(tmp_path / "noxi/train" / name)
    discover_corpus("noxi", tmp_path / "noxi", None, SETTINGS, tmp_path / "a")
    card = read_card(tmp_path / "a/manifest.parquet")["id"]
    (tmp_path / "noxi/train/001/expert.engagement.annotation.csv").write_text("0.25\n" * ROWS)
    discover_corpus("noxi", tmp_path / "noxi", None, SETTINGS, tmp_path / "b")
    before, after = shards(tmp_path / "a"), shards(tmp_path / "b")
    changed = [(s, kind) for s, kinds in before.items() for kind in kinds if after[s][kind] != kinds[kind]]
    (own,) = {row.shard for row in read_manifest(tmp_path / "a/manifest.parquet") if row.recording == "001"}
    assert changed == [(own, "annotation")]
    assert read_card(tmp_path / "b/manifest.parquet")["id"] != card


def test_a_new_session_changes_its_own_shard_alone(tmp_path):
    for number in range(1, 9):
        dyad(tmp_path / f"noxi/train/{number:03d}")
    discover_corpus("noxi", tmp_path / "noxi", None, SETTINGS, tmp_path / "a")
    dyad(tmp_path / "noxi/train/009")
    before = shards(tmp_path / "a")
    rows = discover_corpus("noxi", tmp_path / "noxi", None, SETTINGS, tmp_path / "a").rows
    after = shards(tmp_path / "a")
    assert {s for s in after if after[s] != before.get(s)} == {r.shard for r in rows if r.recording == "009"}


def test_a_session_without_a_file_that_can_be_used_changes_who_is_expected_and_no_content(tmp_path):
    dyad(tmp_path / "noxi/train/001")
    discover_corpus("noxi", tmp_path / "noxi", None, SETTINGS, tmp_path / "a")
    (tmp_path / "noxi/train/002").mkdir()
    (tmp_path / "noxi/train/002/expert.audio.wav").touch()
    discover_corpus("noxi", tmp_path / "noxi", None, SETTINGS, tmp_path / "b")
    before, after = (json.loads((tmp_path / out / "shards.json").read_text()) for out in "ab")
    assert {name for name in after if after[name] != before[name]} == {"seats"}


def rows(split="train", **frames):
    return [
        dataclasses.replace(ROW, split=split, kind=kind, frames=count, rate=rate, duration_s=count / rate)
        for kind, (count, rate) in frames.items()
    ]


@pytest.mark.parametrize(
    ("split", "frames", "expected"),
    [
        ("train", {"annotation": (100, 25), "egemapsv2": (99, 25), "video": (120, 30)}, 100),
        ("test-base", {"annotation": (100, 25), "egemapsv2": (99, 25), "video": (120, 30)}, 99),
        ("test", {"annotation": (100, 25), "clip": (98, 25), "w2vbert2": (160, 40)}, 98),
        ("test", {"annotation": (100, 25), "video": (121, 30), "audio": (64000, 16000)}, 101),
        ("test", {"audio": (64000, 16000)}, 100),
        ("train", {"egemapsv2": (97, 25)}, 97),
        ("test", {"w2vbert2": (160, 40)}, 100),
        ("test", {"annotation": (100, 25)}, 0),
    ],
)
def test_length_of_a_recording_never_comes_from_a_test_label(split, frames, expected):
    assert label_frames(rows(split, **frames)) == expected


def test_fingerprint_follows_names_sizes_and_times_below_both_roots(tmp_path):
    root, truth = tmp_path / "noxi", tmp_path / "truth"
    assert listing_fingerprint(root, FILES, truth) == listing_fingerprint(root, FILES)
    dyad(root / "train/001")
    label(truth / "test-base/010", "expert")
    seen = [listing_fingerprint(root, FILES, truth)]
    assert seen[0] == listing_fingerprint(root, FILES, truth)
    dyad(root / "train/002")
    seen.append(listing_fingerprint(root, FILES, truth))
    os.utime(root / "train/001/expert.video.clip.stream~", ns=(1, 1))
    seen.append(listing_fingerprint(root, FILES, truth))
    label(truth / "test-base/010", "novice")
    seen.append(listing_fingerprint(root, FILES, truth))
    (root / "train/notes").mkdir()
    seen.append(listing_fingerprint(root, FILES, truth))
    seen.append(listing_fingerprint(root, FILES))
    assert len(set(seen)) == len(seen)
    (root / "train/001/.editor.swp").write_text("")
    (root / "train/001/README.txt").write_text("")
    assert listing_fingerprint(root, FILES) == seen[-1]


def test_fingerprint_lists_every_folder_once_and_its_import_is_light(tmp_path, monkeypatch):
    for session in range(200):
        folder = tmp_path / f"train/{session:03d}"
        folder.mkdir(parents=True)
        for number in range(20):
            (folder / f"expert.{number}.stream").touch()
    listed, scandir = [], os.scandir

    def counting(folder):
        listed.append(str(folder))
        return scandir(folder)

    monkeypatch.setattr(os, "scandir", counting)
    listing_fingerprint(tmp_path, FILES)
    assert len(listed) == len(set(listed)) == 202  # every folder once
    heavy = "pyarrow pandas numpy torch av h5py affectssm.settings"
    code = (
        "import sys; import affectssm.corpora.discover; "
        f"sys.exit(', '.join(m for m in '{heavy}'.split() if m in sys.modules) or None)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_every_specimen_of_the_demo_is_found_and_nothing_else(tmp_path):
    write_demo("demo-tiny", tmp_path / "demo")
    folders = {"noxi": "noxi", "noxi_add": "noxi", "mpiigi": "mpiigi"}
    found = set()
    for corpus, folder in folders.items():
        manifest = discover_corpus(
            corpus,
            tmp_path / "demo" / folder,
            tmp_path / "demo/ground_truth",
            SETTINGS,
            tmp_path / corpus,
        )
        faults = manifest.faults.rows
        found |= {(fault.corpus, fault.recording, fault.participant, fault.code) for fault in faults}
        assert {row.rate for row in manifest.rows if row.kind not in ("audio",)} == {25.0}
    with (tmp_path / "demo/truth/specimens.csv").open(newline="") as file:
        specimens = [row for row in csv.DictReader(file) if row["code"]]
    planted = {(row["corpus"], row["recording"], row["participant"], row["code"]) for row in specimens}
    assert found == planted
    assert {code for *_, code in found} <= set(CODES)


def test_every_folder_is_listed_once(tmp_path, monkeypatch):
    for session in range(1, 41):
        streams(tmp_path / f"test-additional/{session:03d}", "expert", MM25, rows=4)
    listed, scandir = Counter(), os.scandir

    def counting(folder):
        listed[str(folder)] += 1
        return scandir(folder)

    monkeypatch.setattr(os, "scandir", counting)
    discover_corpus("noxi_add", tmp_path, None, SETTINGS, tmp_path / "out")
    within = [
        number for folder, number in listed.items() if folder.startswith(str(tmp_path / "test-additional"))
    ]
    assert len(within) == 41 and set(within) == {1}


def test_a_file_is_read_again_only_where_it_changed_since_discovery(tmp_path, monkeypatch):
    dyad(tmp_path / "noxi/train/001")
    found = discover_corpus("noxi", tmp_path / "noxi", None, SETTINGS, tmp_path / "out")
    rows = read_manifest(tmp_path / "out/manifest.parquet")
    assert all(row.changed_ns for row in rows)
    elsewhere = [dataclasses.replace(row, changed_ns=1) for row in rows]  # a copy of the corpus
    assert elsewhere == found.rows and content_hash(elsewhere) == content_hash(rows)
    read = []
    monkeypatch.setattr(
        checksums, "fingerprint", lambda paths, method: read.append(paths) or rows[0].checksum
    )
    check_unchanged(rows[0], tmp_path / "noxi")
    assert not read
    check_unchanged(elsewhere[0], tmp_path / "noxi")
    path = tmp_path / "noxi" / rows[0].path
    times = path.stat()
    path.write_bytes(path.read_bytes())
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))  # which hides the change from its time alone
    check_unchanged(rows[0], tmp_path / "noxi")
    assert len(read) == 2
