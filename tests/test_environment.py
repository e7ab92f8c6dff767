"""One lock for every way of installing, and imports that stay light and possible."""

import hashlib
import importlib.metadata
import os
import re
import subprocess
import sys
import tomllib
from itertools import chain
from pathlib import Path

import yaml
from packaging.requirements import Requirement

REPOSITORY = Path(__file__).parents[1]
ENVS = REPOSITORY / "envs"


def requirements(name: str) -> list[Requirement]:
    lines = (line.split(" #")[0].strip() for line in (ENVS / name).read_text().splitlines())
    return [Requirement(line) for line in lines if line and not line.startswith("#")]


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def locked() -> dict[str, str]:
    return {
        canonical(pin.name): str(pin.specifier).removeprefix("==")
        for pin in requirements("requirements.lock")
    }


def run_python(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_the_lock_holds_what_requirements_ask_for():
    pins = locked()
    for wanted in requirements("requirements.in"):
        assert pins[canonical(wanted.name)] in wanted.specifier, wanted
    for override in requirements("overrides.txt"):
        if override.marker is None:
            assert pins[canonical(override.name)] in override.specifier, override
        else:
            assert canonical(override.name) not in pins


def test_the_lock_serves_cpu_and_gpu_machines():
    # A CUDA package would force CUDA upon everyone, a local version (2.13.0+cpu) would exclude it.
    assert not [name for name in locked() if name.startswith(("nvidia-", "cuda-"))]
    assert not [version for version in locked().values() if "+" in version]


def test_every_requirement_says_what_it_is_for():
    lines = (ENVS / "requirements.in").read_text().splitlines()
    plain = {"numpy", "pandas-stubs", "types-PyYAML", "pytest", "snakemake==9.27.1"}
    bare = [line for line in lines if line and "#" not in line and not line.startswith("snakemake-executor")]
    assert set(bare) <= plain


def test_this_environment_is_the_locked_one():
    differing = {
        name: (version, found)
        for name, version in locked().items()
        if (found := importlib.metadata.version(name).split("+")[0]) != version
    }
    assert not differing, "run `make environment`"


def test_the_package_is_for_the_pythons_the_installer_accepts():
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    assert project["requires-python"] == ">=3.11,<3.13"
    assert "3.11 | 3.12)" in (ENVS / "find_python.sh").read_text()


def test_the_packages_own_requirements_are_ranges_that_hold_the_lock():
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    pins = locked()
    for line in [*project["dependencies"], *chain(*project["optional-dependencies"].values())]:
        wanted = Requirement(line)
        if wanted.name != project["name"]:  # an extra that contains another one
            assert pins[canonical(wanted.name)] in wanted.specifier, "run `make lock` or mend pyproject.toml"
            assert {limit.operator for limit in wanted.specifier} == {">=", "<"}, line


def test_a_python_that_is_too_old_is_refused_with_a_remedy(tmp_path):
    old = tmp_path / "python-old"
    old.write_text("#!/bin/sh\necho 3.10\n")
    old.chmod(0o755)
    command = ["bash", ENVS / "find_python.sh"]
    done = subprocess.run(
        command, env=os.environ | {"PYTHON": str(old)}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert f"{old} is 3.10" in done.stderr
    assert "remedy:" in done.stderr


def test_conda_and_container_install_the_same_lock():
    conda = yaml.safe_load((ENVS / "environment.yaml").read_text())
    assert "python=3.11" in conda["dependencies"]
    script = (ENVS / "environment.post-deploy.sh").read_text()
    assert 'bash envs/install.sh "$CONDA_PREFIX/bin/python"' in script
    pins = (ENVS / "requirements.lock").read_bytes() + (ENVS / "overrides.txt").read_bytes()
    # Snakemake renews a conda environment when this file changes, and only then.
    assert f"# lock: {hashlib.sha256(pins).hexdigest()}" in script, "run `make lock`"


def recipe(name: str) -> str:
    """A recipe without comments, lines that go on joined."""
    lines = (ENVS / name).read_text().replace("\\\n", " ").splitlines()
    return "\n".join(line for line in lines if not line.lstrip().startswith("#"))


def test_both_containers_install_the_lock_on_the_same_base_by_the_same_commands():
    podman, apptainer = recipe("Containerfile"), recipe("affectssm.def")
    (base,) = re.findall(r"^ARG BASE=(\S+)$", podman, re.MULTILINE)
    assert re.findall(r"^From: (\S+)$", apptainer, re.MULTILINE) == [base]
    packages = re.findall(r"^RUN (apt-get .*)$", podman, re.MULTILINE)
    install = re.findall(r"^RUN (python3 .*)$", podman, re.MULTILINE)
    assert len(packages) == len(install) == 1
    (post,) = re.findall(r"^%post\n((?: .*\n)+)", apptainer, re.MULTILINE)
    assert [line.strip() for line in post.splitlines() if "export" not in line and " cd " not in line] == [
        *packages, *install,
    ]  # fmt: skip
    # the environment is made as make environment does: a venv, and the lock by install.sh
    made = re.search(r"python3 -m venv (\S+) && .*bash envs/install.sh (\S+)/bin/python$", install[0])
    assert made and made[1] == made[2]
    makefile = (REPOSITORY / "Makefile").read_text()
    assert "-m venv --clear .venv" in makefile and "bash envs/install.sh .venv/bin/python" in makefile
    assert all(f"PATH={made[1]}/bin:$PATH" in text for text in (podman, apptainer))
    # nothing is pinned beside the lock
    assert not re.search(r"==|pip install", podman + apptainer)


def test_the_container_s_base_is_of_the_cuda_and_python_that_the_lock_is_for():
    (cuda, system) = re.findall(
        r"nvidia/cuda:(\d+)\.\d+\.\d+-base-ubuntu([\d.]+)$", recipe("Containerfile"), re.MULTILINE
    )[0]
    # what the index's torch of this version wants (its own metadata): CUDA 13.0
    assert (locked()["torch"], cuda) == ("2.13.0", "13")
    assert {"24.04": "3.12"}[system] in (ENVS / "find_python.sh").read_text()


def test_every_file_that_the_containers_copy_is_there():
    copied = [
        name
        for line in re.findall(r"^COPY (.*) \S+$", recipe("Containerfile"), re.MULTILINE)
        for name in line.split()
    ]
    (files,) = re.findall(r"^%files\n((?: .*\n)+)", recipe("affectssm.def"), re.MULTILINE)
    pairs = [line.split() for line in files.strip().splitlines()]
    assert all(there == f"/affectssm/{here}" for here, there in pairs)
    assert set(copied) > {here for here, _ in pairs} > {"src", "envs", "pyproject.toml"}
    for name in copied:
        assert (REPOSITORY / name).exists(), name
    ignored = (REPOSITORY / ".dockerignore").read_text().split()
    assert not set(ignored) & set(copied)
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    assert {project["readme"], *project["license-files"]} <= {here for here, _ in pairs}
    # what a job runs in with --sdm apptainer is what the recipe says how to build
    image = re.search(r'^container: "(\S+)"$', (REPOSITORY / "Snakefile").read_text(), re.MULTILINE)
    assert image and f"apptainer build {image[1]} envs/affectssm.def" in (ENVS / "affectssm.def").read_text()


def test_importing_the_package_and_its_command_line_is_light():
    heavy = "{'torch', 'numpy', 'transformers', 'cv2', 'mediapipe', 'av', 'pandas', 'snakemake'}"
    assert run_python(f"import sys, affectssm, affectssm.cli; print({heavy} & set(sys.modules))") == "set()"


def test_the_encoders_libraries_import_after_the_missing_operators_are_defined():
    code = """
from affectssm.torchvision_ops import ensure_torchvision_ops
ensure_torchvision_ops()
ensure_torchvision_ops()
import open_clip, torchvision, transformers
from transformers import Wav2Vec2Model
ensure_torchvision_ops()
print("imported")
"""
    assert run_python(code).endswith("imported")


def test_a_cuda_build_of_torch_keeps_torchvisions_own_operators():
    code = """
import torch
from affectssm import torchvision_ops
torch.version.cuda = "13.0"
torchvision_ops.ensure_torchvision_ops()
print(torchvision_ops._kept)
"""
    assert run_python(code) == "[]"
