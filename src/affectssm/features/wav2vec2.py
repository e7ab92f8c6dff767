"""``wav2vec2``: wav2vec 2.0 (Baevski et al. 2020), fine-tuned for speech recognition; 768 columns at 50 Hz."""

from __future__ import annotations

from typing import ClassVar

from affectssm.features.speech import SMALL, SpeechEncoder


class Wav2Vec2(SpeechEncoder):
    """The base encoder; the library's defaults are its configuration."""

    licence = "Apache-2.0"
    full: ClassVar = {}
    small: ClassVar = SMALL
