import csv
import json

import pytest
from scored_world import settings, write_labels, write_manifests, write_missing, write_predictions

from affectssm.errors import ConfigError, DataError
from affectssm.families.configuration import load_config
from affectssm.families.dialogue.catalogue import described
from affectssm.families.dialogue.experiments import Experiment
from affectssm.families.dialogue.stages.evaluate import evaluate
from affectssm.families.dialogue.stages.tables.noxi_ccc import COLUMNS, METRICS
from affectssm.store.atomic import write_json
from affectssm.store.card import make_card
from affectssm.store.faults import FaultLog
from affectssm.tables.build import build_table
from affectssm.tables.published import published_rows

MODULE = ["affectssm.evaluation.metrics"]
SHAPED = {
    "table": "noxi_ccc",
    "edition": "demo",
    "scale": "demo",
    "experiments": ["da_mamba-extracted", "dat-multimediate"],
    "weights": "random",
    "demo": ["mpiigi", "noxi", "noxi_add"],
    "d_model": {"da_mamba": 32, "dat": 16},
    "titles": {"da_mamba": "DA-Mamba", "dat": "DAT"},
    "seeds": [1, 2],
    "allow_incomplete": False,
}


def experiment_of(name):
    """The experiment of a name, ``{model}[+{variant}]-{source}[-holdout]``."""
    model, source, *holdout = name.split("-")
    model, _, variant = model.partition("+")
    found = Experiment(model, variant, source, "holdout" if holdout else "val")
    assert found.name == name
    return found


def metrics_of(tmp_path, experiment, labels=None, skip=(), noise=0.1, seeds=(1, 2)):
    split, cells = experiment_of(experiment).split, experiment_of(experiment).cells
    own = settings(split=split, experiment=experiment, seeds=seeds, cells=list(cells))
    folder = tmp_path / experiment
    predictions = [write_predictions(folder / f"{s}.parquet", s, skip=skip, noise=noise) for s in seeds]
    files = write_labels(tmp_path) if labels is None else labels
    manifests, missing = write_manifests(tmp_path), write_missing(tmp_path)
    evaluate(own, predictions, files, manifests, missing, folder / "metrics.parquet")
    return folder / "metrics.parquet"


def corpora(tmp_path):
    """Folders of the three corpora, with one fault in the manifest of NoXi and one in a feature of it."""
    folders = [tmp_path / "corpora" / f"{corpus}-demo" for corpus in ("noxi", "noxi_add", "mpiigi")]
    for folder in folders:
        write_json(folder / "shards.json", {"shards": {"s00": {"audio": "hash"}}, "splits": {}})
        for code, path in (
            ("no_partner", folder / "faults.parquet"),
            ("silent_audio", tmp_path / "features" / folder.name / "wav2vec2" / "s00.faults.parquet"),
        ):
            log = FaultLog("noxi")
            if folder == folders[0]:
                log.add(code, action="ignored", recording="003", participant="novice")
            log.write(path, make_card("x", MODULE, {}))
    return folders


def built(tmp_path, metrics, table="noxi_ccc", out="tables", **shape):
    told = SHAPED | shape
    told |= {
        "described": {name: described(experiment_of(name), load_config()) for name in told["experiments"]}
    }
    path = build_table(table, told, metrics, corpora(tmp_path), ["wav2vec2"], tmp_path / out)
    return list(csv.DictReader(path.read_text().splitlines()))


def both(tmp_path, **kind):
    return [metrics_of(tmp_path, name, **kind) for name in SHAPED["experiments"]]


@pytest.fixture(scope="module")
def metrics(tmp_path_factory):
    """Of both experiments, whole; tests only read them."""
    return both(tmp_path_factory.mktemp("metrics"))


