"""Read packed models, which anybody may have written: nothing in one is run, and no name in one becomes a path.

Members are told by name, stored as they are, bounded in size, and have the SHA-256 that the index says; what is a
pickle or a file of torch is refused by its name and by its content. Configuration and description are checked by their
models before anything is built of them.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO

from pydantic import ValidationError

from affectssm.errors import DataError
from affectssm.serving import pack_format as form
from affectssm.serving.pack_checks import checked_config, checked_description
from affectssm.store.files import open_regular

_BLOCK = 1 << 20
_PICKLES = (".pkl", ".pickle", ".pt", ".pth", ".bin", ".ckpt", ".joblib", ".npy", ".npz", ".dill")
_REMEDY = "get the file again from whoever packed it"
_LONGEST_HEADER = 64 << 20


class PackError(DataError):
    """A packed model that is not what it should be."""


@dataclass(frozen=True)
class Packed:
    """What a whole, checked pack says.

    Attributes:
        path: of the file.
        sha256: of the file.
        made_by: version of affectssm that packed it.
        description: ``model.json``.
        config: the effective configuration of the run, checked by its family's model.
        card: of the checkpoint.
    """

    path: Path
    sha256: str
    made_by: str
    description: form.Description
    config: Mapping[str, Any]
    card: Mapping[str, Any]


def read_pack(path: Path, into: Path | None = None) -> Packed:
    """Read a pack whole and check every byte of it.

    Args:
        path: of the file.
        into: a folder for its files of tensors; None to check them alone.

    Raises:
        PackError: for a file that is no pack, a newer one, a damaged one, or one with something in it that should not
            be; it names the member.
    """
    try:
        with open_regular(path) as file:
            return _Reader(path, file).read(into)
    except OSError as error:
        raise PackError(
            path, error.strerror or str(error), "a packed model", "name the file that affectssm pack wrote"
        ) from error
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError) as error:
        raise PackError(
            path, f"not a ZIP file, or a damaged one: {error}", "a packed model", _REMEDY
        ) from error


class _Reader:
    """Reads one pack."""

    def __init__(self, path: Path, file: BinaryIO) -> None:
        self.path, self.file, self.archive = path, file, zipfile.ZipFile(file)
        self.size = os.fstat(file.fileno()).st_size

    def read(self, into: Path | None) -> Packed:
        infos = self._members()
        index = self._index(infos)
        self._check_names(infos, index)
        texts = {name: self._text(infos[name], index) for name in form.TEXTS if name in infos}
        for name in form.TENSORS:
            if name in infos:
                self._tensors(infos[name], index, into)
        description = checked_description(self._json(texts, form.MODEL), self.path)
        config = checked_config(self._json(texts, form.CONFIG), description, self.path)
        card = self._json(texts, form.CARD)
        self.file.seek(0)
        whole = hashlib.file_digest(self.file, "sha256").hexdigest()  # type: ignore[arg-type]
        return Packed(self.path, whole, index.affectssm, description, config, card)

    def _members(self) -> dict[str, zipfile.ZipInfo]:
        """The members by name, of which none is a path, a link or a pickle, or larger than the file."""
        found: dict[str, zipfile.ZipInfo] = {}
        for info in self.archive.infolist():
            name = info.filename
            if why := _unsafe(info):
                raise self._error(name, why, "members that are plain files in no folder")
            if name in found:
                raise self._error(name, "a member that is there twice", "each once")
            if PurePosixPath(name).suffix.lower() in _PICKLES:
                raise self._error(
                    name, "a pickle or a file of torch, which could run anything", "safetensors"
                )
            found[name] = info
        total = sum(info.compress_size for info in found.values())
        if total > self.size:
            raise self._error(
                "", f"members of {total} bytes in a file of {self.size}", "members side by side"
            )
        return found

    def _index(self, infos: Mapping[str, zipfile.ZipInfo]) -> form.Index:
        if form.INDEX not in infos:
            raise self._error(form.INDEX, "no index: a ZIP file of something else", "a packed model")
        found = self._parsed(self._bytes(infos[form.INDEX]), form.INDEX)
        number = found.get("format")
        if isinstance(number, int) and number > form.FORMAT:
            raise PackError(
                self.path, f"packed by affectssm {found.get('affectssm', '?')!s:.40}, in format {number}",
                f"format {form.FORMAT} at most", "update affectssm, or have the model packed by this version",
            )  # fmt: skip
        try:
            return form.Index.model_validate(found)
        except ValidationError as error:
            raise self._error(form.INDEX, _first(error), "the index of a packed model") from error

    def _check_names(self, infos: Mapping[str, zipfile.ZipInfo], index: form.Index) -> None:
        for name in infos:
            if name not in form.LARGEST:
                raise self._error(
                    name, "a member that no packed model has", f"some of {', '.join(form.LARGEST)}"
                )
        listed = set(index.members) | {form.INDEX}
        for name in sorted(listed ^ set(infos)):
            found = "a member that the index does not have" if name in infos else "no such member"
            raise self._error(name, found, "those of the index, all of them")
        if absent := sorted(form.NEEDED - set(infos)):
            raise self._error(absent[0], "no such member", f"{', '.join(sorted(form.NEEDED))}")

    def _text(self, info: zipfile.ZipInfo, index: form.Index) -> bytes:
        found = self._bytes(info)
        self._compare(info.filename, hashlib.sha256(found).hexdigest(), index)
        return found

    def _bytes(self, info: zipfile.ZipInfo) -> bytes:
        """A member's bytes, never more than its kind may have, whatever it claims."""
        most = form.LARGEST.get(info.filename, 0)
        self._check_size(info)
        with self._opened(info) as source:
            found = source.read(most + 1)
        if len(found) > most:
            raise self._error(info.filename, f"more than {most} bytes", f"{most} at most")
        return found

    def _check_size(self, info: zipfile.ZipInfo) -> None:
        most = form.LARGEST[info.filename]
        if info.file_size > most:
            raise self._error(info.filename, f"{info.file_size} bytes", f"{most} at most")

    @contextmanager
    def _opened(self, info: zipfile.ZipInfo) -> Iterator[Any]:
        try:
            with self.archive.open(info) as source:
                yield source
        except (zipfile.BadZipFile, RuntimeError, NotImplementedError, EOFError) as error:
            raise self._error(info.filename, f"damaged: {error}", "the bytes that were packed") from error

    def _tensors(self, info: zipfile.ZipInfo, index: form.Index, into: Path | None) -> None:
        """Check a file of tensors, and write it into a folder where one is given."""
        self._check_size(info)
        digest = hashlib.sha256()
        target = (into / info.filename).open("xb") if into is not None else None
        try:
            with self._opened(info) as source:
                first = True
                while block := source.read(_BLOCK):
                    if first and (why := _no_safetensors(block, info.file_size)):
                        raise self._error(info.filename, why, "safetensors")
                    first = False
                    digest.update(block)
                    if target is not None:
                        target.write(block)
        finally:
            if target is not None:
                target.close()
        self._compare(info.filename, digest.hexdigest(), index)

    def _compare(self, name: str, digest: str, index: form.Index) -> None:
        if digest != index.members[name].sha256:
            raise self._error(
                name, f"sha256 {digest}", f"sha256 {index.members[name].sha256}, as {form.INDEX} says"
            )

    def _json(self, texts: Mapping[str, bytes], name: str) -> dict[str, Any]:
        return self._parsed(texts[name], name)

    def _parsed(self, text: bytes, name: str) -> dict[str, Any]:
        try:
            found = json.loads(text.decode("utf-8"))
        except (ValueError, RecursionError) as error:
            what = "a pickle" if text[:1] == b"\x80" else f"no JSON: {error}"
            raise self._error(name, what, "JSON") from error
        if not isinstance(found, dict):
            raise self._error(name, "no JSON object", "a JSON object")
        return found

    def _error(self, name: str, found: str, expected: str) -> PackError:
        return PackError(f"{self.path}{f', {name!a}' if name else ''}", found, expected, _REMEDY)


