"""An encoder is tuned on what its fold learns from; no other fold is judged with its features."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from affectssm.cli import main
from affectssm.corpora.checksums import with_checksums
from affectssm.corpora.manifest import read_manifest, write_manifest
from affectssm.errors import ConfigError, DataError
from affectssm.families.configuration import load_config
from affectssm.families.video.run_settings import EncodingSettings, Place, TuningSettings
from affectssm.families.video.stages.encode import encode
from affectssm.families.video.stages.evaluate import evaluate
from affectssm.families.video.stages.folds import Division, divide
from affectssm.families.video.stages.predict import predict
from affectssm.families.video.stages.tables.rows import tuning_notes
from affectssm.families.video.stages.train import train
from affectssm.families.video.stages.tune import tune
from affectssm.plan.jobs import Job
from affectssm.plan.plan import Plan
from affectssm.store.card import make_card, read_card
from affectssm.store.faults import FaultLog
from affectssm.store.layout import write_places
from affectssm.store.shards import ShardReader
from affectssm.timeline.index import read_windows
from tests.families.video.small_videos import (
    LENGTH,
    MODULE,
    Video,
    World,
    evaluation_settings,
    run_settings,
    truth,
    write_world,
)

VIDEOS = (
    *(Video(f"video{number}", "train", LENGTH + 4, 30.0) for number in range(1, 6)),
    Video("video6", "train", LENGTH + 4, 25.0, ("video6_left", "video6_right")),
    *(Video(f"video{number}", "val", LENGTH + 4, 30.0) for number in range(7, 10)),
    Video("video10", "test", LENGTH + 4, 30.0),
)
ENCODER = {"model": "facebook/vit-mae-base", "weights": "random", "size": "small", "threads": 1}
TUNING = {"steps": 2, "steps_per_epoch": 1, "batch": 8, "learning_rate": 1e-3, "warmup_steps": 0}
FOLDS = (0, 1)


def write_crops(world: World, root: Path) -> None:
    """Pictures of everybody below a root, as bright as the valence, and a manifest that they agree with."""
    for video in VIDEOS:
        for person in video.names:
            folder = root / "crops" / person
            folder.mkdir(parents=True)
            for frame, (valence, _) in enumerate(truth(video, person)):
                image = np.full((112, 112, 3), 128 + 100 * valence).astype(np.uint8)
                Image.fromarray(image).save(folder / f"{frame + 1:05d}.jpg")
    rows = read_manifest(world.manifests[0])
    unread = [
        replace(row, checksum="", bytes=sum(path.stat().st_size for path in (root / row.path).iterdir()))
        for row in rows
        if row.kind == "crops"
    ]
    crops = with_checksums(unread, {"root": root}, "sha256", FaultLog("affwild2"))
    others = [row for row in rows if row.kind != "crops"]
    write_manifest(world.manifests[0], [*others, *crops], make_card("corpora/manifest", MODULE, {}))


def tuned(world: World, root: Path, fold: int, out: Path, **place: str) -> Path:
    told = {"fold": fold, "cross_folds": 3, "encoder": ENCODER, "tuning": TUNING, "seed": 1}
    settings = TuningSettings.model_validate(told | {"place": place or {"root": str(root)}})
    tune(settings, world.windows, world.features, world.manifests[0], out / f"fold{fold}.safetensors", {})
    return out / f"fold{fold}.safetensors"


def features_file(world: World, fold: int) -> Path:
    return world.features[0] / f"mae_tuned-fold{fold}" / "s00.h5"


@pytest.fixture(scope="module")
def encoders(tmp_path_factory: pytest.TempPathFactory) -> tuple[World, Mapping[int, Path], Path]:
    """A world with the encoders of two folds, their features, and the root of its pictures."""
    folder = tmp_path_factory.mktemp("tuned")
    world, root = write_world(folder / "results", VIDEOS), folder / "root"
    write_crops(world, root)
    found = {fold: tuned(world, root, fold, folder / "encoders") for fold in FOLDS}
    told = {"feature": "mae_tuned", "encoder": ENCODER, "place": {"root": str(root)}}
    for fold, encoder in found.items():
        out = features_file(world, fold)
        faults = out.with_suffix(".faults.parquet")
        settings = EncodingSettings.model_validate(told)
        encode(settings, world.manifests[0], encoder, "s00", out, faults, {"mae": {"batch": 16}})
        assert faults.is_file()
    return world, found, root


def division_of(world: World, fold: int) -> Division:
    return divide(read_windows(world.windows / "labelled.parquet").targets, fold, 3)


def told(fold: int, of: int | None = None, **changes):
    """Settings of a run of a fold on the features of its encoder, or of another fold's."""
    name = f"mae_tuned-fold{fold if of is None else of}"
    return run_settings(
        fold,
        experiment="mamba_va-mae_tuned",
        source="mae_tuned",
        groups={"visual": [name]},
        epochs=1,
        **changes,
    )


