"""The code hash follows imports and ignores what cannot change a result."""

import os
import shutil

import pytest

from affectssm.store import code


def forget() -> None:
    """As in a new process."""
    for function in (code._file, code._read, code._imports, code._known):
        function.cache_clear()


@pytest.fixture
def package(tmp_path, monkeypatch):
    root = tmp_path / "affectssm"
    for name, text in {
        "__init__.py": "",
        "a.py": '"""Doc."""\nfrom affectssm.sub import b\nfrom affectssm.store import x\nA = 1\n',
        "sub/__init__.py": "",
        "sub/b.py": "def f():\n    from affectssm.sub.c import C\n    return C\n",
        "sub/c.py": "C = 3\n",
        "sub/registry.py": "R = 1\n",
        "store/x.py": "X = 1\n",
        "other.py": "O = 1\n",
    }.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    monkeypatch.setattr(code, "ROOT", root)

    def fresh():
        forget()
        return code.code_hash("affectssm.a")

    yield root, fresh
    shutil.rmtree(root)
    forget()


def test_reaches_lazy_and_indirect_imports_but_not_the_ground_floor(package):
    _, fresh = package
    fresh()
    assert code.reachable("affectssm.a") == {
        "affectssm.a",
        "affectssm.sub",
        "affectssm.sub.b",
        "affectssm.sub.c",
    }


@pytest.mark.parametrize(
    ("file", "text", "changes"),
    [
        ("sub/c.py", "C = 4\n", True),
        ("sub/c.py", '"""New words."""\n\nC = 3  # a comment\n', False),
        ("other.py", "O = 2\n", False),
        ("store/x.py", "X = 2\n", False),
        ("sub/registry.py", "R = 2\n", False),
    ],
)
def test_only_reachable_code_counts(package, file, text, changes):
    root, fresh = package
    before = fresh()
    (root / file).write_text(text)
    assert (fresh() != before) == changes


def test_what_was_read_is_remembered_until_the_file_changes(package, monkeypatch):
    root, fresh = package
    for path in root.rglob("*.py"):
        os.utime(path, (1e9, 1e9))
    before = fresh()
    parse = code.ast.parse
    monkeypatch.setattr(code.ast, "parse", lambda *_: pytest.fail("read again"))
    assert fresh() == before
    monkeypatch.setattr(code.ast, "parse", parse)
    (root / "sub/c.py").write_text("C = 4\n")
    assert fresh() != before


def test_a_broken_memory_is_made_anew(package):
    root, fresh = package
    for path in root.rglob("*.py"):
        os.utime(path, (1e9, 1e9))
    before = fresh()
    (memory,) = (root / "__pycache__").iterdir()
    memory.write_text("{")
    assert fresh() == before
    assert len(memory.read_text()) > 10
