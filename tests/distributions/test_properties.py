"""What every family must do, checked over the table of cases."""

import inspect

import jittor as jt
import numpy as np
import pytest

import zhusuan as zs
from tests.distributions.cases import CASES
from tests.distributions.cases.case import Case
from zhusuan import distributions as zd
from zhusuan.distributions import constraints
from zhusuan.distributions.families import families
from zhusuan.distributions.parameter import Parameter
from zhusuan.testing import check_distribution
from zhusuan.testing.checks import same_in_the_mean
from zhusuan.testing.report import Mismatch
from zhusuan.testing.statistics import Z_LIMIT, uniformity
from zhusuan.testing.subject import contract, directions, slope

cases = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
N_SAMPLES = 4000
N_BATCH = 2  # the dims of every case's batch, which is (2, 3)


def value_shape(case):
    return np.shape(case.points)[N_BATCH:]


def parameter(case, name):
    """Return the declaration of a parameter; a plain one for those of a mixture's components."""
    declared = {p.argument: p for p in case.family.parameters.values()}
    return declared.get(name, Parameter(constraints.real))


def moves(constraint, value_ndims, value):
    """Directions in which the elements move one by one, or together if they are bound."""
    value = np.asarray(value, dtype=float)
    if constraint.event_ndims:
        rng = np.random.default_rng(1)
        return directions(constraint, value_ndims, value, 3, rng)
    size = directions(constraint, 0, value, 1, np.random.default_rng(1))[0]
    return [
        np.where(np.arange(value.size).reshape(value.shape) == i, size, 0.0)
        for i in range(value.size)
    ]


def value_moves(case):
    """Directions of the value, the same for all members of the batch."""
    support = case.build().support
    n = len(value_shape(case))
    if n == 0 or support.event_ndims:
        return directions(support, n, case.points, 3, np.random.default_rng(1))
    size = directions(support, 0, case.points, 1, np.random.default_rng(1))[0]
    shape = value_shape(case)
    which = np.arange(int(np.prod(shape))).reshape(shape)
    return [np.where(which == i, size, 0.0) for i in range(which.size)]


def float64(case, parameters=None):
    """Return what the library is given when it is given float32, as float64."""
    given = case.parameters if parameters is None else parameters
    return {k: np.float32(v).astype(float) for k, v in given.items()}


def has(reference, *names):
    return all(hasattr(reference, name) for name in names)


def ask(call):
    try:
        return call().numpy().astype(float)
    except NotImplementedError:
        return None


def draw(dist, n_samples=None):
    try:
        return dist.sample(n_samples)
    except NotImplementedError:
        return pytest.skip("no samples")


def needs(condition, why):
    if not condition:
        pytest.skip(why)


def test_every_exported_family_is_in_the_table():
    # Point masses have no density to integrate: tests/distributions/test_point_masses.py.
    in_the_table = {case.family for case in CASES} | {zd.Delta, zd.Empirical}
    assert set(families().values()) == in_the_table


@cases
def test_the_batch_is_that_of_all_cases(case):
    dist = case.build()
    assert dist.batch_shape == (2, 3)
    assert dist.value_shape == value_shape(case)
    assert dist.is_continuous is not case.discrete


@cases
def test_it_conforms(case, record_property):
    report = check_distribution(
        case.build(),
        value=case.points,
        outside=case.outside,
        skip=case.skip,
        build=case.build_from,
        n_samples=N_SAMPLES,
    )
    for check in report.passed:
        record_property("check", check)


@cases
def test_log_prob_matches_the_reference(case):
    log_prob = case.build().log_prob(case.points).numpy()
    truth = case.log_truth(case.points)
    np.testing.assert_allclose(log_prob, truth, rtol=case.rtol, atol=case.atol)


@cases
def test_extremes_match_the_reference(case):
    needs(case.extremes, "no extremes")
    for parameters, points in case.extremes:
        # The value is rounded to float32 by the library, so the truth is asked for that value.
        points = np.float32(points).astype(float)
        truth = case.log_truth(points, float64(case, parameters))
        variables = {k: jt.array(np.float32(v)) for k, v in parameters.items()}
        log_prob = case.build(variables).log_prob(points)
        np.testing.assert_allclose(log_prob.numpy(), truth, rtol=case.rtol, atol=case.atol)
        for name, gradient in zip(variables, jt.grad(log_prob.sum(), list(variables.values()))):
            assert not np.isnan(gradient.numpy()).any(), name


