"""Where files lie: names of folders and what is read back of them."""

from pathlib import Path

import pytest

from affectssm.errors import DataError
from affectssm.store import layout


def test_a_feature_file_and_its_faults_lie_together() -> None:
    folder = Path("results/features/noxi_add-demo-4")
    file = layout.track(folder, "wav2vec2", "s03")
    assert file == folder / "wav2vec2" / "s03.h5"
    assert layout.faults_of(file) == folder / "wav2vec2" / "s03.faults.parquet"
    assert layout.corpus_of(folder) == "noxi_add"


def test_tracks_are_those_of_the_shards_named() -> None:
    folders = [Path("f/noxi-demo"), Path("f/mpiigi-demo")]
    found = layout.tracks(folders, ["clip"], {"noxi": ["s01", "s00"]})
    assert found == {
        "noxi": {"clip": [folders[0] / "clip/s00.h5", folders[0] / "clip/s01.h5"]},
        "mpiigi": {"clip": []},
    }


@pytest.mark.parametrize("truth", [None, "/disk/truth"])
def test_places_come_back_and_are_not_written_again(tmp_path: Path, truth: str | None) -> None:
    folder = layout.edition(tmp_path, "noxi", "lab")
    layout.write_places(folder, "/disk/noxi", truth)
    before = (folder / "places.json").stat().st_mtime_ns
    layout.write_places(folder, "/disk/noxi", truth)
    assert (folder / "places.json").stat().st_mtime_ns == before
    assert layout.places(folder) == (Path("/disk/noxi"), Path(truth) if truth else None)
    layout.write_places(folder, "/disk/elsewhere", truth)
    assert layout.places(folder)[0] == Path("/disk/elsewhere")
    assert layout.held_in(folder) == folder / "recordings.json"


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"root": 3, "ground_truth": null}', "\0"])
def test_places_and_shards_written_by_something_else_are_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "places.json").write_text(text)
    with pytest.raises(DataError, match="not readable"):
        layout.places(tmp_path)


def test_without_a_manifest_there_is_no_shard_index(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="make the manifest first"):
        layout.shard_index(tmp_path)
    (tmp_path / "shards.json").write_text('{"shards": {}}')
    assert layout.shard_index(tmp_path) == {"shards": {}}
