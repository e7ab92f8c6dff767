"""The coupled scan: state chains of several modalities that exchange their states (Coupled Mamba, eq. 6).

Letters: M modalities, B batch, L steps, D channels, N states a channel. Per modality m, channel and state,

    h^m_t = S^m_t p^m_(t-1) + delta^m_t B^m_t u^m_t       S^m_t = exp(delta^m_t A^m)
    y^m_t = sum_n C^m_t h^m_t + D^m u^m_t

and p is what the coupling makes of the previous states of all modalities:

    mean   (1/M) sum_j h^j       stable: a mean of numbers below one; the default
    sum    sum_j h^j             eq. 6 as printed; grows without bound where the decays add up to more than one
    none   h^m                   M scans side by side
    mix    sum_j W_mj h^j        learned weights, every row non-negative with sum one (a softmax)

``pairwise`` has a transition for every pair of modalities (eq. 5), all with the step size of the one that they lead to:

    h^m_t = (1/M) sum_j exp(delta^m_t A^(j,m)) h^j_(t-1) + delta^m_t B^m_t u^m_t

Eq. 5 has the sum; it is divided by M, so that it is stable as ``mean`` is, and equals it where A^(j,m) is A^m for every
j. The reference alone computes it, and keeps M^2 transitions a step for the gradients.

With ``mean`` and ``sum`` p is the same for every modality, so one summed state is all that is carried; with the
others one a modality. The weights of ``mix`` are checked on CPUs alone: a GPU would have to be waited for.
"""

from __future__ import annotations

from torch import Tensor

from affectssm.ssm import arguments, backends, overflow


def coupled_scan(
    u: Tensor,
    delta: Tensor,
    A: Tensor,
    B: Tensor,
    C: Tensor,
    D: Tensor | None = None,
    z: Tensor | None = None,
    delta_bias: Tensor | None = None,
    delta_softplus: bool = False,
    return_last_state: bool = False,
    *,
    coupling: str = "mean",
    mix: Tensor | None = None,
    reverse: bool = False,
    discretisation: str = "mamba",
    backend: str | None = None,
) -> Tensor | tuple[Tensor, Tensor]:
    """Run the coupled recurrence over the last axis.

    Args:
        u: inputs (M, B, D, L).
        delta: step sizes (M, B, D, L), before ``delta_bias`` and ``delta_softplus``.
        A: decay rates (M, D, N); for ``pairwise`` (M, M, D, N), A[j, m] of the way from modality j to modality m.
        B, C: input and output projections (M, B, N, L).
        D: skip (M, D).
        z: gate (M, B, D, L), the output is multiplied by silu(z).
        delta_bias: (M, D).
        return_last_state: also return the states after the last step taken, (M, B, D, N).
        coupling: ``mean``, ``sum``, ``none``, ``mix`` or ``pairwise``.
        mix: the weights W (M, M) of the coupling of this name.
        reverse: run from step L-1 to step 0.
        discretisation, backend: as in ``selective_scan``.

    Returns:
        y (M, B, D, L) in u's dtype.

    Raises:
        ScanOverflowError: with ``sum``, when a state or an output stops being finite, and in the backward pass when the
            gradient of u (or of delta, where u wants none) does; it names the step.
        ValueError: when shapes do not fit together, an axis but the batch's is empty, numbers are not real, or a row
            of mix is no weights.
        BackendError: when the backend asked for cannot run this.
    """
    asked = arguments.coupled(
        u, delta, A, B, C, D, z, delta_bias, delta_softplus, reverse, discretisation, coupling, mix
    )
    computing = backends.choose(asked, backend)
    y, state = _summed(computing, asked) if coupling == "sum" else computing.coupled(asked)
    return (y, state) if return_last_state else y


def _summed(computing: backends.Backend, asked: arguments.Coupled) -> tuple[Tensor, Tensor]:
    """The scan that may grow without bound: what it gives is looked at, and in the backward pass its gradient."""
    watch = overflow.GradientWatch(asked)
    y, state = computing.coupled(watch.entering(asked))
    overflow.refuse_overflow(y.detach(), asked.reverse, "an output")
    watch.leaving(y, state)
    return y, state
