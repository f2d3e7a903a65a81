// The update of all parameters of an optimizer in one pass over memory, by several threads.
//
// A parameter is overwritten only if nobody can tell: if its Var has one holder, no operation,
// pending or kept for a gradient, reads it, and no other Var shares its memory. Else it gets a
// new Var, as Jittor's own optimizers give it at every step, and the old one keeps its value. The
// same holds for each Var of the optimizer's state.
#pragma once
#include <omp.h>
#include <sched.h>
#include <unistd.h>
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <condition_variable>
#include <cstring>
#include <mutex>
#include <thread>
#include <vector>
#include "mem/allocator.h"
#include "mem/allocator/sfrl_allocator.h"
#include "mem/swap.h"
#include "pyjt/py_converter.h"
#include "var.h"
#include "var_holder.h"

namespace jittor {
namespace zhusuan_optim {

// What a step is to do; Python has the same numbers.
enum Rule { adam = 0, adamw = 1, sgd = 2 };
enum Outcome { done = 0, not_computed = 1, not_suited = 2, no_memory = 3 };

constexpr int n_slots = 3;          // the parameter and up to two Vars of state
constexpr int n_scalars = 8;        // of a group
constexpr int64 chunk = 16384;      // numbers; what a thread takes at a time
constexpr int64 per_thread = 100000;

struct Piece {
    const float* from[n_slots];
    float* to[n_slots];
    const float* gradient;
    int64 n;
    const float* scalars;
};

inline void update_adam(const Piece& piece, int64 begin, int64 end) {
    const float *p = piece.from[0], *v = piece.from[1], *m = piece.from[2], *g = piece.gradient;
    float *new_p = piece.to[0], *new_v = piece.to[1], *new_m = piece.to[2];
    const float b0 = piece.scalars[0], c0 = piece.scalars[1], b1 = piece.scalars[2],
                c1 = piece.scalars[3], size = piece.scalars[4], eps = piece.scalars[5],
                decay = piece.scalars[6];
    #pragma GCC ivdep
    for (int64 i = begin; i < end; i++) {
        float gradient = p[i] * decay + g[i];
        float mean = b0 * m[i] + c0 * gradient;
        float square = b1 * v[i] + c1 * gradient * gradient;
        new_m[i] = mean;
        new_v[i] = square;
        new_p[i] = p[i] - mean * size / (std::sqrt(square) + eps);
    }
}

inline void update_adamw(const Piece& piece, int64 begin, int64 end) {
    const float *p = piece.from[0], *v = piece.from[1], *m = piece.from[2], *g = piece.gradient;
    float *new_p = piece.to[0], *new_v = piece.to[1], *new_m = piece.to[2];
    const float b0 = piece.scalars[0], c0 = piece.scalars[1], b1 = piece.scalars[2],
                c1 = piece.scalars[3], size = piece.scalars[4], eps = piece.scalars[5],
                shrinkage = piece.scalars[6], correction = piece.scalars[7];
    #pragma GCC ivdep
    for (int64 i = begin; i < end; i++) {
        float gradient = g[i];
        float mean = b0 * m[i] + c0 * gradient;
        float square = b1 * v[i] + c1 * gradient * gradient;
        new_m[i] = mean;
        new_v[i] = square;
        new_p[i] = p[i] * shrinkage - size * mean / (std::sqrt(square) * correction + eps);
    }
}

inline void update_sgd(const Piece& piece, int64 begin, int64 end) {
    const float *p = piece.from[0], *v = piece.from[1], *g = piece.gradient;
    float *new_p = piece.to[0], *new_v = piece.to[1];
    const float momentum = piece.scalars[0], share = piece.scalars[1], decay = piece.scalars[2],
                of_gradient = piece.scalars[3], of_velocity = piece.scalars[4];
    #pragma GCC ivdep
    for (int64 i = begin; i < end; i++) {
        float gradient = p[i] * decay + g[i];
        float velocity = momentum * v[i] + share * gradient;
        new_v[i] = velocity;
        new_p[i] = p[i] - (of_gradient * gradient + of_velocity * velocity);
    }
}

inline void update(Rule rule, const Piece& piece, int64 begin, int64 end) {
    if (rule == adam) update_adam(piece, begin, end);
    else if (rule == adamw) update_adamw(piece, begin, end);
    else update_sgd(piece, begin, end);
}

// The chunks of all pieces, in order, as threads take them.
struct Chunks {
    Rule rule;
    const std::vector<Piece>& pieces;
    std::vector<int64> first;  // chunk of each piece
    std::atomic<int64> next{0};
    int64 total = 0;

