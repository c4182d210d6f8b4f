/*
 * plan/normalize: identifiers in the form that ad platforms hash and compare.
 *
 *   email    no white space, lower case; one @, a dot in the domain
 *            (Meta, LinkedIn, Google Ads: trim and lower; Data Manager: inner blanks too)
 *   gmail    the same, and at gmail.com and googlemail.com without the dots and
 *            the +tag of the local part (TikTok's connectors do; Google Ads: not needed)
 *   phone    E.164: "+", country code, number; 7 to 15 digits, no leading zero
 *            (Google Ads, TikTok; Meta wants the same without its "+"). Required: the
 *            country code, with "+" or "00" before it. Blanks, dots, dashes, slashes
 *            and brackets go, "(0)" too; letters and extensions are refused
 *   phone_digits  the same without its "+" (Meta)
 *   letters  lower case, letters only (Meta: cities and states)
 *   name     lower case, no punctuation or symbols, single blanks (Meta)
 *   given_name, family_name  lower case, single blanks, without the titles and endings that
 *            Google's own library takes off (Data Manager, 2026-06): o'brien and smith-jones stay
 *   zip      lower case, no white space or dash; of the US form 12345-6789 the
 *            first five (Meta)
 *   country  ISO 3166-1 alpha-2, lower case (Meta; Google takes any case)
 *   gender   m or f (Meta)
 *   year     four digits, from 1900 on; month and day two, the zero in front is added (Meta)
 *
 * The platforms' pages as of 2026-04, see connectors/ for each. What is empty
 * afterwards is "": Meta wants "" then, not the hash of "". Lower case is Unicode's,
 * one character at a time; composed and decomposed forms stay as they are. An identifier that
 * cannot be one is refused: a hash of it would be accepted in silence and match nobody.
 */
#include "plan/convert.h"

#include <utf8proc.h>

#define NORMALIZE_PHONE_MIN 7  /* shortest international numbers in use */
#define NORMALIZE_PHONE_MAX 15 /* ITU-T E.164 */

/* ISO 3166-1 alpha-2, and XK, which the platforms use for Kosovo. */
static const char normalize_countries[] =
    "ad ae af ag ai al am ao aq ar as at au aw ax az ba bb bd be bf bg bh bi bj bl bm bn bo bq br "
    "bs bt bv bw by bz ca cc cd cf cg ch ci ck cl cm cn co cr cu cv cw cx cy cz de dj dk dm do dz "
    "ec ee eg eh er es et fi fj fk fm fo fr ga gb gd ge gf gg gh gi gl gm gn gp gq gr gs gt gu gw "
    "gy hk hm hn hr ht hu id ie il im in io iq ir is it je jm jo jp ke kg kh ki km kn kp kr kw ky "
    "kz la lb lc li lk lr ls lt lu lv ly ma mc md me mf mg mh mk ml mm mn mo mp mq mr ms mt mu mv "
    "mw mx my mz na nc ne nf ng ni nl no np nr nu nz om pa pe pf pg ph pk pl pm pn pr ps pt pw py "
    "qa re ro rs ru rw sa sb sc sd se sg sh si sj sk sl sm sn so sr ss st sv sx sy sz tc td tf tg "
    "th tj tk tl tm tn to tr tt tv tw tz ua ug um us uy uz va vc ve vg vi vn vu wf ws xk ye yt za "
    "zm zw ";

static bool
normalize_is_blank(uint32_t code)
{
    return code == ' ' || (code >= '\t' && code <= '\r') ||
           utf8proc_category((int32_t)code) == UTF8PROC_CATEGORY_ZS ||
           utf8proc_category((int32_t)code) == UTF8PROC_CATEGORY_ZL ||
           utf8proc_category((int32_t)code) == UTF8PROC_CATEGORY_ZP;
}

/* Punctuation, symbols, and what nobody sees: neither letter nor mark nor digit. */
static bool
normalize_is_noise(uint32_t code)
{
    utf8proc_category_t category = utf8proc_category((int32_t)code);

    return category < UTF8PROC_CATEGORY_LU || category > UTF8PROC_CATEGORY_NO;
}

enum normalize_blanks { NORMALIZE_BLANKS_NONE, NORMALIZE_BLANKS_SINGLE };

