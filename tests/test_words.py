"""The rooms are kits that families share: they hold no family's words."""

from __future__ import annotations

import re

import pytest

from affectssm.store.code import ROOT

# family -> its words
WORDS = {
    "biosignals": ("bio-?signals", "physio", "deap", "mahnob", "valence", "arousal"),
    "dialogue": ("dialogue", "noxi", "mpiigi", "engagement"),
    "video": ("aff-?wild", "abaw"),  # rooms may cite the paper as a source
}
OWN = ("families/", "corpora/", "vocabulary/", "settings/", "interface/")  # its examples are about a demo
ALSO = {
    "biosignals": (
        "features/biosignals.py",
        "features/speech_emotion.py",  # whose outputs are called so
        "features/valence_arousal.py",
    ),
    "video": ("features/listed_frames.py", "features/mae.py", "features/valence_arousal.py"),
    "dialogue": ("features/engagement.py",),
}


@pytest.mark.parametrize("family", WORDS)
def test_the_rooms_hold_no_word_of_a_family(family):
    word = re.compile("|".join(WORDS[family]), re.IGNORECASE)
    found = []
    for path in sorted(ROOT.rglob("*.py")):
        name = path.relative_to(ROOT).as_posix()
        if name.startswith((*OWN, *ALSO.get(family, ()))):
            continue
        lines = [name, *path.read_text(encoding="utf-8").splitlines()]
        found += [
            f"{name}:{number}: {line.strip()}" for number, line in enumerate(lines) if word.search(line)
        ]
    assert not found, "\n".join(found)
