"""The single checks. Each returns what it looked at, or raises ``Mismatch`` or ``Skip``."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import jittor as jt
import numpy as np

from zhusuan import random
from zhusuan._tensor import shape_of
from zhusuan.distributions import constraints
from zhusuan.distributions.constraints import Interval
from zhusuan.distributions.validation import validation
from zhusuan.testing.report import Mismatch, Skip
from zhusuan.testing.statistics import (
    Z_LIMIT,
    Table,
    tabulate_density,
    tabulate_mass,
    uniformity,
)
from zhusuan.testing.subject import Subject, as_is, contract, directions, slope

Array = np.ndarray

# Distribution functions and moments that are compared with quadrature: a kink in the density
# inside a panel costs about 1e-5.
QUADRATURE = 2e-4

# Implicit derivatives of a sample may cost a tenth of a millisecond each.
PATHS = 1000


@dataclass
class Run:
    """What the checks share: the distribution, values and samples.

    :param subject: the distribution.
    :param given: the values at which densities are looked at, or None for samples.
    :param outside: values outside the support; None to make some up.
    :param seed: where the random numbers of each check begin.
    """

    subject: Subject
    given: Any
    outside: Sequence[Any] | None
    seed: int
    started: bool = field(default=False, init=False)

    @cached_property
    def drawn(self) -> Array:
        """Samples in the dtype that the distribution gives."""
        with random.stream(self.seed):
            return self.sample(self.subject.n_samples).numpy()

    def sample(self, n_samples: int | None = None) -> Any:
        """Draw, or skip the check if the distribution has no samples.

        :param n_samples: how many.
        """
        try:
            return self.subject.d.sample(n_samples)
        except NotImplementedError as error:
            raise Skip("no samples") from error

    @cached_property
    def samples(self) -> Array:
        """The same as float64."""
        return self.drawn.astype(np.float64)

    @cached_property
    def value(self) -> Array:
        """Values at which densities are looked at: batch_shape + value_shape."""
        full = self.subject.batch_shape + self.subject.d.value_shape
        if self.given is not None:
            given = self.given.numpy() if isinstance(self.given, jt.Var) else self.given
            return np.array(np.broadcast_to(given, full), dtype=np.float64)
        return self.samples[0].reshape(full)

    @cached_property
    def table(self) -> Table:
        """The integrated density of a univariate distribution."""
        s = self.subject
        if not s.is_univariate:
            raise Skip("not univariate")
        lower, upper = s.bounds()
        make_table = tabulate_density if s.d.is_continuous else tabulate_mass
        return make_table(s.log_prob64, self.samples, lower, upper)


def _same(
    found: Any, expected: Any, rtol: float, atol: Any = 0.0, what: str = "", among: Any = None
) -> None:
    """Compare arrays; NaN and infinities must be at the same places."""
    found, expected = np.asarray(found, dtype=float), np.asarray(expected, dtype=float)
    found, expected, atol = np.broadcast_arrays(found, expected, atol)
    with np.errstate(invalid="ignore"):
        right = np.abs(found - expected) <= atol + rtol * np.abs(expected)
    right |= (found == expected) | (np.isnan(found) & np.isnan(expected))
    if among is not None:
        right |= ~np.broadcast_to(among, right.shape)
    if right.all():
        return
    place = tuple(int(i) for i in np.argwhere(~right)[0])
    raise Mismatch(
        f"{found[place]:.9g}{what} at {list(place)} ({(~right).sum()} of {right.size} wrong)",
        f"{expected[place]:.9g}",
    )


def _shape(found: Any, expected: Sequence[int], what: str) -> None:
    shape = shape_of(found)
    expected = tuple(expected) or (1,)
    if shape != expected:
        raise Mismatch(f"{what} of shape {list(shape)}", f"shape {list(expected)}")


def _asked(what: str, ask: Callable[[], Any]) -> Array:
    """Return what a distribution may lack, as float64."""
    try:
        return ask().numpy().astype(np.float64)
    except NotImplementedError as error:
        raise Skip(f"no {what}") from error


# -- shapes


def sample_shapes(run: Run) -> str:
    """Look at shapes of samples, among them those of n = 1."""
    d = run.subject.d
    for n in (None, 1, 3):
        lead = () if n is None else (n,)
        _shape(run.sample(n), lead + d.batch_shape + d.value_shape, f"sample({n})")
    return f"sample(None), sample(1), sample(3) over {list(d.batch_shape + d.value_shape)}"


def log_prob_shapes(run: Run) -> str:
    """Look at shapes of log_prob, and that broadcasting changes no value."""
    d, value = run.subject.d, run.value
    single = d.log_prob(value)
    kept = d.batch_shape[: len(d.batch_shape) - d.group_ndims]
    _shape(single, kept, "log_prob(value)")
    for lead in ((1,), (4,), (3, 2)):
        many = d.log_prob(np.broadcast_to(value, lead + value.shape))
        _shape(many, lead + kept, f"log_prob of values {list(lead + value.shape)}")
        _same(many.numpy(), np.broadcast_to(single.numpy(), many.shape), 1e-5, 1e-6)
    n = len(d.batch_shape)
    first = value[(slice(0, 1),) * n]
    if n:
        wide = d.log_prob(first)
        _shape(wide, kept, f"log_prob of a value of shape {list(first.shape)}")
        _same(wide.numpy(), d.log_prob(np.broadcast_to(first, value.shape)).numpy(), 1e-5, 1e-6)
    return "values of the batch's shape, with dims in front, and of size 1"


def group_ndims(run: Run) -> str:
    """Look at sums over the last dims of the batch."""
    s = run.subject
    n = len(s.batch_shape)
    if n == 0:
        raise Skip("the batch has no dims")
    single = s.make(group_ndims=0).log_prob(run.value).numpy().astype(float)
    for g in range(1, n + 1):
        grouped = s.make(group_ndims=g)
        if grouped.group_ndims != g:
            raise Mismatch(f"group_ndims={grouped.group_ndims}", f"{g}, as it was made with")
        result = grouped.log_prob(run.value)
        _shape(result, s.batch_shape[: n - g], f"log_prob with group_ndims={g}")
        expected = single.sum(tuple(range(n - g, n)))
        size = np.abs(single).sum(tuple(range(n - g, n)))
        _same(result.numpy().reshape(-1), np.reshape(expected, -1), 1e-5, 1e-6 * size.reshape(-1))
    return f"1 to {n}"


# -- values


def dtypes(run: Run) -> str:
    """Look at dtypes of samples and log_prob, for float64 parameters too."""
    s = run.subject
    samples = run.sample()
    if str(samples.dtype) != s.d.dtype:
        raise Mismatch(f"samples of dtype {samples.dtype}", f"the distribution's {s.d.dtype}")
    result = s.d.log_prob(run.value)
    if str(result.dtype) not in ("float32", "float64"):
        raise Mismatch(f"log_prob of dtype {result.dtype}", "float32 or float64")
    double = s.make64()
    found = double.log_prob(as_is(run.value))
    if str(found.dtype) != "float64":
        raise Mismatch(f"log_prob of dtype {found.dtype} for float64 parameters", "float64")
    if s.d.is_continuous and str(double.sample().dtype) != "float64":
        raise Mismatch(f"samples of dtype {double.sample().dtype}", "float64, as the parameters")
    return f"samples {s.d.dtype}, float64 for float64 parameters"


def precision(run: Run) -> str:
    """Compare log_prob in float32 and in float64."""
    s = run.subject
    value = run.value.astype(np.float32).astype(np.float64)
    with validation(False):
        single = s.make(group_ndims=0).log_prob(value).numpy()
        double = s.log_prob64(value)
    _same(single, double, 1e-4, 1e-5, " in float32")
    return "log_prob in float32 is that in float64"


def reproducible(run: Run) -> str:
    """Draw twice from one seed."""
    first = run.drawn
    with random.stream(run.seed):
        again = run.sample(run.subject.n_samples).numpy()
    if not np.array_equal(again, first, equal_nan=True):
        raise Mismatch("other samples from the same seed", "the same; draw from zhusuan.random")
    return "the same seed gives the same samples"


def support(run: Run) -> str:
    """Look whether samples are in the support."""
    s = run.subject
    violation = s.d.support.violation(run.drawn)
    if violation is not None:
        raise Mismatch(f"samples that are not {s.d.support.name}: {violation}", "none")
    inside = s.d.log_prob(run.drawn).numpy()
    if np.isnan(inside).any() or (inside == -np.inf).any():
        raise Mismatch("samples whose log_prob is -inf or NaN", "finite log_prob")
    if s.d.support.violation(np.full_like(run.samples, np.nan)) is None:
        raise Mismatch("a support that allows NaN", "that it does not")
    return f"{len(run.drawn)} samples are {s.d.support.name}"


def outside_the_support(run: Run) -> str:
    """Look whether log_prob is -inf outside."""
    s = run.subject
    values = _outside(run) if run.outside is None else list(run.outside)
    if not values:
        raise Skip("no value outside is known")
    with validation(False):
        d = s.make(group_ndims=0)
        for value in values:
            where = np.asarray(value, dtype=np.float64)
            full = np.broadcast_to(where, s.batch_shape + s.d.value_shape)
            found = d.log_prob(full).numpy()
            if not (found == -np.inf).all():
                wrong = found[found != -np.inf].flat[0]
                raise Mismatch(f"log_prob {wrong:.6g} at {_short(where)}, outside", "-inf")
            if s.d.support.violation(np.array(full)) is None:
                raise Mismatch(f"a support that allows {_short(where)}", "that it does not")
    return f"{len(values)} values"


def _outside(run: Run) -> list[Array]:
    s = run.subject
    if not (s.is_univariate and isinstance(s.d.support, Interval)):
        return []
    lower, upper = s.bounds()
    low = np.broadcast_to(lower, s.batch_shape)
    high = np.broadcast_to(upper, s.batch_shape)
    candidates = [low - 1.0, high + 1.0, low - 1e6, high + 1e6]
    return [value for value in candidates if np.isfinite(value).all()]


def _short(value: Array) -> str:
    return f"{value.flat[0]:g}" if value.size == 1 else f"{value.flat[0]:g}, ..."


def prob(run: Run) -> str:
    """Compare prob with log_prob."""
    s = run.subject
    expected = np.exp(s.d.log_prob(run.value).numpy().astype(np.float64))
    found = s.d.prob(run.value).numpy()
    _same(found, expected, 1e-4, 1e-37)
    return "prob is the exponential of log_prob"


# -- densities


def normalisation(run: Run) -> str:
    """Integrate the density, or sum the mass."""
    s = run.subject
    if s.is_univariate:
        table = run.table
        off = np.abs(table.total - 1) - table.unresolved
        if not (off <= QUADRATURE).all():
            worst = table.total.flat[int(np.nanargmax(np.where(np.isnan(off), np.inf, off)))]
            kind = "integral" if s.d.is_continuous else "sum"
            raise Mismatch(f"exp(log_prob) with {kind} {worst:.6g}", "1")
        return "quadrature" if s.d.is_continuous else f"sum over {len(table.points)} numbers"
    if not s.d.is_continuous:
        return _frequencies(run)
    found, error = _reciprocal_importance(run)
    off = np.abs(found - 1) / error
    if not (off <= Z_LIMIT).all():
        worst = int(off.argmax())
        raise Mismatch(
            f"exp(log_prob) with integral {1 / found[worst]:.4g} +- {error[worst]:.2g}", "1"
        )
    return f"importance sampling, +- {error.max():.2g}"


def _frequencies(run: Run) -> str:
    """Compare how often the values of a discrete vector come with their probabilities."""
    s = run.subject
    n = len(run.samples)
    flat = run.samples.reshape(n, _size(s.batch_shape), -1)
    seen = 0
    for i in range(flat.shape[1]):
        values, counts = np.unique(flat[:, i], axis=0, return_counts=True)
        values, counts = values[counts >= 20], counts[counts >= 20]
        if len(values) == 0:
            continue
        seen += len(values)
        given = np.zeros((len(values), flat.shape[1], flat.shape[2]))
        given += run.samples[0].reshape(1, flat.shape[1], -1)
        given[:, i] = values
        log_prob = s.log_prob64(given.reshape(len(values), *run.samples.shape[1:]))
        p = np.exp(log_prob.reshape(len(values), -1)[:, i])
        z = (counts - n * p) / np.sqrt(n * np.clip(p * (1 - p), 1e-4, None))
        worst = int(np.abs(z).argmax())
        if not np.abs(z[worst]) <= Z_LIMIT:
            raise Mismatch(f"probability {p[worst]:.4g}", f"the frequency {counts[worst] / n:.4g}")
        if p.sum() > 1 + 1e-6:
            raise Mismatch(f"probabilities with sum {p.sum():.6g}", "at most 1")
    if seen == 0:
        raise Skip("no value came often enough")
    return f"frequencies of {seen} values"


def _reciprocal_importance(run: Run) -> tuple[Array, Array]:
    """Return the mean of h(x) / p(x) over samples x, which is 1 for a density h.

    h is a normal density in coordinates without bounds, of half the samples' covariance, so that
    its tails are the lighter ones (Gelfand and Dey 1994, eq. 35).
    """
    s = run.subject
    support = s.d.support
    y = run.samples
    log_slope = np.zeros(y.shape[: 1 + len(s.batch_shape)])
    if support is constraints.simplex:
        with np.errstate(divide="ignore"):
            logs = np.log(y)
        # Of y = log(x_i / x_K): dx / dy is the product of all x.
        log_slope = logs.sum(-1)
        y = logs[..., :-1] - logs[..., -1:]
    elif support is constraints.positive:
        log_slope = np.log(y).sum(tuple(range(log_slope.ndim, y.ndim)))
        y = np.log(y)
    elif support is not constraints.real:
        raise Skip(f"no proposal for values that are {support.name}")
    log_prob = s.log_prob64(run.samples).reshape(len(y), -1)
    y = y.reshape(len(y), log_prob.shape[1], -1)
    log_slope = log_slope.reshape(log_prob.shape)
    fit, test = y[::2], slice(1, None, 2)
    estimates, errors = [], []
    for i in range(y.shape[1]):
        mean = np.median(fit[:, i], 0)
        # Quartiles make the covariance, which heavy tails would blow up.
        inner = np.abs(fit[:, i] - mean) <= 3 * np.quantile(np.abs(fit[:, i] - mean), 0.75, axis=0)
        chosen = fit[inner.all(-1), i]
        covariance = np.atleast_2d(np.cov(chosen.T)) * 0.5
        try:
            root = np.linalg.cholesky(covariance)
        except np.linalg.LinAlgError as error:
            raise Skip("the samples lie on a surface") from error
        white = np.linalg.solve(root, (y[test, i] - mean).T)
        log_h = -0.5 * (white**2).sum(0) - np.log(np.diag(root)).sum()
        log_h -= 0.5 * len(white) * np.log(2 * np.pi)
        ratio = np.exp(log_h - log_slope[test, i] - log_prob[test, i])
        estimates.append(ratio.mean())
        errors.append(ratio.std() / np.sqrt(len(ratio)))
    return np.array(estimates), np.array(errors)


def samples_follow_log_prob(run: Run) -> str:
    """Compare the distribution of samples with log_prob."""
    s = run.subject
    if s.is_univariate:
        u = run.table.uniforms(run.samples, s.rng)
        what, size, limit = uniformity(np.clip(u, 0.0, 1.0))
        if not size <= limit:
            raise Mismatch(f"samples off in {what} {size:.3g}", f"at most {limit:g}")
        return f"smooth test and Kolmogorov-Smirnov, {len(u)} samples"
    return _score(run)


def _score(run: Run) -> str:
    """Check that the gradient of log_prob has mean zero over samples, along every direction."""
    s = run.subject
    if not s.moving:
        raise Skip("no parameter to differentiate")
    n = len(run.samples)
    spread = s.spread((n,))
    for name, gradient in _gradients(run, spread, run.samples)[1].items():
        if name == "value":
            continue
        event = s.d.parameters[name].value_ndims
        for direction in s.directions(name, 4):
            along = contract(gradient, direction, event).reshape(n, -1)
            error = along.std(0) / np.sqrt(n)
            z = along.mean(0) / np.maximum(error, 1e-9)
            together = z.sum() / np.sqrt(len(z))
            worst = float(max(np.abs(z).max(), abs(together)))
            if not worst <= Z_LIMIT:
                raise Mismatch(
                    f"a mean of the gradient to {name} of {worst:.3g} standard errors",
                    "0: samples do not follow log_prob",
                )
    return f"mean gradient of log_prob over {n} samples"


def _gradients(run: Run, given: dict[str, Array], value: Array) -> tuple[Array, dict[str, Array]]:
    """Return log_prob and its gradients in float64, member by member; 'value' is one of them."""
    s = run.subject
    with validation(False):
        variables = s.vars64(given)
        moving = {name: variables[name] for name in s.moving}
        at = as_is(value)
        if s.d.is_continuous:
            moving["value"] = at
        result = s.make(variables, group_ndims=0).log_prob(at)
        gradients = jt.grad(result.sum(), list(moving.values()))
        jt.sync([result, *gradients])
        return result.numpy(), {n: g.numpy() for n, g in zip(moving, gradients, strict=True)}


def gradients(run: Run) -> str:
    """Compare gradients of log_prob with finite differences."""
    s = run.subject
    spread = s.spread()
    log_prob, found = _gradients(run, spread, run.value)
    usable = np.isfinite(log_prob).reshape(s.batch_shape or (1,))

    def moved(name: str, direction: Array) -> Callable[[float], Array]:
        def f(t: float) -> Array:
            if name == "value":
                return s.log_prob64(run.value + t * direction, spread)
            return s.log_prob64(run.value, {**spread, name: spread[name] + t * direction})

        return f

    with validation(False):
        for name, gradient in found.items():
            if not np.isfinite(gradient).all():
                raise Mismatch(f"a gradient to {name} that is not finite", "finite gradients")
            if name == "value":
                event = len(s.d.value_shape)
                ways = directions(s.d.support, event, run.value, 2, s.rng)
                ways = [way if event else _no_wider(way, run.samples) for way in ways]
            else:
                event = s.d.parameters[name].value_ndims
                ways = s.directions(name)
            for direction in ways:
                expected, doubt = slope(moved(name, direction))
                along = contract(gradient, direction, event).reshape(expected.shape)
                atol = 1e-6 * (1 + np.abs(log_prob)) + 3 * doubt
                _same(along, expected, 1e-4, atol, f" for the gradient to {name}", usable)
        if s.moving:
            _broadcast_gradients(run, {n: found[n] for n in s.moving})
    return f"{', '.join(found)}: finite differences" if found else "nothing to differentiate"


def _no_wider(direction: Array, samples: Array) -> Array:
    """Keep steps of a value within the width of the distribution."""
    width = np.quantile(samples, 0.75, axis=0) - np.quantile(samples, 0.25, axis=0)
    return np.minimum(direction, np.where(width > 0, width, np.inf).reshape(direction.shape))


def _broadcast_gradients(run: Run, full: dict[str, Array]) -> None:
    """Check that a parameter that was broadcast gets the sum of the gradients."""
    s = run.subject
    _, found = _gradients(run, s.parameters64, run.value)
    for name, gradient in full.items():
        own = s.given[name].shape
        lead = gradient.ndim - len(own)
        total = gradient.sum(tuple(range(lead))) if lead > 0 else gradient
        thin = tuple(i for i, n in enumerate(own) if n == 1 and total.shape[i] != 1)
        total = total.sum(thin, keepdims=True) if thin else total
        size = np.abs(gradient).max(initial=0.0)
        _same(found[name], total.reshape(own), 1e-6, 1e-9 * (1 + size), f" for broadcast {name}")


# -- samples that carry gradients


def reparameterisation(run: Run) -> str:
    """Compare gradients of samples with those of the cdf, or with the score."""
    s = run.subject
    names = s.moving
    run.sample()
    if not names:
        raise Skip("no parameter to differentiate")
    if not s.d.is_reparameterized:
        return _no_gradient(run, names)
    try:
        s.d.cdf(run.value)
    except NotImplementedError:
        return _path_against_score(run, names)
    if not s.is_univariate:
        return _path_against_score(run, names)
    return _path_against_cdf(run, names)


def _draw(run: Run, n: int, names: Sequence[str]) -> tuple[dict[str, Array], Any, dict[str, Any]]:
    s = run.subject
    spread = s.spread((n,))
    variables = s.vars64(spread)
    with random.stream(run.seed + 1):
        drawn = s.make(variables, group_ndims=0).sample()
    return spread, drawn, {name: variables[name] for name in names}


def _no_gradient(run: Run, names: Sequence[str]) -> str:
    s = run.subject
    with validation(False):
        variables = s.vars64()
        drawn = s.make(variables, is_reparameterized=False).sample()
        if str(drawn.dtype).startswith("float"):
            moving = [variables[n] for n in names]
            # The sums make a gradient of 1 each: Jittor warns about Vars that have none.
            connected = drawn.sum() + sum(var.sum() for var in moving)
            for name, g in zip(names, jt.grad(connected, moving), strict=True):
                if (g.numpy() != 1).any():
                    raise Mismatch(f"a gradient to {name}", "none: not reparameterised")
    return "samples carry no gradient"


def _path_against_cdf(run: Run, names: Sequence[str]) -> str:
    """Check dz/dtheta = -(dF/dtheta) / p, with dF/dtheta by differences.

    If z is no monotone function of the noise, such as the absolute value of a normal variable,
    the two agree in the mean over all noise that gives the same z.
    """
    s = run.subject
    n = min(s.n_samples, PATHS)
    with validation(False):
        spread, drawn, variables = _draw(run, n, names)
        gradients = jt.grad(drawn.sum(), list(variables.values()))
        z = drawn.numpy()
        at = as_is(z)
        f = s.make64(spread).cdf(at).numpy()
        density = np.exp(s.log_prob64(z, spread))
        # Differences of the cdf need digits of it, and a bound that they do not step over.
        usable = (f > 0.02) & (f < 0.98) & (density > 0)
        for name, g in zip(names, gradients, strict=True):
            event = s.d.parameters[name].value_ndims
            for direction in s.directions(name):

                def moved(t: float, name: str = name, direction: Array = direction) -> Array:
                    nudged = {**spread, name: spread[name] + t * direction}
                    return s.make64(nudged).cdf(at).numpy()

                rise, doubt = slope(moved)
                with np.errstate(all="ignore"):
                    expected = np.where(usable, -rise / density, 0.0)
                    blur = np.where(usable, 3 * doubt / density, 0.0)
                found = np.where(usable, contract(g.numpy(), direction, event), 0.0)
                # Implicit gradients, and inverses of a cdf, are good to five digits or more.
                allowed = 1e-3 * (np.abs(expected) + np.abs(expected).mean(0)) + blur
                if (np.abs(found - expected) > allowed).any():
                    same_in_the_mean(name, z, f, found, expected)
    return f"{', '.join(names)}: against the cdf, {n} samples"


def same_in_the_mean(name: str, z: Array, f: Array, found: Array, expected: Array) -> None:
    """Check that derivatives of samples agree but for noise.

    :param name: the parameter, for the message.
    :param z: samples, [n] + batch.
    :param f: the cdf there.
    :param found: derivatives of the samples.
    :param expected: what they are in the mean over all noise that gives the same sample.
    """
    off = found - expected
    n = len(off)
    for weight in (1.0, np.sign(f - 0.5), np.sign(np.abs(f - 0.5) - 0.25)):
        terms = (off * weight).reshape(n, -1)
        error = terms.std(0) / np.sqrt(n) + 1e-12
        size = np.abs(terms.mean(0)) / error
        if not (size <= Z_LIMIT).all():
            place = np.unravel_index(np.abs(off).argmax(), off.shape)
            raise Mismatch(
                f"path derivative {found[place]:.6g} to {name} at z = {z[place]:.6g}",
                f"{expected[place]:.6g}, by the cdf",
            )


def _path_against_score(run: Run, names: Sequence[str]) -> str:
    """Check that both gradients of a mean, by the path and by the score, agree.

    d E[f(z)] / d theta is the mean of f'(z) dz/dtheta and that of (f(z) - c) dlog p(z)/dtheta;
    the difference of the two has mean zero.
    """
    s = run.subject
    n = min(s.n_samples, PATHS)
    n_value = len(s.d.value_shape)
    axes = tuple(range(-n_value, 0))
    with validation(False):
        spread, drawn, variables = _draw(run, n, names)
        z = drawn.numpy()
        _, score = _gradients(run, spread, z)
        centre, width = np.median(z, 0), z.std(0)
        width = np.where(width > 0, width, 1.0)
        checked = 0
        for _ in range(2):
            w = s.rng.standard_normal(z.shape[1:])
            standard = w * (z - centre) / width
            f = np.tanh(standard.sum(axes) if n_value else standard)
            # Of tanh of a sum, written out so that the test makes no kernels of its own.
            slope_of_f = (1 - f**2).reshape(f.shape + (1,) * n_value) * w / width
            path = jt.grad((drawn * as_is(slope_of_f)).sum(),
                           list(variables.values()))
            for name, g in zip(names, path, strict=True):
                event = s.d.parameters[name].value_ndims
                for direction in s.directions(name):
                    by_path = contract(g.numpy(), direction, event).reshape(n, -1)
                    along = contract(score[name], direction, event).reshape(n, -1)
                    by_score = (f - f.mean(0)).reshape(n, -1) * along
                    difference = by_path - by_score
                    error = difference.std(0) / np.sqrt(n)
                    size = np.abs(difference.mean(0)) / np.maximum(error, 1e-9)
                    worst = int(size.argmax())
                    if not size[worst] <= Z_LIMIT:
                        raise Mismatch(
                            f"path derivative {by_path.mean(0)[worst]:.4g} to {name}",
                            f"{by_score.mean(0)[worst]:.4g} +- {error[worst]:.2g}, by the score",
                        )
                    checked += 1
    return f"{', '.join(names)}: against the score, {checked} directions"


# -- what has closed forms


def mean(run: Run) -> str:
    """Compare the mean with the density, or with samples."""
    return _moment(run, "mean", lambda: run.subject.d.mean, lambda x, _: x)


def variance(run: Run) -> str:
    """Compare the variance with the density, or with samples."""
    def ask() -> Any:
        return run.subject.d.variance

    if not run.subject.is_univariate:
        return _moment(run, "variance", ask, lambda x, _: x)
    with np.errstate(all="ignore"):
        centre = run.table.expectation(lambda x, _: x)
    return _moment(run, "variance", ask, lambda x, _: (x - centre) ** 2)


def _moment(
    run: Run, what: str, ask: Callable[[], Any], f: Callable[[Array, Array], Array]
) -> str:
    s = run.subject
    found = _asked(what, ask)
    full = s.batch_shape + s.d.value_shape
    try:
        found = np.broadcast_to(found, full or (1,))
    except ValueError:
        raise Mismatch(
            f"{what} of shape {list(found.shape)}", f"one that broadcasts to {list(full)}"
        ) from None
    finite = np.isfinite(found)
    if s.is_univariate:
        with np.errstate(all="ignore"):
            expected = run.table.expectation(f)
            spread = np.sqrt(run.table.expectation(lambda x, _: np.minimum(x**2, 1e30)))
        size = spread if what == "mean" else 0.0
        # What quadrature can't resolve of the mass it can't resolve of the moment.
        among = finite & (run.table.unresolved < 1e-6) & (np.abs(expected) < 1e15)
        _same(found, expected, 1e-3, 1e-3 * size, f" for the {what}", among)
        return "quadrature" if s.d.is_continuous else "sum"
    samples, n = run.samples, len(run.samples)
    deviations = samples - samples.mean(0)
    terms = samples if what == "mean" else deviations**2 * (n / (n - 1))
    error = terms.std(0) / np.sqrt(n)
    # The samples' own rounding.
    floor = 1e-5 * (1 + np.abs(terms.mean(0)))
    _same(found, terms.mean(0), 0, Z_LIMIT * error + floor, f" for the {what}", finite)
    return f"{n} samples"


def entropy(run: Run) -> str:
    """Compare the entropy with the density, or with samples."""
    s = run.subject
    d = s.make(group_ndims=0)
    found = _asked("entropy", d.entropy)
    _shape(found, s.batch_shape, "entropy")
    if s.is_univariate:
        expected = run.table.expectation(lambda _, log_density: -log_density)
        among = run.table.unresolved < 1e-6
        _same(found, expected, 1e-3, 1e-3, " for the entropy", among)
        return "quadrature" if s.d.is_continuous else "sum"
    n = len(run.samples)
    surprise = -s.log_prob64(run.samples)
    error = surprise.std(0) / np.sqrt(n)
    expected = surprise.mean(0)
    _same(found, expected, 0, Z_LIMIT * error + 1e-5 * (1 + np.abs(expected)), " for the entropy")
    return f"mean of -log_prob over {n} samples"


def mode(run: Run) -> str:
    """Compare log_prob at the mode with log_prob at samples."""
    s = run.subject
    found = _asked("mode", lambda: s.d.mode)
    full = s.batch_shape + s.d.value_shape
    found = np.broadcast_to(found, full or (1,))
    highest = s.log_prob64(found)
    around = s.log_prob64(run.samples)
    among = ~np.isnan(highest)
    best = np.maximum(around.max(0), -np.inf)
    _same(np.minimum(highest, best), best, 1e-6, 1e-5, " for log_prob at the mode", among)
    return f"log_prob there is at least that of {len(around)} samples"


def cdf(run: Run) -> str:
    """Compare the cdf with the integrated density."""
    s = run.subject
    table = run.table
    at = table.edges
    with validation(False):
        found = _asked("cdf", lambda: s.make64().cdf(as_is(at)))
        _shape(found, at.shape, "cdf")
        _same(found, table.below, 0, QUADRATURE + table.unresolved, " for the cdf")
        single = s.d.cdf(at.astype(np.float32)).numpy()
    double = s.make64().cdf(as_is(at.astype(np.float32).astype(np.float64)))
    _same(single, double.numpy(), 1e-4, 1e-6, " for the cdf in float32")
    return f"{len(at)} values"


def cdf_gradients(run: Run) -> str:
    """Compare gradients of the cdf with the density and with finite differences."""
    s = run.subject
    if not s.is_univariate:
        raise Skip("not univariate")
    spread = s.spread()
    with validation(False):
        variables = s.vars64(spread)
        at = as_is(run.value)
        try:
            result = s.make(variables).cdf(at)
        except NotImplementedError as error:
            raise Skip("no cdf") from error
        moving = {name: variables[name] for name in s.moving}
        if s.d.is_continuous:
            moving["value"] = at
        if not moving:
            raise Skip("no parameter to differentiate")
        gradients = jt.grad(result.sum(), list(moving.values()))
        for name, g in zip(moving, gradients, strict=True):
            if name == "value":
                density = np.exp(s.log_prob64(run.value))
                _same(g.numpy(), density, 1e-4, 1e-9, " for the slope of the cdf")
                continue
            event = s.d.parameters[name].value_ndims
            for direction in s.directions(name):

                def moved(t: float, name: str = name, direction: Array = direction) -> Array:
                    nudged = {**spread, name: spread[name] + t * direction}
                    return s.make64(nudged).cdf(at).numpy()

                expected, doubt = slope(moved)
                found = contract(g.numpy(), direction, event)
                atol = 1e-8 + 3 * doubt
                _same(found, expected, 1e-4, atol, f" for the cdf's gradient to {name}")
    return ", ".join(moving)


def icdf(run: Run) -> str:
    """Look whether icdf inverts the cdf."""
    s = run.subject
    table = run.table
    double = s.make64()

    def ask(p: Array) -> Any:
        return double.icdf(as_is(p))

    with validation(False):
        if s.d.is_continuous:
            at = np.quantile(run.samples, np.linspace(0.02, 0.98, 25), axis=0)
            p = _asked("cdf", lambda: double.cdf(as_is(at)))
            found = _asked("icdf", lambda: ask(p))
            # Digits of p near 0 and 1, and of a flat cdf, are lost on the way back.
            with np.errstate(all="ignore"):
                blur = 1e-9 / np.exp(s.log_prob64(at))
            width = np.abs(at).max(0) + 1e-30
            allowed = 1e-9 * width + np.nan_to_num(blur, posinf=1e30)
            _same(found, at, 1e-6, allowed, " for icdf(cdf(x))")
        else:
            middle = (table.below + np.concatenate([0 * table.below[:1], table.below[:-1]])) / 2
            mass = np.diff(table.below, axis=0, prepend=0)
            among = (mass > 1e-5) & (table.below < 1 + 1e-6)
            found = _asked("icdf", lambda: ask(np.clip(middle, 0, 1)))
            _same(found, table.edges, 0, 0, " for icdf inside a jump of the cdf", among)
        full = np.ones(s.batch_shape or (1,))
        for wrong in (-0.1, 1.1):
            if not np.isnan(ask(wrong * full).numpy()).all():
                raise Mismatch(f"a number for icdf({wrong})", "NaN")
    return "the inverse of the cdf"


# -- manners


def errors(run: Run) -> str:
    """Make wrong calls."""
    s = run.subject
    d = s.d
    calls: list[tuple[str, Callable[[], Any], type[Exception]]] = [
        ("sample(0)", lambda: d.sample(0), ValueError),
        ("sample(1.5)", lambda: d.sample(1.5), TypeError),  # type: ignore[arg-type]
        ("log_prob('x')", lambda: d.log_prob("x"), TypeError),
        (
            f"group_ndims={len(d.batch_shape) + 1}",
            lambda: s.make(group_ndims=len(d.batch_shape) + 1),
            ValueError,
        ),
        ("no_such_option=1", lambda: s.make(no_such_option=1), TypeError),
    ]
    full = d.batch_shape + d.value_shape
    if full and (full[-1] > 1 or d.value_shape):
        wrong = np.zeros((*full[:-1], full[-1] + 1))
        text = f"log_prob of a value of shape {list(wrong.shape)}"
        calls.append((text, lambda: d.log_prob(wrong), ValueError))
    for text, call, error in calls:
        try:
            call()
        except error:
            continue
        except Exception as other:
            raise Mismatch(f"{type(other).__name__} for {text}", error.__name__) from other
        raise Mismatch(f"no error for {text}", error.__name__)
    return f"{len(calls)} wrong calls"


def parameters_untouched(run: Run) -> str:
    """Look whether the Vars that were given are left alone."""
    s = run.subject
    variables = {name: as_is(value) for name, value in s.given.items()}
    d = s.make(variables)
    with contextlib.suppress(NotImplementedError):
        d.sample()
    d.log_prob(run.value)
    frozen = [name for name in s.moving if variables[name].is_stop_grad()]
    if frozen:
        raise Mismatch(f"{frozen[0]} with its gradient stopped", "the Var as it was")
    for name, before in s.given.items():
        if not np.array_equal(variables[name].numpy(), before):
            raise Mismatch(f"{name} changed", "the Var as it was")
    return "Vars keep their values and gradients"


def _size(shape: Sequence[int]) -> int:
    return int(np.prod(shape)) if shape else 1

