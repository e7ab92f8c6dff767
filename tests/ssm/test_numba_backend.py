"""The numba kernels against the float64 reference: values and all gradients, whatever the shape."""

from __future__ import annotations

import dataclasses
import os
import signal
import tempfile

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scan_cases import Case, cases, disagreements, run, tensors

from affectssm.ssm import numba_cache, numba_coupled_scan, numba_selective_scan, numba_units, threads
from affectssm.ssm.coupled import coupled_scan
from affectssm.ssm.scan import selective_scan

RELATIVE, ABSOLUTE = 1e-5, 1e-7
PROPERTY = settings(max_examples=60, deadline=None, derandomize=True)
GATED = frozenset({"D", "z", "delta_bias", "delta_softplus", "last"})
MIXED = Case(3, 1, 1, 130, 300, 5, frozenset({"D", "mix", "delta_softplus", "last"}), (True,) * 5, 4)
LONG = Case(0, 1, 1, 300, 700, 8, frozenset({"D", "delta_softplus", "last"}), (True,) * 5, 3)


@PROPERTY
@given(cases())
def test_selective_scan_agrees_with_the_reference(case):
    expected = run(case, "reference", torch.float64)
    assert not disagreements(run(case, "numba", torch.float32), expected, RELATIVE, ABSOLUTE)


@PROPERTY
@given(cases(coupled=True))
def test_coupled_scan_agrees_with_the_reference(case):
    for coupling in ("mean", "none", "mix"):
        asked = dataclasses.replace(case, options=case.options | ({"mix"} if coupling == "mix" else set()))
        expected = run(asked, "reference", torch.float64, coupling=coupling)
        found = run(asked, "numba", torch.float32, coupling=coupling)
        assert not disagreements(found, expected, RELATIVE, ABSOLUTE), coupling


@PROPERTY
@given(cases(coupled=True), st.booleans())
def test_summed_states_agree_while_they_are_finite(case, wide):
    """Sixteen steps: at most four modalities' states grow to 4^16."""
    short = dataclasses.replace(case, length=min(case.length, 16), width=16 if wide else case.width)
    expected = run(short, "reference", torch.float64, coupling="sum")
    assert not disagreements(run(short, "numba", torch.float32, coupling="sum"), expected, RELATIVE, ABSOLUTE)


@PROPERTY
@given(cases())
def test_the_reference_in_float32_agrees_with_itself_in_float64(case):
    expected = run(case, "reference", torch.float64)
    assert not disagreements(run(case, "reference", torch.float32), expected, RELATIVE, ABSOLUTE)


def strided(tensor, axis):
    """The same numbers, every second of a larger tensor's."""
    return tensor.repeat_interleave(2, dim=axis).unflatten(axis, (-1, 2)).select(axis + 1, 0)


@pytest.mark.parametrize("axis", [1, 2])
def test_strided_and_expanded_inputs(axis, monkeypatch):
    case = dataclasses.replace(LONG, width=48, length=70, options=GATED)
    plain = tensors(case)
    expected = selective_scan(**plain, delta_softplus=True, backend="numba")
    odd = plain | {name: strided(plain[name], axis) for name in ("u", "z")}
    monkeypatch.setattr(numba_units, "STREAMED", 0)
    torch.testing.assert_close(
        selective_scan(**odd, delta_softplus=True, backend="numba"), expected, rtol=1e-6, atol=1e-6
    )

    leaves = {name: t.clone().requires_grad_() for name, t in plain.items()}
    selective_scan(
        **leaves, delta_softplus=True, backend="numba"
    ).sum().backward()  # its gradient is one number, expanded
    again = {name: t.clone().requires_grad_() for name, t in plain.items()}
    y = selective_scan(**again, delta_softplus=True, backend="numba")
    y.backward(torch.ones_like(y))
    for name, t in leaves.items():
        torch.testing.assert_close(t.grad, again[name].grad, rtol=1e-5, atol=1e-5, msg=name)


