// Normalisation over the batch.
#pragma once

#include "base/math.hpp"
#include "rules/parameter.hpp"

namespace plaingrad {

// n = (x - mean) / s,  y = n w + b,  s^2 = mean of (x - mean)^2 + eps,  with the means over the batch of `count` samples
// dw = sum of dy n,  db = sum of dy,  dx = (dy - db / count - n dw / count) w / s
//
// Running statistics move towards those of the batch by the share `momentum`, or (cumulative) 1 / batches so far.
template <class Setting, int Features, class Constants, int WeightGroup, int BiasGroup, int StatisticsGroup>
struct BatchNorm {
    typedef typename Setting::T T;
    typedef Matrix<T, Setting::rows, Features> Input;
    typedef Input Output;
    static constexpr bool has_weight = WeightGroup != absent, has_bias = BiasGroup != absent;
    static constexpr bool tracks = StatisticsGroup != absent;

    Parameter<Setting, Vector<T, Features>, WeightGroup> weight;
    Parameter<Setting, Vector<T, Features>, BiasGroup> bias;
    Parameter<Setting, Vector<T, Features>, StatisticsGroup> running_mean, running_var;
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
        for (int j = 0; j < Input::width; j += lanes<T>) {
            Vec<T> mean = zero<T>(), drift = zero<T>(), variance = zero<T>();
            for (int i = 0; i < batch.rows; ++i) mean += load(x.row(i) + j);
            mean /= count;
            for (int i = 0; i < batch.rows; ++i) {
                const Vec<T> centred = load(x.row(i) + j) - mean;
                drift += centred;
                variance += centred * centred;
            }
            // By how much rounding has missed the mean (T. Chan, G. Golub, R. LeVeque, 1983): what is alike becomes 0.
            drift /= count;
            variance = at_least(T(0), variance / count - drift * drift);
            if constexpr (tracks) {
                const T share = Constants::cumulative ? 1 / T(batches.value) : T(Constants::momentum);
                track(running_mean.value.at + j, mean, share);
                track(running_var.value.at + j, variance * (count / (count - 1)), share);
            }
            mean += drift;
            const Vec<T> scale = 1 / sqrt(variance + T(Constants::eps));
            store(inverse.at + j, scale);
            for (int i = 0; i < Setting::rows; ++i) {
                const Vec<T> n = (load(x.row(i) + j) - mean) * scale;
                store(normal.row(i) + j, n);
                store(y.row(i) + j, affine(n, j));
            }
        }
    }
    // In evaluation the mean and s are the running ones.
    INLINE void forward_by_running(const Input& x, Output& y) const {
        for (int j = 0; j < Input::width; j += lanes<T>) {
            const Vec<T> mean = load(running_mean.value.at + j);
            const Vec<T> scale = 1 / sqrt(load(running_var.value.at + j) + T(Constants::eps));
            for (int i = 0; i < Setting::rows; ++i) store(y.row(i) + j, affine((load(x.row(i) + j) - mean) * scale, j));
        }
    }
    // n w + b
    INLINE Vec<T> affine(Vec<T> n, int j) const {
        if constexpr (has_weight) n *= load(weight.value.at + j);
        if constexpr (has_bias) n += load(bias.value.at + j);
        return n;
    }

    template <bool Wanted, class Batch>
    INLINE void backward(const Input&, const Output&, Output& dy, Input* dx, const Batch& batch) {
        const T count = T(batch.rows);
        for (int j = 0; j < Input::width; j += lanes<T>) {
            Vec<T> dweight = zero<T>(), dbias = zero<T>(), scale = load(inverse.at + j);
            for (int i = 0; i < batch.rows; ++i) {
                dweight += load(dy.row(i) + j) * load(normal.row(i) + j);
                dbias += load(dy.row(i) + j);
            }
            if constexpr (has_weight) scale *= load(weight.value.at + j);
            if constexpr (Wanted)
                for (int i = 0; i < Setting::rows; ++i) {
                    const Vec<T> d = load(dy.row(i) + j) - dbias / count - load(normal.row(i) + j) * (dweight / count);
                    store(dx->row(i) + j, i < batch.rows ? d * scale : zero<T>());
                }
            if constexpr (has_weight) weight.learn(batch.learner, j, dweight);
            if constexpr (has_bias) bias.learn(batch.learner, j, dbias);
        }
    }

    // As a sum of products, for a difference of infinities is NaN.
    static INLINE void track(T* running, Vec<T> newest, T share) {
        store(running, share * newest + (1 - share) * load(running));
    }
};

}  // namespace plaingrad
