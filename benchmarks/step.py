"""A training step by module: what is kept for the backward pass, and the time of both passes.

    python benchmarks/step.py                   # a few minutes on a core, 10 GB
    python benchmarks/step.py da_mamba dat      # some of the models; nothing is written
    python benchmarks/step.py --quick           # small batches: proves that it runs

DA-Mamba, DAT, BiMamba-TTA, Mamba-VA and Coupled Mamba at their papers' scales, each in a process of its own, after a
step on a small batch. What is kept is what autograd saves, each storage once and weights not at all; it belongs to the
module that runs. Seconds are the process's, on one thread. Writes benchmarks/results/step.md.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import torch
from pages import RESULTS, parser, processor, table, versions
from parts import Profiler
from step_cases import PARTS, TITLES, case

from affectssm.models.build import parameter_count

RESULT = RESULTS / "step.md"
REST = "batch made ready, loss"
SMALLEST = 0.005  # a part with less of everything is not shown


def one_step(name: str, quick: bool) -> dict[str, Any]:
    """What ``alone`` runs: a step by part."""
    warm = case(name, quick, small=True)
    warm.loss().backward()
    warm.update()
    del warm
    own = case(name, quick)
    profiler = Profiler(own.model, PARTS[name], REST)
    profiler.run(own.loss)
    begun = time.process_time()
    own.update()
    found = profiler.profile
    return {
        "words": own.words,
        "parameters": parameter_count(own.model),
        "batch": sum(t.nbytes for t in own.batch),
        "update": time.process_time() - begun,
        "kept": found.kept,
        "forward": found.forward,
        "backward": found.backward,
    }


def alone(name: str, quick: bool, threads: int) -> dict[str, Any]:
    """A step in a process of its own."""
    command = [sys.executable, str(Path(__file__)), "--alone", name, "--threads", str(threads)]
    done = subprocess.run(
        [*command, *(["--quick"] if quick else [])], check=False, stdout=subprocess.PIPE, text=True
    )
    if done.returncode:
        return {"ended": done.returncode}
    return json.loads(done.stdout.splitlines()[-1])


def section(name: str, found: dict[str, Any]) -> str:
    """A model's part of the page: the parts that keep most first."""
    if "ended" in found:
        return f"## {TITLES[name]}\n\nThe step did not end (status {found['ended']})."
    kept, forward, backward = found["kept"], found["forward"], found["backward"]
    whole = [max(1e-9, sum(part.values())) for part in (kept, forward, backward)]
    rows = [["part", "kept MB", "of all kept", "forward s", "backward s", "of the passes"]]
    for part in sorted({*kept, *forward, *backward}, key=lambda part: -kept.get(part, 0)):
        own = kept.get(part, 0), forward.get(part, 0.0), backward.get(part, 0.0)
        share = (own[1] + own[2]) / (whole[1] + whole[2])
        if max(own[0] / whole[0], share) >= SMALLEST:
            cells = f"{own[0] / 1e6:,.0f}", f"{own[0] / whole[0]:.0%}", f"{own[1]:.2f}", f"{own[2]:.2f}"
            rows.append([part, *cells, f"{share:.0%}"])
    rows.append(
        ["**all**", f"**{whole[0] / 1e6:,.0f}**", "", f"**{whole[1]:.2f}**", f"**{whole[2]:.2f}**", ""]
    )
    return f"""## {TITLES[name]}

{found["words"]}; {found["parameters"] / 1e6:.2f} M parameters; the batch {found["batch"] / 1e6:,.0f} MB.
The update took {found["update"]:.2f} s.

{table(rows)}"""


def report(names: list[str], quick: bool, threads: int) -> str:
    """Measure, and say what was found."""
    sections = "\n\n".join(section(name, alone(name, quick, threads)) for name in names)
    return f"""# A training step by module

Written by `python benchmarks/step.py`. Threads: {threads}. {processor()},
{versions()}.
float32. Kept: what autograd saves for the backward pass, each storage once, weights not at all; of a storage that two
parts save, the first has it. MB are 1e6 bytes. Seconds are the process's; gradients that are added up are counted with
the operation before. Parts with less than {SMALLEST:.1%} of everything are left out. What a whole step takes at
its peak, with weights, gradients and what lives for a moment, the table `damamba_memory` measures.

{sections}
"""


def main() -> None:
    """Run."""
    asked = parser(__doc__)
    asked.add_argument("models", nargs="*", metavar="model", help=f"some of {', '.join(TITLES)}")
    asked.add_argument("--quick", action="store_true", help="small batches; nothing is written")
    asked.add_argument("--threads", type=int, default=1, help="CPU threads")
    asked.add_argument("--alone", metavar="MODEL", help="one step, in this process, as JSON")
    chosen = asked.parse_args()
    torch.set_num_threads(chosen.threads)
    if unknown := sorted({*chosen.models, *filter(None, [chosen.alone])} - TITLES.keys()):
        asked.error(f"no model {', '.join(unknown)}; there are {', '.join(TITLES)}")
    if chosen.alone:
        print(json.dumps(one_step(chosen.alone, chosen.quick)))
        return
    text = report(chosen.models or list(TITLES), chosen.quick, chosen.threads)
    print(text)
    if not chosen.quick and not chosen.models:
        RESULT.parent.mkdir(exist_ok=True)
        RESULT.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
