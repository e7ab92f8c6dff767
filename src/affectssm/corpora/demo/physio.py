"""Writes the demo corpora of bio-signals: few subjects and trials in the owners' own formats, the same bytes each time.

Below ``out``: ``deap/`` and ``mahnob/`` as the owners lay them out, ``truth/`` with what was planted, where the
specimens of faults lie and what an oracle scores, and ``card.json`` with that oracle and the hash of every file.
"""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pyarrow as pa

from affectssm.corpora.demo import deap, mahnob, physio_oracle, physio_subjects, physio_world
from affectssm.corpora.demo.physio_subjects import Layout
from affectssm.corpora.demo.physio_world import Synthesiser
from affectssm.corpora.demo.whole import write_card, written_whole
from affectssm.store.atomic import write_json
from affectssm.store.parquet import write_parquet

CONTENT = {"deap", "mahnob", "truth", "card.json"}
MODALITIES = {"deap": ("eeg", "eog", "emg"), "mahnob": ("eeg", "ecg", "gsr")}
_NAMES = ("corpus", "subject", "recording")
_NUMBERS = ("valence", "arousal", "gain", "tilt", "side", "muscle", "skin")
_SCHEMA = pa.schema([(name, pa.string()) for name in _NAMES] + [(name, pa.float64()) for name in _NUMBERS])


def write_physio_demo(edition: str, out: Path) -> None:
    """Write an edition as the folder ``out``, whole or not at all; an earlier edition there is replaced.

    Raises:
        ConfigError: if there is no such edition.
        DataError: if ``out`` holds something else, or cannot be written.
    """
    found = physio_subjects.layout(edition)
    with written_whole(Path(out), CONTENT) as folder:
        _write_deap(found, folder / "deap")
        if found.mahnob:
            for trial in found.mahnob:
                mahnob.write_trial(trial, found.stimulus_s, folder / "mahnob")
            mahnob.write_surroundings(folder / "mahnob")
        oracle = _write_truth(found, folder / "truth")
        write_card(folder, edition, oracle=oracle)


def _write_deap(found: Layout, folder: Path) -> None:
    write = deap.write_preprocessed if found.variant == "preprocessed" else deap.write_original
    for subject in found.deap:
        write(subject, folder)
    deap.write_metadata(found.deap, folder)


def planted(found: Layout) -> list[tuple[str, str, str, Synthesiser, float]]:
    """Return corpus, subject, recording, signals and seconds of baseline of every trial that is there whole."""
    trials = []
    rate = deap.PREPROCESSED_HZ if found.variant == "preprocessed" else deap.RATE
    for subject in found.deap:
        known = deap.truths(subject)
        for video in () if subject.unreadable else deap.held(subject):
            made = deap.signals(subject, video, known[video], rate)
            trials.append(("deap", subject.name, f"{subject.name}_v{video:02d}", made, deap.BASELINE_S))
    for trial in found.mahnob:
        if trial.planted:
            made = mahnob.signals(trial, found.stimulus_s)
            trials.append(("mahnob", f"P{trial.subject}", str(trial.folder), made, mahnob.AROUND_S))
    return trials


def _write_truth(found: Layout, folder: Path) -> dict[str, Any]:
    """Write drift.parquet, specimens.csv and oracle.json; return the oracle."""
    folder.mkdir()
    columns: dict[str, list] = {name: [] for name in (*_NAMES, *_NUMBERS)}
    looked: dict[str, list[physio_oracle.Looked]] = {}
    for corpus, subject, recording, made, baseline_s in planted(found):
        numbers = {"valence": made.truth.valence, "arousal": made.truth.arousal} | vars(made.truth.drift)
        for name, value in {"corpus": corpus, "subject": subject, "recording": recording, **numbers}.items():
            columns[name].append(value)
        looked.setdefault(corpus, []).append(physio_oracle.look(subject, made, baseline_s))
    write_parquet(folder / "drift.parquet", columns, _SCHEMA, {})  # card.json speaks for all files
    oracle: dict[str, Any] = {
        corpus: physio_oracle.scores(trials, MODALITIES[corpus]) for corpus, trials in looked.items()
    }
    came_twice = any(subject.visits > 1 for subject in found.deap)
    oracle["law"] = physio_world.LAW | {
        "visit_drift": {"deap": physio_world.VISIT_DRIFT if came_twice else {}, "mahnob": {}}
    }
    write_json(folder / "oracle.json", oracle)
    with (folder / "specimens.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["corpus", "participant", "recording", "kind", "code"])
        writer.writerows(physio_subjects.specimens(found))
    return oracle
