"""Writes a small DEAP: data_preprocessed_python or data_original, metadata_csv and the names of face videos."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from affectssm.corpora.channels import (
    EEG,
    PREPROCESSED,
    PREPROCESSED_HZ,
    PREPROCESSED_SAMPLES,
    is_conductance,
)
from affectssm.corpora.demo.bdf import Sheet, write_bdf
from affectssm.corpora.demo.physio_subjects import DeapSubject
from affectssm.corpora.demo.physio_world import Synthesiser, TrialTruth, quadrants_of, truth_of
from affectssm.corpora.demo.pickle2 import dumps_dat, dumps_that_runs
from affectssm.corpora.demo.seeds import generator

BASELINE_S, STIMULUS_S = 3.0, 60.0
RATE = 512
_TWENTE_EEG = (
    "Fp1", "AF3", "F7", "F3", "FC1", "FC5", "T7", "C3", "CP1", "CP5", "P7", "P3", "Pz", "PO3", "O1", "Oz",
    "O2", "PO4", "P4", "P8", "CP6", "CP2", "C4", "T8", "FC6", "FC2", "F4", "F8", "AF4", "Fp2", "Fz", "Cz",
)  # fmt: skip
_BESIDE = ("GSR1", "GSR2", "Erg1", "Erg2", "Resp", "Plet", "Temp")
_MISSING = (3, 4, 6)  # places in the order of presentation that s28 lacks
_HEADER = "Participant_id,Trial,Experiment_id,Start_time,Valence,Arousal,Dominance,Liking,Familiarity"
STIMULUS, FIXATION = 4, 3


def truths(subject: DeapSubject) -> dict[int, TrialTruth]:
    """Return video -> what is planted, for the rated trials of a subject."""
    return {
        video: truth_of("deap", subject.name, video, quadrant, STIMULUS_S, False, subject.later(video))
        for video, quadrant in enumerate(quadrants_of("deap", subject.name, subject.trials), 1)
    }


def presentation(subject: DeapSubject) -> list[int]:
    """Return the videos in the order they were shown in."""
    return (generator("deap", subject.name, "order").permutation(subject.trials) + 1).tolist()


def signals(subject: DeapSubject, video: int, truth: TrialTruth, rate: float) -> Synthesiser:
    """Return the signals of a trial."""
    return Synthesiser(("deap", subject.name, str(video)), truth, rate, BASELINE_S, STIMULUS_S)


def held(subject: DeapSubject) -> list[int]:
    """Return the videos a subject's file has a trial of."""
    videos = sorted(truths(subject))
    if not subject.has("trials_missing"):
        return videos
    order = presentation(subject)
    lacking = {order[place] for place in _MISSING[: 3 if subject.number == 28 else 1]}
    return [video for video in videos if video not in lacking]


