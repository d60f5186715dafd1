// Update rules: new values of a parameter and of the rule's states for it, from the gradient.
#pragma once

#include "base/math.hpp"
#include "base/matrix.hpp"

namespace plaingrad {

// Every rule is a struct over the element type and a tag of flags, which say at compile time which terms it has.
// `start` gets the options, in the order of the rule's list in Python, and how many steps it has taken before;
// `share` divides the weight decay by the weight of a batch's samples, if it is meant for one; `begin` starts the next
// step; `apply` changes one vector of a parameter's value and of each of its states, and leaves all of them as they are
// where the gradient is 0, if `zero_gradient_is_noop`.

// Common to all rules: g <- -g to maximize, g <- g + weight_decay value
template <class T, class Flags> struct Rule {
    T lr, weight_decay;
    double decay, decay_option;
    static constexpr bool penalises = true;  // the weight decay is the gradient of a penalty

    INLINE void decays(double option) { decay = decay_option = option, weight_decay = T(decay); }
    INLINE void share(double samples) { decay = samples ? decay_option / samples : 0, weight_decay = T(decay); }
    INLINE Vec<T> decayed(Vec<T> value, Vec<T> g) const {
        if constexpr (Flags::maximize) g = -g;
        if constexpr (Flags::weight_decay) g += weight_decay * value;
        return g;
    }
};

// v <- momentum v + (1 - dampening) g,  value <- value - lr v,  where the first v is g itself;
// with Nesterov's momentum value <- value - lr (g + momentum v)
template <class T, class Flags> struct SGD : Rule<T, Flags> {
    static constexpr int states = Flags::momentum;
    static constexpr bool zero_gradient_is_noop = !Flags::momentum && !Flags::weight_decay;
    T momentum, keep, add, undamped;

    void start(const double* options, Whole taken) {
        this->decays(options[0]), momentum = T(options[1]), undamped = T(1 - options[2]);
        keep = taken ? momentum : T(0), add = taken ? undamped : T(1);
    }
    INLINE void begin(double lr) { this->lr = T(lr); }
    INLINE void end() { keep = momentum, add = undamped; }
    INLINE void apply(Vec<T>& value, Vec<T>* state, Vec<T> g) const {
        g = this->decayed(value, g);
        if constexpr (Flags::momentum) {
            Vec<T>& v = state[0];
            v = keep * v + add * g;
            if constexpr (Flags::nesterov) g += momentum * v;
            else g = v;
        }
        value -= this->lr * g;
    }
};

// m <- b1 m + (1 - b1) g,  v <- b2 v + (1 - b2) g^2,  value <- value - lr m' / (sqrt(v') + eps)
// with m' = m / (1 - b1^t) and v' = v / (1 - b2^t), written so that a vector needs one division and one root.
// amsgrad divides by the largest v so far; decoupled weight decay shrinks the value itself; epsilon_hat adds eps to sqrt(v).
template <class T, class Flags> struct Adam : Rule<T, Flags> {
    static constexpr int states = 2 + Flags::amsgrad;
    static constexpr bool zero_gradient_is_noop = false, penalises = !Flags::decoupled;
    double b1, b2, eps, power1, power2;
    Whole t;
    T add1, keep2, add2, epsilon, shrink;

    void start(const double* options, Whole taken) {
        this->decays(options[0]), b1 = options[1], b2 = options[2], eps = options[3];
        add1 = T(1 - b1), keep2 = T(b2), add2 = T(1 - b2);
        t = taken - taken % restart_interval;
        for (restart_powers(); t < taken; ++t) power1 *= b1, power2 *= b2;
    }
    // Powers are products from step to step, computed afresh at fixed steps: the bits do not depend on how a run is cut into
    // calls.
    static constexpr Whole restart_interval = 64;
    void restart_powers() { power1 = __builtin_pow(b1, double(t)), power2 = __builtin_pow(b2, double(t)); }

    INLINE void begin(double lr) {
        if (++t % restart_interval == 0) restart_powers();
        else power1 *= b1, power2 *= b2;
        double root = __builtin_sqrt(1 - power2);
        this->lr = T(lr * root / (1 - power1)), shrink = T(1 - lr * this->decay);
        epsilon = T(Flags::epsilon_hat ? eps : eps * root);
    }
    INLINE void end() {}
    INLINE void apply(Vec<T>& value, Vec<T>* state, Vec<T> g) const {
        if constexpr (Flags::decoupled) {
            if constexpr (Flags::maximize) g = -g;
            value *= shrink;
        } else g = this->decayed(value, g);
        Vec<T>&m = state[0], &v = state[1];
        m += add1 * (g - m);
        v = keep2 * v + add2 * g * g;
        Vec<T> scale = v;
        if constexpr (Flags::amsgrad) scale = state[2] = Max(state[2], v);
        value -= quotient(this->lr * m, Sqrt(scale) + epsilon);
    }
};

// s <- alpha s + (1 - alpha) g^2,  value <- value - lr g / (sqrt(s) + eps);  centered: s less the square of the mean of g;
// with momentum b <- momentum b + g / (sqrt(s) + eps),  value <- value - lr b
template <class T, class Flags> struct RMSprop : Rule<T, Flags> {
    static constexpr int states = 1 + Flags::centered + Flags::momentum;
    static constexpr bool zero_gradient_is_noop = false;
    T keep, add, epsilon, momentum;

    void start(const double* options, Whole) {
        this->decays(options[0]), keep = T(options[1]), add = T(1 - options[1]);
        epsilon = T(options[2]), momentum = T(options[3]);
    }
    INLINE void begin(double lr) { this->lr = T(lr); }
    INLINE void end() {}
    INLINE void apply(Vec<T>& value, Vec<T>* state, Vec<T> g) const {
        g = this->decayed(value, g);
        Vec<T> s = state[0] = keep * state[0] + add * g * g;
        if constexpr (Flags::centered) {
            Vec<T>& mean = state[1];
            mean += add * (g - mean);
            s = Max(s - mean * mean, Zero<T>());
        }
        g = quotient(g, Sqrt(s) + epsilon);
        if constexpr (Flags::momentum) g = state[1 + Flags::centered] = momentum * state[1 + Flags::centered] + g;
        value -= this->lr * g;
    }
};

// s <- s + g^2,  value <- value - lr / (1 + t lr_decay) g / (sqrt(s) + eps),  t counted from 0
template <class T, class Flags> struct Adagrad : Rule<T, Flags> {
    static constexpr int states = 1;
    static constexpr bool zero_gradient_is_noop = !Flags::weight_decay;
    double lr_decay, t;
    T epsilon;

    void start(const double* options, Whole taken) {
        this->decays(options[0]), lr_decay = options[1], epsilon = T(options[2]), t = double(taken);
    }
    INLINE void begin(double lr) { this->lr = T(lr / (1 + t * lr_decay)); }
    INLINE void end() { t += 1; }
    INLINE void apply(Vec<T>& value, Vec<T>* state, Vec<T> g) const {
        g = this->decayed(value, g);
        state[0] += g * g;
        value -= quotient(this->lr * g, Sqrt(state[0]) + epsilon);
    }
};

}  // namespace plaingrad
