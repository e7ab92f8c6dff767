"""Who there is in own recordings, as a table or the names of files say it, and with which files."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path, PurePosixPath

from affectssm.corpora.folder_table import FILES, Line, Table
from affectssm.corpora.listing import Entry, Listing
from affectssm.media.text import quoted
from affectssm.store.faults import FaultLog
from affectssm.store.ids import EXPECTED, is_id
from affectssm.vocabulary.kinds import TEXT

KINDS = {"video": "video", "audio": "audio", "transcript": TEXT, "labels": "annotation"}  # column -> kind
ALL = "all"
_SPLITS = {
    "train": ("train", "training", "tr", "learn"),
    "val": ("val", "valid", "validation", "dev", "devel", "development"),
    "test": ("test", "testing", "tst", "eval", "evaluation"),
    ALL: ("all",),
}
SPLIT_OF = {word: split for split, words in _SPLITS.items() for word in words}


@dataclass
class Claim:
    """A participant of a recording, as it is named.

    Attributes:
        where: what names it: lines of the table or files.
        files: kind -> file.
        item: the file with the labels of the recording as a whole.
    """

    recording: str
    participant: str
    split: str = ""
    group: str = ""
    language: str = ""
    partner: str = ""
    where: str = ""
    files: dict[str, Entry] = field(default_factory=dict)
    item: Entry | None = None

    @property
    def key(self) -> tuple[str, str]:
        """Who it is."""
        return self.recording, self.participant


def of_table(root: Path, table: Table, rel: str, listing: Listing, log: FaultLog) -> list[Claim]:
    """Return who a table names, with the files that are there.

    Args:
        root: the corpus's.
        table: what it says.
        rel: its path below the root.
        listing: what lies below the root.
        log: where the faults go.
    """
    finder = _Finder(root, PurePosixPath(rel).parts[:-1], {entry.rel: entry for entry in listing.files})
    for code, found in table.problems:
        log.add(
            code, stream=rel, found=found, expected="a line for each participant, in UTF-8", action="ignored"
        )
    claims = []
    for line in table.lines:
        claim = Claim(
            line.recording, line.participant, line["split"], line["group"], line["language"], line["partner"],
            f"line {line.number}",
        )  # fmt: skip
        if not claim.recording:
            log.add(
                "table_line", stream=rel, found=f"line {line.number}: no recording and no file",
                expected="a name or a file", action="quarantined",
            )  # fmt: skip
            continue
        finder.add(line, claim, log)
        claims.append(claim)
    used = {entry.rel for claim in claims for entry in claim.files.values()}
    note_unmatched(
        [entry.rel for entry in listing.files if entry.rel not in used], "that the table names", log
    )
    return claims


class _Finder:
    """Finds the files that lines name, below the root alone."""

    def __init__(self, root: Path, folder: Sequence[str], entries: dict[str, Entry]) -> None:
        self._root, self._folder, self._entries = root, folder, entries

    def add(self, line: Line, claim: Claim, log: FaultLog) -> None:
        """Add the files of a line to its claim; what is not there becomes a fault."""
        recording = claim.recording if is_id(claim.recording) else ""
        notes = log.about(recording, claim.participant if recording else "")
        for column in FILES:
            text = line[column]
            if not text:
                continue
            rel = self._below(text)
            where = f"line {line.number}, {column}: {quoted(text)}"
            if rel is None:
                notes.add("table_path_outside", KINDS[column], where, "a path below the root", "quarantined")
            elif rel not in self._entries:
                notes.add(
                    "table_file_missing", KINDS[column], where + self._near(rel), "a file", "quarantined"
                )
            else:
                # of an annotation of NOVA the body counts
                claim.files[KINDS[column]] = self._entries.get(f"{rel}~", self._entries[rel])

    def _below(self, text: str) -> str | None:
        """Return a path as it lies below the root; None where it leads out of it."""
        if "\\" in text and text not in self._entries:
            text = text.replace("\\", "/")
        path = PurePosixPath(text)
        if path.is_absolute():
            try:
                return PurePosixPath(os.path.normpath(path)).relative_to(self._root.absolute()).as_posix()
            except ValueError:
                return None
        if text[1:2] == ":":
            return None
        parts: list[str] = list(self._folder)
        for part in path.parts:
            if part == ".." and not parts:
                return None
            if part == "..":
                parts.pop()
            else:
                parts.append(part)
        return "/".join(parts)

    def _near(self, rel: str) -> str:
        if (self._root / rel).is_file():
            return ", a file whose name ends as none that is read here"
        near = get_close_matches(rel, self._entries, n=1)
        return f"; there is {near[0]}" if near else ", which is not there"


def note_unmatched(files: Sequence[str], those: str, log: FaultLog) -> None:
    """Report media that belong to nobody."""
    from affectssm.vocabulary.corpora import SOUNDS, VIDEOS

    media = [rel for rel in files if rel.lower().endswith((*VIDEOS, *SOUNDS))]
    if media:
        found = f"{len(media)}: {', '.join(media[:5])}{' and others' if len(media) > 5 else ''}"
        log.add("unmatched_files", found=found, expected=f"media {those}", action="ignored")


def usable(claims: Iterable[Claim], log: FaultLog) -> list[Claim]:
    """Return claims with names that can be ids, each once, of recordings of one known split each."""
    found = _split(_once([claim for claim in claims if _named(claim, log)], log), log)
    _note_partners(found, log)
    _note_groups(found, log)
    return found


def _named(claim: Claim, log: FaultLog) -> bool:
    for name in claim.key:
        if not is_id(name):
            log.add("unsafe_id", found=f"{claim.where}: {name!a}", expected=EXPECTED, action="quarantined")
            return False
    return True


def _once(claims: Sequence[Claim], log: FaultLog) -> list[Claim]:
    """Leave out who is named more than once: nobody knows which is meant."""
    by_key: dict[tuple[str, str], list[Claim]] = defaultdict(list)
    for claim in claims:
        by_key[claim.key].append(claim)
    for (recording, participant), held in by_key.items():
        if len(held) > 1:
            log.add(
                "duplicate_line", recording=recording, participant=participant,
                found=f"{participant} of {recording} {len(held)} times: {', '.join(one.where for one in held)}",
                expected="each participant of a recording once", action="quarantined",
            )  # fmt: skip
    return [claim for claim in claims if len(by_key[claim.key]) == 1]


def _split(claims: Sequence[Claim], log: FaultLog) -> list[Claim]:
    """Bring splits to their names here; leave out recordings of an unknown split, of several, or of none."""
    if not any(claim.split for claim in claims):
        for claim in claims:
            claim.split = ALL
        return list(claims)
    splits: dict[str, set[str]] = defaultdict(set)
    for claim in claims:
        splits[claim.recording].add(SPLIT_OF.get(claim.split.lower(), ""))
    kept = []
    for claim in claims:
        if "" in splits[claim.recording]:
            if SPLIT_OF.get(claim.split.lower()) is None:
                log.add(
                    "table_line", recording=claim.recording, participant=claim.participant,
                    found=f"{claim.where}: the split {claim.split!a}" if claim.split else f"{claim.where}: no split",
                    expected="train, val or test, as others have one", action="quarantined",
                )  # fmt: skip
        elif len(splits[claim.recording]) > 1:
            log.add(
                "duplicate_recording", recording=claim.recording, participant=claim.participant,
                found=f"in {', '.join(sorted(splits[claim.recording]))}: {claim.where}", expected="in one split",
                action="quarantined",
            )  # fmt: skip
        else:
            claim.split = SPLIT_OF[claim.split.lower()]
            kept.append(claim)
    return kept


def _note_partners(claims: Sequence[Claim], log: FaultLog) -> None:
    """Report partners that are none: those of a recording are the others that are named of it."""
    seated: dict[str, set[str]] = defaultdict(set)
    for claim in claims:
        seated[claim.recording].add(claim.participant)
    for claim in claims:
        for name in filter(None, (one.strip() for one in claim.partner.replace(";", ",").split(","))):
            if name == claim.participant or name not in seated[claim.recording]:
                others = ", ".join(sorted(seated[claim.recording] - {claim.participant})) or "nobody"
                log.add(
                    "partner_unknown", recording=claim.recording, participant=claim.participant,
                    found=f"{claim.where}: the partner {name!a}; beside {claim.participant} there is {others}",
                    expected="another participant of the recording", action="ignored",
                )  # fmt: skip


def _note_groups(claims: Sequence[Claim], log: FaultLog) -> None:
    splits: dict[str, set[str]] = defaultdict(set)
    for claim in claims:
        if claim.group:
            splits[claim.group].add(claim.split)
    for group, held in sorted(splits.items()):
        if len(held) > 1:
            log.add(
                "group_in_splits", found=f"{group!a} in {', '.join(sorted(held))}",
                expected="a group in one split, or what is learnt of it is tested on it", action="decided",
            )  # fmt: skip
