"""How long the plan of all tables takes, with how much memory, and how long a job's own Snakemake takes to begin.

    python benchmarks/dry_run.py            # about a quarter of an hour
    python benchmarks/dry_run.py --quick    # 100 recordings a corpus, one round: proves that it runs

Every corpus gets a root of empty files in its owner's layout, and what a discovery would have written of it; then
``snakemake -n`` plans all tables at the paper's scale. Beside it, in turns, a bare Snakefile is planned that has the
same jobs, file by file, and nothing else: what Snakemake itself takes. On a cluster every job starts a Snakemake that
reads the workflow again, runs the one job and ends: this start is timed with a program that does nothing but make the
job's files, beside that of a Snakefile of one rule. Times are CPU seconds of the process, the fastest round, for others
use the machine. Writes benchmarks/results/dry_run.md.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import bare
from made_up import LAB, lay_out, make_roots, rows_of
from pages import RESULTS, parser, processor, table

from affectssm.plan.corpora import _listing as listed
from affectssm.plan.plan import Plan

RESULT = RESULTS / "dry_run.md"
HERE = Path(__file__).resolve().parent
SIZES = (100, 1000, 10_000)
MORE_SHARDS = (64,)  # of NoXi with the most recordings
STARTED = ("extract", "train_dialogue", "train_biosignals", "evaluate_clips")
# what an executor gives a job's own Snakemake
AS_A_JOB = [
    "--cores", "all", "--attempt", "1", "--force-use-threads", "--force", "--target-files-omit-workdir-adjustment",
    "--max-inventory-time", "0", "--retries", "0", "--nocolor", "--no-hooks", "--nolock", "--ignore-incomplete",
    "--latency-wait", "0", "--scheduler", "greedy", "--mode", "remote",
    "--rerun-triggers", "code", "input", "mtime", "params", "software-env",
]  # fmt: skip
MAKER = "#!/bin/sh\nfor file in $MADE; do mkdir -p $(dirname $file); touch $file; done\n"


@dataclass
class Ran:
    """What Snakemake said, and what its process took."""

    said: str
    cpu: float
    mb: float


def snakemake(folder: Path, *arguments: str, **environment: str) -> Ran:
    """Run Snakemake in a folder, and measure it."""
    run = subprocess.run(
        [sys.executable, str(HERE / "snakemake_measured.py"), *arguments],
        cwd=folder, env=os.environ | environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    said = run.stdout + run.stderr
    took = re.search(r"^took (\S+) (\S+)$", said, re.M)
    if run.returncode or not took:
        sys.exit(said)
    return Ran(said, float(took[1]), int(took[2]) / 1e6)


def fastest(rounds: int, *works: tuple[Path, list[str], dict[str, str]]) -> list[Ran]:
    """Run some commands in turns; return what the fastest of each took."""
    ran = [[snakemake(folder, *words, **own) for folder, words, own in works] for _ in range(rounds)]
    return [min(each, key=lambda one: one.cpu) for each in zip(*ran, strict=True)]


def place(
    folder: Path, recordings: int, roots: dict[str, str], shards: dict[str, int]
) -> tuple[Plan, list[str]]:
    """Lay out a run folder; return its plan, and the tables."""
    folder.mkdir()
    corpora = {
        name: {"root": root} | ({"shards": shards[name]} if name in shards else {})
        for name, root in roots.items()
    }
    given = {"scale": "paper", "corpora": corpora}
    of = Plan(given).places.settings_of
    lay_out(folder, given, {corpus: rows_of(corpus, of(corpus).shards) for corpus in corpora})
    plan = Plan(given)
    return plan, [f"results/tables/{name}.csv" for name in plan.tables.there]


def planned(folder: Path, plan: Plan, tables: list[str], rounds: int) -> tuple[list[str], str]:
    """Time a dry run and that of the bare workflow; return cells of a row, and what was said."""
    beside = folder.with_name(f"{folder.name}-bare")
    beside.mkdir()
    words = ["-n", *tables, "--configfile", LAB]
    said = snakemake(
        folder, *words
    ).said  # not counted: the files' names and status are in memory from now on
    read = bare.write(beside, plan, said)
    listed.cache_clear()
    begun = time.process_time()
    for corpus in plan.places.all:
        plan.places.listing(corpus)
    listing = time.process_time() - begun
    own, least = fastest(rounds, (folder, words, {}), (beside, ["-n", *tables], {}))
    count, expected = (re.search(r"^total +(\d+)$", one.said, re.M)[1] for one in (own, least))
    assert count == expected, (count, expected)
    cells = [
        f"{int(count):,}", f"{read:,}", f"{own.cpu:.1f}", f"{listing:.1f}", f"{least.cpu:.1f}",
        f"{(own.cpu - listing) / least.cpu:.2f}", f"{own.mb:.0f}", f"{least.mb:.0f}",
    ]  # fmt: skip
    return cells, said


def starts(folder: Path, said: str, rounds: int) -> list[list[str]]:
    """Rows of the starts of jobs that a dry run told of, and of a Snakefile of one rule."""
    programs, alone = folder.with_name("programs"), folder.with_name("alone")
    programs.mkdir(), alone.mkdir()
    (programs / "affectssm").write_text(MAKER)
    (programs / "affectssm").chmod(0o755)
    (alone / "Snakefile").write_text("rule one:\n    output: 'one.txt'\n    shell: 'touch {output}'\n")
    path = f"{programs}{os.pathsep}{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    works = [(alone, ["--target-jobs", "one:", "--allowed-rules", "one", *AS_A_JOB], {"PATH": path})]
    for rule in STARTED:
        fields = dict(
            re.findall(r"    (\w+): (.*)\n", re.search(rf"^rule {rule}:\n((?:    .*\n)*)", said, re.M)[1])
        )
        wildcards = fields["wildcards"].replace(", ", ",")
        for name in fields["input"].split(", "):  # a job waits for what it reads
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).touch()
        words = [
            "--target-jobs",
            f"{rule}:{wildcards}",
            "--allowed-rules",
            rule,
            *AS_A_JOB,
            "--configfiles",
            LAB,
        ]
        works.append((folder, words, {"PATH": path, "MADE": fields["output"].replace(", ", " ")}))
    ran = fastest(rounds, *works)
    return [
        [name, f"{one.cpu:.2f}", f"{one.cpu / ran[0].cpu:.2f}", f"{one.mb:.0f}"]
        for name, one in zip(("a Snakefile of one rule", *STARTED), ran, strict=True)
    ]  # fmt: skip


HEAD = [
    "recordings a corpus", "NoXi's shards", "files in the roots", "jobs", "files read by them", "CPU s",
    "of which the roots' listing", "bare, CPU s", "without listing, over bare", "peak MB", "bare, MB",
]  # fmt: skip


def main() -> None:
    """Measure, and write the page."""
    asked = parser(__doc__)
    asked.add_argument("--quick", action="store_true", help="writes no result")
    quick = asked.parse_args().quick
    rounds, rows = (1 if quick else 2), [HEAD]
    with tempfile.TemporaryDirectory() as name:
        base = Path(name)
        for recordings in SIZES[:1] if quick else SIZES:
            roots, files = make_roots(base / f"roots-{recordings}", recordings)
            for shards in (0, *(MORE_SHARDS if recordings == max(SIZES) else ())):
                folder = base / f"{recordings}-{shards}"
                plan, tables = place(folder, recordings, roots, {"noxi": shards} if shards else {})
                cells, said = planned(folder, plan, tables, rounds)
                rows.append(
                    [f"{recordings:,}", str(plan.places.settings_of("noxi").shards), f"{files:,}", *cells]
                )
                print(*rows[-1], sep=" | ", flush=True)
                if not shards:
                    plain = folder, said
        begun = [["job", "CPU s", "over the first", "peak MB"], *starts(*plain, rounds if quick else 5)]
    text = page(len(tables), rows, begun)
    print(text)
    if not quick:
        RESULT.write_text(text, encoding="utf-8")


def page(tables: int, rows: list[list[str]], begun: list[list[str]]) -> str:
    """The page."""
    return f"""# Plans and starts

Written by `python benchmarks/dry_run.py` on {processor()}; CPU seconds, the fastest of a few rounds in turns.

## The plan of all tables

`snakemake -n` of all {tables} tables at the paper's scale, with empty roots in the owners' layouts and manifests in
place; shards as the scale has them unless a column says otherwise. *Bare* is a Snakefile of the same jobs with the same
files between them and nothing else: less than it takes, a plan of so many jobs and files does not take.

Asked for were 10 s and 500 MB: the memory is met; of the seconds, those of the bare Snakefile are Snakemake's own, and
the listing, which notices new recordings, goes with the files in the roots. A table by itself is a smaller plan.

{table(rows)}

## The start of a job

On a cluster a job is a Snakemake of its own, which SLURM's executor starts twice, one in the other. The first row is a
Snakefile of one rule. Asked for were 2 s a start.

{table(begun)}
"""


if __name__ == "__main__":
    main()
