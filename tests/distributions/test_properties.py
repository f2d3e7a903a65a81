"""What every family must do, checked over the table of cases."""

import inspect

import jittor as jt
import numpy as np
import pytest
from scipy import stats

from tests.distributions.cases import CASES
from zhusuan import distributions as zd
from zhusuan.distributions.families import families

cases = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)


def as_vars(parameters):
    return {name: jt.array(np.float32(value)) for name, value in parameters.items()}


def test_every_exported_family_is_in_the_table():
    assert set(families().values()) == {case.family for case in CASES}


@cases
def test_log_prob_matches_scipy(case):
    log_prob = case.build().log_prob(case.points).numpy()
    # 3e-6: a few float32 roundings of terms of the size of the result.
    np.testing.assert_allclose(log_prob, case.log_truth(case.points), rtol=3e-6, atol=1e-6)


@cases
def test_prob_is_the_exponential_of_log_prob(case):
    prob = case.build().prob(case.points).numpy()
    np.testing.assert_allclose(prob, np.exp(case.log_truth(case.points)), rtol=2e-5, atol=1e-30)


@cases
def test_gradients_match_finite_differences_of_scipy(case):
    parameters = as_vars(case.parameters)
    value = case.build(parameters).log_prob(case.points)
    gradients = jt.grad(value.sum(), list(parameters.values()))
    for name, gradient in zip(parameters, gradients):
        step = 1e-5

        def shifted(sign, name=name, step=step):
            moved = {**case.parameters, name: case.parameters[name] + sign * step}
            return case.log_truth(case.points, moved)

        slope = (shifted(1) - shifted(-1)) / (2 * step)
        # Sum the slopes over the dims that the parameter was broadcast along.
        shape = np.broadcast_shapes((1,) * (2 - case.parameters[name].ndim)
                                    + case.parameters[name].shape)
        dims = tuple(d for d in range(2) if shape[d] == 1)
        expected = slope.sum(dims, keepdims=True).reshape(case.parameters[name].shape)
        # Central differences of float64: error of order step^2 and 1e-16 / step.
        np.testing.assert_allclose(gradient.numpy(), expected, rtol=2e-4, atol=1e-5)


@cases
def test_samples_have_the_right_distribution_and_moments(case):
    n = 20_000
    drawn = case.build().sample(n).numpy().astype(float)
    truth = case.truth()
    mean, sd = np.broadcast_arrays(truth.mean(), truth.std())
    # Five standard errors: of 24 means, none is outside in 40,000 seeds.
    assert (np.abs(drawn.mean(0) - mean) < 5 * sd / np.sqrt(n)).all()
    # The variance of a sample variance is (kurtosis - 1) sd^4 / n; its bias sd^2 / n is what
    # is left where the kurtosis is 1.
    kurtosis = 3.0 + np.asarray(truth.stats(moments="k"))
    bound = 5 * np.sqrt((kurtosis - 1) / n) * sd**2
    assert (np.abs(drawn.var(0) - sd**2) < bound + 25 * sd**2 / n).all()
    if not case.discrete:
        u = truth.cdf(drawn)
        assert min(stats.kstest(column, "uniform").pvalue for column in u.reshape(n, -1).T) > 1e-5
    else:
        assert set(np.unique(drawn)) <= {0.0, 1.0}


@cases
def test_shapes_of_samples_and_log_probs(case):
    dist = case.build()
    assert dist.batch_shape == (2, 3)
    for n in (None, 1, 4):
        lead = () if n is None else (n,)
        sample = dist.sample(n)
        assert tuple(sample.shape) == lead + (2, 3) == dist.sample_shape(n)
        assert tuple(dist.log_prob(sample).shape) == lead + (2, 3)
    two_more = jt.concat([dist.sample(4).reshape(1, 4, 2, 3)] * 5)
    assert tuple(dist.log_prob(two_more).shape) == (5, 4, 2, 3)


