/* Compares every variant of the index of the row kernels with the csv reader spelled out byte by byte.
 *
 * It needs no Python, so it also runs under an emulator for other processors:
 *
 *   aarch64-linux-gnu-gcc -O2 -static -o fuzz_rows tests/fuzz/fuzz_rows.c
 *   qemu-aarch64-static ./fuzz_rows 200
 *
 * Argument: rounds (default 500).  Every buffer is taken from malloc at its exact size, so that a
 * sanitizer sees each byte read out of bounds.  Exit status 1 and a line on the first difference.
 */

#define DATAV_ROWS_WITHOUT_PYTHON
#include "../../datav/core/_rows.c"

#include <stdio.h>

static uint64_t seed = 88172645463325252u;

static size_t below(size_t n)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (size_t)(seed >> 11) % n;
}

static uint8_t *make_data(size_t n)
{
    static const char *const alphabets[] = {"\"\",\n\ra", "abcdefghijklmnopqrs,,,\n", "abcdefghijkl,\"", "a,\n\"", "\n"};
    const char *alphabet = alphabets[below(5)];
    uint8_t *data = malloc(n ? n : 1);
    for (size_t i = 0; i < n; i++)
        data[i] = (uint8_t)alphabet[below(strlen(alphabet))];
    return data;
}

/* Where cells end, one byte after the other. */
static size_t find_slowly(const uint8_t *data, size_t n, int delimiter, int quoting, size_t *ends)
{
    int opens = 1, inside = 0; /* whether a quote that comes next opens */
    size_t count = 0;
    for (size_t i = 0; i < n; i++) {
        const int is_quote = quoting && data[i] == '"';
        const int is_end = data[i] == '\n' || data[i] == '\r' || data[i] == delimiter;
        if (inside) {
            inside = !is_quote;
            opens = 1;
        } else if (is_end) {
            ends[count++] = i;
            opens = 1;
        } else {
            inside = is_quote && opens;
            opens = 0;
        }
    }
    return count;
}

/* Whether the records' cells end elsewhere. */
static int differs(const variant_t *variant, const uint8_t *data, size_t n, int delimiter, int quoting,
                   const size_t *wanted, size_t wanted_count)
{
    reader_t reader;
    record_t record;
    open_reader(&reader, variant->kernels->index, data, n, 1, delimiter, quoting);
    int bad = 0;
    size_t seen = 0;
    while (next_record(&reader, &record) && !bad) {
        /* Blank lines are passed over. */
        while (seen < wanted_count && wanted[seen] < record.start)
            seen++;
        for (size_t k = 0; k < record.cells && !bad; k++) {
            const size_t end = record.ends[k];
            bad = seen < wanted_count ? wanted[seen] != end : end != n;
            seen += seen < wanted_count;
        }
    }
    for (; seen < wanted_count && !bad; seen++)
        bad = data[wanted[seen]] == delimiter;
    free(reader.ends);
    return bad;
}

/* The rows and keys of all variants, which are those of the scalar one. */
static int scans_differ(const uint8_t *data, size_t n, int delimiter, int quoting, size_t width)
{
    uint32_t columns[8], key[1] = {0};
    uint8_t wanted[8];
    uint64_t hashes[8], results[VARIANT_COUNT];
    for (size_t k = 0; k < width; k++) {
        columns[k] = (uint32_t)k;
        wanted[k] = 1;
    }
    size_t done = 0;
    for (size_t v = 0; v < VARIANT_COUNT; v++) {
        if (!can_run(&VARIANTS[v]))
            continue;
        scan_t scan;
        reader_t reader;
        memset(&scan, 0, sizeof scan);
        make_hash(&scan.hash, 5);
        scan.width = scan.column_count = width;
        scan.columns = columns;
        scan.key = key;
        scan.key_count = 1;
        scan.wanted = wanted;
        scan.hashes = hashes;
        open_reader(&reader, VARIANTS[v].kernels->index, data, n, 1, delimiter, quoting);
        uint64_t sum = (uint64_t)scan_text(&scan, &reader);
        for (size_t k = 0; k < scan.rows.count; k++)
            sum = combine(combine(combine(sum, scan.rows.items[k]), scan.keys.items[k]), scan.starts.items[k]);
        results[done++] = combine(sum, scan.ragged);
        free(scan.scratch.items);
        free(scan.starts.items);
        free(scan.keys.items);
        free(scan.rows.items);
        free(reader.ends);
    }
    for (size_t k = 1; k < done; k++)
        if (results[k] != results[0])
            return 1;
    return 0;
}

int main(int argc, char **argv)
{
    const long rounds = argc > 1 ? atol(argv[1]) : 500;
    for (long round = 0; round < rounds; round++) {
        const size_t n = below(3) ? below(300) : below(30000);
        const int delimiter = below(8) ? ',' : -1, quoting = below(4) != 0;
        uint8_t *data = make_data(n);
        size_t *ends = malloc((n + 1) * sizeof *ends);
        const size_t count = find_slowly(data, n, delimiter, quoting, ends);
        for (size_t v = 0; v < VARIANT_COUNT; v++)
            if (can_run(&VARIANTS[v]) && differs(&VARIANTS[v], data, n, delimiter, quoting, ends, count)) {
                printf("%s: the ends of cells differ in round %ld\n", VARIANTS[v].name, round);
                return 1;
            }
        if (scans_differ(data, n, delimiter, quoting, 1 + below(8))) {
            printf("the variants' scans differ in round %ld\n", round);
            return 1;
        }
        free(data);
        free(ends);
    }
    printf("%ld rounds agree\n", rounds);
    return 0;
}
