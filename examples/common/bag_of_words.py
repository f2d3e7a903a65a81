"""Corpora as bags of words: how often each word is in each document, in NumPy.

Corpora of one's own come in the format of the UCI repository's "Bag of Words" sets (NIPS, KOS,
Enron and others): a file of counts, three lines with the numbers of documents, words and lines to
follow, then lines ``document word count``, both numbered from 1; and a file of words, one a line.
"""

from __future__ import annotations

import dataclasses
import gzip
import os
from pathlib import Path

import numpy as np

from common.mnist_files import DataError


@dataclasses.dataclass(frozen=True, eq=False)
class Corpus:
    """Documents as counts of words. Only counts above 0 are stored.

    :ivar name: what messages and results call it.
    :ivar words: the vocabulary.
    :ivar starts: where each document begins in ``ids`` and ``counts``, and where the last ends,
        ``int64 [n_docs + 1]``.
    :ivar ids: places in the vocabulary, ``int64 [n]``.
    :ivar counts: how often, ``float32 [n]``.
    """

    name: str
    words: tuple[str, ...]
    starts: np.ndarray
    ids: np.ndarray
    counts: np.ndarray

    @property
    def n_docs(self) -> int:
        """Number of documents."""
        return len(self.starts) - 1

    @property
    def n_words(self) -> int:
        """Size of the vocabulary."""
        return len(self.words)

    @property
    def n_tokens(self) -> int:
        """Number of words in all documents, counted as often as they occur."""
        return int(self.counts.sum(dtype=np.float64))

    def select(self, rows: np.ndarray) -> Corpus:
        """Return some of the documents, with the same vocabulary.

        :param rows: which, in their order.
        """
        sizes = np.diff(self.starts)[rows]
        starts = np.concatenate([[0], np.cumsum(sizes)])
        places = [np.arange(self.starts[i], self.starts[i + 1]) for i in rows]
        chosen = np.concatenate(places) if places else np.zeros(0, np.int64)
        return Corpus(self.name, self.words, starts, self.ids[chosen], self.counts[chosen])

    def dense(self, start: int = 0, stop: int | None = None) -> np.ndarray:
        """Return the counts of a range of documents with their zeros, ``float32 [n, n_words]``.

        :param start: the first document.
        :param stop: the one after the last; None for all that follow.
        """
        starts = self.starts[start : None if stop is None else stop + 1]
        table = np.zeros((len(starts) - 1, self.n_words), np.float32)
        rows = np.repeat(np.arange(len(table)), np.diff(starts))
        part = slice(starts[0], starts[-1])
        table[rows, self.ids[part]] = self.counts[part]
        return table

    def word_counts(self) -> np.ndarray:
        """Return how often each word occurs in all documents, ``float64 [n_words]``."""
        return np.bincount(self.ids, self.counts, self.n_words)


def make_corpus(
    name: str, words: list[str], docs: np.ndarray, ids: np.ndarray, counts: np.ndarray
) -> Corpus:
    """Make a corpus of triples; documents without words are left out.

    :param name: what to call it.
    :param words: the vocabulary.
    :param docs: the document of each triple, any whole numbers.
    :param ids: its word, a place in the vocabulary.
    :param counts: how often; those of the same document and word are added.
    :raises ValueError: when there is no word at all.
    """
    keep = counts > 0
    if not keep.any():
        raise ValueError(f"{name}: there are no words in the documents")
    pairs = np.stack([docs[keep], ids[keep]])
    pairs, inverse = np.unique(pairs, axis=1, return_inverse=True)
    totals = np.bincount(inverse.ravel(), counts[keep]).astype(np.float32)
    _, sizes = np.unique(pairs[0], return_counts=True)
    return Corpus(name, tuple(words), np.concatenate([[0], np.cumsum(sizes)]), pairs[1], totals)


def divide(
    corpus: Corpus, seed: int, validation: float = 0.1, test: float = 0.1
) -> tuple[Corpus, Corpus, Corpus]:
    """Divide the documents at random: training, validation and test, each at least one.

    :param corpus: at least 3 documents.
    :param seed: of the division.
    :param validation: part of the documents to choose settings by.
    :param test: part of the documents to judge by.
    :raises DataError: when there are less than 3 documents.
    """
    n = corpus.n_docs
    if n < 3:
        raise DataError(f"{corpus.name}: at least 3 documents are needed, there are {n}")
    order = np.random.default_rng(seed).permutation(n)
    n_test = min(max(round(n * test), 1), n - 2)
    n_validation = min(max(round(n * validation), 1), n - n_test - 1)
    ends = (n - n_test - n_validation, n - n_test)
    train, held_out, judged = (corpus.select(np.sort(part)) for part in np.split(order, ends))
    return train, held_out, judged


