"""What the families over whole numbers share: quantiles by search, ways to write a probability."""

from __future__ import annotations

import numpy as np

from zhusuan._tensor import Var, scalar
from zhusuan.distributions.constraints import Interval

positive_probability = Interval("in (0, 1]", 0.0, 1.0, open_upper=False)
probability_below_one = Interval("in [0, 1)", 0.0, 1.0, open_lower=False)

SMALLEST_COUNT = """
// The smallest whole k >= 0 with cdf(k) >= p: bracketed in steps of doubling size from a guess,
// then bisected. Beyond 2^53 it ends at neighbouring doubles; INF if there is none. The cdf is
// rounded as it will be when asked for: the quantile of what it has returned for k has to be k,
// though it was rounded up. In double it is the cdf that is good to some 1e-14 only.
template <typename F>
ZS_FN double smallest_count(const F& cdf, double p, double is_single, double guess) {
    auto below = [&](double k) {
        double c = cdf(k);
        return (is_single != 0.0 ? (double)(float)c : c * (1.0 + 1e-13)) < p;
    };
    double hi = guess > 0.0 && !is_inf(guess) ? floor(guess) : 0.0, lo = -1.0;
    double step = 1.0 + floor(1e-9 * hi);
    if (below(hi)) {
        do {
            lo = hi;
            hi += step;
            step *= 2.0;
        } while (!is_inf(hi) && below(hi));
        if (is_inf(hi)) return INF;
    } else {
        while (hi > 0.0) {
            double next = hi > step ? hi - step : 0.0;
            if (below(next)) {
                lo = next;
                break;
            }
            hi = next;
            step *= 2.0;
        }
    }
    while (hi - lo > 1.0) {
        double middle = floor(lo + 0.5 * (hi - lo));
        if (middle <= lo || middle >= hi) break;
        if (below(middle)) lo = middle; else hi = middle;
    }
    return hi;
}
// A quantile by the first terms of Cornish and Fisher (1938), to begin the search with.
ZS_FN double guessed_count(double p, double mean, double sd, double skewness) {
    double z = ndtri(p);
    return mean + sd * (z + skewness * (z * z - 1.0) / 6.0);
}
"""
"""C++ helpers of a :class:`~zhusuan.formula.Formula` that searches for a quantile."""


def is_single(probability: Var) -> Var:
    """Return 1 for a float32 Var and 0 for a float64 one, as the Var that a search asks for."""
    return scalar(float(str(probability.dtype) == "float32"), "float32")


def largest_count(dtype: str) -> Var:
    """Return the largest number of a dtype, float64 of shape [1]; no draw may exceed it.

    :param dtype: dtype of samples.
    """
    if dtype.startswith("float"):
        return scalar(float(np.finfo(dtype).max), "float64")
    # 2^63 - 1 is no double; the one below it is.
    return scalar(2.0**31 - 1.0 if dtype == "int32" else 2.0**63 - 1024.0, "float64")