    Chunks(Rule rule, const std::vector<Piece>& pieces) : rule(rule), pieces(pieces) {
        int64 n_chunks = 0;
        first.reserve(pieces.size());
        for (auto& piece : pieces) {
            first.push_back(n_chunks);
            n_chunks += (piece.n + chunk - 1) / chunk;
            total += piece.n;
        }
    }

    void work() {
        size_t at = 0;
        while (true) {
            int64 taken = next.fetch_add(1, std::memory_order_relaxed);
            while (at < pieces.size() && (taken - first[at]) * chunk >= pieces[at].n) at++;
            if (at == pieces.size()) return;
            int64 begin = (taken - first[at]) * chunk;
            update(rule, pieces[at], begin, std::min(begin + chunk, pieces[at].n));
        }
    }
};

// Threads that help with chunks, and that nobody waits for: OpenMP's threads meet at the end of a
// loop, which costs milliseconds if one of them has to wait for its core. Here the caller waits
// for none but those that are at work on a chunk, which takes 10 us.
struct Team {
    int n_helpers = 0;
    pid_t process = getpid();
    std::mutex mutex;
    std::condition_variable called;
    Chunks* job = nullptr;
    uint64 n_calls = 0;
    std::atomic<int> n_working{0};

    void help() {
        uint64 seen = 0;
        while (true) {
            Chunks* mine;
            {
                std::unique_lock<std::mutex> lock(mutex);
                called.wait(lock, [&] { return n_calls != seen; });
                seen = n_calls;
                mine = job;
                if (mine) n_working.fetch_add(1, std::memory_order_relaxed);
            }
            if (!mine) continue;  // too late
            mine->work();
            n_working.fetch_sub(1, std::memory_order_release);
        }
    }

    void work(Chunks& chunks, int n_wanted) {
        for (; n_helpers < n_wanted; n_helpers++) std::thread([this] { help(); }).detach();
        {
            std::lock_guard<std::mutex> lock(mutex);
            job = &chunks;
            n_calls++;
        }
        called.notify_all();
        chunks.work();
        {
            std::lock_guard<std::mutex> lock(mutex);
            job = nullptr;
        }
        for (int i = 0; n_working.load(std::memory_order_acquire); i++)
            if (i > 10000) sched_yield();
    }
};

inline Team& team() {
    static Team* made = new Team;  // never deleted: its threads use it until the process ends
    if (made->process != getpid()) made = new Team;  // threads don't survive a fork
    return *made;
}

// Whether help pays: on cores that others use a helper may be stopped in the middle of a chunk, and
// the caller waits for its turn to come. Both ways are timed now and then, a few calls each, and
// the faster one is used until the next time. Results don't depend on it.
struct Choice {
    static constexpr int timed = 8, used = 1000;
    int n_calls = 0;
    double alone = 0, helped = 0;  // seconds per number, summed

    bool is_with_help() const {
        if (n_calls < 2 * timed) return n_calls % 2;
        return helped < alone;
    }

    void note(double seconds) {
        if (n_calls < 2 * timed) (n_calls % 2 ? helped : alone) += seconds;
        if (++n_calls == 2 * timed + used) *this = Choice();
    }
};

inline void update_all(Rule rule, const std::vector<Piece>& pieces) {
    static Choice choice;
    Chunks chunks(rule, pieces);
    int n_threads = (int)std::min<int64>(omp_get_max_threads(), chunks.total / per_thread);
    if (n_threads < 2) {
        for (auto& piece : pieces) update(rule, piece, 0, piece.n);
        return;
    }
    auto start = std::chrono::steady_clock::now();
    if (choice.is_with_help()) team().work(chunks, n_threads - 1);
    else chunks.work();
    std::chrono::duration<double> passed = std::chrono::steady_clock::now() - start;
    choice.note(passed.count() / chunks.total);
}

inline VarHolder* holder_of(PyObject* list, Py_ssize_t i) {
    return GET_RAW_PTR(VarHolder, PyList_GET_ITEM(list, i));
}

inline bool is_computed(Var* var) { return var->is_finished() && var->mem_ptr; }

inline bool is_suited(Var* var, Var* parameter) {
    return var->dtype() == ns_float32 && var->num == parameter->num
        && (!var->allocator || !var->mem_ptr || !var->allocator->is_cuda());
}

inline bool is_of_blocks(Var* var) { return !std::strcmp(var->allocator->name(), "sfrl"); }

inline size_t n_sharing(Var* var) {
    return CachingBlockPool::occupied_id_mapper[var->allocation]->share_times;
}

inline bool is_exclusive(Var* var) {
    return var->forward_liveness == 1 && var->backward_liveness == 1 && var->_outputs.empty()
        && is_of_blocks(var) && !n_sharing(var);
}

// A Var like another, with memory whose contents are still to be written.
inline VarPtr make_like(Var* var) {
    VarPtr made(var->shape, var->dtype());
    made->flags.set(NodeFlags::_stop_grad, var->is_stop_grad());
    made->flags.set(NodeFlags::_out_hint);
    made->finish_pending_liveness();
    made->alloc(cpu_allocator);
    return made;
}

struct Replaced {
    VarHolder* holder;
    VarPtr made;
};

struct Group {
    PyObject *params, *gradients, *state[n_slots - 1];
    int n_state;
    float scalars[n_scalars];

