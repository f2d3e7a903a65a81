// What a transition of NUTS does between the evaluations of the target: leapfrog steps, the tree of
// spans that are checked for turning, and the choice of points. nuts.py tells the algorithm.
//
// Arrays are [n_chains, dim], row by row. A chain computes by itself, so that its numbers do not
// depend on how many there are.
#pragma once
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <vector>

namespace zs {
namespace nuts {

typedef std::vector<double> Table;

constexpr double divergent = 1000.0;  // as hamiltonian.py has it
constexpr double infinity = std::numeric_limits<double>::infinity();

inline double dot(const double* a, const double* b, int64_t n) {
    double sum = 0;
    for (int64_t i = 0; i < n; i++) sum += a[i] * b[i];
    return sum;
}

inline double log_add_exp(double a, double b) {
    if (a < b) std::swap(a, b);
    return b == -infinity ? a : a + std::log1p(std::exp(b - a));
}

// A piece of trajectory, in the order it was made: momenta and velocities at its ends, and the sum
// of its momenta.
struct Span {
    Table p_begin, v_begin, p_end, v_end, p_sum;
    explicit Span(int64_t n) : p_begin(n), v_begin(n), p_end(n), v_end(n), p_sum(n) {}
};

// A point in time: one of the two ends of a trajectory, or the one where it grows.
struct Place {
    Table position, momentum, gradient, velocity;
    explicit Place(int64_t n) : position(n), momentum(n), gradient(n), velocity(n) {}
};

// The point that was drawn from a piece of trajectory.
struct Drawn {
    Table position, gradient, log_prob, energy;
    Drawn(int64_t n_chains, int64_t n)
        : position(n), gradient(n), log_prob(n_chains), energy(n_chains) {}
};

class Trajectories {
  public:
    // What Python reads and writes: where the target is to be evaluated, and what it is there.
    struct Exchange {
        double *position, *log_prob, *gradient;
    };

    Trajectories(int64_t n_chains, int64_t dim, int64_t max_depth, Exchange exchange)
        : n(n_chains), d(dim), x(exchange), at(n * d), ends{Place(n * d), Place(n * d)},
          p_sum(n * d), drawn(n, n * d), found(n, n * d), energy(n), log_weight(n),
          new_weight(n), sum_rate(n), step(n), side(n), n_leapfrogs(n), active(n), valid(n),
          diverged(n), from_a(dim), to_b(dim), sum(dim) {
        for (int64_t i = 0; i <= max_depth; i++) spans.emplace_back(n * d);
    }

    void begin(const double* position, const double* momentum, const double* log_prob,
               const double* gradient, const double* inverse_mass, bool is_dense) {
        mass = inverse_mass, dense = is_dense;
        Place& end = ends[0];
        copy(end.position, position), copy(end.momentum, momentum), copy(end.gradient, gradient);
        for (int64_t c = 0; c < n; c++) {
            velocity(&end.momentum[c * d], &end.velocity[c * d]);
            energy[c] = 0.5 * dot(&end.momentum[c * d], &end.velocity[c * d], d) - log_prob[c];
        }
        ends[1] = end;
        p_sum = end.momentum;
        drawn.position = end.position, drawn.gradient = end.gradient, drawn.energy = energy;
        memcpy(drawn.log_prob.data(), log_prob, n * sizeof(double));
        fill(log_weight, 0.0), fill(sum_rate, 0.0), fill(n_leapfrogs, int64_t(0));
        fill(active, char(1)), fill(diverged, char(0));
    }

    // Go to the edge that grows, and to the first new position.
    void start(const double* sides, double step_size) {
        n_waiting = n_points = 0;
        valid = active;
        fill(new_weight, -infinity);
        for (int64_t c = 0; c < n; c++) {
            side[c] = sides[c] < 0.5;  // 1: forwards in time
            step[c] = side[c] ? step_size : -step_size;
            const Place& edge = ends[side[c]];
            row(at.position, edge.position, c), row(at.momentum, edge.momentum, c);
            row(at.gradient, edge.gradient, c), row(at.velocity, edge.velocity, c);
            memcpy(x.position + c * d, &at.position[c * d], d * sizeof(double));
        }
        drift();
    }

