// A table of learned vectors.
#pragma once

#include "rules/parameter.hpp"

namespace plaingrad {

// A row for each of the table's vectors, padded.
template <class T, int Rows, int Size> struct Table {
    static constexpr int height = Rows, length = Size, width = padded<T>(Size), size = Rows * width;
    static constexpr bool turned = false;
    static constexpr int place(int row, int column) { return row * width + column; }
};

// y = W[x],  dW[k] = sum of dy over the batch's x = k, but not for k = padding. The x stand in columns of the input from
// `From` on, and their vectors in columns of the output from `To` on.
template <class Setting, int From, int Columns, int To, int Rows, int Size, int Padding, int Group> struct LookUp {
    typedef typename Setting::T T;
    typedef Table<T, Rows, Size> Layout;
    typedef Parameter<Setting, Layout, Group> Weight;

    Weight weight;
    Buffer<T, Weight::learned ? Layout::size : 0> gradient;  // 0 between the batches

    template <class Input> static INLINE int index(const Input& x, int i, int c) { return int(x.row(i)[From + c]); }

    template <class Input, class Output> INLINE void forward(const Input& x, Output& y) const {
        for (int i = 0; i < Setting::rows; ++i)
            for (int c = 0; c < Columns; ++c) {
                const T* found = weight.value.at + index(x, i, c) * Layout::width;
                __builtin_memcpy(y.row(i) + To + c * Size, found, Size * sizeof(T));
            }
    }
    template <class Input, class Output, class Batch>
    INLINE void backward(const Input& x, const Output& dy, const Batch& batch) {
        if constexpr (Weight::learned) {
            for (int i = 0; i < batch.rows; ++i)
                for (int c = 0; c < Columns; ++c)
                    if (index(x, i, c) != Padding) add(index(x, i, c), dy.row(i) + To + c * Size);
            if constexpr (Setting::Rule::rests && !Setting::deferred) {  // all other rows stay as they are
                for (int i = 0; i < batch.rows; ++i)
                    for (int c = 0; c < Columns; ++c) learn(index(x, i, c), batch);
            } else
                for (int k = 0; k < Rows; ++k) learn(k, batch);
        }
    }
    INLINE void add(int row, const T* d) {
        for (int k = 0; k < Size; ++k) gradient.at[row * Layout::width + k] += d[k];
    }
    template <class Batch> INLINE void learn(int row, const Batch& batch) {
        for (int place = row * Layout::width; place < (row + 1) * Layout::width; place += lanes<T>) {
            weight.learn(batch.learner, place, load(gradient.at + place));
            store(gradient.at + place, zero<T>());
        }
    }
};

// Columns of the data that are not looked up.
template <int... Columns> struct Passed {
    template <class Input, class Output> static INLINE void forward(const Input& x, Output& y) {
        for (int i = 0; i < Input::rows; ++i) {
            auto* to = y.row(i);
            ((*to++ = x.row(i)[Columns]), ...);
        }
    }
};

// The data: columns that pass, and then what is looked up for the others. Rows without a sample hold what some sample had
// there, or 0, and this is in every table.
template <class Setting, class Given, int Columns, int Width, class Passing, class... Tables> struct Embedding {
    typedef Matrix<Given, Setting::rows, Columns> Input;
    typedef Matrix<typename Setting::T, Setting::rows, Width> Output;

    template <class F> void each(F&) {}
    template <class Batch> INLINE void forward(const Input& x, Output& y, const Batch&) { Passing::forward(x, y); }
    template <bool Wanted, class Batch>
    INLINE void backward(const Input&, const Output&, Output&, Input*, const Batch&) {}
};

// With the first table and the rest of them.
template <class Setting, class Given, int Columns, int Width, class Passing, class Table, class... Tables>
struct Embedding<Setting, Given, Columns, Width, Passing, Table, Tables...> {
    typedef Embedding<Setting, Given, Columns, Width, Passing, Tables...> Rest;
    typedef typename Rest::Input Input;
    typedef typename Rest::Output Output;

    Table table;
    Rest rest;

    template <class F> void each(F& f) {
        f(table.weight);
        rest.each(f);
    }
    template <class Batch> INLINE void forward(const Input& x, Output& y, const Batch& batch) {
        table.forward(x, y);
        rest.forward(x, y, batch);
    }
    // There is no gradient by indices, and none of the data is wanted.
    template <bool Wanted, class Batch>
    INLINE void backward(const Input& x, const Output& y, Output& dy, Input* dx, const Batch& batch) {
        table.backward(x, dy, batch);
        rest.template backward<Wanted>(x, y, dy, dx, batch);
    }
};

}  // namespace plaingrad
