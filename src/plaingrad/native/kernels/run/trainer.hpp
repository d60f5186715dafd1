// The loop: batch after batch, forward, loss, backward, update.
#pragma once

#include "rules/parameter.hpp"
#include "run/chain.hpp"

namespace plaingrad {

// The arguments of a call from Python. Steps are counted from the first in `order`, which holds whole epochs.
struct Call {
    const void* inputs;
    const void* targets;
    const void* weights;     // of the samples, or null
    const Whole* order;      // the samples in the order of the epochs, or null for the data's own order
    Whole samples;           // in an epoch
    Whole begin, end;        // the steps to do
    double* const* tensors;  // of each parameter: the value, then the rule's states
    const double* numbers;   // the loss's
    const double* options;   // of each group's rule, `Setting::options` of them, for each step,
    Whole options_stride;    // so far apart; 0 if they are the same for all
    const Whole* taken;      // by each group's rule, steps before `begin`
    const double* rates;     // learning rates of the groups, for each step,
    Whole rates_stride;      // so far apart; 0 if they are the same for all
    double clip_norm;
    const Word* keys;    // of the layers that draw random numbers
    const Whole* draws;  // how often they have drawn before `begin`
    double* losses;      // of each epoch, the sum over the samples of those batches that count for something; added to
    double* penalties;   // of each epoch, the same of what the weight decay adds; if it is meant for one sample
    Whole* counted_samples;  // of each epoch, the samples in the batches that count; added to
    void* outputs;           // of the samples in evaluation mode, to be written; null in training
    Whole updates;           // made since `begin`, to be written
};

// Make the processor treat subnormal numbers as 0, and return its previous state. Where gradients have died out, the running
// means of a rule sink through those numbers, with which a processor takes a hundred times as long.
INLINE unsigned flush_subnormals() {
#if defined(__SSE__)
    const unsigned before = __builtin_ia32_stmxcsr();
    __builtin_ia32_ldmxcsr(before | 0x8040);  // results and operands
    return before;
#else
    return 0;
#endif
}
INLINE void restore_subnormals(unsigned state) {
#if defined(__SSE__)
    __builtin_ia32_ldmxcsr(state);
#endif
}

// The current step, its epoch, and the first of the batch's samples within that. Counted on rather than divided out: a
// division takes as long as a small layer.
struct StepCursor {
    const Call& call;
    Whole rows, step, epoch, from;

    StepCursor(const Call& call, Whole rows) : call(call), rows(rows), step(call.begin) {
        const Whole per_epoch = (call.samples + rows - 1) / rows;
        epoch = step / per_epoch, from = step % per_epoch * rows;
    }
    INLINE void next() {
        ++step, from += rows;
        if (from >= call.samples) ++epoch, from = 0;
    }
    // The index in the order; without one, in the data, which all epochs share.
    INLINE Whole position() const { return call.order ? epoch * call.samples + from : from; }
};

// The rules of all groups go on to this step, after so many updates of this call. Where a schedule changes their options
// too, they start anew in each.
template <class Setting> NOINLINE void start_at(Learner<Setting>& learner, const Call& call, Whole step,
                                                Whole updates) {
    Whole taken[Setting::groups];
    for (int g = 0; g < Setting::groups; ++g) taken[g] = call.taken[g] + updates;
    learner.start(call.options + step * call.options_stride, taken);
}
// The batch, as the layers and the loss see it.
template <class Setting> struct Batch {
    typedef typename Setting::T T;
    const Learner<Setting>& learner;
    const void* targets = nullptr;
    const T* weights = nullptr;    // of the samples
    const Whole* order = nullptr;  // of the samples
    Whole from;                    // the index of the batch's first sample in the order
    int rows;                      // that hold samples
    double total = 0;              // the divisor of a mean; 0 if the batch counts for nothing
    const Call& call;
    Whole step = 0;  // since `begin`
    int first = 0;   // of the rows within a batch that several threads share

    INLINE bool training() const { return !call.outputs; }
    INLINE Whole sample(int row) const { return order ? order[from + row] : from + row; }
    INLINE double weight(int row) const { return weights ? double(weights[sample(row)]) : 1; }
    INLINE double weight_of_all() const {
        double sum = 0;
        if (!weights) return rows;
        for (int i = 0; i < rows; ++i) sum += weight(i);
        return sum;
    }
    // The rows from this one on, as many as a slice has.
    INLINE Batch slice(int row) const {
        Batch slice{*this};
        const int left = rows - row;
        slice.first = row, slice.from = from + row;
        slice.rows = left < 0 ? 0 : left < Setting::rows ? left : Setting::rows;
        return slice;
    }
};

// An update begins. A batch that counts for nothing has none, though the schedule goes on.
template <class Setting> INLINE void begin(Learner<Setting>& learner, const Batch<Setting>& batch, Whole updates) {
    const Call& call = batch.call;
    const Whole step = call.begin + batch.step;
    if (call.options_stride) start_at(learner, call, step, updates);
    if constexpr (Setting::decay_per_sample) learner.share(batch.weight_of_all());
    learner.begin(call.rates + step * call.rates_stride);
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
    Whole run(Call& call) {
        T* const* tensors = read(call);
        loss.read(call.numbers);
        start_at(learner, call, call.begin, 0);
        call.updates = 0;
        StepCursor cursor(call, Setting::rows);
        for (bool finite = true; finite && cursor.step < call.end; cursor.next()) {
            const Whole left = call.samples - cursor.from;
            const int rows = left < Setting::rows ? int(left) : Setting::rows;
            Batch<Setting> batch{
                .learner = learner,
                .targets = call.targets,
                .weights = static_cast<const T*>(call.weights),
                .order = call.order,
                .from = cursor.position(),
                .rows = rows,
                .call = call,
                .step = cursor.step - call.begin,
            };
            batch.total = loss.total(batch);
            if (batch.total) {
                begin(learner, batch, call.updates++);
                if constexpr (Setting::decay_per_sample)
                    call.penalties[cursor.epoch] += rows * penalty(network, learner);
                call.losses[cursor.epoch] += loss_and_gradients(call, batch, batch);
                call.counted_samples[cursor.epoch] += rows;
                if constexpr (Setting::deferred) update_clipped(call.clip_norm);
                learner.end();
            } else forward_only(call, batch);
            finite = left > Setting::rows || call.losses[cursor.epoch] - call.losses[cursor.epoch] == 0;
        }
        write_parameters(network, tensors);
        return cursor.step;
    }

    // The outputs for the call's samples in their own order, in evaluation mode.
    void evaluate(const Call& call) {
        read(call);
        evaluate(call, 0, call.samples);
    }
    void evaluate(const Call& call, Whole begin, Whole end) {
        for (Whole from = begin; from < end; from += Setting::rows) {
            const int rows = end - from < Setting::rows ? int(end - from) : Setting::rows;
            const Batch<Setting> batch{.learner = learner, .from = from, .rows = rows, .call = call};
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

    // Forward alone, for a batch that counts for nothing: it still enters running statistics.
    NOINLINE void forward_only(const Call& call, const Batch<Setting>& batch) {
        gather(static_cast<const typename Input::Element*>(call.inputs), batch);
        forward(batch);
    }
    // The loss and all gradients of a batch, or of the rows of the whole one that are this thread's.
    INLINE double loss_and_gradients(const Call& call, const Batch<Setting>& batch, const Batch<Setting>& whole) {
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
