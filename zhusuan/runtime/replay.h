// Keeps what Jittor's executor runs, so that it can be run again without building a graph.
//
// While a recording is open, the entries of all compiled kernels are exchanged for functions of
// this file, which note the operation, keep it and its Vars (with their memory) alive, and call
// the kernel. A program is the list of these operations: running it again writes to the same
// memory. Operations without a kernel are either aliases (reshape, tape, clone), which need no
// run, or make the recording useless, which close() finds by following the memory.
#pragma once
#include <map>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>
#include "fused_op.h"
#include "op.h"
#include "pyjt/py_converter.h"
#include "var.h"
#include "var_holder.h"

namespace jittor {
namespace zhusuan_replay {

struct Step {
    Op* op;           // ours to delete if it is a fused one
    FusedOp* fused;   // op, or null
    jit_op_entry_t entry;
};

struct Program {
    std::vector<Step> steps;
    std::vector<Node*> kept;
    std::unordered_set<Node*> is_kept, has_kept_memory;
    std::vector<Var*> inputs, outputs;
    std::string problem;

    // Keeps a node alive, but not pending: the executor would compute what it has fused away.
    void keep(Node* node) {
        if (!is_kept.insert(node).second) return;
        node->own_forward_liveness();
        node->own_backward_liveness();
        kept.push_back(node);
    }

    // Keeps the memory of a Var as well, which the executor frees when nothing waits for it.
    void keep_memory(Var* var) {
        keep(var);
        if (has_kept_memory.insert(var).second) var->own_pending_liveness();
    }

    ~Program() {
        for (auto& step : steps) delete step.fused;
        SetupFreeBuffer freed_at_the_end;
        for (auto* node : kept) {
            // What was owned apart is given back together, else a node may be freed in between.
            if (!has_kept_memory.count(node)) node->own_pending_liveness();
            node->release_both_liveness();
        }
    }
};

struct Recording {
    Program* program;
    int64 first_id;  // nodes from here on were made during the recording
    int depth = 0;   // kernels call kernels, which are part of them
    std::unordered_map<FusedOpContext*, jit_op_entry_t> fused;
    std::unordered_map<std::string, jit_op_entry_t> single;
};

static Recording* recording = nullptr;

static void run_inside(jit_op_entry_t entry, Op* op) {
    recording->depth++;
    try {
        entry(op);
    } catch (...) {
        recording->depth--;
        throw;
    }
    recording->depth--;
}

static void on_fused(Op* op) {
    auto* fused = (FusedOp*)op;
    auto entry = recording->fused.at(fused->context);
    if (!recording->depth) {
        auto* copy = new FusedOp(*fused);
        recording->program->steps.push_back({copy, copy, entry});
        for (auto* one : fused->ops) recording->program->keep(one);
        for (auto& info : fused->vars) {
            if (info.type == 1) recording->program->keep(info.var);
            else recording->program->keep_memory(info.var);
        }
    }
    run_inside(entry, op);
}

static void on_single(Op* op) {
    // The executor has just made the operation's key, but a kernel that calls another has not.
    JK& key = get_jk();
    op->do_prepare(key);
    auto entry = recording->single.at(key.to_cstring());
    if (!recording->depth) {
        recording->program->steps.push_back({op, nullptr, entry});
        recording->program->keep(op);
        for (Var* var : op->inputs()) recording->program->keep_memory(var);
        for (Var* var : op->outputs()) recording->program->keep_memory(var);
    }
    run_inside(entry, op);
}

// Pieces of memory. Vars may be parts of others (slices, pieces of a concatenation).
struct Memory {
    std::map<char*, char*> pieces;  // begin -> end

    void add(Var* var) {
        auto& end = pieces[(char*)var->mem_ptr];
        end = std::max(end, (char*)var->mem_ptr + var->size);
    }

