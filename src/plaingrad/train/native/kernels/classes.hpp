// Losses over classes.
#pragma once

#include "lanes.hpp"
#include "math.hpp"
#include "matrix.hpp"

namespace plaingrad {

// With the mass m_c = w_c ((1 - e) q_c + e / C) that a target puts on the classes, q being 1 at its index:
//     -sum of m_c log p_c,   with the slope  p_c sum of m - m_c  by logits, whose p is their softmax (Logits),
//     -sum of m_c x_c,       with the slope  -m_c                by logarithms of probabilities x.
// A mean divides by the weights of the targets' classes, summed. A target equal to `ignored` has no mass.
template <class Setting, int Classes, class Constants, bool Logits, bool Mean> struct OfClasses {
    typedef typename Setting::T T;
    typedef long Target;
    static constexpr bool mean = Mean;
    typedef Matrix<T, Setting::rows, Classes> Prediction;

    Buffer<T, padded<T>(Classes)> weight;  // of each class

    void read(const double* numbers) {
        for (int c = 0; c < Classes; ++c) weight.at[c] = T(numbers[c]);
    }
    template <class Batch> INLINE long target(const Batch& batch, long sample) const {
        return static_cast<const Target*>(batch.targets)[sample];
    }
    template <class Batch> INLINE double total(const Batch& batch) const {
        double sum = 0;
        for (int i = 0; i < batch.rows_of_all; ++i) {
            long t = target(batch, batch.sample(i));
            if (t != Constants::ignored) sum += batch.weight(i) * double(weight.at[t]);
        }
        return sum;
    }

    template <class Batch> INLINE double operator()(const Prediction& p, Prediction& dp, const Batch& batch) const {
        const double share = !Mean ? 1 : batch.total ? 1 / batch.total : 0;
        double losses = 0;
        for (int i = 0; i < Setting::rows; ++i) {
            const long t = i < batch.rows ? target(batch, batch.sample(i)) : Constants::ignored;
            if (i < batch.rows && t != Constants::ignored) {
                const T w = T(batch.weight(i));
                losses += double(w * sample(p.row(i), dp.row(i), t, w * T(share)));
            } else
                for (int j = 0; j < Classes; j += lanes<T>) store(dp.row(i) + j, zero<T>());
        }
        return losses * share;
    }

    // One sample: its loss, and its gradient times `share`.
    INLINE T sample(const T* x, T* dx, long t, T share) const {
        constexpr T even = T(Constants::smoothing / Classes), own = T(1 - Constants::smoothing);
        Vec<T> top = zero<T>() - T(__builtin_inf());
        if constexpr (Logits)
            for (int j = 0; j < Classes; j += lanes<T>) top = larger(top, inside(j, load(x + j), top));
        const T most = Logits ? maximum<T>(top) : T(0);
        Vec<T> powers = zero<T>(), masses = zero<T>(), products = zero<T>();
        for (int j = 0; j < Classes; j += lanes<T>) {
            const Vec<T> z = load(x + j) - most, m = mass(j, t, own, even);
            if constexpr (Logits) {
                const Vec<T> e = first(Classes - j, exp(z));
                store(dx + j, e);
                powers += e;
            }
            masses += m;
            products += m != zero<T>() ? m * z : zero<T>();
        }
        const T all = sum<T>(masses), sum_of_powers = Logits ? sum<T>(powers) : T(1);
        for (int j = 0; j < Classes; j += lanes<T>) {
            const Vec<T> m = mass(j, t, own, even);
            if constexpr (Logits) store(dx + j, share * (load(dx + j) * (all / sum_of_powers) - m));
            else store(dx + j, -share * m);
        }
        return (Logits ? all * log(zero<T>() + sum_of_powers)[0] : T(0)) - sum<T>(products);
    }
    INLINE Vec<T> mass(int j, long t, T own, T even) const {
        const Vec<Int<T>> here = iota<T>() == Int<T>(t - j);
        return load(weight.at + j) * (even + (here ? zero<T>() + own : zero<T>()));
    }
    static INLINE Vec<T> inside(int j, Vec<T> x, Vec<T> other) { return iota<T>() < Classes - j ? x : other; }
};

}  // namespace plaingrad
