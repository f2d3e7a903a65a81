"""Sphinx directives that make tables of the families and of the divergences from the code.

``.. family-table:: real`` lists the families of one group, ``.. kl-table::`` the registered pairs,
``.. node-methods::`` the methods of a net that add nodes.
``|n_families|``, ``|n_names|`` and ``|n_divergences|`` are counts for running text.
"""

from __future__ import annotations

import inspect
from typing import Any

from docutils import nodes
from docutils.parsers.rst import Directive
from docutils.statemachine import StringList
from sphinx.util.nodes import nested_parse_with_titles

from zhusuan.distributions.base import Distribution
from zhusuan.distributions.families import families
from zhusuan.distributions.kl import registry
from zhusuan.framework import node_methods

# Of each group, what its values are; the order is that of the pages.
GROUPS = {
    "real": ["Normal", "StudentT", "Cauchy", "Laplace", "Logistic", "Gumbel"],
    "positive": [
        "Exponential", "Gamma", "InverseGamma", "Chi2", "Weibull", "LogNormal", "HalfNormal",
        "HalfCauchy", "FoldNormal", "Pareto",
    ],
    "interval": [
        "Uniform", "Beta", "Kumaraswamy", "TruncatedNormal", "VonMises", "BinConcrete",
    ],
    "discrete": [
        "Bernoulli", "Categorical", "OnehotCategorical", "Binomial", "Multinomial",
        "UnnormalizedMultinomial", "Geometric", "NegativeBinomial", "Poisson",
        "ZeroInflatedPoisson", "DiscretizedLogistic",
    ],
    "simplex": ["Dirichlet", "Concrete", "ExpConcrete"],
    "vectors": [
        "MultivariateNormal", "MultivariateNormalCholesky", "LowRankMultivariateNormal",
        "MatrixVariateNormalCholesky", "Wishart", "LKJCholesky",
    ],
    "compound": ["Mixture", "Delta", "Empirical"],
}

# The pages with such tables.
OUTDATED = {"api/distributions", "api/framework", "api/kl", "index", "tutorials/distributions"}

# Heading of a column -> what a family overrides to have it.
METHODS = {
    "mean": "mean", "variance": "variance", "mode": "mode",
    "entropy": "_entropy", "cdf": "_cdf", "icdf": "_icdf",
}
GRADIENT = "gradient"

# What the class has but not every instance.
CONDITIONAL = {
    "Mixture": {"cdf", "icdf", GRADIENT, "mean", "variance"},  # those of its components
    "Delta": {"cdf", "icdf"},  # of numbers
    "Empirical": {"cdf"},  # of numbers
}

ALTERNATIVES = [("std", "logstd"), ("logits", "probs"), ("covariance", "precision")]


def aliases() -> dict[str, list[str]]:
    """Return for each family its other names."""
    names: dict[str, list[str]] = {}
    for name, family in families().items():
        names.setdefault(family.__name__, [])
        if name != family.__name__:
            names[family.__name__].append(name)
    return names


def traits(family: type[Distribution]) -> dict[str, str]:
    """Return for each column "yes", "no", or "some" if it depends on the instance.

    :param family: a class.
    """
    has = {
        column: getattr(family, method) is not getattr(Distribution, method)
        for column, method in METHODS.items()
    }
    has[GRADIENT] = family.is_reparameterizable
    some = CONDITIONAL.get(family.__name__, set())
    return {c: ("some" if c in some else "yes") if there else "no" for c, there in has.items()}


def parameters(family: type[Distribution]) -> str:
    """Return the constructor's own arguments, such as ``mean, std or logstd``.

    :param family: a class.
    """
    own = [
        p for n, p in inspect.signature(family.__init__).parameters.items()
        if n != "self" and p.kind is not inspect.Parameter.VAR_KEYWORD
    ]
    names = [p.name for p in own]
    second = {b: a for a, b in ALTERNATIVES if a in names and b in names}
    first = {a: b for b, a in second.items()}
    shown = []
    for p in own:
        if p.name in second:
            continue
        if p.name in first:
            shown.append(f"``{p.name}`` or ``{first[p.name]}``")
        elif p.default is inspect.Parameter.empty or p.default is None:
            shown.append(f"``{p.name}``")
        else:
            shown.append(f"``{p.name}={p.default}``")
    return ", ".join(shown)


def values(family: type[Distribution]) -> str:
    """Say what the values of a family are.

    :param family: a class.
    """
    support = family.support
    if isinstance(support, property):  # depends on the parameters
        text = (support.__doc__ or "").split("\n\n")[0].strip().rstrip(".")
        text = " ".join(text.split())
        return text[0].lower() + text[1:]
    return support.name


