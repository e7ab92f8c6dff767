"""Families: kinds of tasks on kinds of corpora, each described in a folder of its own.

What lies directly in a family's folder describes it (names, settings, experiments, tables, jobs) and is no code that
makes a file: it reaches the stages as their settings.
"""

from affectssm.families.base import Family
from affectssm.families.biosignals.family import Biosignals
from affectssm.families.dialogue.family import Dialogue

FAMILIES: tuple[type[Family], ...] = (Dialogue, Biosignals)

__all__ = ["FAMILIES", "Family"]