    // Take the target's values at the new position; return whether there is a next one to evaluate.
    bool arrive(const double* log_uniform, bool is_last) {
        Span& span = spans[n_waiting];
        for (int64_t c = 0; c < n; c++) {
            if (!valid[c]) continue;
            double *p = &at.momentum[c * d], *v = &at.velocity[c * d], half = 0.5 * step[c];
            const double* gradient = x.gradient + c * d;
            memcpy(&at.gradient[c * d], gradient, d * sizeof(double));
            for (int64_t i = 0; i < d; i++) p[i] += half * gradient[i];
            velocity(p, v);
            double total = 0.5 * dot(p, v, d) - x.log_prob[c];
            double weight = energy[c] - total;
            if (std::isnan(weight)) weight = -infinity;  // such a point has no weight
            sum_rate[c] += std::exp(std::min(weight, 0.0));
            n_leapfrogs[c]++;
            if (weight < -divergent) {
                diverged[c] = 1, valid[c] = 0;
                continue;
            }
            new_weight[c] = log_add_exp(new_weight[c], weight);
            if (log_uniform[c] < weight - new_weight[c]) {
                row(found.position, at.position, c);
                memcpy(&found.gradient[c * d], gradient, d * sizeof(double));
                found.log_prob[c] = x.log_prob[c], found.energy[c] = total;
            }
            row(span.p_begin, at.momentum, c), row(span.v_begin, at.velocity, c);
            row(span.p_end, at.momentum, c), row(span.v_end, at.velocity, c);
            row(span.p_sum, at.momentum, c);
        }
        // Spans of 1, 2, 4, ... points wait for a neighbour as long: as in a binary counter, point
        // i completes as many as i has trailing ones.
        for (int64_t rest = n_points; rest & 1; rest >>= 1) {
            n_waiting--;
            join(spans[n_waiting], spans[n_waiting + 1], rest == n_points);
        }
        n_waiting++, n_points++;
        bool any = false;
        for (int64_t c = 0; c < n; c++) any |= valid[c];
        if (any && !is_last) drift();
        return any && !is_last;
    }

    // Add the new halves to the trajectories; return whether one may still grow.
    bool finish(const double* log_uniform) {
        const Span& fresh = spans[n_waiting - 1];
        bool any = false;
        for (int64_t c = 0; c < n; c++) {
            active[c] = valid[c];
            if (!valid[c]) continue;
            // Biased progressive sampling: the new half is preferred (Betancourt 2017, A.3.2).
            if (log_uniform[c] < new_weight[c] - log_weight[c]) {
                row(drawn.position, found.position, c), row(drawn.gradient, found.gradient, c);
                drawn.log_prob[c] = found.log_prob[c], drawn.energy[c] = found.energy[c];
            }
            log_weight[c] = log_add_exp(log_weight[c], new_weight[c]);
            // The old trajectory as one that ends where the new half begins.
            Place &near = ends[side[c]], &far = ends[1 - side[c]];
            int64_t k = c * d;
            active[c] = leads_away(&far.velocity[k], &near.momentum[k], &near.velocity[k],
                                   &p_sum[k], fresh, c);
            for (int64_t i = 0; i < d; i++) p_sum[k + i] += fresh.p_sum[k + i];
            row(near.position, at.position, c), row(near.momentum, at.momentum, c);
            row(near.gradient, at.gradient, c), row(near.velocity, at.velocity, c);
            any |= active[c];
        }
        return any;
    }

    void result(double* position, double* log_prob, double* gradient, double* of_energy,
                double* rate, bool* is_divergent, int64_t* leapfrogs) const {
        memcpy(position, drawn.position.data(), n * d * sizeof(double));
        memcpy(gradient, drawn.gradient.data(), n * d * sizeof(double));
        for (int64_t c = 0; c < n; c++) {
            log_prob[c] = drawn.log_prob[c], of_energy[c] = drawn.energy[c];
            rate[c] = sum_rate[c] / double(n_leapfrogs[c]);
            is_divergent[c] = diverged[c], leapfrogs[c] = n_leapfrogs[c];
        }
    }

  private:
    int64_t n, d, n_waiting = 0, n_points = 0;
    Exchange x;
    Place at, ends[2];
    Table p_sum;
    Drawn drawn, found;
    Table energy, log_weight, new_weight, sum_rate, step;
    std::vector<int> side;
    std::vector<int64_t> n_leapfrogs;
    std::vector<char> active, valid, diverged;
    std::vector<Span> spans;  // those that wait, the longest first, and the newest
    Table from_a, to_b, sum;
    const double* mass = nullptr;
    bool dense = false;

    template <typename V, typename T>
    static void fill(V& values, T value) { std::fill(values.begin(), values.end(), value); }

    void copy(Table& to, const double* from) { memcpy(to.data(), from, n * d * sizeof(double)); }

