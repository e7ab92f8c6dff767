"""What the name of a recording of signals tells, which was handed over with the channels of a corpus.

See :mod:`affectssm.corpora.channels`.
"""

from __future__ import annotations

import re

NOBODY = "s00"
"""The subject of a recording of nobody in the corpus."""
_SUBJECT = re.compile(r"s[0-9]{2}", re.IGNORECASE)  # as DEAP calls its subjects, and their files


def subject_in(name: str, corpus: str) -> str:
    """Return the subject of the corpus that a file's name begins with, or NOBODY."""
    found = _SUBJECT.match(name) if corpus == "deap" else None
    return found[0].lower() if found else NOBODY


def unit_is_decided(kind: str, corpus: str, subject: str) -> bool:
    """Whether a modality's unit depends on who the subject is, and nobody is known."""
    return (kind, corpus, subject) == ("gsr", "deap", NOBODY)