def test_an_empty_batch_has_empty_outputs():
    given = {n: None if t is None else t[:0] if t.dim() > 2 else t for n, t in tensors(LONG).items()}
    y, last = selective_scan(**given, return_last_state=True, backend="numba")
    assert (y.shape, last.shape) == ((0, 300, 700), (0, 300, 8))
    given = {n: None if t is None else t[:, :0] if t.dim() > 3 else t for n, t in tensors(MIXED).items()}
    for coupling in ("mix", "sum", "none"):
        mix = given.pop("mix", None)
        y, last = coupled_scan(**given, coupling=coupling, mix=mix, return_last_state=True, backend="numba")
        assert (y.shape, last.shape) == ((3, 0, 130, 300), (3, 0, 130, 5))


@pytest.mark.parametrize("channels_last", [True, False])
@pytest.mark.parametrize("reverse", [False, True])
def test_many_chunks_and_several_units_a_row(channels_last, reverse):
    options = LONG.options | ({"reverse"} if reverse else set())
    case = dataclasses.replace(LONG, layouts=(channels_last,) * 5, options=options)
    expected = run(case, "reference", torch.float64)
    assert not disagreements(run(case, "numba", torch.float32), expected, RELATIVE, ABSOLUTE)


@pytest.mark.parametrize("channels_last", [True, False])
@pytest.mark.parametrize("coupling", ["mean", "mix", "none"])
def test_several_units_of_coupled_modalities(channels_last, coupling):
    options = MIXED.options if coupling == "mix" else MIXED.options - {"mix"}
    case = dataclasses.replace(MIXED, layouts=(channels_last,) * 5, options=options | {"reverse"})
    expected = run(case, "reference", torch.float64, coupling=coupling)
    assert not disagreements(
        run(case, "numba", torch.float32, coupling=coupling), expected, RELATIVE, ABSOLUTE
    )


def test_without_coupling_one_modality_does_not_reach_another():
    given = tensors(dataclasses.replace(MIXED, width=20, length=40, options=MIXED.options - {"mix"}))
    given["u"] = given["u"].clone()
    given["u"][0, ..., 3] = torch.nan
    leaves = {name: None if t is None else t.clone().requires_grad_() for name, t in given.items()}
    y = coupled_scan(**leaves, delta_softplus=True, coupling="none", backend="numba")
    y[1:].sum().backward()
    assert y[0].isnan().any() and y[1:].isfinite().all()
    assert all(t.grad[1:].isfinite().all() for t in leaves.values() if t is not None)


def test_weights_that_are_not_learnt_cost_no_gradient():
    given = tensors(dataclasses.replace(MIXED, width=20, length=40))
    found = []
    for learnt in (True, False):
        leaves = {
            n: None if t is None else t.clone().requires_grad_(learnt or n != "mix") for n, t in given.items()
        }
        y = coupled_scan(**leaves, delta_softplus=True, coupling="mix", backend="numba")
        y.sum().backward()
        found.append(leaves)
    assert found[0]["mix"].grad is not None and found[1]["mix"].grad is None
    assert found[0]["u"].grad.equal(found[1]["u"].grad)


@pytest.mark.parametrize(
    ("case", "coupling"),
    [
        (LONG, {}),
        (MIXED, {"coupling": "mix"}),
        (dataclasses.replace(MIXED, options=MIXED.options - {"mix"}), {"coupling": "none"}),
    ],
    ids=["selective", "mix", "none"],
)
def test_the_number_of_threads_changes_no_bit(case, coupling):
    before = torch.get_num_threads()
    found = []
    try:
        for number in (1, 2, 5):
            torch.set_num_threads(number)
            found.append(run(case, "numba", torch.float32, **coupling))
    finally:
        torch.set_num_threads(before)
    for other in found[1:]:
        assert all(other[name].equal(values) for name, values in found[0].items())