def test_published_rows_are_the_papers():
    rows = published_rows("noxi_ccc")
    assert len(rows) == 11
    values = {row["method"]: tuple(float(row[name]) for name in METRICS) for row in rows}
    assert values["DA-Mamba"] == (0.77, 0.70, 0.52, 0.66) and values["DAT"] == (0.76, 0.67, 0.49, 0.64)
    for method, (*corpora, whole) in values.items():
        assert sum(corpora) / 3 == pytest.approx(whole, abs=0.0101), method
    notes = {row["method"]: row["note"] for row in rows}
    assert (
        "USTC-IAT-United" in notes["DA-Mamba"]
        and "Syntax" in notes["Kumar et al."]
        and "0.36" in notes["YKK"]
    )


def test_measured_rows_say_what_they_are(tmp_path, metrics):
    rows = built(tmp_path, metrics)
    assert list(rows[0]) == list(COLUMNS)
    assert [row["source"] for row in rows] == ["published"] * 11 + ["measured"] * 2
    row = rows[11]
    assert (row["method"], row["data"], row["weights"], row["split"]) == (
        "DA-Mamba",
        "demo",
        "random",
        "test",
    )
    assert row["features"] == "extracted: wav2vec2+speech_emotion+clip_face+optical_flow+landmark_flow"
    assert (row["n_seeds"], row["n_units"], row["n_expected"]) == ("2", "7", "7")
    for name in METRICS:
        assert row[f"{name}_low"] == row[f"{name}_high"] == ""  # two or three recordings
        assert len(row[name].split(".")[1]) == 4
    for part in (
        "demo scale, random weights, demo data: says nothing",
        "; d=32;",
        "2 faults",
        "mpiigi: over 2 recordings only, no interval below 6",
        "global: no interval",
    ):
        assert part in row["note"]
    assert "streams simulated" in rows[12]["note"] and "d=16" in rows[12]["note"]


@pytest.mark.usefixtures("rendered")
def test_the_csv_is_the_same_bytes_twice_and_everything_lies_beside_it(tmp_path, metrics):
    built(tmp_path, metrics)
    built(tmp_path, metrics, out="again")
    for name in ("noxi_ccc.csv", "noxi_ccc.md", "noxi_ccc.faults.csv", "noxi_ccc.png"):
        assert (tmp_path / "tables" / name).read_bytes() == (tmp_path / "again" / name).read_bytes(), name
    assert "silent_audio" in (tmp_path / "tables/noxi_ccc.faults.csv").read_text()


def test_provenance_names_code_settings_inputs_and_seeds(tmp_path, metrics):
    built(tmp_path, metrics)
    row = json.loads((tmp_path / "tables/noxi_ccc.provenance.json").read_text())["rows"][0]
    assert row["experiment"] == "da_mamba-extracted" and row["seeds"] == [1, 2]
    assert row["evaluation"]["code"] and row["evaluation"]["inputs"] and row["runs"][0]["prediction"]["id"]
    assert row["runs"][0]["training"]["packages"] == {"torch": "x"}


def test_real_data_with_pretrained_weights_says_so(tmp_path, metrics):
    rows = built(tmp_path, metrics, demo=[], weights="pretrained", scale="paper")
    assert {(row["data"], row["weights"]) for row in rows[11:]} == {("real", "pretrained")}
    assert "demo" not in rows[11]["note"]
    partly = built(tmp_path, metrics, demo=["mpiigi"], weights="pretrained")
    assert partly[11]["data"] == "demo" and "(mpiigi)" in partly[11]["note"]


@pytest.mark.usefixtures("rendered")
def test_withheld_labels_leave_empty_cells_with_the_reason_and_validation_rows(tmp_path):
    labels = write_labels(tmp_path, splits=("val",))
    names = ["da_mamba-extracted", "da_mamba-extracted-holdout"]
    metrics = [metrics_of(tmp_path, name, labels=labels) for name in names]
    test, val = built(tmp_path, metrics, experiments=names)[11:]
    assert all(test[name] == "" for name in METRICS) and "labels of noxi test-base withheld" in test["note"]
    assert (test["n_units"], test["n_expected"]) == ("0", "7")
    assert (
        val["split"] == "val" and val["noxi_base"] and val["mpiigi"] and not val["noxi_add"] + val["global"]
    )
    assert "held-out training sessions" in val["note"] and "noxi_add: no val part" in val["note"]


