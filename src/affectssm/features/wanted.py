"""Which pretrained weights a feature wants, and whether they are there; told without a network's library.

The extractors say the same when they load (``tests/features/test_wanted.py`` compares the two). They do not import this
module, and so it does not belong to their code: a model that is added here makes no feature run again.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from affectssm.errors import DataError
from affectssm.features.weights import Wanted

# Private there, for a public name would be another code of all extractors.
from affectssm.features.weights import _fetch as fetching
from affectssm.features.weights import _lock_of as lock_of
from affectssm.features.weights import _noted_revision as noted_revision
from affectssm.features.weights import _read_lock as read_lock
from affectssm.store.card import sha256
from affectssm.vocabulary.features import spec
from affectssm.vocabulary.targets import load

State = Literal["verified", "unverified", "missing", "changed"]
Hashes = Callable[[Path], str]

_SPEECH = ("config.json", "preprocessor_config.json", "model.safetensors|pytorch_model.bin")
_BERT = ("config.json", "tokenizer_config.json", "vocab.txt", "model.safetensors|pytorch_model.bin")
_MAE = ("config.json", "model.safetensors|pytorch_model.bin")
_CLIP = ("open_clip_config.json", "open_clip_model.safetensors|open_clip_pytorch_model.bin")
_SPEECH_LICENCES = {"wav2vec2": "Apache-2.0", "speech_emotion": "CC BY-NC-SA 4.0 (non-commercial)"}
_BERT_LICENCES = {
    "google-bert/bert-base-uncased": "Apache-2.0",
    "google-bert/bert-base-chinese": "its model card does not say: more information needed",
}
_CLIP_LICENCES = {"openai": "MIT"}
_MAE_LICENCE = "CC BY-NC 4.0 (non-commercial)"
_NOT_SAID = "see the repository"
_CLIP_REPOSITORIES = {
    ("ViT-B-32", "openai"): "timm/vit_base_patch32_clip_224.openai",
    ("ViT-B-32", "laion2b_s34b_b79k"): "laion/CLIP-ViT-B-32-laion2B-s34B-b79K",
    ("ViT-B-32", "datacomp_xl_s13b_b90k"): "laion/CLIP-ViT-B-32-DataComp.XL-s13B-b90K",
    ("ViT-B-32-quickgelu", "openai"): "timm/vit_base_patch32_clip_224.openai",
    ("ViT-B-16", "openai"): "timm/vit_base_patch16_clip_224.openai",
    ("ViT-B-16", "laion2b_s34b_b88k"): "laion/CLIP-ViT-B-16-laion2B-s34B-b88K",
    ("ViT-B-16", "datacomp_xl_s13b_b90k"): "laion/CLIP-ViT-B-16-DataComp.XL-s13B-b90K",
    ("ViT-L-14", "openai"): "timm/vit_large_patch14_clip_224.openai",
    ("ViT-L-14", "laion2b_s32b_b82k"): "laion/CLIP-ViT-L-14-laion2B-s32B-b82K",
    ("ViT-L-14", "datacomp_xl_s13b_b90k"): "laion/CLIP-ViT-L-14-DataComp.XL-s13B-b90K",
    ("ViT-L-14-336", "openai"): "timm/vit_large_patch14_clip_336.openai",
}
"""Architecture and tag -> repository, as open-clip's own registry has it: to ask that takes seconds."""


@dataclass(frozen=True)
class WeightsState:
    """What is there of a pretrained model.

    Attributes:
        state: ``verified``: all files, with the hashes of the lock; ``unverified``: all files, and no lock yet, which
            the first load writes; ``missing``: not all; ``changed``: a file or the revision is another than the lock,
            or the configuration, says.
        where: the folder of the files.
        files: those that are there; of missing weights, those that are not (``a or b`` where one of two is wanted).
        bytes: size of those that are there.
        remedy: what to do; "" where nothing is to be done.
        found: what is wrong, in words; "" where nothing is.
    """

    state: State
    where: Path
    files: tuple[str, ...]
    bytes: int
    remedy: str = ""
    found: str = ""

    @property
    def usable(self) -> bool:
        """Whether a job can load them."""
        return self.state in ("verified", "unverified")


def wanted_by(feature: str, settings: Mapping[str, Any]) -> tuple[Wanted, ...]:
    """Return the pretrained weights that a feature is computed with; none where it has none, or random ones.

    Args:
        feature: its name, also as a fold has it.
        settings: as :func:`affectssm.settings.features.settings_of` gives them. Of ``bert``, every language in them is
            wanted (:func:`in_languages`).

    Raises:
        ConfigError: for a name that is no feature.
    """
    found = spec(feature)
    if not found.wants or settings.get("weights") != "pretrained":
        return ()
    return tuple(load(found.wants)(found.name, settings))


