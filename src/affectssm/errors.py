"""The errors a user sees: which thing, what was found, what was expected, what to do."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar


class AffectError(Exception):
    """An error about the user's own data or configuration, written for the person who has to mend it.

    Args:
        where: the file, key or recording the error is about.
        found: what was there.
        expected: what should have been there.
        remedy: what to do about it.

    Example:
        >>> import affectssm
        >>> try:
        ...     affectssm.table("mistyped")
        ... except affectssm.AffectError as error:
        ...     print(error.found, "|", error.remedy)
        no such table | make it: snakemake --cores 2 results/tables/mistyped.csv
    """

    def __init__(self, where: str | Path, found: str, expected: str, remedy: str) -> None:
        self.where, self.found, self.expected, self.remedy = str(where), found, expected, remedy
        super().__init__(str(self))

    def __str__(self) -> str:
        return (
            f"{self.where}\n  found:    {self.found}\n  expected: {self.expected}\n  remedy:   {self.remedy}"
        )

    def __reduce__(self) -> tuple:
        return type(self), (self.where, self.found, self.expected, self.remedy)


def listed(names: Sequence[str], most: int) -> str:
    """Return names for a message: at most ``most``, and how many more there are."""
    more = len(names) - most
    return ", ".join(names) if more <= 0 else f"{', '.join(names[:most])} and {more} more"


class DataError(AffectError):
    """Something about a data file or a computed file.

    Attributes:
        code: the fault code of this kind of error; "" where whoever catches it knows better.
    """

    code: ClassVar[str] = ""


class UnexpectedError(DataError):
    """What a reader raised that nobody foresaw; ``found`` is its type and text."""

    code = "unexpected"


class ConfigError(AffectError):
    """Something about the configuration."""
