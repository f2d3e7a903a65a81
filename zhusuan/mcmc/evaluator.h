// A recorded log-density and gradient, called with the coordinates of all chains.
//
// The recording takes float32 inputs, one for each latent variable; samplers keep float64 rows.
#pragma once
#include <cmath>
#include <cstdint>

namespace zs {
namespace evaluator {

// A latent variable: where its values and its gradient are in memory, and its columns.
struct Part {
    float* value;
    const float* gradient;
    int64_t start, width;
};

struct Evaluator {
    void (*run)(void*);
    void* program;
    int64_t n_chains, dim, n_parts;
    const float* log_prob;
    Part parts[1];  // as many as there are
};

// Return false, with nothing done, if a coordinate is not finite in float32.
inline bool evaluate(const Evaluator* e, const double* position, double* log_prob,
                     double* gradient) {
    bool finite = true;
    for (int64_t k = 0; k < e->n_parts; k++) {
        const Part& part = e->parts[k];
        float* to = part.value;
        for (int64_t c = 0; c < e->n_chains; c++, to += part.width) {
            const double* from = position + c * e->dim + part.start;
            for (int64_t i = 0; i < part.width; i++) {
                to[i] = (float)from[i];
                finite &= std::fabs(to[i]) <= 3.4028234e38f;  // not where it is NaN
            }
        }
    }
    if (!finite) return false;
    e->run(e->program);
    for (int64_t c = 0; c < e->n_chains; c++) log_prob[c] = e->log_prob[c];
    for (int64_t k = 0; k < e->n_parts; k++) {
        const Part& part = e->parts[k];
        const float* from = part.gradient;
        for (int64_t c = 0; c < e->n_chains; c++, from += part.width) {
            double* to = gradient + c * e->dim + part.start;
            for (int64_t i = 0; i < part.width; i++) to[i] = from[i];
        }
    }
    return true;
}

}  // namespace evaluator
}  // namespace zs

extern "C" inline int zhusuan_evaluator_evaluate(const void* e, const double* position,
                                                 double* log_prob, double* gradient) {
    return zs::evaluator::evaluate((const zs::evaluator::Evaluator*)e, position, log_prob,
                                   gradient);
}
