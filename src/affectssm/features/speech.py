"""Frozen wav2vec 2.0 encoders over a whole sound track.

Letters: S samples between two frames (320) and R samples a frame sees (400), both from the convolutions; P frames of
a pass through the transformer layers.

Frame i sees samples [i S, i S + R); its time is the middle, (i S + R / 2) / 16000. The convolutions run once over the
track, piece by piece. The transformer layers run in overlapping passes, of which the outer frames are dropped.

What the encoders normalise over time is normalised over the whole track, measured in a first reading of the file: the
sound's mean and variance and, where the first convolution has a norm over time (the base model), that norm too. So
the pieces change nothing, and attention alone notices where a pass ends.

A track of digital silence gives finite features, valid ones (the encoder's answer to silence), and a fault row.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

import numpy as np
import torch

from affectssm.errors import ConfigError
from affectssm.features.base import Extractor, Source
from affectssm.features.chunks import Chunk, Level, plan_chunks
from affectssm.features.weights import (
    Wanted,
    loading,
    published,
    ready,
    record,
    seed_of,
    seeded,
    verified_folder,
)
from affectssm.media.audio import RATE, AudioReader
from affectssm.media.channels import QUIETEST
from affectssm.store.shards import Track
from affectssm.torchvision_ops import ensure_torchvision_ops

ensure_torchvision_ops()
from transformers import Wav2Vec2Config, Wav2Vec2Model  # noqa: E402 - after torchvision's operators

_FILES = ("config.json", "preprocessor_config.json", "model.safetensors|pytorch_model.bin")
SMALL: dict[str, Any] = {
    "hidden_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 128,
    "conv_dim": (48,) * 7,
    "conv_bias": True,  # without it random layers tell loudness less well
    "num_conv_pos_embeddings": 32,
    "num_conv_pos_embedding_groups": 4,
}
"""A small configuration for random weights, whose hidden states still tell how loud the sound is."""
_CPU_FRAMES = 1000
_BLOCK_S = 5.0  # the first convolutions make 512 numbers of every five samples


class SpeechEncoder(Extractor):
    """A wav2vec 2.0 encoder's last hidden states.

    Settings: ``model``, ``revision``, ``chunk_s``, ``overlap_s``, ``batch``, ``int8``; ``weights``, ``size``,
    ``weights_dir``.

    Attributes:
        licence: of the pretrained weights.
        full: what the full-size configuration changes of the library's defaults, for random weights.
        small: the same for the demo's size.
    """

    dtype = np.float16
    licence: ClassVar[str]
    full: ClassVar[Mapping[str, Any]]
    small: ClassVar[Mapping[str, Any]]

    def __init__(self, name: str, settings: Mapping[str, Any]) -> None:
        super().__init__(name, settings)
        self._lock: dict[str, Any] = {}
        self._scaled = True
        self._network: Any
        self._network, self.device = ready(self._load(), self.settings["int8"])
        config = self._network.config
        first = self._network.feature_extractor.conv_layers[0]
        self._norm = TrackNorm(first) if config.feat_extract_norm == "group" else None
        self.step = int(np.prod(config.conv_stride))
        self.field = 1 + sum(
            (kernel - 1) * int(np.prod(config.conv_stride[:layer]))
            for layer, kernel in enumerate(config.conv_kernel)
        )
        self.pass_frames = round(self.settings["chunk_s"] * RATE) // self.step
        self.context = round(self.settings["overlap_s"] * RATE) // self.step
        if self.pass_frames <= 2 * self.context:
            raise ConfigError(
                f"features.{name}",
                f"chunk_s {self.settings['chunk_s']:g} with overlap_s {self.settings['overlap_s']:g}",
                "chunks longer than the overlap on both sides",
                "raise chunk_s or lower overlap_s",
            )

    @property
    def dim(self) -> int:
        return int(self._network.config.hidden_size)

    @property
    def least(self) -> str:
        return f"at least {self.field} samples at {RATE} Hz, which one row sees"

    def card(self) -> dict[str, Any]:
        weights = self._lock or {"random_seed": seed_of(self.settings["model"])}
        return {
            "encoder": weights,
            "frame_step": self.step,
            "frame_field": self.field,
            "scaled": self._scaled,
        }

    def _load(self) -> torch.nn.Module:
        model = self.settings["model"]
        if self.settings["weights"] == "random":
            changes = self.small if self.settings["size"] == "small" else self.full
            with seeded(model):
                return Wav2Vec2Model(Wav2Vec2Config(**changes))
        wanted = Wanted(model, model, self.licence, _FILES, self.settings["revision"])
        folder, self._lock = verified_folder(self.settings["weights_dir"], wanted)
        with loading(folder, wanted):
            preprocessor = json.loads((folder / "preprocessor_config.json").read_text(encoding="utf-8"))
            self._scaled = bool(preprocessor.get("do_normalize", True))
            # only training masks frames
            network = published(Wav2Vec2Model, folder, "wav2vec 2.0 encoder", ["masked_spec_embed"])
        record(folder, self._lock)
        return network

    def extract(self, source: Source) -> Iterator[Track]:
        reader = AudioReader(source.path, block_s=_BLOCK_S)
        config = self._network.config
        level = Level.of(reader, config.conv_kernel[0], config.conv_stride[0])
        source.notes.extend(reader.notes)
        if level.samples and level.peak < QUIETEST:
            quiet = f"never above {level.peak:.1g} of full scale" if level.peak else "of zeros"
            source.note("silent_audio", f"{level.samples / RATE:.1f} s {quiet}", "sound", "ignored")
        mean, scale = (level.mean, level.scale) if self._scaled else (0.0, 1.0)
        if self._norm is not None:
            self._norm.set(level, mean, scale)
        plan = plan_chunks((level.samples - self.field) // self.step + 1, self.pass_frames, self.context)
        at_once = self._at_once(plan)
        held: list[tuple[Chunk, torch.Tensor]] = []
        for chunk, seen in zip(plan, _pieces(plan, self._convolved(reader, mean, scale)), strict=True):
            held.append((chunk, seen))
            if len(held) == at_once:
                yield from self._tracks(held)
                held = []
        if held:
            yield from self._tracks(held)

    def _at_once(self, plan: list[Chunk]) -> int:
        """Return how many passes run together. Some 20 s keep a CPU busy: more would cost memory and save no time."""
        if self.device.type != "cpu" or not plan:
            return int(self.settings["batch"])
        return max(1, min(self.settings["batch"], _CPU_FRAMES // plan[0].last))

    @torch.inference_mode()
    def _convolved(self, reader: AudioReader, mean: float, scale: float) -> Iterator[torch.Tensor]:
        """Yield what the convolutions make of successive frames, (n, channels), a block of sound at a time."""
        held = np.zeros(0, np.float32)
        for block in reader:
            held = np.concatenate([held, (block.samples - np.float32(mean)) * np.float32(scale)])
            frames = (len(held) - self.field) // self.step + 1
            if frames > 0:
                piece = torch.from_numpy(held[: (frames - 1) * self.step + self.field]).to(self.device)
                yield self._network.feature_extractor(piece[None])[0].T
                held = held[frames * self.step :]

    def _tracks(self, held: list[tuple[Chunk, torch.Tensor]]) -> Iterator[Track]:
        hidden = self._contextual(torch.stack([seen for _, seen in held]))
        for (chunk, _), states in zip(held, hidden, strict=True):
            value = states[chunk.keep_first - chunk.first : chunk.keep_last - chunk.first].astype(self.dtype)
            frames = np.arange(chunk.keep_first, chunk.keep_last)
            time = (frames * self.step + self.field / 2) / RATE
            yield Track(value, time, np.ones(len(value), bool), RATE / self.step)

    @torch.inference_mode()
    def _contextual(self, seen: torch.Tensor) -> np.ndarray:
        """Return the last hidden states (B, P, D) float32 for what the convolutions made, (B, P, channels)."""
        projected, _ = self._network.feature_projection(seen)
        return self._network.encoder(projected).last_hidden_state.float().cpu().numpy()


def _pieces(plan: list[Chunk], blocks: Iterator[torch.Tensor]) -> Iterator[torch.Tensor]:
    """Yield the frames of each chunk, holding no more of the track than a chunk and a block."""
    held, first = torch.empty(0), 0  # first: the number of held[0] in the track
    for chunk in plan:
        while first + len(held) < chunk.last:
            block = next(blocks)
            held = torch.cat([held, block]) if len(held) else block
        held, first = held[chunk.first - first :], chunk.first
        yield held[: chunk.last - chunk.first]


class TrackNorm:
    """The norm over time of the first convolution, with the statistics of a whole track instead of a chunk's.

    The convolution is linear: its mean and variance over the track follow from those of the samples it sees, and the
    norm can be written into its weights, so that it costs nothing.
    """

    def __init__(self, layer: Any) -> None:
        """Take the norm out of the network's first layer."""
        self._convolution, self._norm = layer.conv, layer.layer_norm
        layer.layer_norm = torch.nn.Identity()
        self._weight = self._convolution.weight.detach().cpu().double().numpy()  # (channels, 1, K)
        gain, offset = self._norm.weight.detach(), self._norm.bias.detach()
        self._gain, self._offset = gain.cpu().double().numpy(), offset.cpu().double().numpy()
        self._convolution.bias = torch.nn.Parameter(torch.zeros_like(offset), requires_grad=False)

    @torch.no_grad()
    def set(self, level: Level, mean: float, scale: float) -> None:
        """Take over the statistics of a track whose samples x enter as (x - mean) scale."""
        kernels = self._weight[:, 0]
        seen = kernels @ (level.window_mean - mean) * scale  # a bias would cancel
        spread = np.einsum("ck,kl,cl->c", kernels, level.window_cov, kernels) * scale**2
        gain = self._gain / np.sqrt(np.maximum(spread, 0.0) + self._norm.eps)
        self._convolution.weight.copy_(torch.from_numpy(self._weight * gain[:, None, None]))
        self._convolution.bias.copy_(torch.from_numpy(self._offset - seen * gain))
