/* What _native.c and _rows.c share: kernels that exist once for each instruction set, and how Python calls them.
 *
 * Each of the two includes this file once and becomes an extension of its own, so all here is static.
 *
 *   1. the compiler       how it spells what C does not say; what it can compile for
 *   2. words and bits
 *   3. blocks             64 bytes as a bit mask of those that equal a byte
 *   4. variants           the kernels of an extension, and which of them this processor can run
 *   5. the binding        buffers, numbers, errors, the interpreter lock, the choice of a variant
 *
 * Part 5 is there only if Python.h was included before.
 */

#ifndef DATAV_CORE_KERNEL_H
#define DATAV_CORE_KERNEL_H

#include <stdint.h>
#include <string.h>

/* ---------------------------------------------------------------- 1. the compiler */

#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "the extensions of datav.core are written for little-endian machines; their Python twins serve elsewhere"
#endif

#if defined(__GNUC__) || defined(__clang__)
#define INLINE static inline __attribute__((always_inline))
#define NOINLINE static __attribute__((noinline))
#define LIKELY(x) __builtin_expect(!!(x), 1)
#define UNLIKELY(x) __builtin_expect(!!(x), 0)
#if defined(__x86_64__)
#define HAVE_X86 1
#define HAVE_AVX512 1
#include <immintrin.h>
#define TARGET(x) __attribute__((target(x)))
#endif
#else
#define INLINE static __forceinline
#define NOINLINE static __declspec(noinline)
#define LIKELY(x) (x)
#define UNLIKELY(x) (x)
#include <intrin.h>
#if defined(_M_X64)
#define HAVE_X86 1
#include <immintrin.h>
#define TARGET(x) /* this compiler takes any intrinsic anywhere */
#endif
#endif
#if defined(__aarch64__) && defined(__ARM_NEON) && !defined(HAVE_X86)
#define HAVE_NEON 1
#include <arm_neon.h>
#endif

/* ---------------------------------------------------------------- 2. words and bits */

INLINE uint64_t load64(const void *p)
{
    uint64_t x;
    memcpy(&x, p, 8);
    return x;
}

INLINE int popcount64(uint64_t x)
{
#if defined(__GNUC__) || defined(__clang__)
    return __builtin_popcountll(x);
#else
    x -= (x >> 1) & 0x5555555555555555u;
    x = (x & 0x3333333333333333u) + ((x >> 2) & 0x3333333333333333u);
    x = (x + (x >> 4)) & 0x0F0F0F0F0F0F0F0Fu;
    return (int)((x * 0x0101010101010101u) >> 56);
#endif
}

INLINE int lowest_bit(uint64_t x) /* x != 0 */
{
#if defined(__GNUC__) || defined(__clang__)
    return __builtin_ctzll(x);
#else
    return popcount64((x & (0 - x)) - 1);
#endif
}

/* Bit k of the result is the parity of bits 0 to k. */
INLINE uint64_t prefix_xor(uint64_t x)
{
    x ^= x << 1;
    x ^= x << 2;
    x ^= x << 4;
    x ^= x << 8;
    x ^= x << 16;
    x ^= x << 32;
    return x;
}

/* A bit for each of the eight bytes of `x` that is zero. */
INLINE uint64_t zero_bytes(uint64_t x)
{
    const uint64_t low7 = UINT64_C(0x7F7F7F7F7F7F7F7F);
    uint64_t high = ~(((x & low7) + low7) | x | low7);
    return (high * UINT64_C(0x0002040810204081)) >> 56;
}

/* ---------------------------------------------------------------- 3. blocks */

/* One bit for each of 64 bytes that equals `byte`; so do equal_avx2 and equal_neon. */
static uint64_t equal_scalar(const uint8_t *p, uint8_t byte)
{
    uint64_t pattern = byte * UINT64_C(0x0101010101010101), mask = 0;
    for (int k = 0; k < 8; k++)
        mask |= zero_bytes(load64(p + 8 * k) ^ pattern) << 8 * k;
    return mask;
}

#ifdef HAVE_X86

/* Asks for memory well before it is needed; addresses past the end do no harm.  Doubles the speed
 * of AVX2 on memory that is in no cache. */
INLINE void prefetch_x86(const uint8_t *p)
{
    _mm_prefetch((const char *)((uintptr_t)p + 3072), _MM_HINT_T0);
}

TARGET("avx2") INLINE uint64_t equal_avx2(__m256i low, __m256i high, __m256i byte)
{
    return (uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(low, byte)) |
           (uint64_t)(uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(high, byte)) << 32;
}

#endif /* HAVE_X86 */

#ifdef HAVE_NEON

/* One bit for each nonzero byte (0 or 0xFF) of four vectors. */
INLINE uint64_t bits_neon(uint8x16_t a, uint8x16_t b, uint8x16_t c, uint8x16_t d)
{
    static const uint8_t weights[16] = {1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128};
    const uint8x16_t w = vld1q_u8(weights);
    uint8x16_t ab = vpaddq_u8(vandq_u8(a, w), vandq_u8(b, w));
    uint8x16_t cd = vpaddq_u8(vandq_u8(c, w), vandq_u8(d, w));
    uint8x16_t all = vpaddq_u8(ab, cd);
    all = vpaddq_u8(all, all);
    return vgetq_lane_u64(vreinterpretq_u64_u8(all), 0);
}

INLINE uint64_t equal_neon(const uint8_t *p, uint8_t byte)
{
    uint8x16_t v = vdupq_n_u8(byte);
    return bits_neon(vceqq_u8(vld1q_u8(p), v), vceqq_u8(vld1q_u8(p + 16), v), vceqq_u8(vld1q_u8(p + 32), v),
                     vceqq_u8(vld1q_u8(p + 48), v));
}