def family_table(group: str) -> list[str]:
    """Return the lines of a table of the families of one group.

    :param group: a key of :data:`GROUPS`.
    """
    columns = [*METHODS, GRADIENT]
    lines = [
        ".. list-table::", "   :header-rows: 1", "   :class: families", "",
        "   * - Family", "     - Parameters", "     - Values",
        *(f"     - {column}" for column in columns),
    ]
    mark = {"yes": "✓", "some": "(✓)", "no": "\\ "}
    for name in GROUPS[group]:
        family, others = families()[name], aliases()[name]
        also = f" = {', '.join(f'``{other}``' for other in others)}" if others else ""
        lines += [
            f"   * - :class:`~zhusuan.distributions.{name}`{also}",
            f"     - {parameters(family)}",
            f"     - {values(family)}",
            *(f"     - {mark[has]}" for has in traits(family).values()),
        ]
    return lines


def divergences() -> dict[str, list[str]]:
    """Return for each family those to which a divergence is registered."""
    pairs: dict[str, list[str]] = {}
    for p, q in registry._registry:
        pairs.setdefault(p.__name__, []).append(q.__name__)
    order = [name for names in GROUPS.values() for name in names]
    return {p: sorted(pairs[p], key=order.index) for p in sorted(pairs, key=order.index)}


def kl_table() -> list[str]:
    """Return the lines of a table of the registered pairs."""
    lines = [".. list-table::", "   :header-rows: 1", "", "   * - from p", "     - to q"]
    for p, targets in divergences().items():
        links = ", ".join(f":class:`~zhusuan.distributions.{q}`" for q in targets)
        lines += [f"   * - :class:`~zhusuan.distributions.{p}`", f"     - {links}"]
    return lines


def method_table() -> list[str]:
    """Return the lines of a table of the methods of a net, with their families."""
    lines = [
        ".. list-table::", "   :header-rows: 1", "   :class: families", "",
        "   * - Method", "     - Family", "     - Arguments after the name",
    ]
    for name, others in sorted(aliases().items()):
        methods = [node_methods.method_name(n) for n in [name, *others]]
        lines += [
            f"   * - {', '.join(f'``{method}``' for method in methods)}",
            f"     - :class:`~zhusuan.distributions.{name}`",
            f"     - {parameters(families()[name])}",
        ]
    return lines


class _Table(Directive):
    def run(self) -> list[nodes.Node]:
        node = nodes.section()
        node.document = self.state.document
        lines = StringList(self.lines(), source=f"<{self.name}>")
        nested_parse_with_titles(self.state, lines, node)
        return node.children

    def lines(self) -> list[str]:
        raise NotImplementedError


class FamilyTable(_Table):
    """``.. family-table:: GROUP``."""

    required_arguments = 1

    def lines(self) -> list[str]:  # noqa: D102
        return family_table(self.arguments[0])


class KLTable(_Table):
    """``.. kl-table::``."""

    def lines(self) -> list[str]:  # noqa: D102
        return kl_table()


class NodeMethods(_Table):
    """``.. node-methods::``."""

    def lines(self) -> list[str]:  # noqa: D102
        return method_table()


def _skip(app: Any, what: str, name: str, obj: Any, skip: bool, options: Any) -> bool | None:
    """Leave the methods for families, which are all alike, to ``node-methods``."""
    made = getattr(obj, "__module__", None) == node_methods.__name__
    return True if made and what == "class" else None


def _counts(app: Any, config: Any) -> None:
    counts = {
        "n_families": len(aliases()),
        "n_names": len(families()),
        "n_divergences": len(registry._registry),
    }
    config.rst_epilog = (config.rst_epilog or "") + "".join(
        f"\n.. |{name}| replace:: {count}\n" for name, count in counts.items()
    )


def setup(app: Any) -> dict[str, bool]:
    """Register the directives; Sphinx calls this."""
    app.add_directive("family-table", FamilyTable)
    app.add_directive("kl-table", KLTable)
    app.add_directive("node-methods", NodeMethods)
    app.connect("autodoc-skip-member", _skip)
    app.connect("config-inited", _counts)
    # The tables come from the code and not from the page: what is kept from an earlier build of a
    # page may be out of date.
    app.connect("env-get-outdated", lambda app, env, added, changed, removed: [
        name for name in env.found_docs if name in OUTDATED
    ])
    return {"parallel_read_safe": True}
