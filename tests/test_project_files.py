"""The files at the top say the same as the code: citation, change log, hooks before a commit."""

from __future__ import annotations

import re
from pathlib import Path

import jsonschema
import yaml

import affectssm

REPOSITORY = Path(__file__).parents[1]

# What of the Citation File Format 1.2.0 is used here: no key but these, those that it requires.
PERSON = {
    "oneOf": [
        {
            "properties": {"family-names": {"type": "string"}, "given-names": {"type": "string"}},
            "required": ["family-names", "given-names"],
            "additionalProperties": False,
        },
        {"properties": {"name": {"type": "string"}}, "required": ["name"], "additionalProperties": False},
    ]
}
TEXT = {"type": "string", "minLength": 1}
AUTHORS = {"type": "array", "minItems": 1, "uniqueItems": True, "items": PERSON}
REFERENCE = {
    "properties": {
        "type": {"enum": ["article", "conference-paper"]},
        "title": TEXT,
        "authors": AUTHORS,
        "year": {"type": "integer"},
        "collection-title": TEXT,
        "repository-code": {"type": "string", "pattern": "^https://"},
        "identifiers": {
            "items": {
                "properties": {"type": {"enum": ["doi", "url", "swh", "other"]}, "value": TEXT},
                "required": ["type", "value"],
            }
        },
    },
    "required": ["authors", "title", "type"],
    "additionalProperties": False,
}
CITATION = {
    "properties": {
        "cff-version": {"const": "1.2.0"},
        "message": TEXT,
        "type": {"const": "software"},
        "title": TEXT,
        "abstract": TEXT,
        "version": TEXT,
        "license": {"const": "MIT"},
        "authors": AUTHORS,
        "keywords": {"type": "array", "items": TEXT},
        "references": {"type": "array", "items": REFERENCE},
    },
    "required": ["authors", "cff-version", "message", "title"],
    "additionalProperties": False,
}


def test_the_citation_is_valid_and_of_this_version():
    citation = yaml.safe_load((REPOSITORY / "CITATION.cff").read_text())
    jsonschema.validate(citation, CITATION)
    assert citation["version"] == affectssm.__version__
    assert citation["abstract"] == affectssm.__doc__
    assert len(citation["references"]) == 4


def test_the_licence_is_the_one_that_is_named():
    assert (
        (REPOSITORY / "LICENSE")
        .read_text()
        .startswith("MIT License\n\nCopyright (c) 2026 affectssm developers\n")
    )


def test_the_hooks_before_a_commit_run_what_make_lint_runs():
    makefile = (REPOSITORY / "Makefile").read_text()
    recipes = dict(re.findall(r"^([\w-]+):\n\t(.*)\n(?!\t)", makefile, re.MULTILINE))
    linted = re.search(r"^LINTERS := (.*)\n", makefile, re.MULTILINE)
    assert re.search(r"^lint:.*\n\t@\$\(MAKE\) .* \$\(LINTERS\)\n\n", makefile, re.MULTILINE)
    (local,) = yaml.safe_load((REPOSITORY / ".pre-commit-config.yaml").read_text())["repos"]
    assert linted and {hook["id"]: hook["entry"] for hook in local["hooks"]} == {
        name: recipes[name] for name in linted[1].split()
    }
    assert local["repo"] == "local" and {hook["language"] for hook in local["hooks"]} == {"system"}
    assert all(hook["always_run"] and not hook["pass_filenames"] for hook in local["hooks"])


def test_files_that_contributors_are_sent_to_exist():
    text = (REPOSITORY / "CONTRIBUTING.md").read_text() + (REPOSITORY / "CHANGELOG.md").read_text()
    named = re.findall(r"`((?:[\w.-]+/)*[\w-]*\.(?:md|toml|yaml|in|lock|txt)|(?:[\w-]+/)+)`", text)
    assert named and [name for name in named if not (REPOSITORY / name).exists()] == []
