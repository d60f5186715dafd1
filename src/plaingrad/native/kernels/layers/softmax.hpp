// The softmax of each sample, and its logarithm.
#pragma once

#include "base/lanes.hpp"
#include "base/math.hpp"
#include "rules/parameter.hpp"

namespace plaingrad {

// y = e^x / sum of e^x,  dx = y (dy - sum of dy y)
template <class Setting, int Features> struct Softmax {
    typedef typename Setting::T T;
    typedef Matrix<T, Setting::rows, Features> Input;
    typedef Input Output;

    template <class F> void each(F&) {}

    template <class Batch> INLINE void forward(const Input& x, Output& y, const Batch&) {
        for (int i = 0; i < Setting::rows; ++i) {
            const T top = largest<Features>(x.row(i));  // e^(x - top) does not overflow
            Vec<T> powers = Zero<T>();
            for (int j = 0; j < Input::width; j += Lanes<T>) {
                const Vec<T> e = IfThenElseZero(FirstN<T>(Features - j), exp(Load(x.row(i) + j) - top));
                Store(e, y.row(i) + j);
                powers += e;
            }
            const T all = ReduceSum(powers);
            for (int j = 0; j < Input::width; j += Lanes<T>) Store(Load(y.row(i) + j) / all, y.row(i) + j);
        }
    }
    template <bool NeedsInputGrad, class Batch>
    INLINE void backward(const Input&, const Output& y, Output& dy, Input* dx, const Batch&) {
        if constexpr (NeedsInputGrad)
            for (int i = 0; i < Setting::rows; ++i) {
                Vec<T> products = Zero<T>();
                for (int j = 0; j < Input::width; j += Lanes<T>)
                    products = MulAdd(Load(dy.row(i) + j), Load(y.row(i) + j), products);
                const T along = ReduceSum(products);
                for (int j = 0; j < Input::width; j += Lanes<T>)
                    Store(Load(y.row(i) + j) * (Load(dy.row(i) + j) - along), dx->row(i) + j);
            }
    }
};

// y = x - log(sum of e^x),  dx = dy - e^y sum of dy
template <class Setting, int Features> struct LogSoftmax {
    typedef typename Setting::T T;
    typedef Matrix<T, Setting::rows, Features> Input;
    typedef Input Output;

    template <class F> void each(F&) {}

    template <class Batch> INLINE void forward(const Input& x, Output& y, const Batch&) {
        for (int i = 0; i < Setting::rows; ++i) {
            const T top = largest<Features>(x.row(i));
            Vec<T> powers = Zero<T>();
            for (int j = 0; j < Input::width; j += Lanes<T>)
                powers += IfThenElseZero(FirstN<T>(Features - j), exp(Load(x.row(i) + j) - top));
            const Vec<T> all = log(Set<T>(ReduceSum(powers)));
            for (int j = 0; j < Input::width; j += Lanes<T>) Store((Load(x.row(i) + j) - top) - all, y.row(i) + j);
        }
    }
    template <bool NeedsInputGrad, class Batch>
    INLINE void backward(const Input&, const Output& y, Output& dy, Input* dx, const Batch&) {
        if constexpr (NeedsInputGrad)
            for (int i = 0; i < Setting::rows; ++i) {
                Vec<T> slopes = Zero<T>();
                for (int j = 0; j < Input::width; j += Lanes<T>) slopes += Load(dy.row(i) + j);
                const T all = ReduceSum(slopes);
                for (int j = 0; j < Input::width; j += Lanes<T>)
                    Store(Load(dy.row(i) + j) - IfThenElseZero(FirstN<T>(Features - j), exp(Load(y.row(i) + j)) * all),
                          dx->row(i) + j);
            }
    }
};

}  // namespace plaingrad
