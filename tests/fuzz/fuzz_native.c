/* Compares every variant of the native core with the definitions spelled out byte by byte.
 *
 * It needs no Python, so it also runs under an emulator for other processors:
 *
 *   aarch64-linux-gnu-gcc -O2 -static -o fuzz_native tests/fuzz/fuzz_native.c
 *   qemu-aarch64-static ./fuzz_native 200
 *
 * Argument: rounds (default 500).  Every buffer is taken from malloc at its exact size, so that a
 * sanitizer sees each byte read out of bounds.  Exit status 1 and a line on the first difference.
 */

#define DATAV_NATIVE_WITHOUT_PYTHON
#include "../../datav/core/_native.c"

#include <stdio.h>

static uint64_t seed = 88172645463325252u;

static uint64_t next_random(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed;
}

static size_t below(size_t n)
{
    return (size_t)(next_random() >> 11) % n;
}

static uint8_t *make_data(size_t n)
{
    static const char text[] = "\"\",\n\r;a";
    uint8_t *data = malloc(n ? n : 1);
    size_t period = 1 + below(300);
    int kind = (int)below(5);
    for (size_t i = 0; i < n; i++) {
        if (kind == 0)
            data[i] = (uint8_t)(next_random() >> 20);
        else if (kind == 1)
            data[i] = (uint8_t)text[below(sizeof text - 1)];
        else if (kind == 2)
            data[i] = i < period ? (uint8_t)(next_random() >> 20) : data[i - period];
        else if (kind == 3)
            data[i] = (uint8_t)(i / 8 >> 8 * (i % 8)); /* 64-bit counter, shift below 64 */
        else
            data[i] = below(40) ? 'x' : (uint8_t)text[below(sizeof text - 1)];
    }
    /* Where looking ahead of an anchor would leave the buffer. */
    if (n && kind == 0)
        data[n - 1] = ANCHOR;
    return data;
}

static void naive_candidates(const uint8_t *b, size_t n, size_t lead, uint64_t hard, uint64_t easy, list_t *out)
{
    uint8_t *d4 = calloc(3, n + 1), *d8 = d4 + n, *h = d8 + n;
    for (size_t i = 3; i < n; i++)
        d4[i] = (uint8_t)((b[i] + 2 * b[i - 1]) ^ (((b[i - 2] ^ 0x5A) + b[i - 3] + 1) >> 1));
    for (size_t i = 4; i < n; i++)
        d8[i] = (uint8_t)(d4[i] + 3 * d4[i - 4]);
    for (size_t i = 64; i < n; i++) {
        h[i] = (uint8_t)(2 * h[i - 64] + d8[i] + 5 * d8[i - 8]);
        if (i < (lead ? lead : 511) || h[i] != CT || (h[i - 64] & GATE_MASK) != GATE)
            continue;
        uint64_t x = SEED;
        for (size_t k = 0; k < 64; k += 8) {
            uint64_t word = 0;
            for (size_t j = 0; j < 8; j++)
                word |= (uint64_t)b[i - 63 + k + j] << 8 * j;
            x = (x ^ word) * MUL;
            x ^= x >> 32;
        }
        if (x < easy)
            list_push(out, (uint64_t)i << 1 | (x < hard));
    }
    free(d4);
}

static rows_t naive_rows(const uint8_t *b, size_t n, size_t lead, uint8_t delimiter, int quoting)
{
    rows_t rows;
    memset(&rows, 0, sizeof rows);
    int inside = 0;
    for (size_t i = lead; i < n; i++) {
        uint8_t before = i ? b[i - 1] : '\n';
        int after_end = before == '\n' || before == '\r';
        if (quoting && b[i] == '"') {
            inside = !inside;
            int irregular = !after_end && before != delimiter && before != '"';
            rows.openers_outside += (uint64_t)(irregular && inside);
            rows.openers_inside += (uint64_t)(irregular && !inside);
        }
        int ends = (b[i] == '\n' || b[i] == '\r') && !after_end;
        rows.rows += (uint64_t)ends;
        rows.rows_outside += (uint64_t)(ends && !inside);
    }
    rows.inside = (uint64_t)inside;
    return rows;
}

static int differs(const char *what, const char *variant, size_t n, size_t lead)
{
    printf("%s of %s differs: n = %zu, lead = %zu\n", what, variant, n, lead);
    return 1;
}

int main(int argc, char **argv)
{
    long rounds = argc > 1 ? atol(argv[1]) : 500;
    for (size_t v = 0; v < VARIANT_COUNT; v++)
        printf("%s: %s\n", VARIANTS[v].name, can_run(&VARIANTS[v]) ? "tested" : "not on this processor");
    for (long round = 0; round < rounds; round++) {
        size_t n = below(2) ? below(3000) : below(200000);
        if (below(3) == 0)
            n = n / 64 * 64;
        size_t lead = below(n + 1);
        if (lead < LEAD)
            lead = 0;
        uint64_t hard = next_random() >> below(8), easy = hard | next_random();
        uint8_t delimiter = below(2) ? ',' : ';', *data = make_data(n);
        int quoting = below(4) != 0;
        list_t wanted = {0};
        naive_candidates(data, n, lead, hard, easy, &wanted);
        rows_t rows = naive_rows(data, n, lead, delimiter, quoting);
        for (size_t v = 0; v < VARIANT_COUNT; v++) {
            const variant_t *variant = &VARIANTS[v];
            if (!can_run(variant))
                continue;
            list_t found = {0};
            scan_candidates(variant->kernels->comb, data, n, lead, hard, easy, &found);
            if (found.count != wanted.count ||
                (wanted.count && memcmp(found.items, wanted.items, 8 * wanted.count)))
                return differs("find_candidates", variant->name, n, lead);
            free(found.items);
            rows_t counted = count_rows(variant->kernels->rows, data, n, lead, delimiter, quoting);
            if (counted.rows != rows.rows || counted.rows_outside != rows.rows_outside ||
                counted.openers_outside != rows.openers_outside ||
                counted.openers_inside != rows.openers_inside || (counted.inside & 1) != rows.inside)
                return differs("count_rows", variant->name, n, lead);
            if (is_incompressible(variant->kernels->find_byte, data, n) !=
                is_incompressible(equal_scalar, data, n))
                return differs("is_incompressible", variant->name, n, lead);
            params_t p = {1024, 4096, 16384};
            uint64_t end = n, before = 0;
            list_t cuts = {0};
            cut_files(variant->kernels->comb, data, n, (const uint8_t *)&end, 1, &p, &cuts);
            for (size_t k = 0; k < cuts.count; before = cuts.items[k++])
                if (cuts.items[k] <= before || cuts.items[k] - before > p.largest)
                    return differs("cut_files", variant->name, n, lead);
            if (before != n)
                return differs("cut_files", variant->name, n, lead);
            free(cuts.items);
        }
        free(wanted.items);
        free(data);
    }
    printf("%ld rounds agree\n", rounds);
    return 0;
}
