/*
 * os/redact: takes secrets out of a text before it leaves the process.
 *
 * All forms of all secrets are made once; a text is then read once, and at each
 * byte only the needles that begin with it are compared, longest first.
 */
#include "os/redact.h"

#include <stdlib.h>

#include "base/hash.h"
#include "base/json.h"

#define REDACT_LINE_MIN 8 /* of several */

static void
redact_add(struct eff_redact *redact, eff_str needle)
{
    if (needle.len < EFF_REDACT_MIN)
        return;
    for (size_t i = 0; i < redact->count; i++)
        if (eff_str_eq(redact->needles[i], needle))
            return;
    if (redact->count == redact->cap) {
        eff_str *more =
            eff_new(redact->arena, eff_str, redact->cap = redact->cap ? redact->cap * 2 : 64);

        if (redact->count)
            memcpy(more, redact->needles, redact->count * sizeof(*more));
        redact->needles = more;
    }
    redact->needles[redact->count++] = needle;
}

/*
 * In "user:secret" the secret's bytes fall anywhere in the groups of three, and
 * the characters at both ends mix with its neighbours: those are left out.
 */
static void
redact_add_base64(struct eff_redact *redact, eff_str secret, bool url)
{
    for (size_t before = 0; before < 3; before++) {
        char *padded = eff_new(redact->arena, char, secret.len + 2);
        size_t from = before == 0 ? 0 : before + 1;
        size_t till = (before + secret.len) * 8 / 6; // whole characters
        eff_str text;

        memcpy(padded + before, secret.ptr, secret.len);
        text = eff_base64(redact->arena, (eff_str){padded, secret.len + before}, url);
        if (till > from)
            redact_add(redact, eff_str_sub(text, from, till - from));
    }
}

static bool
redact_is_plain(unsigned char c, bool strict)
{
    static const char marks[] = "-_.~";
    static const char lenient[] = "!*'()$&+,/:;=?@#"; // what encodeURI leaves

    if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'))
        return true;
    return c != '\0' && (strchr(marks, c) != NULL || (!strict && strchr(lenient, c) != NULL));
}

static void
redact_add_percent(struct eff_redact *redact, eff_str secret, const char *digits, bool strict,
                   bool plus)
{
    char *text = eff_new(redact->arena, char, secret.len * 3 + 1);
    size_t len = 0;

    for (size_t i = 0; i < secret.len; i++) {
        unsigned char c = (unsigned char)secret.ptr[i];

        if (redact_is_plain(c, strict))
            text[len++] = (char)c;
        else if (plus && c == ' ')
            text[len++] = '+';
        else {
            text[len++] = '%';
            text[len++] = digits[c >> 4];
            text[len++] = digits[c & 15];
        }
    }
    redact_add(redact, (eff_str){text, len});
}

static void
redact_add_hex(struct eff_redact *redact, eff_str secret)
{
    eff_str lower = eff_hex(redact->arena, secret.ptr, secret.len);
    char *upper = eff_str_c(redact->arena, lower);

    for (size_t i = 0; i < lower.len; i++)
        if (upper[i] >= 'a')
            upper[i] = (char)(upper[i] - ('a' - 'A'));
    redact_add(redact, lower);
    redact_add(redact, (eff_str){upper, lower.len});
}

static void
redact_add_json(struct eff_redact *redact, eff_str secret)
{
    struct eff_buf buf = {0};
    struct eff_json_writer writer = {.buf = &buf};

    eff_json_write_str(&writer, secret);
    if (buf.len > 2)
        redact_add(redact,
                   eff_str_copy(redact->arena, eff_str_sub(eff_buf_str(&buf), 1, buf.len - 2)));
    eff_buf_free(&buf);
}

