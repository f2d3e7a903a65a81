r"""Logistic-normal topic model by Monte Carlo EM: what newspapers write about, and how often.

The model is a relative of the correlated topic model (Blei and Lafferty 2007), with independent
weights of topics instead of correlated ones. A document d has its own weight for each of K topics;
a topic is a distribution over the V words of the vocabulary:

.. math::

    \eta_{dk} \sim N(\mu_k, \sigma_k), \qquad \theta_d = \mathrm{softmax}(\eta_d), \qquad
    \phi_k = \mathrm{softmax}(\beta_k), \qquad
    \log p(x_d \mid \eta_d) = \sum_v x_{dv} \log (\theta_d^\top \phi)_v,

where :math:`x_{dv}` is how often word v is in the document, and :math:`\beta_{kv} \sim N(\log f_v,
\delta)` around the logarithm of the word's frequency in all documents, so that a topic need only
say where it departs from those (as Eisenstein et al. 2011). The weights :math:`\eta` are latent; of
:math:`\beta` the mode is sought, by Monte Carlo EM (Wei and Tanner 1990), chunk by chunk:

* E step: some transitions of :class:`zhusuan.mcmc.HMC` from where the last epoch left the chains,
  one for each document and particle, all in one batch. They move in :math:`z = (\eta - \mu) /
  \sigma`, in which directions that no word informs on have the same scale.
* M step: some steps of Adam on :math:`\beta` at these draws; and after each epoch :math:`\mu` and
  :math:`\sigma` become the mean and deviation of all draws of :math:`\eta`.

Documents that were held out are judged by annealed importance sampling (:class:`zhusuan.AIS`),
which estimates :math:`\log p(x_d)`, on average too low, so that the perplexity :math:`\exp(-\sum_d
\log p(x_d) / n)`, with n the number of their words, is on average too high. Beside it there is
the perplexity under the frequencies alone, without topics. Results:

    topics.txt, topics.png          the most probable words of each topic
    perplexity.png, acceptance.png  training, after each epoch
    lntm_mcem.npz, metrics.json     what was learnt, and the figures

The default data are 395 articles of Reuters (common/reuters.py). Other corpora come in the format
of the UCI repository's "Bag of Words" sets: ``--docword docword.kos.txt --vocab vocab.kos.txt``.
With ``--smoke`` the corpus is made up, and tiny.

Run it with ``python examples/topic_models/lntm_mcem.py``. Expected with the defaults (seed 1, 40
epochs, 20 topics; 8 minutes on a share of a busy core): perplexities of 2409 after the first epoch
and 1128 after the last for the training documents given their shares, and of

    ==========  ===========  =======  ==============  ====
    documents   this model   ESS      without topics  LDA
    ==========  ===========  =======  ==============  ====
    validation  2033 +- 0.5  4.5 / 8  2712            1966
    test        1925 +- 0.5  4.4 / 8  2683            1776
    ==========  ===========  =======  ==============  ====

(+- is the error of the weights' average alone; the estimates are on average too high, but little:
2000 temperatures instead of 500 took 10 test documents from 1990 to 1986. With seed 2, which also
divides the documents anew, the test gave 1854, 2618 without topics. LDA is scikit-learn 1.9.1's
with 20 topics, 50 iterations and the best of 8 pairs of priors by validation, its shares integrated
out by importance sampling; it is no part of the script. It predicts these documents better.) Most
topics are stories one can name: the pope's surgery; Charles, Diana and Camilla; Pamela Harriman;
Mother Teresa; Churchill's letters; Yeltsin's operation; East Timor and the Nobel prize; Elvis. Some
mix two (Cardinal Bernardin and Versace), and "church", the most frequent word, is in most.

Settings were chosen on validation documents, after 20 epochs with a quick AIS, one seed each:
perplexities were 2162, 2030 and 2040 for ``--delta`` 0.5, 1 and 2; 2175, 2030 and 2001 for 10, 20
and 40 topics (20 fit on a page); and 2163 for delta 1 around 0 in the place of log f. The others
are the first that were tried, but for the coordinates z, which a trial of eta itself led to.
"""

