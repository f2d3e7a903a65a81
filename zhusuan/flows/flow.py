"""A distribution pushed through a transform."""

from __future__ import annotations

import contextlib
import copy
import math
import weakref
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

import jittor as jt

from zhusuan._tensor import Shape, Var, shape_of, sum_dims
from zhusuan.distributions.base import Distribution, Options
from zhusuan.distributions.constraints import Constraint, Interval
from zhusuan.transforms._events import sum_events
from zhusuan.transforms.base import Transform
from zhusuan.transforms.simple import Identity

if TYPE_CHECKING:
    from typing_extensions import Unpack


class _Origin(NamedTuple):
    """Where a draw came from; an attribute of the draw, so that it lives as long as that.

    :ivar transform: weakly, what made it.
    :ivar versions: of the Vars that it depends on, then.
    """

    transform: weakref.ref[Transform]
    versions: tuple[int, ...]
    latent: Var
    log_det: Var


class Flow(Distribution):
    r"""The distribution of :math:`y = f(z)`, where z has the distribution ``latent``.

    .. math:: \log p(y) = \log p_z\big(f^{-1}(y)\big)
              - \log\Big|\det \frac{\partial f}{\partial z}\Big|

    (Rezende and Mohamed 2015, eq. 5). An event of the flow is the smallest that holds the events
    of the transform and those of ``latent``, its ``group_ndims`` included: ``Normal`` of shape
    [3, 2] through a map of vectors has batch shape [3] and value shape [2].

    A draw remembers the z it was made from as long as nothing that the transform depends on
    changes, so that its log-density needs no inverse and is exact where y has been rounded: its
    gradients with respect to all parameters are the total ones, through the draw as well. For
    the derivative with respect to the value itself, give a leaf: ``log_prob(y.detach())``.

    :param latent: a continuous distribution.
    :param transform: a :class:`~zhusuan.transforms.Transform` from z to y; the identity by
        default.
    :param context: what the transform is conditioned on: name -> value.
    :param options: see :class:`~zhusuan.distributions.base.Distribution`; the flow is
        reparameterised if ``latent`` is.
    :raises TypeError: if ``latent`` is no distribution, or ``transform`` no transform.
    :raises ValueError: if ``latent`` is discrete, or its shape does not fit the transform.
    """

    is_continuous = True
    is_reparameterizable = True

    def __init__(
        self,
        latent: Any = None,
        transform: Any = None,
        context: dict[str, Any] | None = None,
        **options: Unpack[Options],
    ) -> None:
        transform = Identity() if transform is None else transform
        _check(latent, transform)
        self.latent: Distribution = latent
        self.transform: Transform = transform
        self._context = dict(context or {})
        self._path_only = False
        # It is the latent's draws that carry gradients, or don't.
        self.is_reparameterizable = latent.is_reparameterized  # type: ignore[misc]
        self._event_in = max(
            transform.event_ndims_in, len(latent.value_shape) + latent.group_ndims
        )
        options.setdefault("dtype", latent.dtype)
        super().__init__({}, **options)
        self._param_dtype = latent._param_dtype

    def _shapes(self) -> tuple[Shape, Shape]:
        inner = self.latent.sample_shape()
        try:
            outer = self.transform.forward_shape(inner)
            self.transform._check_batch(inner)
        except ValueError as error:
            raise ValueError(
                f"Flow: {self.latent!r} does not fit the transform: {error}"
            ) from error
        self._event_out = (
            self._event_in - self.transform.event_ndims_in + self.transform.event_ndims_out
        )
        cut = len(outer) - self._event_out
        return outer[:cut], outer[cut:]

    @property
    def support(self) -> Constraint:  # type: ignore[override]
        """A set that holds all values: the transform's codomain."""
        if self.transform.keeps_support:
            return self.latent.support
        return self.transform.codomain

    def _sample(self, n_samples: int | None) -> Var:
        latent = self.latent.sample(n_samples)
        value, log_det = self.transform.forward_and_log_det(latent, **self._context)
        if value is latent:  # the identity: a draw that is its own origin would be a cycle
            return value
        value.flow_origin = _Origin(
            weakref.ref(self.transform), self._versions(), latent, log_det
        )
        return value

    def _log_prob(self, given: Var) -> Var:
        origin = self._origin(given)
        if origin is not None:
            return self._density(origin.latent, -origin.log_det)
        common = self.check_given_shape(shape_of(given))
        if shape_of(given) != common:
            given = given.broadcast(list(common))
        inside = self._inside(given)
        if inside is not None:
            # Outside, where the inverse is NaN, the density is that of another point times 0.
            given = jt.ternary(inside, given, self._some_value(given))
        with _constant_parameters(self.transform, self._path_only):
            latent, log_det = self.transform.inverse_and_log_det(given, **self._context)
        log_prob = self._density(latent, log_det)
        return log_prob if inside is None else _where_inside(inside, log_prob, self._event_out)

    def _density(self, latent: Var, log_det: Var) -> Var:
        """Return the log-density of y given z and log|det dz/dy|."""
        own = len(self.latent.value_shape) + self.latent.group_ndims
        density = sum_events(self.latent.log_prob(latent), self._event_in - own)
        return density + sum_events(log_det, self._event_in - self.transform.event_ndims_in)

    def _origin(self, given: Var) -> _Origin | None:
        """Return where ``given`` came from, if it is a draw whose log-density may use that."""
        origin = getattr(given, "flow_origin", None)
        if not isinstance(origin, _Origin) or origin.transform() is not self.transform:
            return None
        if origin.versions != self._versions():
            return None
        if jt.flags.no_grad:
            return origin
        # A draw made under no_grad, or stopped, is a constant: not so the z that f takes to it
        # when parameters of f move. The path derivative holds those parameters fixed, unlike the
        # z that is kept. Without parameters, z is the same whatever moves.
        is_constant = given.is_stop_grad()
        if self._is_trained():
            return None if self._path_only or is_constant else origin
        if not is_constant:
            return origin
        return origin._replace(latent=origin.latent.detach(), log_det=origin.log_det.detach())

    def _versions(self) -> tuple[int, ...]:
        """Return what changes when a Var of the transform or the context does."""
        own = [var.id for _, _, var in _vars_of(self.transform)]
        context = [v.id if isinstance(v, jt.Var) else id(v) for v in self._context.values()]
        return tuple(own + context)

    def _is_trained(self) -> bool:
        found = [var for _, _, var in _vars_of(self.transform)]
        found += [var for var in self._context.values() if isinstance(var, jt.Var)]
        return any(not var.is_stop_grad() for var in found)

    def _without_gradients(self) -> Distribution:
        twin = copy.copy(self)
        twin.latent = self.latent._without_gradients()
        twin._context = {
            name: value.detach() if isinstance(value, jt.Var) else value
            for name, value in self._context.items()
        }
        twin._path_only = True
        return twin

    def _inside(self, given: Var) -> Var | None:
        """Return where ``given`` is a value of the flow; None if every number is one."""
        bounds = self.transform.codomain
        if not isinstance(bounds, Interval):
            return None
        conditions = []
        if isinstance(bounds.lower, jt.Var) or bounds.lower > -math.inf:
            conditions.append(given > bounds.lower)
        if isinstance(bounds.upper, jt.Var) or bounds.upper < math.inf:
            conditions.append(given < bounds.upper)
        if not conditions:
            return None
        both = conditions[0] if len(conditions) == 1 else conditions[0] & conditions[1]
        return both | jt.isnan(given)  # NaN stays NaN

    def _some_value(self, given: Var) -> Var:
        """Return values inside the codomain, an interval."""
        bounds = self.transform.codomain
        assert isinstance(bounds, Interval)
        if isinstance(bounds.lower, jt.Var) or isinstance(bounds.upper, jt.Var):
            shape = self.transform.inverse_shape(shape_of(given))
            zero = jt.zeros(list(shape), dtype=str(given.dtype)).stop_grad()
            return self.transform.forward(zero, **self._context).detach()
        # A number does: forward may take a pass of a network for each entry.
        low, high = bounds.lower, bounds.upper
        if low > -math.inf and high < math.inf:
            inside = 0.5 * (low + high)
        else:
            # Far from 0 a step of 1 may be lost to rounding.
            inside = low + 1.0 + abs(low) if low > -math.inf else high - 1.0 - abs(high)
        return jt.full_like(given, inside).stop_grad()


