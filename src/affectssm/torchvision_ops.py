"""torchvision beside a CPU build of torch.

The index's torchvision wheel is built for CUDA; its extension cannot be loaded beside a CPU build of torch, and
``import torchvision`` then stops at operators nobody has defined. open_clip, timm and transformers import torchvision,
so ``ensure_torchvision_ops()`` comes before any of them. It defines the operators' schemas, which is all an import
needs; to call one (non-maximum suppression) still fails, and nothing here does.
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

SCHEMAS = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
)

_kept: list = []  # torch drops the definitions when the library object is collected


def ensure_torchvision_ops() -> None:
    """Make ``import torchvision`` possible; does nothing where it is anyway, and nothing the second time."""
    if _kept or "torchvision" in sys.modules:
        return
    import torch

    if torch.version.cuda is not None or torch.version.hip is not None or _own_operators_load():
        return
    library = torch.library.Library("torchvision", "DEF")
    for schema in SCHEMAS:
        library.define(schema)
    _kept.append(library)


def _own_operators_load() -> bool:
    """Tell whether torchvision's extension can be loaded, as in a build of torchvision for this torch."""
    import torch

    package = importlib.util.find_spec("torchvision")
    if package is None or package.origin is None:
        return False
    for extension in Path(package.origin).parent.glob("_C*.so"):
        try:
            torch.ops.load_library(str(extension))
        except OSError:
            continue
        return True
    return False
