// The loop: batch after batch, forward, loss, backward, update.
#pragma once

#include "run/chain.hpp"
#include "rules/parameter.hpp"

namespace plaingrad {

// What Python hands over. Steps are counted from the first in `order`, which holds whole epochs.
struct Call {
    const void* inputs;
    const void* targets;
    const void* weights;     // of the samples, or null
    const long* order;       // the samples in the order of the epochs, or null for the data's own order
    long samples;            // in an epoch
    long begin, end;         // the steps to do
    double* const* tensors;  // of each parameter: the value, then the rule's states
    const double* numbers;   // the loss's
    const double* options;   // of each group's rule, `Setting::options` of them, for each step,
    long options_apart;      // so far apart; 0 if they are the same for all
    const long* taken;       // by each group's rule, steps before `begin`
    const double* rates;     // learning rates of the groups, for each step,
    long rates_apart;        // so far apart; 0 if they are the same for all
    double clip_norm;
    const unsigned long* keys;  // of the layers that draw random numbers
    const long* draws;          // how often they have drawn before `begin`
    double* losses;             // of each epoch, the sum over the samples of those batches that count for something; added to
    double* penalties;          // of each epoch, the same of what the weight decay adds; if it is meant for one sample
    long* counted;              // of each epoch, the samples in the batches that count; added to
    void* outputs;              // of the samples in evaluation mode, to be written; null in training
    long updates;               // made since `begin`, to be written
};

// Let numbers below the smallest that has all its digits count as 0, and return how it was before. Where gradients have
// died out, the running means of a rule sink through those numbers, with which a processor takes a hundred times as long.
INLINE unsigned flush_subnormals() {
#if defined(__SSE__)
    const unsigned before = __builtin_ia32_stmxcsr();
    __builtin_ia32_ldmxcsr(before | 0x8040);  // results and operands
    return before;
#else
    return 0;
#endif
}
INLINE void keep_subnormals(unsigned before) {
#if defined(__SSE__)
    __builtin_ia32_ldmxcsr(before);
#endif
}

// Where a run is: the step, its epoch, the first of the batch's samples within that. Kept up rather than divided out, for
// a division takes as long as a small layer.
struct Course {
    const Call& call;
    long rows, step, epoch, from;

