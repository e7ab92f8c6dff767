"""What a root and its participants lack: files that are none, labels, streams, raw media.

Said once where a whole corpus lacks it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from affectssm.corpora.listing import Listing
from affectssm.corpora.manifest import is_test_split
from affectssm.corpora.people import Present
from affectssm.store.faults import FaultLog
from affectssm.vocabulary.kinds import STREAM_KINDS

# openface3 came with the same edition as dino; MPIIGI has the one and lacks the other
_SIBLINGS = {"extra/openface3": "extra/dino"}


def note_listing(listing: Listing, log: FaultLog) -> None:
    """Report what lies below a root and was not looked at."""
    for rel, reason in listing.unreadable:
        log.add("unreadable_file", stream=rel, found=reason, expected="a readable file", action="ignored")
    for rel in listing.own:
        log.add(
            "own_output", stream=rel, found="a folder that affectssm wrote", expected="the owner's files",
            action="ignored",
        )  # fmt: skip


def note_absent(people: list[Present], kinds: Iterable[str], log: FaultLog) -> None:
    """Report labels, and streams and media of some kinds, that are not there.

    Files that cannot be used have had their row.
    """
    _note_labels(people, log)
    for kind in kinds:
        if kind in STREAM_KINDS:
            _note_kind(kind, "missing_stream", "a stream of the multimediate set", people, log)
        else:
            _note_kind(kind, "no_raw_media", f"raw {kind}, for the extracted features", people, log)
    for kind, sibling in _SIBLINGS.items():
        shipped = any(sibling in person.sources for person in people)
        if shipped and not any(kind in person.sources for person in people):
            expected = "a stream that is not used here"
            log.about().add("missing_stream", kind, "no participant has it", expected, "ignored")


def _note_labels(people: list[Present], log: FaultLog) -> None:
    lacking: dict[str, list[Present]] = defaultdict(list)
    for person in people:
        if "annotation" not in person.sources:
            lacking[person.split].append(person)
    for split, without in sorted(lacking.items()):
        everyone = sum(person.split == split for person in people)
        if is_test_split(split) and len(without) == everyone:
            found = f"none of {everyone} participants of {split}"
            expected = "labels below the root or ground_truth"
            log.about().add("labels_withheld", "annotation", found, expected, "ignored")
            continue
        for person in without:
            notes = log.about(person.recording, person.participant)
            notes.add("missing_annotation", "annotation", "no file", "an engagement annotation", "ignored")


def _note_kind(kind: str, code: str, expected: str, people: list[Present], log: FaultLog) -> None:
    without = [person for person in people if kind not in person.sources and kind not in person.measured]
    if len(without) == len(people):
        log.about().add(code, kind, "no participant has it", expected, "ignored")
        return
    for person in without:
        log.about(person.recording, person.participant).add(code, kind, "no file", expected, "ignored")
