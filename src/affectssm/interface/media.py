"""Features of media files or of a corpus, as a DataFrame."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from affectssm.interface.corpus import Corpus

MOST_HZ = 1000


def features(
    media: Corpus | str | Path | Sequence[str | Path],
    names: str | Sequence[str],
    *,
    hz: float | None = None,
    recordings: Sequence[str] | None = None,
    people: Literal["one", "largest", "all"] = "one",
    audio: Sequence[str | Path] = (),
    transcripts: Sequence[str | Path] = (),
    language: str = "english",
    work: str | Path | None = None,
    scale: Literal["paper", "demo", "tiny"] = "paper",
    **settings: Any,
) -> pd.DataFrame:
    """Return features of media files, or of a corpus, as the workflow computes them.

    Args:
        media: a corpus (:func:`affectssm.open_corpus`), or videos, sound files, BDF or EDF files: a recording each.
        names: ``"wav2vec2"`` or ``["wav2vec2", "clip_face"]``.
        hz: frames a second of one clock for all; None: one feature, at its own rate.
        recordings: of a corpus, those that are wanted; None: all.
        people: of media files, who of those in a video, as :func:`affectssm.predict` has it.
        audio: sound files in place of the videos' own sound, in their order.
        transcripts: text files of what is said, in their order.
        language: of the transcripts, ``english`` or ``chinese``.
        work: a folder that keeps what is computed, with which a later call goes on; None: removed at the end.
        scale: whose settings of the encoders count; ``demo`` and ``tiny`` are for trials, with small random encoders.
        settings: others of the configuration's ``features``: ``weights_dir="/data/weights"``, ``clip_face={"fps": 5}``.

    Returns:
        A row a time of a participant of a recording: ``recording``, ``participant``, ``time_s``, the centre of what the
        row sums up, in seconds; of each feature ``{name}_valid`` and its D columns ``{name}_0``, ``{name}_1``, ... in
        float32, NaN where it is not valid. All is held in memory: of a large corpus, ask for some recordings at a time.
        ``attrs`` holds ``faults``, what was wrong, a mapping each, and ``rates``, feature -> Hz (0: nobody has one).

    Raises:
        ConfigError: for a name, a setting or weights that there are not, or several features without ``hz``.
        DataError: if no file can be used.

    Example:
        >>> import affectssm
        >>> corpus = affectssm.open_corpus("noxi", "results/demo/demo-tiny/noxi")
        >>> voice = affectssm.features(corpus, "egemapsv2", recordings=["001"])
        >>> voice.shape, voice.participant.unique().tolist(), voice.attrs["rates"]
        ((160, 92), ['expert', 'novice'], {'egemapsv2': 25.0})
        >>> both = affectssm.features(corpus, ["egemapsv2", "clip"], hz=5, recordings=["001"])
        >>> len(both), both.time_s.iloc[:3].round(2).tolist(), bool(both.clip_valid.any())
        (32, [0.1, 0.3, 0.5], True)
    """
    from affectssm.interface.corpus import Corpus

    wanted = _wanted(names, hz)
    section = _section(scale, settings)
    with _folder(work) as folder:
        if isinstance(media, Corpus):
            manifest = _of_corpus(media, recordings, folder)
        else:
            files = [media] if isinstance(media, str | Path) else list(media)
            manifest = _of_files(files, people, (audio, transcripts, language), section, folder)
        return _extracted(manifest, wanted, hz, section, folder)


def _wanted(names: str | Sequence[str], hz: float | None) -> list[str]:
    """Return the names, each once.

    Raises:
        ConfigError: for none, a clock that cannot be, or several features without one.
    """
    from affectssm.errors import ConfigError

    wanted = [names] if isinstance(names, str) else list(dict.fromkeys(names))
    if not wanted:
        raise ConfigError("names", "no feature", "one at least", 'name one: "wav2vec2"')
    if hz is not None and not 0 < hz <= MOST_HZ:
        raise ConfigError(
            "hz", f"{hz:g}", f"above 0, {MOST_HZ} at most", "say how many frames a second: hz=25"
        )
    if len(wanted) > 1 and hz is None:
        raise ConfigError(
            "names", f"{len(wanted)} features, each at a rate of its own", "one feature, or a clock for all of them",
            "say how many frames a second: hz=25",
        )  # fmt: skip
    return wanted


def _section(scale: str, settings: dict[str, Any]) -> Any:
    """Return the section ``features`` of a configuration of a scale.

    Raises:
        ConfigError: for a setting that there is not.
    """
    from affectssm.families.configuration import load_config

    return load_config({"scale": scale, "features": settings}).features


@contextmanager
def _folder(work: str | Path | None) -> Iterator[Path]:
    if work is not None:
        from affectssm.store.atomic import writing

        with writing(Path(work)):
            Path(work).mkdir(parents=True, exist_ok=True)
        yield Path(work).absolute()
        return
    with TemporaryDirectory(prefix="affectssm-") as folder:
        yield Path(folder)


def _of_files(
    files: Sequence[str | Path], people: Any, extras: tuple[Any, Any, str], section: Any, folder: Path
) -> Path:
    from affectssm.serving.given import Extras, given
    from affectssm.settings.features import settings_of

    audio, transcripts, language = extras
    return given(
        [Path(one) for one in files], (), people, folder,
        Extras([Path(one) for one in audio], [Path(one) for one in transcripts], language),
        faces=settings_of("face_track", section),
    )  # fmt: skip


def _of_corpus(corpus: Corpus, recordings: Sequence[str] | None, folder: Path) -> Path:
    """Write the manifest of some recordings of a corpus as one of files that were handed over.

    Raises:
        ConfigError: for a recording that the corpus does not have.
    """
    from affectssm.corpora.manifest import write_manifest
    from affectssm.errors import ConfigError, listed
    from affectssm.serving.given import SHARD
    from affectssm.store.card import make_card

    there = sorted({row.recording for row in corpus._rows})
    chosen = there if recordings is None else list(recordings)
    if unknown := [one for one in chosen if one not in there]:
        raise ConfigError(
            "recordings", f"no {unknown[0]} in {corpus.name}", f"some of {listed(there, 12)}", "name these"
        )
    bases = {"root": corpus.root, "ground_truth": corpus.ground_truth or corpus.root}
    rows = [
        replace(row, path=os.path.realpath(bases[row.base] / row.path).lstrip("/"), base="root", shard=SHARD)
        for row in corpus._rows
        if row.recording in set(chosen)
    ]
    path = folder / "manifest.parquet"
    write_manifest(path, rows, make_card("given", ["affectssm.corpora.manifest"], {"people": "one"}))
    return path


def _extracted(
    manifest: Path, names: Sequence[str], hz: float | None, section: Any, folder: Path
) -> pd.DataFrame:
    import numpy as np
    import pandas as pd

    from affectssm.corpora.manifest import read_manifest
    from affectssm.serving.feature_rows import Features
    from affectssm.serving.tracks import extract, faults_of, needed
    from affectssm.settings.features import settings_of

    settings = {name: settings_of(name, section) for name in needed(names)}
    tracks = extract(manifest, names, settings, folder)
    keys: list[tuple[str, str, np.ndarray]] = []
    parts: dict[str, list[tuple[np.ndarray, np.ndarray]]] = {name: [] for name in names}
    with Features(tracks, names, read_manifest(manifest)) as rows:
        for piece in rows.native() if hz is None else rows.on_clock(hz):
            keys.append((piece.recording, piece.participant, piece.time))
            for name, (value, valid) in piece.features.items():
                parts[name].append((np.where(valid[:, None], value, np.float32(np.nan)), valid))
        rates = {
            name: next((reader.info(*key).rate for key in reader.keys()), 0.0)  # noqa: SIM118 - no mapping
            for name, reader in rows.readers.items()
        }
    columns: dict[str, Any] = {
        "recording": np.repeat([key[0] for key in keys], [len(key[2]) for key in keys]).astype(object),
        "participant": np.repeat([key[1] for key in keys], [len(key[2]) for key in keys]).astype(object),
        "time_s": np.concatenate([np.zeros(0), *(key[2] for key in keys)]),
    }
    found = [pd.DataFrame(columns).astype({"recording": "str", "participant": "str"})]
    for name in names:
        if parts[name]:
            found.append(_columns(name, parts[name]))
    whole = pd.concat(found, axis=1)
    faults = faults_of(folder, names)
    whole.attrs = {"faults": [vars(one) for one in faults], "rates": rates}
    return whole


def _columns(name: str, parts: Sequence[tuple[np.ndarray, np.ndarray]]) -> pd.DataFrame:
    import numpy as np
    import pandas as pd

    value = np.concatenate([part[0] for part in parts])
    own = pd.DataFrame(value, columns=[f"{name}_{at}" for at in range(value.shape[1])])
    own.insert(0, f"{name}_valid", np.concatenate([part[1] for part in parts]))
    return own
