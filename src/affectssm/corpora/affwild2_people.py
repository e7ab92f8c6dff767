"""Who is in Aff-Wild2: a person for each annotation and each test name, with the files that belong to it."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from affectssm.corpora.affwild2_files import Files, recording_of, video_of
from affectssm.corpora.affwild2_tests import Listed, read_listed
from affectssm.corpora.listing import Entry
from affectssm.errors import DataError
from affectssm.store.boundary import boundary
from affectssm.store.faults import FaultLog
from affectssm.store.ids import EXPECTED, is_id


@dataclass(frozen=True)
class Person:
    """A person of a video, by the owner's name for the annotation and the pictures.

    Attributes:
        split: train, val or test.
        recording: the video, which two people may share.
        name: the person.
        annotation, crops, video: the files; None where there are none.
        template: of a test person, the file that lists its frames; ``listed`` says how many, ``furthest`` the last.
    """

    split: str
    recording: str
    name: str
    annotation: Entry | None
    crops: Entry | None
    video: Entry | None
    template: Entry | None = None
    listed: int = 0
    furthest: int = 0


@dataclass(frozen=True)
class Tests:
    """Names of the test part, and the template that lists their frames, where there is one."""

    names: tuple[str, ...] = ()
    template: tuple[Entry, Listed] | None = None


def read_tests(root: Path, files: Files, log: FaultLog) -> Tests:
    """Read the list of test videos and the template; names of either are test videos."""
    read: dict[bool, list[tuple[Entry, Listed]]] = {True: [], False: []}
    for entry in files.tests:
        try:
            with boundary(root / entry.rel):
                found = read_listed(root / entry.rel)
        except DataError as error:
            log.add(
                error.code or "unreadable_file", stream=entry.rel, found=error.found, expected=error.expected,
                action="quarantined",
            )  # fmt: skip
            continue
        read[bool(len(found.number))].append((entry, found))
        for problem in found.problems:
            log.add(
                "test_list_lines", stream=entry.rel, found=problem, expected="a name, or a picture, a line",
                action="ignored",
            )  # fmt: skip
    for several in read.values():
        if len(several) > 1:
            found_in = ", ".join(entry.rel for entry, _ in several)
            log.add(
                "duplicate_stream", stream="test list", found=found_in,
                expected=f"one file; {several[0][0].rel} was taken", action="decided",
            )  # fmt: skip
    listed, templates = read[False], read[True]
    names = listed[0][1].names if listed else ()
    framed = templates[0][1].names if templates else ()
    _note_differences(names, framed, log)
    return Tests(tuple(dict.fromkeys((*names, *framed))), templates[0] if templates else None)


def _note_differences(names: tuple[str, ...], framed: tuple[str, ...], log: FaultLog) -> None:
    if not names or not framed:
        return
    for name in sorted(set(names) ^ set(framed)):
        where = "the test list alone" if name in names else "the template alone"
        log.add(
            "test_list_differs",
            recording=recording_of(name) if is_id(name) else "",
            participant=name if is_id(name) else "",
            found=f"in {where}",
            expected="in both; it was taken for a test video",
            action="decided",
        )


def people_of(files: Files, tests: Tests, log: FaultLog) -> list[Person]:
    """Return the people that can be used, with their files.

    A recording that occurs in several splits is left out, with both people: one of them would be learned from, the
    other tested on.
    """
    named = {split: sorted(found) for split, found in files.annotations.items()}
    named["test"] = sorted(tests.names)
    splits: dict[str, set[str]] = defaultdict(set)
    for split, names in named.items():
        for name in names:
            splits[recording_of(name)].add(split)
    bad = _note_recordings(splits, log)
    _note_editions(files, log)
    people = []
    for split, names in named.items():
        for name in names:
            if not is_id(name):
                log.add("unsafe_id", found=ascii(name), expected=EXPECTED, action="quarantined")
            elif recording_of(name) not in bad:
                people.append(_person(split, name, files, tests, log))
    return people


def _note_recordings(splits: Mapping[str, set[str]], log: FaultLog) -> set[str]:
    """Return the recordings that occur in several splits, and report them."""
    bad = {recording for recording, found in splits.items() if len(found) > 1}
    for recording in sorted(bad):
        log.add(
            "duplicate_recording",
            recording=recording if is_id(recording) else "",
            found=f"in {', '.join(sorted(splits[recording]))}",
            expected="in one split, with all people of the video",
            action="quarantined",
        )
    return bad


def _note_editions(files: Files, log: FaultLog) -> None:
    """Report annotations that are there in several editions; the newest is taken."""
    several = [found for names in files.annotations.values() for found in names.values() if len(found) > 1]
    if several:
        taken = sorted({"/".join(newest(found).parts[:-1]) for found in several})
        log.add(
            "duplicate_stream",
            stream="annotation",
            found=f"{len(several)} annotations in several folders",
            expected=f"one edition; those of {', '.join(taken)} were taken",
            action="decided",
        )


def newest(entries: Iterable[Entry]) -> Entry:
    """Return the annotation of the latest edition, which the folders' names number: ``8th ABAW Annotations``."""
    return max(
        entries, key=lambda entry: ([int(one) for one in re.findall(r"\d+", "/".join(entry.parts[:-1]))])
    )


def _person(split: str, name: str, files: Files, tests: Tests, log: FaultLog) -> Person:
    recording = recording_of(name)
    annotations = files.annotations.get(split, {}).get(name)
    numbers = np.zeros(0, np.int32)
    if split == "test" and tests.template is not None:
        numbers = tests.template[1].frames_of(name)
    return Person(
        split, recording, name,
        newest(annotations) if annotations else None,
        _first(files.crops.get(name, []), "crops", recording, name, log),
        _first(video_of(name, files), "video", recording, name, log),
        tests.template[0] if tests.template is not None and len(numbers) else None,
        len(numbers), int(numbers.max(initial=0)),
    )  # fmt: skip


def _first(entries: list[Entry], kind: str, recording: str, name: str, log: FaultLog) -> Entry | None:
    """Return the first of several files for one thing, in the order of their paths, and report the others."""
    if len(entries) > 1:
        log.add(
            "duplicate_stream",
            recording=recording,
            participant=name,
            stream=kind,
            found=", ".join(entry.rel for entry in entries),
            expected=f"one; {entries[0].rel} was taken",
            action="decided",
        )
    return entries[0] if entries else None
