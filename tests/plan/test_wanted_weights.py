"""Which weights tables want, and that a run without them does not begin."""

from __future__ import annotations

import importlib
import json
import os
from pathlib import Path
from typing import Any

import pytest

from affectssm.errors import ConfigError
from affectssm.families.clips.experiments import LANGUAGES
from affectssm.features.wanted import wanted_by
from affectssm.features.weights import Wanted, record, verified_folder
from affectssm.plan import weights
from affectssm.plan.hashes import RememberedHashes
from affectssm.plan.plan import Plan
from affectssm.plan.weights import require_weights, wanted_of
from affectssm.settings.features import settings_of
from affectssm.store.card import sha256
from affectssm.vocabulary.corpora import CORPORA

SPEECH = "facebook/wav2vec2-base-960h"
ENGLISH, CHINESE = "google-bert/bert-base-uncased", "google-bert/bert-base-chinese"
MAE = "facebook/vit-mae-large"
HELD = ("noxi", "mosei", "sims", "affwild2")
VOICE: dict[str, Any] = {
    "scale": "paper",
    "corpora": {name: {"root": f"/data/{name}" if name in HELD else "none"} for name in CORPORA},
    "dialogue": {"sources": ["voice"], "groups": {"voice": {"audio": ["wav2vec2"]}}},
}
TABLE = {"table": "noxi_ccc", "joint": "x"}


def _plan(tmp_path: Path, **changes: Any) -> Plan:
    own = {"features": {"weights_dir": str(tmp_path / "weights"), **changes.pop("features", {})}}
    return Plan({**VOICE, **own, **changes}, str(tmp_path / "results"))


def _models(plan: Plan, *tables: str) -> dict[str, list[str]]:
    return {one.model: who for one, who in wanted_of(plan, tables).items()}


def _discovered(plan: Plan, corpus: str, *kinds: str) -> None:
    folder = Path(plan.results, "corpora", plan.places.name(corpus))
    folder.mkdir(parents=True)
    index = {"shards": {"s00": dict.fromkeys(kinds, "hash")}, "splits": {}}
    (folder / "shards.json").write_text(json.dumps(index))


def test_tables_want_what_their_features_are_computed_with(tmp_path: Path) -> None:
    plan = _plan(tmp_path, clips={"sources": {"sims": ["extracted"]}, "tune_text": True})
    assert _models(plan, "noxi_ccc") == {SPEECH: ["wav2vec2 of noxi"]}
    assert _models(plan, "affwild2_va") == {MAE: ["mae of affwild2"]}
    assert _models(plan, "coupled_efficiency") == {}, "of a table without a corpus"
    mosei = _models(plan, "mosei_regression")
    assert list(mosei) == [ENGLISH], "of a text encoder that is tuned, in the corpus's language"
    assert all(who.startswith("train_clips coupled_mamba+tuned-mosei") for who in mosei[ENGLISH])
    sims = _models(plan, "sims_regression")
    assert CHINESE in sims and ENGLISH not in sims
    everything = set(_models(plan))
    assert everything >= {SPEECH, MAE, ENGLISH, CHINESE}


def test_an_encoder_that_is_tuned_begins_with_published_weights(tmp_path: Path) -> None:
    plan = _plan(tmp_path, video={"sources": ["mae_tuned"]})
    assert _models(plan, "affwild2_va") == {MAE: ["mae_tuned of affwild2"]}
    _discovered(plan, "affwild2", "annotation", "crops")
    who = _models(plan, "affwild2_va")[MAE]
    assert {"mae_tuned of affwild2", "tune_video fold0", "encode_video fold0"} <= set(who)


def test_random_weights_want_nothing(tmp_path: Path) -> None:
    assert wanted_of(_plan(tmp_path, scale="demo")) == {}


def test_a_corpus_without_the_medium_wants_nothing(tmp_path: Path) -> None:
    silent, loud = _plan(tmp_path / "silent"), _plan(tmp_path / "loud")
    _discovered(silent, "noxi", "annotation")
    _discovered(loud, "noxi", "annotation", "audio")
    assert _models(silent, "noxi_ccc") == {}
    assert list(_models(loud, "noxi_ccc")) == [SPEECH]


def test_a_table_that_there_is_not_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no table of this name"):
        wanted_of(_plan(tmp_path), ["noxi_cccc"])


def test_the_languages_of_corpora_are_those_of_their_readers() -> None:
    assert {name: corpus.language for name, corpus in CORPORA.items() if corpus.language} == LANGUAGES
    for name, language in LANGUAGES.items():
        reader = importlib.import_module(CORPORA[name].reader)
        (told,) = {value.language for value in vars(reader).values() if hasattr(value, "language")}
        assert told == language


# -- before a run ----------------------------------------------------------------------------------------------


def _refused(plan: Plan, *jobs: tuple[str, dict[str, str]]) -> str:
    with pytest.raises(ConfigError) as caught:
        require_weights(plan, jobs, lambda: plan, ["/somewhere/lab.yaml"])
    return str(caught.value)


