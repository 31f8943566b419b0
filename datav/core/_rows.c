/* datav.core._rows: records of text and their fingerprints, fingerprints of Arrow columns, rows in step.
 *
 * The definition of every function here is its slow twin in rows_reference.py; both give the same bytes
 * for every input, and the tests run over both.  What it is for: docs/decisions/0006-diff.md.  What this
 * file shares with _native.c is in _kernel.h: the compiler, bits, masks of 64 bytes, the choice among
 * variants and the way from Python's arguments to C.
 *
 * Order of this file:
 *
 *   1. small things    stores, bytes that are zero, lists that grow
 *   2. the hash        64 bits of a cell, and how they add up to those of a row
 *   3. the index       where cells end, as bit masks of 64 bytes; one kernel for each instruction set
 *   4. records         cells of one record after the other
 *   5. cells           quotes undone, fingerprints and contents
 *   6. Arrow columns
 *   7. rows in step
 *   8. common ends
 *   9. variants        the kernels by instruction set
 *  10. the binding     Python in, Python out; the only part that knows Python
 *
 * Parts 1 to 9 never touch Python and run with the interpreter lock released.  Nothing keeps a pointer
 * into a caller's buffer.  Another thread may write into that buffer while we read it: then the answer
 * is arbitrary, but no byte outside the buffers is ever read or written, because no index is derived
 * twice from the same bytes without being checked twice.
 */

/* tests/fuzz/fuzz_rows.c includes this file without its binding, to run where no Python is. */
#ifndef DATAV_ROWS_WITHOUT_PYTHON
#define PY_SSIZE_T_CLEAN
#ifndef Py_LIMITED_API
#define Py_LIMITED_API 0x030B0000
#endif
#include <Python.h>
#endif

#include "_kernel.h"

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* Raise this when a signature or a meaning changes; datav/core/rows.py checks it. */
#define ABI 1

/* ---------------------------------------------------------------- 1. small things */

typedef enum { OK = 0, NO_MEMORY, BAD_PIECES, BAD_OFFSETS } status_t;

INLINE void store64(void *p, uint64_t x)
{
    memcpy(p, &x, 8);
}

INLINE int has_zero_byte(uint64_t x)
{
    return ((x - UINT64_C(0x0101010101010101)) & ~x & UINT64_C(0x8080808080808080)) != 0;
}

/* Makes room for `more` items behind `count`; 0 if there is no memory. */
NOINLINE int reserve(void **items, size_t *room, size_t count, size_t more, size_t item_size)
{
    if (more <= *room - count)
        return 1;
    if (more > SIZE_MAX / 4 / item_size - count)
        return 0;
    size_t wanted = count + more, doubled = *room <= SIZE_MAX / 8 / item_size ? 2 * *room : wanted;
    wanted = wanted < doubled ? doubled : wanted;
    void *grown = realloc(*items, wanted * item_size);
    if (grown == NULL)
        return 0;
    *items = grown;
    *room = wanted;
    return 1;
}

/* A list of u64 that grows. */
typedef struct {
    uint64_t *items;
    size_t count, room;
} list_t;

INLINE int list_reserve(list_t *list, size_t more)
{
    return LIKELY(more <= list->room - list->count) ||
           reserve((void **)&list->items, &list->room, list->count, more, sizeof *list->items);
}

/* Bytes that grow. */
typedef struct {
    uint8_t *items;
    size_t count, room;
} text_t;

INLINE int text_reserve(text_t *text, size_t more)
{
    return LIKELY(more <= text->room - text->count) ||
           reserve((void **)&text->items, &text->room, text->count, more, 1);
}

/* ---------------------------------------------------------------- 2. the hash
 *
 * Up to 16 bytes, filled up with zeros, are two words; each is hidden by a secret that depends on
 * the length, and both halves of their product are folded together.  More are chained through the
 * same product, 16 bytes a step, the last 16 overlapping the ones before.  All secrets come from
 * the seed, so that nobody who does not know it can make two cells collide.
 *
 * Cells add up to rows by a step that is a bijection in either argument: two rows that differ in
 * one cell collide only if the two cells do.
 */

#define SHORT_LIMIT 16
#define MUL UINT64_C(0xD6E8FEB86659FD93)
#define GOLDEN UINT64_C(0x9E3779B97F4A7C15)

typedef struct {
    struct {
        uint64_t low_mask, high_mask, low, high;
    } of_length[SHORT_LIMIT + 1];
    uint64_t length, start, block; /* of longer ones */
    uint64_t null;
} hash_t;

