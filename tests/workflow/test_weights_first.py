"""A run that would end without pretrained weights does not begin."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.workflow.workplace import TABLE, Workplace

pytestmark = pytest.mark.workflow
LAB = """\
scale: tiny
features: {weights: pretrained, size: full}
dialogue: {sources: [voice], groups: {voice: {audio: [wav2vec2]}}}
"""


def test_missing_weights_stop_a_run_before_its_first_job(tmp_path: Path) -> None:
    place = Workplace.make(tmp_path / "place")
    (place.folder / "lab.yaml").write_text(LAB)
    assert "manifest" in place.snakemake("-n", TABLE, config="lab.yaml"), (
        "a plan can be looked at without weights"
    )
    said = place.snakemake(TABLE, config="lab.yaml", ok=False)
    last = said.rpartition("\n\n")[2]
    for part in (
        "features.weights_dir: weights", "facebook/wav2vec2-base-960h", "config.json",
        "wanted by wav2vec2 of noxi", "affectssm weights fetch lab.yaml",
    ):  # fmt: skip
        assert part in last
    assert not (place.folder / "results" / "demo").exists()
    assert not (place.folder / "results" / "corpora").exists()
