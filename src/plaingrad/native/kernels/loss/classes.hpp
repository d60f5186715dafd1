// Losses over classes.
#pragma once

#include "base/lanes.hpp"
#include "base/math.hpp"
#include "base/matrix.hpp"

namespace plaingrad {

struct ClassLossSizes {
    int classes;
    bool logits, mean;
};

// With the mass m_c = w_c ((1 - e) q_c + e / C) that a target puts on the classes, q being 1 at its index:
//     -sum of m_c log p_c,   with the slope  p_c sum of m - m_c  by logits, whose p is their softmax (if `logits`),
//     -sum of m_c x_c,       with the slope  -m_c                by logarithms of probabilities x.
// A mean divides by the weights of the targets' classes, summed. A target equal to `ignored` has no mass. Where there is no
// mass, loss and slope are 0, whatever the prediction.
template <class Setting, ClassLossSizes Sizes, class Constants> struct ClassLoss {
    typedef typename Setting::T T;
    typedef Whole Target;
    static constexpr bool mean = Sizes.mean;
    typedef Matrix<T, Setting::rows, Sizes.classes> Prediction;

    static constexpr int rows = Setting::rows, samples = Lanes<T>;  // as many as a vector holds are dealt with at once

    Buffer<T, padded<T>(Sizes.classes)> weight;  // of each class
    T weight_of_all;
    Buffer<T, padded<T>(Sizes.classes) * Lanes<T>> transposed;  // too large for the stack where there are many classes

    void read(const double* numbers) {
        weight_of_all = 0;
        for (int c = 0; c < Sizes.classes; ++c) weight_of_all += weight.at[c] = T(numbers[c]);
    }
    template <class Batch> INLINE Whole target(const Batch& batch, Whole sample) const {
        return static_cast<const Target*>(batch.targets)[sample];
    }
    static constexpr T even = T(Constants::smoothing / Sizes.classes), own = T(1 - Constants::smoothing);

    // The mass that a target which is not ignored puts on all classes.
    INLINE T mass(Whole target) const { return own * weight.at[target] + even * weight_of_all; }

    // The divisor of a mean; of a sum, all mass, without which a batch counts for nothing.
    template <class Batch> INLINE double total(const Batch& batch) const {
        double sum = 0;
        for (int i = 0; i < batch.rows; ++i) {
            const Whole t = target(batch, batch.sample(i));
            if (t != Constants::ignored) sum += batch.weight(i) * double(Sizes.mean ? weight.at[t] : mass(t));
        }
        return sum;
    }

    template <class Batch> INLINE double operator()(const Prediction& p, Prediction& dp, const Batch& batch) {
        const double share = Sizes.mean ? 1 / batch.total : 1;
        Vec<T> losses = Zero<T>();
        for (int top = 0; top < rows; top += samples)
            losses += loss_and_gradients(top, p, dp, read_targets(top, batch), T(share));
        return double(ReduceSum(losses)) * share;
    }

    // Samples, one to a lane: the index of each one's class, the sample's weight, and the class's weight. A row without a
    // sample, or without mass, has the index -1, which no class has.
    struct Targets {
        Vec<Int<T>> index;
        Vec<T> weight, class_weight;
    };

    template <class Batch> INLINE Targets read_targets(int top, const Batch& batch) const {
        Targets targets = {Vec<Int<T>>{} - 1, Zero<T>(), Zero<T>()};
        for (int i = 0; i < samples && top + i < batch.rows; ++i) {
            const Whole t = target(batch, batch.sample(top + i));
            if (t == Constants::ignored || batch.weight(top + i) * double(mass(t)) == 0) continue;
            targets.index[i] = Int<T>(t);
            targets.weight[i] = T(batch.weight(top + i));
            targets.class_weight[i] = weight.at[t];
        }
        return targets;
    }

    // The losses of these samples, and their gradients times `share`. The classes lie one after another,
    // each with the samples along its lanes.
    INLINE Vec<T> loss_and_gradients(int top, const Prediction& p, Prediction& dp, const Targets& targets, T share) {
        const Vec<Int<T>> counts = targets.index >= 0;
        const Vec<T> at_target = targets.weight * own * targets.class_weight;
        const Vec<T> all = at_target + targets.weight * even * weight_of_all;
        // The same for the gradient. It keeps a single class's gradient exactly 0; Adam would amplify rounding.
        const Vec<T> each = share * targets.weight * even, rest = each * weight_of_all, pull = share * at_target;
        Vec<T>* x = reinterpret_cast<Vec<T>*>(transposed.at);
        transpose_in(top, p, x);
        Vec<T> most = Zero<T>(), z_target = Zero<T>(), others = Zero<T>(), e_target = Zero<T>(), spread = Zero<T>();
        if constexpr (Sizes.logits) {
            most = x[0];
            for (int c = 1; c < Sizes.classes; ++c) most = Max(most, x[c]);
        }
        for (int c = 0; c < Sizes.classes; ++c) {
            const Vec<Int<T>> is_target = targets.index == Int<T>(c);
            const Vec<T> z = x[c] - most;
            z_target = IfThenElse(is_target, z, z_target);
            if constexpr (Constants::smoothing > 0) spread = MulAdd(weight.at[c], z, spread);
            if constexpr (Sizes.logits) {
                x[c] = exp(z);
                others += IfThenZeroElse(is_target, x[c]);
                e_target = IfThenElse(is_target, x[c], e_target);
            }
        }
        Vec<T> loss = -at_target * z_target;
        if constexpr (Constants::smoothing > 0) loss -= targets.weight * even * spread;
        // p_t - 1 = -(the others' p): near 1 the difference would keep no digits.
        const Vec<T> power = others + e_target, slope = (pull + rest) / power;
        const Vec<T> slope_target = Sizes.logits ? (rest * e_target - pull * others) / power : -pull;
        if constexpr (Sizes.logits) loss += all * log(power);
        for (int c = 0; c < Sizes.classes; ++c) {
            x[c] = IfThenElse(targets.index == Int<T>(c), slope_target, Sizes.logits ? slope * x[c] : Zero<T>());
            if constexpr (Constants::smoothing > 0) x[c] -= each * weight.at[c];
            x[c] = IfThenElseZero(counts, x[c]);
        }
        transpose_out(top, x, dp);
        return IfThenElseZero(counts, loss);
    }

    // Rows of classes into classes of rows, and back.
    INLINE void transpose_in(int top, const Prediction& p, Vec<T>* x) const {
        for (int j = 0; j < Sizes.classes; j += samples) {
            Vec<T> square[samples];
#pragma GCC unroll 16
            for (int i = 0; i < samples; ++i) square[i] = top + i < rows ? Load(p.row(top + i) + j) : opaque_zero<T>();
            transpose(square);
#pragma GCC unroll 16
            for (int i = 0; i < samples; ++i) x[j + i] = square[i];
        }
    }
    INLINE void transpose_out(int top, const Vec<T>* x, Prediction& dp) const {
        for (int j = 0; j < Sizes.classes; j += samples) {
            Vec<T> square[samples];
#pragma GCC unroll 16
            for (int i = 0; i < samples; ++i) square[i] = j + i < Sizes.classes ? x[j + i] : opaque_zero<T>();
            transpose(square);
#pragma GCC unroll 16
            for (int i = 0; i < samples; ++i)
                if (top + i < rows) Store(square[i], dp.row(top + i) + j);
        }
    }
};

}  // namespace plaingrad
