"""An estimate as text: what the corpora hold, a line a kind of jobs, what dominates, and warnings."""

from __future__ import annotations

from collections.abc import Iterator

from affectssm.plan.estimate import Estimate, Limits, Stage
from affectssm.plan.extents import Extent
from affectssm.plan.resources import GPU_CORES

_HEAD = ("jobs of", "jobs", "core h", "GPU h", "GB", "longest h", "limit h", "memory", "rate")
HOUR = 3600.0


def page(estimate: Estimate, limits: Limits) -> str:
    """Return an estimate as text."""
    return "\n".join(_lines(estimate, limits)) + "\n"


def _lines(estimate: Estimate, limits: Limits) -> Iterator[str]:
    config = estimate.plan.config
    gpus = "a GPU where one helps" if config.cluster.gpus else "no GPU"
    hours = f", jobs of {limits.hours:g} h at most" if limits.hours is not None else ""
    yield f"{', '.join(estimate.tables)}: scale {config.scale}, {gpus}{hours}"
    for corpus in dict.fromkeys(one.job.corpus for stage in estimate.stages for one in stage.costs):
        if corpus is not None and (extent := estimate.plan.places.extent(corpus)).counts:
            yield f"{corpus}: {_held(extent)}"
    yield ""
    rows = [_HEAD, *(_row(stage) for stage in estimate.stages)]
    total = ("together", f"{estimate.jobs:,}", _number(estimate.core_hours), _number(estimate.gpu_hours))
    rows.append((*total, _number(estimate.gb), "", "", "", ""))
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEAD))]
    for row in rows:
        cells = [
            text.ljust(width) if at in (0, 8) else text.rjust(width)
            for at, (text, width) in enumerate(zip(row, widths, strict=True))
        ]
        yield "  ".join(cells).rstrip()
    yield ""
    yield from _words(estimate)
    for corpus in sorted(_without_length(estimate)):
        yield (
            f"note: {corpus}: nobody has said how long its recordings are; what reads sound, pictures or signals "
            f"counts nothing (--minutes {corpus}=N)"
        )
    yield from (f"warning: {text}" for text in estimate.warnings(limits))


def _without_length(estimate: Estimate) -> set[str]:
    """Corpora of which jobs take as long as the media last, and nobody knows how long that is."""
    extents = estimate.plan.places.extents
    jobs = (one.job for stage in estimate.stages for one in stage.costs if one.job.need.per == "second")
    return {job.corpus for job in jobs if job.corpus and not extents[job.corpus].total}


def _held(extent: Extent) -> str:
    pixels = f", pictures of {extent.pixels / 1e6:.1f} megapixels" if extent.pixels else ""
    longest = extent.seconds.get(extent.longest, 0.0) / HOUR
    return (
        f"{extent.recordings:,} recordings, {extent.total / HOUR:,.0f} h of media{pixels}; "
        f"{len(extent.counts)} shards, the longest {longest:,.1f} h ({extent.longest}); {extent.origin}"
    )


def _row(stage: Stage) -> tuple[str, ...]:
    longest = stage.longest
    return (
        stage.kind,
        f"{len(stage.costs):,}",
        _number(stage.core_hours) if longest.known else "?",
        _number(stage.gpu_hours) if longest.gpus else "",
        _number(stage.gb),
        _number(longest.worst) if longest.known else "?",
        f"{longest.limit_h:.1f}",
        f"{max(one.mem_mb for one in stage.costs) / 1000:.1f} GB",
        stage.sure,
    )


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 else f"{value:.1f}"


def _words(estimate: Estimate) -> Iterator[str]:
    hours = estimate.core_hours + estimate.gpu_hours
    most = max(estimate.stages, key=lambda one: one.core_hours + one.gpu_hours)
    room = max(estimate.stages, key=lambda one: one.gb)
    if hours:
        share = (most.core_hours + most.gpu_hours) / hours
        yield f"most of the time takes {most.kind} ({share:.0%}), most of the room {room.kind} ({_number(room.gb)} GB)"
    longest = max(estimate.stages, key=lambda one: one.longest.worst)
    yield f"the longest job is one of {longest.kind}: {_number(longest.longest.worst)} h"
    if estimate.gpu_hours:
        yield (
            f"hours of a GPU are those of a core by {GPU_CORES}, an assumption: nobody has measured one here. "
            "cluster.gpus: 0 shows what CPUs take"
        )