def made_up(
    n_docs: int, n_words: int, n_topics: int, n_tokens: int, seed: int
) -> tuple[Corpus, np.ndarray]:
    """Draw a corpus from a logistic-normal topic model, to see whether the topics are found.

    Each topic has its own share of the vocabulary, with 90 % of its probability; the rest is on
    all words alike. Proportions are the softmax of independent normal numbers, of deviation 2.

    :param n_docs: number of documents.
    :param n_words: size of the vocabulary, at least the number of topics.
    :param n_topics: number of topics.
    :param n_tokens: words in each document.
    :param seed: of the draws.
    :returns: the corpus, and the topics, ``float64 [n_topics, n_words]``.
    """
    rng = np.random.default_rng(seed)
    owner = np.arange(n_words) * n_topics // n_words
    own = owner == np.arange(n_topics)[:, None]
    topics = 0.9 * own / own.sum(1, keepdims=True) + 0.1 / n_words
    weights = np.exp(2.0 * rng.standard_normal((n_docs, n_topics)))
    mixed = weights / weights.sum(1, keepdims=True) @ topics
    table = rng.multinomial(n_tokens, mixed)
    words = [f"word{i % n_words}_of_topic{owner[i]}" for i in range(n_words)]
    docs, ids = np.nonzero(table)
    return make_corpus("made-up corpus", words, docs, ids, table[docs, ids]), topics


def read_bag_of_words(docword: str | os.PathLike[str], vocab: str | os.PathLike[str]) -> Corpus:
    """Read a corpus in the format of the UCI repository.

    :param docword: the file of counts, such as ``docword.nips.txt``; may be compressed (``.gz``).
    :param vocab: the file of words, such as ``vocab.nips.txt``.
    :raises DataError: when a file cannot be read or is not as it should be; says what is wrong.
    """
    path = Path(docword).expanduser()
    words = _read_words(Path(vocab).expanduser())
    opened = gzip.open if path.suffix == ".gz" else open
    try:
        with opened(path, "rt", encoding="utf-8") as file:
            header = [file.readline().strip() for _ in range(3)]
            sizes = _sizes(path, header, len(words))
            try:
                # The file may be empty from here on; a warning of that would be one message more.
                table = np.loadtxt(file, np.int64, ndmin=2) if sizes[2] else np.zeros((0, 3), int)
            except ValueError as error:
                raise DataError(f"{path}, after the 3 lines of its header: {error}") from error
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: {getattr(error, 'strerror', None) or error}") from error
    _check_table(path, table, *sizes)
    name = path.name
    try:
        return make_corpus(name, words, table[:, 0], table[:, 1] - 1, table[:, 2])
    except ValueError as error:
        raise DataError(str(error)) from error


def _read_words(path: Path) -> list[str]:
    try:
        words = [line.strip() for line in path.read_text(encoding="utf-8").splitlines()]
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: {getattr(error, 'strerror', None) or error}") from error
    if not all(words) or not words:
        where = f"line {words.index('') + 1} is empty" if words else "the file is empty"
        raise DataError(f"{path}: expected words, one a line; {where}")
    return words


def _sizes(path: Path, header: list[str], n_words: int) -> tuple[int, int, int]:
    if not all(line.isdecimal() for line in header):
        raise DataError(
            f"{path}: expected 3 lines with the numbers of documents, words and lines to follow, "
            f"found {header}"
        )
    n_docs, expected, n_lines = map(int, header)
    if expected != n_words:
        raise DataError(
            f"{path}: its line 2 says that there are {expected} words, but the file of words has "
            f"{n_words}: the two files do not belong together"
        )
    return n_docs, n_words, n_lines


def _check_table(path: Path, table: np.ndarray, n_docs: int, n_words: int, n_lines: int) -> None:
    if table.shape != (n_lines, 3):
        raise DataError(
            f"{path}: its line 3 says that {n_lines} lines of document, word and count follow, "
            f"found {table.shape[0]} lines of {table.shape[1]} numbers"
        )
    limits = (("document", n_docs), ("word", n_words), ("count", np.inf))
    for column, (what, most) in zip(table.T, limits):
        wrong = (column < 1) | (column > most)
        if wrong.any():
            i = int(wrong.argmax())
            expected = "at least 1" if most == np.inf else f"from 1 to {most}"
            raise DataError(f"{path}, line {i + 4}: {what} {column[i]}, expected {expected}")
