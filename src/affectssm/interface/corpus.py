"""A corpus as its owner distributes it, opened from Python."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

    from affectssm.corpora.manifest import StreamRow


@dataclass(frozen=True)
class Corpus:
    """A corpus that was looked through: who is in it, what there is of them, and what is wrong with it.

    :func:`affectssm.open_corpus` makes one. Tables are pandas DataFrames, read when they are asked for first.

    Attributes:
        name: key of the corpus, ``noxi``.
        root: its folder.
        ground_truth: the folder with withheld test labels, or None.
        work: the folder with what was found: ``manifest.parquet``, ``faults.parquet``.

    Example:
        >>> import affectssm
        >>> corpus = affectssm.open_corpus("noxi", "results/demo/demo-tiny/noxi")
        >>> isinstance(corpus, affectssm.Corpus)
        True
        >>> corpus.splits.loc["train", ["recordings", "participants"]].tolist()
        [2, 4]
        >>> sorted(corpus.participants.columns)
        ['fold_group', 'kinds', 'language', 'participant', 'recording', 'seconds', 'shard', 'split']
    """

    name: str
    root: Path
    ground_truth: Path | None
    work: Path
    _seats: Mapping[str, Mapping[str, Sequence[str]]] = field(default_factory=dict, repr=False)
    _kept: Any = field(default=None, repr=False)  # a temporary folder lives as long as its corpus

    @property
    def manifest(self) -> Path:
        """The file with a row a stream."""
        return self.work / "manifest.parquet"

    @cached_property
    def _rows(self) -> list[StreamRow]:
        """The streams as the rooms have them."""
        from affectssm.corpora.manifest import read_manifest

        return read_manifest(self.manifest)

    @cached_property
    def streams(self) -> pd.DataFrame:
        """A row a file or stream: recording, participant, ``kind``, ``path``, ``rate`` in Hz, ``frames``, ``dim``,
        ``duration_s``, split, shard and what else the manifest says."""
        import pandas as pd

        from affectssm.corpora.manifest import StreamRow

        return pd.DataFrame(
            [asdict(row) for row in self._rows], columns=[one.name for one in fields(StreamRow)]
        )

    @cached_property
    def participants(self) -> pd.DataFrame:
        """A row a participant of a recording: ``recording``, ``participant``, ``split``, ``language``, ``fold_group``
        (what no folds may divide), ``shard``, ``seconds`` that the longest of the streams lasts, and ``kinds``, the
        streams there are. Who has no file that can be used has none, and 0 seconds."""
        import pandas as pd

        found: dict[tuple[str, str, str], dict[str, Any]] = {}
        for row in self._rows:
            one = found.setdefault(
                (row.split, row.recording, row.participant),
                {
                    "recording": row.recording, "participant": row.participant, "split": row.split,
                    "language": row.language, "fold_group": row.fold_group, "shard": row.shard, "seconds": 0.0,
                    "kinds": (),
                },
            )  # fmt: skip
            one["seconds"] = max(one["seconds"], row.duration_s)
            one["kinds"] += (row.kind,)
        for split, recordings in self._seats.items():
            for recording, people in recordings.items():
                for person in people:
                    absent = {"recording": recording, "participant": person, "split": split, "language": "",
                              "fold_group": "", "shard": "", "seconds": 0.0, "kinds": ()}  # fmt: skip
                    found.setdefault((split, recording, person), absent)
        columns = ["recording", "participant", "split", "language", "fold_group", "shard", "seconds", "kinds"]
        return pd.DataFrame([found[key] for key in sorted(found)], columns=columns)

    @cached_property
    def recordings(self) -> pd.DataFrame:
        """A row a recording: ``recording``, ``split``, ``language``, ``shard``, ``participants`` (how many) and
        ``seconds`` that the longest of its streams lasts."""
        people = self.participants
        grouped = people.groupby(["split", "recording"], sort=True, as_index=False)
        found = grouped.agg(
            language=("language", "max"),
            shard=("shard", "max"),
            participants=("participant", "size"),
            seconds=("seconds", "max"),
        )
        return found[["recording", "split", "language", "shard", "participants", "seconds"]]

    @cached_property
    def splits(self) -> pd.DataFrame:
        """A row a split (its index): how many ``recordings`` and ``participants`` of recordings, and ``seconds``."""
        grouped = self.recordings.groupby("split", sort=True)
        return grouped.agg(
            recordings=("recording", "size"),
            participants=("participants", "sum"),
            seconds=("seconds", "sum"),
        )

    @cached_property
    def faults(self) -> pd.DataFrame:
        """A row a fault: ``corpus``, ``recording``, ``participant``, ``stream``, ``code``, what was ``found`` and
        ``expected``, and ``action``, what was done about it."""
        from affectssm.store.faults import read_faults

        return fault_table(read_faults(self.work / "faults.parquet"))


def fault_table(faults: Sequence[Any]) -> pd.DataFrame:
    """Return fault rows as a DataFrame."""
    import pandas as pd

    from affectssm.store.faults import COLUMNS

    return pd.DataFrame([asdict(one) for one in faults], columns=list(COLUMNS), dtype="str")


def open_corpus(
    name: str,
    root: str | Path,
    *,
    ground_truth: str | Path | None = None,
    work: str | Path | None = None,
    threads: int = 1,
    **settings: Any,
) -> Corpus:
    """Look through a corpus as its owner distributes it; nothing in its folder is changed.

    Args:
        name: key of the corpus: ``noxi``, ``noxi_add``, ``mpiigi``, ``deap``, ``mahnob``, ``affwild2``, ``mosei``,
            ``sims``, ``simsv2``, or ``folder`` for recordings of your own.
        root: its folder.
        ground_truth: the folder with withheld test labels, where there is one.
        work: a folder that keeps what was found, so that files that have not changed are not read again; none keeps
            it as long as the corpus lives.
        threads: files that are read at a time.
        settings: what else the section ``corpora.<name>`` of the configuration has, as ``checksum="mtime"``, which
            does not read large files whole.

    Returns:
        The corpus, with the tables ``recordings``, ``participants``, ``splits``, ``streams`` and ``faults``.

    Raises:
        ConfigError: for a corpus or a setting that there is not.
        DataError: for a folder that does not hold the corpus, or only a part of it.

    Example:
        >>> import affectssm
        >>> corpus = affectssm.open_corpus("noxi", "results/demo/demo-tiny/noxi")
        >>> list(corpus.splits.index)
        ['test-base', 'train', 'val']
        >>> corpus.participants.query("split == 'train'").participant.unique().tolist()
        ['expert', 'novice']
        >>> corpus.recordings[["recording", "split", "participants", "seconds"]].values.tolist()[0]
        ['010', 'test-base', 2, 3.2]
        >>> list(corpus.faults.columns)
        ['corpus', 'recording', 'participant', 'stream', 'code', 'found', 'expected', 'action']
    """
    from affectssm.corpora.discover import discover_corpus
    from affectssm.settings.corpora import settings_class
    from affectssm.settings.load import validate

    given = settings | {"root": str(root)}
    model = settings_class(name)
    if "ground_truth" in model.model_fields and ground_truth is not None:
        given["ground_truth"] = str(ground_truth)
    checked = validate(model, given, f"open_corpus({name!r}, ...)")
    kept = None
    if work is None:
        kept = TemporaryDirectory(prefix="affectssm-")
        work = kept.name
    folder = Path(work)
    truth = None if ground_truth is None else Path(ground_truth)
    found = discover_corpus(name, Path(root), truth, checked, folder, threads=threads)
    return Corpus(name, Path(root), truth, folder, found.seats, kept)
