"""Memory of large outputs: freed, it serves the next."""

from __future__ import annotations

import platform
import resource

import pytest
import torch

from affectssm.ssm import heap


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc has these settings")
def test_freed_memory_serves_the_next_output_beyond_glibcs_limit():
    heap.keep_freed_memory()
    like = torch.empty(heap.LARGEST_THRESHOLD // 4 + 1000)

    def faults_of_one_more() -> int:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        heap.empty_like(like).fill_(1.0)
        return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

    pages = like.nbytes // resource.getpagesize()
    faults_of_one_more()
    assert min(faults_of_one_more() for _ in range(3)) < pages / 20
