"""Exported windows equal the loader's batches bit for bit, in both formats."""

import json
import shutil

import h5py
import numpy as np
import pyarrow.parquet as pq
import pytest
from window_world import FRAMES, build, card, regular, write_shard

from affectssm.cli import main
from affectssm.errors import DataError
from affectssm.store.card import read_card
from affectssm.store.ids import id_of
from affectssm.store.shards import ShardReader
from affectssm.timeline.export import export
from affectssm.timeline.index import Target, write_index
from affectssm.timeline.loader import WindowDataset
from affectssm.vocabulary.features import FEATURES, Spec

NAMES = {"voice": "audio", "face": "visual", "flow": "visual"}


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """The world in the folders of a results tree: features/{corpus}-demo/{feature}/{shard}.h5."""
    world = build(tmp_path_factory.mktemp("lab"), 25)
    root = world.path.parent
    folders = []
    for corpus in ("noxi", "mpiigi"):
        folder = root / f"{corpus}-demo"
        folder.mkdir()
        for feature in (*NAMES, "engagement"):
            (folder / feature).symlink_to(root / feature / corpus)
        folders.append(folder)
    return world, folders


def batches(world):
    """The loader's windows by target, one at a time, before standardisation."""
    dataset = WindowDataset(world.index, world.features, world.labels)
    found = {}
    for number in range(len(dataset)):
        target = world.index.targets[world.index.target[number]]
        native = dataset[number]
        item = (target, int(world.index.start[number]), native, native.interpolate(None))
        found.setdefault(target, []).append(item)
    return found


def same(stored, tensor):
    expected = tensor.numpy()
    np.testing.assert_array_equal(np.asarray(stored, expected.dtype).reshape(expected.shape), expected)


def test_parquet(lab, tmp_path):
    world, folders = lab
    files = export(world.path, folders, list(NAMES), "parquet", tmp_path)
    assert str(files[-1].relative_to(tmp_path)) == "mpiigi/026/subjectPos4.parquet"
    assert len(files) == len(world.index.targets)
    for file, windows in zip(files, batches(world).values(), strict=True):
        data = pq.ParquetFile(file)
        assert data.metadata.num_row_groups == len(windows)
        assert "RLE_DICTIONARY" not in data.metadata.row_group(0).column(0).encodings
        assert data.schema_arrow.field("voice").metadata[b"shape"] == b"96,6"
        for number, (target, start, native, frames) in enumerate(windows):
            row = data.read_row_group(number).to_pylist()[0]
            assert (row["participant"], row["split"], row["start"]) == (
                target.participant,
                target.split,
                start,
            )
            same(row["label"], native.label)
            same(row["label.valid"], native.label_valid)
            same(row["frame_valid"], frames.frame_valid)
            assert [row[f"partner{k}"] for k in (1, 2, 3)] == [*target.partners, None, None, None][:3]
            for name in NAMES:
                same(row[name], frames.target[name].frames())
                same(row[f"{name}.valid"], frames.target[name].valid)
                for k in range(3):
                    if k < len(target.partners):
                        same(row[f"partner{k + 1}.{name}"], frames.partners[name].frames()[:, k])
                        same(row[f"partner{k + 1}.{name}.valid"], frames.partners[name].valid[:, k])
                    else:
                        assert row[f"partner{k + 1}.{name}"] is None


def test_hdf5(lab, tmp_path):
    world, folders = lab
    files = export(world.path, folders, list(NAMES), "hdf5", tmp_path)
    for file, windows in zip(files, batches(world).values(), strict=True):
        with h5py.File(file) as data:
            assert data["target/voice"].chunks == (1, 96, 6)
            assert len(data["start"]) == len(windows)
            for number, (target, start, native, frames) in enumerate(windows):
                assert data.attrs["participant"] == target.participant
                assert tuple(data.attrs["partners"]) == target.partners
                assert data["start"][number] == start
                same(data["label"][number], native.label)
                same(data["label_valid"][number], native.label_valid)
                same(data["frame_valid"][number], frames.frame_valid)
                for name in NAMES:
                    same(data[f"target/{name}"][number], frames.target[name].frames())
                    same(data[f"target_valid/{name}"][number], frames.target[name].valid)
                    same(data[f"partner/{name}"][number], frames.partners[name].frames())
                    same(data[f"partner_valid/{name}"][number], frames.partners[name].valid)