def in_languages(settings: Mapping[str, Any], languages: Collection[str]) -> dict[str, Any]:
    """Return settings without the models of other languages than these."""
    return {
        name: value for name, value in settings.items() if not isinstance(value, Mapping) or name in languages
    }


def speech(feature: str, settings: Mapping[str, Any]) -> tuple[Wanted, ...]:
    """Of an encoder of speech."""
    model = settings["model"]
    return (Wanted(model, model, _SPEECH_LICENCES[feature], _SPEECH, settings["revision"]),)


def bert(_: str, settings: Mapping[str, Any]) -> tuple[Wanted, ...]:
    """Of the BERT of each language in the settings."""
    chosen = (value for value in settings.values() if isinstance(value, Mapping) and "model" in value)
    return tuple(
        Wanted(
            one["model"], one["model"], _BERT_LICENCES.get(one["model"], _NOT_SAID), _BERT, one["revision"]
        )
        for one in chosen
    )


def mae(_: str, settings: Mapping[str, Any]) -> tuple[Wanted, ...]:
    """Of the encoder of a masked autoencoder."""
    return (Wanted(settings["model"], settings["model"], _MAE_LICENCE, _MAE, settings["revision"]),)


def clip(_: str, settings: Mapping[str, Any]) -> tuple[Wanted, ...]:
    """Of CLIP."""
    model, tag = settings["model"], settings["pretrained"]
    repository = _CLIP_REPOSITORIES.get((model, tag))
    if repository is None:
        repository = _registered(model, tag)
    licence = _CLIP_LICENCES.get(tag, _NOT_SAID)
    return (Wanted(f"{model}/{tag}", repository, licence, _CLIP, settings["revision"]),)


def _registered(model: str, tag: str) -> str:
    """Ask open-clip's registry, for what the table above does not have."""
    from affectssm.torchvision_ops import ensure_torchvision_ops

    ensure_torchvision_ops()
    import open_clip

    return str(open_clip.get_pretrained_cfg(model, tag).get("hf_hub", f"{model} {tag}")).strip("/")


def state_of(weights_dir: Path | str, wanted: Wanted, hashes: Hashes = sha256) -> WeightsState:
    """Look at what is there of a pretrained model.

    Args:
        weights_dir: the folder with all weights.
        wanted: the model.
        hashes: gives a file's SHA-256; to read a large model takes seconds.
    """
    folder = Path(weights_dir) / wanted.model
    there, missing = _files(folder, wanted)
    size = sum((folder / name).stat().st_size for name in there)
    remedy = (
        f"affectssm weights fetch with your configuration; or {fetching(folder, wanted, wanted.revision)}"
    )
    if missing:
        found = f"without {', '.join(missing)}" if folder.is_dir() else "no such folder"
        return WeightsState("missing", folder, tuple(missing), size, remedy, found)

    def changed(found: str, remedy: str = remedy) -> WeightsState:
        return WeightsState("changed", folder, tuple(there), size, remedy, found)

    noted = noted_revision(folder, there)
    if wanted.revision and noted and noted != wanted.revision:
        return changed(f"files of revision {noted}, not {wanted.revision}")
    lock = lock_of(folder)
    if not lock.is_file():
        return WeightsState("unverified", folder, tuple(there), size)
    again = f"restore the file, or delete {lock} to take the new weights on purpose"
    try:
        known = read_lock(lock)
    except DataError as error:
        return changed(f"{lock.name} {error.found}", error.remedy)
    if wanted.revision and known.get("revision") and known["revision"] != wanted.revision:
        return changed(f"{lock.name} has revision {known['revision']}, not {wanted.revision}")
    other = [name for name in there if known["sha256"].get(name) != hashes(folder / name)]
    if other:
        return changed(f"{', '.join(other)}: not the sha256 that {lock.name} has", again)
    return WeightsState("verified", folder, tuple(there), size)


def _files(folder: Path, wanted: Wanted) -> tuple[list[str], list[str]]:
    """Return the wanted files that are there, as a load takes them, and those that are not."""
    there, missing = [], []
    for alternatives in wanted.files:
        found = next((name for name in alternatives.split("|") if (folder / name).is_file()), None)
        if found is None:
            missing.append(alternatives.replace("|", " or "))
        else:
            there.append(found)
    return there, missing
