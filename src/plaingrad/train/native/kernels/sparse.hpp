// The first layer over data with many zeros, such as images and one-hot columns: what is zero is left out.
#pragma once

#include "linear.hpp"

namespace plaingrad {

// The same numbers as Wide gives. A block of a product takes only the steps at which one of its rows is not zero: columns
// of the data in x W^T, rows of the batch in x^T dz. They are found once a batch. The fewer rows share them, the more is
// left out; two are the fewest for which loading W or dz does not take longer than the arithmetic, and the wide panels
// keep as many sums under way.
template <class Setting, int Inputs, int Outputs, class Activation, int WeightGroup, int BiasGroup>
struct SparseWide : Wide<Setting, Inputs, Outputs, Activation, WeightGroup, BiasGroup, registers / 4> {
    typedef typename Setting::T T;
    typedef Matrix<T, Setting::rows, Inputs> Input;
    typedef Matrix<T, Setting::rows, Outputs> Output;
    typedef Panels<T, Inputs, Outputs, registers / 4> Weight;
    static constexpr int rows = Setting::rows;

    // For each pair of M rows, where one of the two is not zero among K steps.
    template <int M, int K> struct Lists {
        static constexpr int pairs = (M + 1) / 2;
        Buffer<int, pairs * K> steps;
        Buffer<int, pairs> counts;
        INLINE Listed of_block(int i) const { return {steps.at + i * K, counts.at[i]}; }
    };
    Lists<rows, Inputs> columns;
    Lists<Inputs, rows> samples;

    template <class Batch> INLINE void forward(const Input& x, Output& y, const Batch&) {
        list(x);
        each_panel<Weight>([&](auto width, int vector) {
            constexpr int C = decltype(width)::value;
            auto finish = [&](int row, int v, Vec<T> sum) { this->finish(y, row, v, sum); };
            panel<rows, 2, C, Input::stride, 1, C * lanes<T>>(
                x.row(0), this->weight.value.at + Weight::start(vector), columns, vector, finish);
        });
    }

    template <bool Wanted, class Batch>
    INLINE void backward(const Input& x, const Output& y, Output& dy, Input*, const Batch& batch) {
        static_assert(!Wanted, "only the first layer is sparse");
        this->backward_activation(y, dy, batch.learner);
        each_panel<Weight>([&](auto width, int vector) {
            constexpr int C = decltype(width)::value;
            auto finish = [&](int input, int v, Vec<T> sum) { this->learn(batch.learner, input, v, sum); };
            panel<Inputs, 2, C, 1, Input::stride, Output::stride>(
                x.row(0), dy.row(0) + vector * lanes<T>, samples, vector, finish);
        });
    }

    // Each step is written down, and counted if it is needed: a branch would be mispredicted half the time.
    void list(const Input& x) {
        alignas(vector_bytes) Int<T> any[Input::width + 1];  // 0, or -1 where a number is not zero
        for (int i = 0; i < rows; i += 2) {
            const T *one = x.row(i), *other = x.row(i + 1 < rows ? i + 1 : i);
            for (int j = 0; j < Inputs; j += lanes<T>)
                store<Int<T>>(any + j, (load(one + j) != 0) | (load(other + j) != 0));
            int count = 0, *steps = columns.steps.at + i / 2 * Inputs;
            for (int j = 0; j < Inputs; ++j) steps[count] = j, count -= int(any[j]);
            columns.counts.at[i / 2] = count;
        }
        for (int pair = 0; pair < samples.pairs; ++pair) samples.counts.at[pair] = 0;
        for (int i = 0; i < rows; ++i) {
            for (int j = 0; j < Inputs; j += lanes<T>) store<Int<T>>(any + j, load(x.row(i) + j) != 0);
            if constexpr (Inputs % 2 > 0) any[Inputs] = 0;
            for (int pair = 0; pair < samples.pairs; ++pair) {
                int& count = samples.counts.at[pair];
                samples.steps.at[pair * rows + count] = i;
                count -= int(any[2 * pair] | any[2 * pair + 1]);
            }
        }
    }
};

// Narrow has its inputs along the lanes, where nothing can be left out.
template <class Setting, int Inputs, int Outputs, class Activation, int WeightGroup, int BiasGroup>
using Sparse = Either<is_narrow<Setting, Outputs>, Narrow<Setting, Inputs, Outputs, Activation, WeightGroup, BiasGroup>,
                      SparseWide<Setting, Inputs, Outputs, Activation, WeightGroup, BiasGroup>>;

}  // namespace plaingrad
