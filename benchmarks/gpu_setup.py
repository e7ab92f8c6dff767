"""What comes before triton is imported: its interpreter where that is asked for, and this package's place.

Raises:
    SystemExit: triton is not installed.
"""

import importlib.util
import os
import sys
from pathlib import Path

CHECK = "--check" in sys.argv
NO_GPU = "no CUDA device: this measures a GPU (--check runs the kernels through Triton's interpreter)"
if CHECK:
    os.environ["TRITON_INTERPRET"] = "1"  # read when triton is first imported
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))  # the package need not be installed

if importlib.util.find_spec("triton") is None:
    import torch

    sys.exit(
        "triton is not installed (CUDA builds of torch bring it)" if torch.cuda.is_available() else NO_GPU
    )
