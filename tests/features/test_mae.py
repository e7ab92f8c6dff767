"""The encoder of a masked autoencoder sees whole pictures, and a frame without one carries the last row forward."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from affectssm.errors import ConfigError, DataError
from affectssm.features.base import Extractor, Source
from affectssm.features.mae import Mae, MaeVideo, sized
from affectssm.media.video import VideoReader
from affectssm.settings.features import completed
from affectssm.store.shards import Track
from affectssm.torchvision_ops import ensure_torchvision_ops
from tests.features.helpers import MEDIA, face_rows, row, run
from tests.features.test_flow import moving_video
from tests.media.test_crops import write_crops

ensure_torchvision_ops()
from transformers import ViTConfig, ViTMAEConfig, ViTMAEForPreTraining, ViTMAEModel, ViTModel  # noqa: E402

RATE = 30.0
MEAN, DEVIATION = np.array([0.471, 0.363, 0.333]), np.array([0.220, 0.193, 0.180])
TINY: dict[str, Any] = {
    "hidden_size": 24, "num_hidden_layers": 3, "num_attention_heads": 2, "intermediate_size": 48, "image_size": 96,
    "patch_size": 16,
}  # fmt: skip


def mae(**changes: Any) -> Mae:
    return Mae("mae", completed("mae", {"batch": 4, **changes}))


def crops(folder: Path, numbers: list[int], extractor: Extractor | None = None, frames: int = 12) -> Track:
    return run(extractor or mae(), write_crops(folder, numbers), kind="crops", rate=RATE, frames=frames)[0]


def oracle(weights: dict[str, torch.Tensor], config: dict[str, Any], pictures: np.ndarray) -> np.ndarray:
    """CLS tokens by the library's plain ViT, which masks and shuffles nothing."""
    network = ViTModel(ViTConfig(**config), add_pooling_layer=False).eval()
    missing = network.load_state_dict({name: weights[name] for name in network.state_dict()})
    assert not missing.missing_keys
    images = (pictures.astype(np.float64) / 255 - MEAN) / DEVIATION
    with torch.inference_mode():
        seen = torch.from_numpy(images.astype(np.float32)).permute(0, 3, 1, 2)
        return network(seen).last_hidden_state[:, 0].numpy()


def pictures(count: int, side: int) -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (count, side, side, 3), np.uint8)


def test_rows_are_those_of_a_plain_vision_transformer_with_the_same_weights() -> None:
    extractor = mae()
    config = {name: getattr(extractor._network.config, name) for name in TINY}
    seen = pictures(3, 224)
    expected = oracle(extractor._network.state_dict(), config, seen)
    assert extractor.dim == expected.shape[1]
    np.testing.assert_allclose(extractor.forward(seen), expected, atol=2e-5)
    torch.manual_seed(4)  # the library's own noise goes by this generator
    np.testing.assert_array_equal(extractor.forward(seen), extractor.forward(seen))
    assert np.abs(np.diff(expected, axis=0)).max() > 0.1


def test_published_weights_are_the_encoder_of_the_whole_autoencoder(tmp_path: Path) -> None:
    folder = tmp_path / "facebook" / "vit-mae-base"
    torch.manual_seed(2)
    whole = ViTMAEForPreTraining(
        ViTMAEConfig(
            **TINY, decoder_hidden_size=16, decoder_num_hidden_layers=1, decoder_intermediate_size=16
        )
    )
    assert whole.config.mask_ratio == 0.75
    whole.save_pretrained(folder)
    extractor = mae(
        weights="pretrained", size="full", model="facebook/vit-mae-base", weights_dir=str(tmp_path)
    )
    assert (extractor.dim, extractor.pixels) == (24, 96)
    seen = pictures(2, 96)
    np.testing.assert_allclose(extractor.forward(seen), oracle(whole.vit.state_dict(), TINY, seen), atol=2e-5)
    encoder = extractor.card()["encoder"]
    assert encoder["licence"].startswith("CC BY-NC 4.0") and set(encoder["sha256"]) == {
        "config.json", "model.safetensors"
    }  # fmt: skip
    ViTMAEModel(ViTMAEConfig(**TINY | {"num_hidden_layers": 1})).save_pretrained(folder)
    (tmp_path / "facebook" / "vit-mae-base.lock.json").unlink()
    (folder / "config.json").write_text(whole.config.to_json_string())
    with pytest.raises(DataError, match="without layers"):
        mae(weights="pretrained", size="full", model="facebook/vit-mae-base", weights_dir=str(tmp_path))


def test_missing_weights_name_their_licence(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"CC BY-NC 4\.0"):
        mae(weights="pretrained", size="full", weights_dir=str(tmp_path))


def test_a_frame_without_a_picture_carries_the_last_row_forward(tmp_path: Path) -> None:
    track = crops(tmp_path / "a", [3, 4, 7, 8, 10], frames=12)
    frames = np.arange(2, 12)
    np.testing.assert_allclose(track.time, (frames + 0.5) / RATE)
    assert track.rate == RATE and track.value.shape == (10, 64) and track.value.dtype == np.float16
    assert (track.valid == np.isin(frames + 1, [3, 4, 7, 8, 10])).all()
    value = dict(zip(frames + 1, track.value, strict=True))
    for carried, source in ((5, 4), (6, 4), (9, 8), (11, 10), (12, 10)):
        np.testing.assert_array_equal(value[carried], value[source])
    assert np.abs(value[3] - value[4]).max() > 0 and np.abs(value[4] - value[7]).max() > 0


