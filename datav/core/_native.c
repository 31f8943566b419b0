/* datav.core._native: many small files at once, where to cut, how many rows, which ids, what not to compress.
 *
 * The definition of every function here is its slow twin in reference.py, or in storage/files.py; both give the same
 * bytes for every input, and the tests run over both.  The format that the chunker implements is
 * docs/formats/chunking.md.  What this file shares with _rows.c is in _kernel.h: the compiler, bits, masks of
 * 64 bytes, the choice among variants and the way from Python's arguments to C.
 *
 * Order of this file:
 *
 *   1. small things       loads, a growing list
 *   2. the comb           candidates for cuts; one kernel for each instruction set
 *   3. choosing cuts      from candidates to chunks
 *   4. rows               newlines and quotes, as bit masks of 64 bytes
 *   5. ids                lookup in a sorted array with a fan-out table
 *   6. incompressible     a guess from a sample
 *   7. tree nodes
 *   8. files              small ones, many in one call; not on Windows
 *   9. variants           the kernels by instruction set
 *  10. the binding        Python in, Python out; the only part that knows Python
 *
 * Parts 1 to 9 never touch Python and run with the interpreter lock released.  Nothing keeps a
 * pointer into a caller's buffer.  Another thread may write into that buffer while we read it:
 * then the answer is arbitrary, but no byte outside the buffers is ever read or written, because
 * no index is derived twice from the same bytes.
 */

/* Before any header: what POSIX has beyond C. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1
#endif

/* tests/fuzz/fuzz_native.c includes this file without its binding, to run where no Python is. */
#ifndef DATAV_NATIVE_WITHOUT_PYTHON
#define PY_SSIZE_T_CLEAN
#ifndef Py_LIMITED_API
#define Py_LIMITED_API 0x030B0000
#endif
#include <Python.h>
#endif

#include "_kernel.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#ifndef _WIN32
#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#endif

/* Raise this when a signature or a meaning changes; datav/core/__init__.py checks it. */
#define ABI 2

/* ---------------------------------------------------------------- 1. small things */

typedef enum { OK = 0, NO_MEMORY, BAD_ENDS, BAD_CANDIDATES } status_t;

INLINE uint32_t load32(const void *p)
{
    uint32_t x;
    memcpy(&x, p, 4);
    return x;
}

/* A list of u64 that grows.  After a failure it stays failed and pushes do nothing. */
typedef struct {
    uint64_t *items;
    size_t count, room;
    int failed;
} list_t;

NOINLINE void list_grow(list_t *list)
{
    size_t room = list->room ? 2 * list->room : 256;
    if (room > SIZE_MAX / 16) {
        list->failed = 1;
        return;
    }
    uint64_t *items = realloc(list->items, room * sizeof *items);
    if (items == NULL) {
        list->failed = 1;
        return;
    }
    list->items = items;
    list->room = room;
}

INLINE void list_push(list_t *list, uint64_t item)
{
    if (list->count == list->room)
        list_grow(list);
    if (!list->failed)
        list->items[list->count++] = item;
}

/* ---------------------------------------------------------------- 2. the comb
 *
 * Gear turned sideways: 64 byte-wide hashes side by side, lane j following the positions that are
 * j modulo 64.  One step advances all of them by 64 positions, so a vector instruction does what
 * a gear hash does in 64 table look-ups.  Each step needs d16, a mix of the 16 bytes that end at
 * each position, which is built by doubling from a mix of four:
 *
 *   d4[i]  = (b[i] + 2*b[i-1]) ^ avg(b[i-2] ^ 0x5A, b[i-3])
 *   d8[i]  = d4[i] + 3*d4[i-4]
 *   d16[i] = d8[i] + 5*d8[i-8]
 *   h[i]   = 2*h[i-64] + d16[i]
 *
 * The kernels below differ only in how they spell this.  Each takes whole blocks of 64 bytes at
 * `p`, may read p[-3 .. 64*blocks-1], carries `comb_t` from call to call, and reports positions
 * where h == CT and bits 3 to 5 of the h of 64 positions before are those of GATE.
 */

#define CT 0x76
#define GATE_MASK 0x38
#define GATE 0x18
#define SEED UINT64_C(0x9E3779B97F4A7C15)
#define MUL UINT64_C(0xD6E8FEB86659FD93)
#define LEAD 512 /* bytes before the first tested position that make the state exact */

typedef struct {
    uint8_t d4[64], d8[64], h[64]; /* of the block before */
} comb_t;

typedef struct {
    const uint8_t *data;
    size_t first, n;     /* positions tested: first <= i < n */
    uint64_t hard, easy; /* thresholds for the strength */
    list_t *out;         /* (i << 1) | is_hard */
} scan_t;

typedef void (*comb_fn)(comb_t *, const uint8_t *p, size_t blocks, size_t position, const scan_t *);

/* Mixes the 64 bytes that end at data[i]; i >= 63. */
INLINE uint64_t strength_at(const uint8_t *data, size_t i)
{
    const uint8_t *p = data + i - 63;
    uint64_t x = SEED;
    for (int k = 0; k < 8; k++) {
        x = (x ^ load64(p + 8 * k)) * MUL;
        x ^= x >> 32;
    }
    return x;
}

/* `mask` has a bit for each hit in the block of 64 positions at `position`. */
NOINLINE void report(const scan_t *scan, size_t position, uint64_t mask)
{
    for (; mask; mask &= mask - 1) {
        size_t i = position + (size_t)lowest_bit(mask);
        if (i < scan->first || i >= scan->n)
            continue;
        uint64_t strength = strength_at(scan->data, i);
        if (strength < scan->easy)
            list_push(scan->out, (uint64_t)i << 1 | (strength < scan->hard));
    }
}

/* Plain loops over strips of bytes, which compilers turn into the vectors that every processor of
 * the family has.  A strip is long enough for its stores to have reached the cache when they are
 * read back shifted; block by block this was half as fast. */
#define STRIP 16 /* blocks */

static void comb_scalar(comb_t *comb, const uint8_t *p, size_t blocks, size_t position, const scan_t *scan)
{
    uint8_t d4[4 + 64 * STRIP], d8[8 + 64 * STRIP], h[64], hit[64];
    memcpy(d4, comb->d4 + 60, 4);
    memcpy(d8, comb->d8 + 56, 8);
    memcpy(h, comb->h, 64);
    while (blocks) {
        int strip = blocks < STRIP ? (int)blocks : STRIP, size = 64 * strip;
        for (int j = 0; j < size; j++) {
            uint8_t pair = (uint8_t)(p[j] + 2 * p[j - 1]);
            uint8_t mean = (uint8_t)(((p[j - 2] ^ 0x5A) + p[j - 3] + 1) >> 1);
            d4[4 + j] = pair ^ mean;
        }
        for (int j = 0; j < size; j++)
            d8[8 + j] = (uint8_t)(d4[4 + j] + 3 * d4[j]);
        for (int block = 0; block < strip; block++) {
            const uint8_t *d = d8 + 64 * block;
            uint8_t any = 0;
            for (int j = 0; j < 64; j++) {
                uint8_t gate = (uint8_t)((h[j] & GATE_MASK) == GATE);
                h[j] = (uint8_t)(2 * h[j] + d[8 + j] + 5 * d[j]);
                hit[j] = (uint8_t)(gate & (h[j] == CT));
                any |= hit[j];
            }
            if (UNLIKELY(any)) {
                uint64_t mask = 0;
                for (int j = 0; j < 64; j++)
                    mask |= (uint64_t)hit[j] << j;
                report(scan, position + 64 * (size_t)block, mask);
            }
        }
        memcpy(d4, d4 + size, 4);
        memcpy(d8, d8 + size, 8);
        p += size;
        position += (size_t)size;
        blocks -= (size_t)strip;
    }
    memcpy(comb->d4 + 60, d4, 4);
    memcpy(comb->d8 + 56, d8, 8);
    memcpy(comb->h, h, 64);
}

