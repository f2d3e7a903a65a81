// The gamma function and its logarithmic derivatives, the incomplete gamma functions, and the
// derivative of a gamma sample with respect to its shape.
#pragma once
#include "normal.h"
#include "numerics.h"

namespace zs {

// ---- log-gamma

// log Gamma(x) - [(x - 1/2) log x - x + log(2 pi) / 2] for x >= 10, DLMF 5.11.1.
template <typename T> ZS_FN T stirling_rest(const T& x) {
    T r = 1.0 / x;
    return r * poly(T(r * r), 0.08333333333333333, -0.002777777777777778, 0.0007936507936507937,
                              -0.0005952380952380953, 0.0008417508417508417, -0.0019175269175269176,
                              0.00641025641025641, -0.029550653594771242);
}
// log Gamma(2 + z), |z| <= 1/2: Chebyshev interpolant in 60 digits; the zero at z = 0 is exact.
ZS_FN double lgamma_near_2(double z) {
    return z * poly(z, 0.42278433509846713, 0.3224670334241132, -0.06735230105319814,
                       0.02058080842778463, -0.007385551028668096, 0.0028905103307343394,
                       -0.0011927539120033873, 0.0005096695250262799, -0.00022315475069647703,
                       9.945750665169756e-05, -4.492635166770342e-05, 2.0507292365464966e-05,
                       -9.438454884054723e-06, 4.374221208333783e-06, -2.044935323180052e-06,
                       9.584290249224467e-07, -4.303234692956732e-07, 2.0192169921430407e-07,
                       -1.341570273460026e-07, 6.473973449314896e-08);
}
// log Gamma(1 + z), accurate relative to z as well
ZS_FN double lgamma1p(double z);

ZS_FN double lgamma(double x) {
    if (is_nan(x)) return x;
    if (is_inf(x)) return INF;
    if (x <= 0.0) {
        // Reflection, DLMF 5.5.3. The distance to the nearest pole is exact.
        double r = x - floor(x + 0.5);
        if (r == 0.0) return INF;
        return LOG_PI - log(fabs(sin(PI * r))) - lgamma(1.0 - x);
    }
    if (x < 0.5) return lgamma_near_2(x) - log1p(x) - log(x);
    if (x < 1.5) return lgamma_near_2(x - 1.0) - log1p(x - 1.0);
    if (x < 10.0) {
        double product = 1.0;
        while (x > 2.5) { x -= 1.0; product *= x; }
        return lgamma_near_2(x - 2.0) + log(product);
    }
    if (x > 1e305) return x * (log(x) - 1.0);
    return (x - 0.5) * log(x) - x + LOG_SQRT_2PI + stirling_rest(x);
}
ZS_FN double lgamma1p(double z) {
    return fabs(z) < 0.5 ? lgamma_near_2(z) - log1p(z) : lgamma(1.0 + z);
}

// ---- digamma and polygamma

ZS_FN double digamma(double x) {
    if (is_nan(x)) return x;
    if (is_inf(x)) return x > 0.0 ? INF : NOT_A_NUMBER;
    double reflected = 0.0;
    if (x <= 0.0) {
        // Reflection, DLMF 5.5.4.
        double r = x - floor(x + 0.5);
        if (r == 0.0) return x == 0.0 ? -INF : NOT_A_NUMBER;
        reflected = PI / tan(PI * r);
        x = 1.0 - x;
    }
    // Recurrence DLMF 5.5.2; the sum of 1/(x + k) is kept as one fraction: one division.
    double num = 0.0, den = 1.0;
    while (x < 8.0) { num = num * x + den; den *= x; x += 1.0; }
    // DLMF 5.11.2
    double r = 1.0 / x, s = r * r;
    double tail = s * poly(s, 0.08333333333333333, -0.008333333333333333, 0.003968253968253968,
                              -0.004166666666666667, 0.007575757575757576, -0.021092796092796094,
                              0.08333333333333333, -0.4432598039215686, 3.0539543302701198);
    return log(x) - 0.5 * r - tail - num / den - reflected;
}

// The n-th derivative of digamma, n >= 1.
ZS_FN double polygamma(int n, double x) {
    if (n == 0) return digamma(x);
    if (is_nan(x) || n < 0) return NOT_A_NUMBER;
    if (is_inf(x)) return x > 0.0 ? 0.0 : NOT_A_NUMBER;
    double sign = n % 2 == 1 ? 1.0 : -1.0;
    if (x <= 0.0) {
        double r = x - floor(x + 0.5);
        if (r == 0.0) return x == 0.0 && n % 2 == 1 ? INF : NOT_A_NUMBER;
        // The n-th derivative of DLMF 5.5.4. That of cot(pi x) is pi^n p(c), c = cot(pi x), with
        // p <- -(1 + c^2) p' for each derivative.
        const int most = 24;
        if (n > most) return NOT_A_NUMBER;
        double p[most + 2] = {0.0, 1.0};
        double power = PI;
        for (int k = 1; k <= n; k++) {
            double q[most + 2];
            for (int j = 0; j <= k + 1; j++) {
                q[j] = -((j < k ? (j + 1) * p[j + 1] : 0.0) + (j >= 2 ? (j - 1) * p[j - 1] : 0.0));
            }
            for (int j = 0; j <= k + 1; j++) p[j] = q[j];
            power *= PI;
        }
        double c = 1.0 / tan(PI * r), value = 0.0;
        for (int j = n + 1; j >= 0; j--) value = value * c + p[j];
        return -sign * polygamma(n, 1.0 - x) - power * value;
    }
    // Recurrence DLMF 5.15.5: add n! / x^(n+1) until the asymptotic series holds.
    double sum = 0.0;
    while (x < 10.0 + n) {
        double r = 1.0 / x, term = r;
        for (int k = 1; k <= n; k++) term *= k * r;
        sum += term;
        x += 1.0;
    }
    // DLMF 5.15.8: (n-1)!/x^n [1 + n/(2x) + sum of B_2k n(n+1)...(n+2k-1) / ((2k)! x^2k)]
    const double bernoulli[] = {0.08333333333333333, -0.001388888888888889, 3.306878306878307e-05,
                                -8.267195767195768e-07, 2.08767569878681e-08,
                                -5.284190138687493e-10, 1.3382536530684679e-11,
                                -3.3896802963225827e-13, 8.586062056277845e-15,
                                -2.174868698558062e-16, 5.5090028283602295e-18,
                                -1.3954464685812522e-19};
    double r = 1.0 / x, lead = r, rising = n * r, series = 1.0 + 0.5 * n * r;
    for (int k = 1; k < n; k++) lead *= k * r;
    for (int k = 1; k <= 12; k++) {
        rising *= (n + 2 * k - 1) * r;
        series += bernoulli[k - 1] * rising;
        rising *= (n + 2 * k) * r;
    }
    return sign * (sum + lead * series);
}

ZS_UNARY lgamma(const Dual<T, N>& x) {
    if (is_constant(x)) return constant<N>(T(lgamma(x.v)));
    return chain(x, T(lgamma(x.v)), T(digamma(x.v)));
}
ZS_UNARY lgamma1p(const Dual<T, N>& z) {
    if (is_constant(z)) return constant<N>(T(lgamma1p(z.v)));
    return chain(z, T(lgamma1p(z.v)), T(digamma(T(1.0 + z.v))));
}
template <typename T, int N> ZS_FN Dual<T, N> polygamma(int n, const Dual<T, N>& x) {
    if (is_constant(x)) return constant<N>(T(polygamma(n, x.v)));
    return chain(x, T(polygamma(n, x.v)), T(polygamma(n + 1, x.v)));
}
ZS_UNARY digamma(const Dual<T, N>& x) {
    if (is_constant(x)) return constant<N>(T(digamma(x.v)));
    return chain(x, T(digamma(x.v)), T(polygamma(1, x.v)));
}

// ---- log of the beta function and of the binomial coefficient

template <typename T> ZS_FN T betaln(const T& a_in, const T& b_in) {
    if (is_nan(value(a_in)) || is_nan(value(b_in))) return T(NOT_A_NUMBER);
    const T& a = value(a_in) < value(b_in) ? a_in : b_in;
    const T& b = value(a_in) < value(b_in) ? b_in : a_in;
    if (value(a) < 0.0) return T(NOT_A_NUMBER);
    if (value(a) == 0.0) return T(INF);
    // Stirling's formula with its large terms cancelled by hand: Didonato & Morris (1992), ACM TOMS
    // 18, 360, section 4.
    if (value(a) >= 10.0) {
        T rest = stirling_rest(a) + (stirling_rest(b) - stirling_rest(T(a + b)));
        return LOG_SQRT_2PI - 0.5 * log(b) - (a - 0.5) * log1p(b / a) - b * log1p(a / b) + rest;
    }
    if (value(b) >= 10.0) {
        T rest = stirling_rest(b) - stirling_rest(T(a + b));
        return lgamma(a) - a * log(a + b) - (b - 0.5) * log1p(a / b) + a + rest;
    }
    return lgamma(a) + (lgamma(b) - lgamma(T(a + b)));
}

// log of n! / (k! (n-k)!), DLMF 1.2.6, for real n and k with 0 <= k <= n (a bit beyond: > -1)
template <typename T> ZS_FN T lbinom(const T& n, const T& k) {
    double kv = value(k), rest = value(n) - kv;
    if (is_nan(rest)) return T(NOT_A_NUMBER);
    if (kv <= -1.0 || rest <= -1.0) {
        return T(is_whole(kv) && is_whole(rest) && value(n) >= 0.0 ? -INF : NOT_A_NUMBER);
    }
    return -log1p(n) - betaln(T(n - k + 1.0), T(k + 1.0));
}

// ---- incomplete gamma functions

// eta with eta^2 / 2 = mu - log(1 + mu) and the sign of mu: DLMF 8.12.1. Smooth through mu = 0.
template <typename T> ZS_FN T gamma_eta(const T& mu) {
    if (fabs(value(mu)) > 0.4) {
        T e = sqrt(2.0 * (mu - log1p(mu)));
        return value(mu) < 0.0 ? -e : e;
    }
    // As x_minus_log1p, divided by mu^2.
    T r = 1.0 / (2.0 + mu), s = mu * mu * r * r;
    T tail = poly(s, 1.0 / 3, 1.0 / 5, 1.0 / 7, 1.0 / 9, 1.0 / 11, 1.0 / 13, 1.0 / 15, 1.0 / 17,
                  1.0 / 19, 1.0 / 21, 1.0 / 23, 1.0 / 25);
    return mu * sqrt(2.0 * r * (1.0 - 2.0 * mu * r * r * tail));
}

// The deviate of a standard gamma variable: the D(eta, a) with P(a, x) = Phi(sqrt(a) D).
//
// The density in eta is sqrt(a / 2pi) e^(-a eta^2 / 2) g(eta) / Gamma*(a) with g = eta / mu (DLMF
// 8.12.3 differentiated). Equating it with that of the normal deviate gives
//   D^2 / 2 - log(D') / a = eta^2 / 2 - log(g) / a + log Gamma*(a) / a,
// which is solved by D = eta + delta_1(eta) / a + delta_2(eta) / a^2 + ...; delta_1 is
// log(mu / eta) / eta, as in the r* of Barndorff-Nielsen (1986), Biometrika 73, 307. The Taylor
// coefficients below come from rational arithmetic on that equation; they converge for
// |eta| < 2 sqrt(pi), and the terms here give full double precision for a >= 30, |eta| <= 1.
template <typename T> ZS_FN T gamma_deviate(const T& a, const T& eta) {
    T r = 1.0 / a;
    T d8 = poly(eta, -0.000373174058847253, -0.0001427411031545434, 0.0002994845108982026,
                     -0.0001700778774622174, 2.781437664859121e-05, 2.5985927980047707e-05,
                     -2.2894626440034796e-05, 8.473311317647586e-06);
    T d7 = r * d8 + poly(eta, -0.000507991265939074, 0.0004203703149217787, -9.852537365240284e-05,
                              -6.645512116835028e-05, 6.923989007537531e-05,
                              -2.7596302684848517e-05, 2.1436702894446483e-06,
                              3.990052813803712e-06, -2.6199992083894336e-06,
                              7.758045073240921e-07);
    T d6 = r * d7 + poly(eta, 0.00038352452908024034, 0.0001522504364911645,
                              -0.00023544801461929392, 0.0001073305306637717,
                              -1.099829430287404e-05, -1.5082055439580553e-05,
                              1.039877605987347e-05, -3.1188669842672486e-06, 2.192379091689675e-08,
                              4.5255938812060614e-07, -2.3445811183942492e-07,
                              5.6220382870061026e-08, 3.027902018105142e-09, -8.69394523379635e-09);
    T d5 = r * d6 + poly(eta, 0.0008095075659049938, -0.000510099226556224, 7.76972387746463e-05,
                              6.837450200654089e-05, -5.203014608050852e-05, 1.6007745113457274e-05,
                              -1.8946659660731675e-07, -2.2293652534992123e-06,
                              1.134115256214343e-06, -2.620378262728173e-07, -1.694011211461552e-08,
                              4.017938154139606e-08, -1.6971126982050592e-08,
                              3.2813879135244933e-09, 4.0389982355564656e-10,
                              -5.517518929570529e-10);
    T d4 = r * d5 + poly(eta, -0.0008603168252516675, -0.00035551299669705306,
                              0.0003554008193364914, -0.00011591116503060284, 2.859413140749996e-06,
                              1.4682764018869628e-05, -7.313632236206099e-06,
                              1.6055232489313104e-06, 1.2311136904595864e-07,
                              -2.396872970738473e-07, 9.502989290025472e-08, -1.6816417767105e-08,
                              -2.556210943268392e-09, 2.8859201429434396e-09,
                              -1.0137116330814232e-09, 1.5455401868809082e-10,
                              3.3333073406942914e-11, -2.975562663883735e-11, 9.676631610341233e-12,
                              -1.3160794058347532e-12);
    T d3 = r * d4 + poly(eta, -0.0037906623554771705, 0.0014685465521370872, -8.078717312256407e-05,
                              -0.0001463616853920352, 7.146445062214698e-05,
                              -1.4577659167425944e-05, -1.2550439884180037e-06,
                              2.0126035771921644e-06, -7.300864432657998e-07,
                              1.1373856772917599e-07, 2.1690429288795124e-08, -1.98529189617475e-08,
                              6.327948564690151e-09, -8.263558360667995e-10,
                              -2.3139938658769222e-10, 1.7144094091995696e-10,
                              -5.0699948007216517e-11, 5.803503046981476e-12, 2.086469029290749e-12,
                              -1.3779438094043627e-12, 3.8770784613809763e-13,
                              -3.9945606035024615e-14);
    T d2 = r * d3 + poly(eta, 0.008024691358024692, 0.0030606995884773663, -0.0014795218498922203,
                              0.00026538038626515995, 2.0542110305484792e-05,
                              -2.845151454119218e-05, 9.042436525861308e-06,
                              -1.1703086404741568e-06, -2.739730720945966e-07,
                              2.0001440364370553e-07, -5.59506879086695e-08, 5.8405834122571395e-09,
                              2.1966728347504507e-09, -1.332774148615843e-09,
                              3.4930284549761023e-10, -3.1109137093098224e-11,
                              -1.5684061737908715e-11, 8.698688294523864e-12,
                              -2.190306086471438e-12, 1.7221411484653296e-13,
                              1.0689610478878235e-13, -5.619593268109362e-14,
                              1.3767340463805296e-14, -9.77288090366711e-16);
    T d1 = r * d2 + poly(eta, 0.3333333333333333, -0.02777777777777778, -0.0006172839506172839,
                              0.0010802469135802468, -0.0002755731922398589, 2.8741263309164543e-05,
                              6.185087203605722e-06, -3.776373375138807e-06, 9.120511014991658e-07,
                              -7.735470535130866e-08, -3.2400053233896885e-08,
                              1.685720940069024e-08, -3.931682661516204e-09, 2.8134289510434744e-10,
                              1.6988818928842894e-10, -8.292306612656927e-11,
                              1.8938909125596537e-11, -1.1892995766295252e-12,
                              -9.11462943955477e-13, 4.3017733238664836e-13, -9.690998266508106e-14,
                              5.4885838608443784e-15, 4.995436750189437e-15,
                              -2.3090780873141203e-15, 5.151261755586501e-16,
                              -2.6800576534294285e-17);
    return eta + r * d1;
}

// log of x^a e^-x / Gamma(a + 1)
template <typename T> ZS_FN T igamma_log_prefix(const T& a, const T& x) {
    if (value(a) < 10.0) return a * log(x) - x - lgamma1p(a);
    // Stirling's formula, with a log(x/a) + a - x kept together.
    T mu = (x - a) / a;
    T loss = fabs(value(mu)) < 0.4 ? x_minus_log1p(mu) : mu - log(x / a);
    return -a * loss - 0.5 * log(a) - LOG_SQRT_2PI - stirling_rest(a);
}
// log of the density x^(a-1) e^-x / Gamma(a), and the density itself
template <typename T> ZS_FN T gamma_log_pdf(const T& a, const T& x) {
    return log(a) + igamma_log_prefix(a, x) - log(x);
}
template <typename T> ZS_FN T gamma_density(const T& a, const T& x) {
    if (value(x) <= 0.0) {
        double av = value(a);
        return T(value(x) < 0.0 || av > 1.0 ? 0.0 : av == 1.0 ? 1.0 : INF);
    }
    return exp(gamma_log_pdf(a, x));
}

// 1 + x/(a+1) + x^2/((a+1)(a+2)) + ...: DLMF 8.11.4
template <typename T> ZS_FN T igamma_series(const T& a, const T& x) {
    T term = T(1.0), sum = T(1.0);
    for (int n = 1; n < 2000; n++) {
        term *= x / (a + double(n));
        sum += term;
        if (negligible(term, sum)) break;
    }
    return sum;
}
// Gamma(a, x) x^-a e^x by the continued fraction DLMF 8.9.2, evaluated by Lentz's method.
template <typename T> ZS_FN T igamma_fraction(const T& a, const T& x) {
    T b = x + (1.0 - a);
    T d = 1.0 / b, c = T(1e300), f = d;
    for (int n = 1; n < 2000; n++) {
        T an = -double(n) * (double(n) - a);
        b = b + 2.0;
        d = 1.0 / (an * d + b);
        c = b + an / c;
        T next = f * (c * d);
        bool done = negligible(T(next - f), next);
        f = next;
        if (done) break;
    }
    return f;
}

// Where which method is good: the normal deviate for |eta| <= 1, the fraction for Q in upper tails.
ZS_FN bool igamma_is_normal(double a, double x) {
    return a >= 30.0 && x > 0.3017 * a && x < 2.3577 * a;
}
ZS_FN bool igamma_is_upper(double a, double x) { return x >= a && (a >= 1.0 || x >= 1.5); }
template <typename T> ZS_FN T igamma_deviate(const T& a, const T& x) {
    return sqrt(a) * gamma_deviate(a, gamma_eta(T((x - a) / a)));
}

// P(a, x), or Q(a, x) = 1 - P(a, x) if `upper`, each without cancellation.
template <typename T> ZS_FN T igamma_kernel(const T& a, const T& x, bool upper) {
    double av = value(a), xv = value(x);
    if (is_nan(av) || is_nan(xv) || av < 0.0 || xv < 0.0) return T(NOT_A_NUMBER);
    if (is_inf(av)) return T(is_inf(xv) ? NOT_A_NUMBER : upper ? 1.0 : 0.0);
    if (xv == 0.0) return T(av == 0.0 ? NOT_A_NUMBER : upper ? 1.0 : 0.0);
    if (is_inf(xv) || av == 0.0) return T(upper ? 0.0 : 1.0);
    if (igamma_is_normal(av, xv)) {
        T z = igamma_deviate(a, x);
        return ndtr(upper ? T(-z) : z);
    }
    if (igamma_is_upper(av, xv)) {
        T q = a * exp(igamma_log_prefix(a, x)) * igamma_fraction(a, x);
        return upper ? q : 1.0 - q;
    }
    if (upper && av < 1.0) {
        // DLMF 8.7.1 with 1 - x^a / Gamma(a + 1) taken first: Gautschi (1979), ACM TOMS 5, 466.
        T log_lead = a * log(x) - lgamma1p(a);
        T term = T(-1.0), sum = T(0.0);
        for (int n = 1; n < 200; n++) {
            term *= -x / double(n);
            T next = term / (a + double(n));
            sum += next;
            if (negligible(next, sum)) break;
        }
        return exp(log_lead) * a * sum - expm1(log_lead);
    }
    T p = exp(igamma_log_prefix(a, x)) * igamma_series(a, x);
    return upper ? 1.0 - p : p;
}

// log of P or Q, finite where they underflow
template <typename T> ZS_FN T igamma_log_kernel(const T& a, const T& x, bool upper) {
    double av = value(a), xv = value(x);
    if (av > 0.0 && xv > 0.0 && !is_inf(av) && !is_inf(xv)) {
        if (igamma_is_normal(av, xv)) {
            T z = igamma_deviate(a, x);
            return log_ndtr(upper ? T(-z) : z);
        }
        bool fraction = igamma_is_upper(av, xv);
        if (upper && fraction) return log(a) + igamma_log_prefix(a, x) + log(igamma_fraction(a, x));
        if (!upper && !fraction) return igamma_log_prefix(a, x) + log(igamma_series(a, x));
        // What is left is not small, unless the other one is nearly 1.
        if (!upper) return log1p(-igamma_kernel(a, x, true));
    }
    T f = igamma_kernel(a, x, upper);
    return value(f) == 0.0 ? T(-INF) : log(f);
}

// P and Q for numbers with derivatives: in x that is the density, in a it flows through the kernel.
template <typename T, int N>
ZS_FN Dual<T, N> igamma_chain(const Dual<T, N>& a, const Dual<T, N>& x, bool upper) {
    T density = gamma_density(a.v, x.v);
    if (upper) density = -density;
    if (is_constant(a)) return chain(x, igamma_kernel(a.v, x.v, upper), density);
    Dual<T, 1> p = igamma_kernel(Dual<T, 1>(a.v, 0), constant<1>(x.v), upper);
    return chain(a, x, p.v, p.d[0], density);
}
ZS_FN double igamma(double a, double x) { return igamma_kernel(a, x, false); }
ZS_FN double igammac(double a, double x) { return igamma_kernel(a, x, true); }
template <typename T, int N> ZS_FN Dual<T, N> igamma(const Dual<T, N>& a, const Dual<T, N>& x) {
    return igamma_chain(a, x, false);
}
template <typename T, int N> ZS_FN Dual<T, N> igammac(const Dual<T, N>& a, const Dual<T, N>& x) {
    return igamma_chain(a, x, true);
}

ZS_FN double log_igamma(double a, double x) { return igamma_log_kernel(a, x, false); }
ZS_FN double log_igammac(double a, double x) { return igamma_log_kernel(a, x, true); }
template <typename T, int N>
ZS_FN Dual<T, N> igamma_log_chain(const Dual<T, N>& a, const Dual<T, N>& x, bool upper) {
    Dual<T, 1> f = igamma_log_kernel(Dual<T, 1>(a.v, 0), constant<1>(x.v), upper);
    T slope = exp(gamma_log_pdf(a.v, x.v) - f.v);
    return chain(a, x, f.v, f.d[0], upper ? T(-slope) : slope);
}
template <typename T, int N>
ZS_FN Dual<T, N> log_igamma(const Dual<T, N>& a, const Dual<T, N>& x) {
    return igamma_log_chain(a, x, false);
}
template <typename T, int N>
ZS_FN Dual<T, N> log_igammac(const Dual<T, N>& a, const Dual<T, N>& x) {
    return igamma_log_chain(a, x, true);
}

// ---- inverses in x

// log of the x with P(a, x) = p, Q(a, x) = q; p + q = 1 and the smaller one is accurate.
ZS_FN double igamma_log_root(double a, double p, double q) {
    // The first term of DLMF 8.7.1 for small x, the normal deviate otherwise.
    double low = (log(p) + lgamma1p(a)) / a;
    double guess = low;
    if (low > log(0.2 * (a + 1.0))) {
        double z = p < q ? ndtri(p) : -ndtri(q);
        // Wilson & Hilferty (1931)
        double root = 1.0 - 1.0 / (9.0 * a) + z / (3.0 * sqrt(a));
        if (root > 0.0) guess = log(a) + 3.0 * log(root);
        if (guess < low || !(root > 0.0)) guess = low;
    }
    bool upper = q < p;
    double target = log(upper ? q : p);
    auto f = [&](double u, double& slope) {
        double x = exp(u);
        double tail = igamma_kernel(a, x, upper);
        if (tail <= 0.0) return upper ? 1.0 : -1.0;
        slope = a * exp(igamma_log_prefix(a, x)) / tail;
        double v = log(tail) - target;
        return upper ? -v : v;
    };
    return increasing_root(f, guess, -745.0, 709.0, 1.0);
}
ZS_FN double igamma_root(double a, double p, double q) {
    if (is_nan(a) || is_nan(p) || a <= 0.0 || p < 0.0 || q < 0.0) return NOT_A_NUMBER;
    if (p == 0.0) return 0.0;
    if (q == 0.0) return INF;
    double low = (log(p) + lgamma1p(a)) / a;
    if (low < -40.0) return exp(low);
    return exp(igamma_log_root(a, p, q));
}
ZS_FN double igammainv(double a, double p) { return igamma_root(a, p, 1.0 - p); }
ZS_FN double igammacinv(double a, double q) { return igamma_root(a, 1.0 - q, q); }

template <typename T, int N>
ZS_FN Dual<T, N> igamma_root_chain(const Dual<T, N>& a, const Dual<T, N>& p, const T& x,
                                   bool upper) {
    Dual<T, 1> f = igamma_kernel(Dual<T, 1>(a.v, 0), constant<1>(x), upper);
    T density = gamma_density(a.v, x);
    if (upper) density = -density;
    return chain(a, p, x, T(-f.d[0] / density), T(1.0 / density));
}
template <typename T, int N> ZS_FN Dual<T, N> igammainv(const Dual<T, N>& a, const Dual<T, N>& p) {
    return igamma_root_chain(a, p, T(igammainv(a.v, p.v)), false);
}
template <typename T, int N> ZS_FN Dual<T, N> igammacinv(const Dual<T, N>& a, const Dual<T, N>& q) {
    return igamma_root_chain(a, q, T(igammacinv(a.v, q.v)), true);
}

// ---- samples: derivatives at a fixed quantile (Figurnov, Mohamed & Mnih 2018, eq. 5)

// d log(x) / da of a standard gamma sample x = e^log_x, a relative accuracy of 1e-7 or better
ZS_FN double gamma_sample_dlog(double a, double x, double log_x) {
    if (is_nan(a) || is_nan(log_x) || a <= 0.0) return NOT_A_NUMBER;
    if (a >= 10.0 && x > 0.16 * a && x < 3.2 * a) {
        // |eta| < 1.45. With z = sqrt(a) D(eta, a) of gamma_deviate held fixed,
        // d eta / da = -(D / (2a) + dD/da) / (dD/d eta); and d eta / d(x/a) = mu / ((1 + mu) eta).
        double mu = (x - a) / a, eta = gamma_eta(mu), r = 1.0 / a;
        double d1 = poly(eta, 0.3333333333333333, -0.02777777777777778, -0.0006172839506172839,
                              0.0010802469135802468, -0.0002755731922398589, 2.8741263309164543e-05,
                              6.185087203605722e-06, -3.776373375138807e-06, 9.120511014991658e-07,
                              -7.735470535130866e-08, -3.2400053233896885e-08,
                              1.685720940069024e-08, -3.931682661516204e-09, 2.8134289510434744e-10,
                              1.6988818928842894e-10, -8.292306612656927e-11,
                              1.8938909125596537e-11, -1.1892995766295252e-12);
        double d2 = poly(eta, 0.008024691358024692, 0.0030606995884773663, -0.0014795218498922203,
                              0.00026538038626515995, 2.0542110305484792e-05,
                              -2.845151454119218e-05, 9.042436525861308e-06,
                              -1.1703086404741568e-06, -2.739730720945966e-07,
                              2.0001440364370553e-07, -5.59506879086695e-08, 5.8405834122571395e-09,
                              2.1966728347504507e-09, -1.332774148615843e-09);
        double d3 = poly(eta, -0.0037906623554771705, 0.0014685465521370872, -8.078717312256407e-05,
                              -0.0001463616853920352, 7.146445062214698e-05,
                              -1.4577659167425944e-05, -1.2550439884180037e-06,
                              2.0126035771921644e-06, -7.300864432657998e-07,
                              1.1373856772917599e-07);
        double d4 = poly(eta, -0.0008603168252516675, -0.00035551299669705306,
                              0.0003554008193364914, -0.00011591116503060284, 2.859413140749996e-06,
                              1.4682764018869628e-05, -7.313632236206099e-06);
        double e1 = poly(eta, -0.02777777777777778, -0.0012345679012345679, 0.00324074074074074,
                              -0.0011022927689594356, 0.0001437063165458227, 3.7110523221634335e-05,
                              -2.643461362597165e-05, 7.2964088119933266e-06,
                              -6.961923481617779e-07, -3.2400053233896883e-07,
                              1.8542930340759262e-07, -4.718019193819445e-08, 3.657457636356517e-09,
                              2.378434650038005e-09, -1.243845991898539e-09, 3.030225460095446e-10,
                              -2.0218092802701927e-11);
        double e2 = poly(eta, 0.0030606995884773663, -0.0029590436997844406, 0.0007961411587954798,
                              8.216844122193917e-05, -0.0001422575727059609, 5.425461915516785e-05,
                              -8.192160483319097e-06, -2.191784576756773e-06,
                              1.8001296327933497e-06, -5.595068790866951e-07, 6.424641753482854e-08,
                              2.6360074017005407e-08, -1.732606393200596e-08);
        double e3 = poly(eta, 0.0014685465521370872, -0.00016157434624512813,
                              -0.00043908505617610557, 0.00028585780248858793,
                              -7.288829583712972e-05, -7.530263930508022e-06,
                              1.4088225040345152e-05, -5.840691546126399e-06,
                              1.023647109562584e-06);
        double e4 = poly(eta, -0.00035551299669705306, 0.0007108016386729828,
                              -0.0003477334950918085, 1.1437652562999984e-05, 7.341382009434814e-05,
                              -4.3881793417236597e-05);
        double shift = 0.5 * eta - r * (0.5 * d1 + r * (1.5 * d2 + r * (2.5 * d3 + r * 3.5 * d4)));
        double slope = 1.0 + r * (e1 + r * (e2 + r * (e3 + r * e4)));
        double ratio = fabs(mu) < 1e-8 ? 1.0 : eta / mu;
        return r * (1.0 - ratio * shift / slope);
    }
    if (x < a + 1.0 || x < 2.0) {
        // P = x^a e^-x / Gamma(a + 1) sum of t_n, t_n = x^n / ((a+1)...(a+n)); divided by x times
        // the density, its derivative is that of the prefactor plus that of the t_n,
        // -t_n h_n with h_n = 1/(a+1) + ... + 1/(a+n).
        double term = 1.0, h = 0.0, sum = 1.0, sum_h = 0.0;
        for (int n = 1; n < 2000; n++) {
            double r = 1.0 / (a + n);
            term *= x * r;
            h += r;
            sum += term;
            sum_h += term * h;
            if (term * h <= 1e-10 * sum_h) break;
        }
        return (sum * (digamma(a + 1.0) - log_x) + sum_h) / a;
    }
    // Q = x^a e^-x / Gamma(a) F(a, x)
    Dual<double, 1> f = igamma_fraction(Dual<double, 1>(a, 0), constant<1>(x));
    return f.v * (log_x - digamma(a)) + f.d[0];
}
ZS_FN double gamma_sample_da(double a, double x) {
    if (x <= 0.0) return x == 0.0 && a > 0.0 ? 0.0 : NOT_A_NUMBER;
    return x * gamma_sample_dlog(a, x, log(x));
}
// d log(x) / da given log x, which need not be representable as x
ZS_FN double log_gamma_sample_da(double a, double log_x) {
    return gamma_sample_dlog(a, exp(log_x), log_x);
}

}  // namespace zs
