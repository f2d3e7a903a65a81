"""Reuters news as bags of words: 395 articles of 1996 and 1997, 4258 words, 84,010 tokens.

The articles, most of them about churches, royals, politicians and the arts, are part of the
Reuters corpus; as counts of words they come with the package ``lda`` (Mozilla Public License),
whose wheel is downloaded once. Two text files are taken out of it; it is not installed, and none
of its code is run.
"""

from __future__ import annotations

import hashlib
import os
import sys
import tempfile
import zipfile
from pathlib import Path

import numpy as np

from common.bag_of_words import Corpus, make_corpus
from common.files import atomic_file
from common.mnist_files import DataError
from common.uci import PackagedFile, cache_folder, download_wheel

COUNTS = PackagedFile(
    requirement="lda==3.0.2",
    member="lda/tests/reuters.ldac",
    sha256="4bfe5b21ed263334ddf7af56f7b38632f6ccae7d9441c8b56071167841e71b5e",
)
WORDS = PackagedFile(
    requirement="lda==3.0.2",
    member="lda/tests/reuters.tokens",
    sha256="8fc788b258bb76f9e352885cc20971d64e0011b8d74781129d060818930e3d5a",
)


def load_reuters(cache_dir: str | os.PathLike[str] | None = None) -> Corpus:
    """Load the corpus, and download it if it is not on this machine.

    :param cache_dir: folder of what has been downloaded; by default ``zhusuan/data`` in the
        user's cache folder.
    :raises DataError: when it cannot be had; says what was tried.
    """
    folder = cache_folder() if cache_dir is None else Path(cache_dir).expanduser()
    contents = [_read_genuine(folder / Path(file.member).name, file) for file in (COUNTS, WORDS)]
    if None in contents:
        contents = _from_package_index()
        for file, content in zip((COUNTS, WORDS), contents):
            with atomic_file(folder / Path(file.member).name) as out:
                out.write(content)
    counts, words = (content.decode("utf-8") for content in contents)
    return parse_ldac("Reuters", counts, words.split())


def parse_ldac(name: str, text: str, words: list[str]) -> Corpus:
    """Read documents in the format of Blei's LDA-C: ``n word:count word:count ...``, one a line.

    :param name: what messages call it.
    :param text: the documents; words are numbered from 0, and n is how many pairs follow.
    :param words: the vocabulary.
    :raises DataError: when a line is something else; names it.
    """
    triples = []
    for number, line in enumerate(text.splitlines(), start=1):
        try:
            triples += [(number, *pair) for pair in _pairs(line, len(words))]
        except ValueError as error:
            raise DataError(f"{name}, line {number}: {error}") from error
    if not triples:
        raise DataError(f"{name}: there are no words in the documents")
    return make_corpus(name, words, *np.array(triples, np.int64).T)


def _pairs(line: str, n_words: int) -> list[list[int]]:
    size, *pairs = line.split() or [""]
    found = [[int(part) for part in pair.split(":")] for pair in pairs]
    if int(size) != len(found) or any(len(pair) != 2 for pair in found):
        raise ValueError(f"expected {size} pairs word:count, found {' '.join(pairs[:3])} ...")
    if any(not 0 <= i < n_words or count < 1 for i, count in found):
        raise ValueError(f"a word is not from 0 to {n_words - 1}, or a count is below 1")
    return found


def _read_genuine(path: Path, file: PackagedFile) -> bytes | None:
    """Return what is in the file, or None when there is none, or it is damaged."""
    if not path.is_file():
        return None
    content = path.read_bytes()
    return content if hashlib.sha256(content).hexdigest() == file.sha256 else None


def _from_package_index() -> list[bytes]:
    print(f"downloading {COUNTS.requirement} for the Reuters corpus", file=sys.stderr)
    contents = []
    with tempfile.TemporaryDirectory() as folder:
        try:
            download_wheel(COUNTS.requirement, Path(folder))
            with zipfile.ZipFile(next(Path(folder).glob("*.whl"))) as wheel:
                contents = [wheel.read(file.member) for file in (COUNTS, WORDS)]
        except (DataError, OSError, StopIteration, KeyError, zipfile.BadZipFile) as error:
            raise DataError(
                f"cannot get the Reuters corpus: {error}. It is {COUNTS.member} and "
                f"{WORDS.member} in the wheel of {COUNTS.requirement} on PyPI; or give a corpus "
                "of your own (--docword FILE --vocab FILE)"
            ) from error
    for file, content in zip((COUNTS, WORDS), contents):
        found = hashlib.sha256(content).hexdigest()
        if found != file.sha256:
            raise DataError(
                f"{file.member} of {file.requirement} is not the genuine file: expected SHA-256 "
                f"{file.sha256}, found {found}"
            )
    return contents
