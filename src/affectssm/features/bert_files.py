"""The BERT of a language (Devlin et al. 2019, NAACL): where its files lie, and its tokens of a text.

``bert-base-uncased`` and ``bert-base-chinese`` were both published with CLS 101 and SEP 102. With random weights there
is no vocabulary: a word of letters, and every other character that is no space, has a token by its hash.
"""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tokenizers import BertWordPieceTokenizer
from tokenizers.models import WordPiece

from affectssm.errors import ConfigError
from affectssm.features.weights import Wanted, loading, record, seed_of, verified_folder

LICENCES = {
    "google-bert/bert-base-uncased": "Apache-2.0",
    "google-bert/bert-base-chinese": "its model card does not say: more information needed",
}
CLS, SEP = 101, 102
Tokenizer = Callable[[str], list[int]]
_FILES = ("config.json", "tokenizer_config.json", "vocab.txt", "model.safetensors|pytorch_model.bin")
_VOCABULARY = {"google-bert/bert-base-chinese": 21128}
_ENGLISH = 30522
_FIRST = 1000  # the ids below are for special tokens
# a character of Chinese, a word of letters and digits, any other character
_WORD = re.compile(r"[\u3400-\u9fff]|[^\W\u3400-\u9fff]+|[^\w\s]")


@dataclass
class BertFiles:
    """A language's BERT.

    Attributes:
        model: its name.
        size: ``full`` or ``small``, of random weights.
        card: what a card says of its weights: a seed, or the lock's entry.
        wanted: the published files; None: random weights.
        folder: where those lie.
    """

    model: str
    size: str
    card: dict[str, Any] = field(default_factory=dict)
    wanted: Wanted | None = None
    folder: Path = Path()

    @classmethod
    def of(cls, settings: Mapping[str, Any], language: str) -> BertFiles:
        """Find the files, and verify them.

        Args:
            settings: of the feature ``bert``: a section with ``model`` and ``revision`` of each language; ``weights``,
                ``size``, ``weights_dir``.
            language: as a row of the manifest names it.

        Raises:
            ConfigError: for a language without a model, or if a file is missing.
            DataError: if a file is not that of the first load.
        """
        chosen = settings.get(language)
        if not isinstance(chosen, Mapping):
            known = [name for name, value in settings.items() if isinstance(value, Mapping)]
            raise ConfigError(
                f"text in {language!r}", "no BERT for this language", f"one of {', '.join(known)}",
                "name the language where the corpus is read, or leave text out",
            )  # fmt: skip
        model = chosen["model"]
        if settings["weights"] == "random":
            return cls(model, settings["size"], {"random_seed": seed_of(model)})
        wanted = Wanted(model, model, LICENCES.get(model, "see the repository"), _FILES, chosen["revision"])
        folder, lock = verified_folder(settings["weights_dir"], wanted)
        return cls(model, "full", lock, wanted, folder)

    @property
    def vocabulary(self) -> int:
        """The number of tokens of a model with random weights."""
        return _VOCABULARY.get(self.model, _ENGLISH)

    def tokenizer(self) -> Tokenizer:
        """Return what turns a text into token ids, CLS first and SEP last.

        Raises:
            DataError: if the vocabulary's files cannot be used.
        """
        if self.wanted is None:
            return self._hashed
        with loading(self.folder, self.wanted):
            told = json.loads((self.folder / "tokenizer_config.json").read_text(encoding="utf-8"))
            known = WordPiece.read_file(str(self.folder / "vocab.txt"))
            pieces = BertWordPieceTokenizer(known, lowercase=bool(told.get("do_lower_case", True)))
        record(self.folder, self.card)
        return lambda text: list(pieces.encode(text).ids)

    def _hashed(self, text: str) -> list[int]:
        words = (zlib.crc32(word.encode()) for word in _WORD.findall(text.lower()))
        return [CLS, *(_FIRST + word % (self.vocabulary - _FIRST) for word in words), SEP]
