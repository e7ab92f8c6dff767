"""The windows of engagement: 96 clock frames, 32 of them predicted, between 32 of context on either side.

This is the geometry of the released DAT code, which DA-Mamba shares; unlike there, frames outside the recording are
masked, not counted as zeros.
"""

from affectssm.timeline.frames import Frames

FRAMES = Frames("engagement", ("engagement",), label_hz=25, context=32, centre=32)
