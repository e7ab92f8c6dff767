"""A bare workflow of as many jobs as a plan has, with the same files between them: what Snakemake itself takes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

from affectssm.plan.plan import Plan
from affectssm.plan.text import one_of

_JOB = re.compile(r"^(?:local)?(?:rule|checkpoint) \w+:\n((?:    .*\n)*)", re.M)
_FIELD = re.compile(r"^    (\w+): (.*)$", re.M)
_TRACK = "results/features/{corpus_edition}/{feature}/{shard}"
_TABLE = "results/tables/{joint}/{table}"
_KINDS = ("csv", "md", "provenance.json", "faults.csv", "png")
WILDCARDS = {
    "corpus_edition": "[^/]+", "shard": "s[0-9]+", "part": "[A-Za-z0-9_]+", "table": "[^/.]+", "joint": "[^/]+",
    "seed": "[0-9]+", "seeds": "[0-9]+(-[0-9]+)*",
}  # fmt: skip


def edges(said: str) -> dict[str, list[str]]:
    """File -> the files that the job that makes it reads, of all jobs that a dry run tells."""
    found: dict[str, list[str]] = {}
    for job in _JOB.finditer(said):
        fields = dict(_FIELD.findall(job[1]))
        read = [name for name in fields.get("input", "").split(", ") if name]
        found |= dict.fromkeys(fields["output"].split(", "), read)
    return found


def _rules(plan: Plan) -> Iterator[tuple[str, list[str], dict[str, str]]]:
    """Rule, patterns of its files, and what its wildcards can be."""
    for job in plan.jobs:
        patterns = [[one] if isinstance(one, str) else one for one in job.outputs.values()]
        yield job.rule, [name for some in patterns for name in some], job.constraints
    for rule, names in (
        ("extract", plan.features.network_features),
        ("extract_on_cpu", plan.features.cpu_features),
    ):
        yield rule, [f"{_TRACK}.h5", f"{_TRACK}.faults.parquet"], {"feature": one_of(names)}
    yield "edition_table", [f"{_TABLE}.{kind}" for kind in _KINDS], {}
    yield "table", [f"{_TABLE}.{kind}".replace("{joint}/", "") for kind in _KINDS], {}


def write(folder: Path, plan: Plan, said: str) -> int:
    """Write the bare workflow of a dry run into a folder; return how many files its jobs read, one by one."""
    read = edges(said)
    for name in {name for names in read.values() for name in names} - set(read):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    (folder / "edges.json").write_text(json.dumps(read))
    lines = ["import json", "edges = json.load(open('edges.json'))", "wildcard_constraints:"]
    lines += [f"    {name}={pattern!r}," for name, pattern in WILDCARDS.items()]
    for rule, patterns, constraints in _rules(plan):
        lines += [f"rule {rule}:", f"    input: lambda wildcards: edges[{patterns[0]!r}.format(**wildcards)]"]
        lines += [f"    output: {', '.join(map(repr, patterns))}"]
        if constraints:
            lines += [f"    wildcard_constraints: {', '.join(f'{k}={v!r}' for k, v in constraints.items())}"]
        lines += ["    shell: 'true'"]
    (folder / "Snakefile").write_text("\n".join(lines) + "\n")
    return sum(len(set(names)) for names in _by_job(said))


def _by_job(said: str) -> Iterator[list[str]]:
    for job in _JOB.finditer(said):
        yield [name for name in dict(_FIELD.findall(job[1])).get("input", "").split(", ") if name]
