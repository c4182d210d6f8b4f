// links: base
// timeout: 600
/*
 * Goal: the quick ways to the text of a double, a time and an integer give the bytes
 * that the C library gives.
 * Method: millions of doubles (any bits; short decimals and their neighbours; sums
 * that are not quite short), of times over all of 64 bits and over the years that
 * occur, and of integers of every size, each against printf; from a seed, so that
 * what fails comes back. A tenth of them with the sanitizers, which look at how the
 * bytes are written, not at which.
 */
#include <setjmp.h>
#include <stdarg.h>

#include "base/clock.h"
#include "base/number.h"
#include "lib/byprintf.h"
#include "lib/random.h"

#include <cmocka.h>

#ifdef __SANITIZE_ADDRESS__
#define SCALE 1
#else
#define SCALE 10
#endif
#define DOUBLES (SCALE * 300000)
#define TIMES   (SCALE * 600000)
#define INTS    (SCALE * 600000)

static void
same_double(double value)
{
    char text[EFF_DOUBLE_TEXT_MAX], wanted[64];

    if (!isfinite(value))
        return;
    byprintf_double(value, wanted);
    if (eff_double_text(value, text) != strlen(wanted) || strcmp(text, wanted) != 0)
        fail_msg("%a is %s, not %s", value, wanted, text);
}

static void
test_doubles(void **state)
{
    uint64_t random = 101;

    (void)state;
    for (int round = 0; round < DOUBLES; round++) {
        uint64_t bits = random_next(&random);
        double value;

        switch (round % 5) {
        case 0:
            break;
        case 1: // between 1e-5 and 1e16, where decimals are written without an exponent
            bits = (bits & 0x800fffffffffffff) | (uint64_t)(1006 + bits % 70) << 52;
            break;
        default: // up to 18 decimal places, and what lies next to such a number
            value = (double)(int64_t)(bits >> random_below(&random, 64)) /
                    pow(10, random_below(&random, 19));
            if (round % 5 == 3)
                value = nextafter(value, random_below(&random, 2) ? 0 : INFINITY);
            if (round % 5 == 4)
                value += 0.1;
            same_double(value);
            same_double(-value);
            continue;
        }
        memcpy(&value, &bits, sizeof(value));
        same_double(value);
    }
}

static void
test_times(void **state)
{
    uint64_t random = 102;

    (void)state;
    for (int round = 0; round < TIMES; round++) {
        int64_t micros = (int64_t)random_next(&random);
        unsigned sub_nanos = random_below(&random, 4) ? 0 : random_below(&random, 1000);
        bool zone = round % 2 == 0;
        char text[EFF_TIME_TEXT_MAX], wanted[64];

        if (round % 4 > 0)
            micros %= INT64_C(100000000000000000); // some 3,000 years about 1970
        if (round % 4 > 1)
            micros -= micros % 1000;
        if (round % 4 > 2)
            micros -= micros % 1000000;
        if (round < 1000)
            micros = INT64_MIN + round;
        byprintf_datetime(micros, sub_nanos, zone, wanted);
        if (eff_datetime_text(micros, sub_nanos, zone, text) != strlen(wanted) ||
            strcmp(text, wanted) != 0)
            fail_msg("%lld is %s, not %s", (long long)micros, wanted, text);
    }
}

static void
test_ints(void **state)
{
    uint64_t random = 103;

    (void)state;
    for (int round = 0; round < INTS; round++) {
        int64_t value = (int64_t)random_next(&random) >> random_below(&random, 64);
        char text[EFF_INT_TEXT_MAX], wanted[64];

        snprintf(wanted, sizeof(wanted), "%lld", (long long)value);
        if (eff_int_text(value, text) != strlen(wanted) || strcmp(text, wanted) != 0)
            fail_msg("%s became %s", wanted, text);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_doubles),
        cmocka_unit_test(test_times),
        cmocka_unit_test(test_ints),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
