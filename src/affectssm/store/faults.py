"""The fault table: what was wrong with the data, and what was done instead of guessing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

Action = Literal["masked", "truncated", "quarantined", "ignored", "decided"]

CODES: dict[str, str] = {
    # annotations
    "missing_annotation": "a participant of a labelled split has no annotation file",
    "label_not_a_number": "annotation lines that are blank, nan, -nan(ind) or no number",
    "label_out_of_range": "annotation values outside [0, 1]",
    "label_rows_differ": "annotation and streams have different numbers of rows",
    "label_empty": "an annotation file without a single valid value",
    "latin1_text": "a text file that is not UTF-8, read as latin-1",
    "labels_withheld": "a test part without labels",
    "ground_truth_unmatched": "ground-truth labels that belong to no session of the corpus, or none at all",
    "wide_text": "a text file in UTF-16 or UTF-32 instead of UTF-8, read as such",
    "segment_unparsable": "annotation lines that are not start;end;text;confidence",
    "unreadable_file": "a file or folder that cannot be read",
    "unexpected": "a file at which a reader failed as nobody foresaw; the traceback is in the log",
    # streams
    "missing_stream": "a participant, or a whole corpus, without one of the supplied streams",
    "duplicate_stream": "two files for the same stream of a participant",
    "stream_empty": "a stream without rows",
    "stream_long_body": "a stream body longer than its header promises",
    "stream_missing_header": "a stream body without its header",
    "stream_short_body": "a stream body shorter than its header promises",
    "stream_missing_body": "a stream header without its body",
    "stream_bad_header": "a stream header that cannot be used",
    "stream_header_repaired": "a stream header that is not XML, read by pattern",
    "stream_rate_decided": "a stream whose header gives the wrong rate",
    "stream_low_rate": "a stream at a far lower rate than the corpus usually has",
    "stream_dim_unexpected": "a stream with an unexpected dimension",
    "stream_lengths_differ": "a stream that ends at another time than the recording",
    "stream_not_finite": "a stream with values that are not finite",
    # media
    "no_raw_media": "a participant without raw audio or video",
    "unreadable_media": "a media file that cannot be opened",
    "truncated_media": "a media file that ends before its header says",
    "several_streams": "a media file with several streams of a kind, of which one was taken",
    "bad_timestamps": "pictures or sound whose times are absent or do not rise",
    "video_hole": "a video with seconds without pictures",
    "late_start": "a stream that starts after the recording does",
    "sound_length": "a sound file whose header says another length than its sound has",
    "sound_changes": "a sound track whose rate or channels change midway, brought to one",
    "channels_cancel": "a sound track with channels that cancel each other; one of them was used",
    "silent_channel": "a sound track with a channel that holds no sound; it was left out",
    "audio_hole": "a sound track with a hole, filled with silence",
    "empty_media": "a media file without a single picture or sample",
    "no_video_stream": "a media file without a video stream",
    "no_audio_stream": "a media file without an audio stream",
    "audio_from_video": "no sound file, but sound in the video",
    "silent_audio": "a sound track of zeros, or quieter throughout than a step of 16-bit sound",
    "no_rows": "a file that does not give a single row of a feature",
    "feature_not_finite": "rows of a feature that are not finite",
    "no_face": "a video in which no face was found",
    "face_missing_frames": "a video with frames without a face",
    "other_face": "a video in which the face in view is at times another person's",
    "several_faces": "a video with more than one face in view, of which one was followed",
    "face_jump": "a face that is at once at another place, as after a cut",
    # trials of bio-signals
    "unsafe_file": "a file that asks for more than data (a pickle that would run something, XML with entities)",
    "signal_shape": "a file of signals in another shape than the corpus has",
    "signal_too_short": "a recording that ends before its trial does",
    "unclosed_recording": "a recording that was never closed, whose header gives no length; read to its end",
    "signal_not_finite": "samples that are not finite",
    "signal_idle": "a channel that is constant throughout a trial",
    "channel_missing": "a file without a channel that is needed, or with two of the name",
    "unit_decided": "a channel whose unit was decided by the owner's documentation",
    "status_label": "a status channel that is not labelled Status, taken by its place",
    "status_high_bits": "status words with bits beside the code, masked",
    "status_edges": "another number of status pulses than a trial has",
    "baseline_unexpected": "a stimulus that begins at another time than it should",
    "trials_missing": "a subject with fewer trials than were rated",
    "trials_unmatched": "stimulus onsets that cannot be told to the rated trials",
    "rating_missing": "a trial without a rating, or with one outside the scale",
    "ratings_differ": "ratings in a signal file that differ from the table of ratings",
    "ratings_unparsable": "lines of a table of ratings that cannot be read, or text where a rating belongs",
    "session_id_odd": "a session whose folder, id and subject do not agree",
    "subject_missing": "a subject without a trial that can be used",
    "neutral_trials": "neutral clips, which nobody rated",
    "tagging_sessions": "sessions of another experiment in the same tree",
    "face_video_missing": "a subject with fewer face videos than trials (none is used here)",
    "stray_file": "a file that is none of the corpus",
    # structure
    "empty_seat": "a seat of a group that nobody occupies",
    "visual_without_audio": "a participant with visual streams but no audio",
    "unknown_role": "files of a role that is no participant",
    "no_partner": "a recording with a single participant",
    "partner_short": "a partner who is not there as long as the participant",
    "not_a_session": "a folder beside the sessions that is none",
    "own_output": "a folder below the root that affectssm wrote itself",
    "unsafe_id": "a name that cannot become a path",
    "duplicate_recording": "a recording that occurs in more than one split",
    "parallel_tree": "labels or media in another tree than the streams",
}


@dataclass(frozen=True)
class Fault:
    """One row of the fault table."""

    corpus: str
    recording: str
    participant: str
    stream: str
    code: str
    found: str
    expected: str
    action: str


COLUMNS = tuple(Fault.__dataclass_fields__)


class FaultLog:
    """Collects the faults of one corpus."""

    def __init__(self, corpus: str, rows: Iterable[Fault] = ()) -> None:
        self.corpus = corpus
        self.rows: list[Fault] = list(rows)

    def add(
        self,
        code: str,
        *,
        action: Action,
        recording: str = "",
        participant: str = "",
        stream: str = "",
        found: str = "",
        expected: str = "",
    ) -> None:
        """Add a row; ``code`` is one of :data:`CODES`."""
        if code not in CODES:
            raise KeyError(f"{code} is not a fault code; add it to {__name__}.CODES")
        self.rows.append(Fault(self.corpus, recording, participant, stream, code, found, expected, action))

    def write(self, path: Path | str, card: Mapping[str, Any]) -> None:
        """Write the rows, sorted, as Parquet."""
        write_faults(path, self.rows, card)


def write_faults(path: Path | str, rows: Iterable[Fault], card: Mapping[str, Any]) -> None:
    """Write fault rows, sorted, as Parquet."""
    import pyarrow as pa

    from affectssm.store.parquet import write_parquet

    ordered = sorted(rows, key=lambda row: tuple(asdict(row).values()))
    schema = pa.schema([(name, pa.string()) for name in COLUMNS])
    write_parquet(path, {name: [getattr(row, name) for row in ordered] for name in COLUMNS}, schema, card)


def read_faults(path: Path | str) -> list[Fault]:
    """Read a fault table."""
    from affectssm.store.parquet import read_parquet

    return [Fault(**row) for row in read_parquet(path).to_pylist()]
