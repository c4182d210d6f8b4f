/*
 * source/adbc_load: loading an ADBC driver, and what its errors mean.
 *
 * There is no driver manager in between: a driver is a library with one entry
 * point that fills a table of functions.
 */
#include "source/adbc_api.h"

#include <ctype.h>
#include <dlfcn.h>
#include <stdio.h>

#include "source/adbc_find.h"

#define ADBC_TEXT_MAX 400 /* of a driver's message */

/* -------------------------------------------------------------------------- libraries */

static enum eff_fault
adbc_missing(eff_str driver, const char *why, struct eff_err *err)
{
    eff_str name = eff_adbc_base_name(driver);

    if (why) {
        (void)EFF_FAIL(err, EFF_CONFIG, "the ADBC driver cannot be loaded: %s", why);
        return eff_err_hint(err, "A driver is a shared library for this system and processor.");
    }
    if (eff_str_find(name, EFF_STR(".so")) != SIZE_MAX)
        (void)EFF_FAIL(err, EFF_CONFIG, "there is no ADBC driver " EFF_STR_FMT,
                       EFF_STR_ARG(driver));
    else
        (void)EFF_FAIL(err, EFF_CONFIG,
                       "the ADBC driver \"" EFF_STR_FMT
                       "\" is not installed: there is no libadbc_driver_" EFF_STR_FMT ".so",
                       EFF_STR_ARG(name), EFF_STR_ARG(name));
    return eff_err_hint(
        err, "Install it (the Python package adbc-driver-NAME holds the library), and name the "
             "library's path by `driver:`, or its folder in ADBC_DRIVER_PATH.");
}

static enum eff_fault
adbc_open(eff_str driver, struct eff_arena *run, struct eff_adbc_place *place, void **ret_handle,
          struct eff_err *err)
{
    eff_str name = eff_adbc_base_name(driver);
    const char *file, *why;

    for (size_t form = 0; !place->file; form++) {
        file = eff_adbc_file_name(form, name, run);
        if (!file)
            return adbc_missing(driver, NULL, err);
        *ret_handle = dlopen(file, RTLD_NOW | RTLD_LOCAL);
        if (*ret_handle) {
            place->file = file;
            return EFF_OK;
        }
    }
    *ret_handle = dlopen(place->file, RTLD_NOW | RTLD_LOCAL);
    why = *ret_handle ? NULL : dlerror();
    return *ret_handle ? EFF_OK : adbc_missing(driver, why ? why : "no reason given", err);
}

/* ------------------------------------------------------------------------ entry points */

/* "libadbc_driver_snowflake.so": "AdbcDriverSnowflakeInit". */
static const char *
adbc_own_entry(eff_str name, struct eff_arena *run)
{
    char *text = eff_new(run, char, name.len + sizeof("AdbcInit"));
    bool upper = true;
    size_t len = 0;

    if (!eff_str_starts(name, EFF_STR("adbc")))
        len = 4;
    memcpy(text, "Adbc", 4);
    for (size_t i = 0; i < name.len; i++) {
        if (isalnum((unsigned char)name.ptr[i]))
            text[len++] = upper ? (char)toupper((unsigned char)name.ptr[i]) : name.ptr[i];
        upper = !isalnum((unsigned char)name.ptr[i]);
    }
    memcpy(text + len, "Init", 5);
    return text;
}

/* The library's name without "lib", and without ".so" and what follows. */
static eff_str
adbc_plain_name(const char *file)
{
    eff_str name = eff_adbc_base_name(eff_str_of(file));

    if (eff_str_starts(name, EFF_STR("lib")))
        name = eff_str_sub(name, 3, SIZE_MAX);
    return eff_str_sub(name, 0, eff_str_find(name, EFF_STR(".so")));
}

static enum eff_fault
adbc_entry(void *handle, const char *file, eff_str entrypoint, struct eff_arena *run,
           eff_adbc_init *ret_init, struct eff_err *err)
{
    eff_str name = adbc_plain_name(file);
    const char *names[4] = {eff_str_c(run, entrypoint)};
    void *function = NULL;

    if (entrypoint.len == 0) {
        names[0] = adbc_own_entry(name, run);
        names[1] = eff_str_printf(run, EFF_STR_FMT "_adbc_init", EFF_STR_ARG(name)).ptr;
        names[2] = "AdbcDriverInit";
    }
    for (size_t i = 0; names[i] && !function; i++)
        function = dlsym(handle, names[i]);
    if (!function) {
        (void)EFF_FAIL(err, EFF_CONFIG, "%s is no ADBC driver: it has no %s", file, names[0]);
        return eff_err_hint(err, "Name the driver's entry point by `entrypoint:`.");
    }
    memcpy(ret_init, &function, sizeof(function));
    return EFF_OK;
}

static bool
adbc_is_whole(const struct eff_adbc_driver *d)
{
    return d->database_new && d->database_set_option && d->database_init && d->database_release &&
           d->connection_new && d->connection_init && d->connection_release && d->statement_new &&
           d->statement_set_sql_query && d->statement_execute_query && d->statement_release;
}

