// Log-probabilities of many Bernoulli variables by their logits, and their slopes, in float32.
#pragma once
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>

namespace zs {
namespace bernoulli {

constexpr int64_t block = 8192;  // numbers that a thread takes at a time

// The values x are repeated for every `period` logits. With e = exp(-|l|), one exponential serves
// both. The slope with respect to l is x sigmoid(-l) - (1 - x) sigmoid(l).
template <bool with_slope>
void log_prob(const float* logits, const float* x, int64_t n, int64_t period, float* out,
              float* slopes) {
    int64_t n_rows = period ? n / period : 0;
    #pragma omp parallel for collapse(2) schedule(static)
    for (int64_t row = 0; row < n_rows; row++)
        for (int64_t begin = 0; begin < period; begin += block) {
            int64_t size = std::min(block, period - begin);
            const float *l = logits + row * period + begin, *v = x + begin;
            float *o = out + row * period + begin;
            float *s = with_slope ? slopes + row * period + begin : nullptr;
            for (int64_t i = 0; i < size; i++) {
                float above = l[i] > 0 ? l[i] : 0.0f, below = l[i] > 0 ? 0.0f : -l[i];
                float e = std::exp(-(above + below));
                // log(1 + e) = 2 artanh(e / (2 + e)), DLMF 4.37.24 with 4.6.1; the argument is at
                // most 1/3, so that the first term left out is 2e-10 of the whole.
                float t = e / (2.0f + e), t2 = t * t;
                float series = 1.0f / 17;
                series = series * t2 + 1.0f / 15;
                series = series * t2 + 1.0f / 13;
                series = series * t2 + 1.0f / 11;
                series = series * t2 + 1.0f / 9;
                series = series * t2 + 1.0f / 7;
                series = series * t2 + 1.0f / 5;
                series = series * t2 + 1.0f / 3;
                series = series * t2 + 1.0f;
                float value = -(2.0f * t * series + v[i] * below + (1.0f - v[i]) * above);
                bool inside = v[i] >= 0 && v[i] <= 1;
                o[i] = inside ? value : -std::numeric_limits<float>::infinity();
                if (with_slope) {
                    float large = 1.0f / (1.0f + e), small = e * large;
                    float prob_1 = l[i] > 0 ? large : small, prob_0 = l[i] > 0 ? small : large;
                    float slope = v[i] * prob_0 - (1.0f - v[i]) * prob_1;
                    s[i] = inside ? slope : 0.0f;
                }
            }
        }
}

}  // namespace bernoulli
}  // namespace zs