@pytest.mark.parametrize(
    "case",
    [
        Case(0, 2, 2, 32, 130, 9, GATED, (True,) * 5, 5),
        Case(3, 2, 1, 48, 70, 5, GATED | {"reverse"}, (True,) * 5, 6),
        Case(3, 2, 1, 48, 70, 5, GATED | {"mix"}, (True,) * 5, 7),
    ],
    ids=["selective", "coupled", "mix"],
)
def test_outputs_written_past_the_caches_are_the_same(case, monkeypatch):
    chosen = []

    def streams(*given):
        chosen.append(usual(*given))
        return chosen[-1]

    usual = numba_units.streams
    for module in (numba_selective_scan, numba_coupled_scan):
        monkeypatch.setattr(module, "streams", streams)
    coupling = {"coupling": "mix"} if "mix" in case.options else {}
    near = run(case, "numba", torch.float32, **coupling)
    monkeypatch.setattr(numba_units, "STREAMED", 0)
    past = run(case, "numba", torch.float32, **coupling)
    assert chosen == [False, False, True, True]
    assert all(past[name].equal(values) for name, values in near.items())


def test_rows_that_are_no_whole_lines_are_not_written_past_the_caches(monkeypatch):
    monkeypatch.setattr(numba_units, "STREAMED", 0)
    whole = torch.empty(2, 40, 64).transpose(1, 2)
    assert numba_units.streams(64, whole, None)
    assert not numba_units.streams(24, whole)  # a group of 24 channels
    assert not numba_units.streams(64, whole, whole.contiguous())  # time is last in memory
    assert not numba_units.streams(48, torch.empty(2, 40, 68).transpose(1, 2)[:, :48])  # lines begin anywhere
    assert not numba_units.streams(48, whole[:, 8:56])
    monkeypatch.undo()
    assert not numba_units.streams(64, whole)  # small: they are read from the cache


@pytest.fixture(params=["torch's team", "pool"])
def _threads(request, monkeypatch):
    """Three threads of either kind."""
    before = torch.get_num_threads()
    if request.param == "pool":
        monkeypatch.setattr(threads, "_team", [])
    torch.set_num_threads(3)
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("_threads")
@pytest.mark.parametrize("number", [1, 2, 40])
def test_every_part_is_done_once(number):
    done = []
    threads.run(lambda *part: done.append(part), threads.ranges(number, number))
    assert sorted(done) == [(i, i, i + 1) for i in range(number)]


@pytest.mark.usefixtures("_threads")
def test_a_forked_process_has_threads_again():
    def work(part, begin, end):
        done.append(part)

    done: list[int] = []
    threads.run(work, threads.ranges(4, 4))
    done.clear()
    if not (child := os.fork()):
        signal.alarm(20)  # one that waits for threads which are not there ends
        threads.run(work, threads.ranges(4, 4))
        os._exit(0 if sorted(done) == [0, 1, 2, 3] else 1)
    assert os.waitpid(child, 0)[1] == 0


@pytest.mark.usefixtures("_threads")
def test_an_error_in_a_thread_is_not_lost():
    def work(part, begin, end):
        if part == 3:
            raise ValueError("part 3")

    with pytest.raises(ValueError, match="part 3"):
        threads.run(work, threads.ranges(8, 8))


@pytest.mark.parametrize("units", [1, 5, 16, 100])
def test_parts_cover_every_unit_once(units):
    parts = threads.ranges(units, 16)
    assert len(parts) <= 16
    assert [unit for begin, end in parts for unit in range(begin, end)] == list(range(units))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_keeps_a_float32_state(dtype):
    halved = {name: None if t is None else t.to(dtype) for name, t in tensors(LONG).items()}
    given = halved | {"A": tensors(LONG)["A"]}
    y, last = selective_scan(**given, delta_softplus=True, return_last_state=True, backend="numba")
    exact = {name: None if t is None else t.double() for name, t in given.items()}
    expected, state = selective_scan(
        **exact, delta_softplus=True, return_last_state=True, backend="reference"
    )
    assert y.dtype == dtype and last.dtype == torch.float32
    torch.testing.assert_close(last.double(), state, rtol=1e-4, atol=1e-4)
    assert (y.double() - expected).abs().max() <= 1e-2 * expected.abs().max()


