// Several threads to a batch: each has some of its rows, and a network of its own for them.
#pragma once

#include <pthread.h>

#include "run/trainer.hpp"

namespace plaingrad {

// Work that goes in phases, each of them cut into pieces, which threads take as they come: their own first, and then those that
// nobody has begun. So a thread that the system lets wait holds up the others only where it is in the middle of a piece, and two
// threads on one core take little longer than one. Threads that come late find all pieces taken, and go on to the next phase.
//
// Whoever waits for the end of a phase spins for some microseconds, which is enough where each has a core, and then sleeps, since
// a thread that is waited for may need the core.
template <int Pieces> struct Phases {
    static constexpr int spins = 200;

    pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    pthread_cond_t ended = PTHREAD_COND_INITIALIZER;
    Whole taken[Pieces] = {};  // the number of phases in which somebody took the piece
    Whole done = 0;            // pieces, in all phases

    // Do what is left of a phase, by its number, and return when all of it is done.
    template <class F> INLINE void run(Whole phase, int thread, F piece) {
        for (int i = 0; i < Pieces; ++i) {
            const int own = (thread + i) % Pieces;
            Whole before = phase;
            if (!__atomic_compare_exchange_n(&taken[own], &before, phase + 1, false, __ATOMIC_ACQ_REL,
                                             __ATOMIC_RELAXED))
                continue;
            piece(own);
            if (__atomic_add_fetch(&done, 1, __ATOMIC_ACQ_REL) == (phase + 1) * Pieces) wake();
        }
        wait((phase + 1) * Pieces);
    }
    void wait(Whole pieces) {
        for (int i = 0; i < spins; ++i) {
            if (__atomic_load_n(&done, __ATOMIC_ACQUIRE) >= pieces) return;
#if defined(__x86_64__)
            __builtin_ia32_pause();
#endif
        }
        pthread_mutex_lock(&lock);
        while (__atomic_load_n(&done, __ATOMIC_ACQUIRE) < pieces) pthread_cond_wait(&ended, &lock);
        pthread_mutex_unlock(&lock);
    }
    void wake() {
        pthread_mutex_lock(&lock);
        pthread_mutex_unlock(&lock);  // whoever had seen too few pieces sleeps by now
        pthread_cond_broadcast(&ended);
    }
};

// The rows of a batch, and the number of slices that it is cut into.
struct TeamSizes { int slices, rows; };

// A batch is cut into slices of `Setting::rows`, each with a copy of the network. In a step every slice finds
// its gradients; when all are there, each share of the parameters, one for each slice, is updated by the gradients' sum.
//
// How batches are cut and in which order sums are taken is fixed at compile time. So the bits depend neither on which
// thread is faster nor on how many there are. For that, and for threads that come late, what a piece reads belongs to
// its phase alone, and which phases a step has follows from the call alone.
template <class Setting, class Network, class Loss, TeamSizes Sizes> struct Team {
    typedef typename Setting::T T;
    static_assert(Setting::deferred, "the gradients of all slices come first");

    // The results of a slice: its part of the loss, and of the square of the gradient's norm, also in a better unit.
    struct alignas(64) SliceResult { double loss, squares, rescaled_squares; };
    struct ThreadArgument {
        Team* team;
        int thread;
    };
    typedef Trainer<Setting, Network, Loss> Slice;

    Slice slices[Sizes.slices];
    SliceResult results[Sizes.slices];
    Phases<Sizes.slices> phases;
    Call* call;
    Whole done;

    Whole run(Call& call) {
        T* const* tensors = slices[0].read(call);
        for (auto& slice : slices) slice.loss.read(call.numbers);
        run_threads(call);
        write_parameters(slices[0].network, tensors);
        return done;
    }
    void evaluate(Call& call) {
        slices[0].read(call);
        run_threads(call);
    }

    // Run the call on as many threads as there are slices, or as the system gives.
    void run_threads(Call& call) {
        each_parameter([&](auto& parameter) {
            for (int t = 1; t < Sizes.slices; ++t) in_slice(t, parameter).value = parameter.value;
        });
        this->call = &call, phases = {};
        pthread_t started[Sizes.slices];
        ThreadArgument arguments[Sizes.slices];
        int threads = 1;
        for (; threads < Sizes.slices; ++threads) {
            arguments[threads] = {this, threads};
            if (pthread_create(&started[threads], nullptr, begin, &arguments[threads])) break;
        }
        work(0);
        for (int t = 1; t < threads; ++t) pthread_join(started[t], nullptr);
    }
    static void* begin(void* pointer) {
        const ThreadArgument& argument = *static_cast<const ThreadArgument*>(pointer);
        argument.team->work(argument.thread);
        return nullptr;
    }
    NOINLINE void work(int thread) {
        if (!call->outputs) return train(thread);
        phases.run(0, thread, [&](int t) {
            slices[t].evaluate(*call, call->samples * t / Sizes.slices, call->samples * (t + 1) / Sizes.slices);
        });
    }

    // All steps, as one of the threads goes through them.
    void train(int thread) {
        const Call& call = *this->call;
        Learner<Setting> learner;
        Whole updates = 0, phase = 0;
        start_at(learner, call, call.begin, updates);
        StepCursor cursor(call, Sizes.rows);
        for (bool finite = true; finite && cursor.step < call.end; cursor.next()) {
            const Whole left = call.samples - cursor.from;
            Batch<Setting> whole{
                .learner = learner,
                .targets = call.targets,
                .weights = static_cast<const T*>(call.weights),
                .order = call.order,
                .from = cursor.position(),
                .rows = left < Sizes.rows ? int(left) : Sizes.rows,
                .call = call,
                .step = cursor.step - call.begin,
            };
            whole.total = slices[0].loss.total(whole);
            if (whole.total) {
                plaingrad::begin(learner, whole, updates++);
                phases.run(phase++, thread, [&](int t) {
                    if constexpr (Setting::decay_per_sample)
                        if (t == 0) call.penalties[cursor.epoch] += whole.rows * penalty(slices[0].network, learner);
                    results[t].loss = slices[t].loss_and_gradients(call, whole.slice(t * Setting::rows), whole);
                });
                if (call.clip_norm > 0) {
                    phases.run(phase++, thread, [&](int t) { add_up(t); });
                    phases.run(phase++, thread, [&](int t) { rescale(t); });
                }
                phases.run(phase++, thread, [&](int t) {
                    if (t == 0) {
                        for (const SliceResult& each : results) call.losses[cursor.epoch] += each.loss;
                        call.counted_samples[cursor.epoch] += whole.rows;
                    }
                    update(learner, t);
                });
                learner.end();
            } else
                phases.run(phase++, thread,
                           [&](int t) { slices[t].forward_only(call, whole.slice(t * Setting::rows)); });
            finite = left > Sizes.rows || call.losses[cursor.epoch] - call.losses[cursor.epoch] == 0;
        }
        if (thread == 0) done = cursor.step, this->call->updates = updates;
    }

    // The rule, for a share of the parameters and with the gradients of all slices summed.
    INLINE void update(const Learner<Setting>& learner, int share) {
        const bool clipped = call->clip_norm > 0;
        const T scale = clipped ? norm().scale(call->clip_norm) : T(1);
        each_vector(share, [&](auto& parameter, int offset) {
            const Vec<T> g = clipped ? scale * Load(parameter.gradient.at + offset) : sum_at(parameter, offset);
            parameter.update(learner, offset, g);
            for (int s = 1; s < Sizes.slices; ++s)
                Store(Load(parameter.value.at + offset), in_slice(s, parameter).value.at + offset);
        });
    }
    // Leave the sum of the gradients with the first slice, and its square with the share's results.
    void add_up(int share) {
        each_vector(share, [&](auto& parameter, int offset) {
            Store(sum_at(parameter, offset), parameter.gradient.at + offset);
        });
        results[share].squares = squares(share);
    }
    // Take the sum of the gradients in a better unit, where its squares are not exact.
    void rescale(int share) {
        GradientNorm<T> norm{sum(&SliceResult::squares)};
        if (norm.is_exact()) return;
        norm.unit = norm.better_unit();
        each_vector(share, [&](auto& parameter, int offset) {
            T* at = parameter.gradient.at + offset;
            Store(T(norm.unit) * Load(at), at);
        });
        results[share].rescaled_squares = squares(share);
    }
    GradientNorm<T> norm() const {
        GradientNorm<T> norm{sum(&SliceResult::squares)};
        if (norm.is_exact()) return norm;
        norm.unit = norm.better_unit();
        norm.squares = sum(&SliceResult::rescaled_squares);
        return norm;
    }
    double squares(int share) {
        Vec<T> squares = Zero<T>();
        each_vector(share, [&](auto& parameter, int offset) {
            const Vec<T> g = Load(parameter.gradient.at + offset);
            squares += g * g;
        });
        return double(ReduceSum(squares));
    }
    double sum(double SliceResult::* field) const {
        double sum = 0;
        for (const SliceResult& each : results) sum += each.*field;
        return sum;
    }
    template <class P> INLINE static Vec<T> sum_at(P& parameter, int offset) {
        Vec<T> g = Load(parameter.gradient.at + offset);
        for (int t = 1; t < Sizes.slices; ++t) g += Load(in_slice(t, parameter).gradient.at + offset);
        return g;
    }

    // The first slice's parameters, which alone have the rule's states; and a share of the vectors of what is learned.
    template <class F> void each_parameter(F f) { slices[0].network.each(f); }
    template <class F> INLINE void each_vector(int share, F f) {
        each_parameter([&](auto& parameter) {
            typedef typename ReferredBy<decltype(parameter)>::type P;
            if constexpr (P::learned) {
                constexpr int all = P::size / Lanes<T>;
                for (int i = all * share / Sizes.slices; i < all * (share + 1) / Sizes.slices; ++i)
                    f(parameter, i * Lanes<T>);
            }
        });
    }
    // The same parameter in another slice: it lies as far from it as the slices do.
    template <class P> INLINE static P& in_slice(int t, P& parameter) {
        return *reinterpret_cast<P*>(reinterpret_cast<char*>(&parameter) + t * sizeof(Slice));
    }
};

}  // namespace plaingrad
