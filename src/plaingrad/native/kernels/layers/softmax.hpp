// Numbers of a sample into probabilities, or into their logarithms.
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
            const T top = largest<T, Features>(x.row(i));  // e^0: nothing overflows
            Vec<T> powers = zero<T>();
            for (int j = 0; j < Input::width; j += lanes<T>) {
                const Vec<T> e = first(Features - j, exp(load(x.row(i) + j) - top));
                store(y.row(i) + j, e);
                powers += e;
            }
            const T all = sum<T>(powers);
            for (int j = 0; j < Input::width; j += lanes<T>) store(y.row(i) + j, load(y.row(i) + j) / all);
        }
    }
    template <bool Wanted, class Batch>
    INLINE void backward(const Input&, const Output& y, Output& dy, Input* dx, const Batch&) {
        if constexpr (Wanted)
            for (int i = 0; i < Setting::rows; ++i) {
                Vec<T> products = zero<T>();
                for (int j = 0; j < Input::width; j += lanes<T>) products += load(dy.row(i) + j) * load(y.row(i) + j);
                const T along = sum<T>(products);
                for (int j = 0; j < Input::width; j += lanes<T>)
                    store(dx->row(i) + j, load(y.row(i) + j) * (load(dy.row(i) + j) - along));
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
            const T top = largest<T, Features>(x.row(i));
            Vec<T> powers = zero<T>();
            for (int j = 0; j < Input::width; j += lanes<T>) powers += first(Features - j, exp(load(x.row(i) + j) - top));
            const Vec<T> all = log(zero<T>() + sum<T>(powers));
            for (int j = 0; j < Input::width; j += lanes<T>) store(y.row(i) + j, (load(x.row(i) + j) - top) - all);
        }
    }
    template <bool Wanted, class Batch>
    INLINE void backward(const Input&, const Output& y, Output& dy, Input* dx, const Batch&) {
        if constexpr (Wanted)
            for (int i = 0; i < Setting::rows; ++i) {
                Vec<T> slopes = zero<T>();
                for (int j = 0; j < Input::width; j += lanes<T>) slopes += load(dy.row(i) + j);
                const T all = sum<T>(slopes);
                for (int j = 0; j < Input::width; j += lanes<T>)
                    store(dx->row(i) + j, load(dy.row(i) + j) - first(Features - j, exp(load(y.row(i) + j)) * all));
            }
    }
};

}  // namespace plaingrad
