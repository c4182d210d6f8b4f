/*
 * run/keys: the rows that `--key` asks for.
 *
 * A key is compared as text: a,b for two columns, which may mean several rows where
 * the columns themselves hold commas; as a JSON object it means one.
 */
#include "run/sync.h"
#include "run/verbs.h"

struct eff_run_key {
    eff_str text;
    bool exact; /* the columns with NUL between them, which no text holds */
    bool found;
};

static enum eff_fault
keys_exact(struct eff_sync_run *r, struct eff_run_key *key, struct eff_err *err)
{
    eff_str *parts = eff_new(&r->run, eff_str, r->sync->key_count);
    struct eff_buf buf = {0};

    EFF_TRY(eff_verbs_key_object(r->sync, key->text, &r->run, parts, err));
    for (size_t i = 0; i < r->sync->key_count; i++) {
        if (i > 0)
            eff_buf_add_char(&buf, '\0');
        eff_buf_add(&buf, parts[i]);
    }
    key->text = eff_str_copy(&r->run, eff_buf_str(&buf));
    key->exact = true;
    eff_buf_free(&buf);
    return EFF_OK;
}

enum eff_fault
eff_run_keys_open(struct eff_sync_run *r, struct eff_err *err)
{
    r->keys = eff_new(&r->run, struct eff_run_key, r->options->keys_count);
    for (size_t i = 0; i < r->options->keys_count; i++) {
        r->keys[i].text = r->options->keys[i];
        if (eff_str_starts(r->keys[i].text, EFF_STR("{")))
            EFF_TRY(keys_exact(r, &r->keys[i], err));
    }
    return EFF_OK;
}

bool
eff_run_keys_wants(struct eff_sync_run *r, const struct eff_value *row)
{
    bool wants = r->options->keys_count == 0;
    struct eff_buf buf = {0};

    for (int exact = 0; exact < 2 && r->options->keys_count > 0; exact++) {
        eff_buf_reset(&buf);
        for (size_t i = 0; i < r->mapping.key_count; i++) {
            if (i > 0)
                eff_buf_add_char(&buf, exact ? '\0' : ',');
            eff_value_text(&buf, &row[r->mapping.key[i]]);
        }
        for (size_t i = 0; i < r->options->keys_count; i++)
            if (r->keys[i].exact == exact && eff_str_eq(eff_buf_str(&buf), r->keys[i].text))
                wants = r->keys[i].found = true;
    }
    eff_buf_free(&buf);
    return wants;
}

void
eff_run_keys_report(struct eff_sync_run *r)
{
    for (size_t i = 0; i < r->options->keys_count; i++)
        if (!r->keys[i].found)
            eff_report_problem(r->report, "EFF2160", EFF_OK, 0,
                               eff_str_printf(&r->run,
                                              "no row of the model has the key " EFF_STR_FMT,
                                              EFF_STR_ARG(r->options->keys[i])),
                               EFF_STR("Write it as the model has it; two columns as a,b in the "
                                       "order of `key:`, or as a JSON object."),
                               EFF_STR_NONE);
}