def _check(latent: Any, transform: Any) -> None:
    if not isinstance(latent, Distribution):
        raise TypeError(f"Flow: latent must be a Distribution, got {latent!r}")
    if not isinstance(transform, Transform):
        raise TypeError(f"Flow: transform must be a Transform, got {transform!r}")
    if not latent.is_continuous:
        raise ValueError(f"Flow: latent must be continuous, got {latent!r}")


def _where_inside(inside: Var, log_prob: Var, event_ndims: int) -> Var:
    """Return ``log_prob``, and -inf for the events that are not inside in all of their entries."""
    n = len(inside.shape)
    if event_ndims:
        outside = 1.0 - inside.cast(str(log_prob.dtype))
        inside = sum_dims(outside, range(n - event_ndims, n)) == 0.0
    impossible = jt.full_like(log_prob, -math.inf)
    return jt.ternary(inside.broadcast(list(log_prob.shape)), log_prob, impossible)


def _vars_of(module: Any) -> Iterator[tuple[Any, str, Var]]:
    """Find all Vars of a module and those inside it: the module, the attribute's name, the Var."""
    for one in module.modules():
        for name, value in vars(one).items():
            if isinstance(value, jt.Var):
                yield one, name, value


@contextlib.contextmanager
def _constant_parameters(transform: Transform, active: bool) -> Iterator[None]:
    """Let the transform compute with Vars that are cut off from its parameters.

    :param active: False changes nothing.
    """
    replaced = list(_vars_of(transform)) if active else []
    for module, name, var in replaced:
        vars(module)[name] = var.detach()
    try:
        yield
    finally:
        for module, name, var in replaced:
            vars(module)[name] = var