def test_missing_units_stop_the_table_unless_allowed(tmp_path):
    metrics = both(tmp_path, skip={("003", "expert"), ("003", "novice")})
    with pytest.raises(DataError, match="003/expert"):
        built(tmp_path, metrics)
    assert not (tmp_path / "tables/noxi_ccc.csv").exists()
    row = built(tmp_path, metrics, allow_incomplete=True)[11]
    assert (row["n_units"], row["n_expected"]) == ("6", "7")
    assert "incomplete, without noxi_base 003/expert" in row["note"]


def test_an_absent_experiment_and_an_unknown_table_are_errors(tmp_path, metrics):
    with pytest.raises(DataError, match="no metrics of dat-multimediate"):
        built(tmp_path, metrics[:1])
    with pytest.raises(ConfigError, match="noxi_controls"):
        built(tmp_path, metrics, table="noxi_cc")


@pytest.mark.usefixtures("rendered")
def test_controls_show_the_drop_beside_what_was_planted(tmp_path):
    names = ["da_mamba-extracted", "da_mamba+shuffled_labels-extracted", "da_mamba+no_partner-extracted"]
    metrics = [metrics_of(tmp_path, n, noise=k) for n, k in zip(names, (0.05, 3.0, 0.3), strict=True)]
    oracle = {"ccc": {"noxi/test-base": {"drop_partner": 0.21}}}
    write_json(tmp_path / "demo/demo/truth/oracle.json", oracle)
    full, shuffled, alone = built(tmp_path, metrics, "noxi_controls", experiments=names)
    assert full["setting"] == "full" and full["drop"] == ""
    assert abs(float(shuffled["noxi_base"])) < 0.3
    assert float(alone["drop"]) == pytest.approx(
        float(full["noxi_base"]) - float(alone["noxi_base"]), abs=1e-4
    )
    assert (alone["planted_drop"], shuffled["planted_drop"]) == ("0.2100", "")


@pytest.mark.parametrize(
    ("shape", "says"),
    [
        ({"demo": [], "weights": "random", "scale": "tiny"}, "tiny scale, random weights: says nothing"),
        ({"demo": [], "weights": "pretrained", "scale": "demo"}, "demo scale: says nothing"),
        ({"demo": [], "weights": "random", "scale": "paper"}, "random weights: says nothing"),
        ({"demo": ["mpiigi"], "weights": "pretrained", "scale": "paper"}, "demo data (mpiigi): says nothing"),
        ({"demo": [], "weights": "pretrained", "scale": "paper"}, ""),
    ],
)
def test_a_row_says_what_keeps_it_from_speaking_of_the_papers(tmp_path, metrics, shape, says):
    note = built(tmp_path, metrics, **shape)[11]["note"]
    assert says in note and ("says nothing about the papers' numbers" in note) == bool(says)


def test_every_row_says_the_tables_edition_first_and_so_does_the_page(tmp_path, metrics):
    rows = built(tmp_path, metrics, edition="partly demo 0a1b2c3d")
    assert next(iter(rows[0])) == "edition" and {row["edition"] for row in rows} == {"partly demo 0a1b2c3d"}
    first = (tmp_path / "tables/noxi_ccc.md").read_text().splitlines()[0]
    assert first.startswith("# ") and "partly demo 0a1b2c3d" in first


def test_a_recording_without_one_of_its_people_is_not_a_whole_unit(tmp_path):
    metrics = both(tmp_path, skip={("003", "expert")})
    row = built(tmp_path, metrics, allow_incomplete=True)[11]
    assert (row["n_units"], row["n_expected"]) == ("6", "7") and row["noxi_base"]
    assert "noxi_base: over few recordings, 2 of them whole" in row["note"]
