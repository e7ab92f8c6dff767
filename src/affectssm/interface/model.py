"""A trained model, opened and asked from Python."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import pandas as pd

    from affectssm.serving.packed import Packed


@dataclass(frozen=True)
class Model:
    """A trained model that answers for new media. :func:`affectssm.load_model` opens one.

    Attributes:
        path: the packed file.

    Example:
        >>> import affectssm
        >>> model = affectssm.load_model("results/runs/da_mamba-extracted-demo-tiny/main/1")
        >>> model.family, model.title, model.quantities, model.partners
        ('dialogue', 'DA-Mamba', {'engagement': (0.0, 1.0)}, True)
        >>> sorted(model.features)
        ['clip_face', 'landmark_flow', 'optical_flow', 'speech_emotion', 'wav2vec2']
        >>> model.demo
        True
    """

    path: Path
    _packed: Packed = field(repr=False)
    _kept: Any = field(default=None, repr=False)  # a temporary folder lives as long as its model

    @property
    def family(self) -> str:
        """The family of tasks: ``dialogue``, ``video``, ..."""
        return self._packed.description.family

    @property
    def title(self) -> str:
        """The model's name, as tables have it."""
        return self._packed.description.title

    @property
    def corpora(self) -> tuple[str, ...]:
        """Keys of the corpora whose labels it learnt from."""
        return self._packed.description.corpora

    @property
    def features(self) -> tuple[str, ...]:
        """Names of the features that it reads."""
        return tuple(self._packed.description.features)

    @property
    def quantities(self) -> dict[str, tuple[float, float] | None]:
        """What it answers -> the lowest and the highest value; None where nobody says them."""
        return dict(self._packed.description.quantities)

    @property
    def partners(self) -> bool:
        """Whether it looks at the others of a conversation, too."""
        return self._packed.description.partners

    @property
    def adapts(self) -> tuple[str, ...]:
        """Methods by which it can adapt to a recording while it answers."""
        return self._packed.description.adapts

    @property
    def demo(self) -> bool:
        """Whether its answers mean nothing: it learnt from data that was made here, or of random encoders."""
        return self._packed.description.demo

    @property
    def licences(self) -> dict[str, str]:
        """What it inherits a licence of -> the licence."""
        return {one.of: one.licence for one in self._packed.description.licences}

    @property
    def scores(self) -> pd.DataFrame:
        """A row a score on held-out data: ``cell`` of the table, ``corpus``, ``split``, ``metric``, ``value``, ``n``
        units that were scored ``of`` so many, ``seed``, and ``parts`` where the value is pooled over the test parts of
        several runs. Empty where nobody has evaluated the run."""
        import pandas as pd

        columns = ["cell", "corpus", "split", "metric", "value", "n", "of", "seed", "parts"]
        return pd.DataFrame(list(self._packed.description.scores), columns=columns)

    @property
    def config(self) -> Mapping[str, Any]:
        """The effective configuration of its run."""
        return self._packed.config


def load_model(
    model: str | Path, *, results: str | Path = "results", part: str | None = None, seed: int | None = None
) -> Model:
    """Open a packed model or a finished run. Every byte of a packed model is checked, and nothing in it is executed.

    Args:
        model: a file that ``affectssm pack`` wrote (``model.zip``), the folder of a run, or the name of an experiment
            (``da_mamba-extracted``).
        results: the folder that everything is computed into, where an experiment is named.
        part: of an experiment with several (``main``, ``fold0``).
        seed: of an experiment with several.

    Returns:
        The model. A run is packed into a temporary file, which is there as long as the model.

    Raises:
        ConfigError: for a name that no run has, or several have, or a run whose family does not answer for new media.
        DataError: for a file that is no packed model, was changed, or was packed by a newer version; for a run that did
            not finish.

    Example:
        >>> import affectssm
        >>> model = affectssm.load_model("da_mamba-extracted-demo-tiny")
        >>> model.corpora, list(model.scores.columns)[:3]
        (('noxi',), ['cell', 'corpus', 'split'])
        >>> affectssm.load_model("results/tables/noxi_ccc.csv")
        Traceback (most recent call last):
        affectssm.serving.packed.PackError: results/tables/noxi_ccc.csv
          found:    not a ZIP file, or a damaged one: File is not a zip file
          ...
    """
    from affectssm.serving.packed import verified

    path = Path(model)
    if path.is_file() or path.suffix == ".zip":
        return Model(path, verified(path))
    from affectssm.serving.pack import pack
    from affectssm.serving.which import find_run

    kept = TemporaryDirectory(prefix="affectssm-")
    packed = pack(find_run(str(model), Path(results), part, seed), Path(kept.name) / "model.zip")
    return Model(packed, verified(packed), kept)