#ifdef HAVE_X86

/* The 32 bytes that end `by` bytes before the end of `now`, in the stream `before`, `now`. */
#define SHIFT_IN_256(now, before, by) \
    _mm256_alignr_epi8((now), _mm256_permute2x128_si256((before), (now), 0x21), 16 - (by))

TARGET("avx2") INLINE __m256i d4_avx2(const uint8_t *p)
{
    __m256i b0 = _mm256_loadu_si256((const __m256i *)p);
    __m256i b1 = _mm256_loadu_si256((const __m256i *)(p - 1));
    __m256i b2 = _mm256_loadu_si256((const __m256i *)(p - 2));
    __m256i b3 = _mm256_loadu_si256((const __m256i *)(p - 3));
    __m256i pair = _mm256_add_epi8(b0, _mm256_add_epi8(b1, b1));
    return _mm256_xor_si256(pair, _mm256_avg_epu8(_mm256_xor_si256(b2, _mm256_set1_epi8(0x5A)), b3));
}

TARGET("avx2") INLINE __m256i d8_avx2(__m256i d4, __m256i before)
{
    __m256i s = SHIFT_IN_256(d4, before, 4);
    return _mm256_add_epi8(_mm256_add_epi8(d4, s), _mm256_add_epi8(s, s));
}

/* One step of 32 lanes; d16 is folded in.  Nonzero bytes of the result are hits. */
TARGET("avx2") INLINE __m256i step_avx2(__m256i *h, __m256i d8, __m256i before)
{
    __m256i s = SHIFT_IN_256(d8, before, 8), s2 = _mm256_add_epi8(s, s);
    __m256i d16 = _mm256_add_epi8(_mm256_add_epi8(d8, s), _mm256_add_epi8(s2, s2));
    __m256i gate = _mm256_cmpeq_epi8(_mm256_and_si256(*h, _mm256_set1_epi8(GATE_MASK)), _mm256_set1_epi8(GATE));
    *h = _mm256_add_epi8(_mm256_add_epi8(*h, *h), d16);
    return _mm256_and_si256(gate, _mm256_cmpeq_epi8(*h, _mm256_set1_epi8((char)CT)));
}

TARGET("avx2")
static void comb_avx2(comb_t *comb, const uint8_t *p, size_t blocks, size_t position, const scan_t *scan)
{
    __m256i d4 = _mm256_loadu_si256((const __m256i *)(comb->d4 + 32));
    __m256i d8 = _mm256_loadu_si256((const __m256i *)(comb->d8 + 32));
    __m256i h_low = _mm256_loadu_si256((const __m256i *)comb->h);
    __m256i h_high = _mm256_loadu_si256((const __m256i *)(comb->h + 32));
    for (; blocks; blocks--, p += 64, position += 64) {
        prefetch_x86(p);
        __m256i d4_low = d4_avx2(p), d4_high = d4_avx2(p + 32);
        __m256i d8_low = d8_avx2(d4_low, d4), d8_high = d8_avx2(d4_high, d4_low);
        __m256i low = step_avx2(&h_low, d8_low, d8), high = step_avx2(&h_high, d8_high, d8_low);
        d4 = d4_high;
        d8 = d8_high;
        __m256i any = _mm256_or_si256(low, high);
        if (UNLIKELY(!_mm256_testz_si256(any, any)))
            report(scan, position,
                   (uint32_t)_mm256_movemask_epi8(low) | (uint64_t)(uint32_t)_mm256_movemask_epi8(high) << 32);
    }
    _mm256_storeu_si256((__m256i *)(comb->d4 + 32), d4);
    _mm256_storeu_si256((__m256i *)(comb->d8 + 32), d8);
    _mm256_storeu_si256((__m256i *)comb->h, h_low);
    _mm256_storeu_si256((__m256i *)(comb->h + 32), h_high);
}

#ifdef HAVE_AVX512
TARGET("avx512f,avx512bw")
static void comb_avx512(comb_t *comb, const uint8_t *p, size_t blocks, size_t position, const scan_t *scan)
{
    const __m512i flip = _mm512_set1_epi8(0x5A), target = _mm512_set1_epi8((char)CT);
    const __m512i gate_mask = _mm512_set1_epi8(GATE_MASK), gate = _mm512_set1_epi8(GATE);
    __m512i d4_before = _mm512_loadu_si512(comb->d4);
    __m512i d8_before = _mm512_loadu_si512(comb->d8);
    __m512i h = _mm512_loadu_si512(comb->h);
    for (; blocks; blocks--, p += 64, position += 64) {
        prefetch_x86(p);
        __m512i b0 = _mm512_loadu_si512(p), b1 = _mm512_loadu_si512(p - 1);
        __m512i b2 = _mm512_loadu_si512(p - 2), b3 = _mm512_loadu_si512(p - 3);
        __m512i pair = _mm512_add_epi8(b0, _mm512_add_epi8(b1, b1));
        __m512i d4 = _mm512_xor_si512(pair, _mm512_avg_epu8(_mm512_xor_si512(b2, flip), b3));
        __m512i s = _mm512_alignr_epi32(d4, d4_before, 15); /* four bytes before */
        __m512i d8 = _mm512_add_epi8(_mm512_add_epi8(d4, s), _mm512_add_epi8(s, s));
        __m512i t = _mm512_alignr_epi64(d8, d8_before, 7); /* eight bytes before */
        __m512i t2 = _mm512_add_epi8(t, t);
        __m512i d16 = _mm512_add_epi8(_mm512_add_epi8(d8, t), _mm512_add_epi8(t2, t2));
        __mmask64 open = _mm512_cmpeq_epi8_mask(_mm512_and_si512(h, gate_mask), gate);
        h = _mm512_add_epi8(_mm512_add_epi8(h, h), d16);
        d4_before = d4;
        d8_before = d8;
        uint64_t hits = _mm512_mask_cmpeq_epi8_mask(open, h, target);
        if (UNLIKELY(hits))
            report(scan, position, hits);
    }
    _mm512_storeu_si512(comb->d4, d4_before);
    _mm512_storeu_si512(comb->d8, d8_before);
    _mm512_storeu_si512(comb->h, h);
}
#endif

#endif /* HAVE_X86 */

#ifdef HAVE_NEON

