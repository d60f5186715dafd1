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

    Buffer<T, padded<T>(Classes)> weight;                    // of each class
    T weight_of_all;
    Buffer<T, padded<T>(Setting::rows)> scale, powers;  // of each row: its mass, and the sum of e^x

    void read(const double* numbers) {
        weight_of_all = 0;
        for (int c = 0; c < Classes; ++c) weight_of_all += weight.at[c] = T(numbers[c]);
    }
    template <class Batch> INLINE long target(const Batch& batch, long sample) const {
        return static_cast<const Target*>(batch.targets)[sample];
    }
    template <class Batch> INLINE double total(const Batch& batch) const {
        double sum = 0;
        for (int i = 0; i < batch.rows; ++i) {
            long t = target(batch, batch.sample(i));
            if (t != Constants::ignored) sum += batch.weight(i) * double(weight.at[t]);
        }
        return sum;
    }

    template <class Batch> INLINE double operator()(const Prediction& p, Prediction& dp, const Batch& batch) {
        const T share = T(!Mean ? 1 : batch.total ? 1 / batch.total : 0);
        T losses = 0;
        for (int i = 0; i < Setting::rows; ++i) {
            const long t = i < batch.rows ? target(batch, batch.sample(i)) : Constants::ignored;
            scale.at[i] = 0, powers.at[i] = 1;
            if (i < batch.rows && t != Constants::ignored)
                losses -= sample(i, p.row(i), dp.row(i), t, T(batch.weight(i)), share);
            else
                for (int j = 0; j < Classes; j += lanes<T>) store(dp.row(i) + j, zero<T>());
        }
        Vec<T> logs = zero<T>();  // of all rows at once, for a logarithm takes as long for one number as for many
        if constexpr (Logits)
            for (int i = 0; i < Setting::rows; i += lanes<T>) {
                const Vec<T> inside = first(Setting::rows - i, load(powers.at + i) - T(1)) + T(1);
                logs += first(Setting::rows - i, load(scale.at + i)) * log(inside);
            }
        const double found = double(losses + sum<T>(logs));
        return Mean && batch.weight_of_all() ? found / batch.total : found * double(share);  // a mean of nothing is NaN
    }

    // One sample, weighing w: sum of m_c x_c, where for logits x_c is less the largest; and its gradient times `share`.
    // The mass is `even` of each class's weight, and another `own` of the target's.
    INLINE T sample(int row, const T* x, T* dx, long t, T w, T share) {
        constexpr T even = T(Constants::smoothing / Classes), own = T(1 - Constants::smoothing);
        const T at_target = w * own * weight.at[t], all = at_target + w * even * weight_of_all;
        // The same for the gradient. One class alone then has a slope of exactly 0, of which Adam would make much.
        const T each = share * w * even, rest = each * weight_of_all, pull = share * at_target;
        const T most = Logits ? largest<T, Classes>(x) : T(0);
        Vec<T> of_others = zero<T>(), spread = zero<T>();
        for (int j = 0; j < Classes; j += lanes<T>) {
            const Vec<T> z = load(x + j) - most;
            if constexpr (Logits) {
                const Vec<T> e = first(Classes - j, exp(z));
                store(dx + j, e);
                of_others += iota<T>() == Int<T>(t - j) ? zero<T>() : e;
            }
            if constexpr (Constants::smoothing > 0) spread += load(weight.at + j) * z;  // 0 beyond the classes
        }
        if constexpr (Logits) {
            const T others = sum<T>(of_others), at_t = dx[t], power = others + at_t;
            powers.at[row] = power, scale.at[row] = all;
            for (int j = 0; j < Classes; j += lanes<T>) store(dx + j, (pull + rest) / power * load(dx + j));
            // p_t - 1 = -(the others' p): near 1 the difference would keep no digits.
            dx[t] = (rest * at_t - pull * others) / power;
        } else
            for (int j = 0; j < Classes; j += lanes<T>) store(dx + j, zero<T>());
        if constexpr (Constants::smoothing > 0)
            for (int j = 0; j < Classes; j += lanes<T>)
                store(dx + j, load(dx + j) - each * load(weight.at + j));
        if constexpr (!Logits) dx[t] -= pull;
        T found = at_target * (x[t] - most);
        if constexpr (Constants::smoothing > 0) found += w * even * sum<T>(spread);
        return found;
    }
};

}  // namespace plaingrad
