"""The door to the corpora: which there are, and the files a discovery leaves behind.

The workflow imports this module whenever it parses, so nothing heavy is imported at the top.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from affectssm.corpora.listing import listing_fingerprint
from affectssm.corpora.manifest import label_frames
from affectssm.errors import ConfigError

if TYPE_CHECKING:
    from affectssm.config import CorpusSettings, TrialCorpusSettings
    from affectssm.corpora.manifest import Manifest

__all__ = [
    "CORPORA",
    "discover_corpus",
    "discoverer",
    "label_frames",
    "listing_fingerprint",
    "settings_class",
]

CORPORA = ("noxi", "noxi_add", "mpiigi", "deap", "mahnob")


def discoverer(corpus: str) -> Callable[[Path, Path | None, Any], Manifest]:
    """The `discover(root, ground_truth, settings)` of a corpus.

    Raises:
        ConfigError: no such corpus.
    """
    from affectssm.corpora import deap, mahnob, mpiigi, noxi, noxi_add

    table: dict[str, Callable[[Path, Path | None, Any], Manifest]] = {
        "noxi": noxi.discover,
        "noxi_add": noxi_add.discover,
        "mpiigi": mpiigi.discover,
        "deap": deap.discover,
        "mahnob": mahnob.discover,
    }
    if corpus not in table:
        raise ConfigError("corpus", repr(corpus), f"one of {', '.join(CORPORA)}", "name one of these")
    return table[corpus]


def settings_class(corpus: str) -> type[CorpusSettings | TrialCorpusSettings]:
    """The settings of a corpus.

    Raises:
        ConfigError: no such corpus.
    """
    from affectssm.config import CorpusSettings, DeapSettings, TrialCorpusSettings

    discoverer(corpus)
    return {"deap": DeapSettings, "mahnob": TrialCorpusSettings}.get(corpus, CorpusSettings)


def discover_corpus(
    corpus: str,
    root: Path,
    ground_truth: Path | None,
    settings: CorpusSettings | TrialCorpusSettings,
    out_dir: Path,
) -> Manifest:
    """Discover a corpus and write manifest.parquet, faults.parquet and shards.json into `out_dir`.

    shards.json comes last: where it is, the other two are.

    Raises:
        ConfigError: no such corpus.
        DataError: a root that holds no session of the corpus, or a folder that cannot be written.
    """
    from affectssm.corpora.manifest import content_hash, write_manifest, write_shard_index
    from affectssm.store.card import make_card

    manifest = discoverer(corpus)(root, ground_truth, settings)
    card = make_card(
        f"corpora/{corpus}",
        modules=["affectssm.corpora.discover"],
        settings=settings.model_dump(mode="json"),
        corpus=corpus,
        root=str(root),
        ground_truth=str(ground_truth) if ground_truth is not None else "",
        content=content_hash(manifest.rows),
        **({"seats": manifest.seats} if manifest.seats else {}),
    )
    write_manifest(out_dir / "manifest.parquet", manifest.rows, card)
    manifest.faults.write(out_dir / "faults.parquet", card)
    write_shard_index(out_dir / "shards.json", manifest.rows)
    return manifest
