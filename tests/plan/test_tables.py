"""Which files a table has, what its command is told, and what a mistyped name is answered."""

import json
import shlex

import pytest

from affectssm.errors import ConfigError
from affectssm.plan.plan import Plan
from affectssm.plan.tables import said_of_times


@pytest.fixture
def plan(tmp_path):
    return Plan({}, str(tmp_path / "results"))


def test_a_mistyped_table_is_told_the_nearest(plan):
    error = plan.tables.no_such_table("noxi_cc")
    assert "ask for results/tables/noxi_ccc.csv" in str(error) and "bimtta_missing" in str(error)


def test_a_table_is_told_its_corpora_features_edition_and_settings(plan):
    published = {}
    for table in plan.tables.there:
        owner = plan.tables.owners[table]
        words = shlex.split(plan.tables.table_arguments(table))
        settings = json.loads(words[words.index("--settings") + 1])
        assert settings["table"] == table and settings["edition"].startswith("demo")
        published[table] = settings["published"]
        folders = words[words.index("--corpora") + 1 : words.index("--fault-features")]
        assert [folder.rpartition("/")[2] for folder in folders] == [
            plan.places.name(corpus) for corpus in owner.corpora_behind(table)
        ]
    without = ["noxi_controls", "bimtta_controls", "affwild2_controls", "coupled_controls"]
    assert [table for table, found in published.items() if not found] == without
    assert len(set(published.values())) == len(published) - 3


def test_each_edition_keeps_its_files_apart(plan, tmp_path):
    other = Plan({"corpora": {"noxi": {"shards": 3, "root": "/data"}}}, str(tmp_path / "results"))
    files = [one.tables.files("noxi_ccc") for one in (plan, other)]
    assert not set(files[0].values()) & set(files[1].values())
    assert plan.tables.files("bimtta_missing") == other.tables.files("bimtta_missing")


def test_a_table_without_a_corpus_is_refused_by_its_roots(tmp_path):
    none = {"root": "none"}
    held = dict.fromkeys(("affwild2", "deap", "sims"), none)
    lab = Plan({"corpora": held}, str(tmp_path / "results")).tables
    with pytest.raises(ConfigError, match=r"affwild2_va\.csv(.|\n)*corpora\.affwild2\.root"):
        lab.require_corpus("affwild2_va")
    lab.require_corpus("bimtta_accuracy")  # MAHNOB-HCI is there
    with pytest.raises(ConfigError, match=r"sims_regression\.csv(.|\n)*corpora\.sims\.root: a folder"):
        lab.require_corpus("sims_regression")  # the other corpora of its family are there
    lab.require_corpus("coupled_fusion")
    held |= {"mosei": none, "simsv2": none}  # a measurement needs none
    Plan({"corpora": held}, str(tmp_path / "results")).tables.require_corpus("coupled_efficiency")


def test_jobs_that_run_for_times_alone_are_counted():
    assert said_of_times(1).startswith("1 job runs again") and said_of_times(2).startswith("2 jobs run again")