enum eff_fault
eff_adbc_load(eff_str driver, eff_str entrypoint, struct eff_os *os, struct eff_arena *run,
              struct eff_adbc_driver *ret_driver, struct eff_err *err)
{
    struct eff_adbc_error error = eff_adbc_no_error();
    struct eff_adbc_driver *d = ret_driver;
    eff_adbc_init init = NULL;
    struct eff_adbc_place place;
    void *handle = NULL;
    uint8_t status;

    EFF_TRY(eff_adbc_find(driver, os, run, &place, err));
    EFF_TRY(adbc_open(driver, run, &place, &handle, err));
    entrypoint = entrypoint.len > 0 ? entrypoint : place.entrypoint;
    EFF_TRY(adbc_entry(handle, place.file, entrypoint, run, &init, err));
    *d = (struct eff_adbc_driver){0};
    status = init(EFF_ADBC_VERSION_1_1, d, &error);
    if (status == EFF_ADBC_NOT_IMPLEMENTED) {
        if (error.release)
            error.release(&error);
        error = eff_adbc_no_error();
        *d = (struct eff_adbc_driver){0};
        status = init(EFF_ADBC_VERSION_1_0, d, &error);
    }
    if (status != EFF_ADBC_OK)
        return eff_adbc_fault(status, &error, "the ADBC driver does not start", err);
    if (!adbc_is_whole(d))
        return EFF_FAIL(err, EFF_BROKEN, "the ADBC driver %s lacks functions", place.file);
    return EFF_OK;
}

/* ------------------------------------------------------------------------------ errors */

struct eff_adbc_error
eff_adbc_no_error(void)
{
    return (struct eff_adbc_error){.vendor_code = EFF_ADBC_NO_CODE};
}

/* By the class of an SQLSTATE, which says more than many drivers' status; EFF_OK: nothing. */
static enum eff_fault
adbc_state_fault(const char state[5])
{
    static const struct {
        char class[3];
        enum eff_fault fault;
    } classes[] = {
        {"08", EFF_TRANSIENT}, {"28", EFF_AUTH},      {"40", EFF_TRANSIENT}, {"42", EFF_CONFIG},
        {"53", EFF_TRANSIENT}, {"55", EFF_TRANSIENT}, {"57", EFF_TRANSIENT}, {"22", EFF_CONFIG},
    };

    if (memcmp(state, "42501", 5) == 0) // insufficient privilege
        return EFF_AUTH;
    for (size_t i = 0; i < sizeof(classes) / sizeof(classes[0]); i++) {
        if (memcmp(state, classes[i].class, 2) == 0)
            return classes[i].fault;
    }
    return EFF_OK;
}

static enum eff_fault
adbc_status_fault(uint8_t status)
{
    switch (status) {
    case EFF_ADBC_UNAUTHENTICATED:
    case EFF_ADBC_UNAUTHORIZED:
        return EFF_AUTH;
    case EFF_ADBC_IO:
    case EFF_ADBC_CANCELLED:
    case EFF_ADBC_TIMEOUT:
        return EFF_TRANSIENT;
    default:
        return EFF_CONFIG;
    }
}

/* On one line, without the drawing of where the error is, which follows a blank line or "LINE 1:". */
static void
adbc_one_line(char ret_text[ADBC_TEXT_MAX], const char *message)
{
    size_t len = 0, line;

    message += strspn(message, " \r\n");
    while (*message && *message != '\n' && strncmp(message, "LINE ", 5) != 0) {
        line = strcspn(message, "\r\n");
        len += (size_t)snprintf(ret_text + len, ADBC_TEXT_MAX - len, "%s%.*s", len ? "; " : "",
                                (int)(line < ADBC_TEXT_MAX ? line : ADBC_TEXT_MAX), message);
        if (len >= ADBC_TEXT_MAX) {
            memcpy(ret_text + ADBC_TEXT_MAX - 4, "...", 4); // so that a secret's beginning is known
            return;
        }
        message += line + (message[line] == '\r');
        message += *message == '\n';
    }
}

enum eff_fault
eff_adbc_stream_fault(uint8_t status, const struct eff_adbc_error *error, const char *text,
                      struct eff_err *err)
{
    const char *message = error && error->message ? error->message : text;
    bool has_state = error && error->sqlstate[0];
    bool has_code = error && error->vendor_code != 0 && error->vendor_code != EFF_ADBC_NO_CODE;
    enum eff_fault fault = has_state ? adbc_state_fault(error->sqlstate) : EFF_OK;
    char details[64] = "", line[ADBC_TEXT_MAX] = "no reason given";

    if (fault == EFF_OK)
        fault = adbc_status_fault(status);
    if (message)
        adbc_one_line(line, message);
    if (has_state && has_code)
        snprintf(details, sizeof(details), " (SQLSTATE %.5s, code %d)", error->sqlstate,
                 error->vendor_code);
    else if (has_state)
        snprintf(details, sizeof(details), " (SQLSTATE %.5s)", error->sqlstate);
    else if (has_code)
        snprintf(details, sizeof(details), " (code %d)", error->vendor_code);
    (void)EFF_FAIL(err, fault, "%s%s", line, details);
    err->code = has_code ? error->vendor_code : 0;
    return err->fault;
}

enum eff_fault
eff_adbc_fault(uint8_t status, struct eff_adbc_error *error, const char *what, struct eff_err *err)
{
    eff_adbc_stream_fault(status, error, what, err);
    if (error->release)
        error->release(error);
    return err->fault;
}
