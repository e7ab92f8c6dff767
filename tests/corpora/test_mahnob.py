"""MAHNOB-HCI laid out by hand: one fault a session, and the others go on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from affectssm.corpora import mahnob
from affectssm.corpora.channels import EEG
from affectssm.corpora.demo.bdf import Sheet, write_bdf
from affectssm.corpora.manifest import Manifest
from affectssm.errors import DataError
from affectssm.settings.corpora import TrialCorpusSettings
from tests.corpora.trees import codes

RATE = 16  # Hz; small files
LABELS = (*EEG, "EXG1", "EXG2", "EXG3", "GSR1", "Status")
SHEET = Sheet(LABELS, (*("uV",) * 35, "Ohm", "Boolean"), RATE)
FELT = 'feltVlnc="3" feltArsl="7"'


def session(
    root: Path,
    folder: int,
    subject: int = 1,
    trial: int | None = None,
    felt: str = FELT,
    name: str = "",
    pulses=(30, 42),
) -> Path:
    home = root / "Sessions" / str(folder)
    home.mkdir(parents=True)
    (home / "session.xml").write_text(
        f'<session sessionId="{folder}" isStim="1" {felt}><subject id="{subject}"/></session>'
    )
    trial = (folder - 130 * (subject - 1)) // 2 if trial is None else trial
    status = np.zeros(60 * RATE, np.int64)
    for pulse in pulses:
        status[round(pulse * RATE) : round(pulse * RATE) + 2] = 0x10000 | 268
    path = home / (name or f"Part_{subject}_S_Trial{trial}_emotion.bdf")
    write_bdf(path, SHEET, np.ones((len(status), 36)), status)
    return path


def found(root: Path) -> Manifest:
    return mahnob.discover(root, None, TrialCorpusSettings(root="unused", shards=3))


def test_a_trial_lies_between_its_two_pulses(tmp_path: Path) -> None:
    session(tmp_path, 2)
    manifest = found(tmp_path)
    assert [row.kind for row in manifest.rows] == ["eeg", "ecg", "gsr", "ratings"]
    row = manifest.rows[0]
    assert (row.recording, row.participant, row.fold_group, row.split) == ("2", "P1", "P1", "all")
    assert (row.start_s, row.baseline_s, row.duration_s, row.frames, row.dim) == (0, 30, 42, 42 * RATE, 32)
    assert codes(manifest) == ["stream_rate_decided"]


@pytest.mark.parametrize(
    ("pulses", "code"),
    [
        ((), "status_edges"),
        ((30,), "status_edges"),
        ((30, 40, 41), "status_edges"),
        ((30, 31), "signal_too_short"),
    ],
)
def test_other_pulses_are_never_guessed_about(tmp_path: Path, pulses: tuple, code: str) -> None:
    session(tmp_path, 2)
    session(tmp_path, 4, pulses=pulses)
    manifest = found(tmp_path)
    assert {row.recording for row in manifest.rows} == {"2"}
    assert code in codes(manifest, recording="4")


@pytest.mark.parametrize(
    ("felt", "kept"),
    [
        ('feltVlnc="3"', True),
        ('feltVlnc="" feltArsl="12"', False),
        ("", False),
        ('feltArsl="4" feltVlnc="x"', True),
    ],
)
def test_ratings_that_are_missing(tmp_path: Path, felt: str, kept: bool) -> None:
    session(tmp_path, 2)
    session(tmp_path, 4, felt=felt)
    manifest = found(tmp_path)
    assert ("4" in {row.recording for row in manifest.rows}) == kept
    assert "rating_missing" in codes(manifest, recording="4")


def test_neutral_clips_and_tagging_are_counted_not_read(tmp_path: Path) -> None:
    session(tmp_path, 2)
    session(tmp_path, 3, name="Part_1_N_Trial2_emotion.bdf").write_bytes(b"never opened")
    session(tmp_path, 60, name="Part_1_Trial4_taggingVideos.bdf").write_bytes(b"never opened")
    manifest = found(tmp_path)
    assert sorted(codes(manifest)) == ["neutral_trials", "stream_rate_decided", "tagging_sessions"]


def test_recordings_that_lack_files_are_skipped(tmp_path: Path) -> None:
    session(tmp_path, 2)
    session(tmp_path, 1854, subject=15).unlink()
    (session(tmp_path, 6).parent / "session.xml").unlink()
    session(tmp_path, 8).write_bytes(b"")
    (tmp_path / "Sessions" / "9").mkdir()
    manifest = found(tmp_path)
    assert {row.recording for row in manifest.rows} == {"2"}
    assert codes(manifest, recording="1854") == ["missing_stream"]
    assert codes(manifest, participant="P15") == ["missing_stream", "subject_missing"]
    assert codes(manifest, recording="6") == ["missing_annotation"]
    assert codes(manifest, recording="8") == ["unreadable_file"]


def test_the_session_says_who_it_was(tmp_path: Path) -> None:
    session(tmp_path, 2, subject=7, trial=1, name="Part_1_S_Trial1_emotion.bdf")
    manifest = found(tmp_path)
    assert {row.participant for row in manifest.rows} == {"P7"}
    (fault,) = [fault for fault in manifest.faults.rows if fault.code == "session_id_odd"]
    assert fault.found == "signals of subject 1; trial 1, whose folder would be 782"


def test_a_subject_id_that_would_leave_the_folder_is_refused(tmp_path: Path) -> None:
    session(tmp_path, 2)
    other = session(tmp_path, 4)
    (other.parent / "session.xml").write_text(f'<session {FELT}><subject id="../../x"/></session>')
    manifest = found(tmp_path)
    assert {row.recording for row in manifest.rows} == {"2"}
    assert codes(manifest, recording="4") == ["unsafe_id"]


def test_folders_found_twice_and_roots_without_a_trial(tmp_path: Path) -> None:
    session(tmp_path / "a", 2)
    session(tmp_path / "b", 2)
    manifest = found(tmp_path)
    assert {row.path.split("/")[0] for row in manifest.rows} == {"a"}
    assert "duplicate_recording" in codes(manifest)
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="no trial that can be used; the folder holds nothing"):
        found(tmp_path / "empty")


def test_ratings_with_commas_are_read_and_text_that_is_none_is_quoted(tmp_path: Path) -> None:
    session(tmp_path, 2, felt='feltVlnc="3,5" feltArsl="7" feltCtrl="x y" feltPred="12"')
    session(tmp_path, 4, felt='feltVlnc="3;5" feltArsl="7"')
    manifest = found(tmp_path)
    assert {row.recording for row in manifest.rows} == {"2", "4"}
    rows = {(row.recording, row.code, row.found) for row in manifest.faults.rows if "rating" in row.code}
    assert rows == {
        ("2", "ratings_unparsable", "dominance 'x y'"),
        ("2", "rating_missing", "predictability '12'"),
        ("4", "ratings_unparsable", "valence '3;5'"),
        ("4", "rating_missing", "valence '3;5'"),
    }


def test_a_session_saved_in_latin1_costs_nothing(tmp_path: Path) -> None:
    path = session(tmp_path, 2).with_name("session.xml")
    path.write_bytes(
        path.read_text().replace("<session", '<session mediaFile="\u00fc.avi"').encode("latin-1")
    )
    assert "latin1_text" in codes(found(tmp_path), recording="2")


def test_a_recording_that_was_never_closed_is_used(tmp_path: Path) -> None:
    path = session(tmp_path, 2)
    whole = path.read_bytes()
    path.write_bytes(whole[:236] + b"-1      " + whole[244:])
    manifest = found(tmp_path)
    assert {row.recording for row in manifest.rows} == {"2"}
    assert "unclosed_recording" in codes(manifest, recording="2")