    // From (params, gradients, scalars, state, ...), where all but the scalars are lists of Vars.
    explicit Group(PyObject* tuple) {
        params = PyTuple_GET_ITEM(tuple, 0);
        gradients = PyTuple_GET_ITEM(tuple, 1);
        PyObject* numbers = PyTuple_GET_ITEM(tuple, 2);
        for (Py_ssize_t i = 0; i < n_scalars; i++)
            scalars[i] = i < PyTuple_GET_SIZE(numbers)
                ? (float)PyFloat_AsDouble(PyTuple_GET_ITEM(numbers, i)) : 0;
        n_state = (int)PyTuple_GET_SIZE(tuple) - 3;
        for (int i = 0; i < n_state; i++) state[i] = PyTuple_GET_ITEM(tuple, 3 + i);
    }

    int slots(Py_ssize_t i, VarHolder** found) const {
        found[0] = holder_of(params, i);
        for (int k = 0; k < n_state; k++) found[1 + k] = holder_of(state[k], i);
        return 1 + n_state;
    }
};

inline std::vector<Group> groups_of(PyObject* list) {
    std::vector<Group> groups;
    groups.reserve(PyList_GET_SIZE(list));
    for (Py_ssize_t g = 0; g < PyList_GET_SIZE(list); g++)
        groups.emplace_back(PyList_GET_ITEM(list, g));
    return groups;
}

inline void note(PyObject* list, int64 number) {
    PyObject* made = PyLong_FromLongLong(number);
    PyList_Append(list, made);
    Py_DECREF(made);
}

// Numbers the parameters of all groups, and notes those that are left to Jittor.
inline Outcome step(PyObject* list, Rule rule, PyObject* left) {
    if (save_mem) return not_suited;
    auto groups = groups_of(list);
    std::vector<Piece> pieces;
    std::vector<VarHolder*> written;
    std::vector<Replaced> replaced;
    int64 number = -1;
    for (auto& group : groups)
        for (Py_ssize_t i = 0; i < PyList_GET_SIZE(group.params); i++) {
            number++;
            VarHolder* slots[n_slots];
            int n = group.slots(i, slots);
            Var* parameter = slots[0]->var;
            Var* gradient = holder_of(group.gradients, i)->var;
            if (parameter->is_stop_grad()) continue;
            bool suited = is_suited(gradient, parameter), computed = is_computed(gradient);
            for (int k = 0; k < n; k++) {
                suited = suited && is_suited(slots[k]->var, parameter);
                computed = computed && is_computed(slots[k]->var);
            }
            if (!suited) {
                note(left, number);
                continue;
            }
            if (!computed) return not_computed;
            Piece piece{{}, {}, gradient->ptr<float>(), parameter->num, group.scalars};
            for (int k = 0; k < n; k++) {
                written.push_back(slots[k]);
                piece.from[k] = slots[k]->var->ptr<float>();
            }
            pieces.push_back(piece);
        }
    auto sorted = written;
    std::sort(sorted.begin(), sorted.end());
    // A parameter that is there twice is updated twice, one after the other.
    if (std::adjacent_find(sorted.begin(), sorted.end()) != sorted.end()) return not_suited;
    replaced.reserve(written.size());
    auto* slot = written.data();
    for (auto& piece : pieces)
        for (int k = 0; k < n_slots && piece.from[k]; k++, slot++) {
            piece.to[k] = (float*)piece.from[k];
            if (is_exclusive((*slot)->var)) continue;
            replaced.push_back({*slot, make_like((*slot)->var)});
            piece.to[k] = replaced.back().made->ptr<float>();
            if (!piece.to[k]) return no_memory;
        }
    update_all(rule, pieces);
    for (auto& one : replaced) *one.holder = std::move(one.made);
    return done;
}

// How many use a Var and its memory.
struct Use {
    VarHolder* holder;
    Var* var;
    int64 id;
    void* memory;
    int forward, backward;
    size_t n_outputs, sharing;

