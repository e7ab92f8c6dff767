"""The label control: participants exchange their whole label tracks.

Everything stays as it is (inputs, label distribution, autocorrelation) but for the tie between a person's
behaviour and the label. The part that selects the epoch exchanges too, so that no true label is seen
anywhere. A donor sits in another recording, for a partner's label does carry something of the target.

A donor's track is turned round in time by a random shift (its end goes on with its beginning), and for training
both are drawn anew for every batch. A few slow tracks resemble each other by chance, frame by frame (r of +-0.4
between two of the demo's). A model finds whatever such ties last through its training, reads the label itself
to make use of them, and scores far from zero in either direction, which says nothing about leaks.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from itertools import groupby

import numpy as np
import torch
from torch.utils.data import Dataset

from affectssm.errors import DataError
from affectssm.timeline.batch import NativeBatch
from affectssm.timeline.index import Target
from affectssm.timeline.loader import WindowDataset
from affectssm.training.exchange import looking_ahead
from affectssm.training.seeds import mixed

log = logging.getLogger(__name__)


def donors(targets: Sequence[Target], seed: int) -> np.ndarray:
    """Whose labels each target gets: (targets,) positions, a permutation; never its own.

    The recordings are put in a random order and everyone looks ahead by the size of the largest, into another
    recording. Only where one recording holds more than half of the participants can a donor be a neighbour.

    Raises:
        DataError: for a single participant.
    """
    if len(targets) < 2:
        raise DataError(
            "label control", "a single participant", "two at least", "add sessions, or leave it out"
        )
    order = sorted(range(len(targets)), key=lambda i: (targets[i].corpus, targets[i].recording))
    groups = [list(own) for _, own in groupby(order, key=lambda i: (targets[i].corpus, targets[i].recording))]
    largest = max(len(own) for own in groups)
    step = largest if len(targets) >= 2 * largest else 1
    shuffled = np.random.default_rng([seed, len(targets)]).permutation(len(groups))
    line = np.array([i for g in shuffled for i in groups[g]])
    return looking_ahead(line, step)


def shifts(targets: Sequence[Target], seed: int) -> np.ndarray:
    """By how many label frames the track that each target gets is turned round in time: (targets,)."""
    lengths = np.array([max(1, target.label_frames) for target in targets])
    return np.random.default_rng([seed, len(targets), 1]).integers(lengths)


def fitted(track: np.ndarray, length: int) -> np.ndarray:
    """A track of ``length`` frames: cropped when longer, stretched by repeating frames when shorter."""
    if len(track) >= length:
        return track[:length]
    return track[np.arange(length) * len(track) // length]


class ExchangedLabels(Dataset):
    """A dataset whose windows carry the labels of their targets' donors.

    Args:
        dataset: the windows.
        seed: decides who gets whose labels.
        redraw: every batch has an exchange of its own, which follows from the seed and the batch's windows
            alone; otherwise one exchange holds throughout.

    Raises:
        DataError: for a single participant.
    """

    def __init__(self, dataset: WindowDataset, seed: int, redraw: bool = False) -> None:
        self.dataset, self.seed, self.redraw = dataset, seed, redraw
        note_neighbours(dataset.index.targets, donors(dataset.index.targets, seed))

    def exchange(self, windows: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
        """Whose labels each target gets in a batch of these windows, and by how much they are shifted."""
        seed = mixed(self.seed, *(windows if self.redraw else ()))
        targets = self.dataset.index.targets
        return donors(targets, seed), shifts(targets, seed)

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, numbers: int | Sequence[int] | np.ndarray) -> NativeBatch:
        """The windows with these numbers, with exchanged labels."""
        batch = self.dataset[numbers]
        index = self.dataset.index
        label, valid = torch.zeros_like(batch.label), torch.zeros_like(batch.label_valid)
        windows = batch.window.tolist()
        donor, shift = self.exchange(windows)
        for row, window in enumerate(windows):
            target = index.target[window]
            length = index.targets[target].label_frames
            values, valids = (
                np.roll(fitted(part, length), shift[target], axis=0)
                for part in self.dataset.label_track(donor[target])
            )
            frames = index.label_frames(window)
            frames = frames[frames < length]
            label[row, : len(frames)] = torch.from_numpy(values[frames])
            valid[row, : len(frames)] = torch.from_numpy(valids[frames])
        batch.label, batch.label_valid = label, valid
        return batch


def note_neighbours(targets: Sequence[Target], found: np.ndarray) -> None:
    """Say so when somebody must take a label from their own recording."""
    own = [(target.corpus, target.recording) for target in targets]
    if beside := sorted({"/".join(own[i]) for i, donor in enumerate(found) if own[i] == own[donor]}):
        log.warning(
            "label control: %s holds more than half of the %d participants, so some exchange labels within it",
            ", ".join(beside), len(targets),
        )  # fmt: skip


Learned = WindowDataset | ExchangedLabels
