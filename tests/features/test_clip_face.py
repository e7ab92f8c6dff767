"""CLIP sees the face, at the times asked for, with the weights of the folder."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from affectssm.errors import ConfigError
from affectssm.features.clip_face import ClipFace
from tests.features.helpers import face_rows, run
from tests.features.test_flow import moving_video

SETTINGS = {
    "model": "ViT-B-32", "pretrained": "openai", "revision": "", "fps": 25.0, "batch": 4, "int8": False, "margin": 0.25,
    "weights": "random", "size": "small", "weights_dir": "nowhere",
}  # fmt: skip
STILL = np.zeros((10, 2), np.float32)
BOXES = np.tile(np.float32([60, 60, 80, 80]), (10, 1))
TIMES = (np.arange(10) + 0.5) / 25


def extractor(**changes) -> ClipFace:
    return ClipFace("clip_face", SETTINGS | changes)


def test_rows_follow_the_pictures_and_the_face(tmp_path: Path) -> None:
    path = moving_video(tmp_path / "a.mp4", STILL)
    boxes = BOXES.copy()
    boxes[5:, 0] -= 40
    valid = np.arange(10) != 3
    track, _ = run(extractor(), path, face_rows(tmp_path, boxes, TIMES, valid))
    assert track.value.shape == (10, 64) and track.value.dtype == np.float16
    np.testing.assert_allclose(track.time, TIMES, atol=1e-4)
    np.testing.assert_array_equal(track.valid, valid)
    assert not track.value[3].any()
    np.testing.assert_allclose(track.value[0].astype(float), track.value[4].astype(float), atol=0.02)
    assert np.abs(track.value[0].astype(float) - track.value[9]).max() > 0.1


@pytest.mark.parametrize("batch", [1, 32])
def test_the_batch_does_not_change_the_values(tmp_path: Path, batch: int) -> None:
    path = moving_video(tmp_path / "a.mp4", STILL)
    one, other = (
        run(extractor(batch=size), path, face_rows(tmp_path, BOXES, TIMES))[0].value for size in (4, batch)
    )
    np.testing.assert_allclose(one.astype(float), other.astype(float), atol=2e-3)


def test_a_lower_rate_takes_fewer_pictures_with_their_own_times(tmp_path: Path) -> None:
    path = moving_video(tmp_path / "a.mp4", STILL)
    track, _ = run(extractor(fps=5.0), path, face_rows(tmp_path, BOXES, TIMES))
    np.testing.assert_allclose(track.time, TIMES[[0, 5]], atol=1e-4)
    assert track.rate == 5.0
    assert run(extractor(fps=100.0), path, face_rows(tmp_path, BOXES, TIMES))[0].rate == 25.0


def test_an_unknown_architecture_names_its_neighbours() -> None:
    with pytest.raises(ConfigError, match="ViT-B-32"):
        extractor(model="ViT-B32", size="full")


def test_pretrained_weights_are_loaded_from_a_folder(tmp_path: Path) -> None:
    import open_clip
    from safetensors.torch import save_file

    folder = tmp_path / "weights" / "ViT-B-32" / "openai"
    folder.mkdir(parents=True)
    vision = {"layers": 1, "width": 32, "head_width": 16, "patch_size": 32, "image_size": 64}
    text = {"context_length": 4, "vocab_size": 8, "width": 8, "heads": 1, "layers": 1}
    torch.manual_seed(5)
    model = open_clip.CLIP(16, vision, text)
    save_file(
        {name: tensor.contiguous() for name, tensor in model.state_dict().items()},
        folder / "open_clip_model.safetensors",
    )
    config = {
        "model_cfg": {"embed_dim": 16, "vision_cfg": vision, "text_cfg": text},
        "preprocess_cfg": {"mean": [0.1, 0.2, 0.3], "std": [0.5, 0.6, 0.7]},
    }
    (folder / "open_clip_config.json").write_text(json.dumps(config))
    made = extractor(weights="pretrained", size="full", weights_dir=str(tmp_path / "weights"))
    assert (made.dim, made.pixels) == (16, 64)
    crops = np.random.default_rng(0).integers(0, 256, (3, 64, 64, 3), np.uint8)
    mean, deviation = (np.array(config["preprocess_cfg"][name]) for name in ("mean", "std"))
    images = torch.tensor((crops / 255 - mean) / deviation, dtype=torch.float32).permute(0, 3, 1, 2)
    with torch.inference_mode():
        expected = model.eval().encode_image(images).numpy()
    np.testing.assert_allclose(made.forward(crops), expected, atol=1e-4)
    assert made.card()["encoder"]["repository"] == "timm/vit_base_patch32_clip_224.openai"
