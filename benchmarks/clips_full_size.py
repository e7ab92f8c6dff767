"""The full-size plan of the tables of clips: jobs, disk, memory and hours of every stage.

    python benchmarks/clips_full_size.py            # about five CPU minutes on one core
    python benchmarks/clips_full_size.py --quick    # two clips a step: proves that it runs

22,856 clips of CMU-MOSEI, 2,281 of CH-SIMS, 4,403 and 10,161 unlabelled ones of CH-SIMS v2, at the paper's scale. Jobs
are counted by ``snakemake -n`` with made-up manifests. A training step and an answer of every model, in every size that
a table has, are timed here on one thread, on random numbers; that their CPU seconds go with the clips a step shows
clip_step.md. Rates of the other stages are read from the pages beside it. Writes benchmarks/results/clips_full_size.md.
"""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Mapping
from pathlib import Path

import torch
from clips_work import CORPORA, TOGETHER, Timed, columns, opening, timed
from made_up import planned_jobs
from pages import RESULTS, parser, processor, table, versions

from affectssm.corpora.manifest import StreamRow, shard_of
from affectssm.families.clips.catalogue import TABLES, experiments_of
from affectssm.families.clips.experiments import Experiment, run_settings
from affectssm.families.clips.run_settings import RunSettings
from affectssm.families.clips.settings import own
from affectssm.families.clips.steps import STEPS as ALL_STEPS
from affectssm.families.configuration import load_config
from affectssm.plan.plan import Plan
from affectssm.settings.config import Config
from affectssm.vocabulary.models import TITLES

RESULT = RESULTS / "clips_full_size.md"
ROWS = {
    "mosei": {"aligned": (50, 50, 50), "unaligned": (50, 500, 500)},
    "sims": {"unaligned": (39, 400, 55)},
    "simsv2": {"unaligned": (50, 925, 232)},
}
"""Rows of text, audio and vision in the owners' arrays, by source."""
OPENED = 2000  # clips whose memory is measured while they are read
HOUR = 3600.0
STEPS = {step.name: step for step in ALL_STEPS}


def clips_of(corpus: str) -> dict[str, int]:
    """Split -> clips."""
    return {
        split: max(counts) if split != "test" else min(counts)
        for split, counts in CORPORA[corpus].counts.items()
    }


def read(page: str, pattern: str) -> tuple[float, ...]:
    """The numbers that a pattern finds on a page of results."""
    found = re.search(pattern, (RESULTS / page).read_text(encoding="utf-8"))
    assert found, (page, pattern)
    return tuple(float(text.replace(",", "")) for text in found.groups())


# -- jobs ----------------------------------------------------------------------------------------------------


def rows_of(corpus: str, shards: int) -> list[StreamRow]:
    """Manifest rows of some made-up clips, enough that every shard has one."""
    kinds = [f"{source}_{name}" for source in ROWS[corpus] for name in columns(corpus)] + [
        "tokens",
        "sentiment",
    ]
    names = [f"v{number:05d}[0]" for number in range(shards * 16)]
    return [
        StreamRow(
            corpus, split, name, "speaker", kind, "made.pkl", "root", 1.0, 1, 1, 1.0, 1, f"sha256:{name}", name, "",
            shard_of(name, shards),
        )
        for name in names for kind in kinds for split in [("train", "val", "test")[int(name[1:6]) % 3]]
    ]  # fmt: skip


def jobs(folder: Path) -> dict[str, int]:
    """Rule -> jobs of all tables."""
    corpora = {corpus: {"root": str(folder / corpus)} for corpus in CORPORA}
    given = {"scale": "paper", "families": ["clips"], "corpora": corpora}
    settings = Plan(given).places.settings_of
    rows = {corpus: rows_of(corpus, settings(corpus).shards) for corpus in CORPORA}
    return planned_jobs(folder, given, rows, [f"results/tables/{name}.csv" for name in TABLES])


# -- hours ---------------------------------------------------------------------------------------------------


def work_of(run: RunSettings) -> str:
    """What a run computes, as text: experiments alike in it take as long."""
    return json.dumps(
        [run.model, run.model_settings.model_dump(mode="json"), run.corpus, run.modalities, run.batch]
    )


