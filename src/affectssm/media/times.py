"""When the pictures of a stream are shown: what its packets say, and what is made of it where that cannot be.

Three kinds of files are told apart, by their packets alone (nothing is decoded):

* the packets carry presentation times: a picture is shown at its packet's;
* they do not, or carry times of decoding in their place, and the codec reorders pictures (H.264 with B-frames
  in AVI, or in MP4 without composition offsets): the pictures, in the order in which the decoder puts them out,
  are shown at the packets' times in turn. An encoder holds pictures back to reorder them, so a picture's time
  is that of the packet that left when it came in, a few packets later;
* there are no times at all (H.264 without a container): picture k is shown at k over the header's rate.

A packet's number goes through the decoder with it, so that each picture is known to its packet.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import av.error
import numpy as np

REORDERED = 16  # packets: no codec shows a picture further from its place in the file
_AROUND = 4 * REORDERED  # packets on either side that a time is compared with
_ONE_STEP = 0.5, 1.5  # medians: a step of this size leads from one picture to the next
_HEADER_FITS = 0.005  # relative: a header's rate this near to the measured one is the exact one


@dataclass(frozen=True)
class PacketTimes:
    """What a stream's packets say.

    Attributes:
        time: (N,) float64, container seconds by number of packet; NaN where the file says nothing that can be so.
        shown: (N,) bool: no edit list takes the picture out.
        turns: (M,) the times that the pictures take in turn, as the decoder puts them out; None where each picture
            has its packet's.
        certain: whether ``turns`` hold from the first picture on, as in AVI; else from the first that the decoder puts
            out of the packets' order, for a codec that may reorder pictures need not.
        timed: whether there is any time in the file.
        rate: nominal pictures a second: one over the median step.
    """

    time: np.ndarray
    shown: np.ndarray
    turns: np.ndarray | None
    certain: bool
    timed: bool
    rate: float

    @property
    def pictures(self) -> int:
        """How many packets are shown."""
        return int(self.shown.sum())

    @property
    def span(self) -> tuple[float, float]:
        """When the first picture begins and the last one ends, in container seconds; zeros without pictures."""
        own = self.time[self.shown]
        known = own[np.isfinite(own)]
        if not len(known):
            return 0.0, 0.0
        start, end = float(known.min()), float(known.max()) + 1 / self.rate
        # where times begin anew, those of one part say nothing of the other
        return start, end if len(known) == len(own) else max(end, start + len(own) / self.rate)


class Packets:
    """Iterates over a stream's packets, the last one (empty, it asks the decoder for what it holds) included.

    ``broken`` says whether the file broke off in the middle of one.
    """

    def __init__(self, container: Any, stream: Any) -> None:
        self._packets, self.broken = container.demux(stream), False

    def __iter__(self) -> Iterator[Any]:
        try:
            yield from self._packets
        except av.error.EOFError:
            return
        except av.error.FFmpegError:  # its MemoryError too, which absurd sizes in a damaged file give
            self.broken = True


def is_last(packet: Any) -> bool:
    """Whether a packet only asks the decoder for what it holds."""
    return packet.size == 0 and packet.pts is None and packet.dts is None


def packet_times(container: Any, stream: Any, rates: Sequence[float], zero: float) -> PacketTimes:
    """Read what a stream's packets say of times; the container has been read to its end then.

    Args:
        container: just opened.
        stream: one of its video streams.
        rates: Hz, what the header says in one place or another; the first where the packets say nothing.
        zero: container seconds at which the file's clock begins.
    """
    pts, dts, shown = array("d"), array("d"), array("b")
    for packet in Packets(container, stream):
        if not is_last(packet):
            pts.append(math.nan if packet.pts is None else packet.pts)
            dts.append(math.nan if packet.dts is None else packet.dts)
            shown.append(not packet.is_discard)
    kept, tick = np.array(shown, bool), float(stream.time_base)
    presented, decoded = np.array(pts) * tick, np.array(dts) * tick
    time = presented if np.isfinite(presented).any() else decoded
    delay, reordered = stream.codec_context.reorder_depth, _falls(without_strays(time))
    is_avi = container.format.name == "avi"
    if is_avi:  # no presentation times: what FFmpeg gives for them tells the order alone
        rate = nominal_rate(decoded, rates)
        time = _in_order(presented, _turns(decoded, delay, rate)) if reordered else decoded
    timed = bool(np.isfinite(time).any())
    time = without_strays(time) if timed else zero + np.arange(len(time)) / rates[0]
    time, rate = _begin_at(zero, time, kept), nominal_rate(time[kept], rates)
    turns = _turns(time[kept], delay, rate) if delay and not reordered else None
    return PacketTimes(time, kept, turns, is_avi, timed, rate)


def without_strays(time: np.ndarray) -> np.ndarray:
    """Return (N,) times of packets with NaN for those that cannot be.

    A time is a stray if more of the next or of the previous 64 packets lie on its wrong side than a codec can
    reorder: a single damaged one, and those around a place where the times begin anew.
    """
    wrong = np.zeros((2, len(time)), int)
    for step in range(1, min(_AROUND, len(time) - 1) + 1):
        falls = time[:-step] > time[step:]
        wrong[0, :-step] += falls
        wrong[1, step:] += falls
    return np.where((wrong > REORDERED).any(0), np.nan, time)


def nominal_rate(time: np.ndarray, rates: Sequence[float]) -> float:
    """Return the pictures a second that the median step of (N,) times speaks of.

    Times are rounded, to a millisecond in Matroska, so the mean is taken over the steps about as long as the
    median; and the first of the header's ``rates`` that agrees is the exact one.
    """
    steps = np.diff(np.unique(time[np.isfinite(time)]))
    if not len(steps):
        return rates[0]
    low, high = np.multiply(_ONE_STEP, np.median(steps))
    rate = float(1 / steps[(steps >= low) & (steps <= high)].mean())
    return next((exact for exact in rates if abs(exact / rate - 1) <= _HEADER_FITS), rate)


class PictureTimes:
    """Says of each decoded picture when it is shown; what it says rises.

    A picture whose packet has no time, or one that is not after the last picture's, is put one period after
    that, or halfway to the next time there is. Where times begin anew, they go on from there.

    Attributes:
        moved: pictures that were put elsewhere than the file says.
    """

    def __init__(self, packets: PacketTimes) -> None:
        self.packets, self.moved = packets, 0
        self._in_turn = packets.turns is not None and packets.certain
        self._time = packets.turns if self._in_turn and packets.turns is not None else packets.time
        self._rank = np.cumsum(packets.shown) - 1  # of each packet among those that are shown
        self._last = -math.inf
        self._shift, self._anew = 0.0, math.nan
        self._turn, self._highest = -1, -1

    def of(self, packet: int | None, key: bool) -> float:
        """Return the container seconds at which the picture of a packet begins.

        Args:
            packet: its number; None where the decoder does not say.
            key: whether it is a key picture.
        """
        place = self._place(packet, key)
        time = float(self._time[place]) if place < len(self._time) else math.nan
        if time + self._shift > self._last:
            self._anew = math.nan
            shown = time + self._shift
        else:
            self.moved += 1
            if time + self._anew > self._last:  # the second in a row: the times have begun anew
                self._shift, shown = self._anew, time + self._anew
            else:
                shown = self._after(place)
            self._anew = shown - time
        self._last = shown
        return shown

    def lost(self) -> None:
        """Take note of a packet that gave no picture."""
        self._turn += 1

    def _place(self, packet: int | None, key: bool) -> int:
        """Return the number of the time that the picture takes."""
        self._turn += 1
        if packet is None:
            return self._turn
        if self.packets.turns is None:
            return packet
        # all before a key picture is shown before it, unless pictures that refer to it were
        rank = int(self._rank[packet]) if packet < len(self._rank) else self._turn
        if key and packet > self._highest:
            self._turn = max(self._turn, rank)
        self._highest = max(self._highest, packet)
        if not self._in_turn and rank != self._turn:
            self._in_turn, self._time = True, self.packets.turns
        return self._turn if self._in_turn else packet

    def _after(self, place: int) -> float:
        """Return a time after the last picture for one that has none of its own."""
        period = 1 / self.packets.rate
        following = self._time[place + 1 : place + 1 + 2 * REORDERED] + self._shift
        if not math.isfinite(self._last):
            return float(np.nanmin(following)) - period if np.isfinite(following).any() else 0.0
        following = following[following > self._last]  # NaN is not
        room = float(following.min()) - self._last if len(following) else math.inf
        return self._last + min(period, room / 2)


def _turns(time: np.ndarray, delay: int, rate: float) -> np.ndarray:
    """Return (M,) times of decoding as times of the pictures that came in ``delay`` packets earlier."""
    if len(time) <= delay:
        return time
    late = np.concatenate([time[delay:], time[-1] + np.arange(1, delay + 1) / rate])
    return late - (late[0] - time[0])


def _in_order(presented: np.ndarray, turns: np.ndarray) -> np.ndarray:
    """Return (N,) the times of packets whose pictures take ``turns`` in the order of ``presented``.

    Of two with the same time the first is the last one of the file that others refer to: they are shown before.
    """
    time = np.empty_like(turns)
    time[np.lexsort((-np.arange(len(turns)), presented))] = turns
    return time


def _falls(time: np.ndarray) -> bool:
    """Whether the times of successive packets fall anywhere: the file knows that pictures are reordered."""
    return bool((np.diff(time) < 0).any())


def _begin_at(zero: float, time: np.ndarray, shown: np.ndarray) -> np.ndarray:
    """Let a first picture that begins before the file's clock begin with it."""
    early = np.flatnonzero(shown & (time < zero))
    if len(early) == 1:
        time = time.copy()
        time[early] = zero
    return time
