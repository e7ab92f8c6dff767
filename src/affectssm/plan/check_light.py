"""The traffic light of a check: whether everything asked can be filled, with gaps, or not at all, and why."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum

from affectssm.errors import listed
from affectssm.plan.check import Checked
from affectssm.plan.check_found import Found


class Light(IntEnum):
    """How it stands."""

    GREEN = 0
    AMBER = 1
    RED = 2


@dataclass(frozen=True)
class Reason:
    """Why it is not green.

    Attributes:
        light: how bad it is.
        text: what, and what to do.
    """

    light: Light
    text: str


def reasons(checked: Checked) -> list[Reason]:
    """Return why a check is not green, the worst first."""
    found = [*_of_corpora(checked), *_of_tables(checked), *_of_weights(checked), *_of_room(checked)]
    return sorted(dict.fromkeys(found), key=lambda one: -one.light)


def light(found: Sequence[Reason]) -> Light:
    """Return the light of some reasons."""
    return max((one.light for one in found), default=Light.GREEN)


def _of_corpora(checked: Checked) -> Iterator[Reason]:
    for one in checked.corpora:
        if one.error is not None:
            yield Reason(Light.RED, f"{one.corpus}: {one.error.found}. {one.error.remedy}")
        elif one.how == "not held" and one.corpus in checked.rested_on:
            yield Reason(Light.AMBER, f"{one.corpus}: not held")
    for corpus, found in checked.found.items():
        yield from _of_corpus(corpus, found)
    places = checked.plan.places
    demos = [one.corpus for one in checked.corpora if one.how != "not held" and places.is_demo(one.corpus)]
    if demos and any(not places.is_demo(corpus) for corpus in checked.rested_on & set(places.all)):
        names = ", ".join(demos)
        yield Reason(
            Light.AMBER,
            f"{names}: made here, as the configuration names no root; of what you do not hold say root: none",
        )


def _of_corpus(corpus: str, found: Found) -> Iterator[Reason]:
    gaps = [one for one in found.lacks if not one.nobody]
    if gaps:
        people = {who for one in gaps for who in one.people}
        yield Reason(
            Light.AMBER,
            f"{corpus}: {len(people)} without something that is wanted: {listed(sorted(people), 3)}",
        )
    if harmful := [one for one in found.faults if one.harmful]:
        count = sum(
            number
            for one in harmful
            for action, number in one.actions.items()
            if action in ("quarantined", "truncated", "masked")
        )
        codes = listed([one.code for one in harmful], 4)
        yield Reason(Light.AMBER, f"{corpus}: {count} faults by which something is lost ({codes})")
    if found.short:
        yield Reason(
            Light.AMBER,
            f"{corpus}: {len(found.short)} of its media are far shorter than their recordings: "
            f"{listed(list(found.short), 3)}",
        )
    if found.counts:
        yield Reason(Light.AMBER, f"{corpus}: other counts than the release's ({found.counts[0]})")


def _of_tables(checked: Checked) -> Iterator[Reason]:
    allowed = checked.plan.config.tables.allow_incomplete
    for table in checked.tables:
        held = set(checked.plan.places.all)
        if table.needs and not held & set(table.needs):
            yield Reason(Light.RED, f"{table.table}: none of {', '.join(table.needs)} is held")
        elif not table.filled and not table.measured and table.error is None:
            yield Reason(Light.RED, f"{table.table}: no cell can be filled")
        elif table.filled < len(table.cells):
            yield Reason(
                Light.AMBER,
                f"{table.table}: {len(table.cells) - table.filled} of {len(table.cells)} cells empty",
            )
        if table.error is not None:
            yield Reason(Light.RED, f"{table.error.found}. {table.error.remedy}")
    for missing in dict.fromkeys(table.missing for table in checked.tables if table.missing):
        said = f"{len(missing)} unit{'s' * (len(missing) != 1)} will be missing: {listed(list(missing), 3)}"
        if allowed:
            yield Reason(Light.AMBER, f"{said} (tables.allow_incomplete)")
        else:
            remedy = "mend them, or set tables.allow_incomplete: true and have them named in the tables"
            yield Reason(Light.RED, f"the run would stop before it extracts anything, as {said}. {remedy}")


def _of_weights(checked: Checked) -> Iterator[Reason]:
    for state in ("missing", "changed"):
        models = [one.wanted.model for one in checked.weights if one.state.state == state]
        if models:
            several = f"{len(models)} pretrained models are" if len(models) > 1 else "a pretrained model is"
            remedy = "affectssm weights fetch brings them, on a machine with network"
            yield Reason(
                Light.RED,
                f"{several} {state}: {listed(models, 4)}. {remedy}",
            )


def _of_room(checked: Checked) -> Iterator[Reason]:
    if checked.estimate is None:
        return
    free = checked.limits.disk_gb
    for text in checked.estimate.warnings(checked.limits):
        worse = text.startswith("disk") and free is not None and checked.estimate.gb > free
        yield Reason(Light.RED if worse else Light.AMBER, text)
    for leg in checked.legs:
        if leg.unknown:
            kinds = listed(list(leg.unknown), 4)
            yield Reason(Light.AMBER, f"nobody has measured how long these take: {kinds}")
    for note in checked.notes:
        yield Reason(Light.AMBER, note)
