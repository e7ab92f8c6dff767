"""Made-up run folders: roots of empty files, and beside them what a discovery would have written."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from affectssm.corpora.manifest import StreamRow, shard_of, write_manifest, write_shard_index
from affectssm.plan.plan import Plan
from affectssm.store.atomic import write_json
from affectssm.store.card import make_card
from affectssm.store.faults import write_faults
from affectssm.vocabulary.kinds import CSD_KINDS, SENTIMENT, SIGNAL_KINDS, STREAM_KINDS, SUPPLIED_KINDS

REPOSITORY = Path(__file__).resolve().parents[1]
SNAKEMAKE = str(Path(sys.executable).with_name("snakemake"))  # this environment's, activated or not
LAB = "lab.yaml"

_DIALOGUE = ("video", "audio", "annotation", *STREAM_KINDS)
_TRIAL = (*SIGNAL_KINDS, "ratings")
_CLIP = (*SUPPLIED_KINDS, "transcript", SENTIMENT, "video", "audio")
_SPLITS = ("train", "val", "test")
CORPORA: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "noxi": (_DIALOGUE, ("train", "val", "test-base")),
    "noxi_add": (_DIALOGUE, ("test-additional",)),
    "mpiigi": (_DIALOGUE, ("val", "test")),
    "deap": (_TRIAL, ("all",)),
    "mahnob": (_TRIAL, ("all",)),
    "affwild2": (("video", "audio", "crops", "annotation", "frame_list"), _SPLITS),
    "mosei": ((*_CLIP, *CSD_KINDS), _SPLITS),
    "sims": (_CLIP, _SPLITS),
    "simsv2": (_CLIP, _SPLITS),
}
"""Corpus -> the kinds of a recording's streams, and the splits that recordings are dealt to."""
A_SESSION = [
    f"{who}.{stream}"
    for who in ("expert", "novice")
    for stream in (
        "video.mp4", "audio.wav", "engagement.annotation.csv", "egemapsv2.stream", "w2vbert2.stream", "clip.stream"
    )
]  # fmt: skip
A_SHARD = 16  # recordings of which the index of a shard is made; it has hashes alone, the same number of however many


def rows_of(corpus: str, shards: int) -> list[StreamRow]:
    """Manifest rows of a few recordings a shard, of every kind and split."""
    kinds, splits = CORPORA[corpus]
    size = (25.0, 30000, 1, 1200.0, 1)
    return [
        StreamRow(
            corpus, splits[number % len(splits)], name, "one", kind, f"{name}.{kind}", "root", *size, "sha256:0",
            name, "", shard_of(name, shards),
        )
        for number, name in ((number, f"{number:05d}") for number in range(A_SHARD * shards)) for kind in kinds
    ]  # fmt: skip


def files_of(corpus: str, recordings: int) -> Iterator[str]:
    """The files of a root of so many recordings, as its owner lays them out; none of NoXi-Add, which lies in NoXi's."""
    splits = CORPORA[corpus][1]
    names = [(f"{number:05d}", splits[number % len(splits)]) for number in range(recordings)]
    if corpus in ("noxi", "mpiigi"):
        yield from (f"{split}/{name}/{file}" for name, split in names for file in A_SESSION)
    elif corpus == "deap":
        yield from (f"data_preprocessed_python/s{number:03d}.dat" for number in range(recordings // 40))
    elif corpus == "mahnob":
        yield from (f"Sessions/{name}/{file}" for name, _ in names for file in ("Part_1.bdf", "session.xml"))
    elif corpus == "affwild2":
        yield from (f"batch1/{name}.mp4" for name, _ in names)
        yield from (f"annotations/VA_Estimation_Challenge/Train_Set/{name}.txt" for name, _ in names)
    elif corpus != "noxi_add":
        yield from ("label.csv", "unaligned_50.pkl", *(f"Raw/{name}/0001.mp4" for name, _ in names))


def make_roots(folder: Path, recordings: int) -> tuple[dict[str, str], int]:
    """Write a root of empty files for every corpus; return them by corpus, and how many files there are."""
    count, made = 0, set()
    for corpus in CORPORA:
        for name in files_of(corpus, recordings):
            path = folder / corpus / name
            if path.parent not in made:
                path.parent.mkdir(parents=True, exist_ok=True)
                made.add(path.parent)
            path.touch()
            count += 1
    roots = {corpus: str(folder / corpus) for corpus in CORPORA}
    return roots | {"noxi_add": roots["noxi"]}, count


def lay_out(folder: Path, given: Mapping[str, Any], rows: Mapping[str, list[StreamRow]]) -> Plan:
    """Lay out the workflow, the configuration and finished manifests and checks; return the plan.

    Args:
        folder: an empty one.
        given: the configuration.
        rows: corpus -> its manifest.
    """
    for name in ("Snakefile", "config.yaml"):
        shutil.copy2(REPOSITORY / name, folder / name)
    for name in ("workflow", "profiles", "envs"):
        shutil.copytree(REPOSITORY / name, folder / name)
    (folder / LAB).write_text(yaml.safe_dump(dict(given)))
    plan = Plan(dict(given), str(folder / "results"))
    card = make_card("manifest", [], {})
    for corpus, own in rows.items():
        Path(given["corpora"][corpus]["root"]).mkdir(exist_ok=True)
        out = folder / "results" / "corpora" / plan.places.name(corpus)
        write_manifest(out / "manifest.parquet", own, card)
        write_faults(out / "faults.parquet", [], card)
        write_shard_index(out / "shards.json", own)
    for name in plan.checks:
        write_json(folder / "results" / "complete" / f"{name}.json", {"missing": [], "card": card})
    return plan


def planned_jobs(
    folder: Path, given: Mapping[str, Any], rows: Mapping[str, list[StreamRow]], tables: Sequence[str]
) -> dict[str, int]:
    """Rule -> jobs that ``snakemake -n`` plans for some tables, in a folder as :func:`lay_out` makes it."""
    lay_out(folder, given, rows)
    command = [SNAKEMAKE, "-n", *tables, "--configfile", LAB]
    run = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if run.returncode:
        sys.exit(run.stdout + run.stderr)
    return {rule: int(count) for rule, count in re.findall(r"^(\w+) +(\d+)$", run.stdout + run.stderr, re.M)}
