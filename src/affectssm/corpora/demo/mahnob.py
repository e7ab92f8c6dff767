"""Writes a small MAHNOB-HCI: Sessions/<N>/ with session.xml and the BDF of every trial."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from affectssm.corpora.channels import EEG
from affectssm.corpora.demo.bdf import Sheet, write_bdf
from affectssm.corpora.demo.physio_subjects import MahnobTrial
from affectssm.corpora.demo.physio_world import Synthesiser, TrialTruth, quadrants_of, truth_of
from affectssm.corpora.demo.seeds import generator

RATE = 256
AROUND_S = 30.0  # before the stimulus
AFTER_S = 4.0  # the owner's files go on for 30 s, which nobody reads
PULSE = 268
TRIALS = 20  # of the experiment, of every subject
_LABELS = (*EEG, *(f"EXG{n}" for n in range(1, 9)), "GSR1", "GSR2", "Erg1", "Erg2", "Resp", "Temp", "Status")
_UNITS = ("uV",) * 40 + ("Ohm", "Ohm", "uV", "uV", "uV", "degC", "Boolean")
SHEET = Sheet(_LABELS, _UNITS, RATE)
_BOMB = """<?xml version="1.0"?>
<!DOCTYPE session [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;">]>
<session sessionId="{folder}"><subject id="{subject}"/>&c;</session>
"""


def truth(trial: MahnobTrial, stimulus_s: float) -> TrialTruth:
    """Return what is planted in a trial."""
    quadrant = quadrants_of("mahnob", f"P{trial.subject}", TRIALS)[trial.trial - 1]
    return truth_of("mahnob", f"P{trial.subject}", trial.trial, quadrant, stimulus_s, whole=True)


def signals(trial: MahnobTrial, stimulus_s: float, before_s: float = AROUND_S) -> Synthesiser:
    """Return the signals of a trial, from ``before_s`` before its stimulus to its end."""
    words = ("mahnob", f"P{trial.subject}", str(trial.trial))
    return Synthesiser(words, truth(trial, stimulus_s), RATE, before_s, stimulus_s)


def write_trial(trial: MahnobTrial, stimulus_s: float, folder: Path) -> None:
    """Write a session with a stimulus."""
    home = folder / "Sessions" / str(trial.folder)
    home.mkdir(parents=True, exist_ok=True)
    name = f"Part_{trial.subject}_S_Trial{trial.trial}_emotion.bdf"
    seconds = stimulus_s if trial.planted else 5.0
    if trial.has("xml_bomb"):
        text = _BOMB.format(folder=trial.folder, subject=trial.subject)
        (home / "session.xml").write_text(text, encoding="utf-8")
    elif not trial.has("no_xml"):
        (home / "session.xml").write_text(_session_xml(trial, name, seconds), encoding="utf-8")
    if not trial.has("no_bdf"):
        _write_signals(trial, seconds, home / name)


def _write_signals(trial: MahnobTrial, stimulus_s: float, path: Path) -> None:
    around = AROUND_S if trial.planted or trial.has("idle_gsr") else 2.0
    made = signals(trial, stimulus_s, around)
    after = round(min(around, AFTER_S) * RATE)
    values = np.zeros((made.count + after, len(_LABELS) - 1))
    values[: made.count] = _recorded(trial, made)
    values[made.count :] = values[made.count - 1]  # the recorder runs on; nobody reads it
    status = np.zeros(len(values), np.int64)
    pulses = 1 if trial.has("one_pulse") else 3 if trial.has("three_pulses") else 2
    for edge in [round(around * RATE), made.count, made.count + RATE][:pulses]:
        status[edge : edge + RATE // 8] = PULSE
    sheet = SHEET
    if trial.has("no_gsr"):
        sheet = Sheet(tuple("GSR9" if label == "GSR1" else label for label in _LABELS), _UNITS, RATE)
    write_bdf(path, sheet, values, status)
    if trial.has("bdf_cut"):
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def _recorded(trial: MahnobTrial, made: Synthesiser) -> np.ndarray:
    rng = generator(*made.words, "electrodes")
    values = np.zeros((made.count, len(_LABELS) - 1))
    values[:, :32] = made.eeg() + rng.uniform(-3000, 3000, 32)
    values[:, 32:35] = made.ecg() + rng.uniform(-3000, 3000, 3)
    values[:, _LABELS.index("GSR1")] = 0.0 if trial.has("idle_gsr") else 1e6 / made.conductance()
    values[:, _LABELS.index("Resp")] = 16.0
    values[:, _LABELS.index("Temp")] = 32.0
    return values


def _session_xml(trial: MahnobTrial, signals_name: str, seconds: float) -> str:
    found = truth(trial, seconds)
    felt = f'feltArsl="{found.arousal:g}" feltVlnc="{found.valence:g}" feltCtrl="5" feltPred="4"'
    if trial.has("no_ratings"):
        felt = 'feltCtrl="5"'
    elif trial.has("valence_missing"):
        felt = f'feltArsl="{found.arousal:g}" feltVlnc="" feltCtrl="5" feltPred="4"'
    number = trial.folder + 1 if trial.has("other_id") else trial.folder
    return (
        '<?xml version="1.0" encoding="utf-8" standalone="yes"?>\n'
        f'<session sessionId="{number}" date="2009.07.09" time="12:00:00" isStim="1" '
        f'experimentType="1. Emotion elicitation experiment" feltEmo="0" {felt} cutNr="{trial.trial}" '
        f'cutLenSec="{seconds + AROUND_S + AFTER_S:g}" vidRate="60.9708" audRate="44100" '
        f'mediaFile="{trial.trial}.avi">\n'
        f'  <subject id="{trial.subject}" hci="1" />\n'
        f'  <track type="Physiological" filename="{signals_name}"><annotation /></track>\n'
        "</session>\n"
    )


def write_surroundings(folder: Path) -> None:
    """Write neutral clips, a tagging session, and strays."""
    sessions = folder / "Sessions"
    for subject in (1, 2):
        home = sessions / str(130 * (subject - 1) + 1)
        home.mkdir(parents=True, exist_ok=True)
        (home / "session.xml").write_text(
            f'<session sessionId="{home.name}" isStim="0" experimentType="1. Emotion elicitation experiment">\n'
            f'  <subject id="{subject}" />\n</session>\n',
            encoding="utf-8",
        )
        neutral = home / f"Part_{subject}_N_Trial1_emotion.bdf"
        write_bdf(neutral, SHEET, np.zeros((RATE, len(_LABELS) - 1)), np.zeros(RATE, int))
    home = sessions / "41"
    home.mkdir(parents=True, exist_ok=True)
    (home / "session.xml").write_text(
        '<session sessionId="41"><subject id="1"/></session>\n', encoding="utf-8"
    )
    (home / "Part_1_Trial1_taggingImages1.bdf").write_bytes(b"not read")
    (sessions / ".DS_Store").write_bytes(b"\0\0\0\1Bud1")
