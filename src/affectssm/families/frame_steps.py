"""The jobs of families with labels per frame: a run is trained, and predicts, by itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from affectssm.families.step import Input, Step, lighter_training
from affectssm.vocabulary.needs import Needs

RUN = "results/runs/{experiment}/{part}/{seed}"


def train_step(family: str, reads: Mapping[str, Input], needs: Needs) -> Step:
    """Return the job that trains a run of a family.

    Args:
        family: its name, also of its section of the configuration, with ``training``.
        reads: what a run learns from.
        needs: what it takes.
    """
    return _step(
        family,
        "train",
        "train one run; a killed run goes on from its last epoch",
        reads=dict(reads),
        writes={
            "checkpoint": f"{RUN}/checkpoint.safetensors",
            "config": f"{RUN}/config.yaml",
            "history": f"{RUN}/history.csv",
        },
        out=RUN,
        code="training_code",
        content="training_content",
        lighter=_lighter(family),
        needs=needs,
        resumes=True,
    )


def predict_step(family: str, summary: str, reads: Mapping[str, Input], needs: Needs) -> Step:
    """Return the job in which a run of a family predicts.

    Args:
        family: its name.
        summary: what it predicts.
        reads: the windows and their features.
        needs: what it takes.
    """
    return _step(
        family,
        "predict",
        summary,
        reads={"run": Input("checkpoint_of", RUN, one=True, above=1), **reads},
        writes={"out": f"{RUN}/predictions.parquet"},
        code="prediction_code",
        lighter=_lighter(family)[-1:],
        needs=needs,
    )


def _lighter(family: str) -> tuple[str, ...]:
    return lighter_training(f"{family}.training", f"{family}.training.batch")


def _step(family: str, name: str, summary: str, **given: Any) -> Step:
    package = f"affectssm.families.{family}"
    return Step(
        name,
        summary,
        run=f"{package}.stages.{name}:{name}",
        settings="run_settings",
        model=f"{package}.run_settings:RunSettings",
        computing=True,
        threads="threads",
        gpu=True,
        **given,
    )
