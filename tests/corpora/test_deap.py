"""DEAP laid out by hand: what is refused, what becomes a fault, and that the rest goes on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from affectssm.corpora import deap
from affectssm.corpora.channels import EEG
from affectssm.corpora.deap_ratings import note_ratings, read_ratings
from affectssm.corpora.demo.bdf import Sheet, write_bdf
from affectssm.corpora.demo.pickle2 import dumps_dat, dumps_that_runs
from affectssm.corpora.manifest import Manifest
from affectssm.errors import ConfigError, DataError
from affectssm.settings.corpora import DeapSettings
from affectssm.store.faults import FaultLog
from tests.corpora.trees import codes

PREPROCESSED = DeapSettings(root="unused", shards=2)
ORIGINAL = DeapSettings(root="unused", shards=2, variant="original")
HEADER = "Participant_id,Trial,Experiment_id,Start_time,Valence,Arousal,Dominance,Liking,Familiarity"
RATE = 8  # Hz; small files
LABELS = (*EEG, *(f"EXG{n}" for n in range(1, 9)), "GSR1", "Status")
UNITS = (*("uV",) * 40, "nS", "Boolean")


def dat(folder: Path, name: str, trials: int, labels: np.ndarray | None = None) -> Path:
    path = folder / f"{name}.dat"
    path.parent.mkdir(parents=True, exist_ok=True)
    rated = np.full((trials, 4), 6.0) if labels is None else labels
    path.write_bytes(dumps_dat(np.zeros((trials, 40, 8064)), rated))
    return path


def table(folder: Path, lines: list[str], header: str = HEADER) -> Path:
    path = folder / "metadata_csv" / "participant_ratings.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join([header, *lines]) + "\n", encoding="utf-8-sig")
    return path


def line(subject: int, trial: int, video: int, start: float = 0, ratings: str = "6,6,6,6,3") -> str:
    return f"{subject},{trial},{video},{start * 1e4:.0f},{ratings}"


def bdf(folder: Path, name: str, onsets: list[float], seconds: int, labels: tuple[str, ...] = LABELS) -> Path:
    path = folder / f"{name}.bdf"
    status = np.full(seconds * RATE, 0x58FF00, np.int64)
    for onset in onsets:
        status[round(onset * RATE) : round(onset * RATE) + 4] |= 4
    values = np.ones((seconds * RATE, len(labels) - 1))
    write_bdf(path, Sheet(labels, UNITS, RATE), values, status)
    return path


def found(root: Path, settings: DeapSettings = PREPROCESSED) -> Manifest:
    return deap.discover(root, None, settings)


def recordings(manifest: Manifest) -> list[str]:
    return sorted({row.recording for row in manifest.rows})


def test_a_subject_with_37_trials_keeps_them_and_says_so(tmp_path: Path) -> None:
    dat(tmp_path, "s28", 37)
    manifest = found(tmp_path)
    assert len(recordings(manifest)) == 37
    assert codes(manifest) == ["trials_missing"]
    assert {row.shard for row in manifest.rows} == {manifest.rows[0].shard}


def test_which_trials_are_missing_is_told_by_their_ratings(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    rated = np.round(rng.uniform(1, 9, (6, 4)), 2)
    dat(tmp_path, "s28", 4, rated[[0, 2, 3, 5]])
    shown = rng.permutation(6)
    table(
        tmp_path,
        [line(28, t + 1, v + 1, ratings=",".join(map(str, rated[v])) + ",") for t, v in enumerate(shown)],
    )
    assert recordings(found(tmp_path)) == ["s28_v01", "s28_v03", "s28_v04", "s28_v06"]


def test_a_missing_rating_is_masked_and_the_trial_stays(tmp_path: Path) -> None:
    dat(tmp_path, "s01", 2, np.array([[5.0, np.nan, 3, 3], [0.5, 9.1, 3, 3]]))
    table(tmp_path, [line(1, 1, 1, ratings="5,,3,3,"), line(1, 2, 2, ratings=",,3,3,2")])
    manifest = found(tmp_path)
    assert len(recordings(manifest)) == 2
    faults = [fault for fault in manifest.faults.rows if fault.code == "rating_missing"]
    assert any(
        "arousal of video 1: nan; valence of video 2: 0.5; arousal of video 2: 9.1" in f.found for f in faults
    )
    assert {fault.action for fault in faults} == {"masked"}


def test_a_hostile_pickle_beside_good_ones_costs_its_subject_alone(tmp_path: Path) -> None:
    dat(tmp_path, "s01", 1)
    (tmp_path / "s02.dat").write_bytes(dumps_that_runs(f"touch {tmp_path / 'ran'}"))
    (tmp_path / "s03.dat").write_bytes(b"\x80\x02]q\x01.")
    (tmp_path / "s04.dat").write_bytes(b"")
    table(tmp_path, [line(n, 1, 1) for n in (1, 2, 3, 4)])
    manifest = found(tmp_path)
    assert recordings(manifest) == ["s01_v01"]
    assert not (tmp_path / "ran").exists()
    assert codes(manifest, participant="s02") == ["unsafe_file", "subject_missing"]
    assert codes(manifest, participant="s03") == ["signal_shape", "subject_missing"]
    assert codes(manifest, participant="s04") == ["unreadable_file", "subject_missing"]


def test_strays_and_copies_are_left_alone(tmp_path: Path) -> None:
    dat(tmp_path / "a", "s01", 1)
    dat(tmp_path / "b", "s01", 1)
    for name in (".DS_Store", "._s01.dat", "s1.dat", "s01 copy.dat"):
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / "readme.txt").write_text("x")
    table(tmp_path, [line(1, 1, 1)])
    manifest = found(tmp_path)
    assert {row.path for row in manifest.rows} == {"a/s01.dat"}
    assert sorted(codes(manifest)) == ["duplicate_stream", *["stray_file"] * 4]


def test_trials_of_the_original_are_joined_by_the_order_of_presentation(tmp_path: Path) -> None:
    bdf(tmp_path, "s01", [5, 80, 160], 221)
    table(tmp_path, [line(1, 2, 10, 80), line(1, 1, 30, 5), line(1, 3, 20, 160)])
    manifest = found(tmp_path, ORIGINAL)
    starts = {row.recording: row.start_s for row in manifest.rows}
    assert starts == {"s01_v30": 2.0, "s01_v10": 77.0, "s01_v20": 157.0}
    assert {row.kind for row in manifest.rows} == {"eeg", "eog", "emg", "gsr", "ratings"}
    assert "stream_rate_decided" in codes(manifest)
    ratings = {row.path for row in manifest.rows if row.kind == "ratings"}
    assert ratings == {"metadata_csv/participant_ratings.csv"}


def test_a_trial_that_runs_over_the_end_is_left_out(tmp_path: Path) -> None:
    bdf(tmp_path, "s01", [2, 80], 130)
    table(tmp_path, [line(1, 1, 1, 2), line(1, 2, 2, 80)])
    with pytest.raises(DataError, match="signal_too_short"):
        found(tmp_path, ORIGINAL)


def test_onsets_nobody_can_tell_are_never_guessed(tmp_path: Path) -> None:
    bdf(tmp_path, "s01", [5, 105], 170)
    bdf(tmp_path, "s02", [5], 70)
    table(tmp_path, [*(line(1, n, n, 100 * n) for n in range(1, 5)), line(2, 1, 1)])
    manifest = found(tmp_path, ORIGINAL)
    assert recordings(manifest) == ["s02_v01"]
    assert "trials_unmatched" in codes(manifest, participant="s01")


def test_a_recording_cut_in_half_and_one_of_a_second(tmp_path: Path) -> None:
    cut = bdf(tmp_path, "s01", [5], 70)
    cut.write_bytes(cut.read_bytes()[: cut.stat().st_size // 2])
    bdf(tmp_path, "s02", [0.2], 1)
    bdf(tmp_path, "s03", [5], 70)
    table(tmp_path, [line(n, 1, 1) for n in (1, 2, 3)])
    manifest = found(tmp_path, ORIGINAL)
    assert recordings(manifest) == ["s03_v01"]
    assert codes(manifest, participant="s01") == ["truncated_media", "subject_missing"]
    assert codes(manifest, participant="s02")[-2:] == ["signal_too_short", "subject_missing"]


def test_a_modality_without_its_channels_is_left_out(tmp_path: Path) -> None:
    double = tuple("EXG1" if label == "EXG2" else label for label in LABELS)
    bdf(tmp_path, "s01", [5], 70, double)
    table(tmp_path, [line(1, 1, 1)])
    manifest = found(tmp_path, ORIGINAL)
    assert {row.kind for row in manifest.rows} == {"eeg", "emg", "gsr", "ratings"}
    (fault,) = [fault for fault in manifest.faults.rows if fault.code == "channel_missing"]
    assert "several channels labelled EXG1" in fault.found or "no channel EXG2" in fault.found


@pytest.mark.parametrize("text", ["a,b,c\n1,2,3\n", "", "\0\xff"])
def test_a_table_of_other_columns_is_refused(tmp_path: Path, text: str) -> None:
    dat(tmp_path, "s01", 1)
    table(tmp_path, []).write_text(text)
    with pytest.raises(DataError, match="Participant_id"):
        found(tmp_path)


def test_a_table_with_semicolons_and_lines_that_do_not_read(tmp_path: Path) -> None:
    dat(tmp_path, "s01", 2)
    lines = [line(1, 1, 1), line(1, 2, 2), line(1, 2, 3), "1,x,3,,,,,,", ",", line(1, 0, 4)]
    table(tmp_path, [text.replace(",", ";") for text in lines], HEADER.replace(",", ";"))
    manifest = found(tmp_path)
    assert recordings(manifest) == ["s01_v01", "s01_v02"]
    (fault,) = manifest.faults.rows
    assert (fault.code, fault.found) == (
        "ratings_unparsable",
        "lines 4, 5, 7; line 4 is '1;2;3;0;6;6;6;6;3'",
    )


def test_roots_without_a_trial_say_what_is_there(tmp_path: Path) -> None:
    (tmp_path / "face_video").mkdir()
    with pytest.raises(DataError, match="the folder holds face_video"):
        found(tmp_path)
    with pytest.raises(DataError, match="no such folder"):
        found(tmp_path / "nowhere")
    with pytest.raises(ConfigError):
        deap.discover(tmp_path, tmp_path, PREPROCESSED)
    bdf(tmp_path, "s01", [5], 70)
    with pytest.raises(DataError, match=r"no participant_ratings\.csv"):
        found(tmp_path, ORIGINAL)


def test_a_recording_that_was_never_closed_keeps_the_trials_that_are_there(tmp_path: Path) -> None:
    path = bdf(tmp_path, "s01", [5, 80], 150)
    data = bytearray(path.read_bytes())
    data[236:244] = b"-1      "
    path.write_bytes(data[:-1000])
    table(tmp_path, [line(1, 1, 1, 5), line(1, 2, 2, 80)])
    manifest = found(tmp_path, ORIGINAL)
    assert recordings(manifest) == ["s01_v01", "s01_v02"]
    (fault,) = [fault for fault in manifest.faults.rows if fault.code == "unclosed_recording"]
    assert fault.participant == "s01"
    assert "-1 records by the header; 149 whole ones (149 s)" in fault.found


SPREADSHEET = "Participant_id;Trial;Experiment_id;Start_time;Valence;Arousal;Dominance;Liking;Familiarity"
SAVED_AGAIN = [
    "1;1;5;1695918;7,71;7,60;6,9;7,83;4",
    "1;2;18;2714905;8,1;7,31;7,28;8,47;",
    "1;3;4;3586768;8,58;7,54;9;7,08;4",
]


@pytest.mark.parametrize(
    ("delimiter", "encoding"),
    [
        (";", "utf-8"), (";", "utf-8-sig"), (";", "latin-1"), (";", "utf-16"), (";", "utf-16-le"), (";", "utf-16-be"),
        (";", "utf-32"), ("\t", "utf-8"), ("\t", "utf-16"), (',"', "utf-8"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_a_table_that_a_spreadsheet_saved_again_is_read(
    tmp_path: Path, delimiter: str, encoding: str, end: str
) -> None:
    """Semicolons, tabs or quoted fields, with decimal commas, in any encoding."""
    lines = [SPREADSHEET, *SAVED_AGAIN, ";;;;;;;;", ""]
    lines = ["sep=;", *lines] if encoding == "utf-16" and delimiter == ";" else lines
    if delimiter == ',"':
        lines = [",".join(f'"{field}"' for field in text.split(";")) for text in lines]
    else:
        lines = [text.replace(";", delimiter) for text in lines]
    path = tmp_path / "participant_ratings.csv"
    path.write_bytes(end.join(lines).encode(encoding))
    found = read_ratings(path)
    assert [(trial.video, trial.start, trial.ratings["valence"]) for trial in found.of(1)] == [
        (5, 1695918, 7.71), (18, 2714905, 8.1), (4, 3586768, 8.58),
    ]  # fmt: skip
    assert [trial.ratings["arousal"] for trial in found.of(1)] == [7.6, 7.31, 7.54]
    assert "familiarity" not in found.of(1)[1].ratings and not any(trial.unusable for trial in found.of(1))
    assert not found.bad_lines
    wide = encoding.startswith(("utf-16", "utf-32"))
    assert [code for code, _ in found.problems] == (["wide_text"] if wide else [])


def test_a_latin1_table_and_wide_text_are_reported(tmp_path: Path) -> None:
    dat(tmp_path, "s01", 1)
    path = table(tmp_path, [])
    for extra, encoding, code in (
        ("Liking (gr\u00fcn)", "latin-1", "latin1_text"),
        ("Liking", "utf-16", "wide_text"),
    ):
        path.write_bytes(f"{HEADER},{extra}\n1,1,1,0,6,6,6,6,5,x\n".encode(encoding))
        assert codes(found(tmp_path)) == [code]


def test_text_that_is_no_rating_is_quoted_and_not_called_missing(tmp_path: Path) -> None:
    dat(tmp_path, "s01", 3)
    table(
        tmp_path,
        [
            line(1, 1, 1, ratings="7.7.1,6,6,6,"),
            line(1, 2, 2, ratings=",12,6,6,3"),
            line(1, 3, 3, ratings="high,6,6,6,3"),
        ],
    )
    rows = {(row.code, row.found) for row in found(tmp_path).faults.rows}
    assert rows == {
        ("ratings_unparsable", "valence of 2 of 3 trials; of video 1: '7.7.1'"),
        ("rating_missing", "no valence in 1 of 3 trials: videos 2"),
        ("rating_missing", "arousal of 1 of 3 trials; of video 2: '12'"),
        ("rating_missing", "no familiarity in 1 of 3 trials: videos 1"),
    }


@pytest.mark.parametrize(
    ("bad", "quote"),
    [
        (
            "1,2,2,0,7,71,7,60,6,9,7,83",
            "line 3 is '1,2,2,0,7,71,7,60,6,9,7,83'",
        ),  # decimal commas between commas
        ('1,2,2,0,"6,6,6,6,3', "lines 3; line 3 is"),  # a quote that is not closed
        ("1,2,2.5,0,6,6,6,6,3", "lines 3;"),
        ("one,2,2,0,6,6,6,6,3", "lines 3;"),
    ],
)
def test_a_line_that_does_not_read_costs_itself_alone(tmp_path: Path, bad: str, quote: str) -> None:
    path = table(tmp_path, [line(1, 1, 1), bad, line(1, 3, 3)])
    found = read_ratings(path)
    assert [trial.video for trial in found.of(1)] == [1, 3]
    assert [at for at, _ in found.bad_lines] == [3]
    log = FaultLog("deap")
    note_ratings(found, log)
    (fault,) = [row for row in log.rows if row.code == "ratings_unparsable"]
    assert quote in fault.found


def test_a_table_of_which_nothing_reads_is_refused_with_its_text(tmp_path: Path) -> None:
    path = table(tmp_path, ["1,2,2,0,7,71,7,60,6,9,7,83"])
    with pytest.raises(DataError, match="no line that reads; line 2 is '1,2,2,0,7,71"):
        read_ratings(path)
    path = table(tmp_path, ["1;1;7,71;7,60"], "Participant_id;Trial;Valence;Arousal")
    with pytest.raises(DataError, match=r"first line is .*Participant_id;Trial;Valence;Arousal"):
        read_ratings(path)
    path.write_bytes("\ufeff".encode("utf-16-le") + b"odd")
    with pytest.raises(DataError, match=r"(?i)utf-16"):
        read_ratings(path)
