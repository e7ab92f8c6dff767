"""Description and configuration of a packed model are checked before anything is built of them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args

from pydantic import ValidationError

from affectssm.errors import AffectError, ConfigError, DataError
from affectssm.families.answering import Answering
from affectssm.serving import pack_format as form
from affectssm.serving.run_facts import answering_of, families
from affectssm.settings.features import completed
from affectssm.settings.load import validate
from affectssm.store.ids import is_id
from affectssm.vocabulary.features import spec
from affectssm.vocabulary.models import CLIP_MODELS, FRAME_MODELS, SEGMENT_MODELS
from affectssm.vocabulary.targets import load

_MODELS = {**FRAME_MODELS, **SEGMENT_MODELS, **CLIP_MODELS}
_DEEPEST, _LONGEST, _MOST, _MOST_LAYERS = 6, 400, 10_000, 256
_COLUMNS = ("recording", "participant", "start_s", "stop_s", "time_s", "valid")
_DIMS = (
    "feature_dims",
    "dims",
    "channels",
)  # sizes of a network beside its settings; of signals "samples", too
_EXPECTED = "what affectssm pack writes"
_REMEDY = "get the file again from whoever packed it, or pack the run again with this version"


def checked_description(found: Mapping[str, Any], where: Path) -> form.Description:
    """Return ``model.json`` as its model.

    Raises:
        DataError: for what is none, a family or a model that is none, or settings that a feature does not have.
    """
    try:
        told = form.Description.model_validate(found)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise _error(where, form.MODEL, f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from error
    _check_values(found, told, where)
    answering = answering_of(families().get(told.family), told.stage)
    if answering is None:
        known = [
            f"{name} ({stage})"
            for name, one in families().items()
            for a in one.answering
            for stage in a.stages
        ]
        whose = f"a model of the family {told.family!a} ({told.stage!a})"
        raise _error(where, form.MODEL, whose, f"one of {', '.join(known)}")
    if told.model not in _MODELS:
        raise _error(where, form.MODEL, f"a model called {told.model!a}", f"one of {', '.join(_MODELS)}")
    for name in told.quantities:
        if not is_id(name) or name in _COLUMNS:
            raise _error(where, form.MODEL, f"an answer called {name!a}", "a column's name")
    for name, settings in {**{n: one.settings for n, one in told.features.items()}, **told.tracks}.items():
        try:
            check_settings(name, settings)
        except AffectError as unfit:
            raise _error(where, form.MODEL, f"{unfit.where}: {unfit.found}", unfit.expected) from unfit
    if answering.beside_model:
        _of_model(load(answering.beside_model), told.beside, where, "beside")
    elif told.beside:
        raise _error(where, form.MODEL, "beside, which this family does not have")
    return told


def _check_values(found: Mapping[str, Any], told: form.Description, where: Path) -> None:
    if odd := [name for name, text in form.texts(dict(found)) if not text.isprintable()]:
        raise _error(where, form.MODEL, f"{odd[0]} with characters that cannot be printed")
    if not _counts_are_moderate(told.beside):
        raise _error(where, form.MODEL, f"a number beyond {form.LARGEST_NUMBER} in beside")


def check_settings(feature: str, settings: Mapping[str, Any]) -> None:
    """Refuse settings that a feature does not have, or values that these cannot have.

    Raises:
        ConfigError: naming the key.
    """
    from affectssm.settings.features import Features

    given = {name: value for name, value in settings.items() if name != "tuned"}
    whole = completed(feature, given)
    for name in ("weights", "size") if spec(feature).network else ():
        known = get_args(Features.model_fields[name].annotation)
        if whole[name] not in known:
            raise ConfigError(
                f"settings of {feature}, {name}", repr(whole[name]), f"one of {', '.join(known)}", _REMEDY
            )
    section = spec(feature).section or feature
    field = Features.model_fields.get(section)
    if field is None:
        return
    model: Any = field.annotation
    own = {name: value for name, value in whole.items() if name in model.model_fields}
    validate(model, own, f"settings of {feature}")


def checked_config(found: Mapping[str, Any], told: form.Description, where: Path) -> dict[str, Any]:
    """Return the configuration of a run, in its own order, once its family's model and the description agree with it.

    Raises:
        DataError: naming the key.
    """
    answering = answering_of(families()[told.family], told.stage)
    assert answering is not None
    if why := _not_plain(found):
        raise _error(where, form.CONFIG, why)
    model = load(answering.model)
    own = {name: value for name, value in found.items() if name in model.model_fields}
    _of_model(model, own, where, form.CONFIG)
    for name in ("model", "experiment"):
        if found.get(name) != getattr(told, name):
            raise _error(
                where,
                form.CONFIG,
                f"{name} {found.get(name)!a}",
                f"{getattr(told, name)!a}, as {form.MODEL} says",
            )
    _check_dims(found, where)
    _check_agreement(answering, found, told, where)
    return dict(found)


def _check_agreement(
    answering: Answering, config: Mapping[str, Any], told: form.Description, where: Path
) -> None:
    try:
        wants = list(load(answering.features)({**config, **told.beside}))
        answers = dict(load(answering.quantities)(config))
        sets = tuple(map(str, load(answering.sets)(config))) if answering.sets else ()
        corpora = tuple(load(answering.corpora)(config))
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise _error(where, form.CONFIG, f"without what its family reads: {error!r}") from error
    if set(wants) != set(told.features):
        raise _error(
            where,
            form.MODEL,
            f"features {', '.join(told.features)}",
            f"{', '.join(wants)}, as {form.CONFIG} says",
        )
    if list(answers) != list(told.quantities):
        raise _error(where, form.MODEL, f"answers {', '.join(told.quantities)}", ", ".join(answers))
    if corpora != told.corpora:
        raise _error(where, form.MODEL, f"corpora {', '.join(told.corpora)}", f"those of {form.CONFIG}")
    if told.set not in (sets or ("",)):
        raise _error(where, form.MODEL, f"the set of weights {told.set!a}", f"one of {', '.join(sets)}")


def _check_dims(config: Mapping[str, Any], where: Path) -> None:
    counts = [config.get(name, {}) for name in _DIMS]
    fine = all(isinstance(one, dict) and all(map(_is_count, one.values())) for one in counts)
    fine = fine and _is_count(config.get("samples", 1))
    sizes = config.get("model_settings", {})
    fine = fine and isinstance(sizes, dict) and _moderate(sizes)
    if not fine:
        raise _error(
            where, form.CONFIG, f"{', '.join(_DIMS)} or model_settings that are none", "sizes of a network"
        )


def _counts_are_moderate(value: Any) -> bool:
    if isinstance(value, dict | list):
        return all(map(_counts_are_moderate, value.values() if isinstance(value, dict) else value))
    return not isinstance(value, int) or abs(value) <= form.LARGEST_NUMBER


def _is_count(value: Any) -> bool:
    return type(value) is int and 0 < value <= form.LARGEST_NUMBER


def _moderate(size: Any) -> bool:
    """Whether a setting of a model can be built in moderate time and memory."""
    if isinstance(size, dict):
        return all(map(_moderate, size.values()))
    if isinstance(size, list):
        return len(size) <= _MOST_LAYERS and all(map(_moderate, size))
    return not isinstance(size, int) or abs(size) <= form.LARGEST_SIZE


def _not_plain(value: Any, depth: int = 0) -> str:
    """Why a value is no plain one of moderate size; "" where it is."""
    if depth > _DEEPEST:
        return f"values deeper than {_DEEPEST}"
    if isinstance(value, dict | list):
        if len(value) > _MOST:
            return f"{len(value)} values in one place"
        if isinstance(value, dict) and (odd := [key for key in value if not is_id(key)]):
            return f"the key {odd[0]!a}"
        inner = value.values() if isinstance(value, dict) else value
        return next(filter(None, (_not_plain(one, depth + 1) for one in inner)), "")
    if isinstance(value, str) and len(value) > _LONGEST:
        return f"a text of {len(value)} characters"
    # of what is learnt from thousands of steps: sizes of a network beyond are no sizes, but counts may be
    return "a number beyond all sizes" if isinstance(value, int) and abs(value) > 1 << 40 else ""


def _of_model(model: Any, given: Mapping[str, Any], where: Path, member: str) -> None:
    try:
        validate(model, given, member)
    except AffectError as error:
        raise _error(where, member, f"{error.where}: {error.found}", error.expected) from error


def _error(where: Path, member: str, found: str, expected: str = _EXPECTED) -> DataError:
    return DataError(f"{where}, {member}", found, expected, _REMEDY)