    Course(const Call& call, long rows) : call(call), rows(rows), step(call.begin) {
        const long per_epoch = (call.samples + rows - 1) / rows;
        epoch = step / per_epoch, from = step % per_epoch * rows;
    }
    INLINE void next() {
        ++step, from += rows;
        if (from >= call.samples) ++epoch, from = 0;
    }
    // In the order; without one, the data have the same for all epochs.
    INLINE long place() const { return call.order ? epoch * call.samples + from : from; }
};

// The rules of all groups go on to this step, after so many updates of this call. Where a schedule changes their options
// too, they start anew in each.
template <class Setting> NOINLINE void start_at(Learner<Setting>& learner, const Call& call, long step, long updates) {
    long taken[Setting::groups];
    for (int g = 0; g < Setting::groups; ++g) taken[g] = call.taken[g] + updates;
    learner.start(call.options + step * call.options_apart, taken);
}
// What the layers and the loss are told of the batch.
template <class Setting> struct Batch {
    typedef typename Setting::T T;
    const Learner<Setting>& learner;
    const void* targets;
    const T* weights;
    const long* order;
    long from;         // the batch's first place in the order
    int rows;          // that hold samples
    double total;      // what a mean divides by; 0 if the batch counts for nothing
    const Call& call;
    long step;         // since `begin`
    int first;         // of the rows within a batch that several threads share

    INLINE bool training() const { return !call.outputs; }
    INLINE long sample(int row) const { return order ? order[from + row] : from + row; }
    INLINE double weight(int row) const { return weights ? double(weights[sample(row)]) : 1; }
    INLINE double weight_of_all() const {
        double sum = 0;
        if (!weights) return rows;
        for (int i = 0; i < rows; ++i) sum += weight(i);
        return sum;
    }
    // The rows from this one on, as many as a slice has.
    INLINE Batch part(int row) const {
        Batch found{*this};
        const int left = rows - row;
        found.first = row, found.from = from + row;
        found.rows = left < 0 ? 0 : left < Setting::rows ? left : Setting::rows;
        return found;
    }
};

// An update begins. A batch that counts for nothing has none, though the schedule goes on.
template <class Setting> INLINE void begin(Learner<Setting>& learner, const Batch<Setting>& batch, long updates) {
    const Call& call = batch.call;
    const long step = call.begin + batch.step;
    if (call.options_apart) start_at(learner, call, step, updates);
    if constexpr (Setting::decay_per_sample) learner.share(batch.weight_of_all());
    learner.begin(call.rates + step * call.rates_apart);
}

template <class Setting, class Network, class Loss> struct Trainer {
    typedef typename Setting::T T;
    typedef typename Network::Input Input;
    typedef typename Network::Output Output;

    Network network;
    Loss loss;
    Learner<Setting> learner;
    Input x;
    Output y, dy;

    // Do the steps of the call, or those up to the end of an epoch whose loss is not finite; the last one done.
    long run(Call& call) {
        T* const* tensors = read(call);
        loss.read(call.numbers);
        start_at(learner, call, call.begin, 0);
        call.updates = 0;
        Course at(call, Setting::rows);
        for (bool finite = true; finite && at.step < call.end; at.next()) {
            const long left = call.samples - at.from;
            const int rows = left < Setting::rows ? int(left) : Setting::rows;
            Batch<Setting> batch{learner,    call.targets, static_cast<const T*>(call.weights),
                                 call.order, at.place(),   rows,
                                 0,          call,         at.step - call.begin,
                                 0};
            batch.total = loss.total(batch);
            if (batch.total) {
                begin(learner, batch, call.updates++);
                if constexpr (Setting::decay_per_sample) call.penalties[at.epoch] += rows * penalty(network, learner);
                call.losses[at.epoch] += once(call, batch, batch);
                call.counted[at.epoch] += rows;
                if constexpr (Setting::deferred) update_clipped(call.clip_norm);
                learner.end();
            } else pass(call, batch);
            finite = left > Setting::rows || call.losses[at.epoch] - call.losses[at.epoch] == 0;
        }
        write_parameters(network, tensors);
        return at.step;
    }

    // The outputs for the call's samples in their own order, in evaluation mode.
    void evaluate(const Call& call) {
        read(call);
        evaluate(call, 0, call.samples);
    }
    void evaluate(const Call& call, long begin, long end) {
        for (long from = begin; from < end; from += Setting::rows) {
            const int rows = end - from < Setting::rows ? int(end - from) : Setting::rows;
            const Batch<Setting> batch{learner, nullptr, nullptr, nullptr, from, rows, 0, call, 0, 0};
            gather(static_cast<const typename Input::Element*>(call.inputs), batch);
            forward(batch);
            T* outputs = static_cast<T*>(call.outputs) + from * Output::columns;
            for (int i = 0; i < rows; ++i)
                __builtin_memcpy(outputs + i * Output::columns, y.row(i), Output::columns * sizeof(T));
        }
    }

    // Training and evaluation share these two; inlined in both, they would take twice as long to compile.
    NOINLINE T* const* read(const Call& call) {
        T* const* tensors = reinterpret_cast<T* const*>(call.tensors);
        read_parameters(network, tensors);
        return tensors;
    }
    NOINLINE void forward(const Batch<Setting>& batch) { network.forward(x, y, batch); }

    // Forward alone, of a batch that counts for nothing: running statistics take note of it.
    NOINLINE void pass(const Call& call, const Batch<Setting>& batch) {
        gather(static_cast<const typename Input::Element*>(call.inputs), batch);
        forward(batch);
    }
    // The loss and all gradients of a batch, or of the rows of the whole one that are this thread's.
    INLINE double once(const Call& call, const Batch<Setting>& batch, const Batch<Setting>& whole) {
        gather(static_cast<const typename Input::Element*>(call.inputs), batch);
        forward(batch);
        const double value = loss(y, dy, batch);
        network.template backward<false>(x, y, dy, nullptr, batch);
        return Loss::mean ? value * whole.rows : value;
    }

    // g <- g min(1, clip_norm / (|g| + 1e-6)), and then the rule
    INLINE void update_clipped(double clip_norm) {
        GradientNorm<T> norm{squares()};
        if (!norm.is_exact()) {
            norm.unit = norm.better_unit();
            auto scale = [&](auto& parameter) { parameter.scale_gradient(T(norm.unit)); };
            network.each(scale);
            norm.squares = squares();
        }
        auto update = [&](auto& parameter) { parameter.update_all(learner, norm.scale(clip_norm)); };
        network.each(update);
    }
    NOINLINE double squares() {
        double sum = 0;
        auto add = [&](auto& parameter) { sum += parameter.squares(); };
        network.each(add);
        return sum;
    }

    // The samples of the batch, one to a row; rows beyond them keep what they held, which any number may be.
    INLINE void gather(const typename Input::Element* inputs, const Batch<Setting>& batch) {
        for (int i = 0; i < Setting::rows && i < batch.rows; ++i)
            __builtin_memcpy(x.row(i), inputs + batch.sample(i) * Input::columns, Input::columns * sizeof(*inputs));
    }
};

}  // namespace plaingrad