static void comb_neon(comb_t *comb, const uint8_t *p, size_t blocks, size_t position, const scan_t *scan)
{
    uint8x16_t d4_before = vld1q_u8(comb->d4 + 48), d8_before = vld1q_u8(comb->d8 + 48);
    uint8x16_t h[4], hit[4];
    for (int k = 0; k < 4; k++)
        h[k] = vld1q_u8(comb->h + 16 * k);
    for (; blocks; blocks--, p += 64, position += 64) {
        for (int k = 0; k < 4; k++) {
            const uint8_t *q = p + 16 * k;
            uint8x16_t pair = vaddq_u8(vld1q_u8(q), vshlq_n_u8(vld1q_u8(q - 1), 1));
            uint8x16_t mean = vrhaddq_u8(veorq_u8(vld1q_u8(q - 2), vdupq_n_u8(0x5A)), vld1q_u8(q - 3));
            uint8x16_t d4 = veorq_u8(pair, mean);
            uint8x16_t d8 = vmlaq_u8(d4, vextq_u8(d4_before, d4, 12), vdupq_n_u8(3));
            uint8x16_t d16 = vmlaq_u8(d8, vextq_u8(d8_before, d8, 8), vdupq_n_u8(5));
            uint8x16_t open = vceqq_u8(vandq_u8(h[k], vdupq_n_u8(GATE_MASK)), vdupq_n_u8(GATE));
            h[k] = vaddq_u8(vshlq_n_u8(h[k], 1), d16);
            hit[k] = vandq_u8(open, vceqq_u8(h[k], vdupq_n_u8(CT)));
            d4_before = d4;
            d8_before = d8;
        }
        uint8x16_t any = vorrq_u8(vorrq_u8(hit[0], hit[1]), vorrq_u8(hit[2], hit[3]));
        if (UNLIKELY(vmaxvq_u8(any)))
            report(scan, position, bits_neon(hit[0], hit[1], hit[2], hit[3]));
    }
    vst1q_u8(comb->d4 + 48, d4_before);
    vst1q_u8(comb->d8 + 48, d8_before);
    for (int k = 0; k < 4; k++)
        vst1q_u8(comb->h + 16 * k, h[k]);
}

#endif /* HAVE_NEON */

/* Appends the candidates of data[lead .. n) to `out`.  lead is 0 or at least LEAD. */
static void scan_candidates(comb_fn comb_blocks, const uint8_t *data, size_t n, size_t lead, uint64_t hard,
                            uint64_t easy, list_t *out)
{
    size_t at = lead ? lead - LEAD : 0;
    scan_t scan = {data, lead ? lead : LEAD - 1, n, hard, easy, out};
    if (n <= scan.first)
        return;
    comb_t comb;
    memset(&comb, 0, sizeof comb);
    uint8_t edge[3 + 64];
    /* The first block would look at up to three bytes before its start.  What stands there is
     * forgotten before the first tested position, so zeros do. */
    memset(edge, 0, sizeof edge);
    memcpy(edge + 3, data + at, 64); /* n > first >= at + 511 */
    comb_blocks(&comb, edge + 3, 1, at, &scan);
    at += 64;
    size_t blocks = (n - at) / 64;
    comb_blocks(&comb, data + at, blocks, at, &scan);
    at += 64 * blocks;
    if (at < n) {
        memset(edge, 0, sizeof edge);
        memcpy(edge, data + at - 3, 3 + (n - at));
        comb_blocks(&comb, edge + 3, 1, at, &scan);
    }
}

/* ---------------------------------------------------------------- 3. choosing cuts */

#define SMALLEST_LIMIT 1024
#define TARGET_LIMIT 4096
#define LARGEST_LIMIT (1 << 20)
#define OFFSET_LIMIT (UINT64_C(1) << 62) /* no file is this long */
#define CALL_LIMIT (1 << 24)             /* chunks forced by one call: 4 TiB at the default sizes */

typedef struct {
    uint64_t smallest, target, largest;
} params_t;

/* min(2^64 - 1, 2^64 * factor / target), rounded down; factor and target below 2^21. */
static uint64_t threshold(uint64_t factor, uint64_t target)
{
    if (factor >= target)
        return UINT64_MAX;
    uint64_t whole = UINT64_MAX / target, rest = UINT64_MAX % target + 1;
    if (rest == target) {
        whole++;
        rest = 0;
    }
    return whole * factor + rest * factor / target;
}

/* Pushes the chunk ends that follow from `candidates` (absolute position: base + item/2), with the
 * current chunk starting at `start` and everything before `end` known.
 *
 * Nothing but the start of the current chunk has to be carried to the next call: whether a
 * candidate is taken depends on that start alone, so one that was passed over never comes back. */
static status_t select_cuts(const uint8_t *candidates, size_t count, uint64_t base, uint64_t start,
                            uint64_t end, int last, const params_t *p, list_t *out)
{
    uint64_t before = 0; /* the item before, plus one */
    for (size_t k = 0; k < count; k++) {
        uint64_t item = load64(candidates + 8 * k);
        if (item < before || item >> 1 >= end - base)
            return BAD_CANDIDATES;
        before = (item | 1) + 1;
        uint64_t stop = base + (item >> 1) + 1;
        if (stop <= start)
            continue;
        while (stop - start > p->largest) {
            start += p->largest;
            list_push(out, start);
        }
        uint64_t length = stop - start;
        if (length >= p->smallest && (length >= p->target || (item & 1) || length == p->largest)) {
            start = stop;
            list_push(out, start);
        }
    }
    while (end - start >= p->largest) {
        start += p->largest;
        list_push(out, start);
    }
    if (last && end > start)
        list_push(out, end);
    return out->failed ? NO_MEMORY : OK;
}

/* Pushes the chunk ends of one file that lies at data[0 .. n), plus `base`.  `scratch` is reused. */
static status_t cut_file(comb_fn comb_blocks, const uint8_t *data, size_t n, uint64_t base, const params_t *p,
                         list_t *scratch, list_t *out)
{
    scratch->count = 0;
    if (n > p->smallest) {
        /* No chunk ends before `smallest`, so nothing before it needs a test. */
        scan_candidates(comb_blocks, data, n, (size_t)p->smallest - 1, threshold(1024, p->target),
                        threshold(8192, p->target), scratch);
        if (scratch->failed)
            return NO_MEMORY;
    }
    return select_cuts((const uint8_t *)scratch->items, scratch->count, base, base, base + n, 1, p, out);
}

static status_t cut_files(comb_fn comb_blocks, const uint8_t *data, size_t n, const uint8_t *ends, size_t count,
                          const params_t *p, list_t *out)
{
    list_t scratch = {0};
    status_t status = OK;
    uint64_t start = 0;
    for (size_t k = 0; k < count && status == OK; k++) {
        uint64_t end = load64(ends + 8 * k);
        if (end < start || end > n) {
            status = BAD_ENDS;
            break;
        }
        status = cut_file(comb_blocks, data + start, (size_t)(end - start), start, p, &scratch, out);
        start = end;
    }
    free(scratch.items);
    return status;
}

/* ---------------------------------------------------------------- 4. rows
 *
 * 64 bytes become three bit masks: terminators, quotes, delimiters.  Whether a byte lies inside
 * quotes is the parity of the quotes up to it, a prefix xor.  All is computed for a segment that
 * starts outside quotes; for one that starts inside, inside and outside change places.
 */

