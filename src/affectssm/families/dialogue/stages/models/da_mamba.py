"""DA-Mamba: dialogue-aware selective state-space model for engagement (arXiv 2509.17711), as this project reads it.

The paper gives the parts and the loss, not the sizes; no code is public. What it leaves open is decided here:

    cues -> group encoder -> K hybrid blocks a modality group     the same weights for target and partners
         -> audio <-> visual cross-attention -> fusion            one sequence a person; "light": half the
                                                                  width, within chunks, so linear in L
    partners -> context Mamba -> the target attends to it -> MLP -> sigmoid -> engagement a frame

``seats`` says how several partners are joined. ``exchangeable`` (default): each partner's sequence runs through the
context Mamba from a fresh state, the results are laid one behind the other along time, and the target attends to all
of them; no seat is told from another, so the answer is the same in whatever order partners come. A model trained on
dialogues (one partner) meets groups of four without untrained parameters. ``ordered`` is the paper's sentence taken
literally: the sequences are joined first, with an embedding a seat (the rank among those present), and one scan
runs through the whole.

B windows, P seats, M = B * (1 + P) people, L frames, d width.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

import torch
from torch import Tensor, nn

from affectssm.families.dialogue.stages.models.cues import GroupEncoder
from affectssm.families.dialogue.stages.models.hybrid import HybridBlock
from affectssm.families.dialogue.stages.models.output import FrameOutput
from affectssm.models.attention import Attention, clock_code
from affectssm.models.dropout import Dropout
from affectssm.models.feature_groups import FrameModel, Stacks
from affectssm.models.recompute import Recomputed
from affectssm.settings.dialogues import DAMambaSettings
from affectssm.timeline.feature_frames import FeatureFrames
from affectssm.timeline.frame_batch import FrameBatch

MAX_PARTNERS = 3  # MPIIGroupInteraction seats four


class PersonEncoder(nn.Module):
    """One person's cues to one sequence, and the embeddings of the modality groups before they are fused.

    With ``modality_fusion`` off the groups stay apart: one sequence each, without cross-attention.
    """

    def __init__(self, settings: DAMambaSettings, stacks: dict[str, dict[str, int]]) -> None:
        super().__init__()
        d = settings.d_model
        self.names = list(stacks)
        self.groups = nn.ModuleList(GroupEncoder(dims, d) for dims in stacks.values())
        self.layers = nn.ModuleList(
            nn.ModuleList(HybridBlock(settings) for _ in stacks) for _ in range(settings.blocks)
        )
        self.norms = nn.ModuleList(nn.LayerNorm(d) for _ in stacks)
        pair = settings.modality_fusion and sorted(stacks) == ["audio", "visual"]
        light = settings.heads * max(1, d // (2 * settings.heads))
        self.cross = nn.ModuleList(
            Attention(d, settings.heads, light, settings.chunk)
            for _ in stacks
            if pair and settings.cross_attention
        )
        self.fuse = nn.Linear(len(stacks) * d, d) if settings.modality_fusion else None
        self.sequences = 1 if settings.modality_fusion else len(stacks)

    def embed(self, features: Mapping[str, FeatureFrames]) -> Tensor:
        """features (..., L, D_f) by name -> (stacks, ..., L, d)."""
        return torch.stack([group(features) for group in self.groups])

    def forward(self, embedded: Tensor, mask: Tensor) -> tuple[list[Tensor], dict[str, Tensor]]:
        """embedded (stacks, M, L, d), mask (M, L) -> the person's sequences (M, L, d), {group: (M, L, d)}."""
        xs = list(embedded)
        for layer in self.layers:
            xs = [block(x, mask) for block, x in zip(cast(nn.ModuleList, layer), xs, strict=True)]
        xs = [norm(x) for norm, x in zip(self.norms, xs, strict=True)]
        groups = dict(zip(self.names, xs, strict=True))
        if self.cross:
            others = reversed(xs)
            xs = [x + cross(x, mask, other) for cross, x, other in zip(self.cross, xs, others, strict=True)]
        return ([self.fuse(torch.cat(xs, dim=-1))] if self.fuse is not None else xs), groups


