"""How long a dry run takes with a made-up corpus of 1000 sessions in place.

    python benchmarks/dry_run.py [--sessions 1000] [--shards 32]

Makes a root with that many session folders (empty files), its manifest and shard index, and times
``snakemake -n results/tables/noxi_ccc.csv`` three times in a temporary folder.
"""

from __future__ import annotations

import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from pages import parser

from affectssm.corpora.manifest import StreamRow, shard_of, write_manifest, write_shard_index
from affectssm.plan.plan import Plan
from affectssm.store.atomic import write_json
from affectssm.store.card import make_card
from affectssm.store.faults import write_faults

REPOSITORY = Path(__file__).resolve().parents[1]
SNAKEMAKE = str(Path(sys.executable).with_name("snakemake"))  # this environment's, activated or not
KINDS = ("video", "audio", "annotation", "egemapsv2", "w2vbert2", "clip", "openface2", "openpose")
SPLITS = {"noxi": ("train", "val", "test-base"), "noxi_add": ("test-additional",), "mpiigi": ("val", "test")}


def rows_of(corpus: str, sessions: int, shards: int) -> list[StreamRow]:
    """Return manifest rows of a made-up corpus of dyads of twenty minutes."""
    rows = []
    for number in range(sessions):
        name, split = f"{number:04d}", SPLITS[corpus][number % len(SPLITS[corpus])]
        where = {"base": "root", "fold_group": name, "language": "", "shard": shard_of(name, shards)}
        size = {
            "rate": 25.0,
            "frames": 30000,
            "dim": 1,
            "duration_s": 1200.0,
            "bytes": 1,
            "checksum": f"sha256:{number}",
        }
        rows += [
            StreamRow(corpus, split, name, role, kind, f"{name}/{role}.{kind}", **where, **size)
            for role in ("expert", "novice")
            for kind in KINDS
        ]
    return rows


def copy_workflow(folder: Path) -> None:
    """Copy what Snakemake needs of a clone."""
    for name in ("Snakefile", "config.yaml"):
        shutil.copy2(REPOSITORY / name, folder / name)
    for name in ("workflow", "profiles", "envs"):
        shutil.copytree(REPOSITORY / name, folder / name)


def make_place(folder: Path, sessions: int, shards: int) -> None:
    """Lay out the workflow, the roots and what discovery would have written."""
    copy_workflow(folder)
    root = folder / "root"
    for number in range(sessions):
        session = root / "train" / f"{number:04d}"
        session.mkdir(parents=True)
        for role in ("expert", "novice"):
            for kind in KINDS:
                (session / f"{role}.{kind}").touch()
    corpora = {
        name: {"root": str(root), "ground_truth": str(root), "shards": shards} for name in tuple(SPLITS)
    }
    (folder / "lab.yaml").write_text(yaml.safe_dump({"corpora": corpora}))
    plan = Plan({"corpora": corpora})
    for corpus in tuple(SPLITS):
        out = folder / "results" / "corpora" / plan.places.name(corpus)
        rows = rows_of(corpus, sessions, shards)
        card = make_card("manifest", [], {})
        write_manifest(out / "manifest.parquet", rows, card)
        write_faults(out / "faults.parquet", [], card)
        write_shard_index(out / "shards.json", rows)
    for name in plan.checks:
        write_json(folder / "results" / "complete" / f"{name}.json", {"missing": [], "card": card})


def planned_jobs(
    folder: Path, given: Mapping[str, Any], rows: Mapping[str, list[StreamRow]], tables: Sequence[str]
) -> dict[str, int]:
    """Rule -> jobs that ``snakemake -n`` plans for some tables.

    Args:
        folder: an empty one, where the workflow and made-up manifests are laid out.
        given: the configuration.
        rows: corpus -> its manifest.
        tables: files.
    """
    copy_workflow(folder)
    (folder / "lab.yaml").write_text(yaml.safe_dump(dict(given)))
    plan = Plan(dict(given), str(folder / "results"))
    for corpus, own in rows.items():
        Path(given["corpora"][corpus]["root"]).mkdir()
        out, card = folder / "results" / "corpora" / plan.places.name(corpus), make_card("manifest", [], {})
        write_manifest(out / "manifest.parquet", own, card)
        write_faults(out / "faults.parquet", [], card)
        write_shard_index(out / "shards.json", own)
    for name in plan.checks:
        write_json(folder / "results" / "complete" / f"{name}.json", {"missing": [], "card": card})
    command = [SNAKEMAKE, "-n", *tables, "--configfile", "lab.yaml"]
    run = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if run.returncode:
        sys.exit(run.stdout + run.stderr)
    return {rule: int(count) for rule, count in re.findall(r"^(\w+) +(\d+)$", run.stdout + run.stderr, re.M)}


def main() -> None:
    """Time the dry run and print jobs and seconds."""
    asked = parser(__doc__)
    asked.add_argument("--sessions", type=int, default=1000)
    asked.add_argument("--shards", type=int, default=32)
    given = asked.parse_args()
    with tempfile.TemporaryDirectory() as name:
        make_place(Path(name), given.sessions, given.shards)
        seconds = []
        for _ in range(3):
            begin = time.perf_counter()
            command = [SNAKEMAKE, "-n", "results/tables/noxi_ccc.csv", "--configfile", "lab.yaml"]
            run = subprocess.run(command, cwd=name, capture_output=True, text=True, check=False)
            seconds.append(time.perf_counter() - begin)
            if run.returncode:
                sys.exit(run.stdout + run.stderr)
        jobs = next(line.split()[-1] for line in run.stdout.splitlines() if line.startswith("total"))
    print(f"{given.sessions} sessions a corpus, {given.shards} shards: {jobs} jobs")
    print(f"dry run: {statistics.median(seconds):.1f} s (median of {', '.join(f'{s:.1f}' for s in seconds)})")


if __name__ == "__main__":
    main()