@cases
def test_group_ndims_sums_the_last_dims(case):
    x = case.points
    single = case.build().log_prob(x).numpy()
    for g, axes in ((1, (1,)), (2, (0, 1))):
        dist = case.build(group_ndims=g)
        grouped = dist.log_prob(x).numpy()
        np.testing.assert_allclose(grouped.reshape(-1), single.sum(axes).reshape(-1), rtol=1e-5)
        assert tuple(grouped.shape) == ((2,) if g == 1 else (1,))
        assert tuple(dist.log_prob(dist.sample(4)).shape) == ((4, 2) if g == 1 else (4,))


@cases
def test_entropy_mean_variance(case):
    dist, truth = case.build(), case.truth()
    np.testing.assert_allclose(dist.entropy().numpy(), truth.entropy(), rtol=1e-5)
    np.testing.assert_allclose(dist.variance.numpy(), truth.var(), rtol=1e-5)
    np.testing.assert_allclose(dist.stddev.numpy(), truth.std(), rtol=1e-5)
    assert (np.abs(dist.mean.numpy() - truth.mean()) < 1e-5).all()


@cases
def test_log_prob_is_differentiable_whether_reparameterised_or_not(case):
    parameters = as_vars(case.parameters)
    options = [True, False] if case.family.is_reparameterizable else [None]
    for option in options:
        dist = case.build(parameters, reparameterize=option)
        sample = dist.sample()
        through_sample = jt.grad(sample.sum(), next(iter(parameters.values()))).numpy()
        through_density = jt.grad(dist.log_prob(case.points).sum(), list(parameters.values()))
        assert (np.abs(through_sample).sum() > 0) == bool(option)
        assert all(np.abs(g.numpy()).sum() > 0 for g in through_density)


@cases
def test_path_derivative_blocks_the_parameters_in_log_prob_but_not_the_sample(case):
    parameters = as_vars(case.parameters)
    dist = case.build(parameters, use_path_derivative=True)
    sample = dist.sample()
    gradients = jt.grad(dist.log_prob(sample.detach()).sum(), list(parameters.values()))
    assert all(np.abs(g.numpy()).max() == 0 for g in gradients)
    if case.family.is_reparameterizable:
        through = jt.grad(dist.log_prob(sample).sum(), list(parameters.values()))
        assert all(np.abs(g.numpy()).max() > 0 for g in through)


@cases
def test_sampling_leaves_the_users_vars_trainable(case):
    parameters = as_vars(case.parameters)
    options = {"reparameterize": False} if case.family.is_reparameterizable else {}
    dist = case.build(parameters, **options)
    dist.sample()
    dist.log_prob(case.points)
    assert all(var.requires_grad for var in parameters.values())


@cases
def test_numbers_arrays_and_vars_mean_the_same(case):
    first = {name: float(value.flat[0]) for name, value in case.parameters.items()}
    from_numbers = case.build(first)
    from_vars = case.build({name: jt.array([value]) for name, value in first.items()})
    assert from_numbers.batch_shape == from_vars.batch_shape == (1,)
    x = case.points.flat[0]
    assert from_numbers.log_prob(x).item() == from_vars.log_prob([x]).item()


@cases
def test_float64_vars_give_float64_results(case):
    parameters = {k: jt.array(np.array(v), dtype="float64") for k, v in case.parameters.items()}
    log_prob = case.build(parameters).log_prob(case.points)
    assert str(log_prob.dtype) == "float64"
    # A constant that was rounded to float32 would show as 1e-8; SciPy itself is good to 1e-12.
    truth = case.log_truth(case.points, case.parameters)
    np.testing.assert_allclose(log_prob.numpy(), truth, rtol=1e-11)


@cases
def test_options_are_in_the_signature_and_the_repr(case):
    names = list(inspect.signature(case.family).parameters)
    assert set(case.parameters) <= set(names)
    assert {"group_ndims", "reparameterize", "use_path_derivative", "dtype"} <= set(names)
    assert repr(case.build(group_ndims=1)).startswith(
        f"{case.family.__name__}(batch_shape=[2, 3], value_shape=[]"
    )


def test_integer_dtype_of_discrete_samples():
    assert str(zd.Bernoulli(probs=0.5, dtype="int32").sample(3).dtype) == "int32"
