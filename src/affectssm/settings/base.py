"""What settings objects have in common: unknown keys are refused, values frozen, partial sections work."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Annotated, Any, Literal, TypeGuard, TypeVar, get_args, get_origin

from pydantic import BaseModel, ConfigDict, ValidationInfo, field_validator
from pydantic.fields import FieldInfo

Key = tuple[str | int, ...]
ALIKE = "alike"
"""Marks (``Annotated``) a list whose values may be alike, unlike the names, seeds and lengths that others hold."""


class Strict(BaseModel):
    """A settings object that refuses unknown keys and never changes."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, protected_namespaces=())

    @field_validator("*", mode="before")
    @classmethod
    def _no_switch_for_a_number(cls, value: Any, info: ValidationInfo) -> Any:
        # YAML reads yes, no, on and off as booleans, and pydantic would go on to read those as 1 and 0.
        items = value if isinstance(value, (list, tuple)) else (value,)
        switch = info.field_name is not None and cls.model_fields[info.field_name].annotation is bool
        if not switch and any(isinstance(item, bool) for item in items):
            raise ValueError("a value, not a switch (yes, no, on, off, true and false are switches)")
        return value

    @field_validator("*")
    @classmethod
    def _each_once(cls, value: Any, info: ValidationInfo) -> Any:
        if not isinstance(value, tuple) or len(set(value)) == len(value) or info.field_name is None:
            return value
        field = cls.model_fields[info.field_name]
        if ALIKE not in field.metadata and not _has_places(field.annotation):
            raise ValueError("a list that names each value once")
        return value


def _has_places(annotation: Any) -> bool:
    """Whether a list is of so many values, each with a meaning of its own, as the two ends of a range."""
    own = get_args(annotation)
    if get_origin(annotation) is tuple:
        return Ellipsis not in own
    return any(_has_places(one) for one in own)


class JobSettings(Strict):
    """Settings of a job."""

    def told(self) -> dict[str, Any]:
        """Return them as they were told, for cards and config.yaml."""
        return self.model_dump(mode="json", exclude_unset=True)


Section = TypeVar("Section", bound=Strict)


def is_section(annotation: Any) -> TypeGuard[type[Strict]]:
    """Tell whether a field of this type is a section (a settings object) and not a value."""
    return isinstance(annotation, type) and issubclass(annotation, Strict)


def settings_of_model(
    section: type[Strict], models: Collection[str], info: ValidationInfo, given: Any
) -> Strict:
    """Return the settings of the model that a job names, of the section that has one of each model's name.

    Raises:
        ValueError: for a name that is no model, or settings that the model refuses.
    """
    model = info.data.get("model")
    if model is None or model not in models:
        raise ValueError(f"the settings of one of {', '.join(models)}; {model!r} is no model")
    settings = section.model_fields[model].annotation
    assert is_section(settings)
    return settings.model_validate(given)


def default_tree(section: type[Strict]) -> dict[str, Any]:
    """Return the defaults of a section as nested dicts; keys that the scale decides are absent.

    A section given in part keeps its own defaults for the rest: ``noxi_add: {root: x}`` still has one shard.
    """
    tree: dict[str, Any] = {}
    for key, field in section.model_fields.items():
        if not field.is_required():
            default = field.get_default(call_default_factory=True)
            tree[key] = default.model_dump() if isinstance(default, Strict) else default
        elif is_section(field.annotation):
            tree[key] = default_tree(field.annotation)
    return tree


def with_defaults(given: dict[str, Any], defaults: dict[str, Any]) -> dict[str, Any]:
    """Return ``given`` with absent keys from ``defaults``. An empty section is a section of defaults.

    A value left at null is kept as it is, so that validation can refuse it: a root without its folder must
    not turn into the demo.
    """
    merged = dict(given)
    for key, default in defaults.items():
        if isinstance(default, dict):
            inner = merged.get(key)
            if inner is None or isinstance(inner, dict):
                merged[key] = with_defaults(inner or {}, default)
        else:
            merged.setdefault(key, default)
    return merged