from __future__ import annotations

import argparse
import math
import sys
import time
from collections.abc import Iterator
from pathlib import Path

# The helpers that examples share lie beside their folders, wherever the script is run from.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import zhusuan as zs  # isort: skip  (before jittor, which it prepares)
import jittor as jt
import numpy as np
from common.bag_of_words import Corpus, divide, made_up, read_bag_of_words
from common.files import atomic_file
from common.images import save_curves
from common.mnist_files import DataError
from common.options import positive
from common.results import ResultDir, ResultError
from common.reuters import load_reuters
from jittor import nn
from matplotlib.figure import Figure
from tqdm import tqdm

N_TOP = 10  # words shown of each topic
SMOOTHINGS = (0.1, 0.3, 1.0, 3.0, 10.0)
LEAST_STD = 0.05  # of eta: draws could not leave a deviation of 0
DOCS_AT_ONCE = 50  # held-out documents in one batch


class LNTM(zs.BayesianNet):
    r"""The model of some documents, given its topics.

    :param log_frequency: :math:`\log f`, array ``[n_words]``.
    :param n_topics: K.
    :param spread: standard deviation of the first topics around :math:`\log f`.
    """

    def __init__(self, log_frequency: np.ndarray, n_topics: int, spread: float) -> None:
        super().__init__()
        self.n_topics = n_topics
        self._log_frequency = jt.array(log_frequency.astype(np.float32))
        # Topics that begin alike would stay alike.
        start = zs.distributions.Normal(mean=self._log_frequency, std=spread).sample(n_topics)
        self.beta = start.detach()
        self.eta_mean = jt.zeros([n_topics])
        self.eta_std = jt.ones([n_topics])

    def execute(self, observed):
        """Describe one run on ``observed['x']``, counts ``[n_docs, n_words]``.

        ``z`` may have particles as leading axes; ``cache['theta']`` has the shares of the topics.
        """
        self.observe(observed)
        n_docs = self.observed["x"].shape[0]
        z = self.sn("Normal", "z", mean=jt.zeros([n_docs, self.n_topics]), std=1.0, group_ndims=1)
        theta = nn.softmax(self.eta_mean + self.eta_std * z, dim=-1)
        self.cache["theta"] = theta
        log_p = jt.log(jt.matmul(theta, self.topics()))
        self.sn("UnnormalizedMultinomial", "x", logits=log_p, normalize_logits=False)
        return self

    def topics(self) -> jt.Var:
        r"""Return :math:`\phi`, the probability of each word in each topic."""
        return nn.softmax(self.beta, dim=-1)

    def log_prior(self, delta: float) -> jt.Var:
        r"""Return :math:`\log p(\beta)`, shape [1].

        :param delta: standard deviation of :math:`\beta`.
        """
        return (
            zs.distributions.Normal(mean=self._log_frequency, std=delta).log_prob(self.beta).sum()
        )


