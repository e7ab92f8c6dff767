"""What was read of a corpus's files is not read again, and what is remembered is never trusted blindly."""

from __future__ import annotations

import json
import logging
import os
import re
import sys
import threading
import time
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from affectssm.corpora import memory, progress, readings
from affectssm.corpora.discover import discover_corpus
from affectssm.corpora.listing import walk
from affectssm.corpora.manifest import Manifest, StreamRow
from affectssm.settings.corpora import settings_class
from affectssm.store.memory_file import HEAD, NAME
from affectssm.vocabulary.corpora import CORPORA
from tests.corpora.small_corpora import CORPORA as SMALL
from tests.corpora.trees import MM24, SETTINGS, dyad, mp4, wav

Reads = list[Path]


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> Reads:
    """The files that are read, as they are."""
    found: Reads = []
    now = readings.Reading.now

    def counted(reading: readings.Reading) -> Any:
        found.append(reading.path)
        return now(reading)

    monkeypatch.setattr(readings.Reading, "now", counted)
    return found


@pytest.fixture
def noxi(tmp_path: Path) -> Path:
    for number in range(3):
        folder = dyad(
            tmp_path / f"noxi/train/{number:03d}", names={"clip": MM24["video.clip"]}, rows=20 + number
        )
        wav(folder / "expert.audio.wav", 1 + number)
        (folder / "expert.audio.transcript.annotation.csv").write_bytes(b"0;1;gr\xfc\xdfe;1\n")
    mp4(tmp_path / "noxi/train/000/expert.video.mp4", 20)
    return tmp_path / "noxi"


def found(root: Path, out: Path, threads: int = 1, **settings: Any) -> Manifest:
    return discover_corpus("noxi", root, None, SETTINGS.model_copy(update=settings), out, threads=threads)


def same(one: Manifest, other: Manifest) -> bool:
    kept = [row.changed_ns for row in one.rows] == [row.changed_ns for row in other.rows]
    return (
        kept and one.rows == other.rows and one.faults.rows == other.faults.rows and one.seats == other.seats
    )


def test_what_has_not_changed_is_not_read_again(noxi: Path, tmp_path: Path, reads: Reads) -> None:
    first = found(noxi, tmp_path / "out")
    files = {path.name for path in noxi.rglob("*.*") if not path.name.endswith("~")}
    assert {path.name for path in reads} == files and {"gb18030_text"} <= {
        one.code for one in first.faults.rows
    }
    reads.clear()
    again = found(noxi, tmp_path / "out", threads=3)
    assert same(first, again) and reads == []


