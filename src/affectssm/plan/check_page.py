"""A check as text, section by section, and a light at the end."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

from affectssm.errors import listed
from affectssm.plan.check import Checked
from affectssm.plan.check_corpora import Looked
from affectssm.plan.check_found import ANYTHING, FaultKind, Found, Lack
from affectssm.plan.check_light import Light, Reason, light
from affectssm.plan.check_sections import EXAMPLES, licence_lines, room_lines, weight_lines
from affectssm.plan.check_tables import TableFound
from affectssm.store.faults import Fault
from affectssm.vocabulary.corpora import CORPORA, NO_CORPUS

_ANSI = {Light.GREEN: "32", Light.AMBER: "33", Light.RED: "31"}
_WORDS = {
    Light.GREEN: "everything that is asked can be filled",
    Light.AMBER: "it runs, with what is named here",
    Light.RED: "it would stop, or a table would be empty",
}


def page(checked: Checked, reasons: Sequence[Reason], colour: bool = False) -> str:
    """Return a check as text.

    Args:
        checked: what was found.
        reasons: why it is not green.
        colour: whether the light has its colour.
    """
    config = checked.plan.config
    lines = [f"Configuration: scale {config.scale}, families {', '.join(checked.plan.families)}"]
    lines += [f"  tables: {', '.join(one.table for one in checked.tables)}"]
    for title, section in (
        ("Corpora", _corpora(checked)),
        ("Tables", _tables(checked)),
        ("Weights", weight_lines(checked)),
        ("Time, room and memory", room_lines(checked)),
        ("Licences", licence_lines(checked)),
    ):
        found = list(section)
        lines += ["", title, *(f"  {line}" for line in found or ["nothing"])]
    return "\n".join([*lines, "", *_light(reasons, colour)]) + "\n"


# -- corpora -----------------------------------------------------------------------------------------------------


def _corpora(checked: Checked) -> Iterator[str]:
    for one in checked.corpora:
        yield from _corpus(checked, one)


def _corpus(checked: Checked, one: Looked) -> Iterator[str]:
    places = checked.plan.places
    title = CORPORA[one.corpus].title
    if one.how == "not held":
        yield f"{one.corpus}: {title}, not held (corpora.{one.corpus}.root: {NO_CORPUS})"
        return
    where = places.root(one.corpus)
    demo = ", a demo" if one.corpus in places.demo_data else ""
    yield f"{one.corpus}: {title} in {where}{demo}; {one.how}"
    if one.error is not None:
        yield f"  refused: {one.error.found}"
        yield f"  expected: {one.error.expected}"
        yield f"  remedy: {one.error.remedy}"
        if one.folder is not None:
            yield "  what can be read of it all the same:"
    if one.corpus in checked.found:
        yield from (f"  {line}" for line in _found(checked.found[one.corpus]))


def _found(found: Found) -> Iterator[str]:
    splits = ", ".join(f"{split} {count:,}" for split, count in found.recordings.items())
    yield f"recordings: {splits or 'none'}"
    yield from found.counts
    yield from _lacks(found.lacks)
    if found.short:
        yield f"far shorter than their recordings: {listed(list(found.short), EXAMPLES)}"
    yield from (line for one in found.faults for line in _fault_lines(one))


def _lacks(lacks: Sequence[Lack]) -> Iterator[str]:
    for one in lacks:
        if one.withheld:
            yield f"{one.split}: labels withheld"
        elif one.nobody:
            yield f"{one.split}: nobody has {', '.join(one.kinds)}"
        else:
            what = "file that can be used" if ANYTHING in one.kinds else f"{', '.join(one.kinds)}"
            some = listed(list(one.people), EXAMPLES)
            yield f"{one.split}: {len(one.people)} of {one.of} without {what}: {some}"


def _fault_lines(kind: FaultKind) -> Iterator[str]:
    done = ", ".join(
        f"{count} {action}" if len(kind.actions) > 1 else action for action, count in kind.actions.items()
    )
    yield f"fault {kind.code} x{kind.count}, {done}: {kind.words}"
    if kind.harmful or kind.count <= EXAMPLES:
        yield from (f"    {_example(one)}" for one in kind.worst)


def _example(one: Fault) -> str:
    who = "/".join(filter(None, (one.recording, one.participant))) or one.corpus
    what = f" {one.stream}" if one.stream else ""
    return f"{who}{what}: {one.found}"[:_WIDTH]


_WIDTH = 160

# -- tables ------------------------------------------------------------------------------------------------------


def _tables(checked: Checked) -> Iterator[str]:
    for one in checked.tables:
        yield from _table(one)
    allowed = checked.plan.config.tables.allow_incomplete
    for missing in dict.fromkeys(one.missing for one in checked.tables if one.missing):
        then = "named in the tables" if allowed else "the run stops before anything is extracted"
        yield f"will be missing ({then}):"
        yield from _some(missing, 12)


def _table(one: TableFound) -> Iterator[str]:
    if one.error is not None:
        yield f"{one.table}: the run stops: {one.error.found}"
    elif one.measured:
        yield f"{one.table}: measured here, without corpora"
    else:
        yield f"{one.table}: {one.filled} of {len(one.cells)} cells can be filled"
    whys = defaultdict[str, list[str]](list)
    for cell in one.cells:
        if cell.empty:
            whys[cell.empty].append(f"{cell.row} {cell.column}")
    for why, cells in whys.items():
        yield f"  empty: {why}"
        yield from (f"  {line}" for line in _some(cells, 6))
    short = defaultdict[tuple[str, ...], list[str]](list)
    for cell in one.cells:
        if cell.missing:
            short[cell.missing].append(f"{cell.row} {cell.column}")
    for missing, cells in short.items():
        yield f"  without {listed(list(missing), EXAMPLES)}: {listed(cells, EXAMPLES)}"


def _some(names: Sequence[str], most: int) -> Iterator[str]:
    yield from (f"  {name}" for name in names[:most])
    if len(names) > most:
        yield f"  and {len(names) - most} more"


# -- the light ---------------------------------------------------------------------------------------------------


def _light(reasons: Sequence[Reason], colour: bool) -> Iterator[str]:
    shown = light(reasons)
    word = f"\033[1;{_ANSI[shown]}m{shown.name}\033[0m" if colour else shown.name
    yield f"{word}: {_WORDS[shown]}"
    for one in reasons:
        name = (
            f"\033[{_ANSI[one.light]}m{one.light.name.lower()}\033[0m" if colour else one.light.name.lower()
        )
        yield f"  {name}: {one.text}"
