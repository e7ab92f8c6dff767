"""The encoder of a masked autoencoder (He et al. 2022, CVPR): ViT-MAE, of which nothing is masked.

What a picture gives is the CLS token after the final norm, as ``forward_features`` of the authors' code with
``global_pool=False``. Pictures are normalised with the mean and deviation that Mamba-VA released for faces (its
``preprocess/mae``), not with those of ImageNet.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from affectssm.features.weights import Wanted, loading, published, record, seed_of, seeded, verified_folder
from affectssm.torchvision_ops import ensure_torchvision_ops

ensure_torchvision_ops()
from transformers import ViTMAEConfig, ViTMAEModel  # noqa: E402 - after torchvision's operators

LICENCE = "CC BY-NC 4.0 (non-commercial)"
MEAN, DEVIATION = (0.471, 0.363, 0.333), (0.220, 0.193, 0.180)
FULL: dict[str, dict[str, Any]] = {
    "facebook/vit-mae-base": {},
    "facebook/vit-mae-large": {
        "hidden_size": 1024,
        "num_hidden_layers": 24,
        "num_attention_heads": 16,
        "intermediate_size": 4096,
    },
}
"""Model -> what its configuration changes of the library's defaults."""
SMALL: dict[str, Any] = {
    "hidden_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 128,
    "patch_size": 32,
}
"""A small configuration for random weights."""
_FILES = ("config.json", "model.safetensors|pytorch_model.bin")


def load(settings: Mapping[str, Any]) -> tuple[Any, dict[str, Any]]:
    """Return the encoder and what its weights are, for a card.

    Args:
        settings: ``model``, ``revision``; ``weights``, ``size``, ``weights_dir``.

    Raises:
        ConfigError: if files of the weights are missing.
        DataError: if they are not those of the first load, or cannot be loaded.
    """
    model = settings["model"]
    if settings["weights"] == "random":
        changes = SMALL if settings["size"] == "small" else FULL[model]
        with seeded(model):
            return ViTMAEModel(ViTMAEConfig(mask_ratio=0.0, **changes)), {"random_seed": seed_of(model)}
    wanted = Wanted(model, model, LICENCE, _FILES, settings["revision"])
    folder, lock = verified_folder(settings["weights_dir"], wanted)
    with loading(folder, wanted):
        network = published(ViTMAEModel, folder, "encoder of a masked autoencoder", mask_ratio=0.0)
    record(folder, lock)
    return network, lock


def embed(network: Any, images: torch.Tensor) -> torch.Tensor:
    """Return the CLS tokens (N, D) after the final norm of RGB pictures (N, S, S, 3) uint8 of the encoder's size."""
    tokens = embedded(network, images)
    for layer in network.layers:
        tokens = layer(tokens, None)
    return network.layernorm(tokens[:, 0])


def embedded(network: Any, images: torch.Tensor) -> torch.Tensor:
    """Return what the first block sees of pictures: CLS and patches in their order, (N, P + 1, D).

    The library shuffles the patches by random numbers even where it masks none; rising ones keep their order.
    """
    mean, deviation = (torch.tensor(each, device=images.device)[:, None, None] for each in (MEAN, DEVIATION))
    seen = images.permute(0, 3, 1, 2).float().div_(255).sub_(mean).div_(deviation)
    patches = (network.config.image_size // network.config.patch_size) ** 2
    order = torch.arange(patches, device=images.device).expand(len(images), -1)
    return network.embeddings(seen, noise=order)[0]
