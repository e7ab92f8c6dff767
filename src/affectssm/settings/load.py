"""Read a configuration, say clearly what is wrong with it, and write slices of it for command lines."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from affectssm.errors import ConfigError, listed
from affectssm.settings.base import Key, Strict, choices, describe, dotted, field_at, fields, is_section
from affectssm.settings.config import Config

Section = TypeVar("Section", bound=Strict)
SIBLINGS, OTHERS = 16, 4  # keys that an error names
REMOVED = {
    "experiments": "it is dialogue now",
    "timeline": "timeline.clock_hz is dialogue.clock_hz now",
    "evaluation": "evaluation.scorer is dialogue.scorer now; remove bootstrap and bootstrap_seed: intervals are "
    "computed without resampling",
    "memory": "it is dialogue.memory now",
    "features.sources": "it is dialogue.sources now",
    "physiology": "it is biosignals now",
}
"""Keys that earlier versions had -> what became of them."""


def read_all(source: Mapping[str, Any] | str | Path | Sequence[str | Path]) -> tuple[dict[str, Any], str]:
    """Return what is given as a mapping or in YAML files, later files over earlier ones, and where it comes from.

    Raises:
        ConfigError: a file that cannot be read.
    """
    if isinstance(source, Mapping):
        return dict(source), "configuration"
    paths = [Path(source)] if isinstance(source, (str, Path)) else [Path(item) for item in source]
    given: dict[str, Any] = {}
    for path in paths:
        given = overlay(given, read_yaml(path))
    return given, ", ".join(map(str, paths)) or "configuration"


def as_yaml(settings: BaseModel) -> str:
    """Return settings as YAML for people: sections indented, in the order of the model, lists of values on one line."""
    return yaml.dump(settings.model_dump(mode="json"), Dumper=_Dumper, sort_keys=False, width=100)


class _Dumper(yaml.SafeDumper):
    """Lists on one line, mappings as indented lines."""

    def represent_sequence(
        self, tag: str, sequence: Any, flow_style: bool | None = None
    ) -> yaml.SequenceNode:
        return super().represent_sequence(tag, sequence, flow_style=True)


def slice_json(settings: BaseModel, without: Collection[str] = ()) -> str:
    """Return settings as canonical JSON (sorted keys, no spaces): equal settings are equal strings."""
    held = settings.model_dump(mode="json", exclude=set(without))
    return json.dumps(held, sort_keys=True, separators=(",", ":"))


def overlay(base: Mapping[str, Any], top: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``base`` with the keys of ``top`` put over it, section by section; lists are replaced."""
    merged = dict(base)
    for key, value in top.items():
        below = merged.get(key)
        both = isinstance(below, Mapping) and isinstance(value, Mapping)
        merged[key] = overlay(below, value) if both else value  # type: ignore[arg-type]
    return merged


def read_yaml(path: Path) -> dict[str, Any]:
    """Return the mapping in a YAML file; an empty file is an empty mapping.

    Raises:
        ConfigError: no such file, not UTF-8, not YAML, a key given twice, or something else than a mapping.
    """
    try:
        text = path.read_text(encoding="utf-8")
        _refuse_repeated_keys(path, yaml.compose(text, Loader=yaml.SafeLoader))
        content = yaml.safe_load(text)
    except OSError as error:
        raise ConfigError(
            path, error.strerror or str(error), "a readable YAML file", "check the path"
        ) from error
    except UnicodeDecodeError as error:
        raise ConfigError(
            path, f"byte {error.start} is not UTF-8", "a text file in UTF-8", "save it as UTF-8"
        ) from error
    except yaml.YAMLError as error:
        raise ConfigError(
            _yaml_place(path, error),
            str(getattr(error, "problem", None) or error),
            "YAML: 'key: value' lines, sections indented by spaces",
            "look at this line and the one above it",
        ) from error
    if content is not None and not isinstance(content, dict):
        raise ConfigError(
            path, f"a {type(content).__name__}", "sections of 'key: value' lines", "compare with config.yaml"
        )
    return content or {}


def _yaml_place(path: Path, error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None)
    return f"{path}, line {mark.line + 1}" if mark else str(path)


