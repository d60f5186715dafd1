// Several threads to a batch: each has some of its rows, and a network of its own for them.
#pragma once

#include <pthread.h>

#include "run/trainer.hpp"

namespace plaingrad {

// Where threads wait until all of them are there: awake for some microseconds, which is how long it takes where each has a
// core, and then asleep, since others may have the cores, one that is waited for among them.
struct Barrier {
    static constexpr int most_looks = 200;

    pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    pthread_cond_t passed = PTHREAD_COND_INITIALIZER;
    int there = 0;
    unsigned times = 0;

    void wait(int threads) {
        const unsigned before = __atomic_load_n(&times, __ATOMIC_ACQUIRE);
        if (__atomic_add_fetch(&there, 1, __ATOMIC_ACQ_REL) == threads) return pass(before + 1);
        for (int looks = 0; looks < most_looks; ++looks) {
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

// A batch of `Rows` is cut into slices of `Setting::rows`, each with a copy of the network. In a step every slice finds
// its gradients; when all are there, each share of the parameters, one for each slice, is updated by the gradients' sum.
//
// How batches are cut and in which order sums are taken is fixed at compile time. So the bits depend neither on which
// thread is faster nor on how many there are: if the system gives fewer than there are slices, each does several.
template <class Setting, class Network, class Loss, int Slices, int Rows> struct Team {
    typedef typename Setting::T T;
    static_assert(Setting::deferred, "the gradients of all slices come first");

    // What a slice tells the others: its part of the loss, and of the square of the gradient's norm.
    struct alignas(64) Found { double loss, squares; };
    struct Member { Team* team; int number; };
    typedef Trainer<Setting, Network, Loss> Slice;

    Slice slices[Slices];
    Found found[Slices];
    Barrier barrier;
    Call* call;
    long done;
    int threads;

    long run(Call& given) {
        T* const* tensors = slices[0].read(given);
        for (auto& slice : slices) slice.loss.read(given.numbers);
        together(given);
        write_parameters(slices[0].network, tensors);
        return done;
    }
    void evaluate(Call& given) {
        slices[0].read(given);
        together(given);
    }

    // Let the threads do what the call asks for.
    void together(Call& given) {
        each_parameter([&](auto& parameter) {
            for (int t = 1; t < Slices; ++t) in_slice(t, parameter).value = parameter.value;
        });
        call = &given, barrier = {};
        pthread_t started[Slices];
        Member members[Slices];
        pthread_mutex_lock(&barrier.lock);  // nobody begins before it is known how many there are
        for (threads = 1; threads < Slices; ++threads) {
            members[threads] = {this, threads};
            if (pthread_create(&started[threads], nullptr, begin, &members[threads])) break;
        }
        pthread_mutex_unlock(&barrier.lock);
        work(0);
        for (int t = 1; t < threads; ++t) pthread_join(started[t], nullptr);
    }
    static void* begin(void* given) {
        const Member& member = *static_cast<const Member*>(given);
        pthread_mutex_lock(&member.team->barrier.lock);
        pthread_mutex_unlock(&member.team->barrier.lock);
        member.team->work(member.number);
        return nullptr;
    }
    NOINLINE void work(int number) {
        if (!call->outputs) return train(number);
        for (int t = number; t < Slices; t += threads)
            slices[t].evaluate(*call, call->samples * t / Slices, call->samples * (t + 1) / Slices);
    }

    // All steps, as one of the threads does them.
    void train(int number) {
        const Call& call = *this->call;
        Learner<Setting> learner;
        long updates = 0;
        start_at(learner, call, call.begin, updates);
        Course at(call, Rows);
        for (bool finite = true; finite && at.step < call.end; at.next()) {
            const long left = call.samples - at.from;
            Batch<Setting> whole{learner, call.targets, static_cast<const T*>(call.weights),
                                       call.order, at.place(), left < Rows ? int(left) : Rows,
                                       0, call, at.step - call.begin, 0};
            whole.total = slices[0].loss.total(whole);
            if (whole.total) {
                plaingrad::begin(learner, whole, updates++);
                if constexpr (Setting::decay_per_sample)
                    if (number == 0) call.penalties[at.epoch] += whole.rows * penalty(slices[0].network, learner);
                for (int t = number; t < Slices; t += threads)
                    found[t].loss = slices[t].once(call, whole.part(t * Setting::rows), whole);
                barrier.wait(threads);
                if (number == 0) {
                    for (const Found& each : found) call.losses[at.epoch] += each.loss;
                    call.counted[at.epoch] += whole.rows;
                }
                update(learner, number);
                barrier.wait(threads);
                learner.end();
            } else
                for (int t = number; t < Slices; t += threads) slices[t].pass(call, whole.part(t * Setting::rows));
            finite = left > Rows || call.losses[at.epoch] - call.losses[at.epoch] == 0;
        }
        if (number == 0) done = at.step, this->call->updates = updates;
    }

    // The gradients of all slices summed, their norm bounded if it is to be, and then the rule.
    INLINE void update(const Learner<Setting>& learner, int number) {
        const bool clipped = call->clip_norm > 0;
        T scale = 1;
        if (clipped) {
            for (int t = number; t < Slices; t += threads) add_up(t);
            GradientNorm<T> norm{squares(number)};
            if (!norm.is_exact()) {
                norm.unit = norm.better_unit();
                for (int t = number; t < Slices; t += threads)
                    each_vector(t, [&](auto& parameter, int place) {
                        T* at = parameter.gradient.at + place;
                        store(at, T(norm.unit) * load(at));
                    });
                barrier.wait(threads);  // the others may still be reading the first sums
                norm.squares = squares(number);
            }
            scale = norm.scale(call->clip_norm);
        }
        for (int t = number; t < Slices; t += threads)
            each_vector(t, [&](auto& parameter, int place) {
                const Vec<T> g = clipped ? scale * load(parameter.gradient.at + place) : sum_at(parameter, place);
                parameter.update(learner, place, g);
                for (int s = 1; s < Slices; ++s)
                    store(in_slice(s, parameter).value.at + place, load(parameter.value.at + place));
            });
    }
    // Leave the sum of the gradients with the first slice.
    void add_up(int share) {
        each_vector(share, [&](auto& parameter, int place) {
            store(parameter.gradient.at + place, sum_at(parameter, place));
        });
    }
    // The sum of the squares of the whole gradient, of which each thread adds up its shares.
    double squares(int number) {
        for (int t = number; t < Slices; t += threads) {
            Vec<T> squares = zero<T>();
            each_vector(t, [&](auto& parameter, int place) {
                const Vec<T> g = load(parameter.gradient.at + place);
                squares += g * g;
            });
            found[t].squares = double(sum<T>(squares));
        }
        barrier.wait(threads);
        double sum = 0;
        for (const Found& each : found) sum += each.squares;
        return sum;
    }
    template <class P> INLINE static Vec<T> sum_at(P& parameter, int place) {
        Vec<T> g = load(parameter.gradient.at + place);
        for (int t = 1; t < Slices; ++t) g += load(in_slice(t, parameter).gradient.at + place);
        return g;
    }

    // The first slice's parameters, which alone have the rule's states; and a share of the vectors of what is learned.
    template <class F> void each_parameter(F f) { slices[0].network.each(f); }
    template <class F> INLINE void each_vector(int share, F f) {
        each_parameter([&](auto& parameter) {
            typedef typename ReferredBy<decltype(parameter)>::type P;
            if constexpr (P::learned) {
                constexpr int all = P::size / lanes<T>;
                for (int i = all * share / Slices; i < all * (share + 1) / Slices; ++i) f(parameter, i * lanes<T>);
            }
        });
    }
    // The same parameter in another slice: it lies as far from it as the slices do.
    template <class P> INLINE static P& in_slice(int t, P& parameter) {
        return *reinterpret_cast<P*>(reinterpret_cast<char*>(&parameter) + t * sizeof(Slice));
    }
};

}  // namespace plaingrad
