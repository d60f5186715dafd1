// Memory: buffers of a size known at compile time, and matrices whose rows are padded to whole vectors.
#pragma once

#include "base/vector.hpp"

#if defined(__SANITIZE_ADDRESS__)
extern "C" void __asan_poison_memory_region(void const volatile*, __SIZE_TYPE__);
inline void* operator new(__SIZE_TYPE__, void* memory) noexcept { return memory; }
#endif

namespace plaingrad {

// Elements aligned for vectors. The memory of all buffers together is Python's, and zero when a run begins.
template <class T, int Size> struct Buffer {
    alignas(vector_bytes) T at[Size > 0 ? Size : 1];
#if defined(__SANITIZE_ADDRESS__)
    alignas(vector_bytes) char zone[64];  // nobody may touch this
    Buffer() { __asan_poison_memory_region(zone, sizeof zone); }
    Buffer& operator=(const Buffer& other) {
        __builtin_memcpy(at, other.at, sizeof at);  // and not the zone
        return *this;
    }
#endif
};

// Rows x Columns elements, row by row. What the lanes beyond the last column hold:
// parameters and gradients 0, activations any finite number.
template <class T, int Rows, int Columns> struct Matrix {
    typedef T Element;
    static constexpr int rows = Rows, columns = Columns;
    // An extra vector where rows would lie a multiple of 1 KiB apart and push each other out of the cache.
    static constexpr int width = padded<T>(Columns);
    static constexpr int stride = Rows > 1 && width * sizeof(T) % 1024 == 0 ? width + Lanes<T> : width;

    Buffer<T, Rows * stride> data;

    INLINE T* row(int i) { return data.at + i * stride; }
    INLINE const T* row(int i) const { return data.at + i * stride; }
};

// The object that lives in this memory. The sanitizer is told of its buffers' zones, each time anew; not inlined, for
// what the memory held before is still to be there.
#if defined(__SANITIZE_ADDRESS__)
template <class Object> __attribute__((noinline, noipa)) Object& object_at(void* memory) {
    return *new (memory) Object;
}
#else
template <class Object> INLINE Object& object_at(void* memory) { return *static_cast<Object*>(memory); }
#endif

}  // namespace plaingrad