class PartnerContext(nn.Module):
    """What the target hears from its partners: (B, L, d) to be added to the target's sequence."""

    def __init__(self, settings: DAMambaSettings) -> None:
        super().__init__()
        d = settings.d_model
        self.ordered = settings.seats == "ordered"
        # zero at first: a seat that training never filled stays neutral
        self.seat = nn.Parameter(torch.zeros(MAX_PARTNERS if self.ordered else 1, d))
        self.mamba = HybridBlock(settings, local=False)
        self.target_norm, self.context_norm = nn.LayerNorm(d), nn.LayerNorm(d)
        self.attention = Attention(d, settings.heads, reaction=True)
        self.dropout = Dropout(settings.dropout)

    def forward(self, target: Tensor, partners: Tensor, mask: Tensor) -> Tensor:
        """target (B, L, d), partners (B, P, L, d), mask (B, P, L) -> (B, L, d), zero where nobody is there."""
        batch, seats, length, width = partners.shape
        clock = clock_code(length, width, target)
        if self.ordered:  # those who are there move up, so that an empty seat is no gap
            order = mask.any(dim=2).int().argsort(dim=1, descending=True, stable=True)  # (B, P)
            row = torch.arange(batch, device=order.device)[:, None]
            partners, mask = partners[row, order], mask[row, order]
        context = partners + clock + self.seat[:seats, None]
        shape = (batch, seats * length, width) if self.ordered else (batch * seats, length, width)
        context = self.mamba(context.reshape(shape), mask.reshape(shape[:2]))
        context = self.context_norm(context).reshape(batch, seats * length, width)
        keys = mask.reshape(batch, seats * length)
        heard = self.attention(self.target_norm(target) + clock, keys, context)
        return self.dropout(heard) * keys.any(dim=1)[:, None, None]


class Head(nn.Module):
    """From people's sequences to the target's engagement: what it hears from its partners is added, then an MLP."""

    def __init__(self, settings: DAMambaSettings) -> None:
        super().__init__()
        d = settings.d_model
        self.context = PartnerContext(settings) if settings.partner_fusion else None
        self.score = Recomputed(
            nn.LayerNorm(d), nn.Linear(d, d), nn.GELU(), Dropout(settings.dropout), nn.Linear(d, 1)
        )

    def forward(self, people: Tensor, mask: Tensor) -> Tensor:
        """people (B, 1 + P, L, d), the target first, mask (B, 1 + P, L) -> engagement (B, L) in (0, 1)."""
        target = people[:, 0]
        if self.context is not None and people.shape[1] > 1:
            target = target + self.context(target, people[:, 1:], mask[:, 1:])
        return torch.sigmoid(self.score(target).squeeze(-1))


class DAMamba(FrameModel):
    """The model of an ``audio`` and a ``visual`` group.

    With ``modality_fusion`` off each has a head of its own; their mean is the answer.
    """

    Settings = DAMambaSettings

    def build(self, settings: DAMambaSettings, stacks: Stacks) -> None:
        d = settings.d_model
        self.encoder = PersonEncoder(settings, stacks)
        self.hears_partners = settings.partner_fusion
        self.heads = nn.ModuleList(Head(settings) for _ in range(self.encoder.sequences))
        self.align = nn.ModuleDict()
        if settings.alignment and sorted(stacks) == ["audio", "visual"]:
            self.align.update({group: nn.Linear(d, d, bias=False) for group in stacks})

    def forward(self, batch: FrameBatch) -> FrameOutput:
        """Engagement of the target at every frame. Frames outside the recording are answered, without meaning."""
        heard = 1 + batch.seats if self.hears_partners else 1
        features = {name: own.each(lambda of_seats: of_seats[:heard]) for name, own in batch.people.items()}
        embedded = self.encoder.embed(features).transpose(1, 2)  # (stacks, B, 1 + P, L, d)
        mask = batch.frame_valid.unsqueeze(1)  # (B, 1, L)
        if heard > 1:
            mask = torch.cat([mask, mask & batch.partner_present.unsqueeze(-1)], dim=1)  # (B, 1 + P, L)
        sequences, groups = self.encoder(embedded.flatten(1, 2), mask.flatten(0, 1))
        people = [sequence.unflatten(0, mask.shape[:2]) for sequence in sequences]  # (B, 1 + P, L, d) each
        scores = [head(own, mask) for head, own in zip(self.heads, people, strict=True)]
        prediction = torch.stack(scores).mean(0)
        aligned = {
            group: head(groups[group].unflatten(0, mask.shape[:2])[:, 0])
            for group, head in self.align.items()
        }
        return FrameOutput(prediction, **aligned)