typedef struct {
    uint64_t rows;               /* both ways together */
    uint64_t rows_outside;       /* if the segment starts outside quotes */
    uint64_t openers_outside;    /* irregular opening quotes, if it starts outside */
    uint64_t openers_inside;     /* the same if it starts inside */
    uint64_t inside;             /* all ones after an odd number of quotes */
    uint64_t after_terminator;   /* 1: the byte before is a terminator */
    uint64_t after_field_start;  /* 1: a quote may open after the byte before */
} rows_t;

typedef void (*rows_fn)(rows_t *, const uint8_t *p, size_t blocks, uint8_t delimiter, int quoting);
typedef uint64_t (*find_byte_fn)(const uint8_t *p, uint8_t byte);

INLINE void count_block(rows_t *rows, uint64_t terminators, uint64_t quotes, uint64_t delimiters)
{
    uint64_t ends = terminators & ~(terminators << 1 | rows->after_terminator);
    uint64_t openers = terminators | quotes | delimiters;
    uint64_t inside = rows->inside;
    rows->after_terminator = terminators >> 63;
    if (quotes) {
        inside ^= prefix_xor(quotes);
        uint64_t irregular = quotes & ~(openers << 1 | rows->after_field_start);
        rows->openers_outside += (uint64_t)popcount64(irregular & inside);
        rows->openers_inside += (uint64_t)popcount64(irregular & ~inside);
        rows->inside = 0 - (inside >> 63);
    }
    rows->after_field_start = openers >> 63;
    rows->rows += (uint64_t)popcount64(ends);
    rows->rows_outside += (uint64_t)popcount64(ends & ~inside);
}

static void rows_scalar(rows_t *rows, const uint8_t *p, size_t blocks, uint8_t delimiter, int quoting)
{
    for (; blocks; blocks--, p += 64) {
        uint64_t terminators = equal_scalar(p, '\n') | equal_scalar(p, '\r');
        uint64_t quotes = quoting ? equal_scalar(p, '"') : 0;
        count_block(rows, terminators, quotes, quoting ? equal_scalar(p, delimiter) : 0);
    }
}

#ifdef HAVE_X86

TARGET("avx2") static uint64_t find_byte_avx2(const uint8_t *p, uint8_t byte)
{
    return equal_avx2(_mm256_loadu_si256((const __m256i *)p), _mm256_loadu_si256((const __m256i *)(p + 32)),
                      _mm256_set1_epi8((char)byte));
}

TARGET("avx2,popcnt")
static void rows_avx2(rows_t *state, const uint8_t *p, size_t blocks, uint8_t delimiter, int quoting)
{
    const __m256i newline = _mm256_set1_epi8('\n'), cr = _mm256_set1_epi8('\r');
    const __m256i quote = _mm256_set1_epi8('"'), field = _mm256_set1_epi8((char)delimiter);
    rows_t rows = *state; /* in registers */
    for (; blocks; blocks--, p += 64) {
        prefetch_x86(p);
        __m256i low = _mm256_loadu_si256((const __m256i *)p);
        __m256i high = _mm256_loadu_si256((const __m256i *)(p + 32));
        uint64_t terminators = equal_avx2(low, high, newline) | equal_avx2(low, high, cr);
        uint64_t quotes = quoting ? equal_avx2(low, high, quote) : 0;
        count_block(&rows, terminators, quotes, quoting ? equal_avx2(low, high, field) : 0);
    }
    *state = rows;
}

#ifdef HAVE_AVX512
TARGET("avx512f,avx512bw") static uint64_t find_byte_avx512(const uint8_t *p, uint8_t byte)
{
    return _mm512_cmpeq_epi8_mask(_mm512_loadu_si512(p), _mm512_set1_epi8((char)byte));
}

TARGET("avx512f,avx512bw,popcnt")
static void rows_avx512(rows_t *state, const uint8_t *p, size_t blocks, uint8_t delimiter, int quoting)
{
    const __m512i newline = _mm512_set1_epi8('\n'), cr = _mm512_set1_epi8('\r');
    const __m512i quote = _mm512_set1_epi8('"'), field = _mm512_set1_epi8((char)delimiter);
    rows_t rows = *state;
    for (; blocks; blocks--, p += 64) {
        prefetch_x86(p);
        __m512i b = _mm512_loadu_si512(p);
        uint64_t terminators = _mm512_cmpeq_epi8_mask(b, newline) | _mm512_cmpeq_epi8_mask(b, cr);
        uint64_t quotes = quoting ? _mm512_cmpeq_epi8_mask(b, quote) : 0;
        count_block(&rows, terminators, quotes, quoting ? _mm512_cmpeq_epi8_mask(b, field) : 0);
    }
    *state = rows;
}
#endif

#endif /* HAVE_X86 */

#ifdef HAVE_NEON

static uint64_t find_byte_neon(const uint8_t *p, uint8_t byte)
{
    return equal_neon(p, byte);
}

static void rows_neon(rows_t *state, const uint8_t *p, size_t blocks, uint8_t delimiter, int quoting)
{
    rows_t rows = *state;
    for (; blocks; blocks--, p += 64) {
        uint64_t terminators = equal_neon(p, '\n') | equal_neon(p, '\r');
        uint64_t quotes = quoting ? equal_neon(p, '"') : 0;
        count_block(&rows, terminators, quotes, quoting ? equal_neon(p, delimiter) : 0);
    }
    *state = rows;
}

#endif /* HAVE_NEON */

/* lead <= n. */
static rows_t count_rows(rows_fn rows_blocks, const uint8_t *data, size_t n, size_t lead, uint8_t delimiter,
                         int quoting)
{
    rows_t rows;
    memset(&rows, 0, sizeof rows);
    uint8_t before = lead ? data[lead - 1] : '\n';
    rows.after_terminator = before == '\n' || before == '\r';
    rows.after_field_start = rows.after_terminator || before == delimiter || before == '"';
    size_t blocks = (n - lead) / 64, at = lead + 64 * blocks;
    rows_blocks(&rows, data + lead, blocks, delimiter, quoting);
    if (at < n) {
        /* Filled up with a byte that is neither a terminator nor a quote, so nothing is counted. */
        uint8_t edge[64] = {0};
        memcpy(edge, data + at, n - at);
        rows_blocks(&rows, edge, 1, delimiter, quoting);
    }
    return rows;
}

/* The states of Python's csv reader. */
enum { AT_RECORD, AT_FIELD, IN_FIELD, IN_QUOTES, AFTER_QUOTE };

static uint64_t count_rows_exact(const uint8_t *data, size_t n, uint8_t delimiter, int *state)
{
    enum { OTHER, TERMINATOR, QUOTE, DELIMITER };
    static const uint8_t next[5][4] = {
        /*                 other     terminator  quote        delimiter */
        /* AT_RECORD   */ {IN_FIELD, AT_RECORD, IN_QUOTES, AT_FIELD},
        /* AT_FIELD    */ {IN_FIELD, AT_RECORD, IN_QUOTES, AT_FIELD},
        /* IN_FIELD    */ {IN_FIELD, AT_RECORD, IN_FIELD, AT_FIELD},
        /* IN_QUOTES   */ {IN_QUOTES, IN_QUOTES, AFTER_QUOTE, IN_QUOTES},
        /* AFTER_QUOTE */ {IN_FIELD, AT_RECORD, IN_QUOTES, AT_FIELD},
    };
    uint8_t kind[256] = {0};
    kind['\n'] = kind['\r'] = TERMINATOR;
    kind['"'] = QUOTE;
    kind[delimiter] = DELIMITER;
    uint64_t rows = 0;
    int now = *state;
    for (size_t i = 0; i < n; i++) {
        int then = next[now][kind[data[i]]];
        rows += (then == AT_RECORD) & (now != AT_RECORD);
        now = then;
    }
    *state = now;
    return rows;
}

