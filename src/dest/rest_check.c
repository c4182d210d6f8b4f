/* rest_check: proving the credential and the target by requests that only read, else by the login alone. */
#include "dest/rest_task.h"

/* The n-th request that is for the object: those that name it, else those that name none. */
static const struct eff_check *
check_at(const struct rest_dest *dest, eff_str object, int n)
{
    const struct eff_connector *c = dest->connector;
    bool named = false;

    for (size_t i = 0; i < c->checks_count; i++)
        named |= c->checks[i].members == dest->members && rest_listed(&c->checks[i].only, object);
    for (size_t i = 0; i < c->checks_count; i++) {
        const struct eff_check *check = &c->checks[i];

        if (check->members == dest->members && rest_given(dest, check->needs_option) &&
            (named ? rest_listed(&check->only, object) : check->only.count == 0) && n-- == 0)
            return check;
    }
    return NULL;
}

/* What the answer does not tell cannot be missed: a header that is not there proves nothing. */
static bool
check_proven(const struct eff_proof *proof, const struct eff_response *response,
             const struct eff_json *json)
{
    eff_str words = proof->header.ptr ? eff_response_header(response, proof->header) : EFF_STR_NONE;
    const struct eff_json *list = eff_json_pointer(json, proof->each), *element;
    struct eff_json_iter iter = eff_json_iterate(list);
    eff_str word;

    if (!words.len && proof->all.count == 0)
        return true;
    while (words.len) {
        eff_str_cut(words, ',', &word, &words);
        if (rest_listed(&proof->words, eff_str_trim(word)))
            return true;
    }
    if (proof->all.count == 0 || proof->each.len == 0)
        return proof->all.count > 0 && rest_tests(&proof->all, json);
    while (eff_json_next(&iter, NULL, &element))
        if (rest_tests(&proof->all, element))
            return true;
    return false;
}

static struct eff_step
check_answer(struct rest_dest *dest, struct eff_task *task, const struct eff_check *check,
             const struct eff_response *last, struct eff_err *err)
{
    const struct eff_json *json = rest_json(last, task->arena);
    struct eff_step step;

    if (last->wire == EFF_WIRE_ANSWERED && check->untold.count > 0 &&
        rest_listed(&check->untold, rest_refusal_of(dest->connector, last, json, task->arena).code))
        return (struct eff_step){0};
    if (!rest_task_good(last) || (check->success.at.ptr && !rest_test(&check->success, json))) {
        step = rest_task_failure(dest, task, rest_task_work(task), last, "check", err);
        if (check->remedy.len && step.kind == EFF_STEP_AUTH)
            dest->remedy = check->remedy; // of a 401, which another login may mend
        if (check->remedy.len && step.kind == EFF_STEP_STOP && err->fault == EFF_AUTH)
            rest_hint(check->remedy, EFF_AUTH, err);
        return step;
    }
    for (size_t i = 0; i < check->proofs_count; i++) {
        const struct eff_proof *proof = &check->proofs[i];

        if (check_proven(proof, last, json))
            continue;
        EFF_FAIL(err, proof->fault, "check: " EFF_STR_FMT, EFF_STR_ARG(proof->lacks));
        rest_hint(proof->remedy, proof->fault, err);
        return (struct eff_step){.kind = EFF_STEP_STOP};
    }
    return (struct eff_step){0};
}

struct eff_step
rest_check(struct rest_dest *dest, struct eff_task *task, const struct eff_response *last,
           struct eff_err *err)
{
    struct eff_render r = rest_render(dest, task->arena);
    struct task_work *work = rest_task_work(task);
    const struct eff_check *check = check_at(dest, task->object, work->phase);
    struct eff_step step;

    if (!check && work->phase == 0 && rest_needs_login(dest))
        return (struct eff_step){.kind = EFF_STEP_AUTH};
    if (check && last) {
        step = check_answer(dest, task, check, last, err);
        if (step.kind != 0)
            return step;
        work->tries = 0;
        check = check_at(dest, task->object, ++work->phase);
    }
    if (!check)
        return (struct eff_step){.kind = EFF_STEP_DONE};
    r.object = task->object;
    return rest_task_send(dest, &check->call, &r, NULL, EFF_STR_NONE, err);
}