@cases
def test_float64_is_float64_all_the_way(case):
    log_prob = case.build(case.as_vars("float64")).log_prob(case.points)
    assert str(log_prob.dtype) == "float64"
    # A constant that was rounded to float32 would show as 1e-8.
    truth = case.log_truth(case.points, case.parameters)
    np.testing.assert_allclose(log_prob.numpy(), truth, rtol=case.rtol64, atol=1e-11)


@cases
def test_gradients_match_finite_differences_of_the_reference(case):
    points = np.float32(case.points).astype(float)
    variables = case.as_vars()
    at = jt.array(np.float32(points))
    log_prob = case.build(variables).log_prob(at)
    targets = dict(variables) if case.discrete else {**variables, "value": at}
    gradients = jt.grad(log_prob.sum(), list(targets.values()))
    gradients = {n: g.numpy().astype(float) for n, g in zip(targets, gradients)}
    parameters = float64(case)
    size = 1 + np.abs(log_prob.numpy()).sum()
    for name, value in parameters.items():
        declared = parameter(case, name)
        for direction in moves(declared.constraint, declared.value_ndims, value):

            def moved(t, name=name, direction=direction):
                nudged = {**parameters, name: parameters[name] + t * direction}
                return case.log_truth(points, nudged).sum()

            expected, doubt = slope(moved)
            found = (gradients[name] * direction).sum()
            # float32: a few roundings of the terms that cancel.
            assert abs(found - expected) <= 2e-4 * abs(expected) + 5e-6 * size + 3 * doubt, name
    if case.discrete:
        return
    for direction in value_moves(case):
        expected, doubt = slope(lambda t, d=direction: case.log_truth(points + t * d))
        found = contract(gradients["value"], direction, len(value_shape(case)))
        atol = 5e-6 * (1 + np.abs(log_prob.numpy())) + 3 * doubt
        assert (np.abs(found - expected) <= 2e-4 * np.abs(expected) + atol).all(), "value"


@cases
def test_second_derivatives_match_differences_of_the_first(case):
    rng = np.random.default_rng(2)
    spread = {}
    for name, value in case.parameters.items():
        n = parameter(case, name).value_ndims if type(case).build is Case.build else 0
        value = np.asarray(value, dtype=float)
        # Mixtures: what belongs to a value is not known of their components' parameters.
        own = value.shape[value.ndim - n :]
        full = (2, 3, *own) if type(case).build is Case.build else value.shape
        spread[name] = np.broadcast_to(value, full)
    given = {**spread} if case.discrete else {**spread, "value": np.array(case.points, float)}
    weights = {name: rng.standard_normal(value.shape) for name, value in given.items()}

    def first(values):
        variables = {k: jt.array(np.array(v), dtype="float64") for k, v in values.items()}
        parameters = {k: v for k, v in variables.items() if k != "value"}
        at = variables.get("value", jt.array(np.array(case.points, float), dtype="float64"))
        log_prob = case.build(parameters).log_prob(at)
        gradients = jt.grad(log_prob.sum(), list(variables.values()))
        return dict(zip(variables, gradients)), variables

    with zd.validation(False):
        gradients, variables = first(given)
        size = max(np.abs(g.numpy()).max() for g in gradients.values())
        total = sum(
            (g * jt.array(weights[name], dtype="float64")).sum() for name, g in gradients.items()
        )
        second = jt.grad(total, list(variables.values()))
        for name, gradient in zip(variables, second):
            if name == "value":
                constraint, n = case.build().support, len(value_shape(case))
            else:
                constraint, n = parameter(case, name).constraint, parameter(case, name).value_ndims
            direction = directions(constraint, n, given[name], 1, rng)[0]

            def moved(t, name=name, direction=direction):
                nudged = first({**given, name: given[name] + t * direction})[0]
                return sum((weights[k] * g.numpy()).sum() for k, g in nudged.items())

            expected, doubt = slope(moved)
            found = (gradient.numpy() * direction).sum()
            allowed = 1e-4 * abs(expected) + 1e-6 * (1 + size) + 3 * float(doubt)
            assert abs(found - expected) <= allowed, name


