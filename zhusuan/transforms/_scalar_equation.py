r"""The slope and the inverse of :math:`a \mapsto a + (g - 1) \tanh a`, for g > 0.

Planar and Sylvester flows move a vector along a few directions by hyperbolic tangents; what is to
be known of each direction is this one increasing function.
"""

from __future__ import annotations

from zhusuan.formula import Formula

# log(1 + (g - 1) h') with h' = 1 - tanh(a)^2, without the difference of numbers near 1.
log_slope = Formula(
    "a, g",
    """
    T t = tanh(a), e = exp(-2.0 * fabs(a)), d = 1.0 + e;
    return log(g * (4.0 * e / (d * d)) + t * t);
    """,
)

# The root lies within |g - 1| of t. Newton's steps, and halves of the bracket where one leaves it,
# find it as a plain number; two more steps with derivatives make those right up to the third order.
root = Formula(
    "t, g",
    """
    double tv = value(t), c = value(g) - 1.0, reach = fabs(c);
    double low = tv - reach, high = tv + reach, a = tv;
    for (int i = 0; i < 100; i++) {
        double h = tanh(a), f = a + c * h - tv;
        if (f > 0.0) high = a; else low = a;
        double next = a - f / (1.0 + c * (1.0 - h * h));
        if (!(next > low && next < high)) next = 0.5 * (low + high);
        if (fabs(next - a) <= 1e-15 * (1.0 + fabs(a))) { a = next; break; }
        a = next;
    }
    T x = T(a);
    for (int i = 0; i < 2; i++) {
        T h = tanh(x);
        x = x - (x + (g - 1.0) * h - t) / (1.0 + (g - 1.0) * (1.0 - h * h));
    }
    return x;
    """,
)