@pytest.fixture(scope="module")
def runs(encoders, tmp_path_factory: pytest.TempPathFactory) -> Mapping[int, Path]:
    """A run of each fold, with its predictions."""
    world, _, _ = encoders
    found = {fold: tmp_path_factory.mktemp("runs") / f"fold{fold}" for fold in FOLDS}
    for fold, out in found.items():
        train(told(fold), world.windows, world.features, out, {})
        predict(told(fold), out, world.windows, world.features, out / "predictions.parquet", {})
    return found


def test_an_encoder_sees_the_videos_that_its_fold_learns_from_and_no_others(encoders):
    world, found, _ = encoders
    for fold, path in found.items():
        extra, division = read_card(path)["extra"], division_of(world, fold)
        assert extra["fold"] == str(fold)
        assert extra["recordings"] == sorted({recording for recording, _ in division.learn})
        assert not {recording for recording, _ in division.select | division.report} & set(
            extra["recordings"]
        )


def test_features_cover_everybody_and_say_what_their_encoder_saw(encoders):
    world, found, _ = encoders
    values = []
    for fold, encoder in found.items():
        card = read_card(features_file(world, fold))
        own = read_card(encoder)["extra"]
        assert {name: card["extra"]["tuned"][name] for name in ("fold", "recordings")} == {
            name: own[name] for name in ("fold", "recordings")
        }
        with ShardReader(features_file(world, fold)) as reader:
            assert {person for _, person in reader.keys()} == {  # noqa: SIM118 - not a mapping
                person for video in VIDEOS for person in video.names
            }
            values.append(reader.track("video7", "video7").value)
    assert not np.array_equal(*values), "each fold has an encoder of its own"


def test_a_run_on_the_features_of_its_own_fold_is_scored(encoders, runs, tmp_path):
    world, _, _ = encoders
    scored(world, runs, tmp_path)
    assert (tmp_path / "metrics.parquet").is_file()


def scored(world: World, runs: Mapping[int, Path], out: Path) -> None:
    paths = [run / "predictions.parquet" for run in runs.values()]
    settings = evaluation_settings("mamba_va-mae_tuned", tuple(runs), (1,))
    evaluate(
        settings, paths, world.features, world.manifests, world.missing, world.windows,
        out / "metrics.parquet", out / "traces.parquet",
    )  # fmt: skip


@pytest.mark.parametrize("changes", [{}, {"selection": "reported", "variant": "reported"}])
def test_training_refuses_the_features_of_another_fold(encoders, tmp_path, changes):
    world, _, _ = encoders
    with pytest.raises(ConfigError, match=r"tuned on .*video\d.* \(fold 0\)"):
        train(told(1, of=0, **changes), world.windows, world.features, tmp_path / "1", {})
    assert not (tmp_path / "1").exists()


@pytest.fixture
def exchanged(encoders, tmp_path) -> World:
    """The world in which fold 1 has the features of fold 0's encoder."""
    world, _, _ = encoders
    folder = tmp_path / world.features[0].name
    shutil.copytree(world.features[0], folder)
    shutil.copyfile(features_file(world, 0), folder / "mae_tuned-fold1" / "s00.h5")
    return replace(world, features=[folder])


def test_prediction_refuses_the_features_of_another_fold(exchanged, runs, tmp_path):
    out = tmp_path / "p.parquet"
    with pytest.raises(ConfigError, match=r"mae_tuned-fold1/s00.h5\n.*tuned on .* \(fold 0\)"):
        predict(told(1), runs[1], exchanged.windows, exchanged.features, out, {})
    assert not out.exists()


def test_scores_refuse_a_run_that_learnt_from_features_of_another_fold(exchanged, tmp_path, monkeypatch):
    for stage in ("train", "predict"):
        module = f"affectssm.families.video.stages.{stage}.refuse_features"
        monkeypatch.setattr(module, lambda *given: None)
    out = tmp_path / "1"
    train(told(1), exchanged.windows, exchanged.features, out, {})
    predict(told(1), out, exchanged.windows, exchanged.features, out / "predictions.parquet", {})
    with pytest.raises(ConfigError, match=r"\(fold 0\)"):
        scored(exchanged, {1: out}, tmp_path)
    assert not (tmp_path / "metrics.parquet").exists()


