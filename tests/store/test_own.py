"""The workflow's own output is known by its marks."""

import json
from pathlib import Path

import pytest

from affectssm.store.own import CARD, MARK, is_demo, is_own, mark, within_demo


def demo(folder: Path) -> Path:
    folder.mkdir(parents=True)
    (folder / CARD).write_text(json.dumps({"card": {"stage": "corpora/demo/noxi"}}))
    return folder


def test_a_marked_folder_is_ours_and_a_mark_is_written_once(tmp_path: Path) -> None:
    results = tmp_path / "results"
    assert not is_own(results)
    mark(results)
    before = (results / MARK).stat().st_mtime_ns
    mark(results)
    assert (results / MARK).stat().st_mtime_ns == before
    assert is_own(results) and not is_demo(results)


def test_a_demo_is_known_wherever_it_lies(tmp_path: Path) -> None:
    folder = demo(tmp_path / "demo")
    moved = folder.rename(tmp_path / "data")
    (tmp_path / "link").symlink_to(moved)
    assert is_demo(moved) and is_own(moved) and is_demo(tmp_path / "link")
    (moved / "noxi" / "train").mkdir(parents=True)
    assert within_demo(moved / "noxi" / "train") and within_demo(tmp_path / "link" / "noxi")
    assert not within_demo(tmp_path)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b'"x"',
        b"{}",
        b'{"card": 3}',
        b'{"card": {"stage": "features/x"}}',
        b"\xff",
        b"[" * 100_000,
    ],
)
def test_somebody_elses_card_is_no_demo(tmp_path: Path, content: bytes) -> None:
    (tmp_path / CARD).write_bytes(content)
    assert not is_demo(tmp_path) and not is_own(tmp_path)