#endif /* HAVE_NEON */

/* ---------------------------------------------------------------- 4. variants */

/* An extension lists its own, best first; the last one is "scalar", which always runs. */
typedef struct {
    const char *name;
    const struct kernels *kernels; /* each extension says what it consists of */
} variant_t;

static int can_run(const variant_t *variant)
{
#if defined(HAVE_X86) && defined(__GNUC__)
    __builtin_cpu_init();
    if (strcmp(variant->name, "avx512") == 0)
        return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
               __builtin_cpu_supports("popcnt");
    if (strcmp(variant->name, "avx2") == 0)
        return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("popcnt") && __builtin_cpu_supports("bmi");
#elif defined(HAVE_X86)
    if (strcmp(variant->name, "avx2") == 0) {
        int most[4], first[4], seventh[4];
        __cpuid(most, 0);
        if (most[0] < 7)
            return 0;
        __cpuid(first, 1);
        __cpuidex(seventh, 7, 0);
        /* The operating system saves registers by XSAVE, and the wide ones are among them. */
        if (!(first[2] & 1 << 27) || (_xgetbv(0) & 6) != 6)
            return 0;
        return (seventh[1] & 1 << 5) != 0;
    }
#endif
    (void)variant;
    return 1;
}

/* ---------------------------------------------------------------- 5. the binding */

#ifdef PY_VERSION_HEX

/* Below this, giving up the interpreter lock costs more than the work. */
#define UNLOCK_SIZE 8192

#define MAYBE_UNLOCK(size) PyThreadState *saved = (size) > UNLOCK_SIZE ? PyEval_SaveThread() : NULL
#define LOCK_AGAIN()                    \
    do {                                \
        if (saved)                      \
            PyEval_RestoreThread(saved); \
    } while (0)

static PyObject *bad(const char *message)
{
    PyErr_SetString(PyExc_ValueError, message);
    return NULL;
}

/* Turns `expected` into a ValueError that says `message`; other errors stay. */
static void as_value_error(PyObject *expected, const char *message)
{
    if (PyErr_ExceptionMatches(expected)) {
        PyErr_Clear();
        bad(message);
    }
}

static int get_buffer(PyObject *object, Py_buffer *view, int flags, const char *message)
{
    if (object == NULL) { /* a later argument is bad */
        PyBuffer_Release(view);
        return 1;
    }
    if (PyObject_GetBuffer(object, view, flags) < 0) {
        as_value_error(PyExc_BufferError, message);
        return 0;
    }
    return Py_CLEANUP_SUPPORTED;
}

/* For "O&": any contiguous buffer. */
static int to_buffer(PyObject *object, void *address)
{
    return get_buffer(object, address, PyBUF_SIMPLE, "the buffer is not contiguous");
}

/* For "O&": an integer in 0 .. 2^64 - 1. */
static int to_u64(PyObject *object, void *address)
{
    PyObject *index = PyNumber_Index(object);
    if (index == NULL)
        return 0;
    unsigned long long value = PyLong_AsUnsignedLongLong(index);
    Py_DECREF(index);
    if (value == (unsigned long long)-1 && PyErr_Occurred()) {
        as_value_error(PyExc_OverflowError, "a number is negative or too large");
        return 0;
    }
    *(uint64_t *)address = value;
    return 1;
}

/* One choice for the process: written when the module loads and by use(), both with the lock held. */
static const variant_t *variants, *active;
static size_t variant_count;

/* For the module's exec slot. */
static void use_best(const variant_t *listed, size_t count)
{
    variants = listed;
    variant_count = count;
    for (size_t k = count; k-- > 0;)
        if (can_run(&listed[k]))
            active = &listed[k];
}

static PyObject *py_variant(PyObject *self, PyObject *args)
{
    (void)self;
    (void)args;
    return PyUnicode_FromString(active->name);
}

static PyObject *py_variants(PyObject *self, PyObject *args)
{
    (void)self;
    (void)args;
    PyObject *names = PyList_New(0);
    for (size_t k = 0; names && k < variant_count; k++) {
        if (!can_run(&variants[k]))
            continue;
        PyObject *name = PyUnicode_FromString(variants[k].name);
        if (name == NULL || PyList_Append(names, name) < 0)
            Py_CLEAR(names);
        Py_XDECREF(name);
    }
    if (names == NULL)
        return NULL;
    PyObject *result = PyList_AsTuple(names);
    Py_DECREF(names);
    return result;
}

static PyObject *py_use(PyObject *self, PyObject *args)
{
    (void)self;
    PyObject *wanted;
    if (!PyArg_ParseTuple(args, "U:use", &wanted))
        return NULL;
    for (size_t k = 0; k < variant_count; k++) {
        if (PyUnicode_CompareWithASCIIString(wanted, variants[k].name) == 0 && can_run(&variants[k])) {
            active = &variants[k];
            Py_RETURN_NONE;
        }
    }
    return bad("no such variant on this processor");
}

/* Lines of the method table of each extension. */
#define VARIANT_METHODS                                                                                              \
    {"variant", py_variant, METH_NOARGS, "The instruction set in use."},                                             \
        {"variants", py_variants, METH_NOARGS, "The instruction sets that this processor can run, best first."},     \
        {"use", py_use, METH_VARARGS, "Choose an instruction set; for tests and benchmarks."}

#endif /* PY_VERSION_HEX */

#endif /* DATAV_CORE_KERNEL_H */
