"""Write a finished run as one file that answers by itself: weights, configuration, what it reads, licences, scores.

The same run gives the same bytes: members come in a fixed order, without times.
"""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO

from affectssm import __version__
from affectssm.errors import ConfigError, DataError
from affectssm.families.answering import Answering
from affectssm.serving import pack_format as form
from affectssm.serving.licences import licences_of
from affectssm.serving.pack_readme import readme
from affectssm.serving.packed import verified
from affectssm.serving.run_facts import RunFacts, families, read_run
from affectssm.serving.scores import scores_of
from affectssm.serving.training_features import beside_of, encoder_of, face_settings, names_of, wanted_of
from affectssm.store.atomic import staged
from affectssm.store.card import sha256
from affectssm.vocabulary.models import TITLES
from affectssm.vocabulary.targets import load

_DATE = (1980, 1, 1, 0, 0, 0)
_MODE = 0o100644 << 16
_BLOCK = 1 << 20
_ZIP64 = 1 << 31


def pack(
    run: Path, out: Path, *, weights_set: str = "", files: Sequence[Path] = (), force: bool = False
) -> Path:
    """Write a run as a packed model.

    Args:
        run: its folder.
        out: the file to write.
        weights_set: which set of weights answers, of a run that holds several.
        files: of the configuration it was trained with, where what it rests on is gone.
        force: replace a file that is there.

    Returns:
        ``out``.

    Raises:
        ConfigError: for a file that is there, a run whose family does not answer for new media, or a set that is none.
        DataError: for a run that did not finish.
    """
    if out.exists() and not force:
        raise ConfigError(str(out), "a file that is there", "a new file", "name another one, or say --force")
    facts = read_run(run.resolve())
    description = describe(facts, weights_set, files)
    members: dict[str, bytes | Path] = {
        form.README: readme(description).encode(),
        form.MODEL: _json(description.model_dump(mode="json"), in_order=True),
        form.CONFIG: _json(dict(facts.config), in_order=True),
        form.CARD: _json(dict(facts.card)),
        form.CHECKPOINT: facts.path / form.CHECKPOINT,
    }
    if (facts.path / form.HISTORY).is_file():
        members[form.HISTORY] = facts.path / form.HISTORY
    for wanted in description.features.values():
        if wanted.tuned is not None:
            members[form.ENCODER] = encoder_of(facts, wanted.tuned)
    write(out, members)
    return out


def describe(facts: RunFacts, weights_set: str, files: Sequence[Path]) -> form.Description:
    """Return what ``model.json`` says of a run."""
    answering = able(facts)
    weights_set = _the_set(facts, answering, weights_set)
    beside = beside_of(facts, answering)
    names = names_of(facts, answering, beside)
    features = wanted_of(facts, names)
    encoders = {name: one.encoder for name, one in features.items()}
    seeds = tuple(seed for seed in facts.seeds if weights_set in ("", f"seed{seed}")) or facts.seeds
    scores = [asdict(score) for score in scores_of(facts) if score.seed in seeds]
    assert facts.family is not None
    return form.Description(
        family=facts.family.name,
        stage=facts.card["stage"],
        experiment=facts.config["experiment"],
        edition=facts.edition,
        part=facts.part,
        seeds=seeds,
        set=weights_set,
        model=facts.config["model"],
        title=TITLES.get(facts.config["model"], facts.config["model"]),
        corpora=facts.corpora,
        data=facts.data,
        weights=_weights(encoders.values()) or facts.weights,
        features=features,
        tracks=face_settings(facts, names, files),
        reads=answering.reads,
        partners=answering.partners,
        quantities=load(answering.quantities)(facts.config),
        adapts=answering.adapts,
        by_item=answering.by_item,
        beside=beside,
        epoch=facts.config.get("best_epoch"),
        validation=dict([facts.validation]) if facts.validation else {},
        scores=scores,
        licences=licences_of(facts.corpora, facts.data == "demo", encoders),
        run=facts.card["id"],
    )


def _weights(encoders: Iterable[Mapping[str, Any]]) -> str:
    """``random`` where one of some encoders has random weights, else ``pretrained``, or "" where there is none."""
    found = [one for one in encoders if one]
    return "random" if any("random_seed" in one for one in found) else "pretrained" * bool(found)


def able(facts: RunFacts) -> Answering:
    """Return how the family of a run answers for new media.

    Raises:
        ConfigError: where it does not.
    """
    answering = facts.answering
    if answering is None:
        known = [name for name, family in families().items() if family.answering]
        whose = (
            facts.family.name if facts.family is not None else f"an unknown family ({facts.card['stage']})"
        )
        raise ConfigError(
            str(facts.path), f"a run of {whose}", f"one of {', '.join(known)}, whose runs answer for new media",
            "pack another run; affectssm models lists them",
        )  # fmt: skip
    return answering


def _the_set(facts: RunFacts, answering: Answering, given: str) -> str:
    """The set of weights that is packed to answer: the one that is named, or the only one."""
    sets = tuple(load(answering.sets)(facts.config)) if answering.sets else ()
    if given and given not in sets:
        raise ConfigError(
            f"--set {given}", "no set of weights of this run", f"one of {', '.join(sets)}" if sets else "no --set",
            "mend the name" if sets else "leave it out: the run has one set",
        )  # fmt: skip
    if len(sets) > 1 and not given:
        raise ConfigError(
            str(facts.path), f"{len(sets)} sets of weights: {', '.join(sets)}", "the one that is to answer",
            "say --set NAME (of an adapted run or of folds each set has not seen what it is called after)",
        )  # fmt: skip
    return given or "".join(sets)


def write(out: Path, members: Mapping[str, bytes | Path]) -> None:
    """Write members with their index, which comes first, and read the whole back before it is put in place.

    Raises:
        DataError: if it cannot be written, or is not what was written.
    """
    index = form.Index(
        format=form.FORMAT,
        affectssm=__version__,
        members={name: form.Member(sha256=_sha256(one), bytes=_size(one)) for name, one in members.items()},
    )
    every = {form.INDEX: _json(index.model_dump(mode="json"))} | dict(members)
    with (
        staged(out, _check) as temporary,
        zipfile.ZipFile(temporary, "w", zipfile.ZIP_STORED) as archive,
    ):
        for name, one in every.items():
            _add(archive, name, one)


def _check(path: Path) -> None:
    verified(path)


def _add(archive: zipfile.ZipFile, name: str, one: bytes | Path) -> None:
    info = zipfile.ZipInfo(name, _DATE)
    info.external_attr, info.create_system, info.file_size = _MODE, 3, _size(one)
    with _opened(one) as source, archive.open(info, "w", force_zip64=info.file_size >= _ZIP64) as target:
        while block := source.read(_BLOCK):
            target.write(block)


def _opened(one: bytes | Path) -> BinaryIO:
    return BytesIO(one) if isinstance(one, bytes) else one.open("rb")


def _size(one: bytes | Path) -> int:
    return len(one) if isinstance(one, bytes) else one.stat().st_size


def _sha256(one: bytes | Path) -> str:
    return hashlib.sha256(one).hexdigest() if isinstance(one, bytes) else sha256(one)


def _json(value: Any, in_order: bool = False) -> bytes:
    """JSON with sorted keys, or with keys in their own order: a model joins features in the order of its groups."""
    try:
        text = json.dumps(value, indent=1, sort_keys=not in_order, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise DataError(
            "the run's configuration", f"what is no plain value: {error}", "numbers, texts, lists and mappings",
            "train again",
        ) from error  # fmt: skip
    return text.encode() + b"\n"
