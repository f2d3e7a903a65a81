"""n_data: the log-likelihood of all data, estimated without bias from a minibatch."""

import inspect
import itertools

import jittor as jt
import numpy as np
import pytest
from scipy import stats

import zhusuan as zs

N, B, K = 6, 2, 3
Y = np.float32([0.3, -1.2, 2.0, 0.7, -0.4, 1.1])
W = np.float32([[0.5], [-1.0], [0.2]])  # particles of a mean that all data share
LOG_LIK = stats.norm(W, 0.8).logpdf(Y).sum(1)  # shape [K], of all data


def net_of(y, w=W, **options):
    bn = zs.BayesianNet({"y": y})
    bn.normal("y", w * np.ones(len(y), np.float32), std=0.8, **options)
    return bn


def mean_over_minibatches(w=W, **options):
    batches = [list(rows) for rows in itertools.combinations(range(N), B)]
    return np.mean([net_of(Y[rows], w, **options).log_joint().numpy() for rows in batches], 0)


def test_the_mean_over_all_minibatches_is_the_log_likelihood_of_all_data():
    # rtol: float32 sums of a few terms
    np.testing.assert_allclose(mean_over_minibatches(n_data=N), LOG_LIK, rtol=1e-5)
    np.testing.assert_allclose(
        mean_over_minibatches(n_data=N, multiplier=0.5), LOG_LIK / 2, rtol=1e-5
    )
    # without particles: one number
    alone = mean_over_minibatches(W[0], n_data=N)
    np.testing.assert_allclose(alone, LOG_LIK[:1], rtol=1e-5)
    np.testing.assert_allclose(net_of(Y, n_data=N).log_joint().numpy(), LOG_LIK, rtol=1e-5)


@pytest.mark.parametrize("wrong", [{"reduce_sum_dims": [-1]}, {"reduce_mean_dims": [-1]}])
def test_a_sum_or_a_mean_over_the_minibatch_is_not(wrong):
    """The classic mistake: the prior then counts N / B or N times too much."""
    away = mean_over_minibatches(**wrong) / LOG_LIK
    np.testing.assert_allclose(away, B / N if "reduce_sum_dims" in wrong else 1 / N, rtol=1e-5)


def test_the_data_are_in_the_last_dim_after_grouping():
    value = np.arange(12, dtype=np.float32).reshape(2, 2, 3) / 4
    truth = stats.norm(0, 1).logpdf(value)
    for options, wanted in (
        ({"group_ndims": 1}, 5 * truth.sum(-1).mean(-1)),
        ({}, 5 * truth.mean(-1)),
        ({"reduce_sum_dims": [0]}, 5 * truth.mean(-1).sum(0)),
        ({"reduce_mean_dims": [1], "multiplier": 3.0}, 15 * truth.mean(-1).mean(1)),
        ({"group_ndims": 2}, 5 * truth.sum((1, 2)).mean(keepdims=True)),
    ):
        bn = zs.BayesianNet({"a": value})
        dist = zs.distributions.Normal(
            np.zeros((2, 2, 3)), std=1.0, group_ndims=options.pop("group_ndims", 0)
        )
        bn.stochastic("a", dist, n_data=5, **options)
        np.testing.assert_allclose(bn.log_joint().numpy(), wanted, rtol=1e-5)


def test_every_way_to_make_a_node_takes_it():
    bn = zs.BayesianNet({"a": Y, "b": Y, "c": Y})
    bn.normal("a", 0.0, std=1.0, n_data=60)
    bn.sn("Normal", "b", mean=0.0, std=1.0, n_data=60)
    bn.stochastic("c", zs.distributions.Normal(0.0, std=1.0), n_data=60)
    wanted = [10 * stats.norm.logpdf(Y).sum()]
    for log_prob in bn.cond_log_prob(["a", "b", "c"]):
        np.testing.assert_allclose(log_prob.numpy(), wanted, rtol=1e-5)
    assert "n_data" in inspect.signature(bn.normal).parameters
    assert "n_data" in bn.bernoulli.__doc__


# options, the error, pieces that its message must have
WRONG = [
    ({"n_data": 5}, ValueError, ["node 'y'", "n_data=5", "smaller", "6 data", "[3, 6]"]),
    ({"n_data": 0}, ValueError, ["node 'y'", "n_data", "positive", "0"]),
    ({"n_data": 6.0}, TypeError, ["node 'y'", "n_data", "int", "6.0"]),
    ({"n_data": True}, TypeError, ["node 'y'", "n_data", "True"]),
    ({"n_data": 9, "reduce_mean_dims": [-1]}, ValueError,
     ["node 'y'", "reduce_mean_dims", "n_data=9", "[3, 6]"]),
    ({"n_data": 9, "reduce_sum_dims": [1]}, ValueError, ["node 'y'", "reduce_sum_dims", "n_data"]),
]


@pytest.mark.parametrize(("options", "kind", "pieces"), WRONG, ids=[str(row[0]) for row in WRONG])
def test_errors(options, kind, pieces):
    with pytest.raises(kind) as caught:
        net_of(Y, **options).log_joint()
    for piece in pieces:
        assert piece in str(caught.value)


def test_forgetting_it_in_a_net_of_particles_is_an_error_that_names_it():
    bn = zs.BayesianNet({"w": W, "y": Y})
    w = bn.normal("w", np.zeros(1), std=1.0, group_ndims=1)
    bn.normal("y", w * np.ones(N, np.float32), std=0.8)
    with pytest.raises(ValueError, match="n_data"):
        bn.log_joint()


def test_the_table_of_shapes_shows_the_factor_of_each_datum():
    table = zs.trace_shapes(net_of(Y[:4], n_data=506, multiplier=0.5))
    assert table["y"].reduced == "n_data 506"
    assert table["y"].scale == pytest.approx(0.5 * 506 / 4)
    assert table["y"].log_prob == (3,)
    assert "63.25" in str(table)
    grouped = zs.trace_shapes(net_of(Y, n_data=12, group_ndims=1))
    assert (grouped["y"].reduced, grouped["y"].scale) == ("group 1, n_data 12", 4.0)
    too_few = zs.trace_shapes(net_of(Y, n_data=5))
    assert "n_data=5" in too_few["y"].problem


class Local(zs.BayesianNet):
    """A latent variable for each datum."""

    def __init__(self, mean, **options):
        self._mean, self._options = mean, options

    def execute(self, observed):
        self.observe(observed)
        mean = np.full((B,), self._mean, np.float32)
        z = self.sn("Normal", "z", mean=mean, std=1.0, **self._options)
        if "x" in self.observed:
            self.sn("Normal", "x", mean=z * 0.0, std=1.0, n_data=N)
        return self


class Guide(Local):
    def execute(self, observed):
        return super().execute({})


def test_closed_forms_of_latents_per_datum_are_scaled_alike():
    def bound(p, q):
        return -zs.variational.ELBO(p, q, analytic_kl=True)({"x": Y[:B]}).item()

    log_lik = N / B * stats.norm.logpdf(Y[:B]).sum()
    # KL(N(1, 1) || N(0, 1)) = 1/2 for each datum
    exact = bound(Local(0.0, n_data=N), Guide(1.0, n_data=N))
    assert exact == pytest.approx(log_lik - N / 2, rel=1e-5)
    # p scaled and q not: no KL divergence, so the sampled term, which is another number
    with jt.no_grad():
        unlike = bound(Local(0.0, n_data=N), Guide(1.0, reduce_sum_dims=[-1]))
    assert unlike != pytest.approx(exact, rel=1e-3)