/* ---------------------------------------------------------------- 5. ids */

#define ID_SIZE 32
#define ABSENT UINT32_C(0xFFFFFFFF)
#define FANOUT_BITS_LIMIT 28

/* The first `bits` bits of an id, read as a big-endian number. */
INLINE uint32_t id_prefix(const uint8_t *id, unsigned bits)
{
    uint32_t x = (uint32_t)id[0] << 24 | (uint32_t)id[1] << 16 | (uint32_t)id[2] << 8 | id[3];
    return bits ? x >> (32 - bits) : 0;
}

/* `fanout` and the order of `ids` are not trusted: wrong ones make ids absent, nothing worse. */
static void find_ids(const uint8_t *ids, uint32_t n, const uint8_t *fanout, unsigned bits, const uint8_t *wanted,
                     size_t count, uint32_t *out)
{
    for (size_t k = 0; k < count; k++, wanted += ID_SIZE) {
        size_t bucket = id_prefix(wanted, bits);
        uint32_t low = load32(fanout + 4 * bucket), high = load32(fanout + 4 * bucket + 4);
        if (high > n)
            high = n;
        uint32_t stop = high;
        while (low < high) {
            uint32_t middle = low + (high - low) / 2;
            if (memcmp(ids + (size_t)ID_SIZE * middle, wanted, ID_SIZE) < 0)
                low = middle + 1;
            else
                high = middle;
        }
        int found = low < stop && memcmp(ids + (size_t)ID_SIZE * low, wanted, ID_SIZE) == 0;
        out[k] = found ? low : ABSENT;
    }
}

/* ---------------------------------------------------------------- 6. incompressible
 *
 * zstd gains from bytes that are unevenly frequent and from strings that come back.  The first is
 * seen in a histogram of a sample: if a byte has probability p[v], sum p[v]^2 is 1/256 for noise
 * and larger for all else; counted as pairs of equal bytes, in all and slice by slice.  The second is seen by looking at the eight bytes behind each 0xA5 of
 * the whole chunk: a repeated string shows the same eight bytes again, at whatever distance.
 */

#define SLICES 32
#define SLICE 128
#define FLAG_SMALLEST 512
#define ANCHOR 0xA5
#define ANCHOR_SLOTS_LOG 10

/* Adds a slice to the histogram `seen` and its pairs of equal bytes to `pairs`; returns how many
 * pairs it has in itself. */
static unsigned add_slice(const uint8_t *p, size_t size, uint16_t seen[256], uint64_t *pairs)
{
    uint8_t here[256];
    unsigned own = 0;
    memset(here, 0, sizeof here);
    for (size_t i = 0; i < size; i++) {
        own += here[p[i]]++;
        *pairs += seen[p[i]]++;
    }
    return own;
}

static int is_even(const uint8_t *data, size_t n)
{
    uint16_t seen[256];
    uint64_t pairs = 0, m = SLICES * SLICE;
    int uneven_slices = 0, allowed = 0;
    memset(seen, 0, sizeof seen);
    /* 128 bytes of noise have 31.75 pairs, compressed files up to 90 in places, text over 400. */
    if (n <= m) {
        m = n;
        /* All is looked at, and one slice may be the header of a compressed file. */
        allowed = 1;
        for (size_t at = 0; at < n; at += SLICE)
            uneven_slices += add_slice(data + at, n - at < SLICE ? n - at : SLICE, seen, &pairs) > 100;
    } else {
        size_t stratum = n / SLICES;
        for (size_t k = 0; k < SLICES; k++) {
            /* Not at even distances, which could fall in step with the data. */
            size_t shift = ((k + 1) * 40503 & 0xFFFF) % (stratum - SLICE + 1);
            uneven_slices += add_slice(data + stratum * k + shift, SLICE, seen, &pairs) > 100;
        }
    }
    /* Noise has m * (m - 1) / 512 pairs.  19/16 of that is about 2 % for an entropy coder; m/8 is
     * three standard deviations. */
    return uneven_slices <= allowed && pairs * 8192 <= m * (m - 1) * 19 + m * 1024;
}

static int has_repeats(find_byte_fn find_byte, const uint8_t *data, size_t n)
{
    uint64_t keys[1 << ANCHOR_SLOTS_LOG];
    memset(keys, 0, sizeof keys);
    uint64_t anchors = 0, repeats = 0;
    /* Whole blocks whose every position has nine bytes; the rest is not looked at. */
    for (size_t at = 0; at + 64 + 8 <= n; at += 64) {
        for (uint64_t mask = find_byte(data + at, ANCHOR); mask; mask &= mask - 1) {
            uint64_t key = load64(data + at + (size_t)lowest_bit(mask) + 1);
            uint64_t *slot = &keys[(key * MUL) >> (64 - ANCHOR_SLOTS_LOG)];
            repeats += *slot == key;
            anchors++;
            *slot = key;
        }
    }
    return repeats * 32 > anchors;
}

static int is_incompressible(find_byte_fn find_byte, const uint8_t *data, size_t n)
{
    return n >= FLAG_SMALLEST && is_even(data, n) && !has_repeats(find_byte, data, n);
}

/* ---------------------------------------------------------------- 7. tree nodes */

static void split_entries(const uint8_t *hashes, uint32_t n, uint64_t limit, uint64_t smallest, uint64_t largest,
                          list_t *out)
{
    uint32_t start = 0;
    for (uint32_t j = 0; j < n; j++) {
        uint64_t length = (uint64_t)j + 1 - start;
        if (length == largest || j + 1 == n || (length >= smallest && load64(hashes + (size_t)8 * j) < limit)) {
            start = j + 1;
            list_push(out, start);
        }
    }
}

/* ---------------------------------------------------------------- 8. files */

#ifndef _WIN32
#define HAVE_FILES 1

/* So many are open at once, and asked of the disk together, where the system can be asked. */
#ifdef POSIX_FADV_WILLNEED
#define FILES_AHEAD 32
#else
#define FILES_AHEAD 1
#endif
#define STAMP_SIZE 36

/* Several threads read at once, and others need descriptors too: a 32nd of what the process may have. */
static size_t files_ahead(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur / 32 >= FILES_AHEAD)
        return FILES_AHEAD;
    return limit.rlim_cur < 64 ? 1 : (size_t)(limit.rlim_cur / 32);
}

