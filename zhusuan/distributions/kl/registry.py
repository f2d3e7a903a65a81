"""The registry of Kullback-Leibler divergences that have a closed form."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from zhusuan._tensor import Var, broadcast_shapes, sum_dims
from zhusuan.distributions.base import Distribution
from zhusuan.formula import Formula

Divergence = Callable[[Any, Any], Var]
_F = TypeVar("_F", bound=Divergence)

_registry: dict[tuple[type[Distribution], type[Distribution]], Divergence] = {}


def register_kl(
    type_p: type[Distribution], type_q: type[Distribution]
) -> Callable[[_F], _F]:
    r"""Register a closed form of :math:`\mathrm{KL}(p \,\|\, q)`; a decorator.

    ::

        @zs.distributions.register_kl(MyFamily, zs.distributions.Normal)
        def _my_family_normal(p, q):
            return ...

    The function is given two distributions and returns a Var that broadcasts to their common
    ``batch_shape``; grouping is done by :func:`kl_divergence`. It serves subclasses too, unless
    a closer pair is registered. A pair that is registered already is replaced.

    :param type_p: class of the first distribution.
    :param type_q: class of the second.
    :return: a decorator, which gives the function back; what that returns is in nats.
    :raises TypeError: if one of them is not a family.
    """
    for given in (type_p, type_q):
        if not (isinstance(given, type) and issubclass(given, Distribution)):
            raise TypeError(f"register_kl takes two classes of distributions, got {given!r}")

    def decorate(function: _F) -> _F:
        _registry[type_p, type_q] = function
        return function

    return decorate


def register_formula(
    type_p: type[Distribution], type_q: type[Distribution], inputs: str, body: str
) -> None:
    """Register a divergence that is one elementwise formula.

    :param type_p: class of the first distribution.
    :param type_q: class of the second.
    :param inputs: attributes, each with the prefix ``p_`` or ``q_``, separated by commas.
    :param body: C++ as for :class:`~zhusuan.formula.Formula`.
    """
    formula = Formula(inputs, body)
    places = [(name[0], name[2:]) for name in formula.inputs]

    def divergence(p: Any, q: Any) -> Var:
        return formula(*(getattr(p if side == "p" else q, name) for side, name in places))

    register_kl(type_p, type_q)(divergence)


def _find(type_p: type, type_q: type) -> Divergence | None:
    pairs = (
        (i + j, i, (p, q))
        for i, p in enumerate(type_p.__mro__)
        for j, q in enumerate(type_q.__mro__)
        if (p, q) in _registry
    )
    closest = min(pairs, default=None)
    return _registry[closest[2]] if closest else None


def has_kl(p: Distribution, q: Distribution) -> bool:
    """Return whether :func:`kl_divergence` knows a closed form.

    :param p: first distribution.
    :param q: second distribution.
    :return: True if it does.
    """
    return _find(type(p), type(q)) is not None


def kl_divergence(p: Distribution, q: Distribution) -> Var:
    r"""Return :math:`\mathrm{KL}(p \,\|\, q) = \mathrm{E}_p[\log p(x) - \log q(x)]` in nats.

    Kullback and Leibler 1951, eq. 2.4. Differentiable in the parameters of both; infinite where
    p has mass outside the support of q.

    :param p: first distribution.
    :param q: second distribution; the batches broadcast.
    :return: Var of the common batch shape, less its last ``group_ndims`` dims, over which the
        divergences are summed.
    :raises NotImplementedError: if no closed form is known for the pair.
    :raises ValueError: if the shapes do not broadcast or ``group_ndims`` differs.
    """
    names = f"{type(p).__name__} and {type(q).__name__}"
    divergence = _find(type(p), type(q))
    if divergence is None:
        known = sorted({b.__name__ for a, b in _registry if isinstance(p, a)})
        hint = f"; from {type(p).__name__} there is one to {', '.join(known)}" if known else ""
        raise NotImplementedError(
            f"no closed form of the KL divergence is known between {names}{hint}. Use a Monte "
            "Carlo estimate, (p.log_prob(x) - q.log_prob(x)) at samples x of p, or add a form "
            "with zhusuan.distributions.register_kl"
        )
    if p.value_shape != q.value_shape:
        raise ValueError(
            f"kl_divergence of {names}: values of shape {list(p.value_shape)} and "
            f"{list(q.value_shape)} can't be compared"
        )
    if p.group_ndims != q.group_ndims:
        raise ValueError(
            f"kl_divergence of {names}: group_ndims must be equal, "
            f"got {p.group_ndims} and {q.group_ndims}"
        )
    batch = broadcast_shapes(p.batch_shape, q.batch_shape)
    if batch is None:
        raise ValueError(
            f"kl_divergence of {names}: batch shapes {list(p.batch_shape)} and "
            f"{list(q.batch_shape)} do not broadcast"
        )
    value = divergence(p, q).broadcast(list(batch) or [1])
    return sum_dims(value, range(len(batch) - p.group_ndims, len(batch)))
