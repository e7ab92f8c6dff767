"""What an encoder has seen of a corpus, as the cards of its features say; nothing heavy is imported."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from affectssm.errors import ConfigError


def refuse_seen(card: Mapping[str, Any], recordings: Iterable[str], where: Path | str) -> None:
    """Refuse features of an encoder that was tuned on recordings they are to be judged on.

    Args:
        card: of a feature file.
        recordings: of the part that is predicted.
        where: what the message names.

    Raises:
        ConfigError: if the encoder saw one of them.
    """
    tuned = card.get("extra", {}).get("tuned")
    seen = sorted(set(recordings) & set(tuned["recordings"])) if tuned else []
    if seen:
        more = f" and {len(seen) - 3} more" if len(seen) > 3 else ""
        raise ConfigError(
            where,
            f"features of an encoder that was tuned on {', '.join(seen[:3])}{more} (fold {tuned['fold']})",
            "features of an encoder that has not seen what is predicted",
            "give each fold the encoder that was tuned on its own training recordings, or set tuned: null",
        )
