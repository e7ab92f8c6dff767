"""``mae`` and ``mae_video``: the CLS token of a masked autoencoder's encoder, a row a frame.

``mae`` reads a folder of crops, ``mae_video`` the square around the tracked face, which is neither aligned nor cut as
tightly as Aff-Wild2's crops. The pretrained weights are licensed CC BY-NC 4.0 (non-commercial).

A frame without picture or face carries the last row forward: its value is that row's, it is not valid. Before the
first picture there are no rows. With ``every: k`` there is a row for each k-th frame; the others are passed over.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from affectssm.features.base import BLOCK_ROWS, Extractor, Source
from affectssm.features.facebox import FaceRows, cut
from affectssm.features.mae_network import embed, load
from affectssm.features.mae_tuning import take_over
from affectssm.features.weights import ready
from affectssm.media.crops import CropReader
from affectssm.media.video import VideoReader
from affectssm.store.shards import Track

Frame = tuple[float, np.ndarray | None]
"""A frame's time in seconds and its picture (S, S, 3) uint8 RGB, where it has one."""


class Mae(Extractor):
    """Of crops. Frame i is at (i + 0.5) / rate seconds; there are as many as the manifest says.

    Settings: ``model``, ``revision``, ``tuned``, ``every``, ``batch``, ``int8``; ``weights``, ``size``,
    ``weights_dir``.
    """

    dtype = np.float16

    def __init__(self, name: str, settings: Mapping[str, Any]) -> None:
        super().__init__(name, settings)
        network, weights = load(self.settings)
        self._card: dict[str, Any] = {"encoder": weights}
        if self.settings["tuned"] is not None:
            self._card["tuned"] = take_over(network, Path(self.settings["tuned"]), weights)
        self._dim, self.pixels = int(network.config.hidden_size), int(network.config.image_size)
        self._network: Any
        self._network, self.device = ready(network, self.settings["int8"])

    @property
    def dim(self) -> int:
        return self._dim

    @property
    def least(self) -> str:
        return "at least one picture of a face that can be decoded"

    def card(self) -> dict[str, Any]:
        return self._card

    def extract(self, source: Source) -> Iterator[Track]:
        last: np.ndarray | None = None
        reader, rate, found = self.opened(source)
        rate /= self.settings["every"]
        for frames in _batches(found, self.settings["batch"]):
            seen = np.array([picture is not None for _, picture in frames])
            rows = self._rows([picture for _, picture in frames if picture is not None])
            if last is not None:
                rows = np.concatenate([last[None], rows])
            at = seen.cumsum() - (last is None)  # which row each frame has; -1 before the first picture
            begun = at >= 0
            if begun.any():
                time = np.array([time for time, _ in frames])
                yield Track(rows[at[begun]], time[begun], seen[begun], rate)
                last = rows[-1]
        source.notes.extend(reader.notes)

    def opened(self, source: Source) -> tuple[CropReader | VideoReader, float, Iterator[Frame]]:
        """Return the reader of a source, its frames a second, and every k-th frame."""
        reader = CropReader(source.path, source.row.frames, every=self.settings["every"])
        rate = source.row.rate
        return reader, rate, (((frame + 0.5) / rate, picture) for frame, picture in reader)

    def _rows(self, pictures: list[np.ndarray]) -> np.ndarray:
        if not pictures:
            return np.zeros((0, self._dim), self.dtype)
        images = np.stack([sized(picture, self.pixels) for picture in pictures])
        return self.forward(images).astype(self.dtype)

    @torch.inference_mode()
    def forward(self, pictures: np.ndarray) -> np.ndarray:
        """Return the embeddings (N, D) float32 of RGB pictures (N, S, S, 3) uint8 of the encoder's size S."""
        return embed(self._network, torch.from_numpy(pictures).to(self.device)).float().cpu().numpy()


class MaeVideo(Mae):
    """Of the face in a video, at the times of its pictures. Beside the settings of ``mae``: ``margin``."""

    def opened(self, source: Source) -> tuple[CropReader | VideoReader, float, Iterator[Frame]]:
        assert source.faces is not None
        reader = VideoReader(source.path)
        return reader, reader.info().fps, self._faces(reader, source.faces)

    def _faces(self, reader: VideoReader, faces: FaceRows) -> Iterator[Frame]:
        for picture in reader:
            if picture.index % self.settings["every"]:
                continue
            face = faces.at(picture.index, picture.time)
            crop = None
            if face is not None:
                square = face.square(self.settings["margin"])
                crop = sized(cut(picture.image, square, square.side), self.pixels)
            yield picture.time, crop


def sized(picture: np.ndarray, side: int) -> np.ndarray:
    """Scale a picture (H, W, 3) uint8 to (side, side, 3), bicubic as Pillow has it, which MAE's code resizes with."""
    if picture.shape[:2] == (side, side):
        return picture
    return np.asarray(Image.fromarray(picture).resize((side, side), Image.Resampling.BICUBIC))


def _batches(frames: Iterator[Frame], pictures: int) -> Iterator[list[Frame]]:
    """Yield successive frames with at most so many pictures among them."""
    held: list[Frame] = []
    count = 0
    for frame in frames:
        held.append(frame)
        count += frame[1] is not None
        if count == pictures or len(held) == BLOCK_ROWS:
            yield held
            held, count = [], 0
    if held:
        yield held
