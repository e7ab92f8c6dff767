"""What a family says of answering for new media with a finished run: the functions that do it, by name.

Whoever serves a run (:mod:`affectssm.serving`) asks these and knows no family's name.
"""

from __future__ import annotations

from dataclasses import dataclass

NOTES = "notes"
"""Key of the metadata of a table of answers: notes on them, a JSON list of texts."""


@dataclass(frozen=True)
class Answering:
    """How a family's runs answer for media that were handed over.

    A *run* is a folder with ``checkpoint.safetensors`` and ``config.yaml``; its *configuration* is what stands in
    ``config.yaml``, checked. All functions are named as ``module:function``; those that take a configuration alone lie
    in modules that import no torch.

    Attributes:
        stages: what the cards of its checkpoints call the stage (``video/train``), by which a run is told to be its.
        reads: kinds of media it takes (``video``, ``audio``, ``transcript``, ``signals``).
        model: ``module:Class`` of the pydantic model of what a run is told; keys of ``config.yaml`` that the model has
            are checked by it before anything is built. Other keys are numbers, names, and lists and mappings of them.
        features: ``(configuration) -> names`` of the features it wants, without the tracks that those rest on; the
            configuration has what ``beside`` found, too.
        answer: ``(run: Path, settings, manifest: Path, features: Path, work: Path, adapt: str) -> pyarrow.Table``, the
            table of answers. ``settings`` is the configuration of the run, with ``set``, the name of the set of weights
            ("" where there is one), and what ``beside`` found; ``manifest`` has rows of the participants
            (:mod:`affectssm.corpora.manifest`), ``features`` is a folder with ``{name}/{shard}.h5`` of each feature,
            and ``work`` one for what may be kept. The table has the columns ``recording``, ``participant``,
            ``start_s``, ``stop_s`` (the span that a row speaks for), ``time_s`` (its centre), a float column of each
            quantity, and ``valid`` (bool). What who reads it has to know may stand in its metadata (:data:`NOTES`).
        quantities: ``(configuration) -> {name: (lowest, highest)}``, the columns it answers, with their range; None in
            place of a range that nobody knows.
        corpora: ``(configuration) -> keys`` of the corpora whose labels a run was trained on.
        sets: ``(configuration) -> names`` of the sets of weights that a checkpoint holds (folds, seeds); none or one
            where there is one.
        beside: ``(run: Path, configuration) -> mapping`` of what else answers need of the files beside a run, which is
            packed with it; "" for nothing.
        beside_model: ``module:Class`` of the pydantic model of it.
        partners: whether other people of a recording are looked at.
        alone: what answers for somebody without partners are to say; "" where that is nothing special.
        adapts: names of the methods of adaptation at test time.
        by_item: whether a row is a whole item (a clip, a trial) and not a frame.
    """

    stages: tuple[str, ...]
    reads: tuple[str, ...]
    model: str
    features: str
    answer: str
    quantities: str
    corpora: str
    sets: str = ""
    beside: str = ""
    beside_model: str = ""
    partners: bool = False
    alone: str = ""
    adapts: tuple[str, ...] = ()
    by_item: bool = False
