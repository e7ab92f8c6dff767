"""The selective scan: the recurrence of Mamba (Gu and Dao 2023, eq. 2).

Letters used here and in :mod:`affectssm.ssm.mamba`: B batch, L steps, D channels, N states a channel, G groups of
channels that share one input and one output projection. Per channel d and state n,

    h_t = exp(delta_t A) h_(t-1) + delta_t B_t u_t        y_t = sum_n C_t h_t + D u_t

so ``delta_t = 0`` is a step that leaves the state alone. The arguments and their meaning are those of ``mamba_ssm``'s
``selective_scan_fn``; ``reverse`` and ``discretisation`` are added. How it is computed is the backend's business
(:mod:`affectssm.ssm.backends`); the reference is the definition.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from affectssm.ssm import arguments, backends


def selective_scan(
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
    reverse: bool | Sequence[bool] = False,
    discretisation: str = "mamba",
    backend: str | None = None,
) -> Tensor | tuple[Tensor, Tensor]:
    """Run the recurrence over the last axis.

    Args:
        u: input (B, D, L). Any strides: channels-last memory seen through ``transpose(1, 2)`` is as good.
        delta: step sizes (B, D, L), before ``delta_bias`` and ``delta_softplus``.
        A: decay rates (D, N), negative for a stable system.
        B, C: input and output projections (B, N, L), or (B, G, N, L): channel d belongs to group d // (D / G).
        D: skip (D,).
        z: gate (B, D, L), the output is multiplied by silu(z).
        delta_bias: (D,).
        return_last_state: also return the state after the last step taken, (B, D, N).
        reverse: run from step L-1 to step 0. One value, or one a group: with two groups and ``(False, True)`` both
            directions of time run in one call, and nothing is flipped.
        discretisation: ``mamba`` (exp(delta A), delta B), ``zoh`` or ``bilinear`` (affectssm.ssm.reference).
        backend: name of the backend to use; None or ``auto``: the one that ``use_backend`` forces, or the first that
            can.

    Returns:
        y (B, D, L) in u's dtype. The state is kept in float32 (float64 for float64 inputs) whatever that is; on CPUs
        inputs of half precision become float32 first, so that they save neither time nor memory there.

    Raises:
        ValueError: when shapes do not fit together, an axis but the batch's is empty, or numbers are not real.
        BackendError: when the backend asked for cannot run this.
    """
    asked = arguments.selective(
        u, delta, A, B, C, D, z, delta_bias, delta_softplus, reverse, discretisation, return_last_state
    )
    y, state = backends.choose(asked, backend).selective(asked)
    return (y, state) if return_last_state else y
