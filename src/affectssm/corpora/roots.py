"""What the roots of a configuration hold, for someone who has just written them down."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from affectssm.corpora.complete import check_complete, in_words, whole
from affectssm.corpora.listing import check_root
from affectssm.errors import AffectError, DataError
from affectssm.settings.config import Config
from affectssm.vocabulary.corpora import CORPORA, NO_CORPUS


def look_at_roots(config: Config) -> None:
    """Print what lies in each root, by the names of its files; lines that are comments in YAML.

    Raises:
        DataError: one of the roots does not exist, or holds a part of its corpus or more than one copy of it; with
            several such roots, the first, after all were looked at.
    """
    wrong: list[AffectError] = []
    for line in _lines(config, wrong):
        print(f"# {line}")
    if wrong:
        raise wrong[0]


def _lines(config: Config, wrong: list[AffectError]) -> Iterator[str]:
    for corpus in type(config.corpora).model_fields:
        settings = getattr(config.corpora, corpus)
        if settings.root == NO_CORPUS:
            yield f"{corpus}: not held"
            continue
        if settings.root in CORPORA[corpus].demos:
            yield f"{corpus}: {settings.root}, made here"
            continue
        root = Path(settings.root).expanduser()
        truth = (
            Path(settings.ground_truth_folder).expanduser()
            if settings.ground_truth_folder is not None
            else None
        )
        made_of = whole(corpus, settings)
        try:
            check_root(root, made_of.title)
            if truth is not None:
                check_root(truth, f"the test labels of {made_of.title}")
            look = check_complete(corpus, root, settings, truth)
            if not look.counts:
                raise DataError(
                    root, f"nothing of {made_of.title}", f"its parts: {', '.join(made_of.units)}",
                    f"let corpora.{corpus}.root name the folder that holds them, or set it to {NO_CORPUS}",
                )  # fmt: skip
            yield f"{corpus}: {root}: {in_words(made_of, look)}"
        except AffectError as error:
            wrong.append(error)
            yield f"{corpus}: {root}: WRONG: {error.found}"