def test_a_zero_step_leaves_the_state_alone_to_the_last_bit():
    given = tensors(LONG)
    given["delta"] = given["delta"].abs()
    given["delta"][..., 50:] = 0
    _, last = selective_scan(**given, return_last_state=True, backend="numba")
    short = {k: v[..., :50] if k in ("u", "delta", "B", "C") else v for k, v in given.items()}
    _, before = selective_scan(**short, return_last_state=True, backend="numba")
    assert last.equal(before)


def test_growing_and_vanishing_decays_stay_numbers():
    ones = torch.ones(1, 1, 4)
    rates = torch.tensor([[0.5, -1e4]])
    for backend in ("numba", "reference"):
        y = selective_scan(ones, ones, rates, torch.ones(1, 2, 4), torch.ones(1, 2, 4), backend=backend)
        grown = 1 + 1.6487213 * (1 + 1.6487213 * (1 + 1.6487213))
        torch.testing.assert_close(y[0, 0, -1].item(), grown + 1, rtol=1e-5, atol=0)


def test_nothing_is_kept_without_gradients():
    given = tensors(LONG)
    with torch.no_grad():
        y = selective_scan(**given, delta_softplus=True, backend="numba")
    assert y.grad_fn is None
    with_gradient = selective_scan(
        **{k: v if v is None else v.requires_grad_() for k, v in given.items()},
        delta_softplus=True,
        backend="numba",
    )
    assert with_gradient.detach().equal(y)


def test_sum_refuses_at_the_step_of_the_reference():
    case = Case(3, 2, 1, 20, 300, 5, frozenset(), (False,) * 5, 7)
    given = tensors(case)
    given["delta"] = given["delta"] / 50  # decays near one: the sum of three grows
    steps = []
    for backend in ("reference", "numba"):
        with pytest.raises(ArithmeticError, match="mean") as error:
            coupled_scan(**given, coupling="sum", backend=backend)
        steps.append(error.value.step)
    assert abs(steps[0] - steps[1]) <= 1 and 20 < steps[0] < 300
    short = {k: v[..., : steps[0] // 2] if k in ("u", "delta", "B", "C") else v for k, v in given.items()}
    expected = coupled_scan(**{k: v if v is None else v.double() for k, v in short.items()}, coupling="sum")
    found = coupled_scan(**short, coupling="sum", backend="numba")
    assert (found.double() - expected).abs().max() <= 1e-5 * expected.abs().max()


def test_the_cache_knows_every_source(tmp_path, monkeypatch):
    for name in ("numba_a.py", "numba_b.py"):
        (tmp_path / name).write_text("1")
    monkeypatch.setattr(numba_cache, "_HERE", tmp_path)
    before = numba_cache._folder("")
    (tmp_path / "numba_b.py").write_text("2")
    assert numba_cache._folder("") != before
    assert numba_cache._folder(str(tmp_path / "given")).parent == tmp_path / "given"


def test_the_cache_lies_where_something_can_be_written(tmp_path, monkeypatch):
    nowhere = tmp_path / "a file"
    nowhere.write_text("")  # no folder can be made below it, whoever asks
    monkeypatch.setattr(numba_cache, "_HERE", nowhere)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    assert numba_cache._folder("").parent == tmp_path / "home" / "affectssm"
    monkeypatch.setenv("XDG_CACHE_HOME", str(nowhere))
    own = numba_cache._folder("").parent
    assert own.parent == tmp_path and own.stat().st_mode & 0o777 == 0o700
    own.chmod(0o777)  # as somebody might have prepared it: what lies in a cache is executed
    other = numba_cache._folder("").parent
    assert other != own and other.stat().st_mode & 0o777 == 0o700


def test_a_user_without_a_home_has_no_cache_there(monkeypatch):
    def no_home():
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(numba_cache.Path, "home", no_home)
    assert numba_cache._users_cache() is None
