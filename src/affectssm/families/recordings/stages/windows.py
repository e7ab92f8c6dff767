"""The windows of all recordings with labels, who has which media, and which recordings each part is made of."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from affectssm.corpora.manifest import StreamRow, content_hash, read_manifest
from affectssm.errors import DataError
from affectssm.families.recordings.run_settings import WindowSettings
from affectssm.families.recordings.stages.folds import OVER_TIME, divide, groups_of
from affectssm.families.recordings.stages.frames import LABELLED, MISSING, frames_of, length, per_label_of
from affectssm.families.recordings.stages.people import Kinds, kinds_by_seat, write_division, write_people
from affectssm.store.card import make_card
from affectssm.timeline.index import Target, write_index
from affectssm.timeline.windows import Missing, find_targets, write_missing


def write_windows(settings: WindowSettings, manifests: Sequence[Path], out: Path) -> None:
    """Write labelled.parquet, people.parquet, missing.parquet and division.json of a task.

    Args:
        settings: the kinds of streams that the source is made of, the labels, the clock and the windows.
        manifests: of the corpus.
        out: ``results/windows/{task}``.

    Raises:
        DataError: if nobody with labels has any of the media, or there are too few recordings to divide.
    """
    rows = [row for path in manifests for row in read_manifest(path)]
    where = ", ".join(map(str, manifests))
    parts = divide(groups_of(rows, OVER_TIME), settings.folds, where)
    per_label = per_label_of(rows, settings.clock_hz)
    targets, missing = labelled_targets(rows, settings.kinds, per_label)
    if not targets:
        raise DataError(
            where,
            "nobody with labels has any of the media that the features are made of",
            f"{' or '.join(settings.kinds)}, and labels, of one participant at least",
            "look into the fault table beside the manifest, or set recordings.sources",
        )
    frames = frames_of(settings.columns, settings.context, settings.centre, per_label)
    told = {"task": out.name, "kinds": list(settings.kinds), **frames.told(per_label)}
    card = make_card("recordings/windows", [__name__], told, content=content_hash(rows))
    write_index(out / LABELLED, targets, frames, card)
    write_people(
        out, kinds_by_seat(rows, settings.kinds), {row.recording: row.fold_group for row in rows}, card
    )
    write_missing(out / MISSING, missing, card)
    write_division(out, parts, card)


def labelled_targets(
    rows: Sequence[StreamRow], kinds: Sequence[str], per_label: int
) -> tuple[list[Target], list[Missing]]:
    """Return who has labels and any of some kinds of streams, and who has labels and none of them.

    What a participant lacks is masked; whoever has any of it is a partner to the others, with labels or without.
    """
    held = kinds_by_seat(rows, kinds)
    labelled = {(row.recording, row.participant) for row in rows if row.kind == OVER_TIME}
    found, left_out = find_targets(rows, (), per_label, length)
    present = _present(held)
    targets, missing = [], [one for one in left_out if (one.recording, one.participant) in labelled]
    for one in found:
        seat = one.recording, one.participant
        if seat not in labelled:
            continue
        if seat in held:
            partners = tuple(who for who in present[one.recording] if who != one.participant)
            targets.append(replace(one, partners=partners))
        else:
            reason = "no " + ", no ".join(kinds)
            missing.append(Missing(one.corpus, one.split, *seat, reason))
    return targets, missing


def _present(held: Kinds) -> dict[str, list[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    for recording, who in sorted(held):
        found[recording].append(who)
    return found