    bool has(Var* var) const {
        auto* begin = (char*)var->mem_ptr;
        auto after = pieces.upper_bound(begin);
        return after != pieces.begin() && (--after)->second > begin;
    }
};

static Var* var_of(int64 holder) { return GET_RAW_PTR(VarHolder, (PyObject*)holder)->var; }

// The operation that made a Var which is its input by another name or shape, or null.
static Op* alias_of(Var* var) {
    Op* source = var->input();
    if (!source || source->_inputs.empty()) return nullptr;
    std::string name = source->name();
    bool is_alias = name == "reshape" || name == "clone" || name == "tape";
    return is_alias && source->input(0)->mem_ptr == var->mem_ptr ? source : nullptr;
}

// Says in program->problem what keeps the steps from being all that must be run.
static void check(Recording& recording) {
    auto& program = *recording.program;
    Memory fresh;     // what the inputs and the steps have filled
    Memory constant;  // what they must leave alone
    for (Var* var : program.inputs) fresh.add(var);
    auto reads = [&](Var* var) {
        if (fresh.has(var)) return;
        while (Op* alias = alias_of(var)) var = alias->input(0);
        // A Var without an operation is an array, or the operation is gone: then that the result
        // depends on it shows when the replay is compared.
        Op* source = var->input();
        if (source && source->id >= recording.first_id && std::string(source->name()) != "array")
            program.problem = std::string("there is no kernel of ") + source->name();
        constant.add(var);
    };
    auto writes = [&](Var* var) {
        if (constant.has(var))
            program.problem = "a kernel overwrites what an earlier one has read as a constant";
        fresh.add(var);
    };
    for (auto& step : program.steps) {
        if (step.fused) {
            for (auto& info : step.fused->vars) if (info.type == 0) reads(info.var);
            for (auto& info : step.fused->vars) if (info.type == 2) writes(info.var);
        } else {
            if (step.op->flags.get(NodeFlags::_has_vary_input))
                program.problem = std::string("the shapes that ") + step.op->name()
                    + " makes depend on values";
            for (Var* var : step.op->inputs()) reads(var);
            for (Var* var : step.op->outputs()) writes(var);
        }
    }
    for (Var* var : program.outputs) {
        if (!var->mem_ptr) program.problem = "an output was not computed";
        else if (!fresh.has(var) && var->id >= recording.first_id)
            program.problem = "no step makes an output";
    }
}

}  // namespace zhusuan_replay

// Begins to record; the Vars with these Python objects are the program's inputs.
extern "C" void zhusuan_replay_open(int64* inputs, int n) {
    using namespace zhusuan_replay;
    auto* program = new Program;
    for (int i = 0; i < n; i++) {
        program->inputs.push_back(var_of(inputs[i]));
        program->keep_memory(program->inputs.back());
    }
    recording = new Recording{program, total_node + 1};
    for (auto& named : jit_fused_ops) {
        auto* context = named.second;
        if (context->entry == on_fused) continue;  // one context has several names
        recording->fused[context] = context->entry;
        context->entry = on_fused;
    }
    for (auto& named : jit_ops) {
        recording->single[std::string(named.first.data(), named.first.size())] = named.second;
        named.second = on_single;
    }
}

// Ends the recording; returns the program. What was uploaded meanwhile joins the inputs.
extern "C" void* zhusuan_replay_close(int64* outputs, int n, int64* uploaded, int n_uploaded) {
    using namespace zhusuan_replay;
    for (auto& named : recording->fused) named.first->entry = named.second;
    for (auto& named : jit_ops) {
        auto kept = recording->single.find(std::string(named.first.data(), named.first.size()));
        if (kept != recording->single.end()) named.second = kept->second;
    }
    auto* program = recording->program;
    for (int i = 0; i < n_uploaded; i++) {
        program->inputs.push_back(var_of(uploaded[i]));
        program->keep_memory(program->inputs.back());
    }
    for (int i = 0; i < n; i++) {
        program->outputs.push_back(var_of(outputs[i]));
        program->keep_memory(program->outputs.back());
    }
    if (n) check(*recording);
    delete recording;
    recording = nullptr;
    return program;
}

extern "C" void zhusuan_replay_run(void* program) {
    using namespace zhusuan_replay;
    for (auto& step : ((Program*)program)->steps) {
        if (step.fused) step.fused->context->vrm.fop = step.fused;
        step.entry(step.op);
    }
}

extern "C" const char* zhusuan_replay_problem(void* program) {
    return ((zhusuan_replay::Program*)program)->problem.c_str();
}
extern "C" void* zhusuan_replay_input(void* program, int i) {
    return ((zhusuan_replay::Program*)program)->inputs[i]->mem_ptr;
}
extern "C" void* zhusuan_replay_output(void* program, int i) {
    return ((zhusuan_replay::Program*)program)->outputs[i]->mem_ptr;
}
extern "C" void zhusuan_replay_free(void* program) {
    delete (zhusuan_replay::Program*)program;
}

}  // namespace jittor
