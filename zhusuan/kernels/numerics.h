// Tools shared by the special functions: polynomials, tests of convergence, a root finder and
// logarithms of sums.
#pragma once
# include "dual.h"

namespace zs {

// ---- Dual numbers inside the kernels

// A number without derivatives.
template <int N, typename T> ZS_FN Dual<T, N> constant(const T& x) {
    Dual<T, N> r;
    r.v = x;
    return r;
}

// Whether a number is a constant, as counts are and parameters that need no gradient: the slope of
// a function of it, which may cost more than the function, is then not asked for.
ZS_FN bool is_zero(double x) { return x == 0.0; }
template <typename T, int N> ZS_FN bool is_zero(const Dual<T, N>& x) {
    bool zero = is_zero(x.v);
    for (int i = 0; i < N; i++) zero = zero && is_zero(x.d[i]);
    return zero;
}
ZS_FN bool is_constant(double) { return true; }
template <typename T, int N> ZS_FN bool is_constant(const Dual<T, N>& x) {
    bool zero = true;
    for (int i = 0; i < N; i++) zero = zero && is_zero(x.d[i]);
    return zero;
}

// Whether adding `term` to `sum` changes it by a few units in the last place at most, and the same
// for every derivative: a series may end only when its derivatives have converged as well.
ZS_FN bool negligible(double term, double sum) { return fabs(term) <= 4e-16 * fabs(sum); }
template <typename T, int N>
ZS_FN bool negligible(const Dual<T, N>& term, const Dual<T, N>& sum) {
    bool all = negligible(term.v, sum.v);
    for (int i = 0; i < N; i++) all = all && negligible(term.d[i], sum.d[i]);
    return all;
}

// As `negligible`, but derivatives are measured against the value as well: one that is 0 has nothing
// but rounding errors, which never become small beside themselves.
ZS_FN bool has_converged(double term, double sum, double scale = 0.0) {
    double size = fabs(sum);
    return fabs(term) <= 4e-16 * (size > scale ? size : scale);
}
template <typename T, int N>
ZS_FN bool has_converged(const Dual<T, N>& term, const Dual<T, N>& sum, double scale = 0.0) {
    double size = fabs(value(sum));
    bool all = has_converged(term.v, sum.v, scale);
    for (int i = 0; i < N; i++) {
        all = all && has_converged(term.d[i], sum.d[i], size > scale ? size : scale);
    }
    return all;
}

// ---- polynomials c0 + c1 x + c2 x^2 + ... by Horner's rule

template <typename T> ZS_FN T poly(const T&, double c0) { return T(c0); }
template <typename T> ZS_FN T poly(const T& x, double c0, double c1) { return c0 + c1 * x; }
template <typename T, typename... C>
ZS_FN T poly(const T& x, double c0, double c1, double c2, C... rest) {
    return c0 + x * poly(x, c1, c2, rest...);
}

// ---- roots

// The root of an increasing function within [lo, hi]: Newton's method, with bisection where a step
// leaves the bracket. f(x, slope) returns the value and sets the slope. Ends at an error of 1e-15
// relative to `scale` or to x, whichever is larger.
template <typename F>
ZS_FN double increasing_root(const F& f, double guess, double lo, double hi, double scale) {
    double x = guess > lo && guess < hi ? guess : 0.5 * (lo + hi);
    for (int i = 0; i < 200; i++) {
        double slope = 0.0;
        double v = f(x, slope);
        if (v == 0.0) return x;
        if (v > 0.0) hi = x; else lo = x;
        double tolerance = 1e-15 * (fabs(x) > scale ? fabs(x) : scale);
        double next = slope > 0.0 ? x - v / slope : lo;
        if (slope > 0.0 && fabs(next - x) <= tolerance) return next;
        if (next <= lo || next >= hi) next = 0.5 * (lo + hi);
        if (hi - lo <= tolerance) return next;
        x = next;
    }
    return x;
}

// ---- logarithms of sums and differences

// log(1 - e^-|x|): Maechler (2012), "Accurately computing log(1 - exp(-|a|))", eq. 7.
template <typename T> ZS_FN T log1mexp(const T& x) {
    T a = fabs(x);
    if (value(a) == 0.0) return T(-INF);
    return value(a) < LOG_2 ? log(-expm1(-a)) : log1p(-exp(-a));
}
// log(e^a + e^b)
template <typename T> ZS_FN T log_add_exp(const T& a, const T& b) {
    if (is_nan(value(a)) || is_nan(value(b))) return T(NOT_A_NUMBER);
    // Equal infinities have no difference.
    if (is_inf(value(a)) || is_inf(value(b))) return value(a) > value(b) ? a : b;
    return value(a) > value(b) ? a + log1p(exp(b - a)) : b + log1p(exp(a - b));
}
// log(e^a - e^b) for a >= b
template <typename T> ZS_FN T log_diff_exp(const T& a, const T& b) {
    double av = value(a), bv = value(b);
    if (is_nan(av) || is_nan(bv) || bv > av) return T(NOT_A_NUMBER);
    if (is_inf(bv)) return bv < 0.0 ? a : T(NOT_A_NUMBER);
    if (is_inf(av)) return a;
    return a + log1mexp(a - b);
}
// log(p / (1 - p))
template <typename T> ZS_FN T logit(const T& p) {
    double pv = value(p);
    if (!(pv >= 0.0 && pv <= 1.0) || is_nan(pv)) return T(NOT_A_NUMBER);
    if (pv == 0.0) return T(-INF);
    if (pv == 1.0) return T(INF);
    // 2p - 1 is exact near the zero at 1/2.
    if (pv > 0.25 && pv < 0.75) return log1p((2.0 * p - 1.0) / (1.0 - p));
    return log(p) - log1p(-p);
}

// x - log(1 + x) without cancellation near 0. With r = x / (2 + x), log(1 + x) = 2 atanh(r)
// (DLMF 4.6.5 in that variable), whose leading term is x - x r.
template <typename T> ZS_FN T x_minus_log1p(const T& x) {
    if (fabs(value(x)) > 0.4) return x - log1p(x);
    T r = x / (2.0 + x);
    T s = r * r;
    return x * r - 2.0 * r * s * poly(s, 1.0 / 3, 1.0 / 5, 1.0 / 7, 1.0 / 9, 1.0 / 11, 1.0 / 13,
                                      1.0 / 15, 1.0 / 17, 1.0 / 19, 1.0 / 21, 1.0 / 23, 1.0 / 25);
}

}  // namespace zs