@cases
def test_samples_have_the_distribution_of_the_reference(case):
    truth = case.truth()
    drawn = draw(case.build(), N_SAMPLES).numpy().astype(float)
    if value_shape(case) == () and has(truth, "cdf"):
        u = truth.cdf(drawn)
        if case.discrete:
            # A number anywhere in the jump of the cdf is uniform.
            u = u - np.random.default_rng(0).random(u.shape) * np.exp(truth.logpmf(drawn))
        what, found, limit = uniformity(np.clip(u, 0, 1).reshape(N_SAMPLES, -1))
        assert found <= limit, f"{what} {found}"
        return
    needs(has(truth, "mean"), "the reference has neither a cdf nor moments")
    full = (2, 3, *value_shape(case))
    mean = np.broadcast_to(truth.mean(), full)
    assert within_errors(drawn, mean)
    if has(truth, "var"):
        assert within_errors((drawn - mean) ** 2, np.broadcast_to(truth.var(), full))


def within_errors(terms, expected):
    """Compare a mean with what is expected: member by member, and all together."""
    error = terms.std(0) / np.sqrt(len(terms))
    off = terms.mean(0) - expected
    floor = 1e-5 * (np.abs(expected) + np.sqrt(np.abs(expected))) + 1e-7
    return (np.abs(off) <= Z_LIMIT * error + floor).all()


@cases
def test_moments_and_entropy_match_the_reference(case):
    dist, truth = case.build(), case.truth()
    full = (2, 3, *value_shape(case))
    sd = np.sqrt(np.abs(truth.var())) if has(truth, "var") else 0.0
    sd = np.where(np.isfinite(sd), sd, 1.0)
    known = 0
    for name, found, atol in (
        ("mean", ask(lambda: dist.mean), 1e-5 * sd),
        ("var", ask(lambda: dist.variance), 0.0),
        ("entropy", ask(dist.entropy), 1e-5),
    ):
        if found is None or not has(truth, name):
            continue
        known += 1
        expected = getattr(truth, name)()
        shape = (2, 3) if name == "entropy" else full
        found, expected = np.broadcast_to(found, shape), np.broadcast_to(expected, shape)
        same = (found == expected) | (np.isnan(found) & np.isnan(expected))
        with np.errstate(invalid="ignore"):
            same |= np.abs(found - expected) <= case.rtol * np.abs(expected) + atol + 1e-12
        assert same.all(), f"{name}: {found} is not {expected}"
        if name == "var":
            sd = np.sqrt(dist.variance.numpy())
            np.testing.assert_allclose(dist.stddev.numpy(), sd, rtol=1e-6)
    needs(known, "no closed form")


@cases
def test_no_value_near_the_mode_is_likelier(case):
    dist = case.build()
    mode = ask(lambda: dist.mode)
    needs(mode is not None, "no mode")
    mode = np.broadcast_to(mode, (2, 3, *value_shape(case)))
    highest = case.log_truth(mode)
    at_points = case.log_truth(np.float32(case.points).astype(float))
    known = ~np.isnan(mode).reshape(2, 3, -1).any(-1)
    assert (highest >= at_points - 1e-5)[known].all()
    if value_shape(case) == ():
        truth = case.truth()
        sd = np.sqrt(truth.var()) if has(truth, "var") else 1.0
        step = 1.0 if case.discrete else np.where(np.isfinite(sd), sd, 1.0) * 0.05
        for neighbour in (mode - step, mode + step):
            inside = dist.log_prob(neighbour).numpy() > -np.inf
            with np.errstate(all="ignore"):
                beside = case.log_truth(np.where(inside, neighbour, mode))
            assert (highest >= beside - 1e-5)[known].all()


