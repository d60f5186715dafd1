// Losses over classes.
#pragma once

#include "base/lanes.hpp"
#include "base/math.hpp"
#include "base/matrix.hpp"

namespace plaingrad {

// With the mass m_c = w_c ((1 - e) q_c + e / C) that a target puts on the classes, q being 1 at its index:
//     -sum of m_c log p_c,   with the slope  p_c sum of m - m_c  by logits, whose p is their softmax (Logits),
//     -sum of m_c x_c,       with the slope  -m_c                by logarithms of probabilities x.
// A mean divides by the weights of the targets' classes, summed. A target equal to `ignored` has no mass. Where there is no
// mass, loss and slope are 0, whatever the prediction.
template <class Setting, int Classes, class Constants, bool Logits, bool Mean> struct OfClasses {
    typedef typename Setting::T T;
    typedef long Target;
    static constexpr bool mean = Mean;
    typedef Matrix<T, Setting::rows, Classes> Prediction;

    static constexpr int rows = Setting::rows, samples = lanes<T>;  // as many as a vector holds are dealt with at once

    Buffer<T, padded<T>(Classes)> weight;  // of each class
    T weight_of_all;
    Buffer<T, padded<T>(Classes) * lanes<T>> turned;  // too large for the stack where there are many classes

    void read(const double* numbers) {
        weight_of_all = 0;
        for (int c = 0; c < Classes; ++c) weight_of_all += weight.at[c] = T(numbers[c]);
    }
    template <class Batch> INLINE long target(const Batch& batch, long sample) const {
        return static_cast<const Target*>(batch.targets)[sample];
    }
    static constexpr T even = T(Constants::smoothing / Classes), own = T(1 - Constants::smoothing);

    // What a target that is not ignored puts on all classes.
    INLINE T mass(long target) const { return own * weight.at[target] + even * weight_of_all; }

    // What a mean divides by; of a sum, all mass, without which a batch counts for nothing.
    template <class Batch> INLINE double total(const Batch& batch) const {
        double sum = 0;
        for (int i = 0; i < batch.rows; ++i) {
            const long t = target(batch, batch.sample(i));
            if (t != Constants::ignored) sum += batch.weight(i) * double(Mean ? weight.at[t] : mass(t));
        }
        return sum;
    }

    template <class Batch> INLINE double operator()(const Prediction& p, Prediction& dp, const Batch& batch) {
        const double share = Mean ? 1 / batch.total : 1;
        Vec<T> losses = zero<T>();
        for (int top = 0; top < rows; top += samples) losses += along(top, p, dp, marks(top, batch), T(share));
        return double(sum<T>(losses)) * share;
    }

    // Of some samples, one to a lane: their targets, their weights, and those of their targets' classes. A row without a
    // sample, or without mass, has the target -1, which no class has.
    struct Marks { Vec<Int<T>> target; Vec<T> weight, of_target; };

    template <class Batch> INLINE Marks marks(int top, const Batch& batch) const {
        Marks found = {Vec<Int<T>>{} - 1, zero<T>(), zero<T>()};
        for (int i = 0; i < samples && top + i < batch.rows; ++i) {
            const long t = target(batch, batch.sample(top + i));
            if (t == Constants::ignored || batch.weight(top + i) * double(mass(t)) == 0) continue;
            found.target[i] = Int<T>(t), found.weight[i] = T(batch.weight(top + i)), found.of_target[i] = weight.at[t];
        }
        return found;
    }

    // The losses of these samples, and their gradients times `share`. The classes lie one after another, each with the samples along its lanes.
    INLINE Vec<T> along(int top, const Prediction& p, Prediction& dp, const Marks& marks, T share) {
        const Vec<Int<T>> counts = marks.target >= 0;
        const Vec<T> at_target = marks.weight * own * marks.of_target, all = at_target + marks.weight * even * weight_of_all;
        // The same for the gradient. One class alone then has a slope of exactly 0, of which Adam would make much.
        const Vec<T> each = share * marks.weight * even, rest = each * weight_of_all, pull = share * at_target;
        Vec<T>* x = reinterpret_cast<Vec<T>*>(turned.at);
        turn(top, p, x);
        Vec<T> most = zero<T>(), z_target = zero<T>(), others = zero<T>(), e_target = zero<T>(), spread = zero<T>();
        if constexpr (Logits) {
            most = x[0];
            for (int c = 1; c < Classes; ++c) most = larger(most, x[c]);
        }
        for (int c = 0; c < Classes; ++c) {
            const Vec<Int<T>> is_target = marks.target == Int<T>(c);
            const Vec<T> z = x[c] - most;
            z_target = is_target ? z : z_target;
            if constexpr (Constants::smoothing > 0) spread += weight.at[c] * z;
            if constexpr (Logits) {
                x[c] = exp(z);
                others += is_target ? zero<T>() : x[c];
                e_target = is_target ? x[c] : e_target;
            }
        }
        Vec<T> found = -at_target * z_target;
        if constexpr (Constants::smoothing > 0) found -= marks.weight * even * spread;
        // p_t - 1 = -(the others' p): near 1 the difference would keep no digits.
        const Vec<T> power = others + e_target, slope = (pull + rest) / power;
        const Vec<T> slope_target = Logits ? (rest * e_target - pull * others) / power : -pull;
        if constexpr (Logits) found += all * log(power);
        for (int c = 0; c < Classes; ++c) {
            x[c] = marks.target == Int<T>(c) ? slope_target : Logits ? slope * x[c] : zero<T>();
            if constexpr (Constants::smoothing > 0) x[c] -= each * weight.at[c];
            x[c] = counts ? x[c] : zero<T>();
        }
        turn_back(top, x, dp);
        return counts ? found : zero<T>();
    }

    // Rows of classes into classes of rows, and back.
    INLINE void turn(int top, const Prediction& p, Vec<T>* x) const {
        for (int j = 0; j < Classes; j += samples) {
            Vec<T> square[samples];
#pragma GCC unroll 16
            for (int i = 0; i < samples; ++i) square[i] = top + i < rows ? load(p.row(top + i) + j) : blank<T>();
            transpose<T>(square);
#pragma GCC unroll 16
            for (int i = 0; i < samples; ++i) x[j + i] = square[i];
        }
    }
    INLINE void turn_back(int top, const Vec<T>* x, Prediction& dp) const {
        for (int j = 0; j < Classes; j += samples) {
            Vec<T> square[samples];
#pragma GCC unroll 16
            for (int i = 0; i < samples; ++i) square[i] = j + i < Classes ? x[j + i] : blank<T>();
            transpose<T>(square);
#pragma GCC unroll 16
            for (int i = 0; i < samples; ++i)
                if (top + i < rows) store(dp.row(top + i) + j, square[i]);
        }
    }
};

}  // namespace plaingrad
