"""A check as text, section by section, and a light at the end."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from importlib.metadata import PackageMetadata, PackageNotFoundError, metadata

from affectssm.errors import listed
from affectssm.plan.check import Checked
from affectssm.plan.check_corpora import Looked
from affectssm.plan.check_found import ANYTHING, FaultKind, Found, Lack
from affectssm.plan.check_light import Light, Reason, light
from affectssm.plan.check_room import clock_h
from affectssm.plan.check_tables import TableFound
from affectssm.plan.text import number, took
from affectssm.store.faults import Fault
from affectssm.vocabulary.corpora import CORPORA, NO_CORPUS
from affectssm.vocabulary.licences import CORPORA_TERMS, MADE_HERE, PACKAGES, SEE_OWNER

EXAMPLES = 3
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
        ("Weights", _weights(checked)),
        ("Time, room and memory", _room(checked)),
        ("Licences", _licences(checked)),
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


# -- weights, room, licences -------------------------------------------------------------------------------------


def _weights(checked: Checked) -> Iterator[str]:
    features = checked.plan.config.features
    if not checked.weights:
        if features.weights == "pretrained":
            yield "none are wanted"
        else:
            yield f"none: features.weights is {features.weights}, networks are not trained"
        return
    yield f"looked for in {features.weights_dir}"
    for one in checked.weights:
        state = one.state
        held = (
            f"{state.bytes / 1e6:,.0f} MB"
            if state.usable
            else state.found or f"not there: {', '.join(state.files)}"
        )
        yield f"{one.wanted.model}: {state.state}, {held}; wanted by {listed(list(one.who), EXAMPLES)}"
        if state.remedy and not state.usable:
            yield f"  {state.remedy}"


def _room(checked: Checked) -> Iterator[str]:
    estimate, machine = checked.estimate, checked.machine
    if estimate is None:
        return
    memory = f", {machine.memory_gb:,.0f} GB of memory" if machine.memory_gb else ""
    yield f"on {machine.cores} cores and {machine.gpus} GPUs{memory}:"
    rows = [("", "jobs", "core h", "GPU h", "by the clock", "GB", "memory of a job")]
    for leg in checked.legs:
        rows.append(
            (
                leg.name,
                f"{leg.jobs:,}",
                number(leg.core_hours),
                number(leg.gpu_hours) if leg.gpu_hours else "",
                took(leg.clock_h) + (" and what is unknown" if leg.unknown else ""),
                number(leg.gb),
                f"{leg.mem_gb:.1f} GB",
            )
        )
    rows.append(
        (
            "together",
            f"{estimate.jobs:,}",
            number(estimate.core_hours),
            number(estimate.gpu_hours) if estimate.gpu_hours else "",
            took(clock_h(checked.legs)),
            number(estimate.gb),
            "",
        )
    )
    yield from _aligned(rows)
    yield from _dominates(checked)
    free = checked.limits.disk_gb
    yield f"{number(free or 0.0)} GB are free where results/ lies"


def _dominates(checked: Checked) -> Iterator[str]:
    assert checked.estimate is not None
    stages = checked.estimate.stages
    whole = checked.estimate.core_hours + checked.estimate.gpu_hours
    if whole:
        most = max(stages, key=lambda one: one.core_hours + one.gpu_hours)
        share = (most.core_hours + most.gpu_hours) / whole
        yield f"most of the time takes {most.kind} ({share:.0%}); rate: {most.sure}"
    longest = max(stages, key=lambda one: one.longest.worst)
    yield f"the longest job is one of {longest.kind}: {took(longest.longest.worst)}"
    measured = sum(one.measured for one in stages)
    if measured:
        yield f"{measured} jobs have run here (results/benchmarks); what they took counts for others of their kind"
    else:
        yield "rates are those that affectssm brings; jobs that run here refine them"


def _aligned(rows: Sequence[tuple[str, ...]]) -> Iterator[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        cells = (
            text.rjust(width) if at else text.ljust(width)
            for at, (text, width) in enumerate(zip(row, widths, strict=True))
        )
        yield "  ".join(cells).rstrip()


def _licences(checked: Checked) -> Iterator[str]:
    places = checked.plan.places
    for one in checked.corpora:
        if one.how != "not held":
            own = one.corpus in places.demo_data
            terms = MADE_HERE.text if own else _terms(one.corpus)
            yield f"corpus {one.corpus}: {terms}"
    for model, licence in dict.fromkeys((one.wanted.model, one.wanted.licence) for one in checked.weights):
        yield f"weights {model}: {licence}"
    yield "libraries: " + "; ".join(_libraries(PACKAGES))
    bound = [
        one.corpus for one in checked.corpora if one.how != "not held" and one.corpus not in places.demo_data
    ]
    if bound:
        yield f"what is trained here is bound by the terms of its corpora ({', '.join(bound)}) and weights"


def _terms(corpus: str) -> str:
    found = CORPORA_TERMS.get(corpus)
    return found.text if found is not None else SEE_OWNER


def _libraries(names: Iterable[str]) -> Iterator[str]:
    for name in names:
        try:
            said = metadata(name)
        except PackageNotFoundError:
            continue
        licence = _field(said, "License-Expression") or _field(said, "License").partition("\n")[0]
        if not licence:
            kinds = [one for one in said.get_all("Classifier") or [] if one.startswith("License")]
            licence = kinds[0].rpartition(":: ")[2] if kinds else "see its files"
        yield f"{name} {licence}" + (f" ({PACKAGES[name]})" if PACKAGES[name] else "")


def _field(said: PackageMetadata, name: str) -> str:
    return said[name] if name in said else ""  # noqa: SIM401 (its type has no get)


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
