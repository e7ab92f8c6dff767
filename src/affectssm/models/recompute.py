"""Parts of a model that are computed a second time in the backward pass, so that what is inside is not kept for it.

A class of modules says by its attribute ``recomputed`` from which setting on its instances are such parts: BLOCKS, the
layers of one kind that a model is a stack of, or ALL, what else keeps much. A part inside a part is none.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial

from torch import nn
from torch.utils.checkpoint import checkpoint

BLOCKS, ALL = "blocks", "all"
_LEVELS = {"none": (), BLOCKS: (BLOCKS,), ALL: (BLOCKS, ALL)}


class Recomputed(nn.Sequential):
    """Layers one after the other that are a part together."""

    recomputed = ALL


@contextmanager
def recomputing(model: nn.Module, level: str) -> Iterator[None]:
    """Parts of a model that run inside keep their inputs alone, and are computed again when gradients are asked for.

    Random numbers (dropout) come out the same the second time; what a part remembers of its batches (the running
    statistics of BatchNorm) is changed by the first alone.

    Args:
        model: is as before afterwards, gradients may then still be asked for.
        level: ``none``, ``blocks`` or ``all``.
    """
    parts = list(_parts(model, _LEVELS[level]))
    for part in parts:
        contexts = partial(_contexts, part)
        part.__dict__["forward"] = partial(checkpoint, part.forward, use_reentrant=False, context_fn=contexts)
    try:
        yield
    finally:
        for part in parts:
            del part.__dict__["forward"]


def _parts(module: nn.Module, levels: tuple[str, ...]) -> Iterator[nn.Module]:
    """The outermost parts, each once."""
    if getattr(module, "recomputed", None) in levels:
        yield module
    else:
        for child in dict.fromkeys(module.children()):
            yield from _parts(child, levels)


def _contexts(part: nn.Module) -> tuple[AbstractContextManager[None], AbstractContextManager[None]]:
    """Of the first and of the second time."""
    return nullcontext(), _remembering_nothing(part)


@contextmanager
def _remembering_nothing(part: nn.Module) -> Iterator[None]:
    """Inside, a part's buffers are copies; the buffers themselves may not be written to once autograd keeps them."""
    own = [(module, dict(module._buffers)) for module in part.modules() if module._buffers]
    for module, buffers in own:
        module._buffers.update({name: b if b is None else b.clone() for name, b in buffers.items()})
    try:
        yield
    finally:
        for module, buffers in own:
            module._buffers.update(buffers)