/* Output `k` of the generator splitmix64 (Steele, Lea, Flood, OOPSLA 2014). */
static uint64_t secret(uint64_t seed, uint64_t k)
{
    uint64_t x = seed + (k + 1) * GOLDEN;
    x = (x ^ (x >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94D049BB133111EB);
    return x ^ (x >> 31);
}

/* The lowest `count` bytes set. */
static uint64_t low_bytes(int count)
{
    return count <= 0 ? 0 : count >= 8 ? UINT64_MAX : (UINT64_C(1) << 8 * count) - 1;
}

static void make_hash(hash_t *hash, uint64_t seed)
{
    uint64_t k = 0;
    for (int n = 0; n <= SHORT_LIMIT; n++) {
        hash->of_length[n].low_mask = low_bytes(n);
        hash->of_length[n].high_mask = low_bytes(n - 8);
        hash->of_length[n].low = secret(seed, k++);
        hash->of_length[n].high = secret(seed, k++);
    }
    hash->length = secret(seed, k++);
    hash->start = secret(seed, k++);
    hash->block = secret(seed, k++);
    hash->null = secret(seed, k++);
}

/* The two halves of the product of 128 bits, xored. */
INLINE uint64_t fold(uint64_t x, uint64_t y)
{
#if defined(__SIZEOF_INT128__)
    unsigned __int128 product = (unsigned __int128)x * y;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
#elif defined(_M_X64)
    uint64_t high, low = _umul128(x, y, &high);
    return low ^ high;
#elif defined(_M_ARM64)
    return x * y ^ __umulh(x, y);
#else
    uint64_t a = x >> 32, b = (uint32_t)x, c = y >> 32, d = (uint32_t)y;
    uint64_t low = b * d, middle = a * d + (low >> 32), other = b * c + (uint32_t)middle;
    return (a * c + (middle >> 32) + (other >> 32)) ^ (other << 32 | (uint32_t)low);
#endif
}

INLINE uint64_t combine(uint64_t all, uint64_t next)
{
    uint64_t x = (all ^ next) * MUL;
    return x ^ (x >> 32);
}

/* n <= SHORT_LIMIT bytes as two words; what they hold beyond n does not matter. */
INLINE uint64_t hash_words(const hash_t *hash, uint64_t low, uint64_t high, size_t n)
{
    return fold((low & hash->of_length[n].low_mask) ^ hash->of_length[n].low,
                (high & hash->of_length[n].high_mask) ^ hash->of_length[n].high);
}

NOINLINE uint64_t hash_long(const hash_t *hash, const uint8_t *p, size_t n)
{
    uint64_t x = fold(n ^ hash->length, hash->start);
    const uint8_t *last = p + n - 16;
    for (; p < last; p += 16)
        x = fold(load64(p) ^ hash->block, load64(p + 8) ^ x);
    return fold(load64(last) ^ hash->block, load64(last + 8) ^ x);
}

/* `room` bytes from p on may be read, room >= n. */
INLINE uint64_t hash_bytes(const hash_t *hash, const uint8_t *p, size_t n, size_t room)
{
    if (UNLIKELY(n > SHORT_LIMIT))
        return hash_long(hash, p, n);
    uint8_t copy[16] = {0};
    if (UNLIKELY(room < 16)) {
        if (n)
            memcpy(copy, p, n);
        p = copy;
    }
    return hash_words(hash, load64(p), load64(p + 8), n);
}

/* ---------------------------------------------------------------- 3. the index
 *
 * 64 bytes become three bit masks: line ends, quotes, delimiters.  Whether a byte lies inside quotes
 * is the parity of the quotes up to it, a prefix xor.  That is what the csv reader does as well as
 * long as every quote that opens stands where a cell starts, or behind another quote; a block in
 * which one does not is read byte by byte.
 */

typedef struct {
    uint8_t delimiter;
    uint64_t has_delimiter, has_quotes; /* all ones or 0 */
    uint64_t inside;                    /* all ones inside quotes */
    uint64_t may_open;                  /* 1: a quote that comes next opens */
} index_t;

/* Writes the positions of cell ends in data[at .. at + 64 * blocks) and returns how many; `ends` has
 * room for SPARE more. */
typedef size_t (*index_fn)(index_t *, const uint8_t *data, size_t at, size_t blocks, size_t *ends);
#define SPARE 64

/* The same as by masks, for any quotes. */
NOINLINE uint64_t ends_bytewise(index_t *index, uint64_t either, uint64_t quotes)
{
    enum { AT_CELL, IN_CELL, IN_QUOTES } state = index->inside ? IN_QUOTES : index->may_open ? AT_CELL : IN_CELL;
    uint64_t ends = 0;
    for (int k = 0; k < 64; k++) {
        const uint64_t bit = UINT64_C(1) << k;
        if (state == IN_QUOTES)
            state = quotes & bit ? AT_CELL : IN_QUOTES; /* one behind it opens again */
        else if (either & bit) {
            ends |= bit;
            state = AT_CELL;
        } else if (!(quotes & bit && state == AT_CELL))
            state = IN_CELL;
        else
            state = IN_QUOTES;
    }
    index->inside = state == IN_QUOTES ? UINT64_MAX : 0;
    index->may_open = state == AT_CELL;
    return ends;
}

/* Which of 64 bytes end a cell. */
INLINE uint64_t find_ends(index_t *index, uint64_t line_ends, uint64_t quotes, uint64_t delimiters)
{
    uint64_t either = line_ends | (delimiters & index->has_delimiter);
    quotes &= index->has_quotes;
    if (quotes | index->inside) {
        uint64_t inside = prefix_xor(quotes) ^ index->inside;
        uint64_t openers = either | quotes;
        if (UNLIKELY(quotes & inside & ~(openers << 1 | index->may_open)))
            return ends_bytewise(index, either, quotes);
        index->may_open = openers >> 63;
        index->inside = 0 - (inside >> 63);
        return either & ~inside;
    }
    index->may_open = either >> 63;
    return either;
}

/* Writes a position for each bit.  Eight at a time without looking, since a branch for each would
 * be guessed wrong too often. */
INLINE size_t *write_ends(size_t *ends, uint64_t bits, size_t at)
{
    const int count = popcount64(bits);
    for (int done = 0; done < count; done += 8)
        for (int k = 0; k < 8; k++) {
            ends[done + k] = at + (size_t)lowest_bit(bits | UINT64_C(1) << 63);
            bits &= bits - 1;
        }
    return ends + count;
}

static size_t index_scalar(index_t *state, const uint8_t *data, size_t at, size_t blocks, size_t *ends)
{
    index_t index = *state; /* in registers */
    size_t *next = ends;
    for (; blocks; blocks--, at += 64) {
        const uint8_t *p = data + at;
        uint64_t line_ends = equal_scalar(p, '\n') | equal_scalar(p, '\r');
        next = write_ends(next, find_ends(&index, line_ends, equal_scalar(p, '"'), equal_scalar(p, index.delimiter)), at);
    }
    *state = index;
    return (size_t)(next - ends);
}

#ifdef HAVE_X86

TARGET("avx2,popcnt,bmi")
static size_t index_avx2(index_t *state, const uint8_t *data, size_t at, size_t blocks, size_t *ends)
{
    const __m256i newline = _mm256_set1_epi8('\n'), cr = _mm256_set1_epi8('\r');
    const __m256i quote = _mm256_set1_epi8('"'), delimiter = _mm256_set1_epi8((char)state->delimiter);
    index_t index = *state;
    size_t *next = ends;
    for (; blocks; blocks--, at += 64) {
        const uint8_t *p = data + at;
        prefetch_x86(p);
        __m256i low = _mm256_loadu_si256((const __m256i *)p);
        __m256i high = _mm256_loadu_si256((const __m256i *)(p + 32));
        uint64_t line_ends = equal_avx2(low, high, newline) | equal_avx2(low, high, cr);
        uint64_t quotes = equal_avx2(low, high, quote), delimiters = equal_avx2(low, high, delimiter);
        next = write_ends(next, find_ends(&index, line_ends, quotes, delimiters), at);
    }
    *state = index;
    return (size_t)(next - ends);
}

#endif /* HAVE_X86 */

#ifdef HAVE_NEON

static size_t index_neon(index_t *state, const uint8_t *data, size_t at, size_t blocks, size_t *ends)
{
    index_t index = *state;
    size_t *next = ends;
    for (; blocks; blocks--, at += 64) {
        const uint8_t *p = data + at;
        uint64_t line_ends = equal_neon(p, '\n') | equal_neon(p, '\r');
        next = write_ends(next, find_ends(&index, line_ends, equal_neon(p, '"'), equal_neon(p, index.delimiter)), at);
    }
    *state = index;
    return (size_t)(next - ends);
}

#endif /* HAVE_NEON */

/* ---------------------------------------------------------------- 4. records */

/* Indexed at a time: with its index it stays in the first cache. */
#define PIECE 8192

typedef struct {
    index_fn index_blocks;
    const uint8_t *data;
    size_t n;
    int whole, quoting, delimiter; /* delimiter -1: none */
    index_t index;
    size_t at;    /* indexed up to here */
    size_t *ends; /* where cells end */
    size_t count, room;
    size_t next;  /* the first end of the record that comes next */
    size_t seen;  /* ends before this one do not end that record */
    size_t start; /* of that record */
    status_t status;
} reader_t;

static void open_reader(reader_t *reader, index_fn index_blocks, const uint8_t *data, size_t n, int whole,
                        int delimiter, int quoting)
{
    memset(reader, 0, sizeof *reader);
    reader->index_blocks = index_blocks;
    reader->data = data;
    reader->n = n;
    reader->whole = whole;
    reader->delimiter = delimiter;
    reader->quoting = quoting;
    reader->index.delimiter = delimiter < 0 ? 0 : (uint8_t)delimiter;
    reader->index.has_delimiter = delimiter < 0 ? 0 : UINT64_MAX;
    reader->index.has_quotes = quoting ? UINT64_MAX : 0;
    reader->index.may_open = 1;
}

/* Indexes the next piece; 0 if all is indexed or there is no memory. */
NOINLINE int read_on(reader_t *reader)
{
    if (reader->next) {
        memmove(reader->ends, reader->ends + reader->next, (reader->count - reader->next) * sizeof *reader->ends);
        reader->count -= reader->next;
        reader->seen -= reader->next;
        reader->next = 0;
    }
    if (reader->at == reader->n)
        return 0;
    if (!reserve((void **)&reader->ends, &reader->room, reader->count, PIECE + SPARE, sizeof *reader->ends)) {
        reader->status = NO_MEMORY;
        return 0;
    }
    const size_t rest = reader->n - reader->at;
    if (rest >= 64) {
        const size_t blocks = (rest < PIECE ? rest : PIECE) / 64;
        reader->count +=
            reader->index_blocks(&reader->index, reader->data, reader->at, blocks, reader->ends + reader->count);
        reader->at += 64 * blocks;
        return 1;
    }
    uint8_t edge[64] = {0};
    memcpy(edge, reader->data + reader->at, rest);
    size_t found = reader->index_blocks(&reader->index, edge, 0, 1, reader->ends + reader->count);
    /* Zeros may be delimiters, but there are none behind the end. */
    for (size_t k = 0; k < found && reader->ends[reader->count] < rest; k++)
        reader->ends[reader->count++] += reader->at;
    reader->at = reader->n;
    return 1;
}

/* One record: cell k is data[k ? ends[k-1] + 1 : start .. ends[k]). */
typedef struct {
    size_t start, cells;
    const size_t *ends;
} record_t;

/* Finds the next record, of any number of cells; valid until the next call. */
NOINLINE int next_record(reader_t *reader, record_t *record)
{
    for (;;) {
        while (reader->seen < reader->count) {
            const size_t end = reader->ends[reader->seen++];
            if (reader->data[end] == reader->delimiter)
                continue;
            *record = (record_t){reader->start, reader->seen - reader->next, reader->ends + reader->next};
            reader->start = end + 1;
            reader->next = reader->seen;
            if (record->cells > 1 || end > record->start)
                return 1;
        }
        if (read_on(reader))
            continue;
        if (reader->status != OK || !reader->whole || reader->start >= reader->n)
            return 0;
        /* The end of data ends the last one. */
        if (!reserve((void **)&reader->ends, &reader->room, reader->count, 1, sizeof *reader->ends)) {
            reader->status = NO_MEMORY;
            return 0;
        }
        reader->ends[reader->count++] = reader->n;
        *record = (record_t){reader->start, reader->count - reader->next, reader->ends + reader->next};
        reader->start = reader->n;
        reader->next = reader->seen = reader->count;
        return 1;
    }
}

/* ---------------------------------------------------------------- 5. cells */

/* Points *cell at the content of a cell that starts with a quote, and sets *n to its length; copied to
 * `scratch` if quotes in it are doubled or text follows them. */
static status_t unquote(const uint8_t **cell, size_t *n, text_t *scratch)
{
    const uint8_t *p = *cell + 1, *end = *cell + *n;
    const uint8_t *quote = memchr(p, '"', (size_t)(end - p));
    *cell = p;
    *n = (size_t)((quote ? quote : end) - p);
    if (quote == NULL || quote + 1 == end)
        return OK;
    scratch->count = 0;
    if (!text_reserve(scratch, (size_t)(end - p)))
        return NO_MEMORY;
    uint8_t *out = scratch->items;
    for (;;) {
        memcpy(out, p, (size_t)(quote - p));
        out += quote - p;
        p = quote + 1;
        if (p == end || *p != '"')
            break;
        *out++ = '"';
        p++;
        quote = p == end ? NULL : memchr(p, '"', (size_t)(end - p));
        if (quote == NULL)
            break;
    }
    memcpy(out, p, (size_t)(end - p));
    out += end - p;
    *cell = scratch->items;
    *n = (size_t)(out - scratch->items);
    return OK;
}

typedef struct {
    hash_t hash;
    uint64_t seed;
    size_t width;
    const uint32_t *columns; /* each under width */
    size_t column_count;
    const uint32_t *key; /* each under column_count */
    size_t key_count;
    uint8_t *wanted;  /* for each source column */
    uint64_t *hashes; /* the same */
    text_t scratch;
    list_t starts, keys, rows;
    uint64_t ragged, ragged_width; /* ragged: number of a record, or UINT64_MAX */
} scan_t;

NOINLINE uint64_t hash_quoted(scan_t *scan, const uint8_t *cell, size_t n, size_t room, status_t *status)
{
    const uint8_t *content = cell;
    status_t problem = unquote(&content, &n, &scan->scratch);
    if (problem != OK) {
        *status = problem;
        return 0;
    }
    return hash_bytes(&scan->hash, content, n, content == cell + 1 ? room - 1 : n);
}

/* Almost all quoted cells are short and without another quote. */
INLINE uint64_t hash_quoted_fast(scan_t *scan, const uint8_t *cell, size_t n, size_t room, status_t *status)
{
    const size_t inner = n - 2; /* wraps for a lone quote */
    if (LIKELY(inner <= SHORT_LIMIT && room > 16 && cell[n - 1] == '"')) {
        const uint64_t low = load64(cell + 1), high = load64(cell + 9);
        const uint64_t low_mask = scan->hash.of_length[inner].low_mask, high_mask = scan->hash.of_length[inner].high_mask;
        const uint64_t quotes = '"' * UINT64_C(0x0101010101010101);
        if (LIKELY(!has_zero_byte((low ^ quotes) | ~low_mask) && !has_zero_byte((high ^ quotes) | ~high_mask)))
            return hash_words(&scan->hash, low, high, inner);
    }
    return hash_quoted(scan, cell, n, room, status);
}

/* Writes down the record whose hashes are all there; there is room. */
INLINE void add_row(scan_t *scan, size_t start)
{
    uint64_t row = scan->seed;
    for (size_t k = 0; k < scan->column_count; k++)
        row = combine(row, scan->hashes[scan->columns[k]]);
    scan->starts.items[scan->starts.count++] = start;
    scan->rows.items[scan->rows.count++] = row;
    if (scan->key_count) {
        uint64_t key = scan->seed;
        for (size_t k = 0; k < scan->key_count; k++)
            key = combine(key, scan->hashes[scan->columns[scan->key[k]]]);
        scan->keys.items[scan->keys.count++] = key;
    }
}

static int make_room(scan_t *scan, size_t more)
{
    return list_reserve(&scan->starts, more) && list_reserve(&scan->rows, more) &&
           (!scan->key_count || list_reserve(&scan->keys, more));
}

/* A record of any number of cells. */
static status_t add_record(scan_t *scan, const reader_t *reader, const record_t *record)
{
    status_t status = OK;
    if (record->cells != scan->width && scan->ragged == UINT64_MAX) {
        scan->ragged = scan->starts.count;
        scan->ragged_width = record->cells;
    }
    size_t at = record->start;
    for (size_t k = 0; k < scan->width; k++) {
        size_t end = at;
        if (k < record->cells)
            end = record->ends[k];
        if (scan->wanted[k]) {
            const uint8_t *cell = reader->data + at;
            const size_t n = end - at, room = reader->n - at;
            scan->hashes[k] = reader->quoting && n && *cell == '"' ? hash_quoted(scan, cell, n, room, &status)
                                                                   : hash_bytes(&scan->hash, cell, n, room);
        }
        at = k + 1 < record->cells ? end + 1 : end;
    }
    if (status == OK && !make_room(scan, 1))
        status = NO_MEMORY;
    if (status == OK)
        add_row(scan, record->start);
    return status;
}

/* Takes records of the right width as long as all of their ends are indexed; `quoting` is a constant. */
INLINE status_t scan_indexed(scan_t *scan, reader_t *reader, const int quoting)
{
    const uint8_t *data = reader->data;
    const size_t n = reader->n, width = scan->width;
    const int delimiter = reader->delimiter;
    const size_t *ends = reader->ends + reader->next, *stop = reader->ends + reader->count;
    size_t start = reader->start;
    status_t status = OK;
    while ((size_t)(stop - ends) >= width) {
        size_t at = start, k = 0;
        if (*ends == start && data[start] != delimiter) { /* a blank line, or the rest of \r\n */
            start++;
            ends++;
            continue;
        }
        for (; k < width; k++) {
            const size_t end = ends[k];
            if (UNLIKELY((data[end] == delimiter) != (k + 1 < width)))
                break;
            if (scan->wanted[k]) {
                if (quoting && data[at] == '"')
                    scan->hashes[k] = hash_quoted_fast(scan, data + at, end - at, n - at, &status);
                else
                    scan->hashes[k] = hash_bytes(&scan->hash, data + at, end - at, n - at);
            }
            at = end + 1;
        }
        if (UNLIKELY(k < width || status != OK))
            break;
        add_row(scan, start);
        start = at;
        ends += width;
    }
    reader->start = start;
    reader->next = reader->seen = (size_t)(ends - reader->ends);
    return status;
}

/* All records; the caller has filled in what is not a result. */
static status_t scan_text(scan_t *scan, reader_t *reader)
{
    record_t record;
    scan->ragged = UINT64_MAX;
    for (;;) {
        /* No more records than ends. */
        if (!make_room(scan, reader->count - reader->next))
            return NO_MEMORY;
        status_t status = reader->quoting ? scan_indexed(scan, reader, 1) : scan_indexed(scan, reader, 0);
        if (status != OK)
            return status;
        if (!next_record(reader, &record))
            return reader->status;
        status = add_record(scan, reader, &record);
        if (status != OK)
            return status;
    }
}

/* Contents of one column, as in Arrow's large_binary. */
typedef struct {
    uint32_t column;
    list_t offsets;
    text_t values;
} contents_t;

/* Copied whatever the length of a short cell: a length that is known takes two instructions. */
#define COPIED 32

/* `room` bytes from `cell` on may be read. */
INLINE status_t add_cell(contents_t *contents, const uint8_t *cell, size_t n, size_t room)
{
    if (!text_reserve(&contents->values, n + COPIED) || !list_reserve(&contents->offsets, 1))
        return NO_MEMORY;
    uint8_t *out = contents->values.items + contents->values.count;
    if (LIKELY(n <= COPIED && room >= COPIED))
        memcpy(out, cell, COPIED);
    else if (n)
        memcpy(out, cell, n);
    contents->values.count += n;
    contents->offsets.items[contents->offsets.count++] = contents->values.count;
    return OK;
}

static status_t read_text(contents_t *columns, size_t column_count, reader_t *reader, uint64_t *count)
{
    text_t scratch = {0};
    record_t record;
    status_t status = OK;
    for (size_t k = 0; k < column_count && status == OK; k++) {
        if (list_reserve(&columns[k].offsets, 1))
            columns[k].offsets.items[columns[k].offsets.count++] = 0;
        else
            status = NO_MEMORY;
    }
    while (status == OK && next_record(reader, &record)) {
        for (size_t k = 0; k < column_count && status == OK; k++) {
            const size_t j = columns[k].column;
            const size_t at = j && j < record.cells ? record.ends[j - 1] + 1 : record.start;
            const uint8_t *cell = reader->data + at;
            size_t n = j < record.cells ? record.ends[j] - at : 0, room = reader->n - at;
            if (reader->quoting && n && *cell == '"') {
                status = unquote(&cell, &n, &scratch);
                room = cell == scratch.items ? n : room - 1;
            }
            if (status == OK)
                status = add_cell(&columns[k], cell, n, room);
        }
        ++*count;
    }
    free(scratch.items);
    return status != OK ? status : reader->status;
}

/* The length of all pieces together, or UINT64_MAX. */
static uint64_t measure_pieces(size_t n, const uint8_t *starts, const uint8_t *ends, size_t count)
{
    uint64_t total = 0;
    for (size_t k = 0; k < count; k++) {
        const uint64_t start = load64(starts + 8 * k), end = load64(ends + 8 * k);
        if (start > end || end > n || end - start > (uint64_t)PTRDIFF_MAX - total)
            return UINT64_MAX;
        total += end - start;
    }
    return total;
}

/* Checks again: somebody may have written into the numbers. */
static status_t copy_pieces(const uint8_t *data, size_t n, const uint8_t *starts, const uint8_t *ends, size_t count,
                            uint8_t *out, uint64_t room)
{
    for (size_t k = 0; k < count; k++) {
        const uint64_t start = load64(starts + 8 * k), end = load64(ends + 8 * k);
        if (start > end || end > n || end - start > room)
            return BAD_PIECES;
        if (end > start)
            memcpy(out, data + start, (size_t)(end - start));
        out += end - start;
        room -= end - start;
    }
    return room ? BAD_PIECES : OK;
}

/* ---------------------------------------------------------------- 6. Arrow columns */

/* Bits and values are counted from `offset`; no validity: all are valid. */
typedef struct {
    uint8_t *rows; /* u64 each */
    size_t count;
    const uint8_t *values, *validity;
    size_t offset;
} column_t;

INLINE int bit_at(const uint8_t *bits, size_t k)
{
    return bits[k / 8] >> (k % 8) & 1;
}

/* `width` is a constant: 0 for bits. */
INLINE void hash_values(const hash_t *hash, const column_t *column, const size_t width)
{
    for (size_t k = 0; k < column->count; k++) {
        const size_t at = column->offset + k;
        uint64_t x = hash->null;
        if (column->validity == NULL || bit_at(column->validity, at)) {
            const uint8_t *p = column->values + at * width;
            uint8_t bytes[16] = {0};
            if (width == 0) {
                bytes[0] = (uint8_t)bit_at(column->values, at);
                x = hash_words(hash, load64(bytes), 0, 1);
            } else if (width <= 16) {
                memcpy(bytes, p, width);
                x = hash_words(hash, load64(bytes), load64(bytes + 8), width);
            } else
                x = hash_long(hash, p, width);
        }
        store64(column->rows + 8 * k, combine(load64(column->rows + 8 * k), x));
    }
}

static void hash_fixed(const hash_t *hash, const column_t *column, size_t width)
{
    switch (width) {
    case 0: hash_values(hash, column, 0); break;
    case 1: hash_values(hash, column, 1); break;
    case 2: hash_values(hash, column, 2); break;
    case 4: hash_values(hash, column, 4); break;
    case 8: hash_values(hash, column, 8); break;
    case 16: hash_values(hash, column, 16); break;
    default: hash_values(hash, column, 32); break;
    }
}

INLINE uint64_t load_offset(const uint8_t *offsets, size_t k, size_t width)
{
    int32_t narrow;
    if (width == 8)
        return load64(offsets + 8 * k);
    memcpy(&narrow, offsets + 4 * k, 4);
    return (uint64_t)(int64_t)narrow; /* a negative one is past every end */
}

/* Each offset is read once, so what was checked is what is used. */
INLINE status_t hash_pieces(const hash_t *hash, const column_t *column, size_t size, const uint8_t *offsets,
                            const size_t width)
{
    if (column->count == 0)
        return OK;
    uint64_t start = load_offset(offsets, column->offset, width);
    for (size_t k = 0; k < column->count; k++) {
        const size_t at = column->offset + k;
        const uint64_t end = load_offset(offsets, at + 1, width);
        if (start > end || end > size)
            return BAD_OFFSETS;
        uint64_t x = hash->null;
        if (column->validity == NULL || bit_at(column->validity, at))
            x = hash_bytes(hash, column->values + start, (size_t)(end - start), size - (size_t)start);
        store64(column->rows + 8 * k, combine(load64(column->rows + 8 * k), x));
        start = end;
    }
    return OK;
}

static void hash_nulls(const hash_t *hash, uint8_t *rows, size_t count)
{
    for (size_t k = 0; k < count; k++)
        store64(rows + 8 * k, combine(load64(rows + 8 * k), hash->null));
}

/* ---------------------------------------------------------------- 7. rows in step */

#define WINDOW_LIMIT 65535
#define FAILURES_LIMIT 10000 /* look-aheads that may find nothing before it is asked how often they do */
#define NEAR 4               /* skips up to this are tried one by one */

typedef struct {
    const uint8_t *a, *b;
    size_t a_count, b_count, window;
    uint32_t *heads, *links; /* of a hash table of the rows of b in the window, positions plus one */
    uint32_t head_mask;
} align_t;

INLINE uint64_t row_at(const uint8_t *rows, size_t k)
{
    return load64(rows + 8 * k);
}

/* Whether the rows agree at a[i], b[j] and at the next ones, if both have such. */
INLINE int agree(const align_t *align, size_t i, size_t j)
{
    if (row_at(align->a, i) != row_at(align->b, j))
        return 0;
    if (i + 1 == align->a_count || j + 1 == align->b_count)
        return 1;
    return row_at(align->a, i + 1) == row_at(align->b, j + 1);
}

/* Finds the smallest skip, of those the one that skips the fewest in `a`; 0 if there is none. */
static int find_skip(align_t *align, size_t i, size_t j, size_t *skip_a, size_t *skip_b)
{
    const size_t a_rest = align->a_count - i - 1, b_rest = align->b_count - j - 1;
    const size_t a_most = a_rest < align->window ? a_rest : align->window;
    const size_t b_most = b_rest < align->window ? b_rest : align->window;
    for (size_t both = 1; both <= NEAR; both++)
        for (size_t p = 0; p <= both; p++)
            if (p <= a_most && both - p <= b_most && agree(align, i + p, j + both - p)) {
                *skip_a = p;
                *skip_b = both - p;
                return 1;
            }
    if (a_most + b_most <= NEAR)
        return 0;
    memset(align->heads, 0, ((size_t)align->head_mask + 1) * sizeof *align->heads);
    for (size_t q = b_most + 1; q-- > 0;) { /* backwards, so that chains go forwards */
        uint32_t *head = &align->heads[row_at(align->b, j + q) & align->head_mask];
        align->links[q] = *head;
        *head = (uint32_t)q + 1;
    }
    size_t best = SIZE_MAX;
    for (size_t p = 0; p <= a_most && p < best; p++) {
        uint32_t link = align->heads[row_at(align->a, i + p) & align->head_mask];
        for (; link && p + link - 1 < best; link = align->links[link - 1]) {
            if (agree(align, i + p, j + link - 1)) {
                best = p + link - 1;
                *skip_a = p;
                *skip_b = link - 1;
                break;
            }
        }
    }
    return best != SIZE_MAX;
}

INLINE int leave_over(list_t *left, size_t first, size_t stop)
{
    if (!list_reserve(left, stop - first))
        return 0;
    for (; first < stop; first++)
        left->items[left->count++] = first;
    return 1;
}

static status_t walk_rows(align_t *align, list_t *left_a, list_t *left_b)
{
    size_t i = 0, j = 0, failures = 0;
    const size_t n = align->a_count, m = align->b_count;
    while (i < n && j < m && failures <= FAILURES_LIMIT + i / 4) {
        const uint8_t *a = align->a + 8 * i, *b = align->b + 8 * j;
        const size_t most = n - i < m - j ? n - i : m - j;
        size_t same = 0;
        for (; same + 8 <= most; same += 8) {
            uint64_t difference = 0;
            for (size_t k = 0; k < 8; k++)
                difference |= row_at(a, same + k) ^ row_at(b, same + k);
            if (difference)
                break;
        }
        while (same < most && row_at(a, same) == row_at(b, same))
            same++;
        i += same;
        j += same;
        if (same == most)
            break;
        size_t skip_a = 1, skip_b = 1;
        failures += !find_skip(align, i, j, &skip_a, &skip_b);
        if (!leave_over(left_a, i, i + skip_a) || !leave_over(left_b, j, j + skip_b))
            return NO_MEMORY;
        i += skip_a;
        j += skip_b;
    }
    return leave_over(left_a, i, n) && leave_over(left_b, j, m) ? OK : NO_MEMORY;
}

static status_t align_rows(const uint8_t *a, size_t a_count, const uint8_t *b, size_t b_count, size_t window,
                           list_t *left_a, list_t *left_b)
{
    size_t heads = 64;
    while (heads < 2 * (window + 1))
        heads *= 2;
    align_t align = {a, b, a_count, b_count, window, NULL, NULL, (uint32_t)heads - 1};
    align.heads = malloc(heads * sizeof *align.heads);
    align.links = malloc((window + 1) * sizeof *align.links);
    status_t status = NO_MEMORY;
    if (align.heads != NULL && align.links != NULL)
        status = walk_rows(&align, left_a, left_b);
    free(align.heads);
    free(align.links);
    return status;
}

/* ---------------------------------------------------------------- 8. common ends */

#define COMPARED 4096 /* bytes given to memcmp at a time */

static size_t first_difference(const uint8_t *a, const uint8_t *b, size_t n)
{
    size_t at = 0;
    while (n - at >= COMPARED && memcmp(a + at, b + at, COMPARED) == 0)
        at += COMPARED;
    while (n - at >= 8 && load64(a + at) == load64(b + at))
        at += 8;
    while (at < n && a[at] == b[at])
        at++;
    return at;
}

/* `a` and `b` point behind the last byte. */
static size_t last_difference(const uint8_t *a, const uint8_t *b, size_t n)
{
    size_t at = 0;
    while (n - at >= COMPARED && memcmp(a - at - COMPARED, b - at - COMPARED, COMPARED) == 0)
        at += COMPARED;
    while (n - at >= 8 && load64(a - at - 8) == load64(b - at - 8))
        at += 8;
    while (at < n && a[-(ptrdiff_t)at - 1] == b[-(ptrdiff_t)at - 1])
        at++;
    return at;
}

/* ---------------------------------------------------------------- 9. variants */

struct kernels {
    index_fn index;
};

static const variant_t VARIANTS[] = {
#ifdef HAVE_X86
    {"avx2", &(const struct kernels){index_avx2}},
#endif
#ifdef HAVE_NEON
    {"neon", &(const struct kernels){index_neon}},
#endif
    {"scalar", &(const struct kernels){index_scalar}},
};
#define VARIANT_COUNT (sizeof VARIANTS / sizeof VARIANTS[0])

/* ---------------------------------------------------------------- 10. the binding */

#ifndef DATAV_ROWS_WITHOUT_PYTHON

/* More than any file has, few enough for memory. */
#define WIDTH_LIMIT (1 << 24)

/* For "O&": a contiguous buffer that may be written to. */
static int to_writable(PyObject *object, void *address)
{
    return get_buffer(object, address, PyBUF_WRITABLE, "the buffer is not contiguous, or cannot be written to");
}

/* For "O&": a byte, or -1. */
static int to_delimiter(PyObject *object, void *address)
{
    PyObject *index = PyNumber_Index(object);
    if (index == NULL)
        return 0;
    int overflow;
    long value = PyLong_AsLongAndOverflow(index, &overflow);
    Py_DECREF(index);
    if (value == -1 && PyErr_Occurred())
        return 0;
    if (overflow || value < -1 || value > 255 || value == '\n' || value == '\r') {
        PyErr_SetString(PyExc_ValueError, "delimiter must be one byte that is no line end, or -1");
        return 0;
    }
    *(int *)address = (int)value;
    return 1;
}

static PyObject *raise_status(status_t status)
{
    switch (status) {
    case NO_MEMORY:
        return PyErr_NoMemory();
    case BAD_PIECES:
        return bad("pieces must end where they start or later, and lie within data");
    default:
        return bad("offsets must not decrease and must lie within values");
    }
}

static PyObject *list_bytes(const list_t *list)
{
    return PyBytes_FromStringAndSize((const char *)list->items, (Py_ssize_t)(list->count * 8));
}

/* A copy of packed u32 that are all under `limit`; NULL with an error set. */
static uint32_t *copy_numbers(const Py_buffer *packed, uint64_t limit, const char *problem)
{
    if (packed->len % 4) {
        bad("numbers are not packed u32");
        return NULL;
    }
    uint32_t *copy = malloc((size_t)packed->len + 1);
    if (copy == NULL) {
        PyErr_NoMemory();
        return NULL;
    }
    if (packed->len)
        memcpy(copy, packed->buf, (size_t)packed->len);
    for (Py_ssize_t k = 0; k < packed->len / 4; k++)
        if (copy[k] >= limit) {
            free(copy);
            bad(problem);
            return NULL;
        }
    return copy;
}

static PyObject *scan_result(const scan_t *scan, const reader_t *reader)
{
    PyObject *starts = list_bytes(&scan->starts), *rows = list_bytes(&scan->rows), *keys = rows;
    if (scan->key_count)
        keys = list_bytes(&scan->keys);
    else
        Py_XINCREF(rows);
    if (starts == NULL || rows == NULL || keys == NULL) {
        Py_XDECREF(starts);
        Py_XDECREF(rows);
        Py_XDECREF(keys);
        return NULL;
    }
    const int ragged = scan->ragged != UINT64_MAX;
    return Py_BuildValue("(NNNKLL)", starts, keys, rows, (unsigned long long)reader->start,
                         ragged ? (long long)scan->ragged : -1, ragged ? (long long)scan->ragged_width : -1);
}

static PyObject *py_scan_text(PyObject *self, PyObject *args)
{
    (void)self;
    Py_buffer data, columns, key;
    int whole, delimiter, quoting;
    uint64_t width, seed;
    if (!PyArg_ParseTuple(args, "O&pO&pO&O&O&O&:scan_text", to_buffer, &data, &whole, to_delimiter, &delimiter,
                          &quoting, to_u64, &width, to_buffer, &columns, to_buffer, &key, to_u64, &seed))
        return NULL;
    PyObject *result = NULL;
    uint32_t *column_numbers = NULL, *key_numbers = NULL;
    scan_t scan;
    memset(&scan, 0, sizeof scan);
    reader_t reader;
    open_reader(&reader, active->kernels->index, data.buf, (size_t)data.len, whole, delimiter, quoting);
    if (quoting && delimiter == '"')
        bad("delimiter must not be the quote");
    else if (width < 1 || width > WIDTH_LIMIT)
        bad("width must be 1 to 2^24");
    else if ((column_numbers = copy_numbers(&columns, width, "a column is not under width")) != NULL &&
             (key_numbers = copy_numbers(&key, (uint64_t)columns.len / 4, "a key column is not among columns")) !=
                 NULL) {
        scan.seed = seed;
        make_hash(&scan.hash, seed);
        scan.width = (size_t)width;
        scan.columns = column_numbers;
        scan.column_count = (size_t)columns.len / 4;
        scan.key = key_numbers;
        scan.key_count = (size_t)key.len / 4;
        scan.wanted = calloc(scan.width, 1);
        scan.hashes = calloc(scan.width, sizeof *scan.hashes);
        if (scan.wanted == NULL || scan.hashes == NULL)
            PyErr_NoMemory();
        else {
            for (size_t k = 0; k < scan.column_count; k++)
                scan.wanted[column_numbers[k]] = 1;
            MAYBE_UNLOCK(data.len);
            status_t status = scan_text(&scan, &reader);
            LOCK_AGAIN();
            result = status == OK ? scan_result(&scan, &reader) : raise_status(status);
        }
    }
    free(column_numbers);
    free(key_numbers);
    free(scan.wanted);
    free(scan.hashes);
    free(scan.scratch.items);
    free(scan.starts.items);
    free(scan.keys.items);
    free(scan.rows.items);
    free(reader.ends);
    PyBuffer_Release(&data);
    PyBuffer_Release(&columns);
    PyBuffer_Release(&key);
    return result;
}

static PyObject *contents_result(const contents_t *columns, size_t column_count, uint64_t count)
{
    PyObject *listed = PyList_New(0);
    for (size_t k = 0; listed != NULL && k < column_count; k++) {
        PyObject *pair =
            Py_BuildValue("(Ny#)", list_bytes(&columns[k].offsets),
                          columns[k].values.items ? (const char *)columns[k].values.items : "",
                          (Py_ssize_t)columns[k].values.count);
        if (pair == NULL || PyList_Append(listed, pair) < 0)
            Py_CLEAR(listed);
        Py_XDECREF(pair);
    }
    return listed == NULL ? NULL : Py_BuildValue("(KN)", (unsigned long long)count, listed);
}

static PyObject *py_read_text(PyObject *self, PyObject *args)
{
    (void)self;
    Py_buffer data, columns;
    int delimiter, quoting;
    if (!PyArg_ParseTuple(args, "O&O&pO&:read_text", to_buffer, &data, to_delimiter, &delimiter, &quoting, to_buffer,
                          &columns))
        return NULL;
    PyObject *result = NULL;
    uint32_t *numbers = NULL;
    contents_t *contents = NULL;
    const size_t column_count = (size_t)columns.len / 4;
    reader_t reader;
    open_reader(&reader, active->kernels->index, data.buf, (size_t)data.len, 1, delimiter, quoting);
    if (quoting && delimiter == '"')
        bad("delimiter must not be the quote");
    else if ((numbers = copy_numbers(&columns, WIDTH_LIMIT, "a column is not under 2^24")) != NULL) {
        contents = calloc(column_count + 1, sizeof *contents);
        if (contents == NULL)
            PyErr_NoMemory();
        else {
            for (size_t k = 0; k < column_count; k++)
                contents[k].column = numbers[k];
            uint64_t count = 0;
            MAYBE_UNLOCK(data.len);
            status_t status = read_text(contents, column_count, &reader, &count);
            LOCK_AGAIN();
            result = status == OK ? contents_result(contents, column_count, count) : raise_status(status);
            for (size_t k = 0; k < column_count; k++) {
                free(contents[k].offsets.items);
                free(contents[k].values.items);
            }
        }
    }
    free(contents);
    free(numbers);
    free(reader.ends);
    PyBuffer_Release(&data);
    PyBuffer_Release(&columns);
    return result;
}

static PyObject *py_gather(PyObject *self, PyObject *args)
{
    (void)self;
    Py_buffer data, starts, ends;
    if (!PyArg_ParseTuple(args, "O&O&O&:gather", to_buffer, &data, to_buffer, &starts, to_buffer, &ends))
        return NULL;
    PyObject *result = NULL;
    if (starts.len % 8 || starts.len != ends.len)
        bad("starts and ends are not packed u64, one of each for a piece");
    else {
        const size_t count = (size_t)starts.len / 8;
        uint64_t total = measure_pieces((size_t)data.len, starts.buf, ends.buf, count);
        if (total == UINT64_MAX)
            raise_status(BAD_PIECES);
        else if ((result = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)total)) != NULL) {
            uint8_t *out = (uint8_t *)PyBytes_AsString(result);
            MAYBE_UNLOCK(total);
            status_t status = copy_pieces(data.buf, (size_t)data.len, starts.buf, ends.buf, count, out, total);
            LOCK_AGAIN();
            if (status != OK) {
                Py_CLEAR(result);
                raise_status(status);
            }
        }
    }
    PyBuffer_Release(&data);
    PyBuffer_Release(&starts);
    PyBuffer_Release(&ends);
    return result;
}

