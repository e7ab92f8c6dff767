"""Which run is meant: by its folder, or by the name of its experiment."""

from __future__ import annotations

from difflib import get_close_matches
from pathlib import Path

from affectssm.errors import ConfigError, DataError, listed
from affectssm.serving.run_facts import read_run, run_folders

SHOWN = 8


def find_run(word: str, results: Path, part: str | None = None, seed: int | None = None) -> Path:
    """Return the folder of a run.

    Args:
        word: a folder, or an experiment with or without its edition.
        results: the folder that everything is computed into.
        part, seed: of an experiment with several runs.

    Raises:
        ConfigError: for a word that is none, or one that several runs have; it names them.
    """
    folder = Path(word)
    if folder.is_dir() and (folder / "config.yaml").exists():
        return folder.resolve()
    runs = list(run_folders(results.resolve()))
    experiments = {_experiment(run, results) for run in runs}
    named = [name for name in experiments if name == word] or [
        name for name in experiments if name.startswith(f"{word}-")
    ]
    own = [run for run in runs if _experiment(run, results) in named]
    own = [run for run in own if _told(run) == word] or own  # an edition is no part of a name
    fits = [run for run in own if seed is None or run.name in (str(seed), f"seeds-{seed}")]
    fits = [run for run in fits if part is None or run.parent.name == part]
    if len(fits) == 1:
        return fits[0]
    if not own:
        near = get_close_matches(word, experiments, n=SHOWN, cutoff=0.3) or sorted(experiments)[:SHOWN]
        raise ConfigError(
            f"run {word}",
            "no folder of a run, and no experiment of this name",
            f"a folder below {results}/runs, or one of {', '.join(near) or 'the experiments there are (none)'}",
            "affectssm models lists them",
        )
    asked = " ".join(
        f"{name} {value}" for name, value in (("part", part), ("seed", seed)) if value is not None
    )
    found = listed([str(run) for run in sorted(fits or own)], SHOWN)
    raise ConfigError(
        f"run {word}",
        f"{len(fits)} runs{f' of {asked}' if asked else ''}"
        + (f": {found}" if fits else f"; there are {found}"),
        "one run",
        "name the folder of one, or say which part and which seed (--part, --seed)",
    )


def _told(run: Path) -> str:
    """The experiment's name without its edition, as the run was told; "" where nothing tells."""
    try:
        return str(read_run(run).config["experiment"])
    except DataError:
        return ""


def _experiment(run: Path, results: Path) -> str:
    return run.relative_to(results.resolve() / "runs").parts[0]
