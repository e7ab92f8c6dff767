"""The corpora: where each one's reader lies, how its files are called, and the editions that are made here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

NO_CORPUS = "none"  # the root of a corpus that is not held
DEMO_EDITIONS = ("demo", "demo-tiny", "demo-withheld", "demo-tiny-withheld")  # of dialogues
PHYSIO_EDITIONS = {"demo": "physio", "demo-tiny": "physio-tiny"}
AFFWILD2_EDITIONS = {"demo": "affwild2", "demo-tiny": "affwild2-tiny"}
SENTIMENT_EDITIONS = {"demo": "sentiment", "demo-tiny": "sentiment-tiny"}


@dataclass(frozen=True)
class Corpus:
    """A corpus.

    Attributes:
        title: the owner's name for it.
        reader: the module whose ``discover(root, ground_truth, settings)`` finds its streams, and whose
            ``whole(settings)`` says what it is made of.
        settings: ``module:Class`` of its section of the configuration, a PlaceSettings.
        files: how the names of its files end, in small letters; what else lies below a root counts for nothing.
        demos: what the root says -> the edition that is made here.
        folder: where it lies below a demo's folder; its own name where empty.
        labels: of a corpus with labels over time, ``module:function`` that reads a file of them as
            :class:`affectssm.corpora.annotations.Marks`.
        pictures: a regular expression of the names of folders whose folders each hold the pictures of one video; empty
            where there are none. A listing tells such a folder and does not enter it: there may be millions of them.
        language: that its transcripts are in; empty where the rows of its manifest say.
    """

    title: str
    reader: str
    settings: str
    files: tuple[str, ...]
    demos: Mapping[str, str]
    folder: str = ""
    labels: str = ""
    pictures: str = ""
    language: str = ""


VIDEOS = (".mp4", ".avi", ".mov", ".mkv", ".webm")  # as owners ship them, then what recorders and labs write
_SETTINGS = "affectssm.settings.corpora"
_DIALOGUES = (".stream", ".stream~", ".annotation.csv", ".wav", *VIDEOS)
_VALUE_A_LINE = "affectssm.corpora.annotations:value_a_line"
_SIGNALS = (".dat", ".bdf", "session.xml", "participant_ratings.csv", *VIDEOS)


def _dialogues(title: str, reader: str, folder: str = "") -> Corpus:
    demos = {name: name for name in DEMO_EDITIONS}
    return Corpus(title, reader, f"{_SETTINGS}:CorpusSettings", _DIALOGUES, demos, folder, _VALUE_A_LINE)


def _clips(title: str, reader: str, language: str, *files: str) -> Corpus:
    ends = (".pkl", ".csv", *files, *VIDEOS)
    settings = f"{_SETTINGS}:ClipCorpusSettings"
    return Corpus(title, reader, settings, ends, SENTIMENT_EDITIONS, language=language)


CORPORA: dict[str, Corpus] = {
    "noxi": _dialogues("NoXi", "affectssm.corpora.noxi"),
    "noxi_add": _dialogues("NoXi-Add", "affectssm.corpora.noxi_add", folder="noxi"),
    "mpiigi": _dialogues("MPIIGroupInteraction", "affectssm.corpora.mpiigi"),
    "deap": Corpus("DEAP", "affectssm.corpora.deap", f"{_SETTINGS}:DeapSettings", _SIGNALS, PHYSIO_EDITIONS),
    "mahnob": Corpus(
        "MAHNOB-HCI",
        "affectssm.corpora.mahnob",
        f"{_SETTINGS}:TrialCorpusSettings",
        _SIGNALS,
        PHYSIO_EDITIONS,
    ),
    "affwild2": Corpus(
        "Aff-Wild2",
        "affectssm.corpora.affwild2",
        f"{_SETTINGS}:AffWild2Settings",
        (".txt", *VIDEOS),
        AFFWILD2_EDITIONS,
        pictures="cropped.*",
    ),
    "mosei": _clips("CMU-MOSEI", "affectssm.corpora.mosei", "english", ".csd"),
    "sims": _clips("CH-SIMS", "affectssm.corpora.sims", "chinese"),
    "simsv2": _clips("CH-SIMS v2", "affectssm.corpora.simsv2", "chinese"),
}

DEMOS: dict[str, str] = {
    **dict.fromkeys(DEMO_EDITIONS, "affectssm.corpora.demo.write:write_demo"),
    **dict.fromkeys(
        ("physio", "physio-tiny", "physio-original"), "affectssm.corpora.demo.physio:write_physio_demo"
    ),
    **dict.fromkeys(AFFWILD2_EDITIONS.values(), "affectssm.corpora.demo.affwild2:write_affwild2_demo"),
    **dict.fromkeys(SENTIMENT_EDITIONS.values(), "affectssm.corpora.demo.sentiment:write_sentiment_demo"),
}
"""Edition -> ``module:function`` of what writes it."""
