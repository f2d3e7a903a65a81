"""Bags of words for the topic model: the right counts, and clear errors; nothing is downloaded."""

from __future__ import annotations

import gzip
import hashlib
import zipfile

import numpy as np
import pytest
from common import reuters
from common.bag_of_words import divide, made_up, make_corpus, read_bag_of_words
from common.mnist_files import DataError
from common.reuters import load_reuters, parse_ldac
from common.uci import cache_folder

WORDS = ["church", "pope", "years"]
TABLE = np.array([[2, 0, 1], [0, 5, 0], [1, 1, 0], [0, 0, 3]], np.float32)
LDAC = "2 0:2 2:1\n1 1:5\n2 0:1 1:1\n1 2:3\n"
DOCWORD = "4\n3\n6\n1 1 2\n1 3 1\n2 2 5\n3 1 1\n3 2 1\n4 3 3\n"


def sha256(text):
    return hashlib.sha256(text.encode()).hexdigest()


@pytest.fixture
def index(monkeypatch):
    """A package index with one small wheel; returns what was downloaded."""
    texts = {"COUNTS": LDAC, "WORDS": "\n".join(WORDS) + "\n"}
    files = {n: getattr(reuters, n)._replace(sha256=sha256(text)) for n, text in texts.items()}
    for name, file in files.items():
        monkeypatch.setattr(reuters, name, file)
    downloaded = []

    def download(requirement, folder):
        downloaded.append(requirement)
        with zipfile.ZipFile(folder / "lda-3.0.2-py3-none-any.whl", "w") as wheel:
            for name, file in files.items():
                wheel.writestr(file.member, texts[name])

    monkeypatch.setattr(reuters, "download_wheel", download)
    return downloaded


def test_the_corpus_comes_from_the_wheel_once(index, tmp_path):
    for _ in range(2):
        corpus = load_reuters(cache_dir=tmp_path / "cache")
        assert corpus.words == tuple(WORDS)
        np.testing.assert_array_equal(corpus.dense(), TABLE)
    assert index == ["lda==3.0.2"]
    names = sorted(path.name for path in (tmp_path / "cache").iterdir())
    assert names == ["reuters.ldac", "reuters.tokens"]


def test_a_damaged_copy_is_fetched_anew(index, tmp_path):
    load_reuters(cache_dir=tmp_path)
    (tmp_path / "reuters.ldac").write_text("1 0:1\n")
    np.testing.assert_array_equal(load_reuters(cache_dir=tmp_path).dense(), TABLE)
    assert len(index) == 2


def test_another_file_of_that_name_is_refused(index, monkeypatch, tmp_path):
    monkeypatch.setattr(reuters, "WORDS", reuters.WORDS._replace(sha256="0" * 64))
    with pytest.raises(DataError, match=r"reuters.tokens .* is not the genuine file"):
        load_reuters(cache_dir=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_without_a_network_the_message_says_what_to_do(monkeypatch, tmp_path):
    monkeypatch.setenv("PIP_INDEX_URL", (tmp_path / "nowhere").as_uri())
    monkeypatch.setenv("PIP_EXTRA_INDEX_URL", "")
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    with pytest.raises(DataError, match=r"pip download: .*lda==3.0.2 on PyPI.*--docword FILE"):
        load_reuters(cache_dir=tmp_path)


def test_the_genuine_corpus_if_it_is_here():
    if not (cache_folder() / "reuters.ldac").exists():
        pytest.skip("the Reuters corpus has not been downloaded on this machine")
    corpus = load_reuters()
    assert (corpus.n_docs, corpus.n_words, corpus.n_tokens) == (395, 4258, 84010)
    assert corpus.words[:3] == ("church", "pope", "years")


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("1 0:2\n2 0:1\n", ["line 2", "expected 2 pairs"]),
        ("1 0:2\n1 3:1\n", ["line 2", "not from 0 to 2"]),
        ("1 0:0\n", ["line 1", "below 1"]),
        ("1 0;2\n", ["line 1", "0;2"]),
        ("1 0:2\n\n", ["line 2"]),
        ("", ["no words"]),
    ],
)
def test_a_bad_line_is_explained(text, pieces):
    with pytest.raises(DataError) as caught:
        parse_ldac("own", text, WORDS)
    assert [piece for piece in pieces if piece not in str(caught.value)] == []


@pytest.mark.parametrize("compressed", [False, True])
def test_files_in_the_format_of_uci(tmp_path, compressed):
    name = "docword.own.txt.gz" if compressed else "docword.own.txt"
    content = gzip.compress(DOCWORD.encode()) if compressed else DOCWORD.encode()
    (tmp_path / name).write_bytes(content)
    (tmp_path / "vocab.own.txt").write_text("\n".join(WORDS) + "\n")
    corpus = read_bag_of_words(tmp_path / name, tmp_path / "vocab.own.txt")
    assert corpus.name == name
    assert corpus.words == tuple(WORDS)
    np.testing.assert_array_equal(corpus.dense(), TABLE)


