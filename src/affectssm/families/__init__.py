"""Families: kinds of tasks on kinds of corpora, each described in a folder of its own.

What lies directly in a family's folder describes it (names, settings, experiments, tables, jobs) and is no code that
makes a file: it reaches the stages as their settings. Code of its own that makes files lies in its folder ``stages``.
"""

from affectssm.families.base import Family
from affectssm.families.step import Input, Step

__all__ = ["Family", "Input", "Step"]