    void row(Table& to, const Table& from, int64_t c) {
        memcpy(&to[c * d], &from[c * d], d * sizeof(double));
    }

    void velocity(const double* p, double* v) {
        if (!dense) {
            for (int64_t i = 0; i < d; i++) v[i] = p[i] * mass[i];
            return;
        }
        std::fill(v, v + d, 0.0);
        for (int64_t k = 0; k < d; k++)
            for (int64_t i = 0; i < d; i++) v[i] += p[k] * mass[k * d + i];
    }

    // Half a kick of the momenta, and the whole way of the positions. Chains that have ended stay.
    void drift() {
        for (int64_t c = 0; c < n; c++) {
            if (!valid[c]) continue;
            double *q = &at.position[c * d], *p = &at.momentum[c * d], *v = &at.velocity[c * d];
            const double* gradient = &at.gradient[c * d];
            for (int64_t i = 0; i < d; i++) p[i] += 0.5 * step[c] * gradient[i];
            velocity(p, v);
            for (int64_t i = 0; i < d; i++) q[i] += step[c] * v[i];
            memcpy(x.position + c * d, q, d * sizeof(double));
        }
    }

    // Let a span take up the one after it, if together they do not turn.
    void join(Span& a, const Span& b, bool is_pair) {
        for (int64_t c = 0; c < n; c++) {
            if (!valid[c]) continue;
            int64_t k = c * d;
            if (is_pair) {  // of single points, where the three checks are one
                for (int64_t i = 0; i < d; i++) sum[i] = a.p_sum[k + i] + b.p_sum[k + i];
                valid[c] = dot(&a.v_begin[k], sum.data(), d) > 0
                           && dot(&b.v_end[k], sum.data(), d) > 0;
            } else {
                valid[c] = leads_away(&a.v_begin[k], &a.p_end[k], &a.v_end[k], &a.p_sum[k], b, c);
            }
            for (int64_t i = 0; i < d; i++) a.p_sum[k + i] += b.p_sum[k + i];
            row(a.p_end, b.p_end, c), row(a.v_end, b.v_end, c);
        }
    }

    // Whether two neighbouring spans, together and across their joint, do not turn.
    bool leads_away(const double* v_begin, const double* p_end, const double* v_end,
                    const double* p_sum_a, const Span& b, int64_t c) {
        const double *b_sum = &b.p_sum[c * d], *b_begin = &b.p_begin[c * d];
        const double *bv_begin = &b.v_begin[c * d], *bv_end = &b.v_end[c * d];
        for (int64_t i = 0; i < d; i++) {
            sum[i] = p_sum_a[i] + b_sum[i];
            to_b[i] = p_sum_a[i] + b_begin[i];
            from_a[i] = b_sum[i] + p_end[i];
        }
        return dot(v_begin, sum.data(), d) > 0 && dot(bv_end, sum.data(), d) > 0
               && dot(v_begin, to_b.data(), d) > 0 && dot(bv_begin, to_b.data(), d) > 0
               && dot(v_end, from_a.data(), d) > 0 && dot(bv_end, from_a.data(), d) > 0;
    }
};

}  // namespace nuts
}  // namespace zs

extern "C" {
using zs::nuts::Trajectories;

inline void* zhusuan_nuts_make(int64_t n_chains, int64_t dim, int64_t max_depth, double* position,
                               double* log_prob, double* gradient) {
    return new Trajectories(n_chains, dim, max_depth, {position, log_prob, gradient});
}
inline void zhusuan_nuts_free(void* t) { delete (Trajectories*)t; }
inline void zhusuan_nuts_begin(void* t, const double* position, const double* momentum,
                               const double* log_prob, const double* gradient,
                               const double* inverse_mass, int is_dense) {
    ((Trajectories*)t)->begin(position, momentum, log_prob, gradient, inverse_mass, is_dense);
}
inline void zhusuan_nuts_start(void* t, const double* sides, double step_size) {
    ((Trajectories*)t)->start(sides, step_size);
}
inline int zhusuan_nuts_arrive(void* t, const double* log_uniform, int is_last) {
    return ((Trajectories*)t)->arrive(log_uniform, is_last);
}
inline int zhusuan_nuts_finish(void* t, const double* log_uniform) {
    return ((Trajectories*)t)->finish(log_uniform);
}
inline void zhusuan_nuts_result(void* t, double* position, double* log_prob, double* gradient,
                                double* energy, double* rate, bool* divergent,
                                int64_t* n_leapfrogs) {
    ((Trajectories*)t)->result(position, log_prob, gradient, energy, rate, divergent, n_leapfrogs);
}
}
