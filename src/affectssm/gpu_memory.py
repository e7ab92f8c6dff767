"""What happens when a GPU runs out of memory: an extractor goes on with half the batch, others say what to set."""

from __future__ import annotations

import gc
import logging
import socket
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from affectssm.errors import ConfigError

# What libraries on a GPU say in place of torch's own error.
SIGNS = ("CUDA error: out of memory", "CUBLAS_STATUS_ALLOC_FAILED", "CUDNN_STATUS_ALLOC_FAILED")
BROKEN = ("CUDA error", "CUDNN_STATUS", "CUBLAS_STATUS", "HIP error")
_LOG = logging.getLogger(__name__)


def halving(what: str, setting: str, batch: int, run: Callable[[int], None]) -> None:
    """Run with a batch; as often as a GPU runs out of memory, again with half of it.

    Args:
        what: what is computed.
        setting: the batch's name in the configuration.
        batch: how many at once.
        run: keeps what is finished and goes on behind it; the batch does not decide its result.

    Raises:
        ConfigError: when a batch of one does not fit either.
    """
    while True:
        with out_of_memory(f"{what}, with {setting}: {batch}"):
            try:
                run(batch)
                return
            except Exception as error:
                if batch == 1 or not ran_out(error):
                    raise
                why = _first_line(error)
        batch //= 2
        _release()
        _LOG.warning("the GPU ran out of memory: %s", why)
        _LOG.warning("the rest is computed with %s: %d; set it, and other jobs begin with it", setting, batch)


@contextmanager
def out_of_memory(where: str, remedies: Sequence[str] = ()) -> Iterator[None]:
    """Turn what is raised inside by a GPU that has no memory left, or that fails, into our own error.

    Args:
        where: what is computed.
        remedies: what may be set so that it takes less memory.

    Raises:
        ConfigError: in their place.
    """
    try:
        yield
    except Exception as error:
        first = _first_line(error)
        if ran_out(error):
            other = "take a GPU with more memory, or one that no other process uses"
            raise ConfigError(
                where,
                f"the GPU ran out of memory: {first}",
                "memory for what is computed at once",
                "; or ".join([*remedies, other]),
            ) from error
        if isinstance(error, RuntimeError) and any(sign in str(error) for sign in BROKEN):
            host = socket.gethostname()
            raise ConfigError(
                where, f"the GPU of {host} failed: {first}", "a GPU that computes",
                f"start it again, it goes on where it was; if it fails again, keep it from {host} (SLURM: --exclude)",
            ) from error  # fmt: skip
        raise


def ran_out(error: BaseException) -> bool:
    """Whether an error says that a GPU has no memory left."""
    torch = sys.modules.get("torch")  # where it is not imported nothing of it can be raised
    if torch is not None and isinstance(error, torch.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and any(sign in str(error) for sign in SIGNS)


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def _release() -> None:
    """Give back what the attempt before has held."""
    gc.collect()
    torch = sys.modules["torch"]
    if torch.cuda.is_initialized():
        torch.cuda.empty_cache()
