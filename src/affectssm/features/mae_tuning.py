"""A masked autoencoder's encoder whose last blocks were trained further on labels of some recordings.

Mamba-VA (section 3.1) freezes the patch embedding and the first 16 of the large encoder's 24 blocks. A file of a tuned
encoder holds what changed, the other blocks and the final norm, and its card says of which published weights it goes
on, which recordings it saw and of which fold they are. Features of it are no features for recordings that it saw.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from affectssm.errors import ConfigError, DataError
from affectssm.features.mae_network import embedded
from affectssm.store.card import read_card, sha256

STAGE = "encoder_tuning"
ENCODER = "encoder."
"""Before the names of the encoder's tensors in a file; those of the head, ``head.``, are kept for the record."""


class Trunk:
    """What stays as published, patch embedding and first blocks: pictures (N, S, S, 3) uint8 -> (N, P + 1, D)."""

    def __init__(self, network: Any, frozen: int) -> None:
        self._network, self._frozen = network.eval().requires_grad_(False), frozen

    def to(self, device: torch.device) -> None:
        """Move it to a device."""
        self._network.embeddings.to(device)
        self._network.layers[: self._frozen].to(device)

    @torch.no_grad()
    def __call__(self, images: Tensor) -> Tensor:
        """Return the tokens that the other blocks go on from."""
        tokens = embedded(self._network, images)
        for layer in self._network.layers[: self._frozen]:
            tokens = layer(tokens, None)
        return tokens


class Tail(nn.Module):
    """What is trained: the other blocks and the final norm; tokens (N, P + 1, D) -> CLS (N, D)."""

    def __init__(self, network: Any, frozen: int) -> None:
        super().__init__()
        # by the names that they have in the whole encoder
        blocks = list(enumerate(network.layers))[frozen:]
        self.layers = nn.ModuleDict({str(number): block for number, block in blocks})
        self.layernorm = network.layernorm
        self.requires_grad_(True)

    def forward(self, tokens: Tensor) -> Tensor:
        for layer in self.layers.values():
            tokens = layer(tokens, None)
        return self.layernorm(tokens[:, 0])


def split(network: Any, frozen: int | None) -> tuple[Trunk, Tail]:
    """Divide an encoder into what stays and what is trained.

    Args:
        network: the encoder; its tensors are shared, not copied.
        frozen: how many blocks stay; None: two thirds of them, 16 of 24.

    Raises:
        ConfigError: if no block would be left to train.
    """
    blocks = len(network.layers)
    frozen = 2 * blocks // 3 if frozen is None else frozen
    if frozen >= blocks:
        raise ConfigError(
            "frozen blocks", str(frozen), f"fewer than the {blocks} of the encoder", "lower frozen, or leave it null"
        )  # fmt: skip
    return Trunk(network, frozen), Tail(network, frozen)


def take_over(network: Any, path: Path, weights: Mapping[str, Any]) -> dict[str, Any]:
    """Put the tensors of a tuned encoder's file into an encoder; return what a card says of it.

    Args:
        network: the published encoder, changed in place.
        path: the file.
        weights: what the encoder's own card says of its weights.

    Raises:
        ConfigError: if the file is absent or no tuned encoder, or one of other weights.
        DataError: if it is not whole.
    """
    card = _card_of(path)
    if card["extra"]["base"] != dict(weights):
        raise ConfigError(
            path, "tuned on the weights of another encoder", "a file that was made of the model that is set",
            "tune again, or set the model that it was made of",
        )  # fmt: skip
    try:
        tensors = load_file(path)
    except (OSError, SafetensorError) as error:
        raise DataError(path, f"not whole: {error}", "a tuned encoder", "tune it again") from error
    own = {name.removeprefix(ENCODER): value for name, value in tensors.items() if name.startswith(ENCODER)}
    known = network.state_dict()
    if odd := [name for name, value in own.items() if name not in known or known[name].shape != value.shape]:
        raise DataError(
            path, f"{odd[0]}, which the encoder does not have", "tensors of the encoder", "tune again"
        )
    network.load_state_dict(known | own)
    return {"sha256": sha256(path), **{name: card["extra"][name] for name in ("fold", "recordings")}}


def _card_of(path: Path) -> dict[str, Any]:
    card = read_card(path) if path.is_file() else None
    if card is None or card["stage"] != STAGE:
        found = "no such file" if not path.is_file() else "no card of a tuned encoder"
        raise ConfigError(
            path, found, "a file that the tuning of an encoder wrote", "tune one, or set tuned: null"
        )
    return card
