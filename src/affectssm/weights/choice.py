"""Which models and files are meant, where several say what they want."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace
from pathlib import Path

from affectssm.errors import ConfigError
from affectssm.features.weights import Wanted


def one_each(wanted: Iterable[Wanted]) -> list[Wanted]:
    """Return every model once, with all files that anybody wants of it.

    Raises:
        ConfigError: for two that share a folder and are not the same, or a name that is no folder below another.
    """
    found: dict[str, Wanted] = {}
    for one in wanted:
        if any(part in ("", ".", "..") for part in one.model.split("/")):
            raise ConfigError(
                f"model {one.model!r}",
                "no name of a folder",
                "owner/name",
                "mend the model in the configuration",
            )
        known = found.setdefault(one.model, one)
        if (known.repository, known.revision) != (one.repository, one.revision):
            revisions = " and ".join(each.revision or "whichever is newest" for each in (known, one))
            raise ConfigError(
                f"model {one.model}", f"wanted at revision {revisions}", "one revision, for a model has one folder",
                "set the same revision, or none, wherever the configuration names it",
            )  # fmt: skip
        found[one.model] = replace(known, files=tuple(dict.fromkeys([*known.files, *one.files])))
    return list(found.values())


def present(folder: Path, alternatives: str) -> str | None:
    """Return which of some files (``a|b``) is in a folder, as a load takes it; None where none is."""
    return next((name for name in alternatives.split("|") if (folder / name).is_file()), None)


def offered(names: Collection[str], alternatives: str) -> str | None:
    """Return which of some files (``a|b``) a repository has: safetensors stand before pickles."""
    return next((name for name in alternatives.split("|") if name in names), None)