@pytest.mark.parametrize(
    ("docword", "vocab", "pieces"),
    [
        (None, "a\nb\nc\n", ["docword.txt", "No such file"]),
        (DOCWORD, None, ["vocab.txt", "No such file"]),
        (DOCWORD, "", ["vocab.txt", "is empty"]),
        (DOCWORD, "a\n\nc\n", ["vocab.txt", "line 2 is empty"]),
        (DOCWORD, "a\nb\n", ["3 words", "has 2", "do not belong together"]),
        ("1 1 2\n" + DOCWORD, "a\nb\nc\n", ["expected 3 lines", "1 1 2"]),
        (DOCWORD + "4 1 1\n", "a\nb\nc\n", ["6 lines", "found 7"]),
        (DOCWORD.replace("3 2 1", "3 4 1"), "a\nb\nc\n", ["line 8", "word 4", "from 1 to 3"]),
        (DOCWORD.replace("4 3 3", "5 3 3"), "a\nb\nc\n", ["line 9", "document 5", "from 1 to 4"]),
        (DOCWORD.replace("2 2 5", "2 2 0"), "a\nb\nc\n", ["line 6", "count 0", "at least 1"]),
        (DOCWORD.replace("2 2 5", "2 2 x"), "a\nb\nc\n", ["after the 3 lines", "'x'"]),
        (DOCWORD.replace("2 2 5", "2 2"), "a\nb\nc\n", ["after the 3 lines", "columns"]),
        ("4\n3\n0\n", "a\nb\nc\n", ["no words"]),
    ],
)
def test_bad_files_are_explained(tmp_path, docword, vocab, pieces):
    for name, text in (("docword.txt", docword), ("vocab.txt", vocab)):
        if text is not None:
            (tmp_path / name).write_text(text)
    with pytest.raises(DataError) as caught:
        read_bag_of_words(tmp_path / "docword.txt", tmp_path / "vocab.txt")
    assert [piece for piece in pieces if piece not in str(caught.value)] == []


def test_a_file_that_is_not_compressed_as_its_name_says(tmp_path):
    (tmp_path / "docword.txt.gz").write_text(DOCWORD)
    (tmp_path / "vocab.txt").write_text("a\nb\nc\n")
    with pytest.raises(DataError, match=r"docword.txt.gz: .*gzip"):
        read_bag_of_words(tmp_path / "docword.txt.gz", tmp_path / "vocab.txt")


def test_counts_in_any_order_are_added_and_empty_documents_left_out():
    docs, ids = np.array([7, 3, 7, 5, 3]), np.array([1, 0, 1, 2, 2])
    corpus = make_corpus("own", WORDS, docs, ids, np.array([1, 2, 4, 0, 1]))
    np.testing.assert_array_equal(corpus.dense(), [[2, 0, 1], [0, 5, 0]])


def test_a_corpus_and_its_parts():
    rng = np.random.default_rng(0)
    table = rng.poisson(0.5, (30, 8)).astype(np.float32) + np.eye(30, 8, dtype=np.float32)
    table[:, 0] += 1  # no document is empty
    docs, ids = np.nonzero(table)
    corpus = make_corpus("own", list("abcdefgh"), docs, ids, table[docs, ids])
    assert (corpus.n_docs, corpus.n_words, corpus.n_tokens) == (30, 8, table.sum())
    np.testing.assert_array_equal(corpus.dense(), table)
    np.testing.assert_array_equal(corpus.dense(5, 9), table[5:9])
    np.testing.assert_array_equal(corpus.word_counts(), table.sum(0))
    np.testing.assert_array_equal(corpus.select(np.array([4, 2])).dense(), table[[4, 2]])
    parts = divide(corpus, seed=1)
    assert [part.n_docs for part in parts] == [24, 3, 3]
    found = np.concatenate([part.dense() for part in parts])
    assert sorted(map(tuple, found)) == sorted(map(tuple, table))
    again, other = divide(corpus, seed=1), divide(corpus, seed=2)
    np.testing.assert_array_equal(parts[2].dense(), again[2].dense())
    assert not np.array_equal(parts[2].dense(), other[2].dense())
    with pytest.raises(DataError, match="at least 3 documents"):
        divide(corpus.select(np.arange(2)), seed=1)


def test_the_made_up_corpus_has_its_topics():
    corpus, topics = made_up(n_docs=400, n_words=40, n_topics=4, n_tokens=100, seed=0)
    np.testing.assert_array_equal(corpus.dense().sum(1), 100)
    np.testing.assert_allclose(topics.sum(1), 1.0)
    # Proportions are alike on average, so that frequencies are the mean of the topics; their
    # standard errors are about 0.03 / 20.
    frequency = corpus.word_counts() / corpus.n_tokens
    np.testing.assert_allclose(frequency, topics.mean(0), atol=0.006)
    again, _ = made_up(n_docs=400, n_words=40, n_topics=4, n_tokens=100, seed=0)
    np.testing.assert_array_equal(corpus.dense(), again.dense())