/* Lower case without blanks at the ends; inner blanks as told. text is valid UTF-8. */
static eff_str
normalize_fold(eff_str text, enum normalize_blanks blanks, bool drop_noise, struct eff_arena *arena)
{
    char *folded = eff_new(arena, char, 2 * text.len + 1); // U+023A grows.
    size_t len = 0, at = 0, step;
    bool blank = false;
    uint32_t code;

    for (; at < text.len; at += step) {
        step = eff_utf8_decode(eff_str_sub(text, at, 4), &code);
        if (normalize_is_blank(code)) {
            blank = len > 0 && blanks == NORMALIZE_BLANKS_SINGLE;
            continue;
        }
        if (drop_noise && normalize_is_noise(code))
            continue;
        if (blank)
            folded[len++] = ' ';
        blank = false;
        len += (size_t)utf8proc_encode_char(utf8proc_tolower((int32_t)code),
                                            (unsigned char *)folded + len);
    }
    return (eff_str){folded, len};
}

static const char *
normalize_email(eff_str *text, struct eff_arena *arena)
{
    eff_str email = normalize_fold(*text, NORMALIZE_BLANKS_NONE, false, arena);
    eff_str local, domain;
    size_t dot;

    *text = email;
    if (email.len == 0)
        return NULL;
    if (!eff_str_cut(email, '@', &local, &domain) || local.len == 0 ||
        eff_str_find_char(domain, '@') != SIZE_MAX)
        return "it is not an e-mail address";
    dot = eff_str_find_char(domain, '.');
    if (dot == 0 || dot == SIZE_MAX || domain.ptr[domain.len - 1] == '.')
        return "its domain is not complete";
    return NULL;
}

static const char *
normalize_gmail(eff_str *text, struct eff_arena *arena)
{
    const char *why = normalize_email(text, arena);
    eff_str local, domain;
    size_t len = 0;
    char *plain;

    if (why || !eff_str_cut(*text, '@', &local, &domain) ||
        (!eff_str_is(domain, "gmail.com") && !eff_str_is(domain, "googlemail.com")))
        return why;
    eff_str_cut(local, '+', &local, &(eff_str){0});
    plain = eff_new(arena, char, text->len + 1);
    for (size_t i = 0; i < local.len; i++)
        if (local.ptr[i] != '.')
            plain[len++] = local.ptr[i];
    if (len == 0)
        return "nothing is left before the @";
    plain[len++] = '@';
    memcpy(plain + len, domain.ptr, domain.len);
    *text = (eff_str){plain, len + domain.len};
    return NULL;
}

/* Between digits people write blanks, dots, dashes, slashes, brackets; phones add unseen marks. */
static bool
normalize_phone_mark(uint32_t code)
{
    return normalize_is_blank(code) || code == '.' || code == '(' || code == ')' || code == '/' ||
           code == 0x2212 || // the minus sign
           utf8proc_category((int32_t)code) == UTF8PROC_CATEGORY_PD ||
           utf8proc_category((int32_t)code) == UTF8PROC_CATEGORY_CF;
}

/* "+" and digits only; "(0)", which is dialled inside the country only, is left out. */
static const char *
normalize_phone_digits(eff_str text, char *digits, size_t *ret_len)
{
    size_t len = 0, step;
    uint32_t code;

    for (size_t at = 0; at < text.len; at += step) {
        step = eff_utf8_decode(eff_str_sub(text, at, 4), &code);
        if (len > 1 && eff_str_starts(eff_str_sub(text, at, SIZE_MAX), EFF_STR("(0)")))
            step = 3;
        else if ((code >= '0' && code <= '9') || (code == '+' && len == 0))
            digits[len++] = (char)code;
        else if (!normalize_phone_mark(code))
            return "it has other characters than digits";
    }
    *ret_len = len;
    return NULL;
}

static const char *
normalize_phone(eff_str *text, struct eff_arena *arena)
{
    char *digits = eff_new(arena, char, text->len + 2);
    size_t len = 0;
    const char *why = normalize_phone_digits(*text, digits + 1, &len);
    eff_str number = {digits + 1, len};

    if (why)
        return why;
    *text = number;
    if (len == 0)
        return NULL;
    if (digits[1] == '+')
        number = eff_str_sub(number, 1, SIZE_MAX);
    else if (eff_str_starts(number, EFF_STR("00")))
        number = eff_str_sub(number, 2, SIZE_MAX);
    else
        return "it has no country code: + or 00 must stand before it";
    if (number.len < NORMALIZE_PHONE_MIN || number.len > NORMALIZE_PHONE_MAX)
        return "an international number has 7 to 15 digits";
    if (number.ptr[0] == '0')
        return "no country code begins with 0";
    digits[0] = '+';
    memmove(digits + 1, number.ptr, number.len);
    *text = (eff_str){digits, number.len + 1};
    return NULL;
}

