"""What a clip has, by name."""

TEXT = "text"
MODALITIES = (TEXT, "audio", "vision")
"""In the order in which models see them."""
TOKENS = "tokens"
"""Ids of the text's tokens, for a text encoder that is tuned: neither averaged nor standardised."""
LABEL = "sentiment"
CLASSES = ("negative", "neutral", "positive")
"""Signs of a sentiment, in the order in which models answer them."""
