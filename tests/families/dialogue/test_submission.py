import json

import numpy as np
import pytest
from scored_world import FRAMES, ROLES, WORLD, predicted, write_missing, write_predictions

from affectssm.errors import DataError
from affectssm.families.dialogue.run_settings import SubmissionSettings
from affectssm.families.dialogue.stages.submission import write_submission
from affectssm.timeline.windows import MISSING_SCHEMA

DATASET = {"noxi": "noxi", "noxi_add": "noxi", "mpiigi": "mpiigroupinteraction"}


def test_every_test_session_is_there_with_every_line(tmp_path):
    paths = [write_predictions(tmp_path / f"{s}.parquet", s) for s in (1, 2)]
    left_out = ("noxi", "test-base", "009", "expert", "no audio")
    missing = write_missing(tmp_path, [left_out, ("noxi", "val", "005", "expert", "no audio")])
    write_submission(
        SubmissionSettings(experiment="da_mamba+x-extracted-demo"), paths, missing, tmp_path / "out"
    )
    written = json.loads((tmp_path / "out/index.json").read_text())
    index = written["files"]
    assert [tuple(row[name] for name in MISSING_SCHEMA.names) for row in written["left_out"]] == [left_out]
    tags = [f"da_mamba_x-extracted-demo-{tag}" for tag in ("seed1", "seed2", "mean")]
    expected = {
        f"{DATASET[corpus]}/{tag}/{recording}/{role}.engagement.pred.csv"
        for (corpus, split), recordings in WORLD.items()
        if split != "val"
        for recording in recordings
        for role in ROLES
        for tag in tags
    }
    on_disk = {p.relative_to(tmp_path / "out").as_posix() for p in (tmp_path / "out").rglob("*.csv")}
    assert on_disk == set(index) == expected
    for name in expected:
        lines = (tmp_path / "out" / name).read_text().splitlines()
        assert len(lines) == FRAMES == index[name]
        assert np.isfinite([float(line) for line in lines]).all()
    mean = np.loadtxt(tmp_path / "out/noxi" / tags[2] / "003/expert.engagement.pred.csv")
    by_hand = np.mean([predicted("noxi", "003", "expert", s) for s in (1, 2)], axis=0)
    np.testing.assert_allclose(mean, by_hand, atol=1e-5)


def test_seeds_that_differ_in_what_they_predicted_are_refused(tmp_path):
    paths = [
        write_predictions(tmp_path / "1.parquet", 1),
        write_predictions(tmp_path / "2.parquet", 2, skip={("003", "expert")}),
    ]
    with pytest.raises(DataError, match="different participants"):
        write_submission(SubmissionSettings(experiment="x"), paths, write_missing(tmp_path), tmp_path / "out")
    assert not (tmp_path / "out/index.json").exists()


def test_odd_ids_are_escaped_in_paths(tmp_path, monkeypatch):
    monkeypatch.setattr("scored_world.predicted", lambda *a, **k: np.zeros(FRAMES))
    monkeypatch.setitem(WORLD, ("noxi", "test-base"), ["-3g5$(x)"])
    path = write_predictions(tmp_path / "1.parquet", 1)
    write_submission(SubmissionSettings(experiment="x"), [path], write_missing(tmp_path), tmp_path / "out")
    names = {each.parent.name for each in (tmp_path / "out/noxi/x-mean").rglob("*.csv")}
    assert "%2D3g5%24%28x%29" in names


def test_unsafe_ids_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("scored_world.predicted", lambda *a, **k: np.zeros(FRAMES))
    monkeypatch.setitem(WORLD, ("noxi", "test-base"), ["../003"])
    path = write_predictions(tmp_path / "1.parquet", 1)
    with pytest.raises(DataError):
        write_submission(
            SubmissionSettings(experiment="x"), [path], write_missing(tmp_path), tmp_path / "out"
        )