def test_files_carry_cards_and_nothing_else_is_left(lab, tmp_path):
    world, folders = lab
    for kind in ("parquet", "hdf5"):
        for file in export(world.path, folders, list(NAMES), kind, tmp_path):
            assert read_card(file)["settings"]["format"] == kind
    assert sum(path.is_file() for path in tmp_path.rglob("*")) == 2 * len(world.index.targets)


@pytest.mark.parametrize("kind", ["parquet", "hdf5"])
def test_odd_ids_stay_below_the_folder(lab, tmp_path, kind):
    """Ids come from the index; the files of the world serve for any."""
    names = ["-3g5yACwYnA", "vid$_$1", ".hidden", "a b", "ü", "x;y"]
    tracks = {(name, "-rf"): regular(30, 2, 25.0, number) for number, name in enumerate(names)}
    folder = tmp_path / "mosei-demo"
    for feature in ("voice", "engagement"):
        write_shard(folder / feature / "s00.h5", tracks)
    targets = [Target("mosei", "train", "main", "s00", name, "-rf", 30, 30, 25.0, ()) for name in names]
    write_index(tmp_path / "w.parquet", targets, FRAMES, card(**FRAMES.told(1)))
    files = export(tmp_path / "w.parquet", [folder], ["voice"], kind, tmp_path / "out")
    assert [id_of(file.parent.name) for file in files] == names
    assert {id_of(file.stem) for file in files} == {"-rf"}
    assert sorted(files) == sorted(path for path in (tmp_path / "out").rglob("*") if path.is_file())
    with ShardReader(folder / "voice" / "s00.h5") as reader:
        assert reader.keys() == sorted(tracks)


def test_missing_features_are_refused(lab, tmp_path):
    world, folders = lab
    with pytest.raises(DataError, match="no folder of"):
        export(world.path, folders[:1], list(NAMES), "parquet", tmp_path)
    assert not list(tmp_path.iterdir())


def test_export_says_how_far_it_is_and_what_is_gone(lab, tmp_path, caplog):
    world, folders = lab
    with caplog.at_level("INFO"):
        export(world.path, folders, list(NAMES), "hdf5", tmp_path / "out")
    lines = [record.getMessage() for record in caplog.records if " of " in record.getMessage()]
    count = len(world.index.targets)
    assert (
        len(lines) == count and lines[0].startswith(f"1 of {count}: ") and lines[-1].startswith(f"{count} of")
    )
    moved = []
    for folder in folders:
        copied = tmp_path / folder.name
        shutil.copytree(folder, copied)
        moved.append(copied)
    shutil.rmtree(moved[0] / "face")
    with pytest.raises(DataError, match="feature files are not there") as caught:
        export(world.path, moved, list(NAMES), "hdf5", tmp_path / "again")
    assert f"snakemake --cores 8 {moved[0]}/face/s00.h5 {moved[0]}/face/s01.h5" in caught.value.remedy
    assert not (tmp_path / "again").exists()


def test_the_command_writes_the_features_it_is_told_of_and_refuses_others(lab, tmp_path, monkeypatch, capsys):
    world, folders = lab

    def run(*names):
        given = ["--windows", str(world.path), "--features", *map(str, folders), "--out", str(tmp_path)]
        return main(["export", *given, "--format", "parquet", "--names", *names])

    assert run("voice", "flow") == 1
    assert "one of face_track, wav2vec2, " in capsys.readouterr().err
    for name in NAMES:
        monkeypatch.setitem(FEATURES, name, Spec(name, "lab:Extractor", "audio"))
    assert run("voice", "flow") == 0
    (card,) = {json.dumps(read_card(path)["settings"]) for path in tmp_path.rglob("*.parquet")}
    assert json.loads(card)["features"] == ["voice", "flow"]