class MonteCarloEM:
    """Trains a model; keeps the state of the chains, those of all documents.

    :param model: to train.
    :param corpus: the training documents.
    :param args: the script's options.
    """

    def __init__(self, model: LNTM, corpus: Corpus, args: argparse.Namespace) -> None:
        self._model, self._corpus, self._args = model, corpus, args
        self._z = np.zeros((args.n_particles, corpus.n_docs, model.n_topics), np.float32)
        self._hmc = zs.mcmc.HMC(
            step_size=0.1, n_leapfrogs=args.n_leapfrogs, adapt_step_size=True,
            target_acceptance_rate=0.7,
        )  # fmt: skip
        self._adam = jt.optim.Adam([model.beta], args.lr)
        self._rng = np.random.default_rng(args.seed)

    def epoch(self, title: str) -> tuple[float, float]:
        """Make both steps for each chunk; return the perplexity and the rate of acceptance.

        The perplexity is that of the training documents given the draws of their topics' shares,
        much lower than that of documents whose shares are not known.

        :param title: of the progress bar.
        """
        log_p, rates = 0.0, []
        starts = range(0, self._corpus.n_docs, self._args.chunk_size)
        order = self._rng.permutation(len(starts))
        bar = tqdm(order, title, leave=False, disable=None)
        for i in bar:
            chunk = slice(starts[i], min(starts[i] + self._args.chunk_size, self._corpus.n_docs))
            x = jt.array(self._corpus.dense(chunk.start, chunk.stop))
            z, rate = self._e_step(x, self._z[:, chunk])
            self._z[:, chunk] = z.numpy()
            log_p += self._m_step(x, z)
            rates.append(rate)
            bar.set_postfix({"acceptance": f"{rate:.2f}"})
        if not np.isfinite(log_p):
            raise FloatingPointError(
                f"the log-likelihood is not finite in {title}: try a lower --lr"
            )
        self._update_moments()
        return math.exp(-log_p / self._corpus.n_tokens), float(np.mean(rates))

    def shares(self) -> np.ndarray:
        """Return the mean share of each topic in the training documents, ``[n_topics]``."""
        with jt.no_grad():
            z = jt.array(self._z)
            eta = self._model.eta_mean + self._model.eta_std * z
            return nn.softmax(eta, dim=-1).numpy().mean((0, 1))

    def _e_step(self, x: jt.Var, z: np.ndarray | jt.Var) -> tuple[jt.Var, float]:
        rates = []
        for _ in range(self._args.n_transitions):
            latent, info = self._hmc.sample(self._model, {"x": x}, {"z": z})
            z = latent["z"]
            rates.append(info.acceptance_rate.mean())
        return z, float(np.mean(rates))

    def _m_step(self, x: jt.Var, z: jt.Var) -> float:
        """Improve the topics; return the log-likelihood that they had before."""
        n_docs, n_tokens = self._corpus.n_docs, self._corpus.n_tokens
        values = []
        for _ in range(self._args.n_steps):
            log_p = self._model({"x": x, "z": z}).nodes["x"].log_prob().mean(0).sum()
            of_all = log_p * (n_docs / x.shape[0]) + self._model.log_prior(self._args.delta)
            self._adam.step(-of_all / n_tokens)
            values.append(float(log_p.item()))
        return values[0]

    def _update_moments(self) -> None:
        model = self._model
        eta = model.eta_mean.numpy() + model.eta_std.numpy() * self._z
        mean, std = eta.mean((0, 1)), np.maximum(eta.std((0, 1)), LEAST_STD)
        # The draws of eta stay what they are.
        self._z = (eta - mean) / std
        model.eta_mean, model.eta_std = jt.array(mean), jt.array(std)


def frequencies(train: Corpus, validation: Corpus) -> tuple[np.ndarray, float]:
    """Return the frequency of each word in the training documents, smoothed.

    A number is added to all counts: the one of :data:`SMOOTHINGS` that validation documents are
    most probable with.

    :param train: documents to count in.
    :param validation: documents to choose by.
    :returns: ``float64 [n_words]``, and the number.
    """
    found = []
    for smoothing in SMOOTHINGS:
        counts = train.word_counts() + smoothing
        frequency = counts / counts.sum()
        found.append((unigram_perplexity(validation, frequency), smoothing, frequency))
    _, smoothing, frequency = min(found, key=lambda row: row[0])
    return frequency, smoothing


def unigram_perplexity(corpus: Corpus, frequency: np.ndarray) -> float:
    """Return the perplexity of documents whose words are drawn by their frequency alone.

    :param corpus: the documents.
    :param frequency: of each word.
    """
    return math.exp(-corpus.word_counts() @ np.log(frequency) / corpus.n_tokens)