def hours_of(run: RunSettings, cost: Timed) -> float:
    """Core hours of one seed: all epochs, each with the validation clips, and the answers."""
    clips = clips_of(run.corpus)
    passes = run.training.epochs * (clips["train"] * cost.step + clips["val"] * cost.answer)
    return (passes + len(run.patterns) * (clips["val"] + clips["test"]) * cost.answer) / HOUR


def called(experiment: Experiment, runs: list[Experiment]) -> str:
    """A model and what is changed of it."""
    variants = sorted({one.variant for one in runs if one.variant != "exchanged"})
    return f"{TITLES[experiment.model]}{', ' * bool(variants and variants[0])}{' = '.join(filter(None, variants))}"


def training(config: Config, quick: bool) -> tuple[list[list[str]], float, float]:
    """Rows of the table of models, core hours and bytes of checkpoints of all runs."""
    seeds = len(own(config).seeds)
    alike: dict[str, list[Experiment]] = {}
    for experiment in dict.fromkeys(one for name in TABLES for one in experiments_of(name, config)):
        run = RunSettings.model_validate(run_settings(config, experiment, [0]))
        alike.setdefault(work_of(run), []).append(experiment)
    rows, total, held = [], 0.0, 0.0
    for experiments in alike.values():
        run = RunSettings.model_validate(run_settings(config, experiments[0], [0]))
        cost = timed(run, quick)
        hours, count = hours_of(run, cost), len(experiments) * seeds
        total, held = total + hours * count, held + 4 * cost.parameters * count
        rows.append(
            [
                called(experiments[0], experiments), CORPORA[run.corpus].title, f"{cost.parameters:,}",
                f"{1000 * cost.step:.1f}", f"{1000 * cost.answer:.1f}", f"{hours:,.1f}", str(count),
            ]
        )  # fmt: skip
    return rows, total, held


# -- disk ----------------------------------------------------------------------------------------------------


def supplied_bytes(corpus: str, source: str, size: Mapping[str, int]) -> float:
    """Bytes of a source's arrays of all clips, where a number of a modality has so many."""
    steps = dict(zip(columns(corpus), ROWS[corpus][source], strict=True))
    clip = sum(steps[name] * dim * size[name] for name, dim in columns(corpus).items())
    return sum(clips_of(corpus).values()) * clip


def disk() -> list[list[str]]:
    """Rows of the table of corpora."""
    seconds, rate = read("pickle_conversion.md", r"All: \d+ s, (\d+) s of CPU, (\d+) MB/s")
    (made,) = read("pickle_conversion.md", r"a pickle of ([\d.]+) GB")
    rows = []
    for corpus, sources in ROWS.items():
        for source in sources:
            pickle = supplied_bytes(corpus, source, {"text": 4, "audio": 8, "vision": 8})
            features = supplied_bytes(corpus, source, dict.fromkeys(columns(corpus), 4))
            segments = sum(clips_of(corpus).values()) * 50 * (4 * sum(columns(corpus).values()) + 3)
            rows.append(
                [
                    CORPORA[corpus].title, source, f"{sum(clips_of(corpus).values()):,}", f"{pickle / 1e9:.1f}",
                    f"{features / 1e9:.1f}", f"{segments / 1e9:.1f}", f"{pickle / 1e6 / rate / 60:.0f}",
                    f"{pickle / 1e9 / made * seconds / 60:.1f}",
                ]
            )  # fmt: skip
    return rows


# -- the page ------------------------------------------------------------------------------------------------

FOUND = (
    [
        "corpus",
        "source",
        "clips",
        "pickle GB",
        "features GB, at most",
        "segments GB",
        "conversion, minutes",
        "of CPU",
    ],
    ["model", "corpus", "parameters", "CPU ms a clip, step", "answer", "core hours a seed", "runs"],
)
EPOCH_ROW = r"\| own \(numba\) \| 1024 \| [\d.]+ \| ([\d.]+) \|  \| ([\d.]+) \|"
BERT_ROWS = (
    r"\| CMU-MOSEI \| 22856 \| ([\d.]+)",
    r"\| CH-SIMS \| 2281 \| ([\d.]+)",
    r"\| CH-SIMS v2 \| 14564 \| ([\d.]+)",
)


