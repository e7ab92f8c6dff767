"""What an edit runs again: nothing where something new is declared, and of code exactly what it makes."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from fnmatch import fnmatch
from pathlib import Path

import pytest

from affectssm.store.code import ROOT
from affectssm.vocabulary.corpora import CORPORA
from tests import stages

NEW_MODULES = {
    "corpora/fresh_corpus.py": "from affectssm.corpora.noxi import discover, whole\n__all__ = ['discover', 'whole']\n",
    "features/fresh_feature.py": "from affectssm.features.base import Extractor\nclass Fresh(Extractor):\n    pass\n",
    "models/fresh_model.py": "from affectssm.models.segments import SegmentOutput\n__all__ = ['SegmentOutput']\n",
    "adaptation/fresh_method.py": "from affectssm.adaptation.method import Method\nclass Fresh(Method):\n    pass\n",
    "tables/fresh_table.py": "from affectssm.tables.page import Inputs, Page\n__all__ = ['Inputs', 'Page']\n",
}
# file -> what stands there once, and what is added before it
DECLARED = {
    "vocabulary/kinds.py": [
        ('KINDS = ("video", ', 'TEXT_KINDS = ("text",)\n'),
        ('*SIGNAL_KINDS, "ratings"', "*TEXT_KINDS, "),
    ],
    "vocabulary/corpora.py": [
        ('    "deap": ', '    "fresh": _dialogues("Fresh", "affectssm.corpora.fresh_corpus"),\n')
    ],
    "vocabulary/features.py": [
        ('    Spec("ratings", ', '    Spec("fresh", f"{_HERE}.fresh_feature:Fresh", "audio"),\n')
    ],
    "vocabulary/models.py": [
        ('    "tsception": "affectssm', '    "fresh": "affectssm.models.fresh_model:Fresh",\n'),
        ('    "tsception": "TSception"', '    "fresh": "Fresh",\n'),
        ('    "tsception": (', '    "fresh": (),\n'),
    ],
    "vocabulary/methods.py": [
        ('    "tent": "affectssm', '    "fresh": "affectssm.adaptation.fresh_method:Fresh",\n'),
        ('    "tent": "Tent"', '    "fresh": "Fresh",\n'),
    ],
    "vocabulary/tables.py": [
        ('    "noxi_controls": ', '    "fresh": "affectssm.tables.fresh_table:page",\n')
    ],
    "families/dialogue/catalogue.py": [('"noxi_add", "mpiigi"', '"fresh", ')],
    "families/biosignals/settings.py": [
        (
            "    tsception: ",
            '    fresh: TSceptionSettings = Field(default_factory=TSceptionSettings, description="x")\n',
        )
    ],
    "families/biosignals/catalogue.py": [("TABLES = ", '_MODELS["fresh"] = (("fresh", ""),)\n')],
}
NEW = {"discovery fresh", "feature fresh", "train_biosignals fresh", "table fresh"} | {
    f"{step}_biosignals fresh" for step in ("train", "evaluate", "adapt", "evaluate_adaptation")
}

DIALOGUES = [f"discovery {name}" for name, corpus in CORPORA.items() if corpus.labels and name != "folder"]
CLIPS = ("mosei", "sims", "simsv2")
# module -> the stages that an edit of it runs again
MADE_BY = {
    "corpora.discover": ["discovery *"],
    "corpora.noxi": ["discovery noxi", "discovery noxi_add"],
    "corpora.specification": DIALOGUES,
    "corpora.annotations": [*DIALOGUES, "discovery folder", "feature engagement*"],
    "corpora.excluded": ["discovery *"],
    "corpora.folder": ["discovery folder"],
    "corpora.folder_labels": ["discovery folder", "feature folder_*"],
    "features.folder_labels": ["feature folder_*"],
    "corpora.deap": ["discovery deap"],
    "corpora.sharding": ["discovery *"],
    "corpora.listing": ["discovery *"],
    "corpora.memory": ["discovery *"],
    "corpora.fingerprints": ["discovery *"],
    "corpora.trial_manifest": ["discovery deap", "discovery mahnob"],
    "corpora.clip_files": [f"discovery {name}" for name in CLIPS],
    "corpora.mosei_csd": ["discovery mosei"],
    "corpora.clip_media": [f"discovery {name}" for name in CLIPS],
    "features.supplied": ["feature *aligned_*", "feature tokens", "feature sentiment"],
    "features.csd": ["feature csd_*"],
    "features.sentiment": ["feature sentiment"],
    "corpora.demo.write": ["demo demo*"],
    "corpora.demo.physio": ["demo physio*"],
    "corpora.demo.sentiment": ["demo sentiment*"],
    "corpora.affwild2_measure": ["discovery affwild2"],
    "corpora.demo.affwild2": ["demo affwild2*"],
    "features.extract": ["feature *", "encode_video"],
    "features.wav2vec2": ["feature wav2vec2"],
    "features.faces": ["feature face_track"],
    "features.transcripts": ["feature bert*"],
    "timeline.windows": [
        f"{stage}{name}{models}"
        for name in ("dialogue", "video", "recordings")
        for stage, models in (("*windows_", ""), ("check ", ""), ("train_", " *"), ("predict_", " *"))
    ] + ["evaluate_video *", "tune_video", "evaluate_recordings *", "*_items_recordings *"],
    "families.dialogue.stages.windows": ["*_windows_dialogue"],
    "families.dialogue.stages.frames": [
        "*_windows_dialogue", "check dialogue", "train_dialogue *", "predict_dialogue *", "memory_dialogue",
        "evaluate_dialogue *", "train_recordings *",
    ],
    "families.video.stages.windows": ["*_windows_video"],
    "families.video.stages.train": ["train_video mamba_va"],
    "families.video.stages.predict": ["predict_video mamba_va"],
    "families.video.stages.models.mamba_va": ["train_video mamba_va", "predict_video mamba_va"],
    "families.video.stages.folds": ["tune_video", "train_video *", "predict_video *", "evaluate_video *"],
    "families.video.stages.evaluate": ["evaluate_video *"],
    "families.video.stages.submission": ["submission_video *"],
    "families.video.stages.foreseen": ["check video"],
    "families.video.stages.tables.affwild2_va": ["table affwild2_va"],
    "families.video.stages.tables.affwild2_controls": ["table affwild2_controls"],
    "families.video.stages.tune": ["tune_video"],
    "families.video.stages.encode": ["encode_video"],
    "training.encoder_tuning": ["tune_video"],
    "features.mae": ["feature mae*", "tune_video", "encode_video"],
    "features.mae_tuning": ["feature mae*", "tune_video", "encode_video"],
    "features.seen": ["train_video *", "predict_video *", "evaluate_video *"],
    "families.clips.stages.cut": ["segments_clips", "cut_recordings"],
    "families.clips.stages.train": ["train_clips *", "train_items_recordings *"],
    "families.clips.stages.models.mult": ["train_clips mult"],
    "families.clips.stages.evaluate": ["evaluate_clips *"],
    "families.clips.stages.foreseen": ["check clips"],
    "families.clips.stages.efficiency": ["measure_clips"],
    "training.step_server": ["memory_dialogue", "measure_clips"],
    "timeline.segment_writer": ["segments_clips", "segments_biosignals", "cut_recordings"],
    "families.clips.stages.tables.pages": [
        f"table {name}" for name in (*(f"{corpus}_*" for corpus in ("mosei", "sims", "simsv2")), "coupled_[!e]*")
    ],
    "families.biosignals.stages.cut": ["segments_biosignals"],
    "families.dialogue.stages.train": ["train_dialogue *"],
    "families.dialogue.stages.fine_tune": ["train_dialogue da_mamba+adapt_mpiigi"],
    "families.dialogue.stages.predict": ["predict_dialogue *"],
    "families.biosignals.stages.train": ["train_biosignals *"],
    "families.dialogue.stages.memory": ["memory_dialogue"],
    "families.dialogue.stages.models.dat": ["train_dialogue dat", "predict_dialogue dat", "memory_dialogue"],
    "models.bimamba_tta": ["train_biosignals bimamba_tta", "choose_biosignals", "adapt_biosignals *"],
    "adaptation.mask_files": ["masks_biosignals", "adapt_biosignals *"],
    "families.biosignals.stages.masks": ["masks_biosignals"],
    "families.biosignals.stages.choose": ["choose_biosignals"],
    "families.biosignals.stages.adapt": ["adapt_biosignals *"],
    "adaptation.eata": ["choose_biosignals", "adapt_biosignals *"],
    "evaluation.foreseen": ["check *"],
    "families.dialogue.stages.foreseen": ["check dialogue"],
    "families.biosignals.stages.foreseen": ["check biosignals"],
    "families.dialogue.stages.evaluate": ["evaluate_dialogue *"],
    "families.dialogue.stages.submission": ["submission_dialogue *"],
    "families.biosignals.stages.evaluate": ["evaluate_biosignals *", "evaluate_adaptation_biosignals *"],
    "tables.build": ["table *"],
    "families.dialogue.stages.tables.noxi_controls": ["table noxi_controls"],
    "families.biosignals.stages.tables.accuracy": ["table bimtta_accuracy", "table bimtta_controls"],
    "families.biosignals.stages.tables.missing": ["table bimtta_missing"],
    "families.dialogue.stages.answer": [],
    "families.video.stages.answer": [],
    "training.frame_answers": [],
    "families.recordings.stages.windows": ["windows_recordings"],
    "families.recordings.stages.train": ["train_recordings *"],
    "families.recordings.stages.predict": ["predict_recordings *"],
    "families.recordings.stages.evaluate": ["evaluate_recordings *"],
    "families.recordings.stages.foreseen": ["check recordings"],
    "families.recordings.stages.items_cut": ["cut_recordings"],
    "families.recordings.stages.items_train": ["train_items_recordings *"],
    "families.recordings.stages.items_evaluate": ["evaluate_items_recordings *"],
    "families.recordings.stages.tables.rows": ["table recordings_*"],
    "families.recordings.stages.answer": [],
    "vocabulary.kinds": [],
    "settings.config": [],
    "store.parquet": [],
    "commands": [],
    "families.dialogue.family": [],
    "families.dialogue.run_settings": [],
    "families.dialogue.settings": [],
    "families.biosignals.run_settings": [],
}  # fmt: skip


@pytest.fixture
def package(tmp_path) -> Path:
    """A copy of the package, with the times of its files."""
    return shutil.copytree(ROOT, tmp_path / "affectssm", ignore=shutil.ignore_patterns("*.pyc"))


def hashes_of(package: Path) -> dict[str, str]:
    """The stages' hashes as a workflow over a package sees them."""
    path = os.environ | {"PYTHONPATH": str(package.parent), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [sys.executable, stages.__file__], env=path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_declaring_something_new_runs_nothing_again(package):
    before = stages.hashes()
    for name, text in NEW_MODULES.items():
        (package / name).write_text(text)
    for name, edits in DECLARED.items():
        text = (package / name).read_text()
        for place, line in edits:
            assert text.count(place) == 1, f"{name}: {place}"
            text = text.replace(place, line + place)
        (package / name).write_text(text)
    after = hashes_of(package)
    assert {stage: after[stage] for stage in before} == before
    assert set(after) - set(before) == NEW


def test_an_edit_runs_again_exactly_what_it_makes(package):
    before = stages.hashes(package)
    assert before == stages.hashes()
    for module, expected in MADE_BY.items():
        file = package.joinpath(*module.split(".")).with_suffix(".py")
        kept = file.read_text()
        file.write_text(kept + "\nEDITED = True\n")
        changed = {stage for stage, found in stages.hashes(package).items() if found != before[stage]}
        file.write_text(kept)
        assert changed == {stage for stage in before if any(fnmatch(stage, one) for one in expected)}, module


def test_every_stage_is_among_those_edited():
    edited = {f"affectssm.{module}" for module in MADE_BY}
    for stage, modules in stages.stages().items():
        assert stage.startswith(("feature ", "table ")) or edited & {
            module.partition(":")[0] for module in modules
        }, stage