/* Whether `count` items from `offset` on lie among `present`. */
static int has_items(uint64_t present, uint64_t offset, uint64_t count)
{
    return offset <= present && count <= present - offset;
}

static const char *column_problem(const Py_buffer *rows, const Py_buffer *validity, uint64_t offset)
{
    if (rows->len % 8)
        return "rows are not packed u64";
    if (validity->len && !has_items((uint64_t)validity->len * 8, offset, (uint64_t)rows->len / 8))
        return "validity is too short";
    return NULL;
}

static PyObject *py_hash_fixed(PyObject *self, PyObject *args)
{
    (void)self;
    Py_buffer rows, values, validity;
    uint64_t width, offset, seed = 0;
    if (!PyArg_ParseTuple(args, "O&O&O&O&O&|O&:hash_fixed", to_writable, &rows, to_buffer, &values, to_u64, &width,
                          to_buffer, &validity, to_u64, &offset, to_u64, &seed))
        return NULL;
    PyObject *result = NULL;
    const size_t count = (size_t)rows.len / 8;
    const char *problem = column_problem(&rows, &validity, offset);
    if (problem)
        bad(problem);
    else if (width > 32 || (width & (width - 1)))
        bad("width must be 0, 1, 2, 4, 8, 16 or 32");
    else if (!has_items(width ? (uint64_t)values.len / width : (uint64_t)values.len * 8, offset, count))
        bad("values are too short");
    else {
        hash_t hash;
        make_hash(&hash, seed);
        column_t column = {rows.buf, count, values.buf, validity.len ? validity.buf : NULL, (size_t)offset};
        MAYBE_UNLOCK(rows.len);
        hash_fixed(&hash, &column, (size_t)width);
        LOCK_AGAIN();
        result = Py_NewRef(Py_None);
    }
    PyBuffer_Release(&rows);
    PyBuffer_Release(&values);
    PyBuffer_Release(&validity);
    return result;
}

