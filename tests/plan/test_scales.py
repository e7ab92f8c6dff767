"""What jobs took at one scale says nothing of another."""

from __future__ import annotations

from pathlib import Path

from affectssm.plan.scales import Scales


def test_the_scale_of_a_time_is_that_of_the_run_before_it(tmp_path: Path, monkeypatch) -> None:
    assert Scales(tmp_path).at(100.0) is None
    for now, scale in ((10.0, "tiny"), (20.0, "tiny"), (30.0, "paper")):
        monkeypatch.setattr("affectssm.plan.scales.time.time", lambda now=now: now)
        Scales(tmp_path).keep(scale)
    found = Scales(tmp_path)
    assert [found.at(when) for when in (5.0, 10.0, 25.0, 30.0, 99.0)] == [
        None,
        "tiny",
        "tiny",
        "paper",
        "paper",
    ]
    assert len((tmp_path / "benchmarks/scales.jsonl").read_text().splitlines()) == 2


def test_a_broken_note_counts_for_nothing(tmp_path: Path) -> None:
    (tmp_path / "benchmarks").mkdir()
    (tmp_path / "benchmarks/scales.jsonl").write_text("[1]\nx")
    found = Scales(tmp_path)
    assert found.at(1e9) is None
    found.keep("demo")
    assert Scales(tmp_path).at(2e10) == "demo"
