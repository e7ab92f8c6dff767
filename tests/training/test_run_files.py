"""Files of a run."""

from __future__ import annotations

from affectssm.training.run_files import read_config, write_config


def test_groups_keep_their_order_in_which_a_model_joins_their_features(tmp_path):
    groups = {"visual": ["mae"], "audio": ["wav2vec2"]}
    write_config(tmp_path / "config.yaml", {"groups": groups, "best_epoch": 3})
    found = read_config(tmp_path / "config.yaml")
    assert found == {"groups": groups, "best_epoch": 3} and list(found["groups"]) == ["visual", "audio"]