@pytest.mark.parametrize("split", ["train", "val", "test"])
def test_every_split_is_carried_forward_alike(tmp_path: Path, split: str) -> None:
    folder = write_crops(tmp_path / "a", [1, 4])
    track, _ = run(mae(), folder, kind="crops", rate=RATE, frames=6, split=split)
    assert track.valid.tolist() == [True, False, False, True, False, False]
    assert track.value.any(axis=1).all()


@pytest.mark.parametrize("batch", [1, 3, 32])
def test_the_batch_does_not_change_the_rows(tmp_path: Path, batch: int) -> None:
    numbers = [2, 3, 9, 10, 11, 300, 301]  # a gap of more than a block
    one, other = (crops(tmp_path / "a", numbers, mae(batch=size), frames=600) for size in (2, batch))
    np.testing.assert_allclose(one.value.astype(float), other.value.astype(float), atol=4e-3)
    np.testing.assert_array_equal(one.valid, other.valid)
    np.testing.assert_allclose(one.time, other.time)
    assert len(one.time) == 599 and one.valid.sum() == 7


def test_of_every_other_frame_the_rows_lie_at_their_own_times(tmp_path: Path) -> None:
    every, third = (crops(tmp_path / "a", [1, 2, 4, 5, 6, 8, 9], mae(every=k)) for k in (1, 3))
    np.testing.assert_allclose(third.time, every.time[::3])
    assert third.rate == RATE / 3
    assert third.valid.tolist() == [True, True, False, False]
    np.testing.assert_allclose(third.value[1].astype(float), every.value[3].astype(float), atol=4e-3)
    np.testing.assert_array_equal(third.value[2], third.value[1])


def test_a_bad_picture_is_told_and_carried_over(tmp_path: Path) -> None:
    folder = write_crops(tmp_path / "a", [1, 2, 3])
    (folder / "00002.jpg").write_bytes(b"no picture")
    track, source = run(mae(), folder, kind="crops", rate=RATE, frames=3)
    assert track.valid.tolist() == [True, False, True]
    assert [note.code for note in source.notes] == ["crop_unusable"]


def test_a_folder_without_pictures_gives_no_row(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    source = Source(row(kind="crops", rate=RATE, frames=5), tmp_path / "a")
    assert list(mae().extract(source)) == []


def test_int8_stays_near_float32() -> None:
    seen = pictures(4, 224)
    exact, near = mae().forward(seen), mae(int8=True).forward(seen)
    cosine = (exact * near).sum(1) / np.linalg.norm(exact, axis=1) / np.linalg.norm(near, axis=1)
    assert (cosine > 0.99).all() and not np.array_equal(exact, near)


def test_pictures_are_scaled_as_the_published_code_does() -> None:
    crop = pictures(1, 112)[0]
    expected = Image.fromarray(crop).resize((224, 224), Image.Resampling.BICUBIC)
    np.testing.assert_array_equal(sized(crop, 224), np.asarray(expected))
    np.testing.assert_array_equal(sized(crop, 112), crop)


STILL = np.zeros((10, 2), np.float32)
BOXES = np.tile(np.float32([60, 60, 80, 80]), (10, 1))
TIMES = (np.arange(10) + 0.5) / 25


def video(**changes: Any) -> MaeVideo:
    return MaeVideo("mae_video", completed("mae_video", {"batch": 4, **changes}))


def test_of_a_video_the_face_is_seen(tmp_path: Path) -> None:
    path = moving_video(tmp_path / "a.mp4", STILL)
    boxes = BOXES.copy()
    boxes[6:, 0] -= 40
    valid = ~np.isin(np.arange(10), [0, 1, 4])
    track, _ = run(video(), path, face_rows(tmp_path, boxes, TIMES, valid))
    np.testing.assert_allclose(track.time, TIMES[2:], atol=1e-4)
    np.testing.assert_array_equal(track.valid, valid[2:])
    np.testing.assert_array_equal(track.value[2], track.value[1])
    np.testing.assert_allclose(track.value[1].astype(float), track.value[3].astype(float), atol=0.05)
    assert np.abs(track.value[3].astype(float) - track.value[4]).max() > 0.1


def test_of_a_video_every_third_picture(tmp_path: Path) -> None:
    path = moving_video(tmp_path / "a.mp4", STILL)
    track, _ = run(video(every=3), path, face_rows(tmp_path, BOXES, TIMES))
    np.testing.assert_allclose(track.time, TIMES[::3], atol=1e-4)
    assert track.rate == pytest.approx(25 / 3) and track.valid.all()


@pytest.mark.skipif(not (MEDIA / "face").is_dir(), reason="needs the real faces (../shared/media/face)")
def test_pictures_of_a_real_face(tmp_path: Path) -> None:
    images = {
        picture.index: sized(picture.image[:300, 160:460], 112)
        for picture in VideoReader(MEDIA / "face" / "single_face.mp4", size=(640, 360), fps=2)
    }
    for index, image in images.items():
        Image.fromarray(image).save(tmp_path / f"{index + 1:05d}.jpg")
    track, source = run(mae(), tmp_path, kind="crops", rate=RATE, frames=max(images) + 3)
    assert not source.notes
    np.testing.assert_array_equal(np.flatnonzero(track.valid), sorted(images))
    assert len(np.unique(track.value[track.valid], axis=0)) == len(images)
