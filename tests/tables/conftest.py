"""The tables' tests score the small world of the evaluation's tests."""

import sys
from pathlib import Path

from tests.pictures import pictures, rendered

__all__ = ["pictures", "rendered"]
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "evaluation"))
