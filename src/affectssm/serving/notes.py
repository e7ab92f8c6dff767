"""What who reads a model's answers has to know, and where they come from."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from affectssm import __version__
from affectssm.serving.asked_features import OTHER_CROPS, Asked
from affectssm.serving.packed import Packed
from affectssm.store.card import make_card
from affectssm.store.shards import ShardReader

LITTLE = 0.5  # of a feature's rows: where fewer are valid, answers rest on others
_NAMED = 6
Person = tuple[str, str]


def notes_of(
    packed: Packed, asked: Sequence[Asked], features: Path, people: Sequence[Person], files: int
) -> list[str]:
    """Return notes on answers.

    Args:
        packed: the model.
        asked: its features.
        features: the folder that holds them.
        people: who is answered, recording and participant.
        files: media that were handed over.
    """
    told, found = packed.description, []
    if told.demo:
        why = ["learnt from demo data"] * (told.data == "demo")
        why += ["reads encoders with random weights"] * (told.weights == "random")
        found.append(f"a demo model, which {' and '.join(why)}: its answers say nothing about people")
    if any(one.made_as != one.name for one in asked):
        found.append(OTHER_CROPS)
    if told.partners and len(people) == 1:
        found.append("a model of conversations, which was given nobody but the person it answers for")
    if "audio" in told.reads and len(people) > files:
        found.append("several people of one file share its sound, which counts as that of each")
    found += _little(asked, features, people)
    if told.non_commercial:
        found.append("non-commercial use only, by the licences that the model inherits")
    return found


def _little(asked: Sequence[Asked], features: Path, people: Sequence[Person]) -> list[str]:
    """Of whom a feature is mostly absent: the answers rest on the others."""
    found = []
    for one in asked:
        lacking = []
        for path in sorted((features / one.made_as).glob("s*.h5")):
            with ShardReader(path) as reader:
                lacking += [_share(reader, person) for person in people]
        if texts := [text for text in lacking if text]:
            more = f" and {len(texts) - _NAMED} more" if len(texts) > _NAMED else ""
            found.append(f"{one.made_as} is valid in {', '.join(texts[:_NAMED])}{more}")
    return found


def _share(reader: ShardReader, person: Person) -> str:
    """How much of a person's rows is valid, in words; "" where that is most."""
    name = "/".join(person)
    there = person[0] in reader.contents and person in reader
    if not there or not reader.info(*person).rows:
        return f"no row of {name}"
    share = float(reader.times(*person)[1].mean())
    return f"{share:.0%} of the rows of {name}" if share < LITTLE else ""


def provenance_of(
    packed: Packed, asked: Sequence[Asked], answer: str, files: Sequence[Path], options: dict[str, Any]
) -> dict[str, Any]:
    """Return where answers come from.

    Args:
        packed: the model.
        asked: its features.
        answer: ``module:function`` that answered.
        files: all that were handed over.
        options: that decide the answers.
    """
    told = packed.description
    names = ("title", "experiment", "edition", "part", "seeds", "set", "data", "weights", "run", "licences")
    whole = told.model_dump(mode="json")
    model = {"file": packed.path.name, "sha256": packed.sha256, "packed_by": packed.made_by}
    inputs = [*(path for path in files if path.is_file()), packed.path]
    return {
        "model": model | {name: whole[name] for name in names},
        "affectssm": __version__,
        "media": [str(path) for path in files],
        "features": {one.name: {"made_as": one.made_as, "settings": dict(one.settings)} for one in asked},
        "options": options,
        "card": make_card("serving/predict", [answer], options, inputs=inputs),
    }
