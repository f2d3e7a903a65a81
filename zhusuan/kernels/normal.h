// The normal distribution: scaled complementary error function, distribution functions, quantiles.
#pragma once
#include "numerics.h"

namespace zs {

constexpr double SQRT_2PI = 2.50662827463100050242;
constexpr double LOG_SQRT_2PI = 0.91893853320467274178;

// e^(sign x^2) with the rounding error of x^2 put back: it is x^2 ulps of the result otherwise.
ZS_FN double exp_square(double x, double sign, double scale) {
    double h = x * x;
    double rest = std::fma(x, x, -h);
    return exp(sign * scale * h) * (1.0 + sign * scale * rest);
}

// ---- erfcx(x) = e^(x^2) erfc(x)

// (1 + 2x) erfcx(x) as a polynomial in (x - k) / (x + k), k = 3.75, the form of Shepherd &
// Laframboise (1981), Math. Comp. 36, 249; a Chebyshev interpolant computed in 60 digits.
ZS_FN double erfcx(double x) {
    if (is_nan(x)) return x;
    if (x < 0.0) return x < -27.0 ? INF : 2.0 * exp_square(x, 1.0, 1.0) - erfcx(-x);
    if (x > 1e8) return 1.0 / (SQRT_PI * x);
    double t = (x - 3.75) / (x + 3.75);
    double p = poly(t, 1.2375126308378275, -0.14024059858554702, 0.00358541548546369,
                       0.08227673849015112, -0.10880393014170746, 0.09230432116019517,
                       -0.05869339859054762, 0.02836227742156851, -0.009746579547619623,
                       0.0017556258319220233, 0.00029371359480570737, -0.0002901539763460068,
                       5.164940777546399e-05, 2.2383900563041527e-05, -1.1445049125831309e-05,
                       -9.728189861867202e-07, 1.7534434251106334e-06, -5.831950342145813e-08,
                       -2.6114702359900956e-07, 2.4362700816477473e-08, 4.0971223152703005e-08,
                       -4.453191645424103e-09, -6.545560212480267e-09, 5.820899514310995e-10,
                       9.02214970034059e-10, -4.9656323099806433e-11, -7.33950500852954e-11,
                       1.79625782521633e-12);
    return p / (1.0 + 2.0 * x);
}
// The continued fraction DLMF 7.9.1 for large x, where erfcx' = 2x erfcx - 2/sqrt(pi) cancels.
template <typename T> ZS_FN T erfcx_tail(const T& x) {
    T f = x;
    for (int n = 40; n >= 1; n--) f = x + 0.5 * n / f;
    return 1.0 / (SQRT_PI * f);
}
ZS_UNARY erfcx(const Dual<T, N>& x) {
    if (value(x) > 1e8) return 1.0 / (SQRT_PI * x);
    if (value(x) > 3.0) return erfcx_tail(x);
    T f = erfcx(x.v);
    return chain(x, f, T(2.0 * x.v * f - 2.0 / SQRT_PI));
}

// ---- density and distribution function

template <typename T> ZS_FN T norm_pdf(const T& x) { return exp(-0.5 * x * x) / SQRT_2PI; }

ZS_FN double ndtr(double x) {
    if (is_nan(x)) return x;
    if (x < -39.0) return 0.0;
    if (x < -1.0) return 0.5 * exp_square(x, -1.0, 0.5) * erfcx(-x / SQRT_2);
    return 0.5 * erfc(-x / SQRT_2);
}
ZS_UNARY ndtr(const Dual<T, N>& x) { return chain(x, ndtr(x.v), norm_pdf(x.v)); }

ZS_FN double log_ndtr(double x) {
    if (is_nan(x)) return x;
    if (is_inf(x)) return x > 0.0 ? 0.0 : -INF;
    if (x < -1.0) return -0.5 * x * x + log(0.5 * erfcx(-x / SQRT_2));
    return log1p(-0.5 * erfc(x / SQRT_2));
}
// (log Phi)'(x) = phi(x) / Phi(x), the inverse Mills ratio of -x.
template <typename T> ZS_FN T log_ndtr_slope(const T& x) {
    if (value(x) > 5.0) return norm_pdf(x) / ndtr(x);
    return 2.0 / (SQRT_2PI * erfcx(-x / SQRT_2));
}
ZS_UNARY log_ndtr(const Dual<T, N>& x) { return chain(x, log_ndtr(x.v), log_ndtr_slope(x.v)); }

// log(Phi(b) - Phi(a)) for a <= b
template <typename T> ZS_FN T log_ndtr_diff(const T& a_in, const T& b_in) {
    double av = value(a_in), bv = value(b_in);
    if (is_nan(av) || is_nan(bv) || av > bv) return T(NOT_A_NUMBER);
    // The lower tail is the accurate one.
    bool flip = av > 0.0 || (bv > 0.0 && av + bv > 0.0);
    T a = flip ? -b_in : a_in, b = flip ? -a_in : b_in;
    av = value(a), bv = value(b);
    if (is_inf(av)) return log_ndtr(b);
    T w = b - a;
    if (value(w) * (1.0 + fabs(av)) < 0.2) {
        // Taylor series of the density about the midpoint m, integrated: the sum over k of
        // He_2k(m) (w/2)^(2k) / (2k+1)!, from Rodrigues' formula DLMF 18.5.1.
        if (value(w) == 0.0) return T(-INF);
        T m = 0.5 * (a + b), q = 0.25 * w * w, m2 = m * m;
        T s = q * ((m2 - 1.0) / 6.0 + q * (((m2 - 6.0) * m2 + 3.0) / 120.0 +
              q * ((((m2 - 15.0) * m2 + 45.0) * m2 - 15.0) / 5040.0 +
              q * (((((m2 - 28.0) * m2 + 210.0) * m2 - 420.0) * m2 + 105.0) / 362880.0))));
        return log(w) - 0.5 * m2 - LOG_SQRT_2PI + log1p(s);
    }
    if (bv > -0.5) return log(ndtr(b) - ndtr(a));
    // phi(b) (R(b) - R(a) e^-delta) with R the Mills ratio, phi(a) = phi(b) e^-delta.
    T delta = -0.5 * w * (a + b);
    T rb = erfcx(-b / SQRT_2), ra = erfcx(-a / SQRT_2);
    return -0.5 * b * b + log(0.5 * ((rb - ra) * exp(-delta) - rb * expm1(-delta)));
}

// ---- quantiles: Wichura (1988), Algorithm AS 241 (PPND16), Appl. Statist. 37, 477

// Phi^-1(1/2 + q), |q| <= 0.425
ZS_FN double ndtri_centre(double q) {
    double r = 0.180625 - q * q;
    return q * poly(r, 3.3871328727963666080, 133.14166789178437745, 1971.5909503065514427,
                    13731.693765509461125, 45921.953931549871457, 67265.770927008700853,
                    33430.575583588128105, 2509.0809287301226727) /
           poly(r, 1.0, 42.313330701600911252, 687.18700749205790830, 5394.1960214247511077,
                21213.794301586595867, 39307.895800092710610, 28729.085735721942674,
                5226.4952788528545610);
}
// -Phi^-1(p) for p < 0.075 as a function of sqrt(-log p) <= 27
ZS_FN double ndtri_tail(double r) {
    if (r <= 5.0) {
        r -= 1.6;
        return poly(r, 1.42343711074968357734, 4.63033784615654529590, 5.76949722146069140550,
                    3.64784832476320460504, 1.27045825245236838258, 2.41780725177450611770e-1,
                    2.27238449892691845833e-2, 7.74545014278341407640e-4) /
               poly(r, 1.0, 2.05319162663775882187, 1.67638483018380384940,
                    6.89767334985100004550e-1, 1.48103976427480074590e-1,
                    1.51986665636164571966e-2, 5.47593808499534494600e-4,
                    1.05075007164441684324e-9);
    }
    r -= 5.0;
    return poly(r, 6.65790464350110377720, 5.46378491116411436990, 1.78482653991729133580,
                2.96560571828504891230e-1, 2.65321895265761230930e-2, 1.24266094738807843860e-3,
                2.71155556874348757815e-5, 2.01033439929228813265e-7) /
           poly(r, 1.0, 5.99832206555887937690e-1, 1.36929880922735805310e-1,
                1.48753612908506148525e-2, 7.86869131145613259100e-4, 1.84631831751005468180e-5,
                1.42151175831644588870e-7, 2.04426310338993978564e-15);
}

ZS_FN double ndtri(double p) {
    if (is_nan(p) || p < 0.0 || p > 1.0) return NOT_A_NUMBER;
    if (p == 0.0) return -INF;
    if (p == 1.0) return INF;
    double q = p - 0.5;
    if (fabs(q) <= 0.425) return ndtri_centre(q);
    return q < 0.0 ? -ndtri_tail(sqrt(-log(p))) : ndtri_tail(sqrt(-log(1.0 - p)));
}
ZS_UNARY ndtri(const Dual<T, N>& p) {
    T x = ndtri(p.v);
    return chain(p, x, T(1.0 / norm_pdf(x)));
}

// The x with log Phi(x) = y
ZS_FN double ndtri_exp(double y) {
    if (is_nan(y) || y > 0.0) return NOT_A_NUMBER;
    if (is_inf(y)) return -INF;
    if (y == 0.0) return INF;
    if (y > -0.077) return ndtri_tail(sqrt(-log(-expm1(y))));
    if (y > -2.5) return ndtri_centre(exp(y) - 0.5);
    if (y > -700.0) return -ndtri_tail(sqrt(-y));
    // Newton's method from the leading terms of DLMF 7.12.1; log Phi is nearly a parabola there.
    double x = -sqrt(-2.0 * (y + LOG_SQRT_2PI + 0.5 * log(-2.0 * y)));
    for (int i = 0; i < 3; i++) x -= (log_ndtr(x) - y) / log_ndtr_slope(x);
    return x;
}
ZS_UNARY ndtri_exp(const Dual<T, N>& y) {
    T x = ndtri_exp(y.v);
    return chain(y, x, T(1.0 / log_ndtr_slope(x)));
}

ZS_FN double erfinv(double x) {
    if (is_nan(x) || fabs(x) > 1.0) return NOT_A_NUMBER;
    if (fabs(x) == 1.0) return x > 0.0 ? INF : -INF;
    if (fabs(x) <= 0.85) return ndtri_centre(0.5 * x) / SQRT_2;
    double t = ndtri_tail(sqrt(-log(0.5 * (1.0 - fabs(x))))) / SQRT_2;
    return x > 0.0 ? t : -t;
}
ZS_UNARY erfinv(const Dual<T, N>& x) {
    T f = erfinv(x.v);
    return chain(x, f, T(0.5 * SQRT_PI * exp(f * f)));
}
ZS_FN double erfcinv(double x) {
    if (is_nan(x) || x < 0.0 || x > 2.0) return NOT_A_NUMBER;
    if (fabs(1.0 - x) <= 0.85) return ndtri_centre(0.5 * (1.0 - x)) / SQRT_2;
    return -ndtri(0.5 * x) / SQRT_2;
}
ZS_UNARY erfcinv(const Dual<T, N>& x) {
    T f = erfcinv(x.v);
    return chain(x, f, T(-0.5 * SQRT_PI * exp(f * f)));
}

}  // namespace zs