static PyObject *py_hash_binary(PyObject *self, PyObject *args)
{
    (void)self;
    Py_buffer rows, offsets, values, validity;
    uint64_t width, offset, seed = 0;
    if (!PyArg_ParseTuple(args, "O&O&O&O&O&O&|O&:hash_binary", to_writable, &rows, to_buffer, &offsets, to_u64, &width,
                          to_buffer, &values, to_buffer, &validity, to_u64, &offset, to_u64, &seed))
        return NULL;
    PyObject *result = NULL;
    const size_t count = (size_t)rows.len / 8;
    const char *problem = column_problem(&rows, &validity, offset);
    if (problem)
        bad(problem);
    else if (width != 4 && width != 8)
        bad("offset_width must be 4 or 8");
    else if (count && !has_items((uint64_t)offsets.len / width, offset, (uint64_t)count + 1))
        bad("offsets are too short");
    else {
        hash_t hash;
        make_hash(&hash, seed);
        column_t column = {rows.buf, count, values.buf, validity.len ? validity.buf : NULL, (size_t)offset};
        MAYBE_UNLOCK(rows.len);
        status_t status = width == 8 ? hash_pieces(&hash, &column, (size_t)values.len, offsets.buf, 8)
                                     : hash_pieces(&hash, &column, (size_t)values.len, offsets.buf, 4);
        LOCK_AGAIN();
        result = status == OK ? Py_NewRef(Py_None) : raise_status(status);
    }
    PyBuffer_Release(&rows);
    PyBuffer_Release(&offsets);
    PyBuffer_Release(&values);
    PyBuffer_Release(&validity);
    return result;
}

