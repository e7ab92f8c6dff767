"""Settings of a text encoder that is trained together with the model behind it."""

from __future__ import annotations

from pydantic import Field

from affectssm.settings.base import Strict


class TunedTextSettings(Strict):
    """A BERT trained together with a model; which one, and of which size, is said in ``features.bert``.

    Rate and decay are those of MMSA's Self-MM, for MOSEI and SIMS alike.
    """

    blocks: int | None = Field(
        None, ge=0, description="last blocks that are trained; null: all, and the embeddings too, as in MMSA"
    )
    learning_rate: float = Field(
        5e-5, gt=0, description="step size of the encoder, scheduled as that of the model behind it"
    )
    weight_decay: float = Field(
        1e-3, ge=0, description="of the encoder, but for its biases and norms, which have none"
    )
    checkpointing: bool = Field(
        False, description="compute trained blocks again in the backward pass: less memory, more time"
    )
