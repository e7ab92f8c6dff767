"""A BERT inside a model: token ids -> its last hidden states, the last blocks or all of it trained with the model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from affectssm.errors import ConfigError


class TextEncoder(nn.Module):
    """A BERT of which a part is trained; what stays as it was never drops anything out.

    Args:
        network: of transformers' class ``BertModel``, without a pooler.
        blocks: how many of its last blocks are trained; None: all of them, and the embeddings too.
        checkpointing: whether trained blocks are computed again in the backward pass, which saves memory.

    Raises:
        ConfigError: for more blocks than there are.
    """

    def __init__(self, network: Any, blocks: int | None = None, checkpointing: bool = False) -> None:
        super().__init__()
        self.network = network
        layers = network.encoder.layer
        if blocks is not None and blocks > len(layers):
            raise ConfigError(
                "trained blocks",
                str(blocks),
                f"at most the {len(layers)} of the text encoder",
                "lower blocks",
            )
        whole = [network.embeddings, *layers]
        self._frozen = () if blocks is None else tuple(whole[: len(whole) - blocks])
        network.requires_grad_(True)
        for part in self._frozen:
            part.requires_grad_(False)
        if checkpointing:
            network.activation_checkpointing_enable()
        self.train(self.training)

    @property
    def dim(self) -> int:
        """Columns of a hidden state."""
        return int(self.network.config.hidden_size)

    def train(self, mode: bool = True) -> TextEncoder:
        super().train(mode)
        for part in self._frozen:
            part.eval()
        return self

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        """Encode texts.

        Args:
            ids: (B, L) integers.
            mask: (B, L) bool, False behind a text's end; a clip without text is masked throughout.

        Returns:
            (B, L, D), zero where masked.

        Raises:
            ConfigError: for ids that are none of the vocabulary.
        """
        vocabulary = self.network.config.vocab_size
        ids = ids.masked_fill(~mask, 0)
        if ids.numel() and not 0 <= int(ids.min()) <= int(ids.max()) < vocabulary:
            raise ConfigError(
                "tokens", f"ids from {int(ids.min())} to {int(ids.max())}",
                f"ids below {vocabulary}, the size of the text encoder's vocabulary",
                "take the text encoder of the transcripts' language",
            )  # fmt: skip
        there = mask.any(dim=0).nonzero()
        length = int(there[-1]) + 1 if len(there) else 1  # nothing is computed behind the longest text
        seen = mask[:, :length].clone()
        seen[:, 0] |= ~mask.any(dim=1)  # an attention over nothing would be NaN
        found = self.network(input_ids=ids[:, :length], attention_mask=seen, use_cache=False)
        states = found.last_hidden_state.masked_fill(~mask[:, :length, None], 0)
        return nn.functional.pad(states, (0, 0, 0, mask.shape[1] - length))


class TunedText(nn.Module):
    """A model whose ``text`` is what a text encoder makes of ``tokens``, ids (B, L, 1) as numbers of any type."""

    def __init__(self, encoder: TextEncoder, model: nn.Module) -> None:
        super().__init__()
        self.encoder, self.model = encoder, model

    def forward(self, values: Mapping[str, Tensor], mask: Mapping[str, Tensor]) -> Tensor:
        """Return the model's answer; ``values`` and ``mask`` as it has them, with ``tokens`` in place of ``text``."""
        there = mask["tokens"]
        text = self.encoder(values["tokens"][..., 0].round().long(), there)
        return self.model({**values, "text": text}, {**mask, "text": there})
