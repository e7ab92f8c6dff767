"""``optical_flow``: dense flow on the face crop, pooled to a grid.

Columns: mean dx of every cell (row by row from the top left), then mean dy, then mean magnitude, in face sizes a
second.
"""

from __future__ import annotations

import cv2
import numpy as np

from affectssm.features.facebox import Face, Square
from affectssm.features.flow import FaceFlow


class OpticalFlow(FaceFlow):
    """Settings: ``size`` of the crop, ``grid`` cells a side, ``method``, ``margin``."""

    @property
    def dim(self) -> int:
        return 3 * self.settings["grid"] ** 2

    def summarise(self, flow: np.ndarray, face: Face, square: Square) -> np.ndarray:
        magnitude = np.hypot(flow[..., 0], flow[..., 1])
        grid = (self.settings["grid"],) * 2
        # averaging over areas weighs the pixels a cell's border goes through
        cells = [
            cv2.resize(plane, grid, interpolation=cv2.INTER_AREA)
            for plane in (*np.moveaxis(flow, -1, 0), magnitude)
        ]
        return np.concatenate([cell.ravel() for cell in cells])