PROBABILITIES = np.array([1e-6, 0.01, 0.3, 0.5, 0.9, 0.999])


@cases
def test_cdf_and_icdf_match_the_reference(case):
    needs(value_shape(case) == (), "not univariate")
    dist, truth = case.build(), case.truth()
    needs(has(truth, "cdf"), "the reference has no cdf")
    p = np.broadcast_to(PROBABILITIES.reshape(-1, 1, 1), (6, 2, 3)).astype(np.float32)
    x = np.stack([case.points])
    if has(truth, "ppf"):
        x = np.concatenate([x, truth.ppf(p.astype(float))])
    x = x.astype(np.float32)
    found = ask(lambda: dist.cdf(x))
    needs(found is not None, "no cdf")
    # Small probabilities are right to their own digits; references by quadrature are not.
    np.testing.assert_allclose(found, truth.cdf(x.astype(float)), rtol=1e-4, atol=1e-10)
    inverse = ask(lambda: dist.icdf(p))
    if inverse is None or not has(truth, "ppf"):
        return
    expected = truth.ppf(p.astype(float))
    if case.discrete:
        # At a probability that is the cdf's own value to its last digit, either side is right.
        with np.errstate(all="ignore"):
            ends = [truth.cdf(expected), truth.cdf(expected) - np.exp(truth.logpmf(expected))]
        clear = np.min([np.abs(p - end) for end in ends], 0) > 1e-6 * p
        assert (inverse == expected)[clear].all()
        return
    deciles = truth.ppf(np.array([0.1, 0.9]).reshape(2, 1, 1) * np.ones((2, 3)))
    spread = np.abs(np.diff(deciles, axis=0))
    np.testing.assert_array_less(
        np.abs(inverse - expected), 1e-4 * np.abs(expected) + 1e-5 * spread + 1e-30
    )


@cases
def test_a_value_outside_leaves_the_others_alone(case):
    needs(len(case.outside), "nothing is outside")
    inside = np.float32(case.points).astype(float)
    right = case.build().log_prob(inside).numpy()
    for outside in case.outside:
        values = inside.copy()
        values[0, 1] = outside
        spread = {}
        for name, value in case.parameters.items():
            n = parameter(case, name).value_ndims
            own = np.shape(value)[np.ndim(value) - n :]
            whole = type(case).build is Case.build
            full = np.broadcast_to(np.float32(value), (2, 3, *own) if whole else np.shape(value))
            spread[name] = jt.array(np.array(full))
        at = jt.array(np.float32(values))
        with zd.validation(False):
            log_prob = case.build(spread).log_prob(at)
        targets = [*spread.values()] + ([] if case.discrete else [at])
        gradients = [g.numpy() for g in jt.grad(log_prob.sum(), targets)]
        found = log_prob.numpy()
        assert found[0, 1] == -np.inf
        mask = np.ones((2, 3), bool)
        mask[0, 1] = False
        np.testing.assert_allclose(found[mask], right[mask], rtol=1e-5, atol=1e-6)
        for gradient in gradients:
            assert np.isfinite(gradient).all()
            if type(case).build is Case.build:
                assert (gradient[0, 1] == 0).all()


@cases
def test_path_derivatives_match_the_reference(case):
    needs(case.build().is_reparameterized, "not reparameterised")
    needs(value_shape(case) == (), "not univariate")
    needs(has(case.truth(), "cdf"), "the reference has no cdf")
    needs(type(case).build is Case.build, "made of other distributions")
    n = 1000  # implicit derivatives may cost a tenth of a millisecond each
    spread = {
        name: np.array(np.broadcast_to(np.float32(value), (n, 2, 3)))
        for name, value in case.parameters.items()
    }
    variables = {name: jt.array(value) for name, value in spread.items()}
    drawn = case.build(variables).sample()
    gradients = jt.grad(drawn.sum(), list(variables.values()))
    z = drawn.numpy().astype(float)
    exact = {name: value.astype(float) for name, value in spread.items()}
    truth = case.truth()
    f, density = truth.cdf(z), np.exp(truth.logpdf(z))
    usable = (f > 0.02) & (f < 0.98)
    small = {name: value[0] for name, value in exact.items()}
    for name, gradient in zip(variables, gradients):
        direction = directions(parameter(case, name).constraint, 0, small[name], 1, None)[0]

        def moved(t, name=name, direction=direction):
            return case.truth({**small, name: small[name] + t * direction}).cdf(z)

        rise, doubt = slope(moved, 1e-3)
        expected = np.where(usable, -rise / density, 0.0)
        found = np.where(usable, gradient.numpy() * direction, 0.0)
        off = np.abs(found - expected)
        scale = np.abs(expected).mean(0)
        allowed = 0.002 * (np.abs(expected) + scale) + np.where(usable, 3 * doubt / density, 0)
        if (off > allowed).any():
            # Not a monotone function of the noise, or wrong.
            try:
                same_in_the_mean(name, z, f, found, expected)
            except Mismatch as mismatch:
                raise AssertionError(str(mismatch)) from mismatch


