"""The topic model of lntm_mcem.py against its formula, quadrature, and topics that are known."""

import importlib.util
from pathlib import Path

import jittor as jt
import numpy as np
import pytest
from common.bag_of_words import divide, made_up
from scipy import special, stats

ROOT = Path(__file__).resolve().parents[2]

X = np.float32([[3, 0, 1, 6], [0, 5, 2, 0], [1, 1, 1, 1]])
BETA = np.float32([[1.0, -1.0, 0.3, 2.0], [-0.5, 2.0, 0.0, -1.0]])
MEAN, STD = np.float32([0.4, -0.2]), np.float32([1.5, 0.8])


@pytest.fixture(scope="module")
def lntm():
    path = ROOT / "examples" / "topic_models" / "lntm_mcem.py"
    spec = importlib.util.spec_from_file_location("lntm_mcem", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def model(lntm):
    model = lntm.LNTM(np.log(np.full(4, 0.25)), n_topics=2, spread=0.1)
    model.beta.assign(BETA)
    model.eta_mean, model.eta_std = jt.array(MEAN), jt.array(STD)
    return model


def log_likelihood(eta):
    """The log-probability of each document given weights ``[..., n_docs, 2]``, by NumPy."""
    frequency = special.softmax(eta, -1) @ special.softmax(BETA.astype(float), -1)
    return (X * np.log(frequency)).sum(-1)


def evidence(mean, std):
    """The log-probability of each document: the shares depend on the difference of weights."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(200)
    difference = mean[0] - mean[1] + np.hypot(*std) * nodes
    eta = np.stack([difference, np.zeros_like(difference)], -1)[:, None]
    log_weights = np.log(weights / weights.sum())[:, None]
    return special.logsumexp(log_likelihood(eta) + log_weights, 0)


def options(lntm, *words):
    return lntm.make_parser().parse_args(list(words))


def test_the_log_joint_is_that_of_the_formula(lntm, model):
    z = np.random.default_rng(0).normal(0, 1, (2, 3, 2)).astype("float32")
    net = model({"x": X, "z": jt.array(z)})
    expected = stats.norm.logpdf(z).sum(-1) + log_likelihood(MEAN + STD * z)
    np.testing.assert_allclose(net.log_joint().numpy(), expected, rtol=1e-5)
    prior = stats.norm(np.log(0.25), 0.7).logpdf(BETA).sum()
    assert model.log_prior(0.7).item() == pytest.approx(prior, rel=1e-5)


def test_ais_finds_the_evidence_of_held_out_documents(lntm, model):
    rows, ids = np.nonzero(X)
    corpus = lntm.Corpus(
        "own", tuple("abcd"), np.searchsorted(rows, np.arange(4)), ids, X[rows, ids]
    )
    args = options(lntm, "--n-temperatures", "50", "--n-chains", "200", "--seed", "3")
    (result,) = lntm.annealed(model, corpus, args)
    truth = evidence(MEAN, STD)
    # The standard errors are about 0.02.
    np.testing.assert_allclose(result.log_likelihood, truth, atol=0.08)
    # Other moments of the weights, or none, would be noticed.
    for wrong in ((0 * MEAN, STD), (MEAN, 0 * STD + 0.5)):
        assert np.abs(evidence(*wrong) - truth).max() > 0.25
    figures = lntm.held_out(model, corpus, args)
    assert figures["perplexity"] == pytest.approx(np.exp(-truth.sum() / X.sum()), rel=0.01)
    assert figures["log_likelihood_bound"] == pytest.approx(result.log_likelihood.mean())
    assert 0 < figures["standard_error"] < 0.01 * figures["perplexity"]


def test_new_moments_leave_the_draws_where_they_are(lntm, model):
    corpus, _ = made_up(n_docs=20, n_words=4, n_topics=2, n_tokens=10, seed=0)
    trainer = lntm.MonteCarloEM(model, corpus, options(lntm, "--n-particles", "3"))
    trainer._z = np.random.default_rng(0).normal(0.5, 2.0, (3, 20, 2)).astype("float32")
    eta = MEAN + STD * trainer._z
    trainer._update_moments()
    mean, std = model.eta_mean.numpy(), model.eta_std.numpy()
    np.testing.assert_allclose(mean, eta.mean((0, 1)), rtol=1e-5)
    np.testing.assert_allclose(std, eta.std((0, 1)), rtol=1e-5)
    np.testing.assert_allclose(mean + std * trainer._z, eta, atol=1e-5)
    expected = special.softmax(eta, -1).mean((0, 1))
    np.testing.assert_allclose(trainer.shares(), expected, rtol=1e-4)


def test_frequencies_are_smoothed_for_documents_that_were_held_out(lntm):
    corpus, _ = made_up(n_docs=30, n_words=50, n_topics=3, n_tokens=20, seed=0)
    train, validation, _ = divide(corpus, seed=1)
    frequency, smoothing = lntm.frequencies(train, validation)
    counts = train.dense().sum(0) + smoothing
    np.testing.assert_allclose(frequency, counts / counts.sum(), rtol=1e-6)
    found = lntm.unigram_perplexity(validation, frequency)
    log_p = (validation.dense() * np.log(frequency)).sum()
    assert found == pytest.approx(np.exp(-log_p / validation.dense().sum()), rel=1e-6)
    for other in lntm.SMOOTHINGS:
        counts = train.dense().sum(0) + other
        assert lntm.unigram_perplexity(validation, counts / counts.sum()) >= found - 1e-9


def test_training_finds_the_topics_of_a_made_up_corpus(lntm):
    corpus, topics = made_up(n_docs=150, n_words=30, n_topics=3, n_tokens=60, seed=0)
    frequency = corpus.word_counts() / corpus.n_tokens
    args = options(lntm, "--chunk-size", "75", "--lr", "0.1", "--delta", "2")
    model = lntm.LNTM(np.log(frequency), n_topics=3, spread=0.3)
    trainer = lntm.MonteCarloEM(model, corpus, args)

    def distances():
        """Total variation from each true topic to the nearest that was found."""
        found = model.topics().numpy()
        return 0.5 * np.abs(topics[:, None] - found).sum(-1).min(1)

    before = distances()
    first, _ = trainer.epoch("epoch 1")
    for i in range(2, 26):
        last, rate = trainer.epoch(f"epoch {i}")
    # Frequencies alone are 0.6 away; 3000 words for each topic leave about 0.05 of noise.
    assert before.min() > 0.4
    assert distances().max() < 0.2
    assert last < 0.8 * first
    assert 0.5 < rate < 0.95


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--docword", "a.txt"], "give both or neither"),
        (["--docword", "a.txt", "--vocab", "b.txt"], "b.txt: No such file"),
    ],
)
def test_errors_are_said(lntm, words, message, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    try:
        status = lntm.main([*words, "--result-dir", "out"])
    except SystemExit as stop:
        status = stop.code
    assert status in (1, 2)
    assert message in capsys.readouterr().err
