r"""Eight schools by NUTS: a model that cannot be sampled as it is written, and one that can.

In eight schools, coaching for a test was tried; for each there is an estimate of the effect and its
standard error (Rubin 1981; Gelman et al. 2013, section 5.5). The model is

.. math::

    \mu \sim N(0, 5), \quad \tau \sim \mathrm{HalfCauchy}(5), \quad
    \theta_j \sim N(\mu, \tau), \quad y_j \sim N(\theta_j, \sigma_j).

Written like that, centred, it is a funnel: where :math:`\tau` is small the effects are confined to
a neck that no step size fits which also fits the mouth. The sampler reports it: transitions
diverge, and the chains neither agree nor reach small :math:`\tau`. Written with
:math:`\theta_j = \mu + \tau \eta_j`, :math:`\eta_j \sim N(0, 1)`, non-centred (Papaspiliopoulos et
al. 2007), it is the same model and easy. Given :math:`\mu` and :math:`\tau` the effects can be
integrated out, so that the script knows the posterior of these two from a grid, and it compares
with the reference figures that long runs gave (mu 4.41, sd 3.31; tau 3.60, sd 3.19). It leaves in
the result folder:

    funnel.png      draws of tau and an effect under both models; the density of tau
    centred.png     traces and rank histograms of the centred model
    noncentred.png  those of the non-centred model
    metrics.json    the figures

With ArviZ installed there are arviz_pair.png and arviz_rank.png, too.

Run it with ``python examples/mcmc/eight_schools.py``. Expected with the defaults (seed 1; 4 chains
of 1000 draws; 2 seconds of sampling on one core):

    ==========  ============  ============  ===========  =============  =========
    model       mu            tau           divergences  largest R-hat  least ESS
    ==========  ============  ============  ===========  =============  =========
    centred     4.20 +- 3.32  4.21 +- 3.27           44          1.007        185
    noncentred  4.38 +- 3.37  3.63 +- 3.29            0          1.001       1895
    integrated  4.40 +- 3.32  3.60 +- 3.22
    ==========  ============  ============  ===========  =============  =========

The centred model gets three warnings (divergences, ESS, E-BFMI) and has none of its draws of tau
below 0.5, where 10.1 % of the posterior are; the other gets no warning and has 9.9 %.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import sys
from pathlib import Path
from typing import NamedTuple

# The helpers that examples share lie beside their folders, wherever the script is run from.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import zhusuan as zs  # isort: skip  (before jittor, which it prepares)
import numpy as np
from common.files import atomic_file
from common.mcmc_plots import save_chains
from common.options import positive
from common.results import ResultDir, ResultError
from matplotlib.figure import Figure

Y = np.array([28, 8, -3, 7, -1, 1, 18, 12], np.float32)
SIGMA = np.array([15, 10, 16, 11, 9, 11, 10, 18], np.float32)

REFERENCE = {"mu": (4.41, 3.31), "tau": (3.60, 3.19)}  # mean and standard deviation

# Of the integrals. The tail of tau is heavy; at e^7 there is less than 1e-6 of the mass.
GRID_MU = np.linspace(-25.0, 30.0, 501)
GRID_LOG_TAU = np.linspace(-9.0, 7.0, 1601)


class Centred(zs.BayesianNet):
    """The model as one would write it."""

    def execute(self, observed):
        """Describe one run; latents may have the chains as a leading axis."""
        self.observe(observed)
        mu = self.sn("Normal", "mu", mean=0.0, std=5.0, group_ndims=1)
        tau = self.sn("HalfCauchy", "tau", scale=5.0, group_ndims=1)
        theta = self.sn("Normal", "theta", mean=mu + np.zeros(8), std=tau, group_ndims=1)
        self.sn("Normal", "y", mean=theta, std=SIGMA, group_ndims=1)
        return self


class NonCentred(zs.BayesianNet):
    """The same model, with standardised effects."""

    def execute(self, observed):
        """Describe one run; latents may have the chains as a leading axis."""
        self.observe(observed)
        mu = self.sn("Normal", "mu", mean=0.0, std=5.0, group_ndims=1)
        tau = self.sn("HalfCauchy", "tau", scale=5.0, group_ndims=1)
        eta = self.sn("Normal", "eta", mean=np.zeros(8), std=1.0, group_ndims=1)
        self.sn("Normal", "y", mean=mu + tau * eta, std=SIGMA, group_ndims=1)
        return self


class Marginals(NamedTuple):
    """What integration says of mu and tau.

    :param moments: name -> mean and standard deviation.
    :param tau: points.
    :param tau_density: density of tau there.
    :param below_half: probability that tau is below 0.5.
    """

    moments: dict[str, tuple[float, float]]
    tau: np.ndarray
    tau_density: np.ndarray
    below_half: float


def exact() -> Marginals:
    r"""Integrate the posterior of mu and log tau on a grid.

    The effects are integrated out: :math:`y_j \mid \mu, \tau \sim N(\mu, \sqrt{\sigma_j^2 +
    \tau^2})`.
    """
    tau = np.exp(GRID_LOG_TAU)
    variance = SIGMA.astype(np.float64) ** 2 + tau[:, None, None] ** 2
    residual = Y - GRID_MU[:, None]
    log_p = -0.5 * (residual**2 / variance + np.log(variance)).sum(-1)
    log_p += -0.5 * (GRID_MU / 5.0) ** 2 - np.log1p((tau / 5.0) ** 2)[:, None]
    log_p += GRID_LOG_TAU[:, None]  # the density of log tau has the volume of the exponential
    # A sum over an even grid is the trapezoidal rule, for both ends are 0.
    p = np.exp(log_p - log_p.max())
    p /= p.sum()
    of_tau, of_mu = p.sum(1), p.sum(0)
    moments = {}
    for name, x, weights in (("mu", GRID_MU, of_mu), ("tau", tau, of_tau)):
        mean = weights @ x
        moments[name] = (float(mean), float(np.sqrt(weights @ (x - mean) ** 2)))
    step = GRID_LOG_TAU[1] - GRID_LOG_TAU[0]
    return Marginals(moments, tau, of_tau / (step * tau), float(of_tau[tau < 0.5].sum()))


def sample(model: zs.BayesianNet, args: argparse.Namespace) -> tuple[zs.mcmc.Trace, dict]:
    """Run NUTS; return the trace, and the draws of mu, tau and theta."""
    kernel = zs.mcmc.NUTS(target_acceptance_rate=args.target_acceptance_rate)
    trace = zs.mcmc.run(
        kernel, model, {"y": Y}, n_chains=args.n_chains, n_warmup=args.n_warmup,
        n_draws=args.n_draws, seed=args.seed,
    )  # fmt: skip
    draws = dict(trace.samples)
    if "eta" in draws:
        draws["theta"] = draws["mu"] + draws["tau"] * draws.pop("eta")
    return trace, {name: draws[name] for name in ("mu", "tau", "theta")}


def figures_of(trace: zs.mcmc.Trace, table: zs.diagnostics.Summary) -> dict:
    """Return the figures of one model for metrics.json."""
    rows = table.to_dict()
    return {
        "summary": rows,
        "warnings": list(table.warnings),
        "n_divergent": int(trace.stats["divergent"].sum()),
        "largest_r_hat": max(row["r_hat"] for row in rows.values()),
        "least_ess": min(min(row["ess_bulk"], row["ess_tail"]) for row in rows.values()),
        "step_size": float(trace.stats["step_size"].mean()),
        "n_leapfrogs": float(trace.stats["n_leapfrogs"].mean()),
        "seconds": trace.seconds,
    }


def draw(path: Path, runs: dict, truth: Marginals) -> None:
    """Draw theta of the first school against tau under both models, and the density of tau."""
    figure = Figure(figsize=(12.0, 3.6), dpi=120, layout="constrained")
    left, middle, right = figure.subplots(1, 3)
    edges = np.linspace(0.0, 20.0, 41)
    for axes, (name, (trace, draws)) in zip((left, middle), runs.items()):
        divergent = trace.stats["divergent"].ravel()
        x, y = draws["theta"][..., 0].ravel(), draws["tau"].ravel()
        axes.plot(x, y, ".", markersize=2, alpha=0.5)
        axes.plot(x[divergent], y[divergent], "x", color="C3", markersize=4, label="divergent")
        axes.set(yscale="log", xlim=(-20.0, 40.0), ylim=(1e-2, 60.0), title=name)
        axes.set(xlabel=r"$\theta_1$", ylabel=r"$\tau$")
        if divergent.any():
            axes.legend(loc="lower right")
        heights, _ = np.histogram(y, edges)
        right.stairs(heights / (y.size * (edges[1] - edges[0])), edges, label=name)
    right.plot(truth.tau, truth.tau_density, "k--", linewidth=1.0, label="integrated")
    right.set(xlim=(0.0, 20.0), xlabel=r"$\tau$", ylabel="density", title=r"posterior of $\tau$")
    right.legend()
    with atomic_file(path) as file:
        figure.savefig(file, format="png")


def draw_with_arviz(results: ResultDir, trace: zs.mcmc.Trace, draws: dict) -> None:
    """Draw the pairs and the ranks of mu and tau with ArviZ 0.x or 1.x."""
    arviz = importlib.import_module("arviz")
    data = zs.diagnostics.to_arviz(draws, trace.stats)
    for kind in ("pair", "rank"):
        found = getattr(arviz, f"plot_{kind}")(data, var_names=["mu", "tau"])
        # ArviZ 1.x returns a collection of plots, 0.x an array of axes.
        figure = found if hasattr(found, "savefig") else np.ravel(found)[0].figure
        figure.savefig(results.file(f"arviz_{kind}.png"))


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the script's options."""
    parser = argparse.ArgumentParser(
        description="Sample eight schools by NUTS, centred and non-centred.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--n-chains", type=positive(int), default=4)
    parser.add_argument("--n-warmup", type=positive(int), default=1000)
    parser.add_argument("--n-draws", type=positive(int), default=1000)
    parser.add_argument("--target-acceptance-rate", type=positive(float), default=0.9)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--result-dir", default="results/eight_schools")
    parser.add_argument("--smoke", action="store_true", help="30 draws after 30 steps, for CI")
    return parser


