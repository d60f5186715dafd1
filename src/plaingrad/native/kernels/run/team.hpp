// Several threads to a batch: each has some of its rows, and a network of its own for them.
#pragma once

#include <pthread.h>

#include "run/trainer.hpp"

namespace plaingrad {

// Threads wait here until all have arrived. They spin for some microseconds, which is enough where each has a core, and then
// sleep, since a thread that is waited for may need the core.
struct Barrier {
    static constexpr int spins = 200;

    pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    pthread_cond_t passed = PTHREAD_COND_INITIALIZER;
    int there = 0;
    unsigned times = 0;

    void wait(int threads) {
        const unsigned before = __atomic_load_n(&times, __ATOMIC_ACQUIRE);
        if (__atomic_add_fetch(&there, 1, __ATOMIC_ACQ_REL) == threads) return pass(before + 1);
        for (int i = 0; i < spins; ++i) {
            if (__atomic_load_n(&times, __ATOMIC_ACQUIRE) != before) return;
#if defined(__x86_64__)
            __builtin_ia32_pause();
#endif
        }
        pthread_mutex_lock(&lock);
        while (__atomic_load_n(&times, __ATOMIC_ACQUIRE) == before) pthread_cond_wait(&passed, &lock);
        pthread_mutex_unlock(&lock);
    }
    void pass(unsigned next) {
        __atomic_store_n(&there, 0, __ATOMIC_RELAXED);
        pthread_mutex_lock(&lock);
        __atomic_store_n(&times, next, __ATOMIC_RELEASE);
        pthread_mutex_unlock(&lock);
        pthread_cond_broadcast(&passed);
    }
};

// The rows of a batch, and the number of slices that it is cut into.
struct TeamSizes { int slices, rows; };

// A batch is cut into slices of `Setting::rows`, each with a copy of the network. In a step every slice finds
// its gradients; when all are there, each share of the parameters, one for each slice, is updated by the gradients' sum.
//
// How batches are cut and in which order sums are taken is fixed at compile time. So the bits depend neither on which
// thread is faster nor on how many there are: if the system gives fewer than there are slices, each does several.
template <class Setting, class Network, class Loss, TeamSizes Sizes> struct Team {
    typedef typename Setting::T T;
    static_assert(Setting::deferred, "the gradients of all slices come first");

    // The results of a slice: its part of the loss, and of the square of the gradient's norm.
    struct alignas(64) SliceResult { double loss, squares; };
    struct ThreadArgument {
        Team* team;
        int thread;
    };
    typedef Trainer<Setting, Network, Loss> Slice;

    Slice slices[Sizes.slices];
    SliceResult results[Sizes.slices];
    Barrier barrier;
    Call* call;
    long done;
    int threads;

    long run(Call& call) {
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

    // Run the call on all threads.
    void run_threads(Call& call) {
        each_parameter([&](auto& parameter) {
            for (int t = 1; t < Sizes.slices; ++t) in_slice(t, parameter).value = parameter.value;
        });
        this->call = &call, barrier = {};
        pthread_t started[Sizes.slices];
        ThreadArgument arguments[Sizes.slices];
        pthread_mutex_lock(&barrier.lock);  // no thread begins before their number is known
        for (threads = 1; threads < Sizes.slices; ++threads) {
            arguments[threads] = {this, threads};
            if (pthread_create(&started[threads], nullptr, begin, &arguments[threads])) break;
        }
        pthread_mutex_unlock(&barrier.lock);
        work(0);
        for (int t = 1; t < threads; ++t) pthread_join(started[t], nullptr);
    }
    static void* begin(void* pointer) {
        const ThreadArgument& argument = *static_cast<const ThreadArgument*>(pointer);
        pthread_mutex_lock(&argument.team->barrier.lock);
        pthread_mutex_unlock(&argument.team->barrier.lock);
        argument.team->work(argument.thread);
        return nullptr;
    }
    NOINLINE void work(int thread) {
        if (!call->outputs) return train(thread);
        for (int t = thread; t < Sizes.slices; t += threads)
            slices[t].evaluate(*call, call->samples * t / Sizes.slices, call->samples * (t + 1) / Sizes.slices);
    }

    // All steps, as one of the threads does them.
    void train(int thread) {
        const Call& call = *this->call;
        Learner<Setting> learner;
        long updates = 0;
        start_at(learner, call, call.begin, updates);
        StepCursor cursor(call, Sizes.rows);
        for (bool finite = true; finite && cursor.step < call.end; cursor.next()) {
            const long left = call.samples - cursor.from;
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
                if constexpr (Setting::decay_per_sample)
                    if (thread == 0) call.penalties[cursor.epoch] += whole.rows * penalty(slices[0].network, learner);
                for (int t = thread; t < Sizes.slices; t += threads)
                    results[t].loss = slices[t].loss_and_gradients(call, whole.slice(t * Setting::rows), whole);
                barrier.wait(threads);
                if (thread == 0) {
                    for (const SliceResult& each : results) call.losses[cursor.epoch] += each.loss;
                    call.counted_samples[cursor.epoch] += whole.rows;
                }
                update(learner, thread);
                barrier.wait(threads);
                learner.end();
            } else
                for (int t = thread; t < Sizes.slices; t += threads)
                    slices[t].forward_only(call, whole.slice(t * Setting::rows));
            finite = left > Sizes.rows || call.losses[cursor.epoch] - call.losses[cursor.epoch] == 0;
        }
        if (thread == 0) done = cursor.step, this->call->updates = updates;
    }

    // The gradients of all slices summed, their norm bounded if it is to be, and then the rule.
    INLINE void update(const Learner<Setting>& learner, int thread) {
        const bool clipped = call->clip_norm > 0;
        T scale = 1;
        if (clipped) {
            for (int t = thread; t < Sizes.slices; t += threads) add_up(t);
            GradientNorm<T> norm{squares(thread)};
            if (!norm.is_exact()) {
                norm.unit = norm.better_unit();
                for (int t = thread; t < Sizes.slices; t += threads)
                    each_vector(t, [&](auto& parameter, int offset) {
                        T* at = parameter.gradient.at + offset;
                        Store(T(norm.unit) * Load(at), at);
                    });
                barrier.wait(threads);  // the others may still be reading the first sums
                norm.squares = squares(thread);
            }
            scale = norm.scale(call->clip_norm);
        }
        for (int t = thread; t < Sizes.slices; t += threads)
            each_vector(t, [&](auto& parameter, int offset) {
                const Vec<T> g = clipped ? scale * Load(parameter.gradient.at + offset) : sum_at(parameter, offset);
                parameter.update(learner, offset, g);
                for (int s = 1; s < Sizes.slices; ++s)
                    Store(Load(parameter.value.at + offset), in_slice(s, parameter).value.at + offset);
            });
    }
    // Leave the sum of the gradients with the first slice.
    void add_up(int share) {
        each_vector(share, [&](auto& parameter, int offset) {
            Store(sum_at(parameter, offset), parameter.gradient.at + offset);
        });
    }
    // The sum of the squares of the whole gradient, of which each thread adds up its shares.
    double squares(int thread) {
        for (int t = thread; t < Sizes.slices; t += threads) {
            Vec<T> squares = Zero<T>();
            each_vector(t, [&](auto& parameter, int offset) {
                const Vec<T> g = Load(parameter.gradient.at + offset);
                squares += g * g;
            });
            results[t].squares = double(ReduceSum(squares));
        }
        barrier.wait(threads);
        double sum = 0;
        for (const SliceResult& each : results) sum += each.squares;
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