def _unsafe(info: zipfile.ZipInfo) -> str:
    """Why a member is none that may be read; "" where it may."""
    name = info.orig_filename
    parts = name.replace("\\", "/").split("/")
    if len(parts) > 1 or name in ("", ".", "..") or ":" in name or "\0" in name:
        return "a path outside of the file" if ".." in parts or not parts[0] or ":" in name else "a path"
    mode = info.external_attr >> 16
    if mode and not stat.S_ISREG(mode) and stat.S_IFMT(mode):
        return "a link or another special file"
    if info.flag_bits & 0x1:
        return "encrypted"
    if info.compress_type != zipfile.ZIP_STORED or info.compress_size != info.file_size:
        return "compressed, so that its size is not what it claims"
    return ""


def _no_safetensors(begin: bytes, size: int) -> str:
    """Why a file that begins so is no safetensors file; "" where it may be one."""
    if begin[:4] == b"PK\x03\x04":
        return "a file of torch (a ZIP with a pickle in it), which could run anything"
    if begin[:1] == b"\x80" and begin[1:2] <= b"\x05":
        return "a pickle, which could run anything"
    length = int.from_bytes(begin[:8], "little")
    if len(begin) < 9 or length > min(_LONGEST_HEADER, size - 8) or begin[8:9] != b"{":
        return "no safetensors file"
    return ""


def _first(error: ValidationError) -> str:
    one: Mapping[str, Any] = error.errors(include_url=False)[0]
    where: Sequence[Any] = one["loc"]
    return f"{'.'.join(map(str, where))}: {one['msg']}"
