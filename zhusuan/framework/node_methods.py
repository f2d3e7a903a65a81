"""``bn.normal``, ``bn.bernoulli``, ...: a method of BayesianNet for every family.

They are made from the list of families, with the families' own signatures and docs.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from typing import Any

from zhusuan._tensor import Var
from zhusuan.distributions.base import Distribution
from zhusuan.distributions.families import families
from zhusuan.framework.bn import BayesianNet

# Where ZhuSuan's name is not what the rule makes of the family's.
_IRREGULAR = {"BagofCategoricals": "bag_of_categoricals"}


def method_name(family: str) -> str:
    """Return the name of the method for a family: ``'bin_concrete'`` for ``'BinConcrete'``.

    :param family: name of the family.
    """
    words = re.sub(r"([a-z0-9])([A-Z])|([A-Z]+)([A-Z][a-z])", r"\1\3_\2\4", family)
    return _IRREGULAR.get(family, words.lower())


def _signature(family: type[Distribution]) -> inspect.Signature:
    node = inspect.signature(BayesianNet.stochastic_node).parameters
    options = [
        node[name].replace(kind=inspect.Parameter.KEYWORD_ONLY)
        for name in ("n_samples", "reduce_mean_dims", "reduce_sum_dims", "multiplier", "n_data")
    ]
    own = list(family.__signature__.parameters.values())  # type: ignore[attr-defined]
    positional = [p for p in own if p.kind is not inspect.Parameter.KEYWORD_ONLY]
    rest = [p for p in own if p.kind is inspect.Parameter.KEYWORD_ONLY]
    first = [node["self"], node["name"]]
    return inspect.Signature([*first, *positional, *rest, *options], return_annotation=Var)


def _make(method: str, family: type[Distribution]) -> Callable[..., Var]:
    parameters = list(family.__signature__.parameters.values())  # type: ignore[attr-defined]
    order = [p.name for p in parameters if p.kind is not inspect.Parameter.KEYWORD_ONLY]

    def add_node(self: BayesianNet, name: str, *args: Any, **kwargs: Any) -> Var:
        if len(args) > len(order):
            raise TypeError(
                f"node {name!r}: {method} takes at most {len(order)} parameters by position "
                f"({', '.join(order)}), got {len(args)}"
            )
        by_position = dict(zip(order, args))
        twice = sorted(set(by_position) & set(kwargs))
        if twice:
            raise TypeError(f"node {name!r}: {method} is given {twice[0]!r} twice")
        return self.stochastic_node(family, name, **by_position, **kwargs)

    add_node.__name__ = method
    add_node.__qualname__ = f"BayesianNet.{method}"
    add_node.__signature__ = _signature(family)  # type: ignore[attr-defined]
    article = "an" if family.__name__[0] in "AEIOU" else "a"
    add_node.__doc__ = (
        f"Add {article} :class:`~zhusuan.distributions.{family.__name__}` node and return its "
        f"value.\n\n{_fields(family)}"
    )
    return add_node


# The field lists of a method: of the node, then after the family's own of its options.
_NODE = """\
:param name: name of the node.
:param n_samples: number of draws on a new leading axis; None for one without it.
:param reduce_mean_dims: dims of the log-probability to average over.
:param reduce_sum_dims: dims of the log-probability to sum over.
:param multiplier: factor of the log-probability.
:param n_data: number of all data, where the last dim of the log-probability counts those of a \
minibatch.
"""
_OPTIONS = """\
:param dtype: dtype of samples; by default that of the parameters.
:param group_ndims: how many trailing dims of the batch are one event.
:param is_reparameterized: whether samples carry gradients to the parameters; by default where \
the family can.
:param reparameterize: another name for ``is_reparameterized``.
:param use_path_derivative: block the gradient that reaches the parameters through the \
log-probability and not through the sample.
:return: the value: the observation, or else one draw, of shape \
``([n_samples] +) batch_shape + value_shape``.
:raises TypeError: for an unknown parameter or one of the wrong kind.
:raises ValueError: for a name that is taken, a bad parameter or an observation that does not fit.
"""


def _fields(family: type[Distribution]) -> str:
    """Return the field list of the family's docstring, with those of a node."""
    doc = inspect.getdoc(family) or ""
    fields = re.split(r"^(?=:)", doc, flags=re.MULTILINE)[1:]
    known = (":param options:", ":raises ", ":ivar ")
    own = [field.rstrip() + "\n" for field in fields if not field.startswith(known)]
    return _NODE + "".join(own) + _OPTIONS


def add_node_methods() -> None:
    """Give BayesianNet a method for every exported family that it has none for yet."""
    for name, family in families().items():
        method = method_name(name)
        if not hasattr(BayesianNet, method):
            setattr(BayesianNet, method, _make(method, family))


add_node_methods()
