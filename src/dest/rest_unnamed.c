/*
 * rest_unnamed: rows that an answer counts as refused, and does not name.
 *
 * They are looked for by sending the rows again in halves, where that does no harm. What the
 * left half has of them the right one has not, so every second half need not be sent. The
 * requests are bounded; beyond, the rows were taken but for so many of them, and that is told.
 */
#include "dest/rest.h"

#define UNNAMED_REQUESTS_MAX 128 /* of one delivery: eight rows of 10,000 take about 100 */
#define UNNAMED_DEPTH_MAX    64  /* halving 2^32 rows, two at a time */

static eff_str
unnamed_text(struct eff_delivery *delivery, struct rest_half half)
{
    return eff_str_printf(delivery->arena,
                          "%lld of %zu rows were not accepted, and the answer does not say which",
                          (long long)half.refused, half.count);
}

static void
unnamed_verdict(struct eff_delivery *delivery, struct rest_half half, struct eff_verdict verdict)
{
    for (size_t i = 0; i < half.count; i++)
        delivery->items[half.rows[i]].verdict = verdict;
}

/*
 * The left half is sent next; without enough requests for that, it is told how many there are. One
 * is kept for the other row of two.
 */
static void
unnamed_halve(struct eff_delivery *delivery, struct rest_work *work, struct rest_half whole)
{
    struct rest_half left = whole, right = whole;

    if (rest_variant(work)->class != EFF_CLASS_CONVERGE ||
        whole.refused >= (int64_t)(UNNAMED_REQUESTS_MAX - work->halves_sent)) {
        unnamed_verdict(delivery, whole,
                        rest_verdict(EFF_TAKEN, EFF_OK, EFF_STR("ROWS_NOT_ACCEPTED"),
                                     unnamed_text(delivery, whole)));
        return;
    }
    left.count = whole.count / 2;
    left.left = true;
    right.count -= left.count;
    right.rows += left.count;
    right.left = false;
    work->halves[work->halves_count++] = right;
    work->halves[work->halves_count++] = left;
}

bool
rest_unnamed_next(struct eff_delivery *delivery, struct rest_work *work)
{
    while (work->halves_count > 0) {
        struct rest_half half = work->halves[--work->halves_count];

        if (!half.left && half.count > 1) { /* how many it has is known by its sibling */
            unnamed_halve(delivery, work, half);
            continue;
        }
        memcpy(work->rows, half.rows, half.count * sizeof *half.rows);
        work->rows_count = half.count;
        work->half_left = half.left;
        work->halves_sent++;
        return true;
    }
    return false;
}

/* The rows at hand were the left half: what they have not, the right half has. */
static void
unnamed_sibling(struct eff_delivery *delivery, struct rest_work *work,
                const struct eff_answer *answer, int64_t told)
{
    struct rest_half *right = &work->halves[work->halves_count - 1];

    if (told > right->refused) // More than there are in both: nothing follows for the other.
        return;
    right->refused -= told;
    if (right->refused > 0)
        return;
    unnamed_verdict(delivery, *right, (struct eff_verdict){.outcome = answer->unlisted});
    work->halves_count--;
}

/* The rows at hand without a verdict, in memory of their own. */
static struct rest_half
unnamed_rest(struct eff_delivery *delivery, struct rest_work *work)
{
    size_t *rows = eff_new(delivery->arena, size_t, work->rows_count);
    struct rest_half half = {.rows = rows};

    if (!work->halves) {
        work->halves = eff_new(delivery->arena, struct rest_half, UNNAMED_DEPTH_MAX);
        work->resent = eff_new(delivery->arena, bool, delivery->count);
    }
    for (size_t i = 0; i < work->rows_count; i++) {
        size_t row = work->rows[i];

        if (delivery->items[row].verdict.outcome != EFF_PENDING)
            continue;
        work->resent[row] = true;
        rows[half.count++] = row;
    }
    return half;
}

bool
rest_judge_unnamed(struct eff_delivery *delivery, struct rest_work *work,
                   const struct eff_answer *answer, const struct eff_json *json)
{
    struct rest_half half;
    int64_t told = 0, named = 0;

    if (!answer->refused_count.ptr)
        return false;
    eff_str_int(eff_json_str(eff_json_pointer(json, answer->refused_count)), &told);
    for (size_t i = 0; i < work->rows_count; i++)
        named += work->named[work->rows[i]];
    if (work->half_left)
        unnamed_sibling(delivery, work, answer, told > named ? told : named);
    work->half_left = false;
    if (told <= named)
        return false;
    half = unnamed_rest(delivery, work);
    half.refused = told - named;
    if (half.refused >= (int64_t)half.count)
        unnamed_verdict(delivery, half,
                        rest_verdict(EFF_REFUSED, EFF_ROW, EFF_STR("NOT_ACCEPTED"),
                                     EFF_STR("the destination counts this row as invalid")));
    else
        unnamed_halve(delivery, work, half);
    return true;
}

void
rest_unnamed_end(struct eff_delivery *delivery, const struct rest_work *work)
{
    for (size_t i = 0; work->resent && i < delivery->count; i++) {
        struct eff_verdict *verdict = &delivery->items[i].verdict;

        if (work->resent[i] && verdict->outcome == EFF_NOT_APPLIED)
            verdict->outcome = EFF_MAYBE_APPLIED;
    }
}
