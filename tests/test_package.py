"""What pip installs: the core on torch alone, extras that suffice, and a wheel with all its data."""

from __future__ import annotations

import ast
import importlib.metadata
import json
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from packaging.requirements import Requirement

import affectssm

REPOSITORY = Path(__file__).parents[1]
SOURCE = REPOSITORY / "src" / "affectssm"
PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]

# Hides, as if it were not installed, every module that is not Python's own, affectssm's or named by the argument.
BLOCKER = """
import json, sys
allowed = sys.stdlib_module_names | {"affectssm", *json.loads(sys.argv[1])}

class Hiding:
    def __init__(self, finder):
        self.finder = finder

    def __getattr__(self, name):
        return getattr(self.finder, name)

    def find_spec(self, name, path=None, target=None):
        top = name.partition(".")[0]
        own = top in allowed or top.startswith("_sysconfigdata")  # Python's own, named by the platform
        return self.finder.find_spec(name, path, target) if own else None

sys.meta_path[:] = map(Hiding, sys.meta_path)
"""

SCANS = """
import torch
from affectssm.ssm.backends import recorded

x, rates, projection = torch.randn(2, 4, 5, requires_grad=True), -torch.ones(4, 3), torch.randn(2, 3, 5)
with recorded() as backends:
    selective_scan(x, torch.rand(2, 4, 5), rates, projection, projection).sum().backward()
    three = [torch.stack([each.detach()] * 3) for each in (x, x, rates, projection, projection)]
    coupled_scan(*three)
    for mixer in (Mamba(8), BiMamba(8)):
        mixer(torch.randn(2, 5, 8)).sum().backward()
assert x.grad is not None and {"numpy", "numba"}.isdisjoint(sys.modules)
print(*backends)
"""


def run_blocked(code: str, allowed: Iterable[str]) -> str:
    """Run code that can import Python's own modules, affectssm and the allowed ones; return what it printed."""
    command = [sys.executable, "-W", "ignore", "-c", BLOCKER + code, json.dumps(sorted(allowed))]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def direct(extra: str | None) -> set[str]:
    """The distributions that the package, with an extra, asks for by name."""
    found: set[str] = set()
    for line in PROJECT["dependencies"] + (PROJECT["optional-dependencies"][extra] if extra else []):
        wanted = Requirement(line)
        if wanted.name == PROJECT["name"]:
            found.update(*(direct(inner) for inner in wanted.extras))
        else:
            found.add(canonical(wanted.name))
    return found


def with_theirs(wanted: Iterator[tuple[str, frozenset[str]]]) -> set[str]:
    """Distributions (name, extras) and all that these require here."""
    seen: set[tuple[str, frozenset[str]]] = set()
    waiting = list(wanted)
    while waiting:
        name, extras = waiting.pop()
        if (name, extras) in seen:
            continue
        seen.add((name, extras))
        for line in importlib.metadata.requires(name) or ():
            needed = Requirement(line)
            if needed.marker is None or any(needed.marker.evaluate({"extra": e}) for e in ("", *extras)):
                waiting.append((canonical(needed.name), frozenset(needed.extras)))
    return {name for name, _ in seen}


def modules_of(distributions: set[str]) -> set[str]:
    """The modules that distributions install."""
    installed = importlib.metadata.packages_distributions()
    return {top for top, names in installed.items() if {canonical(name) for name in names} & distributions}


def allowed_with(extra: str | None) -> set[str]:
    return modules_of(with_theirs((name, frozenset[str]()) for name in direct(extra)))


def imported_in(source: Path) -> set[str]:
    """Every foreign module that a file imports anywhere."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(source.read_text())):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
    return {name.partition(".")[0] for name in found} - sys.stdlib_module_names - {"affectssm"}


def test_the_package_itself_imports_nothing_and_knows_its_version():
    assert run_blocked("import affectssm; print(affectssm.__version__)", ()) == affectssm.__version__
    assert "version" not in PROJECT and PROJECT["dynamic"] == ["version"]


def test_the_scans_of_the_readme_run_on_torch_alone():
    allowed = allowed_with(None)
    assert "torch" in allowed and "numpy" not in allowed
    imports = re.findall(
        r"^ +(from affectssm\.ssm\S* import .*)$", (REPOSITORY / "README.md").read_text(), re.M
    )
    assert len(imports) == 3
    assert run_blocked("\n".join(["import affectssm.ssm", *imports, SCANS]), allowed) == "reference"


@pytest.mark.parametrize(
    ("extra", "folders"),
    [
        ("data", ("media", "corpora", "timeline", "evaluation", "models", "store")),
        ("features", ("features",)),
    ],
)
def test_an_extra_suffices_for_its_part_of_the_package(extra, folders):
    allowed = allowed_with(extra) | ({"mediapipe"} if extra == "features" else set())
    files = [path for folder in folders for path in sorted((SOURCE / folder).rglob("*.py"))]
    names = [".".join(path.relative_to(SOURCE.parent).with_suffix("").parts) for path in files]
    names = [name for name in names if ".demo" not in name]  # its pictures are the workflow's
    code = f"""
import importlib
if {extra == "features"}:
    from affectssm.torchvision_ops import ensure_torchvision_ops
    ensure_torchvision_ops()
for name in {names}:
    importlib.import_module(name)
print("imported")
"""
    assert run_blocked(code, allowed) == "imported"


def test_the_workflows_extra_names_all_that_the_package_imports():
    optional = {"mamba_ssm", "triton"}  # of CUDA machines: envs/gpu.txt, and torch's own
    elsewhere = {"mediapipe", "llvmlite"}  # see pyproject.toml; numba's own
    imported = set().union(*map(imported_in, SOURCE.rglob("*.py")))
    assert imported - optional - elsewhere <= modules_of(direct("workflow"))


def test_the_wheel_holds_licence_types_and_published_tables(tmp_path):
    tree = tmp_path / "tree"
    shutil.copytree(
        REPOSITORY / "src", tree / "src", ignore=shutil.ignore_patterns("*.egg-info", "__pycache__")
    )
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(REPOSITORY / name, tree / name)
    code = "import sys; from setuptools import build_meta; build_meta.build_wheel(sys.argv[1])"
    subprocess.run([sys.executable, "-c", code, tmp_path], cwd=tree, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        held = set(archive.namelist())
        metadata = archive.read(f"affectssm-{affectssm.__version__}.dist-info/METADATA").decode()
    there = {
        f"affectssm/{path.relative_to(SOURCE).as_posix()}"
        for path in SOURCE.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert {name for name in held if name.startswith("affectssm/")} == there
    assert {name.partition("/")[0] for name in held} == {
        "affectssm", f"affectssm-{affectssm.__version__}.dist-info"
    }  # fmt: skip
    assert "affectssm/py.typed" in held and any(name.endswith("licenses/LICENSE") for name in held)
    assert "License-Expression: MIT" in metadata
    assert [line for line in metadata.splitlines() if re.match("Requires-Dist(?!.*extra)", line)] == [
        "Requires-Dist: torch<3,>=2.13"
    ]
