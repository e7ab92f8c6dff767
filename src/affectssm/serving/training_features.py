"""How the features of a run were made, from its card and from the feature files that lie beside it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Any

from affectssm.errors import DataError
from affectssm.families.answering import Answering
from affectssm.serving.pack_format import Wanted
from affectssm.serving.run_facts import RunFacts, weights_in
from affectssm.settings.features import settings_of
from affectssm.store.card import read_card, sha256, without_contents
from affectssm.vocabulary.features import spec
from affectssm.vocabulary.targets import load

FACES = "face_track"
_MADE = ("code", "settings", "extra")


def wanted_of(facts: RunFacts, names: Sequence[str]) -> dict[str, Wanted]:
    """Return feature -> its settings and weights in training.

    Raises:
        DataError: for one of which neither the run's card nor a feature file tells.
    """
    found = {}
    for name in names:
        made = facts.made.get(name) or next((card for _, card in _cards(facts, name)), None)
        if made is None:
            raise DataError(
                facts.path, f"no word of how the feature {name} was made", "its settings in the run's card",
                "train again, or keep results/features until the run is packed",
            )  # fmt: skip
        settings = {key: value for key, value in made["settings"].items() if key != "tuned"}
        extra = made.get("extra", {})
        found[name] = Wanted(settings=settings, encoder=encoder_told(extra), tuned=extra.get("tuned"))
    return found


def beside_of(facts: RunFacts, answering: Answering) -> dict[str, Any]:
    """Return what else the answers of a run need of the files beside it.

    Raises:
        DataError: where they are gone.
    """
    return dict(load(answering.beside)(facts.path, facts.config)) if answering.beside else {}


def names_of(facts: RunFacts, answering: Answering, beside: Mapping[str, Any]) -> list[str]:
    """Return the names of the features that the answers of a run need, given what :func:`beside_of` found."""
    return list(load(answering.features)({**facts.config, **beside}))


def read_by(facts: RunFacts) -> list[str]:
    """Return the names of the features a run reads, without its labels; none where neither card nor family tells."""
    if facts.made or facts.answering is None:
        return sorted(facts.made)
    with suppress(DataError):
        return sorted(names_of(facts, facts.answering, beside_of(facts, facts.answering)))
    return []


def weights_of(facts: RunFacts) -> str:
    """Return ``random`` where an encoder of a run's features has random weights, ``pretrained``, or "" for none.

    The card of a run on segments does not say it; the feature files that lie beside it do.
    """
    if facts.made:
        return facts.weights
    return weights_in(made for name in read_by(facts) for _, made in _cards(facts, name))


def encoder_told(extra: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a feature's card says of its weights; of texts in several languages, of all as one.

    Args:
        extra: of the card: ``encoder``, or of texts ``encoders``, language -> encoder.
    """
    if one := extra.get("encoder"):
        return dict(one)
    several = dict(sorted((extra.get("encoders") or {}).items()))
    if len(several) < 2:
        return next((dict(one) for one in several.values()), {})
    if seeds := [one["random_seed"] for one in several.values() if "random_seed" in one]:
        return {"random_seed": seeds}
    told: dict[str, Any] = {
        name: "; ".join(dict.fromkeys(str(one.get(name) or "not stated") for one in several.values()))
        for name in ("repository", "licence", "revision")
    }
    hashes = {
        f"{language} {file}": digest
        for language, one in several.items()
        for file, digest in one.get("sha256", {}).items()
    }
    return {**told, "sha256": hashes}


def face_settings(facts: RunFacts, names: Sequence[str], files: Sequence[Path]) -> dict[str, dict[str, Any]]:
    """Return the settings of the face track that some features rested on in training; {} where none does.

    A run's card does not name them; the face track beside the very feature files that it read does.

    Args:
        facts: of the run.
        names: of its features.
        files: of the configuration, which is asked in place of the files.

    Raises:
        DataError: where nothing tells, or files tell different things.
    """
    resting = [name for name in names if spec(name).needs_faces]
    if not resting:
        return {}
    if files:
        from affectssm.families.configuration import load_config

        return {FACES: settings_of(FACES, load_config(files).features)}
    told = {
        json.dumps(card["settings"], sort_keys=True)
        for name in resting
        for path, made in _cards(facts, name)
        if _same(made, facts.made.get(name))
        for card in [_card_of(path.parents[1] / FACES / path.name)]
        if card is not None
    }
    if len(told) != 1:
        raise DataError(
            facts.path,
            f"{len(told) or 'no'} face tracks{' with different settings' if told else ''} beside the features it read",
            "the one that they rest on",
            "say --config with the configuration that the run was trained with",
        )
    return {FACES: json.loads(told.pop())}


def encoder_of(facts: RunFacts, tuned: Mapping[str, Any]) -> Path:
    """Return the file of the encoder that was tuned for a run's fold.

    Raises:
        DataError: when it is gone, or another one.
    """
    results = facts.path.parents[2 if not facts.part else 3]
    for path in sorted((results / "encoders").glob(f"*/{facts.part}.safetensors")):
        if sha256(path) == tuned["sha256"]:
            return path
    raise DataError(
        results / "encoders", f"no tuned encoder of {facts.part} with sha256 {tuned['sha256'][:16]}...",
        "the encoder that made the run's features", "make it again with the table, and pack then",
    )  # fmt: skip


def _cards(facts: RunFacts, name: str) -> Iterator[tuple[Path, Mapping[str, Any]]]:
    """The files of a feature of the corpora that a run learnt from, with what their cards say of how it was made."""
    results = facts.path.parents[2 if not facts.part else 3]
    for corpus in facts.corpora:
        own = results / "features" / f"{corpus}-{facts.edition}"
        folders = [own] if own.is_dir() else sorted((results / "features").glob(f"{corpus}-*"))
        for folder in folders:
            for path in sorted((folder / name).glob("s*.h5"))[:1]:  # shards are made alike
                stat = path.stat()
                if (made := _made_in(path, (stat.st_mtime_ns, stat.st_size))) is not None:
                    yield path, made


@lru_cache(maxsize=256)
def _made_in(path: Path, _: tuple[int, int]) -> Mapping[str, Any] | None:
    """How a feature was made, by the card of its file; thousands of runs ask for the same."""
    card = _card_of(path)
    return None if card is None else {key: without_contents(card)[key] for key in _MADE}


def _card_of(path: Path) -> Mapping[str, Any] | None:
    try:
        return read_card(path) if path.is_file() else None
    except DataError:
        return None


def _same(one: Mapping[str, Any], other: Mapping[str, Any] | None) -> bool:
    """Whether two features were made alike, as far as JSON keeps it."""
    plain = [
        json.loads(json.dumps({key: made[key] for key in _MADE}, default=str)) for made in (one, other or one)
    ]
    return plain[0] == plain[1]
