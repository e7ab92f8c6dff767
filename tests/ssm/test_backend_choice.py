"""Which backend runs: the first that can, the one that is asked for, and why one cannot."""

from __future__ import annotations

import dataclasses
import importlib
import subprocess
import sys
import types
import warnings

import pytest
import torch

from affectssm.ssm import backends, installed, mamba_ssm_backend, triton_backend
from affectssm.ssm.arguments import coupled, selective
from affectssm.ssm.backends import BackendError, choose, recorded, use_backend
from affectssm.ssm.scan import selective_scan


def asked(dtype=torch.float32, discretisation="mamba"):
    signal, rates, projection = torch.ones(1, 2, 3), -torch.ones(2, 4), torch.ones(1, 4, 3)
    tensors = [t.to(dtype) for t in (signal, signal, rates, projection, projection)]
    return selective(*tensors, None, None, None, False, False, discretisation)


def asked_coupled(coupling):
    signal, rates, projection = torch.ones(2, 1, 2, 3), -torch.ones(2, 2, 4), torch.ones(2, 1, 4, 3)
    mix = torch.eye(2) if coupling == "mix" else None
    if coupling == "pairwise":
        rates = rates.expand(2, 2, 2, 4)
    return coupled(
        signal, signal, rates, projection, projection, None, None, None, False, False, "mamba", coupling, mix
    )


def test_the_first_that_can_is_chosen():
    assert choose(asked()).NAME == "numba"
    assert choose(asked(torch.bfloat16)).NAME == "numba"
    assert choose(asked(torch.float64)).NAME == "reference"
    assert choose(asked(discretisation="zoh")).NAME == "reference"
    assert choose(asked_coupled("mean")).NAME == "numba"
    assert choose(asked_coupled("mix")).NAME == "numba"
    assert choose(asked_coupled("pairwise")).NAME == "reference"
    assert choose(asked(), "auto").NAME == "numba"


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


@pytest.mark.parametrize("name", ["numba", "mamba_ssm", "triton"])
def test_pairs_of_modalities_are_the_references_alone(monkeypatch, name):
    monkeypatch.setattr(triton_backend, "interpreted", lambda: True)  # or it would refuse the device first
    with pytest.raises(BackendError, match=rf"{name}. cannot run here: .*(coupling 'pairwise'|coupled scan)"):
        choose(asked_coupled("pairwise"), name)


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


def test_backends_are_recorded_once_they_have_computed_something():
    with recorded() as outer:
        choose(asked())
        assert outer == set(), "chosen is not computed"
        choose(asked()).selective(asked())
        with recorded() as inner, use_backend("reference"):
            choose(asked_coupled("mix")).coupled(asked_coupled("mix"))
        assert (inner, outer) == ({"reference"}, {"numba", "reference"})
    with recorded() as later, pytest.raises(AttributeError):
        choose(asked()).selective(None)
    assert later == set() and outer == {"numba", "reference"}


@pytest.fixture
def _asked_anew(monkeypatch):
    """What is installed is looked for again, and warned of again."""
    monkeypatch.setattr(backends, "_warned", set())
    asked_once = (installed.trouble_with, triton_backend._missing)
    for found in asked_once:
        found.cache_clear()
    yield
    for found in asked_once:
        found.cache_clear()


def breaking(monkeypatch, module, error):
    """Importing a module fails."""
    usual = importlib.import_module

    def fail(name):
        if name == module:
            raise error
        return usual(name)

    monkeypatch.setattr(installed.importlib, "import_module", fail)


@pytest.mark.usefixtures("_asked_anew")
@pytest.mark.parametrize(
    ("error", "told"),
    [
        (ModuleNotFoundError("No module named 'numba'", name="numba"), "not installed"),
        (
            ModuleNotFoundError("No module named 'llvmlite'", name="llvmlite"),
            "installed but cannot be imported",
        ),
        (ImportError("Numba needs NumPy 2.0"), "installed but cannot be imported: Numba needs NumPy 2.0"),
        (
            ValueError("numpy.dtype size changed"),
            "installed but cannot be imported: numpy.dtype size changed",
        ),
    ],
)
def test_without_numba_the_reference_runs_with_one_warning(monkeypatch, error, told):
    breaking(monkeypatch, "numba", error)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert choose(asked(torch.float64)).NAME == "reference"
        assert not caught, "numba would not do"
        assert [choose(asked()).NAME for _ in range(3)] == ["reference"] * 3
    assert len(caught) == 1
    assert f"scans run on the slow reference backend: numba is {told}" in str(caught[0].message)


