"""The door to the corpora: which there are, and the files a discovery leaves behind.

The workflow imports this module whenever it parses, so nothing heavy is imported at the top.
"""

from __future__ import annotations

import hashlib
import importlib
import json
from collections.abc import Callable, Mapping
from dataclasses import replace
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
    threads: int = 1,
) -> Manifest:
    """Discover a corpus and write manifest.parquet, faults.parquet and shards.json into `out_dir`.

    shards.json comes last: where it is, the other two are. Of an earlier discovery is taken what was read of files that
    have not changed since (:mod:`affectssm.corpora.memory`), and where each recording lies
    (:mod:`affectssm.corpora.sharding`).

    Args:
        corpus: a key of CORPORA.
        root: the folder it lies in.
        ground_truth: the folder with the withheld test labels, where there is one.
        settings: corpora.<corpus> of the configuration.
        out_dir: the folder to write into.
        edition: the folder of a named edition, in which what it holds is kept.
        threads: files that are read at a time.

    Raises:
        ConfigError: no such corpus, or something to be left out that there is not.
        DataError: a root that holds no session of the corpus or only a part of it, another corpus than the named
            edition was made of, or a folder that cannot be written.
    """
    from affectssm.corpora import named, sharding
    from affectssm.corpora.complete import check_complete
    from affectssm.corpora.excluded import without
    from affectssm.corpora.memory import Memory, remembering
    from affectssm.store.layout import other_editions

    discover = discoverer(corpus)
    bases = {"root": root} | ({"ground_truth": ground_truth} if ground_truth is not None else {})
    with remembering(Memory(out_dir, bases, threads, other_editions(out_dir))):
        check_complete(corpus, root, settings, ground_truth)
        found = discover(root, ground_truth, settings)
        if edition is not None:
            named.check_held(edition, corpus, found.rows)
        found = without(found, corpus, settings.exclude)
    rows, dealt = sharding.with_shards(found.rows, settings.shards, sharding.dealt_before(out_dir))
    sharding.write_dealt(out_dir, dealt)
    manifest = replace(found, rows=rows)
    del found
    about = {
        "settings": settings.model_dump(mode="json", exclude={"root", "ground_truth"}),
        "corpus": corpus,
        # where it lay is for the reader: it decides nothing
        "places": {"root": str(root), "ground_truth": str(ground_truth) if ground_truth is not None else ""},
    }
    _write(manifest, out_dir, edition, about)
    return manifest


def _write(manifest: Manifest, out_dir: Path, edition: Path | None, about: Mapping[str, Any]) -> None:
    """Write the files of a discovery; `about` are its corpus, settings and places."""
    from affectssm.corpora import named
    from affectssm.corpora.manifest import write_manifest, write_shard_index
    from affectssm.corpora.sharding import seconds_by_shard
    from affectssm.store.atomic import staged, write_json
    from affectssm.store.card import make_card
    from affectssm.store.files import read_whole

    corpus = about["corpus"]
    with staged(out_dir / "shards.json") as index_file:
        write_shard_index(index_file, manifest.rows, edition is not None, manifest.seats)
        index = json.loads(read_whole(index_file, 1 << 30))
        write_json(index_file, index | {"seconds": seconds_by_shard(manifest.rows)})
        card = make_card(
            f"corpora/{corpus}",
            modules=discovery_modules(corpus),
            settings=about["settings"],
            corpus=corpus,
            content=hashlib.sha256(json.dumps(index["splits"], sort_keys=True).encode()).hexdigest()[:32],
            **({"seats": manifest.seats} if manifest.seats else {}),
        )
        card |= about["places"]
        write_manifest(out_dir / "manifest.parquet", manifest.rows, card)
        manifest.faults.write(out_dir / "faults.parquet", card)
        if edition is not None:
            named.write_held(edition, manifest.rows)
