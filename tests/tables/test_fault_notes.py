"""What a row's note says of the faults in its data."""

from __future__ import annotations

from pathlib import Path

from affectssm.store.atomic import write_json
from affectssm.store.faults import Fault
from affectssm.tables.fault_tables import fault_tables
from affectssm.tables.rows import gap_notes


def fault(code: str, participant: str = "expert", found: str = "", stream: str = "audio") -> Fault:
    return Fault("noxi", "001", participant, stream, code, found, "", "quarantined")


def test_files_with_unexpected_errors_are_counted_once() -> None:
    told = [
        fault("no_face"),
        fault("unexpected", found="KeyError: 1"),  # by one extractor
        fault("unexpected", found="KeyError: 2"),  # of the same file by another
        fault("unexpected", "novice"),
    ]
    assert gap_notes([], told) == [
        "4 faults in the data, listed beside the table",
        "2 files with unexpected errors",
    ]
    assert gap_notes([], told[:2])[1] == "1 file with unexpected errors"
    assert gap_notes(["003"], told[:1]) == [
        "incomplete, without 003",
        "1 fault in the data, listed beside the table",
    ]
    assert gap_notes([], []) == []


def test_subjects_whom_no_manifest_holds_are_named() -> None:
    lost = [fault("subject_missing", name, stream="") for name in ("s03", "s02")]
    assert gap_notes([], [*lost, fault("unsafe_file", "s02")])[0] == (
        "not counted, since no trial of theirs can be used: noxi s02, noxi s03"
    )


def test_the_faults_of_cutting_belong_to_tables_of_trials(tmp_path: Path) -> None:
    folder = tmp_path / "corpora" / "deap-x"
    write_json(folder / "shards.json", {"shards": {"s00": {"eeg": "1", "ratings": "2"}}, "splits": {}})
    found = [
        path.relative_to(tmp_path).as_posix() for path in fault_tables([folder], ["eeg", "emg", "ratings"])
    ]
    assert found == [
        "corpora/deap-x/faults.parquet",
        "features/deap-x/eeg/s00.faults.parquet",
        "features/deap-x/ratings/s00.faults.parquet",
        "segments/deap-x/s00.faults.parquet",
    ]
    assert not any("segments" in str(path) for path in fault_tables([folder], ["wav2vec2", "engagement"]))
