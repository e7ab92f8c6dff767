"""Small epochs, answers, streams and masks with known content, for the tests of trials' evaluation and tables."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from affectssm.families.biosignals.run_settings import EvaluationSettings
from affectssm.families.biosignals.stages.format import SCHEMA as EPOCHS
from affectssm.settings.biosignals import ProtocolSettings
from affectssm.store.atomic import write_json
from affectssm.store.card import make_card
from affectssm.store.parquet import write_parquet

MODULE = ["affectssm.errors"]
PREDICTIONS = pa.schema(
    [(name, pa.string()) for name in ("fold", "corpus", "subject", "trial")]
    + [("epoch", pa.int32()), ("high", pa.float32())]
)
NAME = pa.dictionary(pa.int32(), pa.string())
ADAPTED = pa.schema(
    [("fold", NAME), ("pattern", NAME), ("ratio", pa.float64()), ("method", NAME)]
    + [(name, NAME) for name in ("corpus", "subject", "trial")]
    + [("epoch", pa.int32()), ("high", pa.float32())]
)
STREAMS = pa.schema(
    [("fold", NAME), ("pattern", NAME), ("ratio", pa.float64()), ("method", NAME), ("subject", NAME)]
    + [("missing_share", pa.float64())]
    + [(name, pa.int32()) for name in ("segments", "batches", "updates", "used", "refused")]
    + [("majority_share", pa.float64()), ("mean_entropy", pa.float64()), ("collapsed", pa.bool_())]
)
PROTOCOL = ProtocolSettings(folds=3).model_dump(mode="json")
MODALITIES = {"deap": ["eeg", "eog", "emg"], "mahnob": ["eeg", "ecg", "gsr"]}
SUBJECTS = ("s01", "s02", "s03", "s04")
TRIALS, EPOCHS_A_TRIAL = 4, 5
METHODS = ("none", "tent", "eata", "read", "tltta", "bim_tta")
PATTERNS, RATIOS = ("modality", "channel", "sample"), (0.2, 0.4, 0.6, 0.8)
Segment = tuple[str, str, int]
"""Subject, trial, epoch."""


def segments(subjects: Sequence[str] = SUBJECTS) -> list[Segment]:
    return [
        (s, f"{s}_v{v:02d}", e) for s in subjects for v in range(1, TRIALS + 1) for e in range(EPOCHS_A_TRIAL)
    ]


def rating(segment: Segment) -> float:
    """High in even trials."""
    return 8.0 if int(segment[1][-2:]) % 2 == 0 else 2.0


def settings(
    corpus: str = "deap", dimension: str = "valence", model: str = "bimamba_tta", **more: Any
) -> dict:
    return {
        "experiment": f"{model}-{corpus}_{dimension}",
        "corpus": corpus,
        "dimension": dimension,
        "seeds": [1, 2],
        "protocol": PROTOCOL,
    } | more


def told(own: Mapping[str, Any]) -> EvaluationSettings:
    return EvaluationSettings.model_validate(own)


def write_epochs(
    folder: Path,
    corpus: str = "deap",
    shards: Mapping[str, Sequence[str]] | None = None,
    ratings: Callable[[Segment], float] = rating,
) -> list[Path]:
    """Indexes of epochs, a shard a file; returns the names of the .h5 files, which are not there."""
    found = []
    for shard, subjects in (shards or {"s00": SUBJECTS[:2], "s01": SUBJECTS[2:]}).items():
        own = segments(subjects)
        columns: dict[str, Any] = {name: [True] * len(own) for name in EPOCHS.names}
        columns |= {"corpus": [corpus] * len(own), "shard": [shard] * len(own), "row": range(len(own))}
        columns |= dict(zip(("subject", "trial", "epoch"), zip(*own, strict=True), strict=True))
        columns["start_s"] = [4.0 * segment[2] for segment in own]
        for name in ("valence", "arousal"):
            columns[name] = [ratings(segment) for segment in own]
        columns["row"] = list(columns["row"])
        path = folder / f"{corpus}-physio" / f"{shard}.parquet"
        write_parquet(path, columns, EPOCHS, make_card("epochs", MODULE, {}))
        found.append(path.with_suffix(".h5"))
    return found


def run_card(own: Mapping[str, Any], seed: int, part: str, stage: str) -> dict[str, Any]:
    told = {name: own[name] for name in ("experiment", "corpus", "dimension", "protocol")}
    return make_card(stage, MODULE, told | {"seed": seed}, part=part)


def write_predictions(
    path: Path, own: Mapping[str, Any], seed: int, tested: Iterable[Segment],
    right: Callable[[Segment], bool] = lambda segment: True,
) -> Path:  # fmt: skip
    """Answers that are right where ``right`` says so."""
    tested = list(tested)
    columns: dict[str, Any] = {"fold": ["f"] * len(tested), "corpus": [own["corpus"]] * len(tested)}
    columns |= {name: [s[at] for s in tested] for at, name in enumerate(("subject", "trial", "epoch"))}
    columns["high"] = [answer(segment, right(segment)) for segment in tested]
    write_parquet(path, columns, PREDICTIONS, run_card(own, seed, path.parent.name, "training/trials"))
    return path


def answer(segment: Segment, right: bool) -> float:
    return 0.9 if (rating(segment) > 5) == right else 0.1


def missing_share(pattern: str, ratio: float) -> float:
    """A segment never loses all of its few modalities and channels."""
    return ratio if pattern == "sample" else 0.9 * ratio


def write_adapted(
    folder: Path, own: Mapping[str, Any], seed: int, tested: Sequence[Segment],
    accuracy: Callable[[str, str, float, str], float], methods: Sequence[str] = METHODS,
    patterns: Sequence[str] = PATTERNS, ratios: Sequence[float] = RATIOS, control: bool = False,
) -> tuple[Path, Path]:  # fmt: skip
    """Answers of every method: right for the first share ``accuracy(method, pattern, ratio, subject)`` of a subject."""
    columns: dict[str, list] = {name: [] for name in ADAPTED.names}
    streams: dict[str, list] = {name: [] for name in STREAMS.names}
    subjects = list(dict.fromkeys(segment[0] for segment in tested))
    pairs = [(p, r) for p in patterns for r in ratios] + [("nothing", 0.0)] * control
    for pattern, ratio, method in ((*pair, m) for pair in pairs for m in methods):
        for subject in subjects:
            mine = [segment for segment in tested if segment[0] == subject]
            count = round(accuracy(method, pattern, ratio, subject) * len(mine))
            for number, segment in enumerate(mine):
                line = (f"deap-{subject}-0", pattern, ratio, method, own["corpus"], *segment)
                for name, value in zip(ADAPTED.names, (*line, answer(segment, number < count)), strict=True):
                    columns[name].append(value)
            updates = 0 if method == "none" else 3
            line = (
                f"deap-{subject}-0",
                pattern,
                ratio,
                method,
                subject,
                missing_share(pattern, ratio),
                len(mine),
                2,
                updates,
                4 * updates,
                0,
            )
            for name, value in zip(STREAMS.names, (*line, 0.6, 0.5, method == "tent"), strict=True):
                streams[name].append(value)
    paths = folder / "adapted.parquet", folder / "streams.parquet"
    for path, found, schema in zip(paths, (columns, streams), (ADAPTED, STREAMS), strict=True):
        table = pa.table({name: pa.array(found[name], schema.field(name).type) for name in schema.names})
        write_parquet(path, table, schema, run_card(own, seed, folder.parent.name, "adaptation/trials"))
    return paths


def write_chosen(
    path: Path, corpus: str = "deap", development: Sequence[str] = ("s04",), **more: Any
) -> Path:
    found = {
        "chosen": {
            "tent": {"learning_rate": 0.01},
            "eata": {"learning_rate": 0.00025, "entropy_margin": 0.4},
        },
        "development_subjects": [f"{corpus}/{name}" for name in development],
        "tried": [],
    }
    write_json(path, found | more | {"card": make_card("adaptation/choose", MODULE, {})})
    return path


def spread(*words: object) -> float:
    """A number from 0 to 1 that follows from words."""
    return float(
        np.random.default_rng([len(str(word)) * 31 + sum(str(word).encode()) for word in words]).random()
    )
