"""Windows along time of many signals: blocks of samples for convolutions by matrix products, and their moments.

Samples are kept time first, (T, R) of R signals: what a block of outputs meets is then a matrix of consecutive rows
that nobody has to copy, however much neighbouring blocks share.

L samples a signal. A kernel of K samples meets n windows a signal: L - K + 1, or, padded by K // 2 at both ends,
L + 2 (K // 2) - K + 1. Padded windows of all kernels are centred on the same samples, so those of a shorter kernel are
inner parts of the longest one's; windows that are not padded all begin at the first sample.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

SIGNALS = 2**11  # signals a single-precision sum of the moments goes over


class Windows:
    """Signals of a batch, with zeros at both ends where they are padded, seen through windows.

    Args:
        x: (B, C, L).
        kernels: K of every branch.
        block: P, outputs a block.
        padded: whether a kernel meets K // 2 zeros before and after.
    """

    def __init__(self, x: Tensor, kernels: Sequence[int], block: int, padded: bool = True) -> None:
        self.length, self.kernels, self.block, self.padded = x.shape[2], list(kernels), block, padded
        self.longest = max(kernels)
        most = max(self.count(kernel) for kernel in kernels)
        before = self.longest // 2 if padded else 0
        signals = x.transpose(0, 1).flatten(
            0, 1
        )  # (R, L), R = C B: torch turns matrices alone block by block
        self.samples = x.new_zeros(most + self.longest - 1, len(signals))  # (T, R)
        self.samples[before : before + self.length] = signals.mT
        self._moments: dict[int, tuple[Tensor, Tensor]] = {}

    @property
    def signals(self) -> int:
        """R."""
        return self.samples.shape[1]

    def count(self, kernel: int) -> int:
        """n, windows of a kernel a signal."""
        return self.length + (2 * (kernel // 2) if self.padded else 0) - kernel + 1

    def blocks(self, kernel: int, begin: int, end: int, columns: slice) -> Tensor:
        """What a kernel's blocks of outputs begin to end meet of some signals: (end - begin, P + K - 1, r), a view."""
        first, size = self._inset(kernel) + begin * self.block, self.block + kernel - 1
        rows = slice(first, first + (end - begin) * self.block + kernel - 1)
        return self.samples[rows, columns].unfold(0, size, self.block).mT

    def moments(self, kernel: int) -> tuple[Tensor, Tensor]:
        """Mean (K,) and population covariance (K, K) of all windows of a kernel, in float64."""
        count, inset = self.count(kernel), self._inset(kernel)
        if count not in self._moments:
            self._moments[count] = _moments(self.samples, self.longest, count)
        mean, covariance = self._moments[count]
        inner = slice(inset, inset + kernel)
        return mean[inner], covariance[inner, inner]

    def _inset(self, kernel: int) -> int:
        return self.longest // 2 - kernel // 2 if self.padded else 0


def _moments(samples: Tensor, kernel: int, count: int) -> tuple[Tensor, Tensor]:
    """Mean and covariance of the first ``count`` windows of each signal.

    The sum over windows of x[t + i] x[t + j] is the autocorrelation at lag j - i, from sample i to sample i + n - 1. It
    is taken once from sample 0 to a whole number of blocks; what windows at other offsets lack or have more at either
    end is added up along the diagonals of two small matrices.
    """
    total, lagged = samples.shape[1] * count, samples.new_zeros(kernel, dtype=torch.float64)
    block = min(kernel, count)
    rest = count % block  # windows beyond the last whole block
    for part in samples[: count - rest + kernel - 1].split(SIGNALS, dim=1):
        met = part.unfold(0, block + kernel - 1, block).mT  # (blocks, samples of a block, signals)
        # float64 from part to part: a filter may live on a small difference between two lags
        products = torch.bmm(met[:, :block], met.mT).sum(dim=0, dtype=torch.float64)
        lagged += _skewed(products, kernel).sum(dim=0)
    head, tail = samples[:kernel].double(), samples[count - rest : count + kernel - 1].double()
    less = _cumulated(_skewed(functional.pad(head @ head.mT, (0, kernel)), kernel))[
        :kernel
    ]  # (offset i, lag)
    more = _cumulated(_skewed(functional.pad(tail @ tail.mT, (0, kernel)), kernel))[rest : rest + kernel]
    by_lag = lagged - less + more  # (i, lag): the sum at i and j = i + lag
    place = torch.arange(kernel, device=samples.device)
    first, second = torch.minimum(place[:, None], place), torch.maximum(place[:, None], place)
    sums = _cumulated(samples.sum(dim=1, dtype=torch.float64).unsqueeze(1)).squeeze(1)
    mean = (sums[count : count + kernel] - sums[:kernel]) / total
    return mean, by_lag[first, second - first] / total - torch.outer(mean, mean)


def _skewed(matrix: Tensor, lags: int) -> Tensor:
    """(rows, columns) -> (rows, lags), a view: entry (s, d) is matrix[s, s + d]."""
    return matrix.as_strided((len(matrix), lags), (matrix.shape[1] + 1, 1))


def _cumulated(x: Tensor) -> Tensor:
    """Sums of the first 0, 1, ... rows."""
    return functional.pad(x.cumsum(dim=0), (0, 0, 1, 0))
