"""The text files of a recording: engagement labels, transcripts and the small annotations beside them."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from affectssm.corpora.demo.dialogue_sessions import Session
from affectssm.corpora.demo.seeds import generator
from affectssm.corpora.demo.world import LABEL_HZ

TOKENS = {40: "", 41: "nan", 42: "-nan(ind)", 43: "n/a", 60: ""}
OUT_OF_RANGE = {50: 1.3, 51: -0.2, 52: 2.0}
LATIN1_TOKEN = {30: "ungültig"}
EXTRA_ROWS = 4
SENTENCES = {
    "French": ("c'était très intéressant", "et voilà, la forêt près du château", "d'accord", "je préfère ça"),
    "English": ("so how does that work", "right", "I never thought about it like that", "well, it depends"),
    "German": ("das hängt davon ab", "genau", "und dann fährt man einfach weiter", "schön"),
    "Italian": ("è così", "perché no", "la città è bella", "va bene"),
    "Spanish": ("qué bueno", "mañana lo vemos", "está bien", "sí, claro"),
}
SENTENCE_S = 3.0


def write_labels(path: Path, engagement: np.ndarray, session: Session, seat: str) -> None:
    """Write one value a line at 25 Hz, with the specimens planted in this file."""
    lines = [f"{value:.6f}" for value in engagement]
    if session.has(seat, "label_longer"):
        lines += lines[-1:] * EXTRA_ROWS
    if session.has(seat, "label_shorter"):
        lines = lines[:-EXTRA_ROWS]
    planted: dict[int, object] = {}
    for kind, values in (
        ("label_tokens", TOKENS),
        ("label_range", OUT_OF_RANGE),
        ("label_latin1", LATIN1_TOKEN),
    ):
        if session.has(seat, kind):
            planted |= values
    for row, value in planted.items():
        lines[row] = str(value)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(("\n".join(lines) + "\n").encode("latin-1"))


def write_annotations(folder: Path, session: Session) -> None:
    """Write the language of the dialogue, and transcript, age and gender of each participant."""
    whole = f"0.00;{session.seconds:.2f}"
    _write(folder / "language.annotation.csv", f"{whole};{session.language};1.00\n")
    for seat in session.seats:
        rng = generator(session.key, seat, "annotations")
        _write(folder / f"{seat}.age.annotation.csv", f"{whole};{rng.integers(19, 60)};1.00\n")
        _write(folder / f"{seat}.gender.annotation.csv", f"{whole};{rng.integers(1, 3)};1.00\n")
        encoding = "latin-1" if session.has(seat, "transcript_latin1") else "utf-8"
        _write(folder / f"{seat}.audio.transcript.annotation.csv", _transcript(session, rng), encoding)


def _transcript(session: Session, rng: np.random.Generator) -> str:
    sentences = SENTENCES[session.language]
    lines = []
    for start in np.arange(0.4, session.seconds - 1, SENTENCE_S):
        end = min(start + rng.uniform(0.8, SENTENCE_S), session.seconds)
        text = sentences[rng.integers(len(sentences))]
        lines.append(f"{start:.2f};{end:.2f};{text};{rng.uniform(0.6, 1):.2f}\n")
    return "".join(lines)


def _write(path: Path, text: str, encoding: str = "utf-8") -> None:
    path.write_bytes(text.encode(encoding))


def label_rows(session: Session) -> int:
    """Rows of a label file without specimens."""
    return round(session.seconds * LABEL_HZ)