def held_out(model: LNTM, corpus: Corpus, args: argparse.Namespace) -> dict[str, float]:
    """Estimate the perplexity of documents by AIS, with the prior as the proposal.

    :param model: trained.
    :param corpus: documents that it was not trained on.
    :param args: the script's options.
    :returns: figures.
    """
    parts = list(annealed(model, corpus, args))
    log_p = np.concatenate([part.log_likelihood for part in parts])
    error = np.concatenate([part.standard_error for part in parts])
    ess = np.concatenate([part.ess for part in parts])
    perplexity = math.exp(-log_p.sum() / corpus.n_tokens)
    return {
        "perplexity": perplexity,
        # d perplexity = perplexity * d log-likelihood / n_tokens
        "standard_error": perplexity * float(np.sqrt((error**2).sum())) / corpus.n_tokens,
        "log_likelihood_bound": float(log_p.mean()),
        "mean_ess": float(ess.mean()),
        "least_ess": float(ess.min()),
        "acceptance_rate": float(np.concatenate([p.data_acceptance_rate for p in parts]).mean()),
    }


def annealed(
    model: LNTM, corpus: Corpus, args: argparse.Namespace
) -> Iterator[zs.evaluation.AISResult]:
    """Run AIS on documents, some at once.

    :param model: trained.
    :param corpus: the documents.
    :param args: the script's options.
    :yields: a result for each batch of documents.
    """
    for start in range(0, corpus.n_docs, DOCS_AT_ONCE):
        x = corpus.dense(start, min(start + DOCS_AT_ONCE, corpus.n_docs))
        ais = zs.AIS(
            model, model, zs.mcmc.HMC(0.1, args.n_leapfrogs), {"x": x}, ["z"],
            n_temperatures=args.n_temperatures, n_chains=args.n_chains, verbose=None,
        )  # fmt: skip
        yield ais.run(seed=args.seed + start)


def save_topics(
    results: ResultDir, words: tuple[str, ...], topics: np.ndarray, shares: np.ndarray
) -> list[str]:
    """Write the most probable words of the topics, as text and as a picture.

    :param results: where to.
    :param words: the vocabulary.
    :param topics: probabilities, ``[n_topics, n_words]``.
    :param shares: of the topics in the documents, ``[n_topics]``.
    :returns: the lines of the text.
    """
    order = np.argsort(-shares)
    top = np.argsort(-topics, axis=1)[:, :N_TOP]
    lines = [f"{shares[k]:6.1%}  {' '.join(words[v] for v in top[k])}" for k in order]
    with atomic_file(results.file("topics.txt")) as file:
        file.write(("\n".join(lines) + "\n").encode())
    n_rows = math.ceil(len(topics) / 5)
    figure = Figure(figsize=(13.0, 2.2 * n_rows), dpi=120, layout="constrained")
    grid = figure.subplots(n_rows, 5, squeeze=False).ravel()
    for axes in grid[len(topics) :]:
        axes.set_axis_off()
    for axes, k in zip(grid, order):
        axes.barh([words[v] for v in top[k]], 100.0 * topics[k, top[k]])
        axes.invert_yaxis()
        axes.tick_params(labelsize="small")
        axes.set_title(f"{shares[k]:.1%} of a document", fontsize="medium")
    figure.supxlabel("% of the topic's words", fontsize="medium")
    with atomic_file(results.file("topics.png")) as file:
        figure.savefig(file, format="png")
    return lines


def load(args: argparse.Namespace) -> Corpus:
    """Read the corpus that the options name."""
    if args.smoke:
        return made_up(n_docs=40, n_words=60, n_topics=3, n_tokens=80, seed=args.seed)[0]
    if args.docword is not None:
        return read_bag_of_words(args.docword, args.vocab)
    return load_reuters()


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the script's options."""
    parser = argparse.ArgumentParser(
        description="Train a logistic-normal topic model by Monte Carlo EM.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--docword", help="file of counts in the UCI format; default: Reuters")
    parser.add_argument("--vocab", help="file of the words, with --docword")
    parser.add_argument("--epochs", type=positive(int), default=40)
    parser.add_argument("--n-topics", type=positive(int), default=20)
    parser.add_argument("--chunk-size", type=positive(int), default=80, help="documents at once")
    parser.add_argument("--n-particles", type=positive(int), default=1, help="chains per document")
    parser.add_argument("--n-transitions", type=positive(int), default=5, help="in an E step")
    parser.add_argument("--n-leapfrogs", type=positive(int), default=5, help="in a transition")
    parser.add_argument("--n-steps", type=positive(int), default=5, help="of Adam in an M step")
    parser.add_argument("--lr", type=positive(float), default=0.02, help="Adam's step size")
    parser.add_argument("--delta", type=positive(float), default=1.0, help="deviation of beta")
    parser.add_argument(
        "--spread", type=positive(float), default=0.3, help="deviation of the first beta"
    )
    parser.add_argument("--n-temperatures", type=positive(int), default=500, help="of AIS")
    parser.add_argument("--n-chains", type=positive(int), default=8, help="of AIS, per document")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--result-dir", default="results/lntm_mcem")
    parser.add_argument(
        "--smoke", action="store_true", help="three epochs on a tiny made-up corpus, for CI"
    )
    return parser


