"""How a scan is divided among the programs of a GPU: a plan that follows from the shape alone."""

from __future__ import annotations

import functools
from dataclasses import dataclass

LANES = 32
THREAD_STATES = 16  # that a thread holds of one modality; half of them where there are several modalities
KEPT = 16  # one state in so many is kept for the backward pass, counted over all modalities
RECOMPUTED = 8  # steps whose states the backward pass holds; more take long to compile
SEGMENT = 64  # steps: the shortest segment that is worth a program of its own
SECTOR = 8  # channels: what memory hands over at once
MAX_STATES, MAX_MODALITIES = 256, 8


@dataclass(frozen=True)
class Plan:
    """Tiles, and how time is cut, in steps.

    DV, NV: channels and states of a thread. NL, DL: lanes across states and channels. span, ahead, sub: as in the
    kernels' ``Shape``. segment: what a program of the forward pass runs through; parallel: whether segments of time run
    side by side, in the backward pass too. launch: what a launch of the backward pass covers.
    """

    DV: int
    NV: int
    NL: int
    DL: int
    span: int
    ahead: int
    sub: int
    segment: int
    parallel: bool
    launch: int

    @property
    def channels(self) -> int:
        """Channels of a program."""
        return self.DV * self.DL


@functools.lru_cache
def plan(
    sequences: int,
    modalities: int,
    channels: int,
    states: int,
    length: int,
    processors: int,
    mix: bool = False,
    checked: bool = False,
) -> Plan:
    """The plan of a scan.

    Args:
        sequences: batch elements times groups.
        modalities: that exchange their states.
        channels: of a group.
        states: of a channel.
        length: steps.
        processors: of the GPU.
        mix: whether states are mixed by weights; what a segment makes of them is then not worth computing.
        checked: whether the first step that overflows has to be found; segments that start from zero do not know it.
    """
    padded = power_of_two(states)
    NV = max(min(4, padded), padded // LANES)
    NL = padded // NV
    DL = LANES // NL
    most = THREAD_STATES if modalities == 1 else THREAD_STATES // 2
    DV = min(4, most // NV, max(1, power_of_two(channels) // DL))
    blocks = cuts(channels, DV * DL)
    if DV == 4 and DV * DL > SECTOR and sequences * blocks < 4 * processors:
        DV, blocks = 2, cuts(channels, 2 * DL)  # not a warp for each of a processor's four schedulers
    span = min(KEPT if mix else max(2, 2 * KEPT // power_of_two(modalities + 1)), power_of_two(length))
    sub = min(span, RECOMPUTED, 128 // (DV * NV * power_of_two(modalities)))
    steps = cuts(length, span) * span
    segment = steps
    if not (mix or checked) and sequences * blocks < 2 * processors:
        wanted = 8 * processors // (sequences * blocks)
        segment = min(steps, whole(max(SEGMENT, cuts(steps, wanted)), span))
    # the blocks' parts of dB and dC: a sixteenth of all states at most
    launch = steps if blocks == 1 else min(steps, whole(max(1, steps * DV * DL // LANES), span))
    if segment < steps:
        launch = whole(launch, segment)
    return Plan(DV, NV, NL, DL, span, sub, sub, segment, segment < steps, launch)


def power_of_two(number: int) -> int:
    """The next power of two."""
    return 1 << (number - 1).bit_length()


def cuts(length: int, piece: int) -> int:
    """How many pieces it takes."""
    return -(-length // piece)


def whole(length: int, piece: int) -> int:
    """The length of that many pieces."""
    return cuts(length, piece) * piece
