"""Times of other sizes of tiles than the plan's."""

from __future__ import annotations

from gpu_agreement import compare_all
from gpu_cases import Case, label, variant
from gpu_clock import COMPARING, Clock
from gpu_device import Gpu
from gpu_times import floors, measure

# channels and recomputed steps of a thread; the first of each is the plan's own at the first shape
VARIANTS = {
    "selective": ((4, 8), (4, 4), (2, 8), (2, 4), (1, 8)),
    "coupled": ((2, 4), (2, 2), (1, 4), (1, 8), (4, 2)),
}


def tuned(shape: tuple[int, ...], gpu: Gpu, rates: tuple[float, float], clock: Clock) -> list[list[str]]:
    """Times of other tiles at a shape."""
    wanted = [
        {"shape": shape, "coupling": coupling, "variant": variant}
        for coupling, kind in (("", "selective"), ("mean", "coupled"))
        for variant in VARIANTS[kind]
    ]
    rows = [["scan", "channels of a thread", "steps at once", "f, us", "f+b, us", "f+b over floor"]]
    for case, found in compare_all(wanted, clock.part(COMPARING)):
        times = clock.tried(lambda c=case: with_variant(c, gpu)) if found.startswith("ok") else found
        cells = [times, "", ""]
        if not isinstance(times, str):
            over = times["both"] / floors(case, *rates)[1]
            cells = [f"{1e6 * times['forward']:.1f}", f"{1e6 * times['both']:.1f}", f"{over:.2f}"]
        rows.append([label(case), *map(str, case["variant"]), *cells])
    return rows


def with_variant(case: Case, gpu: Gpu) -> dict[str, float]:
    """Times with the tile that a case names."""
    with variant(case):
        return measure(case, gpu)