def _extract(plan: Plan, corpus: str = "noxi", feature: str = "wav2vec2") -> tuple[str, dict[str, str]]:
    return "extract", {"corpus_edition": plan.places.name(corpus), "feature": feature, "shard": "s00"}


def _put(plan: Plan, locked: bool = True) -> Path:
    """Put the files of the speech encoder where they are looked for."""
    (wanted,) = wanted_by("wav2vec2", settings_of("wav2vec2", plan.config.features))
    folder = Path(plan.config.features.weights_dir, wanted.model)
    folder.mkdir(parents=True)
    for name in wanted.files:
        (folder / name.partition("|")[0]).write_bytes(name.encode())
    if locked:
        record(*verified_folder(plan.config.features.weights_dir, wanted))
    return folder


def test_a_run_that_would_miss_weights_names_them_and_what_to_do(tmp_path: Path) -> None:
    plan = _plan(tmp_path)
    said = _refused(plan, _extract(plan), _extract(plan, "affwild2", "mae"))
    for part in (
        SPEECH, "config.json, preprocessor_config.json, model.safetensors or pytorch_model.bin", "wav2vec2 of noxi",
        MAE, "mae of affwild2", "2 pretrained models", "affectssm weights fetch /somewhere/lab.yaml",
    ):  # fmt: skip
        assert part in said


@pytest.mark.parametrize("locked", [True, False])
def test_a_run_with_its_weights_begins(locked: bool, tmp_path: Path) -> None:
    plan = _plan(tmp_path)
    _put(plan, locked)
    require_weights(plan, [_extract(plan)], lambda: plan)


def test_changed_weights_are_refused(tmp_path: Path) -> None:
    plan = _plan(tmp_path)
    folder = _put(plan)
    require_weights(plan, [_extract(plan)], lambda: plan)
    (folder / "config.json").write_text("other")
    assert "config.json: not the sha256" in _refused(plan, _extract(plan))


def test_what_is_made_wants_no_weights_any_more(tmp_path: Path) -> None:
    plan = _plan(tmp_path)
    require_weights(plan, [("train_dialogue", {"experiment": "x"}), ("edition_table", TABLE)], lambda: plan)


def test_before_a_corpus_is_discovered_its_tables_say_what_will_be_wanted(tmp_path: Path) -> None:
    plan = _plan(tmp_path)
    jobs = [("manifest", {}), ("complete", {"check": "x"}), ("edition_table", TABLE), ("table", TABLE)]
    assert "wav2vec2 of noxi" in _refused(plan, *jobs)
    feature = Path(plan.results, "features", plan.places.name("noxi"), "wav2vec2", "s00.h5")
    feature.parent.mkdir(parents=True)
    feature.touch()
    require_weights(plan, jobs, lambda: plan)


def test_what_is_discovered_again_wants_weights_for_what_is_not_made(tmp_path: Path) -> None:
    plan = _plan(tmp_path)
    jobs = [("complete", {"check": "x"}), ("edition_table", TABLE)]
    _discovered(plan, "noxi", "annotation", "audio")
    assert "wav2vec2 of noxi" in _refused(plan, *jobs)
    (feature,) = plan.features.feature_files("noxi", "wav2vec2")
    Path(feature).parent.mkdir(parents=True)
    Path(feature).touch()
    require_weights(plan, jobs, lambda: plan)


def test_jobs_that_load_weights_themselves_are_looked_at(tmp_path: Path) -> None:
    plan = _plan(tmp_path, clips={"tune_text": True}, video={"sources": ["mae_tuned"]})
    family = plan.families["clips"]
    names = {one.variant: name for name, one in family.experiments.items() if one.corpus == "mosei"}
    require_weights(plan, [("train_clips", {"experiment": names[""], "seeds": "1-2"})], lambda: plan)
    assert ENGLISH in _refused(plan, ("train_clips", {"experiment": names["tuned"], "seeds": "1-2"}))
    assert MAE in _refused(plan, ("tune_video", {"task": "x", "part": "fold0"}))


def test_hashes_are_remembered_until_a_file_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[Path] = []

    def hashed(path: Path) -> str:
        read.append(path)
        return sha256(path)

    monkeypatch.setattr("affectssm.plan.hashes.sha256", hashed)
    path, memory = tmp_path / "a", tmp_path / "memory.json"
    path.write_text("1")
    for _ in range(2):
        hashes = RememberedHashes(memory)
        assert hashes(path) == sha256(path)
        hashes.write()
    assert read == [path]
    path.write_text("2")
    os.utime(path, ns=(1, 1))
    assert RememberedHashes(memory)(path) == sha256(path)
    memory.write_text("[]")
    assert RememberedHashes(memory)(path) == sha256(path)
    assert len(read) == 3


def test_a_model_has_one_name_for_all_who_want_it(tmp_path: Path) -> None:
    plan = _plan(tmp_path, features={"mae_video": {"revision": ""}}, video={"sources": ["mae", "mae_video"]})
    (one,) = wanted_of(plan, ["affwild2_va"])
    assert isinstance(one, Wanted) and one.model == MAE
    assert weights.of_feature(plan, "affwild2", "optical_flow") == ()
