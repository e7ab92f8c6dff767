"""How the plan holds families and finds who answers a question of the rules."""

import pytest

from affectssm.errors import ConfigError
from affectssm.families import OWN
from affectssm.families.dialogue.family import Dialogue
from affectssm.families.registry import find_all
from affectssm.plan.plan import Plan
from affectssm.vocabulary.corpora import CORPORA
from affectssm.vocabulary.tables import PAGES


def test_every_corpus_and_table_belongs_to_one_family():
    plan = Plan({})
    assert set(plan.owners) == set(CORPORA)
    assert set(plan.places.all) == {name for name, corpus in CORPORA.items() if corpus.demos}
    assert set(plan.tables.owners) == set(PAGES)
    for owners in (plan.owners, plan.tables.owners):
        assert {family.name for family in owners.values()} == set(plan.families)


@pytest.mark.parametrize("claim", ["tables", "corpora"])
def test_two_families_that_claim_the_same_are_refused(claim):
    class Other(Dialogue):
        name = "other"
        tables = Dialogue.tables if claim == "tables" else ()
        corpora = Dialogue.corpora if claim == "corpora" else ()

    with pytest.raises(ConfigError, match=f"dialogue and other(.|\n)*among their {claim}"):
        Plan({}, families=[*find_all(OWN), Other])


def test_a_question_goes_to_the_family_of_what_is_named():
    plan = Plan({})
    dialogue, biosignals = plan.families["dialogue"], plan.families["biosignals"]
    spoken, measured = next(iter(dialogue.experiments)), next(iter(biosignals.experiments))
    assert plan.ask("training_code", {"experiment": spoken}) == dialogue.training_code(spoken)
    measured_run = {"experiment": measured, "part": "s00", "seed": "1"}
    assert plan.ask("run_settings", measured_run) == biosignals.run_settings(measured, "1")
    assert plan.ask("metrics_of", {"table": "noxi_ccc"}) == dialogue.metrics_of("noxi_ccc")
    seeds = {"experiment": spoken, "seeds": "1-2"}
    assert plan.ask("predictions_of", seeds) == dialogue.predictions_of(spoken, [1, 2])


def test_a_table_is_made_of_what_its_step_writes_over_its_experiments_and_seeds():
    plan = Plan({"dialogue": {"seeds": [4, 7]}})
    dialogue, biosignals = plan.families["dialogue"], plan.families["biosignals"]
    names = dialogue.experiments_of("noxi_ccc")
    assert dialogue.metrics_of("noxi_ccc") == [f"results/metrics/{name}/seeds-4-7.parquet" for name in names]
    assert dialogue.metrics_of("damamba_memory") == [dialogue.memory_file()]
    for table, start in (("bimtta_missing", "adapted-seeds-"), ("bimtta_accuracy", "seeds-")):
        found = [path.split("/")[2:] for path in biosignals.metrics_of(table)]
        assert [name for name, _ in found] == biosignals.experiments_of(table)
        assert all(file.startswith(start) for _, file in found)


def test_a_question_nobody_answers_names_itself():
    with pytest.raises(AttributeError, match="nobody answers weather"):
        Plan({}).ask("weather", {"table": "noxi_ccc"})


def test_an_experiment_of_no_table_is_refused_with_what_there_is():
    with pytest.raises(ConfigError, match="set dialogue so that"):
        Plan({}).families["dialogue"].experiment("da_mamba-extractd-demo")