class OnCuda(torch.Tensor):
    """A tensor that says that it lies on a GPU."""

    device = torch.device("cuda")


def on_cuda(**changed):
    found = asked()
    moved = {name: getattr(found, name).as_subclass(OnCuda) for name in ("u", "delta", "A", "B", "C")}
    return dataclasses.replace(found, **{**moved, **changed})


@pytest.mark.usefixtures("_asked_anew")
def test_a_gpu_without_triton_runs_the_reference_with_one_warning(monkeypatch):
    monkeypatch.setitem(sys.modules, "mamba_ssm", None)
    breaking(monkeypatch, "triton", ModuleNotFoundError("No module named 'triton'", name="triton"))
    with pytest.warns(RuntimeWarning, match="slow reference backend: triton is not installed") as caught:
        assert [choose(on_cuda()).NAME for _ in range(2)] == ["reference"] * 2
    assert len(caught) == 1


@pytest.mark.usefixtures("_asked_anew")
@pytest.mark.parametrize("coupling", [None, "mean", "none"])
def test_kernels_that_cannot_be_compiled_are_passed_over_with_one_warning(monkeypatch, coupling):
    """As where numba finds no folder for its cache."""
    module = "coupled" if coupling == "mean" else "selective"
    error = RuntimeError("cannot cache function 'forward': no locator available")
    breaking(monkeypatch, f"affectssm.ssm.numba_{module}_scan", error)
    given = asked() if coupling is None else asked_coupled(coupling)
    with pytest.warns(RuntimeWarning, match="slow reference.*no locator.*NUMBA_CACHE_DIR") as caught:
        assert [choose(given).NAME for _ in range(2)] == ["reference"] * 2
    assert len(caught) == 1
    with pytest.raises(BackendError, match=r"'numba' cannot run here: .*no locator"):
        choose(given, "numba")


@pytest.mark.usefixtures("_asked_anew")
def test_what_mamba_ssm_does_not_suit(monkeypatch):
    for name in ("mamba_ssm", "mamba_ssm.ops", "mamba_ssm.ops.selective_scan_interface"):
        monkeypatch.setitem(sys.modules, name, types.ModuleType(name))
    why_not = mamba_ssm_backend.why_not
    assert why_not(on_cuda()) is None
    half, parameter = torch.ones(1, 2, 3, dtype=torch.bfloat16), (-torch.ones(2, 4)).requires_grad_()
    for changed, told in (
        ({"reverse": (True,)}, "forward only"),
        ({"discretisation": "zoh"}, "no discretisation 'zoh'"),
        ({"u": half.as_subclass(OnCuda)}, "round step sizes"),
        ({"u": asked(torch.float64).u.as_subclass(OnCuda)}, "no float64"),
        ({"A": -torch.ones(2, 300)}, "at most 256 states"),
        ({"A": parameter, "wants_state": True}, "no gradient of the last state"),
    ):
        assert told in why_not(on_cuda(**changed))
    assert why_not(on_cuda(A=parameter)) is None, "the last state is not asked for"
    with torch.no_grad():
        assert why_not(on_cuda(A=parameter, wants_state=True)) is None
    assert "cpu" in why_not(asked()) and "no coupled scan" in why_not(asked_coupled("mean"))
    installed.trouble_with.cache_clear()
    breaking(monkeypatch, "mamba_ssm.ops.selective_scan_interface", OSError("undefined symbol"))
    assert "cannot be imported: undefined symbol" in why_not(on_cuda())


def test_the_package_imports_nothing_but_torch_until_a_backend_needs_more():
    code = (
        "import sys, torch; before = set(sys.modules); "
        "import affectssm.ssm.scan, affectssm.ssm.coupled, affectssm.ssm.mamba; "
        "more = {name.split('.')[0] for name in set(sys.modules) - before}; "
        "more -= sys.stdlib_module_names | {'affectssm', 'torch'}; sys.exit(str(more) if more else 0)"
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
        {"u": torch.ones(1, 2, 0), "delta": torch.ones(1, 2, 0)},
        {"A": torch.ones(2, 0)},
        {"A": -torch.ones(2, 4, dtype=torch.complex64)},
        {"u": torch.ones(1, 2, 3, dtype=torch.int64)},
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
