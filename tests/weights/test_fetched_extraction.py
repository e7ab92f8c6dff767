"""From a hub to a feature: pretrained weights are fetched, verified and loaded, and the feature's card names them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from affectssm import cli
from affectssm.corpora.checksums import fingerprint
from affectssm.corpora.manifest import write_manifest
from affectssm.errors import ConfigError, DataError
from affectssm.features.base import make
from affectssm.features.extract import Shard, extract_shard
from affectssm.store.card import make_card, read_card
from affectssm.store.shards import ShardReader
from affectssm.torchvision_ops import ensure_torchvision_ops
from tests.features.helpers import SPEECH_SETTINGS, row
from tests.media.synthetic import write_media
from tests.weights.hub_server import COMMIT, OTHER, HubServer, sha256

ensure_torchvision_ops()
from transformers import Wav2Vec2Config, Wav2Vec2Model  # noqa: E402 - after torchvision's operators

SIZES = {
    "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 64,
    "conv_dim": (16,) * 7, "num_conv_pos_embeddings": 16, "num_conv_pos_embedding_groups": 4,
}  # fmt: skip
LAB = """\
scale: tiny
features: {{weights: pretrained, size: full, weights_dir: {folder}, wav2vec2: {{model: lab/speech, revision: "{pin}"}}}}
dialogue: {{sources: [voice], groups: {{voice: {{audio: [wav2vec2]}}}}}}
"""


@pytest.fixture
def published(tmp_path: Path, server: HubServer) -> Wav2Vec2Model:
    """A small encoder that the hub has."""
    torch.manual_seed(5)
    network = Wav2Vec2Model(Wav2Vec2Config(**SIZES)).eval()
    network.save_pretrained(tmp_path / "saved")
    (tmp_path / "saved" / "preprocessor_config.json").write_text(
        '{"do_normalize": true, "sampling_rate": 16000}'
    )
    server.add("lab/speech", {path.name: path.read_bytes() for path in (tmp_path / "saved").iterdir()})
    return network


def _weights(tmp_path: Path, action: str, pin: str = "") -> int:
    lab = tmp_path / "lab.yaml"
    lab.write_text(LAB.format(folder=tmp_path / "weights", pin=pin))
    return cli.main(["weights", action, str(lab), "noxi_ccc"])


def test_an_extraction_with_fetched_weights_names_them(
    tmp_path: Path, published: Wav2Vec2Model, server: HubServer, capsys: pytest.CaptureFixture[str]
) -> None:
    wave = np.random.default_rng(0).normal(0, 0.1, 16000).astype(np.float32)
    write_media(tmp_path / "a.wav", audio=wave, codec="pcm_f32le")
    known = fingerprint([tmp_path / "a.wav"], "sha256")
    rows = [row("a.wav", "audio", bytes=(tmp_path / "a.wav").stat().st_size, checksum=known)]
    write_manifest(tmp_path / "manifest.parquet", rows, make_card("test", ["affectssm.errors"], {}))
    settings = {
        **SPEECH_SETTINGS, "model": "lab/speech", "weights": "pretrained", "size": "full",
        "weights_dir": str(tmp_path / "weights"), "threads": 1,
    }  # fmt: skip
    shard, out = Shard(tmp_path / "manifest.parquet", "s00", tmp_path), tmp_path / "s00.h5"

    def extract() -> None:
        extract_shard("wav2vec2", shard, settings, out, tmp_path / "faults.parquet")

    with pytest.raises(ConfigError, match=r"preprocessor_config\.json"):
        extract()
    assert _weights(tmp_path, "verify") == 1
    assert capsys.readouterr().out.count("missing ") == 3
    assert _weights(tmp_path, "fetch") == 0
    assert _weights(tmp_path, "verify") == 0
    assert capsys.readouterr().out.count("verified ") == 3
    server.close()  # jobs have no network

    extract()
    encoder = read_card(out)["extra"]["encoder"]
    files = {path.name: path.read_bytes() for path in (tmp_path / "saved").iterdir()}
    wanted = ("config.json", "preprocessor_config.json", "model.safetensors")
    assert encoder["revision"] == COMMIT and encoder["repository"] == "lab/speech"
    assert encoder["sha256"] == {name: sha256(files[name]) for name in wanted}
    with ShardReader(out) as reader:
        found = reader.track("001", "expert").value
    # the library's own answer to the same sound, of the network that was published
    sound = torch.from_numpy((wave - wave.mean()) / np.sqrt(wave.var() + 1e-7))[None]
    with torch.inference_mode():
        expected = published(sound).last_hidden_state[0].numpy()
    np.testing.assert_allclose(found, expected, atol=0.01)

    path = tmp_path / "weights" / "lab" / "speech" / "model.safetensors"
    content = path.read_bytes()
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(DataError, match="sha256"):
        make("wav2vec2", settings)
    assert _weights(tmp_path, "verify") == 1
    assert "changed     " in capsys.readouterr().out


def test_the_list_names_what_to_copy(
    tmp_path: Path, published: Wav2Vec2Model, server: HubServer, capsys: pytest.CaptureFixture[str]
) -> None:
    lab = tmp_path / "lab.yaml"
    lab.write_text(LAB.format(folder=tmp_path / "weights", pin=OTHER))
    assert cli.main(["weights", "list", str(lab), "noxi_ccc"]) == 0
    said = capsys.readouterr().out
    for part in (
        f"{server.address}/lab/speech", OTHER, "Apache-2.0", str(tmp_path / "weights" / "lab" / "speech"),
        "preprocessor_config.json", "model.safetensors or else pytorch_model.bin", "missing: no such folder",
        "wav2vec2 of noxi",
    ):  # fmt: skip
        assert part in said
    assert not server.sent
    lab.write_text(LAB.format(folder=tmp_path / "weights", pin=""))
    assert cli.main(["weights", "list", str(lab), "noxi_ccc", "--remote"]) == 0
    said = capsys.readouterr().out
    size = (tmp_path / "saved" / "model.safetensors").stat().st_size
    assert f"model.safetensors            {size / 1000:>5.0f} kB  at the hub" in said
    assert f"not pinned: the newest, {COMMIT}," in said and "Apache-2.0 (its card at the hub: mit)" in said
    assert _weights(tmp_path, "fetch") == 0
    assert cli.main(["weights", "list", str(lab), "noxi_ccc", "--remote"]) == 0
    assert "verified" in (said := capsys.readouterr().out) and "0 B to fetch in all" in said