def _refuse_repeated_keys(path: Path, node: yaml.Node | None) -> None:
    """PyYAML keeps the last of two equal keys without a word, and the first one's settings are gone."""
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            if isinstance(key, yaml.ScalarNode) and key.value in seen:
                raise ConfigError(
                    f"{path}, line {key.start_mark.line + 1}",
                    f"the key {key.value!r} a second time",
                    "each key once in its section",
                    "join the two",
                )
            seen.add(str(key.value))
            _refuse_repeated_keys(path, value)
    elif isinstance(node, yaml.SequenceNode):
        for item in node.value:
            _refuse_repeated_keys(path, item)


def validate(section: type[Section], given: Any, origin: str) -> Section:
    """Return ``given`` as a settings object. Raises ConfigError, which names ``origin``."""
    try:
        return section.model_validate(given)
    except ValidationError as error:
        raise _explain(section, error, origin) from error


def _explain(section: type[Strict], error: ValidationError, origin: str) -> ConfigError:
    """Turn pydantic's findings into one ConfigError: the first in full, of the others some keys and how many there are.

    A wrong ``scale`` leaves the keys it decides without a value, so missing keys are named last, and of a wrong scale
    those that are null are not named.
    """
    findings = sorted(error.errors(include_url=False), key=lambda item: item["type"] == "missing")
    first, others = findings[0], findings[1:]
    key = tuple(part for part in first["loc"] if part != "[key]")
    if first["type"] == "extra_forbidden":
        found, expected, remedy = _unknown(section, key)
    elif first["type"] == "invalid_key":
        found, expected, remedy = f"the key {first['input']!r}", "text as a key", "quote or rename it"
    else:
        found, expected, remedy = _wrong(section, key, first)
    named = {
        dotted(item["loc"]): _meant(section, item["loc"]) if item["type"] == "extra_forbidden" else ""
        for item in others
        if (item["type"] != "missing" or first["type"] == "missing")
        and not (first["loc"] == ("scale",) and item["input"] is None)
    }
    if named:
        meant = [f"{name} ({words})" if words else name for name, words in named.items()]
        remedy += f"; then look at {listed(meant, OTHERS)}"
    return ConfigError(f"{origin}: {dotted(key)}" if key else origin, found, expected, remedy)


def _unknown(section: type[Strict], key: Key) -> tuple[str, str, str]:
    """Explain an unknown key by the keys of its level, and by the nearest known one or what became of it."""
    remedy = _meant(section, key) or "remove the key"
    if issubclass(section, Config) and dotted(key) in REMOVED:
        return "a key of an earlier version, no more there", "the keys of today", remedy
    return f"the unknown key {str(key[-1])!r}", f"one of {listed(_level(section, key), SIBLINGS)}", remedy


def _meant(section: type[Strict], key: Key) -> str:
    """What became of an unknown key, or the known one that it is most like, in words; "" where there is none."""
    if issubclass(section, Config) and dotted(key) in REMOVED:
        return REMOVED[dotted(key)]
    nearest = _nearest(section, key)
    return f"did you mean {nearest}?" if nearest else ""


def _nearest(section: type[Strict], key: Key) -> str:
    """The known key that an unknown one is most like: at its own level, then anywhere; "" where there is none."""
    name = str(key[-1])
    if near := get_close_matches(name, _level(section, key), n=1):
        return near[0]
    everywhere = {path[-1]: dotted(path) for path, _ in reversed(list(fields(section)))}
    return next((everywhere[match] for match in get_close_matches(name, everywhere, n=1)), "")


def _level(section: type[Strict], key: Key) -> list[str]:
    """The keys that there are beside a key."""
    level = field_at(section, key[:-1])
    return list(level.model_fields) if is_section(level) else []


def _wrong(section: type[Strict], key: Key, finding: Mapping[str, Any]) -> tuple[str, str, str]:
    """Explain a value that is not allowed. Our own validators say ``expected[; found[; remedy]]``."""
    value, field = finding["input"], field_at(section, key)
    item = bool(key) and isinstance(key[-1], int)
    expected = describe(field, item) if isinstance(field, FieldInfo) else "a section of 'key: value' lines"
    if finding["type"] == "missing":
        return "nothing", expected, "give a value"
    if value is None:
        return "null: nothing after the colon", expected, "give a value or delete the line"
    found = repr(value) if key else "the configuration as it stands"
    near = get_close_matches(str(value), choices(field), n=1)
    remedy = f"did you mean {near[0]}?" if near else "correct the value"
    if finding["type"] == "value_error":
        said = str(finding["ctx"]["error"]).split("; ", 2)
        expected, found, remedy = (*said, *(found, remedy)[len(said) - 1 :])
    return found, expected, remedy
