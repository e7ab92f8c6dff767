"""Memory of large outputs: freed, it serves the next."""

from __future__ import annotations

import os
import platform
import resource
import subprocess
import sys

import pytest
import torch

from affectssm.ssm import heap


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc has these settings")
@pytest.mark.parametrize("size", [heap.LARGE // 4, heap.LARGEST_THRESHOLD // 4 + 1000])
def test_freed_memory_serves_the_next_output_also_beyond_glibcs_limit(size):
    heap.keep_freed_memory()
    like = torch.empty(size)

    def faults_of_one_more() -> int:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        heap.empty_like(like).fill_(1.0)
        return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

    pages = like.nbytes // resource.getpagesize()
    faults_of_one_more()
    assert min(faults_of_one_more() for _ in range(3)) < pages / 20


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc has these settings")
def test_limits_that_the_environment_sets_stay():
    """A process that hands freed memory back at once, so that what is resident is what is in use, goes on to do so."""
    code = """if True:
        import resource
        import torch
        from affectssm.ssm import heap

        def resident():
            fields = open("/proc/self/statm").read().split()
            return int(fields[1]) * resource.getpagesize()

        heap.keep_freed_memory()
        like = torch.empty(heap.LARGEST_THRESHOLD // 4 + 1000)
        heap.empty_like(like).fill_(1.0)  # the first fill loads code pages that stay
        before = resident()
        for large in (like, like[: len(like) // 4]):
            held = heap.empty_like(large).fill_(1.0)
            assert resident() > before + large.nbytes // 2
            del held
            assert resident() < before + large.nbytes // 4
        """
    environment = os.environ | {"MALLOC_MMAP_THRESHOLD_": "65536", "MALLOC_TRIM_THRESHOLD_": "65536"}
    subprocess.run([sys.executable, "-c", code], env=environment, check=True)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
def test_outputs_lie_as_torch_would_lay_them_and_on_whole_cache_lines(dtype):
    for like in (
        torch.empty(2, 96, 1024, 64, dtype=dtype),
        torch.empty(2, 64, 96, 1024, dtype=dtype).movedim(1, -1),
        torch.empty(1, 1, 1024, 64, dtype=dtype).expand(2, 96, 1024, 64),
    ):
        made, plain = heap.empty_like(like), torch.empty_like(like)
        assert made.nbytes >= heap.LARGE
        assert (made.shape, made.stride(), made.dtype) == (plain.shape, plain.stride(), plain.dtype)
        assert made.data_ptr() % 64 == 0