    explicit Use(VarHolder* holder)
        : holder(holder), var(holder->var), id(var->id), memory(var->mem_ptr),
          forward(var->forward_liveness), backward(var->backward_liveness),
          n_outputs(var->_outputs.size()), sharing(n_sharing(var)) {}

    bool is_as_before(Use& now) const {
        return var == now.var && id == now.id && memory == now.memory
            && now.forward <= forward && now.backward <= backward
            && now.n_outputs <= n_outputs && now.sharing <= sharing && !save_mem;
    }
};

// The update of parameters that stay where they are, for gradients that are given by address.
struct Bound {
    Rule rule;
    std::vector<Use> uses;
    std::vector<Piece> pieces;
    std::vector<size_t> group_of;
    std::vector<float> scalars;
    std::vector<bool> is_parameter;

    static Bound* make(PyObject* list, Rule rule) {
        auto groups = groups_of(list);
        auto* bound = new Bound{rule};
        for (size_t g = 0; g < groups.size(); g++)
            for (Py_ssize_t i = 0; i < PyList_GET_SIZE(groups[g].params); i++) {
                VarHolder* slots[n_slots];
                int n = groups[g].slots(i, slots);
                Var* parameter = slots[0]->var;
                if (parameter->is_stop_grad()) continue;
                Piece piece{{}, {}, nullptr, parameter->num, nullptr};
                for (int k = 0; k < n; k++) {
                    Var* var = slots[k]->var;
                    if (save_mem || !is_suited(var, parameter) || !is_computed(var)
                            || !is_of_blocks(var)) {
                        delete bound;
                        return nullptr;
                    }
                    bound->uses.emplace_back(slots[k]);
                    bound->is_parameter.push_back(k == 0);
                    piece.from[k] = piece.to[k] = var->ptr<float>();
                }
                bound->pieces.push_back(piece);
                bound->group_of.push_back(g);
            }
        bound->scalars.resize(groups.size() * n_scalars);
        return bound;
    }

    bool run(const int64* gradients, const double* numbers) {
        for (size_t i = 0; i < uses.size(); i++) {
            Var* var = uses[i].holder->var;
            if (var != uses[i].var || !is_computed(var)) return false;
            Use now(uses[i].holder);
            if (!uses[i].is_as_before(now)) return false;
            if (is_parameter[i] && var->is_stop_grad()) return false;
            uses[i] = now;  // who has gone must not make room for somebody else
        }
        for (size_t i = 0; i < scalars.size(); i++) scalars[i] = (float)numbers[i];
        for (size_t i = 0; i < pieces.size(); i++) {
            pieces[i].gradient = (const float*)gradients[i];
            pieces[i].scalars = scalars.data() + group_of[i] * n_scalars;
        }
        update_all(rule, pieces);
        return true;
    }
};

}  // namespace zhusuan_optim

// No exception may leave these functions: Python's ctypes knows none.

extern "C" int zhusuan_optim_step(PyObject* groups, int rule, PyObject* left) {
    using namespace zhusuan_optim;
    try {
        return step(groups, (Rule)rule, left);
    } catch (...) {
        return no_memory;
    }
}

extern "C" void* zhusuan_optim_bind(PyObject* groups, int rule) {
    using namespace zhusuan_optim;
    try {
        return Bound::make(groups, (Rule)rule);
    } catch (...) {
        return nullptr;
    }
}

extern "C" int zhusuan_optim_run(void* bound, int64* gradients, double* scalars) {
    return ((zhusuan_optim::Bound*)bound)->run(gradients, scalars);
}

extern "C" int zhusuan_optim_count(void* bound) {
    return (int)((zhusuan_optim::Bound*)bound)->pieces.size();
}

extern "C" void zhusuan_optim_free(void* bound) { delete (zhusuan_optim::Bound*)bound; }

}  // namespace jittor
