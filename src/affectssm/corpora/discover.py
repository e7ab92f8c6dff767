"""The door to the corpora: which there are, and the files a discovery leaves behind.

The workflow imports this module whenever it parses, so nothing heavy is imported at the top.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from affectssm.corpora.listing import listing_fingerprint
from affectssm.corpora.manifest import label_frames
from affectssm.errors import ConfigError
from affectssm.vocabulary.corpora import CORPORA
from affectssm.vocabulary.stages import discovery_modules

if TYPE_CHECKING:
    from affectssm.corpora.manifest import Manifest
    from affectssm.settings.corpora import PlaceSettings

__all__ = [
    "discover_corpus",
    "discoverer",
    "label_frames",
    "listing_fingerprint",
]


def discoverer(corpus: str) -> Callable[[Path, Path | None, Any], Manifest]:
    """The `discover(root, ground_truth, settings)` of a corpus.

    Raises:
        ConfigError: no such corpus.
    """
    if corpus not in CORPORA:
        raise ConfigError("corpus", repr(corpus), f"one of {', '.join(CORPORA)}", "name one of these")
    return importlib.import_module(CORPORA[corpus].reader).discover


def discover_corpus(
    corpus: str,
    root: Path,
    ground_truth: Path | None,
    settings: PlaceSettings,
    out_dir: Path,
    edition: Path | None = None,
) -> Manifest:
    """Discover a corpus and write manifest.parquet, faults.parquet and shards.json into `out_dir`.

    shards.json comes last: where it is, the other two are.

    Args:
        corpus: a key of CORPORA.
        root: the folder it lies in.
        ground_truth: the folder with the withheld test labels, where there is one.
        settings: corpora.<corpus> of the configuration.
        out_dir: the folder to write into.
        edition: the folder of a named edition, in which what it holds is kept.

    Raises:
        ConfigError: no such corpus.
        DataError: a root that holds no session of the corpus or only a part of it, another corpus than the named
            edition was made of, or a folder that cannot be written.
    """
    from affectssm.corpora import named
    from affectssm.corpora.complete import check_complete
    from affectssm.corpora.manifest import content_hash, write_manifest, write_shard_index
    from affectssm.store.card import make_card

    discover = discoverer(corpus)
    check_complete(corpus, root, settings, ground_truth)
    manifest = discover(root, ground_truth, settings)
    if edition is not None:
        named.check_held(edition, corpus, manifest.rows)
    card = make_card(
        f"corpora/{corpus}",
        modules=discovery_modules(corpus),
        settings=settings.model_dump(mode="json", exclude={"root", "ground_truth"}),
        corpus=corpus,
        content=content_hash(manifest.rows, named=edition is not None),
        **({"seats": manifest.seats} if manifest.seats else {}),
    )
    # where it lay is for the reader: it decides nothing
    card |= {"root": str(root), "ground_truth": str(ground_truth) if ground_truth is not None else ""}
    write_manifest(out_dir / "manifest.parquet", manifest.rows, card)
    manifest.faults.write(out_dir / "faults.parquet", card)
    if edition is not None:
        named.write_held(edition, manifest.rows)
    write_shard_index(out_dir / "shards.json", manifest.rows, edition is not None, manifest.seats)
    return manifest