def main(argv: list[str] | None = None) -> int:
    """Run the example; return the exit status: 130 after Ctrl-C."""
    parser = make_parser()
    args = parser.parse_args(argv)
    if (args.docword is None) != (args.vocab is None):
        parser.error("--docword and --vocab belong together: give both or neither")
    if args.smoke:
        args.epochs, args.n_topics, args.n_temperatures, args.n_chains = 3, 3, 20, 4
    try:
        results = ResultDir(args.result_dir)
        train, validation, test = divide(load(args), args.seed)
    except (DataError, ResultError) as error:
        print(f"lntm_mcem.py: {error}", file=sys.stderr)
        return 1
    print(
        f"{train.name}: {train.n_docs} documents to train on, {validation.n_docs} to choose "
        f"settings by, {test.n_docs} for the test; {train.n_words} words", flush=True,
    )  # fmt: skip
    zs.set_seed(args.seed)
    frequency, smoothing = frequencies(train, validation)
    model = LNTM(np.log(frequency), args.n_topics, args.spread)
    trainer = MonteCarloEM(model, train, args)
    history: list[dict[str, float]] = []
    figures = {"arguments": vars(args), "corpus": train.name, "interrupted": False}
    start = time.perf_counter()
    try:
        for epoch in range(1, args.epochs + 1):
            perplexity, rate = trainer.epoch(f"epoch {epoch}/{args.epochs}")
            seconds = time.perf_counter() - start
            history.append({"perplexity": perplexity, "acceptance": rate, "seconds": seconds})
            print(
                f"epoch {epoch}/{args.epochs}: perplexity given the shares {perplexity:.1f}, "
                f"acceptance {rate:.2f}, {seconds:.0f} s", flush=True,
            )  # fmt: skip
        for name, part in (("validation", validation), ("test", test)):
            figures[name] = {
                **held_out(model, part, args),
                "unigram_perplexity": unigram_perplexity(part, frequency),
            }
    except KeyboardInterrupt:
        figures["interrupted"] = True
        print(f"\ninterrupted: keeping what was learned, in {results.path}", flush=True)
    zs.save(results.file("lntm_mcem.npz"), model, epochs=len(history))
    topics = model.topics().numpy()
    lines = save_topics(results, train.words, topics, trainer.shares())
    if history:
        for name, label in (("perplexity", "given the topics' shares"), ("acceptance", "of HMC")):
            curve = {label: [row[name] for row in history]}
            save_curves(results.file(f"{name}.png"), curve, "epoch", name)
    figures.update(
        history=history, smoothing=smoothing, topics=lines, eta_mean=model.eta_mean.numpy(),
        eta_std=model.eta_std.numpy(), seconds=time.perf_counter() - start,
    )  # fmt: skip
    results.write_json("metrics.json", figures)
    print("\n".join(lines))
    for name in ("validation", "test"):
        if name in figures:
            found = figures[name]
            print(
                f"{name}: perplexity {found['perplexity']:.1f} +- {found['standard_error']:.1f} "
                f"(ESS {found['mean_ess']:.1f} of {args.n_chains} chains), without topics "
                f"{found['unigram_perplexity']:.1f}"
            )
    print(f"results are in {results.path}")
    return 130 if figures["interrupted"] else 0


if __name__ == "__main__":
    sys.exit(main())