static const char *
normalize_phone_bare(eff_str *text, struct eff_arena *arena)
{
    const char *why = normalize_phone(text, arena);

    if (!why)
        *text = eff_str_sub(*text, text->len > 0, SIZE_MAX);
    return why;
}

static const char *
normalize_letters(eff_str *text, struct eff_arena *arena)
{
    eff_str folded = normalize_fold(*text, NORMALIZE_BLANKS_NONE, true, arena);
    char *letters = eff_new(arena, char, folded.len + 1);
    size_t len = 0;

    for (size_t i = 0; i < folded.len; i++)
        if (folded.ptr[i] < '0' || folded.ptr[i] > '9')
            letters[len++] = folded.ptr[i];
    *text = (eff_str){letters, len};
    return NULL;
}

static const char *
normalize_name(eff_str *text, struct eff_arena *arena)
{
    *text = normalize_fold(*text, NORMALIZE_BLANKS_SINGLE, true, arena);
    return NULL;
}

static bool
normalize_is_one_of(eff_str word, const char *words)
{
    eff_str list = eff_str_of(words), head;

    while (list.len > 0) {
        eff_str_cut(list, ' ', &head, &list);
        if (eff_str_eq(head, word))
            return true;
    }
    return false;
}

/* Without "mrs." and the like, wherever it stands. */
static const char *
normalize_given_name(eff_str *text, struct eff_arena *arena)
{
    eff_str rest = normalize_fold(*text, NORMALIZE_BLANKS_SINGLE, false, arena), word;
    char *name = eff_new(arena, char, rest.len + 1);
    size_t len = 0;

    while (rest.len > 0) {
        eff_str_cut(rest, ' ', &word, &rest);
        if (normalize_is_one_of(word, "mr. mrs. ms. dr."))
            continue;
        if (len > 0)
            name[len++] = ' ';
        memcpy(name + len, word.ptr, word.len);
        len += word.len;
    }
    *text = (eff_str){name, len};
    return NULL;
}

/* Without ", jr." and the like at its end, however many. */
static const char *
normalize_family_name(eff_str *text, struct eff_arena *arena)
{
    eff_str name = normalize_fold(*text, NORMALIZE_BLANKS_SINGLE, false, arena);

    for (size_t at = name.len; at > 0; at--) {
        if (name.ptr[at - 1] != ' ' && name.ptr[at - 1] != ',')
            continue;
        if (!normalize_is_one_of(eff_str_sub(name, at, SIZE_MAX),
                                 "jr. sr. 2nd 3rd ii iii iv v vi cpa dc dds vm jd md phd"))
            break;
        name.len = at - 1;
        if (name.len > 0 && name.ptr[at - 1] == ' ' && name.ptr[name.len - 1] == ',')
            name.len--;
        at = name.len + 1;
    }
    *text = name;
    return NULL;
}

static const char *
normalize_gender(eff_str *text, struct eff_arena *arena)
{
    eff_str word = normalize_fold(*text, NORMALIZE_BLANKS_NONE, false, arena);

    *text = word;
    if (word.len == 0)
        return NULL;
    *text = normalize_is_one_of(word, "f female woman") ? EFF_STR("f") : EFF_STR("m");
    return normalize_is_one_of(word, "f female woman m male man") ? NULL
                                                                  : "it is neither male nor female";
}

/* A whole number from low to high, of so many digits. */
static const char *
normalize_number(eff_str *text, int64_t low, int64_t high, int digits, const char *why,
                 struct eff_arena *arena)
{
    eff_str number = normalize_fold(*text, NORMALIZE_BLANKS_NONE, false, arena);
    int64_t value;

    *text = number;
    if (number.len == 0)
        return NULL;
    if (number.len > (size_t)digits || number.ptr[0] == '+' || !eff_str_int(number, &value) ||
        value < low || value > high)
        return why;
    *text = eff_str_printf(arena, "%0*lld", digits, (long long)value);
    return NULL;
}

/* 12345-6789 */
static bool
normalize_zip_is_us(eff_str zip)
{
    if (zip.len != 10 || zip.ptr[5] != '-')
        return false;
    for (size_t i = 0; i < zip.len; i++)
        if (i != 5 && (zip.ptr[i] < '0' || zip.ptr[i] > '9'))
            return false;
    return true;
}

