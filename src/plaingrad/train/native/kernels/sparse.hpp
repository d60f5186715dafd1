// The first layer over data with many zeros, such as images and one-hot columns: what is zero is left out.
#pragma once

#include "linear.hpp"

namespace plaingrad {

// The same numbers as Wide gives. A block of a product shares its steps among a few rows; those at which all of them are
// zero are found once a batch and are not taken: columns of the data in x W^T, rows of the batch in x^T dz.
template <class Setting, int Inputs, int Outputs, class Activation, int WeightGroup, int BiasGroup>
struct SparseWide : Wide<Setting, Inputs, Outputs, Activation, WeightGroup, BiasGroup> {
    typedef typename Setting::T T;
    typedef Matrix<T, Setting::rows, Inputs> Input;
    typedef Matrix<T, Setting::rows, Outputs> Output;
    typedef Panels<T, Inputs, Outputs> Weight;
    static constexpr int rows = Setting::rows;

    // For each block of R rows, where one of M rows is not zero among K steps.
    template <int M, int R, int K> struct Lists {
        static constexpr int blocks = (M + R - 1) / R;
        Buffer<int, blocks * K> steps;
        Buffer<int, blocks> counts;
        INLINE Listed of_block(int i) const { return {steps.at + i * K, counts.at[i]}; }
    };
    template <int C> using Columns = Lists<rows, block_rows(rows, C), Inputs>;
    template <int C> using Samples = Lists<Inputs, block_rows(Inputs, C), rows>;

    static constexpr int width = padded<T>(Inputs) + 32;  // a block may reach beyond the inputs
    Buffer<unsigned char, rows * width> nonzero;
    Columns<Weight::wide> columns;
    Samples<Weight::wide> samples;
    Columns<Weight::last> last_columns;  // a narrower panel has higher blocks
    Samples<Weight::last> last_samples;

    template <class Batch> INLINE void forward(const Input& x, Output& y, const Batch&) {
        for (int i = 0; i < rows; ++i)
            for (int j = 0; j < Inputs; ++j) nonzero.at[i * width + j] = x.row(i)[j] != 0;
        each_panel<Weight>([&](auto panel_width, int vector) {
            constexpr int C = decltype(panel_width)::value;
            auto& lists = which<C>(columns, last_columns);
            if (vector == 0 || C != Weight::wide) list_columns(lists);
            auto finish = [&](int row, int v, Vec<T> sum) { this->finish(y, row, v, sum); };
            panel<rows, C, Input::stride, 1, C * lanes<T>>(
                x.row(0), this->weight.value.at + Weight::start(vector), lists, vector, finish);
        });
    }

    template <bool Wanted, class Batch>
    INLINE void backward(const Input& x, const Output& y, Output& dy, Input*, const Batch& batch) {
        static_assert(!Wanted, "only the first layer is sparse");
        this->backward_activation(y, dy, batch.learner);
        each_panel<Weight>([&](auto panel_width, int vector) {
            constexpr int C = decltype(panel_width)::value;
            auto& lists = which<C>(samples, last_samples);
            if (vector == 0 || C != Weight::wide) list_samples(lists);
            auto finish = [&](int input, int v, Vec<T> sum) { this->learn(batch.learner, input, v, sum); };
            panel<Inputs, C, 1, Input::stride, Output::stride>(
                x.row(0), dy.row(0) + vector * lanes<T>, lists, vector, finish);
        });
    }

    template <int C, class Wide, class Last> static INLINE auto& which(Wide& wide, Last& last) {
        if constexpr (C == Weight::wide) return wide;
        else return last;
    }
    template <int R> void list_columns(Lists<rows, R, Inputs>& lists) {
        for (int block = 0, top = 0; top < rows; ++block, top += R) {
            unsigned char any[width] = {};
            for (int i = top; i < top + R && i < rows; ++i)
                for (int j = 0; j < Inputs; ++j) any[j] |= nonzero.at[i * width + j];
            int count = 0, *list = lists.steps.at + block * Inputs;
            for (int j = 0; j < Inputs; ++j) list[count] = j, count += any[j];
            lists.counts.at[block] = count;
        }
    }
    template <int R> void list_samples(Lists<Inputs, R, rows>& lists) {
        constexpr int blocks = Lists<Inputs, R, rows>::blocks;
        int count[blocks] = {};
        for (int i = 0; i < rows; ++i)
            for (int block = 0; block < blocks; ++block) {
                const unsigned char* flags = nonzero.at + i * width + block * R;
                int any = 0;
#pragma GCC unroll 32
                for (int r = 0; r < R; ++r) any |= flags[r];
                lists.steps.at[block * rows + count[block]] = i;
                count[block] += any;
            }
        for (int block = 0; block < blocks; ++block) lists.counts.at[block] = count[block];
    }
};

// Narrow has its inputs along the lanes, where nothing can be left out.
template <class Setting, int Inputs, int Outputs, class Activation, int WeightGroup, int BiasGroup>
using Sparse = Either<is_narrow<Setting, Outputs>, Narrow<Setting, Inputs, Outputs, Activation, WeightGroup, BiasGroup>,
                      SparseWide<Setting, Inputs, Outputs, Activation, WeightGroup, BiasGroup>>;

}  // namespace plaingrad
