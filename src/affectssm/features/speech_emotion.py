"""``speech_emotion``: wav2vec 2.0 large-robust, tuned on MSP-Podcast for arousal, dominance and valence.

Wagner et al. 2023, "Dawn of the transformer era in speech emotion recognition": the first twelve layers of
the large encoder; 1024 columns at 50 Hz, the last hidden states before the regression head.
"""

from __future__ import annotations

from typing import ClassVar

from affectssm.features.speech import SMALL, SpeechEncoder

# every convolution is normalised frame by frame; pre-norm layers
_ROBUST = {"feat_extract_norm": "layer", "conv_bias": True, "do_stable_layer_norm": True}


class SpeechEmotion(SpeechEncoder):
    """The encoder of audeering/wav2vec2-large-robust-12-ft-emotion-msp-dim."""

    licence = "CC BY-NC-SA 4.0 (non-commercial)"
    full: ClassVar = {
        **_ROBUST,
        "hidden_size": 1024,
        "num_hidden_layers": 12,
        "num_attention_heads": 16,
        "intermediate_size": 4096,
    }
    # the full encoder's norms would hide loudness from layers that have learned nothing
    small: ClassVar = {**SMALL, "do_stable_layer_norm": True}
