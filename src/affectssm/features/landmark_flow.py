"""``landmark_flow``: how fast the picture moves at each landmark of the face.

Columns: magnitude of the flow at the 468 MediaPipe landmarks of the pair's first picture, in face sizes a second.
"""

from __future__ import annotations

import cv2
import numpy as np

from affectssm.features.facebox import LANDMARKS, Face, Square
from affectssm.features.flow import FaceFlow


class LandmarkFlow(FaceFlow):
    """Settings: ``size`` of the crop, ``method``, ``margin``."""

    @property
    def dim(self) -> int:
        return LANDMARKS

    def summarise(self, flow: np.ndarray, face: Face, square: Square) -> np.ndarray:
        # a pixel's centre lies half a pixel from its corner, in the picture as in the crop
        scale = flow.shape[0] / square.side
        places = (face.points - np.array([square.left, square.top], np.float32)) * np.float32(
            scale
        ) - np.float32(0.5)
        at = cv2.remap(flow, places[:, None], None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)  # type: ignore[call-overload]
        return np.hypot(at[..., 0], at[..., 1]).ravel()
