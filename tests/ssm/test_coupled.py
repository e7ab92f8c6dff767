"""The coupled scan against the sequential rule in numpy, its reduction to one scan, and its stability."""

from __future__ import annotations

import gc
import weakref

import numpy as np
import pytest
import torch

from affectssm.ssm.coupled import coupled_scan

M, B, D, L, N = 3, 2, 4, 11, 5
COUPLINGS = ("mean", "sum", "none", "mix", "pairwise")


def arguments(length=L, seed=0, dtype=torch.float64, coupling="mean"):
    rng = torch.Generator().manual_seed(seed)

    def draw(*shape):
        return torch.randn(*shape, generator=rng, dtype=torch.float64).to(dtype)

    pairs = (M, M) if coupling == "pairwise" else (M,)
    return {
        "u": draw(M, B, D, length),
        "delta": draw(M, B, D, length).abs() * 0.3,
        "A": -torch.rand(*pairs, D, N, generator=rng, dtype=torch.float64).to(dtype) - 0.5,
        "B": draw(M, B, N, length),
        "C": draw(M, B, N, length),
        "D": draw(M, D),
        "z": draw(M, B, D, length),
    }


def weights(coupling):
    return torch.softmax(torch.randn(M, M, dtype=torch.float64), dim=1) if coupling == "mix" else None


def sequential(given, coupling, mix):
    """h^m_t = S^m_t p_(t-1) + dt B x, one step, modality, batch element and channel at a time."""
    u, delta, A, into, out, skip, z = (np.asarray(given[k]) for k in ("u", "delta", "A", "B", "C", "D", "z"))
    couple = {
        "mean": np.full((M, M), 1 / M),
        "sum": np.ones((M, M)),
        "none": np.eye(M),
        "mix": None if mix is None else mix.numpy(),
        "pairwise": np.full((M, M), 1 / M),
    }[coupling]
    A = A if coupling == "pairwise" else np.broadcast_to(A, (M, *A.shape))  # from, to
    y = np.zeros_like(u)
    for b in range(u.shape[1]):
        for d in range(u.shape[2]):
            h = np.zeros((M, N))
            for t in range(u.shape[3]):
                before = h.copy()
                for m in range(M):
                    dt = delta[m, b, d, t]
                    h[m] = dt * into[m, b, :, t] * u[m, b, d, t]
                    for j in range(M):
                        h[m] += np.exp(dt * A[j, m, d]) * couple[m, j] * before[j]
                    y[m, b, d, t] = h[m] @ out[m, b, :, t] + skip[m, d] * u[m, b, d, t]
    return y * z / (1 + np.exp(-z))


