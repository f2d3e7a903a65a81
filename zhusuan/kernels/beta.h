// The incomplete beta function, Student's t distribution, and the derivatives of their samples with
// respect to the shapes.
#pragma once
#include "gamma.h"

namespace zs {

// A point of the unit interval with its complement and both logarithms, each accurate by itself.
template <typename T> struct UnitPoint {
    T x, y, log_x, log_y;
};
template <typename T> ZS_FN UnitPoint<T> unit_point(const T& x) {
    return {x, 1.0 - x, log(x), log1p(-x)};
}
template <typename T> ZS_FN UnitPoint<T> unit_point_of_logit(const T& l) {
    T log_x = log_sigmoid(l);
    return {sigmoid(l), sigmoid(T(-l)), log_x, log_sigmoid(T(-l))};
}
template <typename T> ZS_FN UnitPoint<T> flipped(const UnitPoint<T>& u) {
    return {u.y, u.x, u.log_y, u.log_x};
}
template <typename T> ZS_FN UnitPoint<Dual<T, 2>> constant_point(const UnitPoint<T>& u) {
    return {constant<2>(u.x), constant<2>(u.y), constant<2>(u.log_x), constant<2>(u.log_y)};
}

// ---- kernels

// log of x^a (1-x)^b / B(a, b)
template <typename T>
ZS_FN T betainc_log_prefix(const T& a, const T& b, const UnitPoint<T>& u) {
    double av = value(a), bv = value(b);
    if (av < 10.0 || bv < 10.0) return a * u.log_x + b * u.log_y - betaln(a, b);
    // Stirling's formula, relative to the mode of the density: a log(x n / a) + b log(y n / b) with
    // the terms linear in x and y, which cancel, left out. n = a + b.
    T n = a + b, lean = u.x * b - u.y * a;
    T mu = lean / a, nu = -lean / b;
    T loss_a = value(mu) > -0.4 ? x_minus_log1p(mu) : mu - (u.log_x + log(n / a));
    T loss_b = value(nu) > -0.4 ? x_minus_log1p(nu) : nu - (u.log_y + log(n / b));
    T rest = stirling_rest(n) - stirling_rest(a) - stirling_rest(b);
    return 0.5 * (log(a) + log(b / n)) - LOG_SQRT_2PI - a * loss_a - b * loss_b + rest;
}

// The C of I_x(a, b) = x^a (1-x)^b / (a B(a, b)) C: the continued fraction DLMF 8.17.22 by Lentz's
// method. Converges quickly for x below the mean, in O(sqrt(max(a, b))) steps.
template <typename T> ZS_FN T betainc_fraction(const T& a, const T& b, const T& x) {
    T n = a + b;
    T c = T(1.0), d = 1.0 / (1.0 - n * x / (a + 1.0)), f = d;
    for (int m = 1; m < 100000; m++) {
        double k = m;
        T am = a + 2.0 * k;
        T even = k * (b - k) * x / ((am - 1.0) * am);
        d = 1.0 / (1.0 + even * d);
        c = 1.0 + even / c;
        T g = f * (c * d);
        T odd = -(a + k) * (n + k) * x / (am * (am + 1.0));
        d = 1.0 / (1.0 + odd * d);
        c = 1.0 + odd / c;
        T next = g * (c * d);
        bool done = has_converged(T(next - f), next);
        f = next;
        if (done) break;
    }
    return f;
}
template <typename T> ZS_FN bool below_mean(const T& a, const T& b, const UnitPoint<T>& u) {
    // DLMF 8.17.22 is good on this side.
    return value(u.x) * (value(a) + value(b) + 2.0) < value(a) + 1.0;
}

// I_x(a, b), or its complement if `upper`
template <typename T>
ZS_FN T betainc_kernel(const T& a, const T& b, const UnitPoint<T>& u, bool upper) {
    if (!below_mean(a, b, u)) {
        T q = exp(betainc_log_prefix(b, a, flipped(u))) * betainc_fraction(b, a, u.y) / b;
        return upper ? q : 1.0 - q;
    }
    T p = exp(betainc_log_prefix(a, b, u)) * betainc_fraction(a, b, u.x) / a;
    return upper ? 1.0 - p : p;
}
// Whether the arguments are outside the domain or at an end of it, where `f` is the answer.
ZS_FN bool betainc_edge(double a, double b, double x, bool upper, double& f) {
    f = NOT_A_NUMBER;
    if (is_nan(a) || is_nan(b) || is_nan(x) || a <= 0.0 || b <= 0.0 || is_inf(a) || is_inf(b)) {
        return true;
    }
    if (x < 0.0 || x > 1.0) return true;
    f = (x == 0.0) == upper ? 1.0 : 0.0;
    return x == 0.0 || x == 1.0;
}
// The density of the beta distribution
template <typename T> ZS_FN T beta_density(const T& a, const T& b, const T& x) {
    double xv = value(x);
    if (xv <= 0.0) return T(xv < 0.0 || value(a) > 1.0 ? 0.0 : value(a) < 1.0 ? INF : value(b));
    if (xv >= 1.0) return T(xv > 1.0 || value(b) > 1.0 ? 0.0 : value(b) < 1.0 ? INF : value(a));
    UnitPoint<T> u = unit_point(x);
    return exp(betainc_log_prefix(a, b, u) - u.log_x - u.log_y);
}

// ---- incomplete beta functions

ZS_FN double betainc_value(double a, double b, double x, bool upper) {
    double f;
    if (betainc_edge(a, b, x, upper, f)) return f;
    return betainc_kernel(a, b, unit_point(x), upper);
}
ZS_FN double betainc(double a, double b, double x) { return betainc_value(a, b, x, false); }
ZS_FN double betaincc(double a, double b, double x) { return betainc_value(a, b, x, true); }

template <typename T, int N>
ZS_FN Dual<T, N> betainc_chain(const Dual<T, N>& a, const Dual<T, N>& b, const Dual<T, N>& x,
                               bool upper) {
    double edge;
    Dual<T, 2> f;
    if (betainc_edge(value(a), value(b), value(x), upper, edge)) {
        f = Dual<T, 2>(edge);
    } else {
        f = betainc_kernel(Dual<T, 2>(a.v, 0), Dual<T, 2>(b.v, 1),
                           constant_point(unit_point(x.v)), upper);
    }
    T density = beta_density(a.v, b.v, x.v);
    if (upper) density = -density;
    Dual<T, N> r = chain(a, b, f.v, f.d[0], f.d[1]);
    for (int i = 0; i < N; i++) r.d[i] = r.d[i] + density * x.d[i];
    return r;
}
template <typename T, int N>
ZS_FN Dual<T, N> betainc(const Dual<T, N>& a, const Dual<T, N>& b, const Dual<T, N>& x) {
    return betainc_chain(a, b, x, false);
}
template <typename T, int N>
ZS_FN Dual<T, N> betaincc(const Dual<T, N>& a, const Dual<T, N>& b, const Dual<T, N>& x) {
    return betainc_chain(a, b, x, true);
}

// The logit of the x with I_x(a, b) = p, 1 - I_x(a, b) = q; the smaller of p and q is accurate.
ZS_FN double betainc_logit_root(double a, double b, double p, double q) {
    double scale = betaln(a, b);
    // The leading terms at both ends, and between them a normal deviate of the logit.
    double low = (log(p) + log(a) + scale) / a, high = -(log(q) + log(b) + scale) / b;
    double mean = log(a / b), z = p < q ? ndtri(p) : -ndtri(q);
    double guess = mean + z * sqrt(1.0 / a + 1.0 / b);
    if (low < -3.0 && low < mean - 2.0) guess = low;
    else if (high > 3.0 && high > mean + 2.0) guess = high;
    bool upper = q < p;
    double target = log(upper ? q : p);
    auto f = [&](double l, double& slope) {
        UnitPoint<double> u = unit_point_of_logit(l);
        double tail = betainc_kernel(a, b, u, upper);
        if (tail <= 0.0) return upper ? 1.0 : -1.0;
        slope = exp(betainc_log_prefix(a, b, u)) / tail;
        double v = log(tail) - target;
        return upper ? -v : v;
    };
    return increasing_root(f, guess, -1e10, 1e10, 1.0);
}
ZS_FN double betaincinv(double a, double b, double p) {
    if (is_nan(a) || is_nan(b) || is_nan(p) || a <= 0.0 || b <= 0.0) return NOT_A_NUMBER;
    if (p < 0.0 || p > 1.0) return NOT_A_NUMBER;
    if (p == 0.0 || p == 1.0) return p;
    return sigmoid(betainc_logit_root(a, b, p, 1.0 - p));
}
template <typename T, int N>
ZS_FN Dual<T, N> betaincinv(const Dual<T, N>& a, const Dual<T, N>& b, const Dual<T, N>& p) {
    T x = betaincinv(a.v, b.v, p.v);
    if (is_nan(value(x)) || value(x) <= 0.0 || value(x) >= 1.0) return Dual<T, N>(value(x));
    Dual<T, 2> f = betainc_kernel(Dual<T, 2>(a.v, 0), Dual<T, 2>(b.v, 1),
                                  constant_point(unit_point(x)), false);
    T slope = 1.0 / beta_density(a.v, b.v, x);
    Dual<T, N> r = chain(a, b, x, T(-f.d[0] * slope), T(-f.d[1] * slope));
    for (int i = 0; i < N; i++) r.d[i] = r.d[i] + slope * p.d[i];
    return r;
}

// ---- beta samples: derivatives at a fixed quantile (Figurnov, Mohamed & Mnih 2018, eq. 5)

// d logit(x) / da. With I = x^a y^b / (a B) C the prefactor cancels against the density
// x^(a-1) y^(b-1) / B, and with it every exponential.
ZS_FN double beta_logit_da(double a, double b, const UnitPoint<double>& u) {
    typedef Dual<double, 1> D;
    if (is_nan(a) || is_nan(b) || is_nan(u.x) || a <= 0.0 || b <= 0.0) return NOT_A_NUMBER;
    if (below_mean(a, b, u)) {
        D c = betainc_fraction(D(a, 0), D(b), D(u.x));
        return (c.v * (digamma(a + 1.0) - digamma(a + b) - u.log_x) - c.d[0]) / a;
    }
    // 1 - I = y^b x^a / (b B) C(b, a)
    D c = betainc_fraction(D(b), D(a, 0), D(u.y));
    return (c.v * (u.log_x + digamma(a + b) - digamma(a)) + c.d[0]) / b;
}
// d logit(x) / da and d logit(x) / db given logit(x), for a beta sample x at a fixed quantile
ZS_FN double beta_logit_sample_da(double a, double b, double logit_x) {
    return beta_logit_da(a, b, unit_point_of_logit(logit_x));
}
ZS_FN double beta_logit_sample_db(double a, double b, double logit_x) {
    // 1 - x has a beta distribution with the shapes exchanged.
    return -beta_logit_da(b, a, unit_point_of_logit(-logit_x));
}
// dx / da and dx / db
ZS_FN double beta_sample_da(double a, double b, double x) {
    if (x <= 0.0 || x >= 1.0) return x == 0.0 || x == 1.0 ? 0.0 : NOT_A_NUMBER;
    UnitPoint<double> u = unit_point(x);
    return u.x * u.y * beta_logit_da(a, b, u);
}
ZS_FN double beta_sample_db(double a, double b, double x) {
    if (x <= 0.0 || x >= 1.0) return x == 0.0 || x == 1.0 ? 0.0 : NOT_A_NUMBER;
    UnitPoint<double> u = flipped(unit_point(x));
    return -u.x * u.y * beta_logit_da(b, a, u);
}

// ---- Student's t distribution

// The deviate of Student's t: the D(eta, df) with cdf(t) = Phi(sqrt(df) D), where
// eta^2 = log(1 + t^2/df).
// As gamma_deviate, with g^2 = eta^2 / (1 - e^(-eta^2)) and the normalisation
// sqrt(2 / df) Gamma((df + 1) / 2) / Gamma(df / 2) from DLMF 5.11.8; odd in eta,
// converges for |eta| < sqrt(2 pi).
template <typename T> ZS_FN T student_deviate(const T& df, const T& eta) {
    T r = 1.0 / df, s = eta * eta;
    T d6 = poly(s, 0.0132598876953125, 0.04425811767578125, -0.01164099375406901,
                   -0.00490570068359375, 0.0015015767995642606, 0.00032013883437027776,
                   -0.00011438568094417114, -1.645926046201093e-05);
    T d5 = r * d6 + poly(s, -0.0487060546875, 0.012359619140625, 0.006373087565104167,
                            -0.0018749660915798611, -0.0003595222661524643, 0.00013154547509234245,
                            1.5940596626530058e-05, -6.966227938317479e-06, -6.232117738270774e-07,
                            3.162024293121582e-07);
    T d4 = r * d5 + poly(s, -0.01025390625, -0.01220703125, 0.0031941731770833335,
                            0.0005207364521329365, -0.00019483818578972388, -1.8365715336337082e-05,
                            8.844058891191594e-06, 5.974765429845815e-07, -3.494373253024623e-07,
                            -1.849122033068978e-08, 1.2696059811614674e-08, 5.53341524776363e-10);
    T d3 = r * d4 + poly(s, 0.0390625, -0.008463541666666666, -0.00107421875, 0.0004057384672619048,
                            2.544746197089947e-05, -1.4520339023919754e-05, -6.356483203813933e-07,
                            4.747518610411044e-07, 1.6040851951225216e-08, -1.4727736398964735e-08,
                            -4.056867656641514e-10, 4.412971286391405e-10, 1.0265172226857219e-11,
                            -1.2901929561362634e-11);
    T d2 = r * d3 + poly(s, 0.03125, 0.005208333333333333, -0.0014322916666666668,
                            -4.340277777777778e-05, 3.392994929453263e-05, 6.889329805996473e-07,
                            -8.475310938418577e-07, -1.2917493386243387e-08, 2.138780260163362e-08,
                            2.6095946234835125e-10, -5.409156875522019e-10, -5.504364727799472e-12,
                            1.3686896302476291e-11, 1.1948693330968462e-13, -3.4636642902059066e-13,
                            -2.6481877315020177e-15);
    T d1 = r * d2 + poly(s, -0.25, 0.020833333333333332, 0.0, -0.00017361111111111112, 0.0,
                            2.7557319223985893e-06, 0.0, -5.166997354497355e-08, 0.0,
                            1.0438378493934048e-09, 0.0, -2.201745891119789e-11, 0.0,
                            4.779477332387385e-13, 0.0, -1.0592750926008071e-14, 0.0,
                            2.385017237854957e-16);
    return eta + eta * r * d1;
}
// sign(t) sqrt(log(1 + t^2/df)), smooth through t = 0
template <typename T> ZS_FN T student_eta(const T& df, const T& t) {
    T v = t * t / df;
    if (value(v) > 0.1) {
        T e = sqrt(log1p(v));
        return value(t) < 0.0 ? -e : e;
    }
    // log(1 + v) / v = 2 atanh(v / (2 + v)) / v
    T w = v / (2.0 + v), w2 = w * w;
    T ratio = poly(w2, 1.0, 1.0 / 3, 1.0 / 5, 1.0 / 7, 1.0 / 9, 1.0 / 11, 1.0 / 13);
    return t * sqrt(2.0 * ratio / ((2.0 + v) * df));
}
template <typename T> ZS_FN T student_kernel(const T& df, const T& t) {
    double nu = value(df), tv = value(t);
    if (is_nan(nu) || is_nan(tv) || nu <= 0.0) return T(NOT_A_NUMBER);
    if (is_inf(nu)) return ndtr(t);
    if (is_inf(tv)) return T(tv > 0.0 ? 1.0 : 0.0);
    if (tv == 0.0) return T(0.5);
    if (nu >= 100.0 && tv * tv < nu * 1.2) {
        return ndtr(T(sqrt(df) * student_deviate(df, student_eta(df, t))));
    }
    // DLMF 8.17(i): twice the tail is I_x(df/2, 1/2) at x = df / (df + t^2), whose logit is this.
    T l = log(df) - 2.0 * log(fabs(t));
    T tail = 0.5 * betainc_kernel(T(0.5 * df), T(0.5), unit_point_of_logit(l), false);
    return tv < 0.0 ? tail : 1.0 - tail;
}
// The density of Student's t
template <typename T> ZS_FN T student_density(const T& df, const T& t) {
    if (is_inf(value(t))) return T(0.0);
    T scale = betaln(T(0.5 * df), T(0.5));
    return exp(-0.5 * (df + 1.0) * log1p(t * t / df) - scale) / sqrt(df);
}
ZS_FN double stdtr(double df, double t) { return student_kernel(df, t); }
template <typename T, int N> ZS_FN Dual<T, N> stdtr(const Dual<T, N>& df, const Dual<T, N>& t) {
    Dual<T, 1> p = student_kernel(Dual<T, 1>(df.v, 0), constant<1>(t.v));
    return chain(df, t, p.v, p.d[0], student_density(df.v, t.v));
}

ZS_FN double stdtrit(double df, double p) {
    if (is_nan(df) || is_nan(p) || df <= 0.0 || p < 0.0 || p > 1.0) return NOT_A_NUMBER;
    if (is_inf(df)) return ndtri(p);
    if (p == 0.0 || p == 1.0) return p == 0.0 ? -INF : INF;
    if (p == 0.5) return 0.0;
    double tail = p < 0.5 ? p : 1.0 - p;
    // Newton in log |t|, where the tail log P is nearly a line.
    double target = log(tail), scale = betaln(0.5 * df, 0.5);
    double z = -ndtri(tail), far = 0.5 * log(df) - (log(2.0 * tail) + log(0.5 * df) + scale) / df;
    if (far > 709.0) return p < 0.5 ? -INF : INF;
    double guess = far > 0.5 * log(df) + 1.0 ? far : log(z);
    auto f = [&](double u, double& slope) {
        double t = exp(u), q = student_kernel(df, -t);
        if (q <= 0.0) return 1.0;
        slope = t * student_density(df, t) / q;
        return target - log(q);
    };
    double t = exp(increasing_root(f, guess, -745.0, 709.0, 1.0));
    return p < 0.5 ? -t : t;
}
template <typename T, int N> ZS_FN Dual<T, N> stdtrit(const Dual<T, N>& df, const Dual<T, N>& p) {
    T t = stdtrit(df.v, p.v);
    Dual<T, 1> f = student_kernel(Dual<T, 1>(df.v, 0), constant<1>(t));
    T slope = 1.0 / student_density(df.v, t);
    return chain(df, p, t, T(-f.d[0] * slope), slope);
}
// dt / d df of a sample t at a fixed quantile
ZS_FN double student_t_sample_ddf(double df, double t) {
    if (is_nan(df) || is_nan(t) || df <= 0.0) return NOT_A_NUMBER;
    if (t == 0.0 || is_inf(df)) return 0.0;
    double v = t / df * t;
    if (df >= 20.0 && v < 1.2) {
        // As in gamma_sample_dlog; d eta / dt = t / (eta (df + t^2)), and d eta / d df is
        // -t / (2 df) times that.
        double eta = student_eta(df, t), r = 1.0 / df;
        Dual<double, 2> d = student_deviate(Dual<double, 2>(df, 0), Dual<double, 2>(eta, 1));
        double deta = -(0.5 * r * d.v + d.d[0]) / d.d[1];
        return 0.5 * t * r + deta * eta / t * (df + t * t);
    }
    // t^2 = df (1-x)/x with x of shapes df/2, 1/2: log |t| = (log df - logit x) / 2.
    double l = log(df) - 2.0 * log(fabs(t));
    return 0.5 * t * (1.0 / df - 0.5 * beta_logit_da(0.5 * df, 0.5, unit_point_of_logit(l)));
}

}  // namespace zs
