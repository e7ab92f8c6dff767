"""What the trials of DEAP and MAHNOB-HCI are recorded with: channels by name, how each modality is made of them, units.

Sources: DEAP's readme (www.eecs.qmul.ac.uk/mmv/datasets/deap/readme.html), MAHNOB-HCI's manual.

EEG, EOG, EMG and ECG are in microvolts. Skin resistance is in Ohm everywhere: DEAP's preprocessed files, its
subjects recorded in Geneva (s23 to s32) and MAHNOB-HCI come in Ohm, and only DEAP's subjects recorded in Twente (s01
to s22) in nanosiemens, with Ohm = 1e9 / nS (the readme). The other way round would not do: the baseline was taken from
the preprocessed files, so that their values change sign and have no reciprocal.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

# Geneva's order, left hemisphere, then right; models see the electrodes in it whatever the file's order
EEG = (
    "Fp1", "AF3", "F3", "F7", "FC5", "FC1", "C3", "T7", "CP5", "CP1", "P3", "P7", "PO3", "O1", "Oz", "Pz",
    "Fp2", "AF4", "Fz", "F4", "F8", "FC6", "FC2", "Cz", "C4", "T8", "CP6", "CP2", "P4", "P8", "PO4", "O2",
)  # fmt: skip
PREPROCESSED = (*EEG, "hEOG", "vEOG", "zEMG", "tEMG", "GSR", "Resp", "Plet", "Temp")
PREPROCESSED_HZ = 128.0
PREPROCESSED_SAMPLES = 8064
RATINGS = ("valence", "arousal", "dominance", "liking", "familiarity", "predictability")
SCALE = (1.0, 9.0)
TWENTE = range(1, 23)  # DEAP's subjects whose GSR is a conductance
STATUS_MASK = {"deap": 0xFF, "mahnob": 0xFFFF}


@dataclass(frozen=True)
class Lead:
    """A channel of a modality: the difference of two electrodes, or one against the common reference."""

    name: str
    plus: str
    minus: str = ""


def _bipolar(name: str, first: int) -> Lead:
    return Lead(name, f"EXG{first}", f"EXG{first + 1}")


_SINGLE = tuple(Lead(name, name) for name in EEG)
_GSR = (Lead("GSR", "GSR1"),)
LEADS: dict[str, dict[str, tuple[Lead, ...]]] = {
    "deap": {
        "eeg": _SINGLE,
        "eog": (_bipolar("hEOG", 1), _bipolar("vEOG", 3)),
        "emg": (_bipolar("zEMG", 5), _bipolar("tEMG", 7)),
        "gsr": _GSR,
    },
    "mahnob": {
        "eeg": _SINGLE,
        # right and left clavicle, left abdomen
        "ecg": tuple(Lead(f"ECG{number}", f"EXG{number}") for number in (1, 2, 3)),
        "gsr": _GSR,
    },
}
"""Corpus -> modality -> leads, for files as the recorder wrote them."""

COLUMNS = {kind: [PREPROCESSED.index(lead.name) for lead in leads] for kind, leads in LEADS["deap"].items()}
"""Modality -> columns of DEAP's preprocessed files."""


def electrodes(leads: Sequence[Lead]) -> list[str]:
    """Return the labels that leads are made of, each once, in order."""
    return list(dict.fromkeys(label for lead in leads for label in (lead.plus, lead.minus) if label))


def combine(leads: Sequence[Lead], values: np.ndarray) -> np.ndarray:
    """Return leads (T, len(leads)) made of the columns of their :func:`electrodes`."""
    column = {label: values[:, at] for at, label in enumerate(electrodes(leads))}
    return np.stack(
        [column[lead.plus] - column[lead.minus] if lead.minus else column[lead.plus] for lead in leads],
        axis=1,
    )


def is_conductance(corpus: str, participant: str) -> bool:
    """Whether a subject's GSR, as recorded, is a conductance in nanosiemens instead of a resistance in Ohm."""
    return corpus == "deap" and int(participant.removeprefix("s")) in TWENTE


def resistance(values: np.ndarray, conductance: bool) -> tuple[np.ndarray, np.ndarray]:
    """Return skin resistance in Ohm, and which samples are one: an idle amplifier sends 0, which is none."""
    valid = np.isfinite(values) & (values > 0)
    safe = np.where(valid, values, 1.0)
    return np.where(valid, 1e9 / safe if conductance else safe, 0.0), valid
