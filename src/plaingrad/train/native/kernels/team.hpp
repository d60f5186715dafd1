// Several threads to a batch: each has some of its rows, and a network of its own for them.
#pragma once

#include <pthread.h>
#include <sched.h>

#include "trainer.hpp"

namespace plaingrad {

// Look until it is so. After some microseconds, others may have the core between two looks: perhaps what is waited for
// is one of them.
template <class F> void wait_until(F is_so) {
    for (int looks = 0; !is_so(); ++looks)
        if (looks >= 1000) sched_yield();
#if defined(__x86_64__)
        else __builtin_ia32_pause();
#endif
}

// Where threads wait until all of them are there.
struct Barrier {
    int there;
    unsigned times;

    void wait(int threads) {
        const unsigned before = __atomic_load_n(&times, __ATOMIC_ACQUIRE);
        if (__atomic_add_fetch(&there, 1, __ATOMIC_ACQ_REL) < threads) {
            wait_until([&] { return __atomic_load_n(&times, __ATOMIC_ACQUIRE) != before; });
            return;
        }
        __atomic_store_n(&there, 0, __ATOMIC_RELAXED);
        __atomic_store_n(&times, before + 1, __ATOMIC_RELEASE);
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
    const Call* call;
    long done;
    int threads;  // 0 until it is known how many there are

    long run(const Call& given) {
        T* const* tensors = slices[0].read(given);
        for (auto& slice : slices) slice.loss.read(given.numbers);
        together(given);
        write_parameters(slices[0].network, tensors);
        return done;
    }
    void evaluate(const Call& given) {
        slices[0].read(given);
        together(given);
    }

    // Let the threads do what the call asks for.
    void together(const Call& given) {
        each_parameter([&](auto& parameter) {
            for (int t = 1; t < Slices; ++t) in_slice(t, parameter).value = parameter.value;
        });
        call = &given, barrier = {}, threads = 0;
        pthread_t started[Slices];
        Member members[Slices];
        int count = 1;
        for (; count < Slices; ++count) {
            members[count] = {this, count};
            if (pthread_create(&started[count], nullptr, begin, &members[count])) break;
        }
        __atomic_store_n(&threads, count, __ATOMIC_RELEASE);
        work(0);
        while (--count) pthread_join(started[count], nullptr);
    }
    static void* begin(void* given) {
        const Member& member = *static_cast<const Member*>(given);
        wait_until([&] { return __atomic_load_n(&member.team->threads, __ATOMIC_ACQUIRE) > 0; });
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
        start_at(learner, call, call.begin);
        Course at(call, Rows);
        for (bool finite = true; finite && at.step < call.end; at.next()) {
            const long left = call.samples - at.from;
            const Batch<Setting> whole{learner, call.targets, static_cast<const T*>(call.weights),
                                       call.order, at.place(), left < Rows ? int(left) : Rows,
                                       0, call, at.step - call.begin, 0};
            plaingrad::begin(learner, whole);
            if constexpr (Setting::decay_per_sample)
                if (number == 0) call.penalties[at.epoch] += whole.rows * penalty(slices[0].network, learner);
            for (int t = number; t < Slices; t += threads) {
                Batch<Setting> batch = whole.part(t * Setting::rows);
                found[t].loss = slices[t].once(call, batch, whole);
            }
            barrier.wait(threads);
            if (number == 0)
                for (const Found& each : found) call.losses[at.epoch] += each.loss;
            update(learner, number);
            barrier.wait(threads);
            learner.end();
            finite = left > Rows || call.losses[at.epoch] - call.losses[at.epoch] == 0;
        }
        if (number == 0) done = at.step;
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
