"""How fast the scans are on this machine's GPU, against the physical floor; the one script of the GPU part.

    python benchmarks/gpu.py            # on a GPU; begins no case after eight minutes (--minutes)
    python benchmarks/gpu.py --tune     # also compares sizes of tiles at the first shape
    python benchmarks/gpu.py --check    # without one: the same at tiny sizes through Triton's interpreter

It needs torch with Triton and a C compiler (gcc or clang), and neither an installation of this package nor nvcc. First
every kernel that is timed, and every option, is compared with the float64 reference, in several processes because
compiling takes longest (float32 to 1e-4, bfloat16 to 2e-2 of a tensor's largest value). A scan that disagrees is not
timed. Then this project's scans are timed, and last mamba_ssm, mambapy's parallel scan and transformers' loop, those
that are installed, and the reference. What there is no time left for is skipped, and the page says so.

The floor is what no implementation can go below: one exponential a state and step (two for forward + backward, which
computes the states again) at the card's exp rate, or the bytes of inputs, outputs and gradients at its copy bandwidth,
whichever takes longer, both measured in the same run. Times are of CUDA graphs, so that Python's launches do not count,
replayed over so many sets of inputs that the second-level cache does not hold them; "launched" is the same from Python.
Memory is the peak beyond inputs, outputs and their gradients. Writes benchmarks/results/gpu-<card>.md anew after every
row, so that little is lost when it is stopped, and a plot beside it where matplotlib is installed.
"""

from __future__ import annotations

import argparse
import functools
import sys
from pathlib import Path

import gpu_setup  # noqa: F401  before torch and triton
import torch
from gpu_agreement import compare, compare_all
from gpu_cases import SHAPES, TINY, Case, cases, label
from gpu_clock import COMPARING, OUT_OF_TIME, Clock
from gpu_device import Gpu, Interpreter
from gpu_others import PACKAGES, absent, other_times, others
from gpu_page import HEAD, Page, draw, figures, page_path, place, title
from gpu_setup import CHECK, NO_GPU
from gpu_tiles import tuned
from gpu_times import floors, measure
from pages import parser, table


def main() -> None:
    """Compare, measure, print and write the page."""
    asked = parser(__doc__)
    asked.add_argument(
        "--check",
        action="store_true",
        help="tiny sizes through the interpreter; writes nothing without --out",
    )
    asked.add_argument("--tune", action="store_true", help="also compare sizes of tiles at the first shape")
    asked.add_argument(
        "--minutes", type=float, default=8.0, help="that all of it may take (8); what runs then is finished"
    )
    asked.add_argument("--out", type=Path, metavar="FOLDER", help="for the page (benchmarks/results)")
    asked.add_argument("--compare", metavar="CASE", help=argparse.SUPPRESS)
    given = asked.parse_args()
    if not CHECK and not torch.cuda.is_available():
        sys.exit(NO_GPU)
    if given.compare:
        return compare(given.compare)
    page = Page(Interpreter() if CHECK else Gpu(), Clock(60 * given.minutes), page_path(given.out))
    report(page, given.tune)
    print(f"\n{page}")
    disagree = any(found != OUT_OF_TIME for found in page.wrong().values())
    return sys.exit("some scans disagree with the reference" if disagree else 0)


def report(page: Page, tune: bool) -> None:
    """Compare and measure everything; the page is written on the way."""
    shapes, clock = TINY if CHECK else SHAPES, page.clock
    rates = clock.tried(page.gpu.rates)  # first: a floor is wanted for every row
    if isinstance(rates, str):
        print(f"the card's rates: {rates}")
    else:
        page.rates = rates
    page.compared = compare_all(cases(shapes), clock.part(COMPARING))
    print(
        table([["compared with float64", ""], *([label(c), found] for c, found in page.compared)]), flush=True
    )
    page.write()
    timed: list[Case] = [{"shape": s, "coupling": coupling} for coupling in ("", "mean") for s in shapes]
    own = time_own(page, timed)
    time_others(page, timed, own)
    draw(page)
    if tune:
        page.tiles = tuned(shapes[0], page.gpu, page.rates, clock)
        page.write()


def time_own(page: Page, timed: list[Case]) -> dict[str, dict[str, float]]:
    """This project's rows; the times by case."""
    wrong, found = page.wrong(), {}
    for case in timed:
        times = wrong.get(label(case)) or page.clock.tried(functools.partial(measure, case, page.gpu))
        if isinstance(times, str):
            page.add(page.rows, [*title(case), times, *[""] * (len(HEAD) - 3)])
            continue
        floor = floors(case, *page.rates)
        page.drawn[place(case)] = {"floor": floor[1], "Triton": times["both"]}
        page.add(page.rows, [*title(case), *figures(times, floor)])
        found[label(case)] = times
    return found


def time_others(page: Page, timed: list[Case], own: dict[str, dict[str, float]]) -> None:
    """The other implementations' rows, of the scans that were timed."""
    if page.clock.left() <= 0:
        return
    page.absent = {name: why for name in PACKAGES if (why := absent(name))}
    page.write()
    for case in timed:
        for name in others(case):
            if label(case) not in own or name in page.absent:
                continue
            work = functools.partial(other_times, case, page.gpu, name, own[label(case)])
            found = page.clock.tried(work)
            cells = ["", "", found, ""] if isinstance(found, str) else found[0]
            if not isinstance(found, str):
                page.drawn[place(case)][name] = found[1]
            page.add(page.others, [*title(case), name, *cells])


if __name__ == "__main__":
    main()
