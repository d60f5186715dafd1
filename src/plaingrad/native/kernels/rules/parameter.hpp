// What is learned: a parameter's values as the kernels like them, and what the update rule remembers of them.
#pragma once

#include "base/lanes.hpp"
#include "rules/rule.hpp"

namespace plaingrad {

// What all the layers of a network agree on is a struct, named by the generated source: the element type T, the number
// of rows in a batch, the update Rule, whether its weight decay is meant for one sample, and whether updates are `deferred`
// until all gradients are known (to clip their norm, or to add up those of several threads); else each vector of a parameter
// is updated as soon as its gradient is there.

// The group of the optimizer that a parameter belongs to, unless it is one of these. What is `tracked` is no parameter:
// the layer itself changes it, as running statistics, and Python gets it back.
constexpr int frozen = -1, absent = -2, tracked = -3;

// The rules of all groups, at the current step.
template <class Setting> struct Learner {
    typename Setting::Rule rule[Setting::groups];

    INLINE void start(const double* options, const long* taken) {
        for (int g = 0; g < Setting::groups; ++g) rule[g].start(options + g * Setting::options, taken[g]);
    }
    INLINE void share(double samples) {
        for (auto& each : rule) each.share(samples);
    }
    INLINE void begin(const double* rates) {
        for (int g = 0; g < Setting::groups; ++g) rule[g].begin(rates[g]);
    }
    INLINE void end() {
        for (auto& each : rule) each.end();
    }
};

// One parameter. The layout says where element (row, column) of the tensor that Python holds lies, and whether it is
// `turned`: whether the tensor's columns lie along the lanes, rather than its rows.
template <class Setting, class Layout, int Group> struct Parameter {
    typedef typename Setting::T T;
    typedef typename Setting::Rule Rule;
    static constexpr bool learned = Group >= 0;
    static constexpr int states = learned ? Rule::states : 0, size = Layout::size;

    Buffer<T, Layout::size> value;
    Buffer<T, Layout::size * states> state;  // the states of one vector lie side by side
    Buffer<T, learned && Setting::deferred ? Layout::size : 0> gradient;

    // The gradient of the vector that begins at `place` is being computed. Of a parameter that the nearer caches do not hold,
    // what the update needs is on its way in the meantime.
    INLINE void fetch(int place) const {
        constexpr bool far = sizeof value + sizeof state > (1 << 18);
        if constexpr (far && learned && !Setting::deferred) {
            __builtin_prefetch(value.at + place, 1);
            for (int s = 0; s < states; ++s) __builtin_prefetch(state.at + place * states + s * lanes<T>, 1);
        }
    }
    // The gradient of the vector that begins at `place` has been found.
    INLINE void learn(const Learner<Setting>& learner, int place, Vec<T> g) {
        if constexpr (learned && Setting::deferred) store(gradient.at + place, g);
        else if constexpr (learned) update(learner, place, g);
    }
    INLINE void update(const Learner<Setting>& learner, int place, Vec<T> g) {
        Vec<T> x = load(value.at + place), memory[states > 0 ? states : 1];
        T* remembered = state.at + place * states;
        for (int s = 0; s < states; ++s) memory[s] = load(remembered + s * lanes<T>);
        learner.rule[Group].apply(x, memory, g);
        store(value.at + place, x);
        for (int s = 0; s < states; ++s) store(remembered + s * lanes<T>, memory[s]);
    }

    // What the weight decay adds to the loss: decay / 2 |value|^2
    double penalty(const Learner<Setting>& learner) const {
        if constexpr (learned && Rule::penalises)
            if (const double decay = learner.rule[Group].decay) return decay / 2 * squares_of(value.at);
        return 0;
    }
    // Several sums side by side, for each addition waits for the one before it.
    static double squares_of(const T* numbers) {
        constexpr int sides = 4, whole = Layout::size / (sides * lanes<T>) * sides * lanes<T>;
        Vec<T> sums[sides] = {};
        for (int i = 0; i < whole; i += sides * lanes<T>)
            for (int j = 0; j < sides; ++j) sums[j] += square_at(numbers + i + j * lanes<T>);
        for (int i = whole; i < Layout::size; i += lanes<T>) sums[0] += square_at(numbers + i);
        return double(sum<T>(sums[0] + sums[1] + (sums[2] + sums[3])));
    }
    INLINE static Vec<T> square_at(const T* place) {
        const Vec<T> x = load(place);
        return x * x;
    }

    // With deferred updates: the sum of the gradient's squares, and the update of all vectors with it, scaled.
    double squares() const {
        if constexpr (learned) return squares_of(gradient.at);
        return 0;
    }
    void scale_gradient(T factor) {
        if constexpr (learned)
            for (int i = 0; i < Layout::size; i += lanes<T>) store(gradient.at + i, factor * load(gradient.at + i));
    }
    void update_all(const Learner<Setting>& learner, T scale) {
        if constexpr (learned)
            for (int i = 0; i < Layout::size; i += lanes<T>) update(learner, i, scale * load(gradient.at + i));
    }

    // Copy from Python's tensors, and back: the value, then each state.
    NOINLINE void read(T* const* tensors) {
        each_square([&](int s, int top, int left) {
            const T* from = tensors[s] + top * Layout::length + left;
            Vec<T> square[lanes<T>];
            for (int i = 0; i < lanes<T>; ++i)
                square[i] = top + i < Layout::height ? load_some(from + i * Layout::length, Layout::length - left) : blank<T>();
            if constexpr (Layout::turned) transpose<T>(square);
            for (int i = 0; i < lanes<T>; ++i)
                if (holds(top, left, i)) store(const_cast<T*>(vector(s, top, left, i)), square[i]);
        });
    }
    NOINLINE void write(T* const* tensors) const {
        if constexpr (learned || Group == tracked) each_square([&](int s, int top, int left) {
            T* to = tensors[s] + top * Layout::length + left;
            Vec<T> square[lanes<T>];
            for (int i = 0; i < lanes<T>; ++i) square[i] = holds(top, left, i) ? load(vector(s, top, left, i)) : blank<T>();
            if constexpr (Layout::turned) transpose<T>(square);
            for (int i = 0; i < lanes<T> && top + i < Layout::height; ++i)
                store_some(to + i * Layout::length, Layout::length - left, square[i]);
        });
    }

private:
    // The squares of Python's tensors, as many elements high and wide as a vector has lanes. The vectors of a square here lie
    // along its rows, or if the layout is turned along its columns.
    template <class F> static void each_square(F square) {
        for (int s = 0; s <= states; ++s)
            for (int top = 0; top < Layout::height; top += lanes<T>)
                for (int left = 0; left < Layout::length; left += lanes<T>) square(s, top, left);
    }
    static bool holds(int top, int left, int i) {
        return Layout::turned ? left + i < Layout::length : top + i < Layout::height;
    }
    const T* vector(int s, int top, int left, int i) const {
        const int place = Layout::turned ? Layout::place(top, left + i) : Layout::place(top + i, left);
        return s == 0 ? value.at + place : state.at + place * states + (s - 1) * lanes<T>;
    }
};

template <class Setting, class Layout> struct Parameter<Setting, Layout, absent> {};

// The norm of a gradient that has been multiplied by `unit`, a power of two, so that its squares neither overflow nor
// vanish; the gradient is to be multiplied by `scale` for a norm of at most the bound, which undoes the unit as well.
template <class T> struct GradientNorm {
    double squares, unit = 1;

    // Whether the sum of squares is as good as if it had been taken with any range of exponents.
    bool is_exact() const {
        constexpr double least = sizeof(T) == 4 ? 0x1p-80 : 0x1p-900, most = sizeof(T) == 4 ? 0x1p120 : 0x1p1000;
        return squares > least && squares < most;
    }
    double better_unit() const {
        constexpr double large = sizeof(T) == 4 ? 0x1p80 : 0x1p600;
        return squares < 1 ? large : 1 / large;
    }
    T scale(double bound) const {
        const double norm = __builtin_sqrt(squares) + 1e-6 * unit;
        return T(bound * unit >= norm ? 1 / unit : bound / norm);
    }
};

// What the weight decay adds to the loss, of all parameters of a network.
template <class Network, class Setting> double penalty(Network& network, const Learner<Setting>& learner) {
    double sum = 0;
    auto add = [&](auto& parameter) { sum += parameter.penalty(learner); };
    network.each(add);
    return sum;
}

// Copy all parameters of a network from Python's tensors, and back: of each parameter in order its value and its states.
template <class Network, class T> void read_parameters(Network& network, T* const* tensors) {
    auto read = [&](auto& parameter) { parameter.read(tensors), tensors += 1 + parameter.states; };
    network.each(read);
}
template <class Network, class T> void write_parameters(Network& network, T* const* tensors) {
    auto write = [&](auto& parameter) { parameter.write(tensors), tensors += 1 + parameter.states; };
    network.each(write);
}

// A whole number that a layer counts, kept with its parameters.
template <class T> struct Counter {
    static constexpr int states = 0;
    long value;

    double squares() const { return 0; }
    template <class T1> void scale_gradient(T1) {}
    template <class Learner> double penalty(const Learner&) const { return 0; }
    template <class Learner> void update_all(const Learner&, T) {}
    void read(T* const* tensors) { __builtin_memcpy(&value, tensors[0], sizeof value); }
    void write(T* const* tensors) const { __builtin_memcpy(tensors[0], &value, sizeof value); }
};

// A vector, such as a bias.
template <class T, int Size> struct Vector {
    static constexpr int height = 1, length = Size, size = padded<T>(Size);
    static constexpr bool turned = false;
    static constexpr int place(int, int column) { return column; }
};

}  // namespace plaingrad
