"""The network of a BERT, as published or with random weights, and its last hidden states of token ids."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from affectssm.features.bert_files import BertFiles
from affectssm.features.weights import loading, published, record, seeded
from affectssm.torchvision_ops import ensure_torchvision_ops

ensure_torchvision_ops()
from transformers import BertConfig, BertModel  # noqa: E402 - after torchvision's operators

SMALL: dict[str, Any] = {
    "hidden_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 128,
}
"""A small configuration for random weights; the library's defaults are those of the base models."""


def load(files: BertFiles) -> Any:
    """Return the network of a BERT, without its pooler.

    Raises:
        DataError: if its files cannot be loaded.
    """
    if files.wanted is None:
        changes = SMALL if files.size == "small" else {}
        with seeded(files.model):
            return BertModel(BertConfig(vocab_size=files.vocabulary, **changes), add_pooling_layer=False)
    with loading(files.folder, files.wanted):
        network = published(BertModel, files.folder, "BERT", add_pooling_layer=False)
    record(files.folder, files.card)
    return network


@torch.inference_mode()
def embed(network: Any, texts: Sequence[Sequence[int]], device: torch.device) -> np.ndarray:
    """Return the last hidden states (B, T, D) float32 of B texts of T token ids each."""
    return network(input_ids=torch.tensor(texts, device=device)).last_hidden_state.float().cpu().numpy()
