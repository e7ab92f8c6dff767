"""How a mixer's parameters start: as in Mamba, or as in Mamba-VA's released code.

The parameters and their shapes are those of :class:`affectssm.ssm.mamba.BiMamba`; what is not named here keeps torch's
default.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from affectssm.ssm.mamba import BiMamba

INITIALISATIONS = ("mamba", "charon")
DT_MIN, DT_MAX = 1e-3, 1e-1


@torch.no_grad()
def initialise(mixer: BiMamba, name: str) -> None:
    """Fill a mixer's parameters, every direction alike.

    Raises:
        ValueError: for an unknown name.
    """
    if name not in INITIALISATIONS:
        raise ValueError(f"init {name!r}: one of {', '.join(INITIALISATIONS)} is wanted")
    _mamba(mixer)
    if name == "charon":
        _charon(mixer)


def _mamba(mixer: BiMamba) -> None:
    """Mamba (Gu and Dao 2023, section 3.6): rates A_n = -n (S4D-real), step sizes log-uniform in 1e-3 to 0.1, D = 1."""
    width = mixer.conv_weight.shape[0]
    fans = {"conv_weight": width, "conv_bias": width, "x_proj": mixer.d_inner, "dt_proj": mixer.dt_rank}
    for name, fan_in in fans.items():
        nn.init.uniform_(mixer.get_parameter(name), -(fan_in**-0.5), fan_in**-0.5)
    draw_step_sizes(mixer.dt_bias, DT_MIN, DT_MAX)
    mixer.A_log.copy_(torch.arange(1, mixer.d_state + 1).log().expand_as(mixer.A_log))
    mixer.D.fill_(1.0)


@torch.no_grad()
def draw_step_sizes(dt_bias: Tensor, lowest: float, highest: float) -> None:
    """Fill biases of step sizes, so that the step sizes are log-uniform between two values."""
    step = torch.exp(torch.empty_like(dt_bias).uniform_(math.log(lowest), math.log(highest)))
    dt_bias.copy_(step + torch.log(-torch.expm1(-step)))  # the inverse of softplus


def _charon(mixer: BiMamba) -> None:
    """Mamba-VA (github FreedomPuppy77/Charon): every rate about -1, every step about softplus(0) = 0.69.

    So the state halves from one frame to the next and remembers a handful of them, whatever n is. The convolution has
    Kaiming's variance for its fan out, all taps of all channels, with gain 1 (it is followed by no ReLU), and no bias
    at first; the output projection has Xavier's.
    """
    nn.init.normal_(mixer.A_log, std=0.01)
    nn.init.normal_(mixer.dt_proj, std=0.02)
    nn.init.normal_(mixer.dt_bias, std=0.02)
    width, _, channels = mixer.conv_weight.shape
    nn.init.normal_(mixer.conv_weight, std=math.sqrt(1 / (width * channels)))
    nn.init.zeros_(mixer.conv_bias)
    nn.init.xavier_uniform_(mixer.out_proj.weight)
