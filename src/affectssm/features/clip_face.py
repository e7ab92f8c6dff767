"""``clip_face``: CLIP image embeddings (Radford et al. 2021) of the square around the tracked face.

The image tower alone; its projected embedding, as it comes. A lower rate takes the first picture of every
1/fps seconds, with its real time. Rows without a face are invalid.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch

from affectssm.errors import ConfigError
from affectssm.features.base import Extractor, Source
from affectssm.features.facebox import cut
from affectssm.features.weights import Wanted, loading, ready, record, seed_of, seeded, verified_folder
from affectssm.media.video import VideoReader
from affectssm.store.shards import Track
from affectssm.torchvision_ops import ensure_torchvision_ops

ensure_torchvision_ops()
import open_clip  # noqa: E402 - after torchvision's operators

LICENCES = {"openai": "MIT"}
_FILES = ("open_clip_config.json", "open_clip_model.safetensors|open_clip_pytorch_model.bin")
_SMALL = {"layers": 2, "width": 64, "head_width": 16, "patch_size": 32, "image_size": 224}
_SMALL_DIM = 64
_NO_TEXT = {"context_length": 4, "vocab_size": 8, "width": 8, "heads": 1, "layers": 1}


class ClipFace(Extractor):
    """Settings: ``model``, ``pretrained``, ``revision``, ``fps``, ``batch``, ``int8``, ``margin``;
    ``weights``, ``size``, ``weights_dir``.
    """

    dtype = np.float16

    def __init__(self, name: str, settings: Mapping[str, Any]) -> None:
        super().__init__(name, settings)
        self._lock: dict[str, Any] = {}
        tower = self._load()
        self._dim, self.pixels = int(tower.output_dim), int(tower.image_size[0])
        mean, deviation = open_clip.OPENAI_DATASET_MEAN, open_clip.OPENAI_DATASET_STD
        chosen = getattr(tower, "preprocess_cfg", None) or {}
        network, self.device = ready(tower, self.settings["int8"])
        self._network: Any = network
        self._mean = torch.tensor(chosen.get("mean", mean), device=self.device)[:, None, None]
        self._deviation = torch.tensor(chosen.get("std", deviation), device=self.device)[:, None, None]

    @property
    def dim(self) -> int:
        return self._dim

    def card(self) -> dict[str, Any]:
        return {"encoder": self._lock or {"random_seed": seed_of(self.settings["model"])}}

    def _load(self) -> Any:
        model, tag = self.settings["model"], self.settings["pretrained"]
        if self.settings["weights"] == "random":
            with seeded(model):
                if self.settings["size"] == "small":
                    return open_clip.CLIP(_SMALL_DIM, _SMALL, _NO_TEXT).visual
                known = _architecture(model)
                return open_clip.CLIP(known["embed_dim"], known["vision_cfg"], _NO_TEXT).visual
        repository = str(open_clip.get_pretrained_cfg(model, tag).get("hf_hub", f"{model} {tag}")).strip("/")
        licence = LICENCES.get(tag, "see the repository")
        wanted = Wanted(f"{model}/{tag}", repository, licence, _FILES, self.settings["revision"])
        folder, self._lock = verified_folder(self.settings["weights_dir"], wanted)
        with loading(folder, wanted):
            tower = open_clip.create_model(f"local-dir:{folder}", require_pretrained=True).visual
        record(folder, self._lock)
        return tower

    def extract(self, source: Source) -> Iterator[Track]:
        assert source.faces is not None
        reader = VideoReader(source.path, fps=self.settings["fps"])
        rate = min(self.settings["fps"], reader.info().fps)
        times: list[float] = []
        crops: list[np.ndarray | None] = []
        for picture in reader:
            face = source.faces.at(picture.index, picture.time)
            square = face.square(self.settings["margin"]) if face is not None else None
            times.append(picture.time)
            crops.append(cut(picture.image, square, self.pixels) if square is not None else None)
            if len(times) == self.settings["batch"]:
                yield self._block(times, crops, rate)
                times, crops = [], []
        if times:
            yield self._block(times, crops, rate)
        source.notes.extend(reader.notes)

    def _block(self, times: list[float], crops: list[np.ndarray | None], rate: float) -> Track:
        valid = np.array([crop is not None for crop in crops])
        value = np.zeros((len(times), self._dim), self.dtype)
        if valid.any():
            value[valid] = self.forward(np.stack([crop for crop in crops if crop is not None]))
        return Track(value, np.array(times), valid, rate)

    @torch.inference_mode()
    def forward(self, crops: np.ndarray) -> np.ndarray:
        """Return the embeddings (N, D) float32 of RGB crops (N, S, S, 3) uint8."""
        images = torch.from_numpy(crops).to(self.device).permute(0, 3, 1, 2).float().div_(255)
        return self._network(images.sub_(self._mean).div_(self._deviation)).float().cpu().numpy()


def _architecture(model: str) -> dict[str, Any]:
    known = open_clip.get_model_config(model)
    if known is None:
        near = difflib.get_close_matches(model, open_clip.list_models(), 3, 0.0)
        raise ConfigError(
            "features.clip_face.model", model, "an open-clip architecture", f"take one like {', '.join(near)}"
        )
    return known