@pytest.mark.parametrize("coupling", COUPLINGS)
def test_equals_the_sequential_rule(coupling):
    given, mix = arguments(coupling=coupling), weights(coupling)
    found = coupled_scan(**given, coupling=coupling, mix=mix)
    np.testing.assert_allclose(found, sequential(given, coupling, mix), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("coupling", COUPLINGS)
def test_gradients(coupling):
    given, mix = arguments(length=4, coupling=coupling), weights(coupling)
    tensors = [t.requires_grad_() for t in (*given.values(), *([] if mix is None else [mix]))]

    def scan(*values):
        named = dict(zip(given, values, strict=False))
        return coupled_scan(**named, coupling=coupling, mix=None if mix is None else values[-1])

    assert torch.autograd.gradcheck(scan, tensors)


@pytest.mark.parametrize("discretisation", ["mamba", "zoh", "bilinear"])
@pytest.mark.parametrize("reverse", [False, True])
def test_pairs_of_equal_transitions_are_the_mean(discretisation, reverse):
    given = arguments() | {"delta_softplus": True, "reverse": reverse, "discretisation": discretisation}
    mean = coupled_scan(**given, return_last_state=True)
    pairs = {"A": given["A"].expand(M, M, D, N)}
    torch.testing.assert_close(
        coupled_scan(**given | pairs, coupling="pairwise", return_last_state=True), mean
    )


def test_the_summed_state_follows_one_scan():
    """Of Coupled Mamba's eq. 6 as printed: s_t = (sum_m S_t^m) s_(t-1) + sum_m B_t^m x_t^m."""
    given = {k: v for k, v in arguments().items() if k not in ("D", "z")}
    _, last = coupled_scan(**given, coupling="sum", return_last_state=True)
    s = torch.zeros(B, D, N, dtype=torch.float64)
    for t in range(L):
        dt = given["delta"][..., t, None]
        decay = torch.exp(dt * given["A"][:, None])
        s = decay.sum(0) * s + (dt * given["B"][:, :, None, :, t] * given["u"][..., t, None]).sum(0)
    torch.testing.assert_close(last.sum(0), s)


@pytest.mark.parametrize("backend", ["reference", "numba"])
@pytest.mark.parametrize("coupling", ["mean", "mix"])
def test_means_stay_finite_over_ten_thousand_steps(backend, coupling):
    rng = torch.Generator().manual_seed(0)
    length = 10_000
    u, delta = torch.randn(2, M, 1, 2, length, generator=rng)
    rates = -torch.arange(1, 5).float().expand(M, 2, 4)
    into, out = torch.randn(2, M, 1, 4, length, generator=rng)
    leaves = [t.clone().requires_grad_() for t in (u, delta - 4, rates, into, out)]
    mix = torch.randn(M, M, generator=rng).softmax(1).requires_grad_() if coupling == "mix" else None
    y, last = coupled_scan(
        *leaves, delta_softplus=True, return_last_state=True, coupling=coupling, mix=mix, backend=backend
    )
    assert torch.isfinite(y).all() and last.abs().max() < 10
    y.sum().backward()
    assert all(t.grad.isfinite().all() for t in leaves)
    assert mix is None or mix.grad.isfinite().all()


def test_sum_refuses_and_names_the_step():
    given = arguments(length=400, dtype=torch.float32) | {"A": torch.full((M, D, N), -1e-3)}
    given["C"] = given["C"] * 1e-3  # outputs stay finite as long as states do
    with pytest.raises(ArithmeticError, match=r"a state is not finite at step \d+ of 400.*mean") as error:
        coupled_scan(**given, coupling="sum", backend="reference")
    step = error.value.step
    assert 50 < step < 120  # three decays near one: threefold growth a step, and float32 ends at 3e38
    until = {k: v[..., :step] if v.dim() == 4 else v for k, v in given.items()}
    assert torch.isfinite(
        coupled_scan(**until, coupling="sum", backend="reference", return_last_state=True)[1]
    ).all()


def growing(length=70):
    """States grow threefold a step: in float32 they end at step 80."""
    given = arguments(length=length, dtype=torch.float32)
    rates, ones = torch.full((M, D, N), -1e-3), torch.ones(M, B, D, length)
    return given | {"A": rates, "delta": ones, "C": torch.ones(M, B, N, length), "z": None}


@pytest.mark.parametrize("backend", ["reference", "numba"])
@pytest.mark.parametrize("reverse", [False, True])
def test_sum_refuses_outputs_that_the_states_do_not_show(backend, reverse):
    given = growing()
    for factor, dtype in ((1e10, torch.float32), (1.0, torch.float16)):
        asked = given | {"C": factor * given["C"]}
        asked = {k: v if v is None or k == "A" else v.to(dtype) for k, v in asked.items()}
        exact = {k: v if v is None else v.double() for k, v in asked.items()}
        y = coupled_scan(**exact, coupling="sum", reverse=reverse)
        beyond = (y.flip(-1) if reverse else y).abs().flatten(0, -2).amax(0) > torch.finfo(dtype).max
        with pytest.raises(ArithmeticError, match=r"an output is not finite at step \d+ of 70") as error:
            coupled_scan(**asked, coupling="sum", reverse=reverse, backend=backend)
        assert error.value.step == int(beyond.nonzero()[0])


@pytest.mark.parametrize("backend", ["reference", "numba"])
@pytest.mark.parametrize("wants", ["u", "delta"])
@pytest.mark.parametrize("reverse", [False, True])
def test_sum_refuses_gradients_that_overflow(backend, wants, reverse):
    given = growing()
    given["u"] = given["u"] * 1e-20
    given[wants].requires_grad_()

    def run(**more):
        return coupled_scan(**given, coupling="sum", reverse=reverse, backend=backend, **more)

    y = run()
    with pytest.raises(ArithmeticError, match=r"a gradient is not finite at step \d+ of 70") as error:
        y.backward(torch.full_like(y, 1e30), retain_graph=True)
    if wants == "u":  # from the last step, 3^k 1e30 is beyond float32's end after some 18 steps
        assert error.value.step in range(47, 54)
    y.backward(torch.full_like(y, torch.inf))  # a scaled loss that was too large is not the scan's fault
    assert not given[wants].grad.isfinite().all()
    _, last = run(return_last_state=True)
    with pytest.raises(ArithmeticError, match="a gradient"):
        last.backward(torch.full_like(last, 1e30))


def test_the_watch_over_sum_keeps_nothing():
    given = growing(20)
    given["u"].requires_grad_()
    u = given["u"] * 1
    left = weakref.ref(u)
    loss = coupled_scan(**given | {"u": u}, coupling="sum", backend="reference").square().sum()
    torch.autograd.grad(loss, given["u"], create_graph=True)
    loss.backward()
    del u, loss
    given.clear()
    gc.collect()
    assert left() is None


def test_reverse_is_the_scan_of_the_turned_signals():
    given = arguments()
    turned = {k: v.flip(-1) if v.dim() == 4 else v for k, v in given.items()}
    torch.testing.assert_close(coupled_scan(**given, reverse=True), coupled_scan(**turned).flip(-1))


@pytest.mark.parametrize(
    "wrong",
    [
        {"coupling": "product"},
        {"coupling": "mix"},
        {"mix": torch.eye(M)},
        {"A": torch.zeros(M, D)},
        {"A": torch.zeros(M, M, D, N)},
        {"coupling": "pairwise"},
        {"B": torch.zeros(M, B, N, L + 1)},
        {"delta": torch.zeros(M, B, D + 1, L)},
        {"coupling": "mix", "mix": torch.tensor([[1.0, 0, 0], [0.5, 0.4, 0], [0, 0, 1]])},
        {"coupling": "mix", "mix": torch.tensor([[1.0, 0, 0], [1.5, -0.5, 0], [0, 0, 1]])},
        {"coupling": "mix", "mix": torch.full((M, M), torch.nan)},
        {"A": -torch.ones(M, D, N, dtype=torch.complex64)},
        {"u": torch.ones(M, B, D, L, dtype=torch.int64)},
    ],
)
def test_wrong_arguments_are_refused(wrong):
    with pytest.raises(ValueError, match=r"wanted|wants"):
        coupled_scan(**(arguments() | wrong))