@cases
def test_log_prob_is_differentiable_whether_reparameterised_or_not(case):
    variables = case.as_vars()
    options = [True, False] if case.build().is_reparameterizable else [None]
    for option in options:
        dist = case.build(variables, reparameterize=option)
        assert dist.is_reparameterized is bool(option)
        through_density = jt.grad(dist.log_prob(case.points).sum(), list(variables.values()))
        assert all(np.abs(g.numpy()).sum() > 0 for g in through_density)


@cases
def test_path_derivative_blocks_the_parameters_in_log_prob_but_not_the_sample(case):
    needs(type(case).build is Case.build, "made of other distributions")
    variables = case.as_vars()
    dist = case.build(variables, use_path_derivative=True)
    # The sum makes a gradient of 1 each: Jittor warns about Vars that have none.
    rest = sum(var.sum() for var in variables.values())
    sample = draw(dist)
    blocked = jt.grad(dist.log_prob(sample.detach()).sum() + rest, list(variables.values()))
    assert all((g.numpy() == 1).all() for g in blocked)
    at = sample.detach()
    depends = (jt.grad(dist.log_prob(at).sum() + at.sum(), at).numpy() != 1).any()
    if dist.is_reparameterized and depends:
        through = jt.grad(dist.log_prob(sample).sum() + rest, list(variables.values()))
        assert any((g.numpy() != 1).any() for g in through)


@cases
def test_numbers_arrays_and_vars_mean_the_same(case):
    from_arrays = case.build().log_prob(case.points)
    from_vars = case.build(case.as_vars()).log_prob(jt.array(np.float32(case.points)))
    np.testing.assert_array_equal(from_arrays.numpy(), from_vars.numpy())
    simple = all(parameter(case, name).value_ndims == 0 for name in case.parameters)
    if value_shape(case) or not simple or case.fixed or type(case).build is not Case.build:
        return
    first = {name: float(np.asarray(value).flat[0]) for name, value in case.parameters.items()}
    from_numbers = case.build(first)
    from_vars = case.build({name: jt.array([value]) for name, value in first.items()})
    assert from_numbers.batch_shape == from_vars.batch_shape == (1,)
    x = case.points.flat[0]
    assert from_numbers.log_prob(x).item() == from_vars.log_prob([x]).item()


@cases
def test_options_are_in_the_signature_and_the_repr(case):
    names = list(inspect.signature(case.family).parameters)
    if type(case).build is Case.build:
        assert {*case.parameters, *case.fixed} <= set(names)
    assert {"group_ndims", "reparameterize", "use_path_derivative", "dtype"} <= set(names)
    shape = list(value_shape(case))
    assert repr(case.build(group_ndims=1)).startswith(
        f"{case.family.__name__}(batch_shape=[2, 3], value_shape={shape}"
    )


@cases
def test_discrete_samples_are_integers_on_request(case):
    needs(case.discrete, "continuous")
    zs.set_seed(5)
    floats = draw(case.build(), 50).numpy()
    zs.set_seed(5)
    whole = case.build(dtype="int32").sample(50)
    assert str(whole.dtype) == "int32"
    np.testing.assert_array_equal(whole.numpy(), floats)