static PyObject *py_hash_null(PyObject *self, PyObject *args)
{
    (void)self;
    Py_buffer rows;
    uint64_t seed = 0;
    if (!PyArg_ParseTuple(args, "O&|O&:hash_null", to_writable, &rows, to_u64, &seed))
        return NULL;
    PyObject *result = NULL;
    if (rows.len % 8)
        bad("rows are not packed u64");
    else {
        hash_t hash;
        make_hash(&hash, seed);
        MAYBE_UNLOCK(rows.len);
        hash_nulls(&hash, rows.buf, (size_t)rows.len / 8);
        LOCK_AGAIN();
        result = Py_NewRef(Py_None);
    }
    PyBuffer_Release(&rows);
    return result;
}

static PyObject *py_align_rows(PyObject *self, PyObject *args)
{
    (void)self;
    Py_buffer a, b;
    uint64_t window;
    if (!PyArg_ParseTuple(args, "O&O&O&:align_rows", to_buffer, &a, to_buffer, &b, to_u64, &window))
        return NULL;
    PyObject *result = NULL;
    if (a.len % 8 || b.len % 8)
        bad("rows are not packed u64");
    else if (window > WINDOW_LIMIT)
        bad("window is over 65535");
    else {
        list_t left_a = {0}, left_b = {0};
        MAYBE_UNLOCK(a.len + b.len);
        status_t status = align_rows(a.buf, (size_t)a.len / 8, b.buf, (size_t)b.len / 8, (size_t)window, &left_a,
                                     &left_b);
        LOCK_AGAIN();
        if (status == OK)
            result = Py_BuildValue("(NN)", list_bytes(&left_a), list_bytes(&left_b));
        else
            raise_status(status);
        free(left_a.items);
        free(left_b.items);
    }
    PyBuffer_Release(&a);
    PyBuffer_Release(&b);
    return result;
}

