// A table of learned vectors.
#pragma once

#include "parameter.hpp"

namespace plaingrad {

// A row for each of the table's vectors, padded.
template <class T, int Rows, int Size> struct Table {
    static constexpr int height = Rows, length = Size, width = padded<T>(Size), size = Rows * width;
    static constexpr bool turned = false;
    static constexpr int place(int row, int column) { return row * width + column; }
};

// y_c = W[x_c] for each column c of indices,  dW[k] = sum of dy_c over the batch's x_c = k, but not for k = padding
template <class Setting, class Index, int Columns, int Rows, int Size, int Padding, int Group> struct Embedding {
    typedef typename Setting::T T;
    typedef Table<T, Rows, Size> Layout;
    typedef Parameter<Setting, Layout, Group> Weight;
    typedef Matrix<Index, Setting::rows, Columns> Input;
    typedef Matrix<T, Setting::rows, Columns * Size> Output;

    Weight weight;
    Buffer<T, Weight::learned ? Layout::size : 0> gradient;  // 0 between the batches

    template <class F> void each(F& f) { f(weight); }

    template <class Batch> INLINE void forward(const Input& x, Output& y, const Batch&) {
        for (int i = 0; i < Setting::rows; ++i)
            for (int c = 0; c < Columns; ++c)
                __builtin_memcpy(y.row(i) + c * Size, weight.value.at + x.row(i)[c] * Layout::width, Size * sizeof(T));
    }

    template <bool Wanted, class Batch>
    INLINE void backward(const Input& x, const Output&, Output& dy, Input*, const Batch& batch) {
        if constexpr (Weight::learned) {
            for (int i = 0; i < batch.rows; ++i)
                for (int c = 0; c < Columns; ++c)
                    if (x.row(i)[c] != Padding) add(gradient.at + x.row(i)[c] * Layout::width, dy.row(i) + c * Size);
            if constexpr (Setting::Rule::rests && !Setting::deferred) {  // all other rows stay as they are
                for (int i = 0; i < batch.rows; ++i)
                    for (int c = 0; c < Columns; ++c) learn(int(x.row(i)[c]), batch);
            } else
                for (int k = 0; k < Rows; ++k) learn(k, batch);
        }
    }
    static INLINE void add(T* sum, const T* d) {
        for (int k = 0; k < Size; ++k) sum[k] += d[k];
    }
    template <class Batch> INLINE void learn(int row, const Batch& batch) {
        for (int place = row * Layout::width; place < (row + 1) * Layout::width; place += lanes<T>) {
            weight.learn(batch.learner, place, load(gradient.at + place));
            store(gradient.at + place, zero<T>());
        }
    }
};

}  // namespace plaingrad
