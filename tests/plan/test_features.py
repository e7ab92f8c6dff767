"""What an extraction is told, and what of it decides its result."""

import json
import shlex

import pytest

from affectssm.plan.plan import Plan
from affectssm.vocabulary.features import FEATURES, spec


@pytest.fixture
def plan(tmp_path):
    return Plan({}, str(tmp_path / "results"))


def test_every_feature_is_computed_by_a_network_or_not(plan):
    shared = [
        name for name in FEATURES if not spec(name).by_fold
    ]  # the others are made by a step of their family
    assert sorted([*plan.features.network_features, *plan.features.cpu_features]) == sorted(shared)


def test_how_something_is_computed_is_written_once_and_is_no_part_of_what_decides(plan, tmp_path):
    plan.write_computing()
    path = tmp_path / "results/computing.json"
    how = json.loads(path.read_text())
    written = path.stat().st_mtime_ns
    plan.write_computing()
    assert path.stat().st_mtime_ns == written
    assert how["wav2vec2"] == {"batch": 8, "weights_dir": "weights"}
    assert not {"batch", "weights_dir"} & set(json.loads(plan.features.feature_settings("wav2vec2")))


def test_the_ground_truth_is_told_to_the_test_labels_alone(plan):
    def told(feature):
        return "--ground-truth" in shlex.split(plan.features.feature_arguments("noxi", feature))

    assert [name for name in FEATURES if told(name)] == ["engagement_test", "folder_labels_test"]


def test_features_of_the_face_wait_for_the_face_track(plan):
    for name in FEATURES:
        faces = plan.features.faces_of("noxi", name, "s03")
        assert len(faces) == spec(name).needs_faces and all("face_track/s03.h5" in path for path in faces)