def test_a_named_edition_says_where_its_pictures_are(encoders, tmp_path):
    world, found, root = encoders
    edition = tmp_path / "affwild2-own"
    write_places(edition, str(root), None)
    again = tuned(world, root, 0, tmp_path, edition=str(edition))
    assert read_card(again)["id"] == read_card(found[0])["id"]
    with pytest.raises(DataError, match="places"):
        Place(edition=str(tmp_path / "none")).folders()


def test_a_row_says_that_its_encoder_saw_labels():
    assert tuning_notes({"features": ["mae", "mae_tuned"]}) == [
        "last blocks of the encoder tuned on the labels of the fold's training videos"
    ]
    assert tuning_notes({"features": ["mae", "wav2vec2"]}) == []


# -- the plan ------------------------------------------------------------------------------------------------------


def plan_of(tmp_path: Path, video: Mapping | None = None, **affwild2) -> Plan:
    given = {
        "families": ["video"],
        "scale": "tiny",
        "corpora": {"affwild2": {"root": "demo-tiny", **affwild2}},
    }
    own = {"sources": ["mae_tuned"], "folds": [0, 2], "rows": []} if video is None else video
    return Plan(given | {"video": own}, str(tmp_path / "results"))


def job(plan: Plan, rule: str) -> Job:
    return next(job for job in plan.jobs if job.rule == rule)


def test_every_fold_reads_features_of_its_own_encoder(tmp_path):
    family = plan_of(tmp_path).families["video"]
    name, cross = family.experiments_of("affwild2_va")
    assert family.features_of(name, "fold0") == ["mae_tuned-fold0"]
    assert family.features_of(cross, "fold2") == ["mae_tuned-fold2"]
    assert family.run_settings(cross, "fold2", "1")["groups"] == {"visual": ("mae_tuned-fold2",)}
    assert {"mae_tuned-fold0", "mae_tuned-fold2"} < set(family.features_behind("affwild2_va"))
    for part in ("fold0", "fold2"):
        file = Path(family.tuned_encoder(part))
        assert (file.parent.name in family.tasks, file.stem) == (True, part)


def test_tuning_is_not_asked_for_unless_a_source_names_it(tmp_path):
    for families in ({}, {"sources": ["mae"]}):
        family = plan_of(tmp_path, families).families["video"]
        read = [name for table in family.tables for name in family.features_behind(table)]
        assert not [name for name in read if "tuned" in name]


def test_a_corpus_of_a_named_edition_may_move(tmp_path):
    words = []
    for root in ("here", "there"):
        plan = plan_of(tmp_path, root=str(tmp_path / root), edition="own")
        wildcards = {"part": "fold2", "shard": "s00", "corpus_edition": plan.places.name("affwild2")}
        words.append([job(plan, rule).settings_words(wildcards) for rule in ("tune_video", "encode_video")])
    assert words[0] == words[1] and "editions/affwild2-own" in words[0][0]


def test_how_features_are_thinned_or_computed_tunes_nothing_again(tmp_path):
    found = []
    for own in ({}, {"every": 3, "int8": True}, {"model": "facebook/vit-mae-base"}):
        given = {"families": ["video"], "features": {"mae": own}, "video": {"sources": ["mae_tuned"]}}
        family = Plan(given, str(tmp_path / "results")).families["video"]
        found.append((family.tuning_settings("fold0"), family.encoding_settings()))
    (tuning, encoding), (thinned, other), (smaller, _) = found
    assert tuning == thinned != smaller and encoding != other


def test_what_is_tuned_decides_what_a_run_learns_from(tmp_path):
    def content(**tuning: int) -> str:
        video = {"sources": ["mae_tuned"], "folds": [0], "rows": [], "tuning": tuning}
        family = plan_of(tmp_path, video).families["video"]
        (name,) = family.experiments_of("affwild2_va")
        return family.training_content(name, "fold0")

    assert content() == content(workers=2) != content(steps=7)


def test_sources_with_other_streams_and_other_families_are_refused_what_is_tuned():
    mixed = {"visual": ["mae_tuned"], "audio": ["wav2vec2"]}
    with pytest.raises(ConfigError, match="features of crops alone"):
        load_config({"video": {"groups": {"mixed": mixed}, "sources": ["mixed"]}})
    with pytest.raises(ConfigError, match="mae_tuned"):
        load_config({"dialogue": {"groups": {"own": {"visual": ["mae_tuned"]}}}})


def test_the_generic_extraction_refuses_what_every_fold_has_for_itself(tmp_path, capsys):
    files = [
        "--manifest",
        "m.parquet",
        "--root",
        ".",
        "--out",
        str(tmp_path / "x.h5"),
        "--faults",
        "f.parquet",
    ]
    assert main(["extract", "mae_tuned", "--shard", "s00", *files]) == 1
    assert "every fold has one of its own" in capsys.readouterr().err
