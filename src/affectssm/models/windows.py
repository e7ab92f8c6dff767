"""Windows along time of many signals: blocks of samples for convolutions by matrix products, and their moments.

R rows of L samples. A kernel of K samples, padded by K // 2, meets n = L + 2 (K // 2) - K + 1 windows a row. Windows of
all kernels are centred on the same samples, so those of a shorter kernel are inner parts of the longest one's.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

CACHED = 2**18  # numbers a part of the samples holds on the way to the moments


class Windows:
    """Rows with zeros at both ends, seen through windows.

    Args:
        rows: (R, L).
        kernels: K of every branch.
        pool: P, outputs a block.
    """

    def __init__(self, rows: Tensor, kernels: Sequence[int], pool: int) -> None:
        self.length, self.kernels, self.pool = rows.shape[1], list(kernels), pool
        self.longest = max(kernels)
        most = max(self.count(kernel) for kernel in kernels)
        self.steps = most // pool
        before = self.longest // 2
        self.rows = functional.pad(rows, (before, most + self.longest - 1 - before - self.length))
        self._moments: dict[int, tuple[Tensor, Tensor]] = {}

    def count(self, kernel: int) -> int:
        """n, windows of a kernel a row."""
        return self.length + 2 * (kernel // 2) - kernel + 1

    def block(self, begin: int, end: int) -> Tensor:
        """The samples that each block of P outputs of rows begin to end meets: (r U, P + K - 1), K the longest."""
        rows = self.rows[begin:end]
        size = (end - begin, self.steps, self.pool + self.longest - 1)
        return rows.as_strided(size, (rows.stride(0), self.pool, 1), rows.storage_offset()).reshape(
            -1, size[2]
        )

    def of(self, block: Tensor, kernel: int) -> Tensor:
        """What of a block a kernel meets: (r U, P + K - 1), not copied."""
        inset = self._inset(kernel)
        return block[:, inset : inset + self.pool + kernel - 1]

    def moments(self, kernel: int) -> tuple[Tensor, Tensor]:
        """Mean (K,) and population covariance (K, K) of all windows of a kernel, in float64."""
        count, inset = self.count(kernel), self._inset(kernel)
        if count not in self._moments:
            self._moments[count] = _moments(self.rows, self.longest, count)
        mean, covariance = self._moments[count]
        inner = slice(inset, inset + kernel)
        return mean[inner], covariance[inner, inner]

    def _inset(self, kernel: int) -> int:
        return self.longest // 2 - kernel // 2


def _moments(rows: Tensor, kernel: int, count: int) -> tuple[Tensor, Tensor]:
    """Mean and covariance of the first ``count`` windows of each row.

    The sum over windows of x[t + i] x[t + j] is the autocorrelation at lag j - i, from sample i to sample i + n - 1. It
    is taken once from sample 0 to a whole number of blocks; what windows at other offsets lack or have more at either
    end is added up along the diagonals of two small matrices.
    """
    total, lagged = len(rows) * count, rows.new_zeros(kernel, dtype=torch.float64)
    block = min(kernel, count)
    blocks = count // block
    rest = count - blocks * block  # windows beyond the last whole block
    for part in rows.split(max(1, CACHED // (blocks * (block + kernel - 1)))):
        size = (len(part), blocks, block + kernel - 1)
        samples = part.as_strided(size, (part.stride(0), block, 1), part.storage_offset()).reshape(
            -1, size[2]
        )
        # float64 from part to part: a filter may live on a small difference between two lags
        lagged += _skewed(samples[:, :block].mT @ samples, kernel).double().sum(dim=0)
    head, tail = rows[:, :kernel].double(), rows[:, count - rest : count + kernel - 1].double()
    less = _cumulated(_skewed(functional.pad(head.mT @ head, (0, kernel)), kernel))[
        :kernel
    ]  # (offset i, lag)
    more = _cumulated(_skewed(functional.pad(tail.mT @ tail, (0, kernel)), kernel))[rest : rest + kernel]
    by_lag = lagged - less + more  # (i, lag): the sum at i and j = i + lag
    place = torch.arange(kernel, device=rows.device)
    first, second = torch.minimum(place[:, None], place), torch.maximum(place[:, None], place)
    sums = _cumulated(rows.sum(dim=0, dtype=torch.float64).unsqueeze(1)).squeeze(1)
    mean = (sums[count : count + kernel] - sums[:kernel]) / total
    return mean, by_lag[first, second - first] / total - torch.outer(mean, mean)


def _skewed(matrix: Tensor, lags: int) -> Tensor:
    """(rows, columns) -> (rows, lags): entry (s, d) is matrix[s, s + d]."""
    place = torch.arange(len(matrix), device=matrix.device).unsqueeze(1)
    return matrix.gather(1, place + torch.arange(lags, device=matrix.device))


def _cumulated(x: Tensor) -> Tensor:
    """Sums of the first 0, 1, ... rows."""
    return functional.pad(x.cumsum(dim=0), (0, 0, 1, 0))
