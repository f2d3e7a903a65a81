// The distribution function of the von Mises distribution with location 0 and concentration kappa.
#pragma once
#include "bessel.h"
#include "normal.h"

namespace zs {

// 1/2 + x/(2 pi) + sum of I_j(kappa)/I_0(kappa) sin(jx)/(j pi), the ratios by their recurrence
// DLMF 10.29.1 downwards, summed on the way: Hill (1977), ACM TOMS 3, 279, section 2.
template <typename T> ZS_FN T von_mises_series(const T& x, const T& kappa) {
    int n = 20 + int(8.0 * std::sqrt(value(kappa)));
    T sx = sin(x), cx = cos(x), nx = double(n) * x;
    T s = sin(nx), c = cos(nx), r = T(0.0), v = T(0.0);
    for (int j = n; j >= 1; j--) {
        r = kappa / (2.0 * j + kappa * r);
        v = r * (s / double(j) + v);
        T next = s * cx - c * sx;
        c = c * cx + s * sx;
        s = next;
    }
    return 0.5 + x / TWO_PI + v / PI;
}
// The deviate of a von Mises variable: the D(eta, kappa) with cdf(x) = Phi(sqrt(kappa) D),
// eta = 2 sin(x/2). As gamma_deviate, with g^-2 = 1 - eta^2/4 and the normalisation
// sqrt(2 pi kappa) e^-kappa I_0(kappa) from DLMF 10.40.1; odd in eta, |eta| < 2. For the quantiles
// that matter here, |sqrt(kappa) eta| < 9, the error is below 1e-12 for kappa >= 60.
template <typename T> ZS_FN T von_mises_deviate(const T& kappa, const T& eta) {
    T r = 1.0 / kappa, s = eta * eta;
    T d6 = poly(s, -0.5031020641326904, -0.4626445174217224, -0.30062004551291466,
                   -0.1608965737124284, -0.07589990481021001, -0.03274144532395301,
                   -0.01320971975857296, -0.005059159256001925, -0.0018584285456479377,
                   -0.000659719090233471, -0.00022759629835148392, -7.663879654000368e-05,
                   -2.527506590801318e-05, -8.186238487509256e-06, -2.6097104192390577e-06,
                   -8.203784934235644e-07);
    T d5 = r * d6 + poly(s, -0.19353866577148438, -0.1460235913594564, -0.08033947149912517,
                            -0.037268539932039046, -0.015510489717060191, -0.005985411281296671,
                            -0.0021844023183372374, -0.0007636923061586643, -0.0002580405961935245,
                            -8.48003743736687e-05, -2.7233049435228113e-05, -8.577263028156246e-06,
                            -2.6569196473412867e-06, -8.112596751866798e-07,
                            -2.4461454669408113e-07, -7.294469070996667e-08,
                            -2.1539368157541014e-08, -6.304534120166563e-09,
                            -1.8307884148241084e-09, -5.278583768703164e-10);
    T d4 = r * d5 + poly(s, -0.091949462890625, -0.0543365478515625, -0.02451928456624349,
                            -0.009633912737407381, -0.003476301237704262, -0.001183840130477145,
                            -0.0003865772694664657, -0.0001222751096398097, -3.7719607866038886e-05,
                            -1.1403193755101645e-05, -3.390476603372817e-06, -9.941189763208319e-07,
                            -2.8804796785604906e-07, -8.261447817818275e-08,
                            -2.3484889914820487e-08, -6.624183959776906e-09,
                            -1.8555682934729022e-09, -5.165922353604902e-10,
                            -1.4302779524468726e-10, -3.940301176359065e-11,
                            -1.0806290687768132e-11, -2.951460292303556e-12);
    T d3 = r * d4 + poly(s, -0.0576171875, -0.0247802734375, -0.0087615966796875,
                            -0.0028267330593532984, -0.0008647737048921131, -0.00025552738280523393,
                            -7.367870479664475e-05, -2.0861622123491197e-05, -5.82442090753869e-06,
                            -1.6080561504323445e-06, -4.399384462184363e-07,
                            -1.1945230186005887e-07, -3.222712452542939e-08, -8.647171480951476e-09,
                            -2.3092546465093023e-09, -6.141492108440723e-10,
                            -1.6273956252396103e-10, -4.298397688161734e-11,
                            -1.1320433948182575e-11, -2.973643560782965e-12, -7.792776906627115e-13,
                            -2.0378225986568588e-13, -5.318539130951735e-14,
                            -1.385610184835519e-14);
    T d2 = r * d3 + poly(s, -0.0546875, -0.014973958333333332, -0.0038655598958333335,
                            -0.0009806315104166667, -0.00024702284071180557, -6.201607840401785e-05,
                            -1.5541485377720424e-05, -3.89076414562407e-06, -9.734384597293914e-07,
                            -2.434522902638709e-07, -6.087109116822151e-08, -1.521729811974749e-08,
                            -3.803796384692043e-09, -9.507493787532413e-10, -2.3762633279413057e-10,
                            -5.938955804657427e-11, -1.4842863093314767e-11,
                            -3.7095468531810526e-12, -9.270904644966285e-13, -2.316984842318769e-13,
                            -5.790623492934329e-14, -1.4472027557043048e-14, -3.616895357701186e-15,
                            -9.039520969778315e-16, -2.259217560417588e-16, -5.646430839156375e-17);
    T d1 = r * d2 + poly(s, -0.125, -0.015625, -0.0026041666666666665, -0.00048828125,
                            -9.765625e-05, -2.0345052083333332e-05, -4.359654017857143e-06,
                            -9.5367431640625e-07, -2.1192762586805557e-07, -4.76837158203125e-08,
                            -1.0837208140980114e-08, -2.483526865641276e-09, -5.73121584378756e-10,
                            -1.330460820879255e-10, -3.104408582051595e-11, -7.275957614183426e-12,
                            -1.7119900268666884e-12, -4.0421986745463475e-13,
                            -9.573628439715034e-14, -2.2737367544323207e-14,
                            -5.4136589391245725e-15, -1.2918958832001822e-15,
                            -3.089316242435218e-16, -7.401486830834377e-17, -1.7763568394002505e-17,
                            -4.270088556250602e-18, -1.02798428206033e-18, -2.4781763942525814e-19);
    return eta + eta * r * d1;
}
template <typename T> ZS_FN T von_mises_kernel(const T& x, const T& kappa) {
    double xv = value(x), k = value(kappa);
    if (is_nan(xv) || is_nan(k) || k < 0.0) return T(NOT_A_NUMBER);
    if (xv <= -PI || xv >= PI) return T(xv < 0.0 ? 0.0 : 1.0);
    if (k < 60.0) return von_mises_series(x, kappa);
    T eta = 2.0 * sin(0.5 * x);
    // Beyond, less than 1e-30 is left.
    if (fabs(value(eta)) > 1.5) return T(xv < 0.0 ? 0.0 : 1.0);
    return ndtr(T(sqrt(kappa) * von_mises_deviate(kappa, eta)));
}
template <typename T> ZS_FN T von_mises_density(const T& x, const T& kappa) {
    T s = sin(0.5 * x);
    return exp(-2.0 * kappa * s * s) / (TWO_PI * i0e(kappa));
}
ZS_FN double von_mises_cdf(double x, double kappa) {
    double f = von_mises_kernel(x, kappa);
    // The series has an absolute error of a few 1e-17.
    return f < 0.0 ? 0.0 : f > 1.0 ? 1.0 : f;
}
template <typename T, int N>
ZS_FN Dual<T, N> von_mises_cdf(const Dual<T, N>& x, const Dual<T, N>& kappa) {
    Dual<T, 1> f = von_mises_kernel(constant<1>(x.v), Dual<T, 1>(kappa.v, 0));
    return chain(x, kappa, f.v, von_mises_density(x.v, kappa.v), f.d[0]);
}

ZS_FN double von_mises_icdf(double p, double kappa) {
    if (is_nan(p) || is_nan(kappa) || kappa < 0.0 || p < 0.0 || p > 1.0) return NOT_A_NUMBER;
    if (p == 0.0 || p == 1.0) return p == 0.0 ? -PI : PI;
    double tail = p < 0.5 ? p : 1.0 - p;
    double guess = kappa > 1.0 ? ndtri(tail) / sqrt(kappa) : PI * (2.0 * tail - 1.0);
    auto f = [&](double x, double& slope) {
        slope = von_mises_density(x, kappa);
        return von_mises_kernel(x, kappa) - tail;
    };
    double x = increasing_root(f, guess, -PI, 0.0, 0.0);
    return p < 0.5 ? x : -x;
}
template <typename T, int N>
ZS_FN Dual<T, N> von_mises_icdf(const Dual<T, N>& p, const Dual<T, N>& kappa) {
    T x = von_mises_icdf(p.v, kappa.v);
    Dual<T, 1> f = von_mises_kernel(constant<1>(x), Dual<T, 1>(kappa.v, 0));
    T slope = 1.0 / von_mises_density(x, kappa.v);
    return chain(p, kappa, x, slope, T(-f.d[0] * slope));
}

// dx / d kappa of a sample x at a fixed quantile
ZS_FN double von_mises_sample_dkappa(double x, double kappa) {
    if (is_nan(x) || is_nan(kappa) || kappa < 0.0) return NOT_A_NUMBER;
    double half = 0.5 * x, eta = 2.0 * std::sin(half), cosine = std::cos(x);
    if (kappa >= 20.0 && fabs(eta) < 1.2) {
        typedef Dual<double, 2> D;
        D d = von_mises_deviate(D(kappa, 0), D(eta, 1));
        return -(0.5 * d.v / kappa + d.d[0]) / (d.d[1] * std::cos(half));
    }
    double mean = i1_over_i0(kappa);
    if (cosine >= mean) {
        typedef Dual<double, 1> D;
        D f = von_mises_series(D(x), D(kappa, 0));
        return -f.d[0] / von_mises_density(x, kappa);
    }
    // In the tail the cdf has no relative precision. There dx / d kappa is the integral of
    // (cos t - mean) e^(kappa (cos t - cos x)) from |x| to pi, of one sign and cut where
    // e^-30 is left; 16-point Gauss-Legendre, 1e-7.
    const double node[] = {0.09501250983763745, 0.2816035507792589, 0.45801677765722737,
                           0.6178762444026438, 0.755404408355003, 0.8656312023878318,
                           0.9445750230732326, 0.9894009349916499};
    const double weight[] = {0.18945061045506859, 0.1826034150449236, 0.16915651939500262,
                             0.14959598881657676, 0.12462897125553403, 0.09515851168249259,
                             0.062253523938647706, 0.027152459411754037};
    double from = fabs(x), end = cosine - 30.0 / (kappa + 1e-300);
    double to = end < -1.0 ? PI : std::acos(end);
    double width = 0.5 * (to - from), middle = 0.5 * (to + from), sum = 0.0;
    for (int i = 0; i < 16; i++) {
        double step = width * node[i / 2];
        double c = std::cos(i % 2 ? middle - step : middle + step);
        sum += weight[i / 2] * (c - mean) * exp(kappa * (c - cosine));
    }
    return x > 0.0 ? width * sum : -width * sum;
}

}  // namespace zs
