// Dropout, with the masks that Python draws from the same counters.
#pragma once

#include "rules/parameter.hpp"

namespace plaingrad {

// Unsigned integers of 64 bits, one for each lane of T.
template <class T> struct CountersOf { typedef Word type __attribute__((vector_size(8 * Lanes<T>))); };
template <class T> using Counters = typename CountersOf<T>::type;

// Widynski's "Squares": from each counter a random number of 32 bits, in place.
template <class C> INLINE void squares(C& counters, Word key) {
    const C y = counters * key, z = y + key;
    C x = y * y + y;
    x = x << 32 | x >> 32, x = x * x + z;
    x = x << 32 | x >> 32, x = x * x + y;
    x = x << 32 | x >> 32, x = x * x + z;
    counters = x >> 32;
}

// The number of features, and of the module among all dropouts.
struct DropoutSizes { int features, number; };

// y = x in evaluation, and in training
// y = x m,  dx = dy m,  m_i = scale where squares(2^32 d + i) < limit, else 0, at draw number d and element i of the batch
template <class Setting, DropoutSizes Sizes, class Constants> struct Dropout {
    typedef typename Setting::T T;
    typedef Matrix<T, Setting::rows, Sizes.features> Input;
    typedef Input Output;

    Input mask;

    template <class F> void each(F&) {}

    template <class Batch> INLINE void forward(const Input& x, Output& y, const Batch& batch) {
        if (!batch.training()) return void(y = x);
        const Word key = batch.call.keys[Sizes.number], draw = batch.call.draws[Sizes.number] + batch.step;
        const Counters<T> lane = __builtin_convertvector(Iota<T>(), Counters<T>);
        for (int i = 0; i < Setting::rows; ++i)
            for (int j = 0; j < Input::width; j += Lanes<T>) {
                Counters<T> r = lane + ((draw << 32) + (Word)((batch.first + i) * Sizes.features + j));
                squares(r, key);
                const Vec<Int<T>> kept = __builtin_convertvector(r < (Word)Constants::limit, Vec<Int<T>>);
                const Vec<T> m = IfThenElseZero(kept, Set<T>(T(Constants::scale)));
                Store(m, mask.row(i) + j);
                Store(Load(x.row(i) + j) * m, y.row(i) + j);
            }
    }
    template <bool NeedsInputGrad, class Batch>
    INLINE void backward(const Input&, const Output&, Output& dy, Input* dx, const Batch&) {
        if constexpr (NeedsInputGrad)
            for (int i = 0; i < Setting::rows; ++i)
                for (int j = 0; j < Input::width; j += Lanes<T>)
                    Store(Load(dy.row(i) + j) * Load(mask.row(i) + j), dx->row(i) + j);
    }
};

}  // namespace plaingrad