static PyObject *common_end(PyObject *args, const char *format, int last)
{
    Py_buffer a, b;
    if (!PyArg_ParseTuple(args, format, to_buffer, &a, to_buffer, &b))
        return NULL;
    const size_t n = (size_t)(a.len < b.len ? a.len : b.len);
    size_t same = 0;
    if (n) { /* the address of an empty buffer may be anything */
        MAYBE_UNLOCK(n);
        same = last ? last_difference((const uint8_t *)a.buf + a.len, (const uint8_t *)b.buf + b.len, n)
                    : first_difference(a.buf, b.buf, n);
        LOCK_AGAIN();
    }
    PyBuffer_Release(&a);
    PyBuffer_Release(&b);
    return PyLong_FromSize_t(same);
}

static PyObject *py_first_difference(PyObject *self, PyObject *args)
{
    (void)self;
    return common_end(args, "O&O&:first_difference", 0);
}

static PyObject *py_last_difference(PyObject *self, PyObject *args)
{
    (void)self;
    return common_end(args, "O&O&:last_difference", 1);
}

static PyMethodDef METHODS[] = {
    {"scan_text", py_scan_text, METH_VARARGS, "Records of a text and fingerprints of their cells."},
    {"read_text", py_read_text, METH_VARARGS, "Contents of the cells of columns of a text."},
    {"gather", py_gather, METH_VARARGS, "Pieces of a buffer, back to back."},
    {"hash_fixed", py_hash_fixed, METH_VARARGS, "Adds a column of values of one width to fingerprints."},
    {"hash_binary", py_hash_binary, METH_VARARGS, "Adds a column of strings to fingerprints."},
    {"hash_null", py_hash_null, METH_VARARGS, "Adds a column of nulls to fingerprints."},
    {"align_rows", py_align_rows, METH_VARARGS, "Rows that are left over when two sides are walked in step."},
    {"first_difference", py_first_difference, METH_VARARGS, "Length of the common prefix."},
    {"last_difference", py_last_difference, METH_VARARGS, "Length of the common suffix."},
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
    .m_name = "datav.core._rows",
    .m_doc = "The fast twin of datav.core.rows_reference.",
    .m_size = 0,
    .m_methods = METHODS,
    .m_slots = SLOTS,
};

PyMODINIT_FUNC PyInit__rows(void)
{
    return PyModuleDef_Init(&MODULE);
}

#endif /* DATAV_ROWS_WITHOUT_PYTHON */
