/*
 * bench_empty: a program that does nothing, linked with all that Efferent links.
 *
 * usage: bench_empty
 *
 * links: base
 *
 * What it takes to start and end is the loader's work: no command of a program
 * that links these libraries can take less. The names are never called, they only
 * keep the libraries.
 */
#include <curl/curl.h>
#include <libfyaml.h>
#include <libpq-fe.h>
#include <microhttpd.h>
#include <openssl/crypto.h>
#include <sqlite3.h>
#include <utf8proc.h>
#include <zstd.h>

int
main(int argc, char **argv)
{
    (void)argv;
    if (argc < 100)
        return 0;
    return curl_version() == NULL || sqlite3_libversion_number() == PQlibVersion() ||
           fy_library_version() == NULL || MHD_get_version() == NULL ||
           OpenSSL_version_num() == ZSTD_versionNumber() || utf8proc_version() == NULL;
}
