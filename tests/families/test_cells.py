"""The cells of the tables of trials, clips and video, told from manifests: by hand, of what is damaged on purpose."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from affectssm.corpora.manifest import StreamRow, write_manifest
from affectssm.families.cells import Cell
from affectssm.plan.plan import Plan

DEMOS = {name: {"root": "demo-tiny"} for name in ("deap", "mahnob", "affwild2", "mosei", "sims", "simsv2")}
GIVEN = {"scale": "tiny", "families": ["biosignals", "video", "clips"], "corpora": DEMOS}


@pytest.fixture(scope="module")
def plan() -> Plan:
    """A plan of three families."""
    return Plan(GIVEN)


def row(corpus: str, split: str, recording: str, participant: str, kind: str) -> StreamRow:
    return StreamRow(
        corpus, split, recording, participant, kind, recording, "root", 10.0, 100, 1, 10.0, 1, "x", recording, "", "s00"
    )  # fmt: skip


def cells(plan: Plan, folder: Path, table: str, **rows: Iterable[StreamRow]) -> dict[tuple[str, str], Cell]:
    """(row, column) -> cell of a table, of corpora with these rows."""
    manifests = {}
    for corpus, own in rows.items():
        manifests[corpus] = folder / f"{corpus}-demo" / "manifest.parquet"
        manifests[corpus].parent.mkdir()
        write_manifest(manifests[corpus], list(own), {})
    return {(one.row, one.column): one for one in plan.tables.owners[table].cells_of(table, manifests)}


def trials(corpus: str, subjects: int, each: int, *kinds: str) -> Iterator[StreamRow]:
    for subject in range(subjects):
        for trial in range(each):
            yield from (row(corpus, "all", f"{subject}t{trial}", f"P{subject}", kind) for kind in kinds)


def test_trials_need_every_modality_and_ratings(plan, tmp_path):
    modalities = plan.families["biosignals"].expected()["modalities"]
    deap = trials("deap", 4, 6, *modalities["deap"], "ratings")
    mahnob = trials("mahnob", 4, 6, *modalities["mahnob"][1:], "ratings")
    found = cells(plan, tmp_path, "bimtta_accuracy", deap=deap, mahnob=mahnob)
    lacking = f"no trial of mahnob with {modalities['mahnob'][0]}"
    assert {one.empty for (_, column), one in found.items() if column.startswith("deap")} == {""}
    assert {one.empty for (_, column), one in found.items() if column.startswith("mahnob")} == {lacking}
    assert {column for _, column in found} == {
        f"{corpus}_{dimension}" for corpus in ("deap", "mahnob") for dimension in ("valence", "arousal")
    }


def test_a_single_trial_leaves_nothing_to_learn_from(plan, tmp_path):
    modalities = plan.families["biosignals"].expected()["modalities"]
    found = cells(plan, tmp_path, "bimtta_missing", deap=trials("deap", 1, 1, *modalities["deap"], "ratings"))
    for (_, column), one in found.items():
        why = "1 trials of 1 subjects" if column.startswith("deap") else "nothing of mahnob can be read"
        assert why in one.empty


def test_clips_need_labels_in_every_split_of_a_source(plan, tmp_path):
    asked = plan.families["clips"].own
    kinds = [f"unaligned_{name}" for name in ("text", "audio", "vision")]
    rows = [
        row("sims", split, f"{split}{n}", "speaker", kind)
        for split in ("train", "val", "test")
        for n in range(2)
        for kind in (*kinds, "sentiment")
        if (split, kind) != ("val", "sentiment")
    ]
    found = cells(plan, tmp_path, "sims_regression", sims=rows)
    assert len(found) == len(asked.models)
    assert all("no labelled clip of val with" in one.empty for one in found.values())
    whole = [*rows, *(row("sims", "val", f"val{n}", "speaker", "sentiment") for n in range(2))]
    (tmp_path / "whole").mkdir()
    found = cells(plan, tmp_path / "whole", "sims_regression", sims=whole)
    assert {one.empty for one in found.values()} == {""}
    assert all("nothing of mosei" in one.empty for one in cells(plan, tmp_path, "mosei_regression").values())


def people(split: str, number: int, *kinds: str) -> list[StreamRow]:
    return [
        row("affwild2", split, f"{split}{n}", f"{split}{n}", kind) for n in range(number) for kind in kinds
    ]


def test_the_official_fold_of_video_needs_both_labelled_parts_and_the_others_enough_videos(plan, tmp_path):
    whole = [*people("train", 6, "crops", "annotation"), *people("val", 2, "crops", "annotation")]
    without = [one for one in whole if (one.recording, one.kind) != ("val1", "crops")]
    found = cells(plan, tmp_path, "affwild2_va", affwild2=without)
    assert not any(one.empty for one in found.values())
    official = {one.missing for (_, column), one in found.items() if column == "fold0"}
    assert official == {("val1/val1 (no crops)",)}
    (tmp_path / "train").mkdir()
    found = cells(plan, tmp_path / "train", "affwild2_va", affwild2=people("train", 6, "crops", "annotation"))
    for (_, column), one in found.items():
        assert bool(one.empty) == (column == "fold0")
    few = cells(plan, tmp_path / "train" / "..", "affwild2_controls")
    assert all("nothing to learn from" in one.empty for one in few.values())
