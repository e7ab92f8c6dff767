"""Which words of a command line are media files, and which are names of features."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path

from affectssm.errors import ConfigError
from affectssm.vocabulary.features import FEATURES
from affectssm.vocabulary.kinds import SIGNAL_KINDS

TEXTS = ("transcript", "text")
_TOKENS = "bert_tokens"  # of tables of clips alone


def of_media() -> list[str]:
    """Return the names of the features that can be made of media."""
    kinds = ("video", "audio", *TEXTS, *SIGNAL_KINDS)
    found = [name for name, spec in FEATURES.items() if spec.kind in kinds and not spec.by_fold]
    return [name for name in found if name != _TOKENS]


def told_apart(words: Sequence[str]) -> tuple[list[Path], list[str]]:
    """Return media files and names of features, each in the order of the words.

    What is there as a file (or folder, which is refused later) is one; everything else must be a feature's name.

    Raises:
        ConfigError: for a word that is neither, with what comes nearest; without a file, or without a feature.
    """
    files: list[Path] = []
    names: list[str] = []
    known = of_media()
    for word in words:
        if Path(word).exists():
            files.append(Path(word))
        elif word in known:
            names.append(word)
        else:
            raise _neither(word, known)
    if not files:
        raise ConfigError(
            "media", "no file", "a video or a sound file at least", "name one before the features"
        )
    if not names:
        raise ConfigError("features", "no name", f"some of {', '.join(known)}", "name one behind the files")
    return files, list(dict.fromkeys(names))


def _neither(word: str, known: Sequence[str]) -> ConfigError:
    if word in FEATURES:
        found = "a feature of files that a corpus ships or that are labels, not of media"
        return ConfigError(word, found, f"one of {', '.join(known)}", "take one that is made of media")
    path = Path(word)
    if path.suffix or len(path.parts) > 1:
        near = _near_files(path)
        where = "" if path.parent.is_dir() else f", nor a folder {path.parent}"
        expected = f"a media file that is there{f' (did you mean {near}?)' if near else ''}"
        return ConfigError(word, f"no such file{where}", expected, "mend the path")
    near = ", ".join(get_close_matches(word, known, 3, 0.5))
    expected = f"a media file that is there, or one of {', '.join(known)}"
    return ConfigError(
        word, "neither a file nor a feature", expected, f"did you mean {near}?" if near else "mend the word"
    )


def _near_files(path: Path) -> str:
    try:
        names = [one.name for one in path.parent.iterdir()]
    except OSError:
        return ""
    return ", ".join(str(path.parent / name) for name in get_close_matches(path.name, names, 2, 0.6))
