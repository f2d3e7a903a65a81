"""What the examples of stochastic gradient MCMC count with beside the samplers themselves."""

import importlib.util
import math
from pathlib import Path

import jittor as jt
import numpy as np
import pytest
from common.regression import judge, save_predictions, with_error
from common.uci import Regression
from PIL import Image
from scipy import stats

import zhusuan as zs

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


def load(path):
    spec = importlib.util.spec_from_file_location(Path(path).stem, EXAMPLES / path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def bnn():
    return load("bayesian_neural_nets/bnn_sgmcmc.py")


@pytest.fixture(scope="module")
def mixture():
    return load("toy_examples/mixture_sgnht.py")


def test_the_log_joint_of_the_net(bnn):
    """Against NumPy and SciPy, the minibatch counted for all data."""
    k, n, d, units, n_data = 2, 4, 3, 5, 12
    rng = np.random.default_rng(0)
    shapes = {
        "w0": (k, d, units), "b0": (k, 1, units), "w1": (k, units, 1), "b1": (k, 1, 1),
        "log_std": (k, 1), "x": (n, d), "y": (n,),
    }  # fmt: skip
    given = {name: rng.normal(size=shape) for name, shape in shapes.items()}
    given.update({f"precision{i}": rng.gamma(2.0, size=(k, 1, 1)) for i in (0, 1)})
    net = bnn.Regression([d, units, 1], n_data, k)
    run = net({name: jt.array(np.float32(value)) for name, value in given.items()})

    hidden = np.maximum(given["x"] @ given["w0"] / math.sqrt(d) + given["b0"], 0.0)
    y_mean = (hidden @ given["w1"] / math.sqrt(units) + given["b1"])[..., 0]
    np.testing.assert_allclose(run.cache["y_mean"].numpy(), y_mean, rtol=1e-4, atol=1e-5)
    noise = np.exp(given["log_std"])
    expected = n_data / n * stats.norm(y_mean, noise).logpdf(given["y"]).sum(1)
    expected += stats.norm(-1.0, 0.5).logpdf(given["log_std"]).sum(1)
    for i in (0, 1):
        precision = given[f"precision{i}"]
        expected += stats.gamma(1.0).logpdf(precision).sum((1, 2))
        expected += stats.norm(0.0, precision**-0.5).logpdf(given[f"w{i}"]).sum((1, 2))
        expected += stats.norm.logpdf(given[f"b{i}"]).sum((1, 2))
    np.testing.assert_allclose(run.log_joint().numpy(), expected, rtol=1e-4)


def test_the_gibbs_step_draws_from_the_conditional(bnn):
    """The log joint as a function of a precision is that of the Gamma that is drawn from."""
    zs.set_seed(0)
    rng = np.random.default_rng(1)
    one = {"w0": rng.normal(size=(1, 3, 5)), "w1": 2.0 * rng.normal(size=(1, 5, 1))}
    k = 4000
    latent = {name: jt.array(np.float32(w).repeat(k, 0)) for name, w in one.items()}
    drawn = bnn.draw_precisions(latent)
    grid = np.exp(np.linspace(-6.0, 4.0, 4001))
    for i in (0, 1):
        w = one[f"w{i}"].ravel()
        log_p = stats.gamma(1.0).logpdf(grid)
        log_p += stats.norm(0.0, grid[:, None] ** -0.5).logpdf(w).sum(1)
        cumulative = np.cumsum(np.exp(log_p - log_p.max()) * grid)
        found = drawn[f"precision{i}"].numpy()
        assert found.shape == (k, 1, 1)

        def p_value(values, cumulative=cumulative):
            return stats.kstest(
                values.ravel(), lambda x: np.interp(x, grid, cumulative / cumulative[-1])
            ).pvalue

        assert p_value(found) > 1e-3
        # As if the shape had n in place of n / 2, or the rate the sum without its half.
        assert p_value(found * 1.2) < 1e-6


def test_validation_leaves_the_test_data_alone(bnn):
    data = Regression("rows", np.arange(40.0)[:, None], np.arange(40.0))
    args = bnn.make_parser().parse_args(["--n-splits", "3"])
    test = [set(part.y_test) for part in bnn.parts_of(data, args)]
    args = bnn.make_parser().parse_args(["--n-splits", "3", "--validate"])
    for part, left_out in zip(bnn.parts_of(data, args), test):
        train = np.round(part.y_train * part.y_std + part.y_mean).astype(float)
        assert len(left_out) == 4
        assert len(train) == 32
        assert len(set(train) | set(part.y_test) | left_out) == 40


def test_the_error_of_the_mean_so_far(bnn):
    rng = np.random.default_rng(0)
    mean, y = rng.normal(size=(3, 2, 6)), rng.normal(size=6)
    draws = bnn.Draws(mean, np.ones([3, 2, 1]), np.arange(3), {}, 0.0)
    expected = [
        math.sqrt(np.mean((mean[: i + 1].reshape(-1, 6).mean(0) - y) ** 2)) for i in range(3)
    ]
    np.testing.assert_allclose(bnn.rmse_so_far(draws, y), expected)
    # The last is that of all draws.
    all_draws = judge(y, mean.reshape(-1, 6), draws.std.reshape(-1, 1))
    assert all_draws.rmse == pytest.approx(expected[-1])


def test_predictions_are_judged_as_a_mixture(tmp_path):
    rng = np.random.default_rng(0)
    y, mean, std = rng.normal(size=6), rng.normal(size=(5, 6)), rng.gamma(2.0, size=(5, 1))
    found = judge(y, mean, std)
    density = stats.norm(mean, std).pdf(y).mean(0)
    assert found.log_density == pytest.approx(np.log(density).mean())
    assert found.rmse == pytest.approx(math.sqrt(np.mean((mean.mean(0) - y) ** 2)))
    second = (mean**2 + std**2).mean(0)
    np.testing.assert_allclose(found.spread, np.sqrt(second - mean.mean(0) ** 2))
    assert with_error([1.0, 2.0, 6.0]) == pytest.approx((3.0, stats.sem([1.0, 2.0, 6.0])))
    assert with_error([2.0]) == (2.0, 0.0)
    save_predictions(tmp_path / "p.png", y, found)
    with Image.open(tmp_path / "p.png") as picture:
        picture.verify()


def test_the_truth_of_the_mixture(mixture):
    """Exact draws are found to be right, stretched ones not."""
    rng = np.random.default_rng(0)
    which = rng.choice(2, size=(200, 500), p=mixture.WEIGHTS)
    draws = rng.normal(mixture.MEANS[which], mixture.STDS[which])
    found = mixture.compare(draws)
    # 100,000 draws: standard errors of 0.5 % of the mean, 0.2 % of the deviation; the distance of
    # the cdfs is above 0.005 once in a hundred times.
    assert abs(found["relative_error_of_mean"]) < 0.02
    assert abs(found["relative_error_of_std"]) < 0.01
    assert found["largest_error_of_cdf"] < 0.006
    assert found["standard_error_of_mean"] == pytest.approx(mixture.STD / math.sqrt(1e5), rel=0.2)
    wrong = mixture.compare(1.1 * draws)
    assert wrong["relative_error_of_std"] == pytest.approx(0.1, abs=0.01)
    assert wrong["largest_error_of_cdf"] > 0.02