def test_no_file_is_opened_again(noxi: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = found(noxi, tmp_path / "out")

    def refused(*_: object, **__: object) -> None:
        raise AssertionError("a file was opened")

    monkeypatch.setattr("affectssm.media.probe.av.open", refused)
    for module in ("corpora.checksums.open_regular", "media.ssi.read_whole", "media.text.read_whole"):
        monkeypatch.setattr(f"affectssm.{module}", refused)
    assert same(first, found(noxi, tmp_path / "out"))


@pytest.mark.parametrize("how", ["time", "inode", "size", "status"])
def test_a_file_that_changed_is_read_again_and_no_other(
    noxi: Path, tmp_path: Path, reads: Reads, how: str
) -> None:
    before = found(noxi, tmp_path / "out")
    label = noxi / "train/001/expert.engagement.annotation.csv"
    text, stat = label.read_text().replace("0.5", "0.4", 1), label.stat()
    if how == "inode":  # another file of the same size and time
        other = label.with_name("other")
        other.write_text(text)
        os.utime(other, ns=(stat.st_atime_ns, stat.st_mtime_ns))
        other.replace(label)
    else:
        label.write_text(text + "0.4\n" * (how == "size"))
        if how == "status":  # its time is set back: that of its status is not
            os.utime(label, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    reads.clear()
    after = found(noxi, tmp_path / "out")
    assert set(reads) == {label}
    differ = [one.path for one, other in zip(before.rows, after.rows, strict=True) if one != other]
    assert differ == [label.relative_to(noxi).as_posix()]
    assert same(after, found(noxi, tmp_path / "fresh"))


def test_files_that_are_gone_are_forgotten(noxi: Path, tmp_path: Path) -> None:
    found(noxi, tmp_path / "out")
    for path in sorted((noxi / "train/002").iterdir()):
        path.unlink()
    found(noxi, tmp_path / "out")
    kept = (tmp_path / "out" / NAME).read_text()
    assert "train/001" in kept and "train/002" not in kept


def torn(content: bytes) -> bytes:
    return content[: len(content) - 30]


def flipped(content: bytes) -> bytes:
    place = content.index(b'"fps":') + 7
    return content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]


def lying(content: bytes) -> bytes:
    """A line whose sum is right and whose content no reader returns."""
    lines = content.splitlines(keepends=True)
    place = next(at for at, line in enumerate(lines) if b'"fps":' in line)
    rest = re.sub(rb'"fps":[^,]*', b'"fps":"many"', lines[place].partition(b"\t")[2].removesuffix(b"\n"))
    lines[place] = b"%08x\t%s\n" % (zlib.crc32(rest), rest)
    return b"".join(lines)


DAMAGED: dict[str, Callable[[bytes], bytes]] = {
    "torn": torn,
    "flipped": flipped,
    "lying": lying,
    "empty": lambda content: b"",
    "zeros": lambda content: bytes(len(content)),
    "another version": lambda content: content.replace(b" 1\n", b" 2\n", 1),
    "lines between": lambda content: content.replace(b"\n", b"\n\xff\tnone\n\n"),
    "no newline": lambda content: content.replace(b"\n", b" "),
}


@pytest.mark.parametrize("damage", DAMAGED)
def test_a_damaged_memory_is_told_and_made_anew(
    noxi: Path, tmp_path: Path, reads: Reads, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    first = found(noxi, tmp_path / "out")
    path, whole = tmp_path / "out" / NAME, (tmp_path / "out" / NAME).read_bytes()
    path.write_bytes(DAMAGED[damage](whole))
    reads.clear()
    assert same(first, found(noxi, tmp_path / "out"))
    assert (str(path) in caplog.text) == (damage != "lying")
    few = {"torn": 1, "flipped": 1, "lying": 1, "lines between": 0}
    assert len(reads) == few.get(damage, len(reads)) and sorted(path.read_bytes()) == sorted(whole)
    reads.clear()
    found(noxi, tmp_path / "out")
    assert reads == []


@pytest.mark.parametrize("kind", ["folder", "fifo", "full"])
def test_what_cannot_be_written_is_told_once_and_costs_nothing(
    noxi: Path,
    tmp_path: Path,
    kind: str,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    whole, out = found(noxi, tmp_path / "fresh"), tmp_path / "out"
    out.mkdir()
    if kind == "folder":
        (out / NAME).mkdir()
    elif kind == "fifo":
        os.mkfifo(out / NAME)
    else:
        monkeypatch.setattr(memory.MemoryFile, "_opened", lambda file: open("/dev/full", "ab"))  # noqa: SIM115, PTH123
    assert same(whole, found(noxi, out))
    assert caplog.text.count("is not remembered") == (kind != "fifo")
    assert caplog.text.count("all files are read again") == (kind != "full")


def test_a_discovery_that_is_killed_goes_on_where_it_was(
    noxi: Path, tmp_path: Path, reads: Reads, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = found(noxi, tmp_path / "fresh")
    every, out = sorted(map(str, reads)), tmp_path / "out"
    append, lines = memory.MemoryFile.append, []

    def killed(file: memory.MemoryFile, *line: bytes) -> None:
        append(file, *line)
        lines.append(line)
        if len(lines) == 12:
            file._file.flush()  # as every two seconds
            (out / NAME).open("ab").write(b"0123abcd\thalf a li")
            raise KeyboardInterrupt

    reads.clear()
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(memory.MemoryFile, "append", killed)
        found(noxi, out)
    assert not (out / "shards.json").exists() and len(reads) == 12
    before = sorted(map(str, reads))
    reads.clear()
    assert same(whole, found(noxi, out))
    assert sorted([*before, *map(str, reads)]) == every


def test_other_code_reads_again_and_hashes_nothing(
    noxi: Path, tmp_path: Path, reads: Reads, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = found(noxi, tmp_path / "out")
    readings.identity.cache_clear()
    monkeypatch.setattr(readings, "code_hash", lambda *modules: f"other {modules}")
    hashed: list[object] = []
    monkeypatch.setattr("affectssm.corpora.fingerprints.fingerprint", lambda *given: hashed.append(given))
    reads.clear()
    assert same(first, found(noxi, tmp_path / "out")) and reads and not hashed
    readings.identity.cache_clear()


def test_another_edition_of_the_same_files_takes_over_what_was_read(
    noxi: Path, tmp_path: Path, reads: Reads
) -> None:
    corpora = tmp_path / "results/corpora"
    first = found(noxi, corpora / "noxi-lab-4")
    reads.clear()
    found(noxi, corpora / "noxi-lab-2", shards=2)
    assert reads == []
    noxi.rename(tmp_path / "moved")  # the files are the same
    moved = found(tmp_path / "moved", corpora / "noxi-0123abcd")
    assert reads == [] and moved.rows == first.rows


def test_as_many_files_as_threads_are_read_at_a_time(
    noxi: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, now = found(noxi, tmp_path / "fresh"), readings.Reading.now
    running, most, lock = [], [0], threading.Lock()
    monkeypatch.setattr(memory, "TOGETHER", 1)

    def slow(reading: readings.Reading) -> Any:
        with lock:
            running.append(reading)
            most[0] = max(most[0], len(running))
        time.sleep(0.01)
        value = now(reading)
        with lock:
            running.remove(reading)
        return value

    monkeypatch.setattr(readings.Reading, "now", slow)
    assert same(whole, found(noxi, tmp_path / "out", threads=3))
    assert most == [3]


def test_progress_says_how_many_and_how_long(
    noxi: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(progress, "EVERY_S", 0.0)
    with caplog.at_level(logging.INFO):
        found(noxi, tmp_path / "out")
    said = [record.getMessage() for record in caplog.records if record.name == progress.__name__]
    assert re.fullmatch(r"noxi: 1 of 3 sessions looked at, about [\d.]+ s left", said[0])
    assert re.fullmatch(r"noxi: 3 of 3 sessions looked at, in [\d.]+ s", said[2])
    assert re.fullmatch(r"noxi: 16 of 16 files hashed, in [\d.]+ s", said[-1])


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.04, "0.0 s"), (9.96, "10.0 s"), (61.2, "61 s"), (600, "10 min"), (9000, "2.5 h")],
)
def test_times_are_told_in_words(seconds: float, words: str) -> None:
    assert progress.in_words(seconds) == words


@pytest.mark.parametrize("name", SMALL)
def test_every_reader_finds_the_same_again(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing of a corpus is hashed twice, whoever reads it."""
    small, root = SMALL[name], tmp_path / "root"
    for number in range(2):
        small.unit(root, number)
    small.whole(root, 2)
    settings = settings_class(small.corpus)(**{"root": "unused", "shards": 1, **small.settings})
    first = discover_corpus(small.corpus, root, None, settings, tmp_path / "out")
    monkeypatch.setattr("affectssm.corpora.fingerprints.fingerprint", None)
    again = discover_corpus(small.corpus, root, None, settings, tmp_path / "out", threads=2)
    assert same(first, again)


def calls(work: Callable[[], object]) -> int:
    """How many functions a work calls: what its time grows with."""
    count = [0]

    def counted(frame: object, event: str, arg: object) -> None:
        count[0] += event in ("call", "c_call")

    sys.setprofile(counted)
    try:
        work()
    finally:
        sys.setprofile(None)
    return count[0]


def test_a_walk_grows_with_the_files(tmp_path: Path) -> None:
    def tree(sessions: int) -> Path:
        for number in range(sessions):
            folder = tmp_path / f"{sessions}/train/{number:04d}"
            (folder / "zz").mkdir(parents=True)
            for file in range(12):
                (folder / f"expert.{file}.stream").touch()
        return tmp_path / str(sessions)

    few, many = tree(30), tree(120)
    walk(few, CORPORA["noxi"].files)
    counts = [calls(lambda root=root: walk(root, CORPORA["noxi"].files)) for root in (few, many)]
    assert counts[1] < 4.2 * counts[0]


def test_a_repeated_discovery_grows_with_the_sessions(tmp_path: Path) -> None:
    counts = []
    for sessions in (8, 32):
        root, out = tmp_path / f"{sessions}/noxi", tmp_path / f"{sessions}/out"
        for number in range(sessions):
            dyad(root / f"train/{number:03d}", names={"clip": 512}, rows=2)
        found(root, out)
        counts.append(calls(lambda root=root, out=out: found(root, out)))
    assert counts[1] < 4.2 * counts[0]


def test_the_memory_is_one_line_a_file_and_reader(noxi: Path, tmp_path: Path) -> None:
    rows: list[StreamRow] = found(noxi, tmp_path / "out").rows
    lines = (tmp_path / "out" / NAME).read_bytes().removeprefix(HEAD).splitlines()
    hashed = {row.checksum for row in rows}
    assert sum(
        json.loads(line.split(b"\t")[3][24:]) in hashed for line in lines if b"sha256:" in line
    ) == len(rows)
    assert all(line.split(b"\t")[2].startswith(b"root/train/") for line in lines)