def predict(
    model: Model | str | Path,
    media: str | Path | Sequence[str | Path],
    *,
    people: Literal["one", "largest", "all"] = "one",
    audio: Sequence[str | Path] = (),
    transcripts: Sequence[str | Path] = (),
    language: str = "",
    adapt: str = "",
    work: str | Path | None = None,
    weights_dir: str | Path = "weights",
    accept_other_crops: bool = False,
) -> pd.DataFrame:
    """Answer for media files with a trained model, on the CPU where there is no GPU, in bounded memory.

    Args:
        model: one that :func:`affectssm.load_model` opened, or what that opens.
        media: a video or sound file; several are those of one conversation, or without partners a recording each.
        people: in a video: ``one``, whom the face track follows; ``largest``, whose face is; ``all``, everybody seen.
        audio: sound files in place of the videos' own sound, in the order of ``media``.
        transcripts: text files of what is said, in the same order.
        language: of the transcripts, ``english`` or ``chinese``; "" for that of what the model learnt from.
        adapt: a method of ``model.adapts``, by which it adapts to the recording while it answers; "" for none.
        work: a folder that keeps what is computed, with which a later call goes on; None: removed at the end.
        weights_dir: folder with the encoders' pretrained weights.
        accept_other_crops: let the tracked face stand in for crops that a corpus supplies.

    Returns:
        A row a frame (of models that answer for whole clips or trials: an item) of every participant: ``recording``,
        ``participant``, ``start_s``, ``stop_s`` and ``time_s``, the span that the row speaks for and its centre, in
        seconds of the media; a float column of each of ``model.quantities``, NaN where there was nothing to answer
        from; and ``valid``. ``attrs`` holds ``faults`` (what was wrong with the media), ``notes`` and ``provenance``.

    Raises:
        ConfigError: for what the model cannot be asked, or weights that are not there.
        DataError: for media of which none can be used.

    Example:
        >>> import affectssm
        >>> session = "results/demo/demo-tiny/noxi/train/001"
        >>> answers = affectssm.predict(
        ...     "da_mamba-extracted",
        ...     [f"{session}/expert.video.mp4", f"{session}/novice.video.mp4"],
        ...     audio=[f"{session}/expert.audio.wav", f"{session}/novice.audio.wav"],
        ...     work="answers",
        ... )
        >>> list(answers.columns)
        ['recording', 'participant', 'start_s', 'stop_s', 'time_s', 'engagement', 'valid']
        >>> answers.start_s.min().item(), round(answers.stop_s.max().item(), 2)
        (0.0, 3.2)
        >>> answers[answers.valid].engagement.between(0, 1).all().item()
        True
    """
    from affectssm.serving import predict as serving

    opened = model if isinstance(model, Model) else load_model(model)
    options = serving.Options(
        people, _paths(audio), _paths(transcripts), language, adapt, Path(weights_dir), accept_other_crops
    )
    return serving.predict(opened.path, _paths(media), options, work=None if work is None else Path(work))


def _paths(given: str | Path | Sequence[str | Path]) -> tuple[Path, ...]:
    return (Path(given),) if isinstance(given, str | Path) else tuple(Path(one) for one in given)
