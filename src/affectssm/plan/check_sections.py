"""Sections of a check: weights, what it takes, and licences."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from importlib.metadata import PackageMetadata, PackageNotFoundError, metadata

from affectssm.errors import listed
from affectssm.plan.check import Checked
from affectssm.plan.check_room import clock_h
from affectssm.plan.text import number, took
from affectssm.vocabulary.licences import CORPORA_TERMS, MADE_HERE, PACKAGES, SEE_OWNER

EXAMPLES = 3


def weight_lines(checked: Checked) -> Iterator[str]:
    """Yield which pretrained weights are wanted, and which are there."""
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


def room_lines(checked: Checked) -> Iterator[str]:
    """Yield what the stages of the road take."""
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


def licence_lines(checked: Checked) -> Iterator[str]:
    """Yield whose terms apply."""
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