static int open_ahead(int directory, const char *name)
{
    int file = openat(directory, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
#ifdef POSIX_FADV_WILLNEED
    if (file >= 0)
        (void)posix_fadvise(file, 0, 0, POSIX_FADV_WILLNEED);
#endif
    return file;
}

static int read_whole(int file, uint8_t *to, size_t size)
{
    size_t done = 0;
    while (done < size) {
        ssize_t got = pread(file, to + done, size - done, (off_t)done);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return 0;
        done += (size_t)got;
    }
    return 1;
}

static void put_stamp(const struct stat *status, uint8_t *to)
{
#ifdef __APPLE__
    const struct timespec modified = status->st_mtimespec, changed = status->st_ctimespec;
#else
    const struct timespec modified = status->st_mtim, changed = status->st_ctim;
#endif
    const uint64_t words[4] = {
        (uint64_t)status->st_size,
        (uint64_t)modified.tv_sec * 1000000000u + (uint64_t)modified.tv_nsec,
        (uint64_t)changed.tv_sec * 1000000000u + (uint64_t)changed.tv_nsec,
        (uint64_t)status->st_ino,
    };
    const uint32_t mode = status->st_mode & 0177777;
    memcpy(to, words, sizeof words);
    memcpy(to + sizeof words, &mode, sizeof mode);
}

static int stamp_of(int file, uint8_t *to)
{
    struct stat status;
    if (fstat(file, &status) != 0)
        return 0;
    put_stamp(&status, to);
    return 1;
}

/* What lstat says of names in `directory`, zeros for those that are gone, into `stamps`; stops before the
 * first that the system refuses.  Returns how many it was. */
static size_t stat_files(int directory, const char *const *names, size_t count, uint8_t *stamps)
{
    for (size_t k = 0; k < count; k++) {
        struct stat status;
        if (fstatat(directory, names[k], &status, AT_SYMLINK_NOFOLLOW) == 0)
            put_stamp(&status, stamps + STAMP_SIZE * k);
        else if (errno == ENOENT)
            memset(stamps + STAMP_SIZE * k, 0, STAMP_SIZE);
        else
            return k;
    }
    return count;
}

/* Reads files back to back into `arena`, as long as each is what its stamp of `wanted` says, also after it was
 * read.  Returns how many were read. */
static size_t read_files(int directory, const char *const *names, const uint8_t *wanted, size_t count, uint8_t *arena,
                         size_t room)
{
    const size_t ahead = files_ahead();
    size_t done = 0;
    for (size_t first = 0; first == done && first < count; first += ahead) {
        int files[FILES_AHEAD];
        const size_t group = count - first < ahead ? count - first : ahead;
        for (size_t k = 0; k < group; k++)
            files[k] = open_ahead(directory, names[first + k]);
        for (size_t k = 0; k < group; k++) {
            const uint8_t *stamp = wanted + STAMP_SIZE * (first + k);
            const uint64_t size = load64(stamp);
            uint8_t found[STAMP_SIZE];
            if (done == first + k && files[k] >= 0 && size <= room && read_whole(files[k], arena, (size_t)size) &&
                stamp_of(files[k], found) && memcmp(found, stamp, STAMP_SIZE) == 0) {
                arena += size;
                room -= (size_t)size;
                done++;
            }
            if (files[k] >= 0)
                close(files[k]);
        }
    }
    return done;
}
#endif

/* ---------------------------------------------------------------- 9. variants */

struct kernels {
    comb_fn comb;
    rows_fn rows;
    find_byte_fn find_byte;
};

static const variant_t VARIANTS[] = {
#ifdef HAVE_AVX512
    {"avx512", &(const struct kernels){comb_avx512, rows_avx512, find_byte_avx512}},
#endif
#ifdef HAVE_X86
    {"avx2", &(const struct kernels){comb_avx2, rows_avx2, find_byte_avx2}},
#endif
#ifdef HAVE_NEON
    {"neon", &(const struct kernels){comb_neon, rows_neon, find_byte_neon}},
#endif
    {"scalar", &(const struct kernels){comb_scalar, rows_scalar, equal_scalar}},
};
#define VARIANT_COUNT (sizeof VARIANTS / sizeof VARIANTS[0])

/* ---------------------------------------------------------------- 10. the binding */

#ifndef DATAV_NATIVE_WITHOUT_PYTHON

static PyObject *raise_status(status_t status)
{
    switch (status) {
    case NO_MEMORY:
        return PyErr_NoMemory();
    case BAD_ENDS:
        return bad("ends must not decrease and must lie within data");
    default:
        return bad("candidates must increase and lie before end");
    }
}

/* Packed items as bytes; frees the list. */
static PyObject *list_to_bytes(list_t *list)
{
    PyObject *result = NULL;
    if (list->failed)
        PyErr_NoMemory();
    else
        result = PyBytes_FromStringAndSize((const char *)list->items, (Py_ssize_t)(list->count * 8));
    free(list->items);
    return result;
}

static const char *params_problem(const params_t *p)
{
    if (p->smallest < SMALLEST_LIMIT)
        return "smallest is under 1024";
    if (p->target < TARGET_LIMIT || p->target < p->smallest)
        return "target is under 4096 or under smallest";
    if (p->largest < p->target || p->largest > LARGEST_LIMIT)
        return "largest is under target or over 1048576";
    return NULL;
}

static PyObject *py_find_candidates(PyObject *self, PyObject *args)
{
    (void)self;
    Py_buffer data;
    uint64_t lead, hard, easy;
    if (!PyArg_ParseTuple(args, "O&O&O&O&:find_candidates", to_buffer, &data, to_u64, &lead, to_u64, &hard, to_u64,
                          &easy))
        return NULL;
    PyObject *result = NULL;
    if (lead != 0 && lead < LEAD)
        bad("lead must be 0 or at least 512");
    else if (lead > (uint64_t)data.len)
        bad("lead is past the end of data");
    else {
        list_t out = {0};
        MAYBE_UNLOCK(data.len);
        scan_candidates(active->kernels->comb, data.buf, (size_t)data.len, (size_t)lead, hard, easy, &out);
        LOCK_AGAIN();
        result = list_to_bytes(&out);
    }
    PyBuffer_Release(&data);
    return result;
}

static PyObject *py_select_cuts(PyObject *self, PyObject *args)
{
    (void)self;
    Py_buffer candidates;
    uint64_t base, start, end;
    int last;
    params_t p;
    if (!PyArg_ParseTuple(args, "O&O&O&O&pO&O&O&:select_cuts", to_buffer, &candidates, to_u64, &base, to_u64, &start,
                          to_u64, &end, &last, to_u64, &p.smallest, to_u64, &p.target, to_u64, &p.largest))
        return NULL;
    PyObject *result = NULL;
    const char *problem = params_problem(&p);
    if (problem)
        bad(problem);
    else if (candidates.len % 8)
        bad("candidates are not packed u64");
    else if (end >= OFFSET_LIMIT || base > end || start > end)
        bad("base and start must be at most end, end under 2^62");
    else if ((end - start) / p.largest > CALL_LIMIT)
        bad("too many chunks for one call");
    else {
        list_t out = {0};
        MAYBE_UNLOCK(candidates.len);
        status_t status = select_cuts(candidates.buf, (size_t)candidates.len / 8, base, start, end, last, &p, &out);
        LOCK_AGAIN();
        if (status == OK)
            result = list_to_bytes(&out);
        else {
            free(out.items);
            raise_status(status);
        }
    }
    PyBuffer_Release(&candidates);
    return result;
}

static PyObject *cut_buffers(const Py_buffer *data, const uint8_t *ends, size_t count, const params_t *p)
{
    const char *problem = params_problem(p);
    if (problem)
        return bad(problem);
    list_t out = {0};
    MAYBE_UNLOCK(data->len);
    status_t status = cut_files(active->kernels->comb, data->buf, (size_t)data->len, ends, count, p, &out);
    LOCK_AGAIN();
    if (status == OK)
        return list_to_bytes(&out);
    free(out.items);
    return raise_status(status);
}

static PyObject *py_find_cuts(PyObject *self, PyObject *args)
{
    (void)self;
    Py_buffer data;
    params_t p;
    if (!PyArg_ParseTuple(args, "O&O&O&O&:find_cuts", to_buffer, &data, to_u64, &p.smallest, to_u64, &p.target, to_u64,
                          &p.largest))
        return NULL;
    uint64_t end = (uint64_t)data.len;
    PyObject *result = cut_buffers(&data, (const uint8_t *)&end, 1, &p);
    PyBuffer_Release(&data);
    return result;
}

static PyObject *py_find_cuts_many(PyObject *self, PyObject *args)
{
    (void)self;
    Py_buffer data, ends;
    params_t p;
    if (!PyArg_ParseTuple(args, "O&O&O&O&O&:find_cuts_many", to_buffer, &data, to_buffer, &ends, to_u64, &p.smallest,
                          to_u64, &p.target, to_u64, &p.largest))
        return NULL;
    PyObject *result = ends.len % 8 ? bad("ends are not packed u64")
                                    : cut_buffers(&data, ends.buf, (size_t)ends.len / 8, &p);
    PyBuffer_Release(&data);
    PyBuffer_Release(&ends);
    return result;
}

static const char *delimiter_problem(uint64_t delimiter)
{
    if (delimiter > 127 || delimiter == '\n' || delimiter == '\r' || delimiter == '"')
        return "delimiter must be one ASCII character, not a quote or a line end";
    return NULL;
}

static PyObject *py_count_rows(PyObject *self, PyObject *args)
{
    (void)self;
    Py_buffer data;
    uint64_t lead, delimiter;
    int quoting;
    if (!PyArg_ParseTuple(args, "O&O&O&p:count_rows", to_buffer, &data, to_u64, &lead, to_u64, &delimiter, &quoting))
        return NULL;
    PyObject *result = NULL;
    const char *problem = delimiter_problem(delimiter);
    if (problem)
        bad(problem);
    else if (lead > (uint64_t)data.len)
        bad("lead is past the end of data");
    else {
        MAYBE_UNLOCK(data.len);
        rows_t rows = count_rows(active->kernels->rows, data.buf, (size_t)data.len, (size_t)lead, (uint8_t)delimiter,
                                 quoting);
        LOCK_AGAIN();
        uint64_t rows_inside = quoting ? rows.rows - rows.rows_outside : rows.rows;
        result = Py_BuildValue("(KKiKK)", (unsigned long long)rows.rows_outside, (unsigned long long)rows_inside,
                               (int)(rows.inside & 1), (unsigned long long)rows.openers_outside,
                               (unsigned long long)rows.openers_inside);
    }
    PyBuffer_Release(&data);
    return result;
}

static PyObject *py_count_rows_exact(PyObject *self, PyObject *args)
{
    (void)self;
    Py_buffer data;
    uint64_t state, delimiter;
    if (!PyArg_ParseTuple(args, "O&O&O&:count_rows_exact", to_buffer, &data, to_u64, &state, to_u64, &delimiter))
        return NULL;
    PyObject *result = NULL;
    const char *problem = delimiter_problem(delimiter);
    if (problem)
        bad(problem);
    else if (state > AFTER_QUOTE)
        bad("state must be 0 or come from a call before");
    else {
        int now = (int)state;
        MAYBE_UNLOCK(data.len);
        uint64_t rows = count_rows_exact(data.buf, (size_t)data.len, (uint8_t)delimiter, &now);
        LOCK_AGAIN();
        result = Py_BuildValue("(Ki)", (unsigned long long)rows, now);
    }
    PyBuffer_Release(&data);
    return result;
}

static PyObject *py_find_ids(PyObject *self, PyObject *args)
{
    (void)self;
    Py_buffer ids, fanout, wanted;
    uint64_t bits;
    if (!PyArg_ParseTuple(args, "O&O&O&O&:find_ids", to_buffer, &ids, to_buffer, &fanout, to_u64, &bits, to_buffer,
                          &wanted))
        return NULL;
    PyObject *result = NULL;
    if (ids.len % ID_SIZE || wanted.len % ID_SIZE)
        bad("ids are not 32 bytes each");
    else if ((uint64_t)ids.len / ID_SIZE >= ABSENT)
        bad("too many ids");
    else if (bits > FANOUT_BITS_LIMIT)
        bad("fanout_bits is over 28");
    else if ((uint64_t)fanout.len != 4 * ((UINT64_C(1) << bits) + 1))
        bad("fanout does not have 2^fanout_bits + 1 items");
    else {
        size_t count = (size_t)wanted.len / ID_SIZE;
        uint32_t *out = malloc(count ? count * 4 : 1);
        if (out == NULL)
            PyErr_NoMemory();
        else {
            MAYBE_UNLOCK(wanted.len);
            find_ids(ids.buf, (uint32_t)(ids.len / ID_SIZE), fanout.buf, (unsigned)bits, wanted.buf, count, out);
            LOCK_AGAIN();
            result = PyBytes_FromStringAndSize((const char *)out, (Py_ssize_t)(count * 4));
            free(out);
        }
    }
    PyBuffer_Release(&ids);
    PyBuffer_Release(&fanout);
    PyBuffer_Release(&wanted);
    return result;
}

static PyObject *py_is_incompressible(PyObject *self, PyObject *args)
{
    (void)self;
    Py_buffer data;
    if (!PyArg_ParseTuple(args, "O&:is_incompressible", to_buffer, &data))
        return NULL;
    MAYBE_UNLOCK(data.len);
    int flag = is_incompressible(active->kernels->find_byte, data.buf, (size_t)data.len);
    LOCK_AGAIN();
    PyBuffer_Release(&data);
    return PyBool_FromLong(flag);
}

static PyObject *py_incompressible_flags(PyObject *self, PyObject *args)
{
    (void)self;
    Py_buffer data, ends;
    if (!PyArg_ParseTuple(args, "O&O&:incompressible_flags", to_buffer, &data, to_buffer, &ends))
        return NULL;
    PyObject *result = NULL;
    size_t count = (size_t)ends.len / 8;
    char *flags = malloc(count ? count : 1);
    if (ends.len % 8)
        bad("ends are not packed u64");
    else if (flags == NULL)
        PyErr_NoMemory();
    else {
        status_t status = OK;
        uint64_t start = 0;
        MAYBE_UNLOCK(data.len);
        for (size_t k = 0; k < count; k++) {
            uint64_t end = load64((const uint8_t *)ends.buf + 8 * k);
            if (end < start || end > (uint64_t)data.len) {
                status = BAD_ENDS;
                break;
            }
            flags[k] = (char)is_incompressible(active->kernels->find_byte, (const uint8_t *)data.buf + start,
                                               (size_t)(end - start));
            start = end;
        }
        LOCK_AGAIN();
        result = status == OK ? PyBytes_FromStringAndSize(flags, (Py_ssize_t)count) : raise_status(status);
    }
    free(flags);
    PyBuffer_Release(&data);
    PyBuffer_Release(&ends);
    return result;
}

static PyObject *py_split_entries(PyObject *self, PyObject *args)
{
    (void)self;
    Py_buffer hashes;
    uint64_t limit, smallest, largest;
    if (!PyArg_ParseTuple(args, "O&O&O&O&:split_entries", to_buffer, &hashes, to_u64, &limit, to_u64, &smallest, to_u64,
                          &largest))
        return NULL;
    PyObject *result = NULL;
    if (hashes.len % 8)
        bad("hashes are not packed u64");
    else if ((uint64_t)hashes.len / 8 >= ABSENT)
        bad("too many hashes");
    else if (smallest < 1 || largest < smallest)
        bad("sizes must be 1 <= smallest <= largest");
    else {
        list_t out = {0};
        MAYBE_UNLOCK(hashes.len);
        split_entries(hashes.buf, (uint32_t)(hashes.len / 8), limit, smallest, largest, &out);
        LOCK_AGAIN();
        /* Packed in place to 32 bits; writing never overtakes reading. */
        for (size_t k = 0; k < out.count; k++) {
            uint32_t end = (uint32_t)out.items[k];
            memcpy((uint8_t *)out.items + 4 * k, &end, 4);
        }
        if (out.failed)
            PyErr_NoMemory();
        else
            result = PyBytes_FromStringAndSize((const char *)out.items, (Py_ssize_t)(out.count * 4));
        free(out.items);
    }
    PyBuffer_Release(&hashes);
    return result;
}

#ifdef HAVE_FILES
/* Pointers to the names in a tuple of bytes; NULL with an error set. */
static const char **names_in(PyObject *tuple)
{
    const Py_ssize_t count = PyTuple_Size(tuple);
    const char **names = malloc(((size_t)count + 1) * sizeof *names);
    if (names == NULL) {
        PyErr_NoMemory();
        return NULL;
    }
    for (Py_ssize_t k = 0; k < count; k++) {
        char *name;
        /* Without a length asked for, a name with a zero byte in it is refused. */
        if (PyBytes_AsStringAndSize(PyTuple_GetItem(tuple, k), &name, NULL) < 0) {
            free(names);
            return NULL;
        }
        names[k] = name;
    }
    return names;
}

static int open_directory(const char *path)
{
    return open(path, O_RDONLY | O_CLOEXEC | O_DIRECTORY);
}

static PyObject *py_read_files(PyObject *self, PyObject *args)
{
    (void)self;
    const char *path, **names = NULL;
    PyObject *listed, *result = NULL;
    Py_buffer stamps, arena;
    if (!PyArg_ParseTuple(args, "yOO&w*:read_files", &path, &listed, to_buffer, &stamps, &arena))
        return NULL;
    /* A tuple of our own: nobody takes a name out of it while the lock is released. */
    PyObject *tuple = PySequence_Tuple(listed);
    const Py_ssize_t count = tuple != NULL ? PyTuple_Size(tuple) : 0;
    if (tuple != NULL && stamps.len != STAMP_SIZE * count)
        bad("there are not as many stamps as names");
    else if (tuple != NULL && (names = names_in(tuple)) != NULL) {
        size_t done = 0;
        PyThreadState *saved = PyEval_SaveThread();
        const int directory = open_directory(path);
        if (directory >= 0) {
            done = read_files(directory, names, stamps.buf, (size_t)count, arena.buf, (size_t)arena.len);
            close(directory);
        }
        PyEval_RestoreThread(saved);
        result = PyLong_FromSize_t(done);
    }
    free(names);
    Py_XDECREF(tuple);
    PyBuffer_Release(&stamps);
    PyBuffer_Release(&arena);
    return result;
}

static PyObject *py_stat_files(PyObject *self, PyObject *args)
{
    (void)self;
    const char *path, **names = NULL;
    PyObject *listed, *result = NULL;
    if (!PyArg_ParseTuple(args, "yO:stat_files", &path, &listed))
        return NULL;
    PyObject *tuple = PySequence_Tuple(listed);
    const size_t count = tuple != NULL ? (size_t)PyTuple_Size(tuple) : 0;
    uint8_t *stamps = malloc(STAMP_SIZE * count + 1);
    if (stamps == NULL)
        PyErr_NoMemory();
    else if (tuple != NULL && (names = names_in(tuple)) != NULL) {
        size_t done = 0;
        PyThreadState *saved = PyEval_SaveThread();
        const int directory = open_directory(path);
        if (directory >= 0) {
            done = stat_files(directory, names, count, stamps);
            close(directory);
        }
        PyEval_RestoreThread(saved);
        result = PyBytes_FromStringAndSize((const char *)stamps, (Py_ssize_t)(STAMP_SIZE * done));
    }
    free(stamps);
    free(names);
    Py_XDECREF(tuple);
    return result;
}
#endif

static PyMethodDef METHODS[] = {
    {"find_candidates", py_find_candidates, METH_VARARGS, "Positions where a chunk may end."},
    {"select_cuts", py_select_cuts, METH_VARARGS, "Chunk ends that follow from candidates."},
    {"find_cuts", py_find_cuts, METH_VARARGS, "Chunk ends of one file."},
    {"find_cuts_many", py_find_cuts_many, METH_VARARGS, "Chunk ends of files that lie back to back."},
    {"count_rows", py_count_rows, METH_VARARGS, "Rows of a segment of a text table."},
    {"count_rows_exact", py_count_rows_exact, METH_VARARGS, "Rows as Python's csv module reads them."},
    {"find_ids", py_find_ids, METH_VARARGS, "Positions of ids in a sorted array."},
    {"is_incompressible", py_is_incompressible, METH_VARARGS, "Whether compression is not worth a try."},
    {"incompressible_flags", py_incompressible_flags, METH_VARARGS, "The same for many chunks."},
    {"split_entries", py_split_entries, METH_VARARGS, "Where a list of entries is split into nodes."},
#ifdef HAVE_FILES
    {"read_files", py_read_files, METH_VARARGS, "Many small files, back to back."},
    {"stat_files", py_stat_files, METH_VARARGS, "What lstat says of many files in one directory."},
#endif
    VARIANT_METHODS,
    {NULL, NULL, 0, NULL},
};

static int module_exec(PyObject *module)
{
    use_best(VARIANTS, VARIANT_COUNT);
    return PyModule_AddIntConstant(module, "ABI", ABI);
}

static PyModuleDef_Slot SLOTS[] = {
    {Py_mod_exec, (void *)module_exec},
    {0, NULL},
};

static struct PyModuleDef MODULE = {
    PyModuleDef_HEAD_INIT,
    .m_name = "datav.core._native",
    .m_doc = "The fast twin of datav.core.reference.",
    .m_size = 0,
    .m_methods = METHODS,
    .m_slots = SLOTS,
};

PyMODINIT_FUNC PyInit__native(void)
{
    return PyModuleDef_Init(&MODULE);
}

#endif /* DATAV_NATIVE_WITHOUT_PYTHON */