def fill(given: dict[str, Any], preset: dict[str, Any]) -> dict[str, Any]:
    """Return ``given`` with every absent or null key taken from ``preset``, recursively."""
    filled = dict(given)
    for key, value in preset.items():
        if isinstance(value, dict):
            inner = filled.get(key)
            if inner is None or isinstance(inner, dict):
                filled[key] = fill(inner or {}, value)
        elif filled.get(key) is None:
            filled[key] = value
    return filled


def at_scale(section: type[Section], preset: dict[str, Any]) -> Section:
    """Return a section as a scale has it: what the scale decides, and its own defaults."""
    return section.model_validate(with_defaults(preset, default_tree(section)))


def dotted(key: Key) -> str:
    """Return ``("a", "b", 0)`` as ``a.b[0]``."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in key)
    return text.removeprefix(".")


def fields(section: type[Strict], above: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], FieldInfo]]:
    """Yield every key of a section with its field, sections before what they contain."""
    for name, field in section.model_fields.items():
        yield (*above, name), field
        if is_section(field.annotation):
            yield from fields(field.annotation, (*above, name))


def field_at(section: type[Strict], key: Key) -> Any:
    """Return the field at a key (of an item: its list's), or the settings class where it is a section."""
    place: Any = section
    for part in key:
        if isinstance(part, int) and isinstance(place, FieldInfo):
            place = next(filter(is_section, get_args(place.annotation)), place)
        if is_section(place) and part in place.model_fields:
            field = place.model_fields[part]
            place = field.annotation if is_section(field.annotation) else field
    return place


def choices(field: Any) -> list[str]:
    """Return the values that a field lists, as text; none for free values."""
    return [str(value) for value in _literals(field.annotation)] if isinstance(field, FieldInfo) else []


def _literals(annotation: Any) -> list[Any]:
    if get_origin(annotation) is Literal:
        return list(get_args(annotation))
    return [value for part in get_args(annotation) for value in _literals(part)]


def describe(field: FieldInfo, item: bool = False) -> str:
    """Return what a field (or an item of its list) takes, in words: ``a whole number, at least 1``."""
    if item and get_origin(field.annotation) is tuple:
        return _type_words(get_args(field.annotation)[0])
    limits = [text for constraint in field.metadata for text in _limits(constraint)]
    return ", ".join([_type_words(field.annotation), *limits])


def _type_words(annotation: Any) -> str:
    words = {bool: "true or false", int: "a whole number", float: "a number", str: "text", type(None): "null"}
    if annotation in words:
        return words[annotation]
    if is_section(annotation):
        return f"sections of {', '.join(annotation.model_fields)}"
    origin, inside = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return f"one of {', '.join(map(str, inside))}"
    if origin is tuple:
        return f"a list of: {_type_words(inside[0])}"
    if origin is dict:
        return f"a section whose keys ({_type_words(inside[0])}) hold {_type_words(inside[1])}"
    if origin is Annotated:
        limits = [text for item in inside[1:] for text in _limits(item)]
        return ", ".join([_type_words(inside[0]), *limits])
    return " or ".join(_type_words(part) for part in inside)


def _limits(constraint: Any) -> list[str]:
    """Return pydantic's constraints on a value in words; a Field() inside Annotated carries several."""
    if isinstance(constraint, FieldInfo):
        return [text for item in constraint.metadata for text in _limits(item)]
    words = {"ge": "at least", "gt": "above", "le": "at most", "lt": "below", "min_length": "length at least"}
    bounds = {name: getattr(constraint, name, None) for name in words}
    found = [f"{words[name]} {bound:g}" for name, bound in bounds.items() if bound is not None]
    pattern = getattr(constraint, "pattern", None)
    return [*found, f"matching {pattern}"] if pattern else found
