"""The code hash follows imports and ignores what cannot change a result."""

import shutil

import pytest

from affectssm.store import code


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
        for function in (code._file, code._tree, code._tree_hash, code._imports):
            function.cache_clear()
        return code.code_hash("affectssm.a")

    yield root, fresh
    shutil.rmtree(root)
    for function in (code._file, code._tree, code._tree_hash, code._imports):
        function.cache_clear()


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
