"""Which backend runs: the fastest that can, the one that is asked for, and why one cannot."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import warnings

import pytest
import torch

from affectssm.ssm import backends, numba_backend
from affectssm.ssm.arguments import coupled, selective
from affectssm.ssm.backends import BackendError, choose, use_backend
from affectssm.ssm.scan import selective_scan


def asked(dtype=torch.float32, discretisation="mamba"):
    signal, rates, projection = torch.ones(1, 2, 3), -torch.ones(2, 4), torch.ones(1, 4, 3)
    tensors = [t.to(dtype) for t in (signal, signal, rates, projection, projection)]
    return selective(*tensors, None, None, None, False, False, discretisation)


def asked_coupled(coupling):
    signal, rates, projection = torch.ones(2, 1, 2, 3), -torch.ones(2, 2, 4), torch.ones(2, 1, 4, 3)
    mix = torch.eye(2) if coupling == "mix" else None
    return coupled(
        signal, signal, rates, projection, projection, None, None, None, False, False, "mamba", coupling, mix
    )


def test_the_fastest_that_can_is_chosen():
    assert choose(asked()).NAME == "numba"
    assert choose(asked(torch.bfloat16)).NAME == "numba"
    assert choose(asked(torch.float64)).NAME == "reference"
    assert choose(asked(discretisation="zoh")).NAME == "reference"
    assert choose(asked_coupled("mean")).NAME == "numba"
    assert choose(asked_coupled("mix")).NAME == "reference"


@pytest.mark.parametrize(
    ("name", "what", "reason"),
    [
        ("numba", {"dtype": torch.float64}, "float64"),
        ("numba", {"discretisation": "bilinear"}, "no discretisation 'bilinear'"),
        ("mamba_ssm", {}, "cpu"),
        ("triton", {}, "cpu|not installed"),
        ("cuda", {}, "one of mamba_ssm, triton, numba, reference"),
    ],
)
def test_a_forced_backend_that_cannot_run_says_why(name, what, reason):
    with pytest.raises(BackendError, match=reason):
        choose(asked(**what), name)


def test_forcing_is_undone_and_can_be_nested():
    with use_backend("reference"):
        assert choose(asked()).NAME == "reference"
        with use_backend("numba"):
            assert choose(asked()).NAME == "numba"
        with use_backend("auto"):
            assert choose(asked()).NAME == "reference"
        assert choose(asked(), "numba").NAME == "numba"
    assert choose(asked()).NAME == "numba"
    with pytest.raises(BackendError, match="one of"), use_backend("fortran"):
        pass


def test_without_numba_the_reference_runs_with_one_warning(monkeypatch):
    monkeypatch.setattr(backends, "_warned", set())
    find = importlib.util.find_spec
    monkeypatch.setattr(
        numba_backend.importlib.util, "find_spec", lambda name: None if name == "numba" else find(name)
    )
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert [choose(asked()).NAME for _ in range(3)] == ["reference"] * 3
    assert [str(w.message) for w in caught] == [
        "scans run on the slow reference backend: numba is not installed (it is in envs/requirements.lock)"
    ]


def test_the_package_imports_nothing_but_torch_until_a_backend_needs_more():
    code = (
        "import sys, affectssm.ssm.scan, affectssm.ssm.coupled, affectssm.ssm.mamba; "
        "bad = {'numba', 'triton', 'mamba_ssm', 'pydantic', 'pandas', 'lightning'} & set(sys.modules); "
        "sys.exit(str(bad) if bad else 0)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(
    "wrong",
    [
        {"discretisation": "euler"},
        {"reverse": (True, False)},
        {"B": torch.ones(1, 4, 5)},
        {"A": torch.ones(3, 4)},
        {"D": torch.ones(3)},
    ],
)
def test_wrong_arguments_are_refused(wrong):
    given = {name: getattr(asked(), name) for name in ("u", "delta", "A", "B", "C")}
    with pytest.raises(ValueError, match=r"wanted|entries"):
        selective_scan(**(given | wrong))


def test_channels_that_groups_do_not_divide_are_refused():
    with pytest.raises(ValueError, match="divided into 3 groups"):
        selective_scan(
            torch.ones(1, 2, 3), torch.ones(1, 2, 3), torch.ones(2, 4), *[torch.ones(1, 3, 4, 3)] * 2
        )