static void
redact_add_forms(struct eff_redact *redact, eff_str secret)
{
    if (secret.len < EFF_REDACT_MIN)
        return;
    redact_add(redact, secret);
    redact_add_base64(redact, secret, false);
    redact_add_base64(redact, secret, true);
    for (unsigned i = 0; i < 8; i++)
        redact_add_percent(redact, secret, (i & 1) ? "0123456789ABCDEF" : "0123456789abcdef",
                           (i & 2) != 0, (i & 4) != 0);
    redact_add_hex(redact, secret);
    redact_add_json(redact, secret);
}

static int
redact_digit(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

static eff_str
redact_unpercent(struct eff_arena *arena, eff_str text)
{
    char *plain = eff_new(arena, char, text.len + 1);
    size_t len = 0;

    for (size_t i = 0; i < text.len; i++) {
        bool encoded = text.ptr[i] == '%' && i + 2 < text.len &&
                       redact_digit(text.ptr[i + 1]) >= 0 && redact_digit(text.ptr[i + 2]) >= 0;

        plain[len++] =
            encoded ? (char)(redact_digit(text.ptr[i + 1]) * 16 + redact_digit(text.ptr[i + 2]))
                    : text.ptr[i];
        i += encoded ? 2 : 0;
    }
    return (eff_str){plain, len};
}

/* postgresql://user:PASSWORD@host/db; some drivers take it without what is before user */
static void
redact_add_url(struct eff_redact *redact, eff_str secret)
{
    size_t at = eff_str_find(secret, EFF_STR("://"));
    eff_str rest, user, password;
    size_t end;

    rest = at == SIZE_MAX ? secret : eff_str_sub(secret, at + 3, secret.len);
    end = eff_str_find_char(rest, '/');
    rest = eff_str_sub(rest, 0, end == SIZE_MAX ? rest.len : end);
    for (end = rest.len; end > 0 && rest.ptr[end - 1] != '@';)
        end--;
    if (end == 0 || !eff_str_cut(eff_str_sub(rest, 0, end - 1), ':', &user, &password))
        return;
    redact_add_forms(redact, password);
    redact_add_forms(redact, redact_unpercent(redact->arena, password));
}

/* The value of the keyword that the text follows, if it does: ='it''s' or =x */
static void
redact_add_value(struct eff_redact *redact, eff_str text)
{
    eff_str rest = eff_str_trim(text);
    size_t end = 0;

    if (rest.len == 0 || rest.ptr[0] != '=')
        return;
    rest = eff_str_trim(eff_str_sub(rest, 1, rest.len));
    if (rest.len > 0 && rest.ptr[0] == '\'') {
        rest = eff_str_sub(rest, 1, rest.len);
        while (end < rest.len && rest.ptr[end] != '\'')
            end += rest.ptr[end] == '\\' ? 2 : 1;
    } else
        while (end < rest.len && strchr(" \t\n&", rest.ptr[end]) == NULL)
            end++;
    rest = eff_str_sub(rest, 0, end < rest.len ? end : rest.len);
    redact_add_forms(redact, rest);
    redact_add_forms(redact, redact_unpercent(redact->arena, rest));
}

/* host=x password='it''s' dbname=y, and ?password=x; sslpassword as well */
static void
redact_add_keywords(struct eff_redact *redact, eff_str secret)
{
    eff_str word = EFF_STR("password"), rest = secret;

    for (size_t at; (at = eff_str_find(rest, word)) != SIZE_MAX;) {
        rest = eff_str_sub(rest, at + word.len, SIZE_MAX);
        redact_add_value(redact, rest);
    }
}

/* The lines of a key; not what frames it, which no secret is. */
static void
redact_add_lines(struct eff_redact *redact, eff_str secret)
{
    eff_str line, rest = secret;

    for (bool more = eff_str_find_char(secret, '\n') != SIZE_MAX; more;) {
        more = eff_str_cut(rest, '\n', &line, &rest);
        line = eff_str_trim(line);
        if (line.len >= REDACT_LINE_MIN && !eff_str_starts(line, EFF_STR("-----")))
            redact_add(redact, line);
    }
}

static void
redact_add_secret(struct eff_redact *redact, eff_str secret)
{
    secret = eff_str_copy(redact->arena, secret);
    redact_add_forms(redact, secret);
    redact_add_url(redact, secret);
    redact_add_keywords(redact, secret);
    redact_add_lines(redact, secret);
}

static int
redact_longer(const void *a, const void *b)
{
    const eff_str *left = a, *right = b;

    if (left->len != right->len)
        return left->len > right->len ? -1 : 1;
    return eff_str_cmp(*left, *right);
}

static void
redact_index(struct eff_redact *redact)
{
    if (redact->count == 0)
        return;
    qsort(redact->needles, redact->count, sizeof(*redact->needles), redact_longer);
    redact->next = eff_new(redact->arena, size_t, redact->count);
    memset(redact->first, 0, sizeof redact->first);
    for (size_t i = redact->count; i-- > 0;) {
        unsigned char c = (unsigned char)redact->needles[i].ptr[0];

        redact->next[i] = redact->first[c];
        redact->first[c] = i + 1;
    }
}

void
eff_redact_init(struct eff_redact *redact, struct eff_arena *arena, size_t count,
                const eff_str *secrets)
{
    *redact = (struct eff_redact){.arena = arena};
    for (size_t i = 0; i < count; i++)
        redact_add_secret(redact, secrets[i]);
    redact_index(redact);
}

void
eff_redact_learn(struct eff_redact *redact, eff_str secret)
{
    if (secret.len < EFF_REDACT_MIN)
        return;
    for (size_t i = 0; i < redact->count; i++)
        if (eff_str_eq(redact->needles[i], secret))
            return;
    redact_add_secret(redact, secret);
    redact_index(redact);
}

/* How much of the needle stands before "..."; a dot may be the needle's own. */
static size_t
redact_match_cut(eff_str needle, eff_str text)
{
    size_t same = 0;

    while (same < needle.len && same < text.len && needle.ptr[same] == text.ptr[same])
        same++;
    for (size_t len = same; len >= EFF_REDACT_MIN && len + 3 > same; len--)
        if (eff_str_starts(eff_str_sub(text, len, SIZE_MAX), EFF_STR("...")))
            return len;
    return 0;
}

/* Length of the secret that begins here, or 0. */
static size_t
redact_match(const struct eff_redact *redact, eff_str text)
{
    size_t cut = 0;

    for (size_t i = redact->first[(unsigned char)text.ptr[0]]; i != 0; i = redact->next[i - 1]) {
        eff_str needle = redact->needles[i - 1];

        if (eff_str_starts(text, needle))
            return needle.len;
        if (cut == 0)
            cut = redact_match_cut(needle, text);
    }
    return cut;
}

void
eff_redact_to(const struct eff_redact *redact, struct eff_buf *buf, eff_str text)
{
    size_t from = 0, at = 0;

    while (at < text.len) {
        size_t len = redact_match(redact, eff_str_sub(text, at, text.len));

        if (len == 0) {
            at++;
            continue;
        }
        eff_buf_add(buf, eff_str_sub(text, from, at - from));
        eff_buf_add(buf, EFF_STR("***"));
        from = at += len;
    }
    eff_buf_add(buf, eff_str_sub(text, from, at - from));
}

eff_str
eff_redact(const struct eff_redact *redact, struct eff_arena *arena, eff_str text)
{
    struct eff_buf buf = {0};
    eff_str clean;

    for (size_t at = 0;; at++) {
        if (at == text.len)
            return text;
        if (redact_match(redact, eff_str_sub(text, at, text.len)) > 0)
            break;
    }
    eff_redact_to(redact, &buf, text);
    clean = buf.full ? EFF_STR("***") : eff_str_copy(arena, eff_buf_str(&buf));
    eff_buf_free(&buf);
    return clean;
}
