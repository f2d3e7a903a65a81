"""What notebooks show of a trace."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from zhusuan._html import paragraph, shape_text, table

if TYPE_CHECKING:
    from zhusuan.mcmc.trace import Trace

# Draws whose figures take about five seconds.
_LARGE = 4_000_000


def trace_html(trace: Trace) -> str:
    """Return a trace as HTML: its variables, how the chains moved, the summary with its warnings.

    :param trace: the trace.
    """
    n_draws = trace.n_draws
    facts = [
        f"{trace.n_chains} chain{'s' * (trace.n_chains != 1)} of {n_draws} draws, "
        f"{trace.n_warmup} steps of warm-up, {trace.seconds:.1f} s"
        + (", interrupted" if trace.interrupted else "")
    ]
    if trace.path is not None:
        facts.append(f"draws are read from {trace.path}")
    if n_draws:
        facts += _transitions(trace)
    rows = [
        (name, shape_text(draws.shape[2:]), str(draws.dtype))
        for name, draws in trace.samples.items()
    ]
    shown = table(("variable", "shape", "dtype"), rows, "Trace") + paragraph(facts)
    if not n_draws:
        return shown
    names, left_out = _affordable(trace)
    if names:
        shown += trace.summary(names)._repr_html_()
    if left_out:
        shown += paragraph([f"not summarised here: {', '.join(left_out)}; see .summary()"])
    return shown


def _transitions(trace: Trace) -> list[str]:
    """Return a line about what the sampler reported, of the figures that it has."""
    stats, words = trace.stats, []
    if "acceptance_rate" in stats:
        words.append(f"acceptance rate {np.mean(stats['acceptance_rate']):.2f}")
    if "step_size" in stats:
        words.append(f"step size {np.mean(stats['step_size']):.3g}")
    if "n_leapfrogs" in stats:
        words.append(f"{np.mean(stats['n_leapfrogs']):.1f} leapfrogs for each draw")
    if "divergent" in stats:
        words.append(f"{np.count_nonzero(stats['divergent'])} divergent")
    return [", ".join(words)] if words else []


def _affordable(trace: Trace) -> tuple[list[str], list[str]]:
    """Return the variables whose figures do not take long, and the others."""
    names, left_out, total = [], [], 0
    for name, draws in trace.samples.items():
        if total + draws.size <= _LARGE:
            names.append(name)
            total += draws.size
        else:
            left_out.append(name)
    return names, left_out
