// Normalisation over the batch.
#pragma once

#include "base/math.hpp"
#include "rules/parameter.hpp"

namespace plaingrad {

// The number of features, and the groups of the parameters in the optimizer.
struct BatchNormSizes { int features, weight_group, bias_group, statistics_group; };

// n = (x - mean) / s,  y = n w + b,  s^2 = mean of (x - mean)^2 + eps,  with the means over the batch of `count` samples
// dw = sum of dy n,  db = sum of dy,  dx = (dy - db / count - n dw / count) w / s
//
// Running statistics move towards those of the batch by the share `momentum`, or (cumulative) 1 / batches so far.
template <class Setting, BatchNormSizes Sizes, class Constants> struct BatchNorm {
    typedef typename Setting::T T;
    typedef Matrix<T, Setting::rows, Sizes.features> Input;
    typedef Input Output;
    static constexpr bool has_weight = Sizes.weight_group != absent, has_bias = Sizes.bias_group != absent;
    static constexpr bool tracks = Sizes.statistics_group != absent;

    Parameter<Setting, Vector<T, Sizes.features>, Sizes.weight_group> weight;
    Parameter<Setting, Vector<T, Sizes.features>, Sizes.bias_group> bias;
    Parameter<Setting, Vector<T, Sizes.features>, Sizes.statistics_group> running_mean, running_var;
    Counter<T> batches;
    Input normal;
    Buffer<T, Input::width> inverse;

    template <class F> void each(F& f) {
        if constexpr (has_weight) f(weight);
        if constexpr (has_bias) f(bias);
        if constexpr (tracks) f(running_mean), f(running_var), f(batches);
    }

    template <class Batch> INLINE void forward(const Input& x, Output& y, const Batch& batch) {
        if constexpr (Setting::training)
            if (batch.training()) return forward_by_batch(x, y, batch);
        if constexpr (tracks) forward_by_running(x, y);
    }
    template <class Batch> INLINE void forward_by_batch(const Input& x, Output& y, const Batch& batch) {
        const T count = T(batch.rows);
        if constexpr (tracks) ++batches.value;
        for (int j = 0; j < Input::width; j += Lanes<T>) {
            Vec<T> mean = Zero<T>(), drift = Zero<T>(), variance = Zero<T>();
            for (int i = 0; i < batch.rows; ++i) mean += Load(x.row(i) + j);
            mean /= count;
            for (int i = 0; i < batch.rows; ++i) {
                const Vec<T> centred = Load(x.row(i) + j) - mean;
                drift += centred;
                variance += centred * centred;
            }
            // The rounding error of the mean (T. Chan, G. Golub, R. LeVeque, 1983), corrected so that equal samples become exactly 0.
            drift /= count;
            variance = Max(Zero<T>(), variance / count - drift * drift);
            if constexpr (tracks) {
                const T share = Constants::cumulative ? 1 / T(batches.value) : T(Constants::momentum);
                track(running_mean.value.at + j, mean, share);
                track(running_var.value.at + j, variance * (count / (count - 1)), share);
            }
            mean += drift;
            const Vec<T> scale = 1 / Sqrt(variance + T(Constants::eps));
            Store(scale, inverse.at + j);
            for (int i = 0; i < Setting::rows; ++i) {
                const Vec<T> n = (Load(x.row(i) + j) - mean) * scale;
                Store(n, normal.row(i) + j);
                Store(affine(n, j), y.row(i) + j);
            }
        }
    }
    // In evaluation the mean and s are the running ones.
    INLINE void forward_by_running(const Input& x, Output& y) const {
        for (int j = 0; j < Input::width; j += Lanes<T>) {
            const Vec<T> mean = Load(running_mean.value.at + j);
            const Vec<T> scale = 1 / Sqrt(Load(running_var.value.at + j) + T(Constants::eps));
            for (int i = 0; i < Setting::rows; ++i) Store(affine((Load(x.row(i) + j) - mean) * scale, j), y.row(i) + j);
        }
    }
    // n w + b
    INLINE Vec<T> affine(Vec<T> n, int j) const {
        if constexpr (has_weight) n *= Load(weight.value.at + j);
        if constexpr (has_bias) n += Load(bias.value.at + j);
        return n;
    }

    template <bool NeedsInputGrad, class Batch>
    INLINE void backward(const Input&, const Output&, Output& dy, Input* dx, const Batch& batch) {
        const T count = T(batch.rows);
        for (int j = 0; j < Input::width; j += Lanes<T>) {
            Vec<T> dweight = Zero<T>(), dbias = Zero<T>(), scale = Load(inverse.at + j);
            for (int i = 0; i < batch.rows; ++i) {
                dweight = MulAdd(Load(dy.row(i) + j), Load(normal.row(i) + j), dweight);
                dbias += Load(dy.row(i) + j);
            }
            if constexpr (has_weight) scale *= Load(weight.value.at + j);
            if constexpr (NeedsInputGrad)
                for (int i = 0; i < Setting::rows; ++i) {
                    const Vec<T> d = Load(dy.row(i) + j) - dbias / count - Load(normal.row(i) + j) * (dweight / count);
                    Store(i < batch.rows ? d * scale : Zero<T>(), dx->row(i) + j);
                }
            if constexpr (has_weight) weight.learn(batch.learner, j, dweight);
            if constexpr (has_bias) bias.learn(batch.learner, j, dbias);
        }
    }

    // A sum of products, since a difference of infinities would be NaN.
    static INLINE void track(T* running, Vec<T> newest, T share) {
        Store(share * newest + (1 - share) * Load(running), running);
    }
};

}  // namespace plaingrad