def main(argv: list[str] | None = None) -> int:
    """Run the example; return the exit status."""
    args = make_parser().parse_args(argv)
    if args.smoke:
        args.n_warmup = args.n_draws = 30
    try:
        results = ResultDir(args.result_dir)
    except ResultError as error:
        print(f"eight_schools.py: {error}", file=sys.stderr)
        return 1
    truth = exact()
    runs, models = {}, {}
    for name, model in (("centred", Centred()), ("noncentred", NonCentred())):
        runs[name] = trace, draws = sample(model, args)
        table = zs.diagnostics.summary(draws, trace.stats)
        models[name] = figures_of(trace, table)
        models[name]["tau_below_half"] = float((draws["tau"] < 0.5).mean())
        print(f"\n{name}, {trace.seconds:.0f} seconds\n{table}")
        save_chains(
            results.file(f"{name}.png"),
            {"mu": draws["mu"][..., 0], "log tau": np.log(draws["tau"][..., 0])},
            trace.stats["divergent"],
        )
    draw(results.file("funnel.png"), runs, truth)
    if importlib.util.find_spec("arviz") is not None:
        draw_with_arviz(results, *runs["noncentred"])
    figures = {
        "arguments": vars(args),
        "integrated": {**truth.moments, "tau_below_half": truth.below_half},
        "reference": REFERENCE,
        **models,
    }
    results.write_json("metrics.json", figures)
    print(f"\n{'':4}  {'centred':>14} {'non-centred':>14} {'integrated':>14} {'reference':>14}")
    for name in ("mu", "tau"):
        rows = [models[model]["summary"][f"{name}[0]"] for model in models]
        pairs = [(row["mean"], row["sd"]) for row in rows]
        pairs += [truth.moments[name], REFERENCE[name]]
        print(f"{name:4}  " + " ".join(f"{m:7.2f} +-{s:5.2f}" for m, s in pairs))
    shares = [models[model]["tau_below_half"] for model in models] + [truth.below_half]
    print("tau < 0.5 " + " ".join(f"{share:10.1%}    " for share in shares))
    print(f"results are in {results.path}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