def write_preprocessed(subject: DeapSubject, folder: Path) -> None:
    """Write ``data_preprocessed_python/sNN.dat``."""
    path = folder / "data_preprocessed_python" / f"{subject.name}.dat"
    path.parent.mkdir(parents=True, exist_ok=True)
    if subject.has("pickle_runs"):
        path.write_bytes(dumps_that_runs("echo this must never run"))
        return
    if subject.unreadable:
        whole = dumps_dat(np.zeros((2, len(PREPROCESSED), 128)), np.full((2, 4), 5.0))
        path.write_bytes(whole if subject.has("other_shape") else whole[: len(whole) // 2])
        return
    known = truths(subject)
    videos = held(subject)
    data = np.stack([_preprocessed(subject, video, known[video]) for video in videos])
    labels = np.array([_ratings(subject, video, known[video])[:4] for video in videos])
    if subject.has("valence_missing"):
        labels[-1, 0] = np.nan
    path.write_bytes(dumps_dat(data, labels))


def _preprocessed(subject: DeapSubject, video: int, truth: TrialTruth) -> np.ndarray:
    """(40, 8064): as the owner leaves it, with the common average taken from the EEG and the baseline from the GSR."""
    made = signals(subject, video, truth, PREPROCESSED_HZ)
    eeg = made.eeg()
    ohm = 1e6 / made.conductance()
    trial = np.zeros((len(PREPROCESSED), PREPROCESSED_SAMPLES))
    trial[:32] = (eeg - eeg.mean(axis=1, keepdims=True)).T
    trial[32:34] = made.eog().T
    trial[34:36] = made.emg().T
    trial[36] = ohm - ohm[: round(BASELINE_S * PREPROCESSED_HZ)].mean()
    return trial


def write_original(subject: DeapSubject, folder: Path) -> None:
    """Write ``data_original/sNN.bdf``: the whole experiment, in the order of presentation."""
    path = folder / "data_original" / f"{subject.name}.bdf"
    sheet = _sheet(subject)
    if subject.unreadable:
        seconds = 1 if subject.has("one_second") else 4
        write_bdf(
            path, sheet, np.zeros((seconds * RATE, len(sheet.labels) - 1)), np.zeros(seconds * RATE, int)
        )
        if subject.has("bdf_cut"):
            path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
        return
    known, starts = truths(subject), start_times(subject)
    recorded = set(held(subject))
    length = round((max(starts.values()) + STIMULUS_S + 1) * RATE)
    values = np.zeros((length, len(sheet.labels) - 1))
    status = np.full(length, 0x18FF00 if subject.number < 30 else 0x58FF00, np.int64)
    for video, start in starts.items():
        if video in recorded:
            first = round((start - BASELINE_S) * RATE)
            made = signals(subject, video, known[video], RATE)
            values[first : first + made.count] = _recorded(subject, made, sheet)
            status[first : first + RATE // 10] |= FIXATION
            onset = first + round(BASELINE_S * RATE)
            status[onset : onset + RATE // 10] |= STIMULUS
    write_bdf(path, sheet, values, status)


def start_times(subject: DeapSubject) -> dict[int, float]:
    """Return video -> second in which it began, in the order of presentation; what was not recorded leaves a gap."""
    rng = generator("deap", subject.name, "starts")
    starts, at = {}, 4.0
    recorded = set(held(subject))
    for video in presentation(subject):
        starts[video] = round(at, 3)
        # the real gaps of some 100 s would only make the files larger
        at += (
            (STIMULUS_S + BASELINE_S + rng.uniform(1.0, 6.0)) if video in recorded else rng.uniform(8.0, 12.0)
        )
    return starts


def _sheet(subject: DeapSubject) -> Sheet:
    eeg = _TWENTE_EEG if subject.number <= 22 else EEG
    status = "" if subject.has("label_empty") else "-1" if subject.has("label_minus_one") else "Status"
    exg = [f"EXG{number}" for number in range(1, 9)]
    if subject.has("no_zygomaticus"):
        exg[4] = "EXG-"
    skin = "nS" if is_conductance("deap", subject.name) else "Ohm"
    labels = (*eeg, *exg, *_BESIDE, status)
    units = ("uV",) * (len(eeg) + len(exg)) + (skin, skin, *("uV",) * 5, "Boolean")
    return Sheet(labels, units, RATE)


def _recorded(subject: DeapSubject, made: Synthesiser, sheet: Sheet) -> np.ndarray:
    """(T, 47) as amplifiers see it: an offset a channel, the two electrodes of a pair with a signal in common."""
    rng = generator(*made.words, "electrodes")
    values = np.zeros((made.count, len(sheet.labels) - 1))
    place = {label: at for at, label in enumerate(sheet.labels)}
    values[:, [place[name] for name in EEG]] = made.eeg() + rng.uniform(-3000, 3000, len(EEG))
    pairs = np.column_stack([made.eog(), made.emg()])
    common = 30 * made._noise(rng, 4, 0.3, 30.0)
    offsets = rng.uniform(-3000, 3000, 8)
    values[:, 32:40:2] = common + pairs / 2 + offsets[::2]
    values[:, 33:40:2] = common - pairs / 2 + offsets[1::2]
    skin = made.conductance()
    values[:, place["GSR1"]] = 1e3 * skin if is_conductance("deap", subject.name) else 1e6 / skin
    return values


def write_metadata(subjects: tuple[DeapSubject, ...], folder: Path) -> None:
    """Write participant_ratings.csv, names of face videos, and strays."""
    lines = [_HEADER]
    for subject in subjects:
        known, starts = truths(subject), start_times(subject)
        for trial, video in enumerate(presentation(subject), 1):
            ratings = [f"{value:.2f}" for value in _ratings(subject, video, known[video])]
            if subject.has("familiarity"):
                ratings[4] = ""
            if subject.has("valence_missing") and video == max(held(subject)):
                ratings[0] = ""
            if subject.has("ratings_differ") and video == 1:
                ratings[3] = "1.00" if float(ratings[3]) > 5 else "9.00"
            start = round(starts[video] * 1e4) + 1_695_918  # tenths of milliseconds, from another beginning
            lines.append(",".join(map(str, (subject.number, trial, video, start, *ratings))))
    lines.append("33,one,1,,,,,,")
    (folder / "metadata_csv").mkdir(parents=True, exist_ok=True)
    (folder / "metadata_csv" / "participant_ratings.csv").write_text(
        "\n".join(lines) + "\n", encoding="utf-8"
    )
    (folder / ".DS_Store").write_bytes(b"\0\0\0\1Bud1")
    faces = folder / "face_video" / "s01"
    faces.mkdir(parents=True, exist_ok=True)
    for trial in range(1, 41):
        (faces / f"s01_trial{trial:02d}.avi").write_bytes(b"")


def _ratings(subject: DeapSubject, video: int, truth: TrialTruth) -> list[float]:
    """Valence, arousal, dominance, liking, familiarity."""
    rng = generator("deap", subject.name, str(video), "ratings")
    return [
        truth.valence,
        truth.arousal,
        *np.round(rng.uniform(1, 9, 2), 2).tolist(),
        float(rng.integers(1, 6)),
    ]
