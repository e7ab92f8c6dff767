"""What the vocabulary says there is, is there; and the settings let one ask for all of it."""

from __future__ import annotations

import importlib
from typing import get_args

import pytest

from affectssm.corpora import mpiigi, noxi, noxi_add
from affectssm.errors import ConfigError
from affectssm.families.biosignals.settings import BiosignalsSettings
from affectssm.families.configuration import default
from affectssm.families.dialogue.settings import DialogueSettings
from affectssm.settings.biosignals import Modality
from affectssm.store.code import code_hash
from affectssm.vocabulary import corpora, features, kinds, methods, models, stages, tables
from affectssm.vocabulary.targets import load

TARGETS = [
    *corpora.DEMOS.values(),
    *models.DIALOGUE_MODELS.values(),
    *models.VIDEO_MODELS.values(),
    *models.RECORDING_MODELS.values(),
    *models.SEGMENT_MODELS.values(),
    *models.CLIP_MODELS.values(),
    *methods.METHODS.values(),
    *tables.PAGES.values(),
    *(spec.target for spec in features.FEATURES.values()),
    *filter(None, (corpus.labels for corpus in corpora.CORPORA.values())),
]


@pytest.mark.parametrize("target", sorted(set(TARGETS)))
def test_what_is_named_can_be_loaded(target):
    assert callable(load(target))


@pytest.mark.parametrize("corpus", corpora.CORPORA)
def test_a_corpus_is_found_and_says_what_it_is_made_of(corpus):
    reader = importlib.import_module(corpora.CORPORA[corpus].reader)
    assert callable(reader.discover) and callable(reader.whole)


@pytest.mark.parametrize(
    "modules",
    [
        stages.demo_modules,
        stages.discovery_modules,
        stages.feature_modules,
        stages.training_modules,
        stages.prediction_modules,
        stages.segment_training_modules,
        stages.recording_training_modules,
        stages.item_training_modules,
        stages.table_modules,
        lambda name: stages.memory_modules([name]),
        lambda name: stages.adaptation_modules("bimamba_tta", [name]),
        lambda name: stages.choice_modules([name], []),
    ],
)
def test_the_modules_of_something_unknown_are_refused_with_what_there_is(modules):
    with pytest.raises(ConfigError, match="one of "):
        modules("nowhere")


@pytest.mark.parametrize(
    ("known", "name", "modules"),
    [
        (corpora.DEMOS, "physio", stages.demo_modules),
        (models.DIALOGUE_MODELS, "dat", stages.training_modules),
        (models.DIALOGUE_MODELS, "dat", stages.prediction_modules),
        (models.RECORDING_MODELS, "labelled_dat", lambda name: stages.recording_training_modules("dat")),
        (models.CLIP_MODELS, "coupled_mamba", stages.item_training_modules),
        (models.SEGMENT_MODELS, "lggnet", stages.segment_training_modules),
        (methods.METHODS, "tent", lambda name: stages.adaptation_modules("lggnet", [name])),
        (tables.PAGES, "noxi_ccc", stages.table_modules),
    ],
)
def test_a_name_that_stands_for_another_thing_of_its_module_runs_its_stage_again(
    monkeypatch, known, name, modules
):
    before = code_hash(*modules(name))
    monkeypatch.setitem(known, name, known[name] + "Other")
    assert code_hash(*modules(name)) != before


def test_a_corpus_names_the_ends_of_all_files_that_discovery_looks_for():
    for specification in (noxi.NOXI, noxi_add.NOXI_ADD, mpiigi.MPIIGI):
        names = [
            *specification.media,
            specification.label,
            *(f"{one}.stream" for one in specification.streams),
        ]
        assert all(f"expert.{name}".endswith(corpora.CORPORA[specification.corpus].files) for name in names)


def choices(section, key):
    return get_args(get_args(section.model_fields[key].annotation)[0])


def test_the_settings_offer_what_there_is():
    sections = default().model_fields["corpora"].annotation.model_fields
    assert set(sections) == set(corpora.CORPORA)
    for name, corpus in corpora.CORPORA.items():
        assert sections[name].annotation is load(corpus.settings)
        assert set(corpus.demos.values()) <= set(corpora.DEMOS)
    assert choices(DialogueSettings, "models") == tuple(models.DIALOGUE_MODELS)
    assert choices(BiosignalsSettings, "models") == tuple(models.SEGMENT_MODELS)
    assert choices(BiosignalsSettings, "methods") == tuple(methods.METHODS)
    assert get_args(Modality) == kinds.SIGNAL_KINDS


def test_all_that_a_table_names_has_a_title():
    families = (
        models.DIALOGUE_MODELS, models.VIDEO_MODELS, models.RECORDING_MODELS, models.SEGMENT_MODELS, models.CLIP_MODELS,
    )  # fmt: skip
    assert set(models.TITLES) == {name for own in families for name in own}
    assert set(models.SIZES) == set(models.SEGMENT_MODELS)
    assert set(methods.TITLES) == set(methods.METHODS)