def page(planned: Mapping[str, int], rows: list[list[str]], total: float, held: float, share: float) -> str:
    """The page."""
    seconds, peak = read("clip_step.md", EPOCH_ROW)
    bert = [read("text_encoder.md", pattern)[0] for pattern in BERT_ROWS]
    (tuned,) = read("text_encoder.md", r"\| all \| off \| [\d.]+ \| \S+ \| ([\d.]+) \|")
    kept = clips_of("mosei")["train"] * 50 * 4 * sum(columns("mosei").values()) / 1e9
    counted = [["rule", "jobs"], *([rule, str(count)] for rule, count in planned.items())]
    held_gb, whole, need = held / 1e9, 1000 * seconds / 1024, STEPS["train"].needs["paper"]
    times = whole / float(rows[0][3])
    slow = sum(float(row[5].replace(",", "")) * int(row[6]) for row in rows if row[0].endswith("pairwise"))
    asked, hours = int(need.mem_mb) / 1000, need.minutes / 60
    clips = ", ".join(f"{sum(clips_of(name).values()):,} of {one.title}" for name, one in CORPORA.items())
    return f"""# The full size of the tables of clips

Written by `python benchmarks/clips_full_size.py` on one thread of {processor()},
{versions()}; a plan, of which nothing was run. All eleven tables at the paper's scale,
150 epochs, five seeds, nothing stops early. Clips: {clips}.

## Jobs

Counted by `snakemake -n` with made-up manifests:

{table(counted)}

## Corpora

Derived: bytes from the shapes of the owners' arrays (float32 text, float64 audio and vision) and the clips of all
splits. Features have no padding and are smaller than this. Conversion, of arrays to features, at the rate of
[pickle_conversion.md](pickle_conversion.md), which was measured on one shard; the start of each job comes on top.

{table([FOUND[0], *disk()])}

The source `extracted` needs no pickle; its text takes {bert[0]:g}, {bert[1]:g} and {bert[2]:g} core hours
([text_encoder.md](text_encoder.md)). What sound and pictures take depends on the clips' seconds, which no page here
tells: the rates of `wav2vec2` and `clip_face` are in [extraction.md](extraction.md).

## Training

Measured: CPU milliseconds a clip of a step (forward, L1 loss, backward, Adam) and of an answer, {TOGETHER} clips at
once or the model's own batch (MulT, TFN, LMF), on a machine that others used, where they differ from run to run:
[clip_step.md](clip_step.md), measured under a heavier load, has {whole:.1f} ms for a step of Coupled Mamba at 1,024
clips, {times:.1f} times as much. Derived, from the rates of this page: core hours of a seed, all epochs with their
validation clips, and the answers. Runs that tables share are counted once; regression and classification, and aligned
and unaligned, cost the same.

{table([FOUND[1], *rows])}

All runs together: {total:,.0f} core hours, {held_gb:.1f} GB of checkpoints. The coupling `pairwise` is computed by the
reference alone, and is {slow / total:.0%} of them; `clips.couplings` without it leaves its row out. `clips.tune_text`
adds {tuned:g} core hours an epoch of CMU-MOSEI for the text encoder, in all of its blocks. A job is given {hours:g}
hours; one that ends at them goes on from its last epoch when it is started again. All hours are those of a CPU; a GPU
is what this scale is made for, and none was measured.

## Memory of a run

Measured: {peak:g} GB at most in a step of 1,024 clips of Coupled Mamba ([clip_step.md](clip_step.md)); while clips are
opened, {share:.1f} times what is then kept of them ({OPENED:,} clips). Derived: of CMU-MOSEI's training clips
{kept:.1f} GB are kept, so that opening them takes {share * kept:.1f} GB and what Python itself takes. A job asks for
{asked:g} GB. A step of `pairwise` was not measured.

`coupled_efficiency` needs up to `clips.efficiency.limit_gb` and what Python takes; its times by length are in
[coupled_efficiency.md](coupled_efficiency.md).
"""


def main() -> None:
    """Count, measure, and write the page."""
    asked = parser(__doc__)
    asked.add_argument("--quick", action="store_true", help="two clips a step; writes no result")
    quick = asked.parse_args().quick
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as name:
        planned = jobs(Path(name))
    config = load_config({"scale": "paper", "families": ["clips"]})
    rows, total, held = training(config, quick)
    text = page(planned, rows, total, held, opening(100 if quick else OPENED))
    print(text)
    if not quick:
        RESULT.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
