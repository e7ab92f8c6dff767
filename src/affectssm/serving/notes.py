"""What who reads a model's answers has to know, and where they come from."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from affectssm import __version__
from affectssm.corpora.manifest import StreamRow
from affectssm.serving.asked_features import OTHER_CROPS, Asked
from affectssm.serving.packed import Packed
from affectssm.serving.tracks import source_kinds
from affectssm.store.card import make_card
from affectssm.store.faults import Fault, FaultLog
from affectssm.store.shards import ShardReader
from affectssm.vocabulary.kinds import TEXT

LITTLE = 0.5  # of a feature's rows: where fewer are valid, answers rest on others
LONG_S = 1.0  # what is absent for longer is named
_NAMED, _SPANS = 6, 4
Person = tuple[str, str]


def notes_of(
    packed: Packed, asked: Sequence[Asked], features: Path, people: Sequence[Person], files: int, alone: str
) -> list[str]:
    """Return notes on answers.

    Args:
        packed: the model.
        asked: its features.
        features: the folder that holds them.
        people: who is answered, recording and participant.
        files: media that were handed over.
        alone: what is to be said of somebody without partners.
    """
    told, found = packed.description, []
    if told.demo:
        why = ["learnt from demo data"] * (told.data == "demo")
        why += ["reads encoders with random weights"] * (told.weights == "random")
        found.append(f"a demo model, which {' and '.join(why)}: its answers say nothing about people")
    if any(one.made_as != one.name for one in asked):
        found.append(OTHER_CROPS)
    if told.partners and len({name for name, _ in people}) == 1 and files > 1:
        found.append(
            f"{files} files are one conversation, each person as a partner of the others; of people who did not "
            "meet ask one by one"
        )
    if alone and len(people) == 1:
        found.append(alone)
    if "audio" in told.reads and len(people) > files:
        found.append("several people of one file share its sound, which counts as that of each")
    found += _little(asked, features, people)
    if told.non_commercial:
        found.append("non-commercial use only, by the licences that the model inherits")
    return found


def _little(asked: Sequence[Asked], features: Path, people: Sequence[Person]) -> list[str]:
    """Where features are absent: the answers rest on the others there."""
    named: dict[str, list[str]] = {}
    for one in asked:
        for path in sorted((features / one.made_as).glob("s*.h5")):
            with ShardReader(path) as reader:
                for person in people:
                    if text := _absent(reader, person):
                        named.setdefault(text, []).append(one.made_as)
    found = [f"{', '.join(names)}: {text}" for text, names in named.items()]
    more = [f"and {len(found) - _NAMED} more such notes"] if len(found) > _NAMED else []
    return found[:_NAMED] + more


def _absent(reader: ShardReader, person: Person) -> str:
    """Where a person's rows are not valid, in words; "" where that is nowhere for long."""
    name = "/".join(person)
    there = person[0] in reader.contents and person in reader
    if not there or not reader.info(*person).rows:
        return f"absent in {name}"
    time, valid = reader.times(*person)
    if (share := float(valid.mean())) < LITTLE:
        return f"valid in {share:.0%} of the rows of {name}"
    half = 0.5 / reader.info(*person).rate
    change = np.flatnonzero(np.diff(np.r_[False, ~valid, False].astype(int))).reshape(-1, 2)
    spans = [(time[begin] - half, time[end - 1] + half) for begin, end in change]
    wide = np.flatnonzero(np.diff(time) > LONG_S)
    spans += [(time[at] + half, time[at + 1] - half) for at in wide]
    long = sorted((begin, end) for begin, end in spans if end - begin > LONG_S)
    texts = [f"{max(0.0, begin):.1f} to {end:.1f} s" for begin, end in long[:_SPANS]]
    return f"absent in {name} from {', '.join(texts)}{' ...' * (len(long) > _SPANS)}" if texts else ""


def without_text(rows: Sequence[StreamRow], names: Sequence[str]) -> list[Fault]:
    """Return the faults of those of whom features read what they say, and there is no text."""
    if not any(TEXT in source_kinds(name) for name in names):
        return []
    held: dict[tuple[str, str], set[str]] = {}
    for row in rows:
        held.setdefault((row.recording, row.participant), set()).add(row.kind)
    log = FaultLog(rows[0].corpus)
    for (recording, participant), kinds in sorted(held.items()):
        if TEXT not in kinds:
            log.add(
                "empty_transcript", action="masked", recording=recording, participant=participant, stream=TEXT,
                found="no text file", expected="what is said, as a text file (--transcript)",
            )  # fmt: skip
    return log.rows


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