static const char *
normalize_zip(eff_str *text, struct eff_arena *arena)
{
    eff_str zip = normalize_fold(*text, NORMALIZE_BLANKS_NONE, false, arena);

    if (normalize_zip_is_us(zip))
        zip.len = 5;
    *text = normalize_fold(zip, NORMALIZE_BLANKS_NONE, true, arena);
    return NULL;
}

static const char *
normalize_country(eff_str *text, struct eff_arena *arena)
{
    eff_str country = normalize_fold(*text, NORMALIZE_BLANKS_NONE, false, arena);

    *text = country;
    if (country.len == 0)
        return NULL;
    if (country.len != 2)
        return "it is not a country code of two letters";
    for (const char *at = normalize_countries; *at; at += 3)
        if (memcmp(at, country.ptr, 2) == 0)
            return NULL;
    return eff_str_is(country, "uk") ? "the country code of the United Kingdom is gb"
                                     : "it is not a country code of ISO 3166";
}

static const char *
normalize_text(enum eff_normalize rule, eff_str *text, struct eff_arena *arena)
{
    switch (rule) {
    case EFF_NORMALIZE_EMAIL:
        return normalize_email(text, arena);
    case EFF_NORMALIZE_GMAIL:
        return normalize_gmail(text, arena);
    case EFF_NORMALIZE_PHONE:
        return normalize_phone(text, arena);
    case EFF_NORMALIZE_NAME:
        return normalize_name(text, arena);
    case EFF_NORMALIZE_ZIP:
        return normalize_zip(text, arena);
    case EFF_NORMALIZE_COUNTRY:
        return normalize_country(text, arena);
    case EFF_NORMALIZE_PHONE_DIGITS:
        return normalize_phone_bare(text, arena);
    case EFF_NORMALIZE_LETTERS:
        return normalize_letters(text, arena);
    case EFF_NORMALIZE_GENDER:
        return normalize_gender(text, arena);
    case EFF_NORMALIZE_YEAR:
        return normalize_number(text, 1900, 9999, 4, "it is no year of four digits from 1900 on",
                                arena);
    case EFF_NORMALIZE_MONTH:
        return normalize_number(text, 1, 12, 2, "a month is 1 to 12", arena);
    case EFF_NORMALIZE_DAY:
        return normalize_number(text, 1, 31, 2, "a day is 1 to 31", arena);
    case EFF_NORMALIZE_GIVEN_NAME:
        return normalize_given_name(text, arena);
    case EFF_NORMALIZE_FAMILY_NAME:
        return normalize_family_name(text, arena);
    }
    return "there is no such rule";
}

enum eff_fault
eff_convert_normalize(enum eff_normalize rule, const struct eff_value *value,
                      struct eff_arena *arena, struct eff_value *ret_value, struct eff_err *err)
{
    static const char *const names[] = {
        "",        "email",  "email", "phone", "name", "zip code",   "country",    "phone",
        "letters", "gender", "year",  "month", "day",  "given name", "family name"};
    const char *why;
    eff_str text;

    if (value->kind != EFF_TEXT && value->kind != EFF_INT && value->kind != EFF_DECIMAL)
        return EFF_FAIL(err, EFF_ROW, "cannot normalize %s",
                        eff_kind_name((enum eff_kind)value->kind));
    text = eff_convert_text(value, arena);
    if (value->kind == EFF_DECIMAL && eff_str_find_char(text, '.') != SIZE_MAX)
        return EFF_FAIL(err, EFF_ROW, "cannot normalize a decimal with a fraction");
    if (!eff_utf8_valid(text))
        return EFF_FAIL(err, EFF_ROW, "cannot normalize text that is not valid UTF-8");
    why = normalize_text(rule, &text, arena);
    if (!why)
        return eff_convert_str(EFF_TEXT, text.len > 0 ? text : EFF_STR(""), ret_value, err);
    EFF_FAIL(err, EFF_ROW, "cannot normalize as %s: %s",
             (size_t)rule < sizeof(names) / sizeof(names[0]) ? names[rule] : "", why);
    if (rule == EFF_NORMALIZE_PHONE || rule == EFF_NORMALIZE_PHONE_DIGITS)
        eff_err_hint(err, "Give the number with its country code, as +49 30 1234567; a template "
                          "such as \"+49{{ phone }}\" can put it in front.");
    if (rule == EFF_NORMALIZE_GENDER)
        eff_err_hint(err, "A `map:` in the field brings other words to m or f.");
    return err->fault;
}
