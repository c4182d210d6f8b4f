// links: testlib sandbox base
// timeout: 300
/*
 * Goal: nothing that comes over the wire stops a stand-in, and its own input
 * limits hold.
 * Method: 20,000 requests made from valid ones by flipping, cutting, doubling
 * and splicing bytes, sent raw to four stand-ins in this process (sanitizers
 * see everything), with a fixed seed; then a plain request must still be
 * answered. Then single cases: sizes, lengths, encodings, addresses.
 * covers: S18, S23
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <setjmp.h>

#include <cmocka.h>

#include "lib/random.h"
#include "lib/stand.h"

#define MUTATIONS 5000 /* per stand-in */
#define ROOM      4096

#define AUTH    "Host: x\r\nAuthorization: Bearer test-token\r\nContent-Type: application/json\r\n"
#define NS_AUTH "Host: x\r\nAuthorization: Bearer ns-token\r\nContent-Type: application/json\r\n"
#define SF      "/services/data/v62.0"

static const char *const salesforce_corpus[] = {
    "GET " SF
    "/query?q=SELECT+Id,Name+FROM+Account+WHERE+Name+LIKE+'a%25'+AND+(AnnualRevenue>5+OR+Name+IN+('a','b'))+ORDER+BY+Name+LIMIT+3 HTTP/1.1\r\n" AUTH
    "\r\n",
    "GET " SF "/sobjects/Lead/describe HTTP/1.1\r\n" AUTH "\r\n",
    "PATCH " SF "/composite/sobjects/Contact/Ext_Id__c HTTP/1.1\r\n" AUTH
    "Content-Length: 133\r\n\r\n"
    "{\"records\":[{\"attributes\":{\"type\":\"Contact\"},\"Ext_Id__c\":\"u-1\",\"LastName\":\"Ito\",\"Lead_Score__c\":1.5,\"Account\":{\"Ext_Id__c\":\"a\"}}]}   ",
    "POST " SF "/composite HTTP/1.1\r\n" AUTH "Content-Length: 232\r\n\r\n"
    "{\"allOrNone\":true,\"compositeRequest\":[{\"method\":\"POST\",\"url\":\"/services/data/v62.0/sobjects/Account\",\"referenceId\":\"a\",\"body\":{\"Name\":\"A\"}},"
    "{\"method\":\"GET\",\"url\":\"/services/data/v62.0/sobjects/Account/@{a.id}\",\"referenceId\":\"b\"}]}  ",
    "PATCH " SF "/sobjects/Lead/Ext_Id__c/a%20b HTTP/1.1\r\n" AUTH
    "Content-Length: 32\r\n\r\n{\"LastName\":\"A\",\"Company\":\"\\u00e9\"}",
    "DELETE " SF "/composite/sobjects?ids=0035e0000000001AAA,x&allOrNone=false HTTP/1.1\r\n" AUTH
    "\r\n",
    "POST /services/oauth2/token HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 83\r\n\r\n"
    "grant_type=client_credentials&client_id=test-user&client_secret=test-secret&x=%41+b",
    "POST " SF "/jobs/ingest HTTP/1.1\r\n" AUTH "Content-Length: 87\r\n\r\n"
    "{\"object\":\"Contact\",\"operation\":\"upsert\",\"externalIdFieldName\":\"Ext_Id__c\",\"lineEnding\":\"LF\"}",
    "PUT " SF
    "/jobs/ingest/7505e0000000001AAA/batches HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer test-token\r\nContent-Type: text/csv\r\nContent-Length: 45\r\n\r\n"
    "Ext_Id__c,LastName\na,\"b \"\"c\"\"\"\nd,#N/A\n\"e\",f\n",
    "PATCH " SF "/jobs/ingest/7505e0000000001AAA HTTP/1.1\r\n" AUTH
    "Content-Length: 26\r\n\r\n{\"state\":\"UploadComplete\"}",
    "GET " SF "/jobs/ingest/7505e0000000001AAA/failedResults HTTP/1.1\r\n" AUTH "\r\n",
    "POST /_sandbox/faults HTTP/1.1\r\nHost: x\r\nContent-Length: 88\r\n\r\n"
    "{\"rules\":[{\"match\":{\"path\":\"/x\",\"nth\":1},\"times\":1,\"then\":{\"status\":429,\"retry_after\":1}}]}",
    "POST /_sandbox/schema HTTP/1.1\r\nHost: x\r\nContent-Length: 60\r\n\r\n{\"object\":\"Lead\",\"add\":{\"name\":\"X__c\",\"type\":\"text\",\"unique\":true}}",
    "GET /_sandbox/records?object=Lead&limit=5&after=0 HTTP/1.1\r\nHost: x\r\n\r\n",
    "POST /services/Soap/u/62.0 HTTP/1.1\r\nHost: x\r\nContent-Type: text/xml\r\nContent-Length: 76\r\n\r\n"
    "<login xmlns=\"a\"><username>test-user</username><password>x</password></login>",
};

static const char *const hubspot_corpus[] = {
    "POST /crm/v3/objects/contacts/batch/upsert HTTP/1.1\r\n" AUTH "Content-Length: 143\r\n\r\n"
    "{\"inputs\":[{\"idProperty\":\"email\",\"id\":\"a@ex.org\",\"objectWriteTraceId\":\"r\",\"properties\":{\"plan\":\"pro\",\"interests\":\";music\",\"lead_score\":\"12\"}}]}",
    "POST /crm/v3/objects/contacts/batch/read HTTP/1.1\r\n" AUTH "Content-Length: 66\r\n\r\n"
    "{\"properties\":[\"plan\"],\"idProperty\":\"email\",\"inputs\":[{\"id\":\"a@ex.org\"}]}",
    "POST /crm/v3/objects/contacts/search HTTP/1.1\r\n" AUTH "Content-Length: 140\r\n\r\n"
    "{\"filterGroups\":[{\"filters\":[{\"propertyName\":\"plan\",\"operator\":\"IN\",\"values\":[\"pro\"]}]}],\"sorts\":[\"-createdate\"],\"limit\":5,\"after\":\"0\",\"query\":\"a\"}",
    "GET /crm/v3/objects/contacts?limit=5&after=101&properties=plan,email HTTP/1.1\r\n" AUTH "\r\n",
    "PATCH /crm/v3/objects/contacts/a%40ex.org?idProperty=email HTTP/1.1\r\n" AUTH
    "Content-Length: 51\r\n\r\n"
    "{\"properties\":{\"lifecyclestage\":\"lead\",\"plan\":\"\"}}  ",
    "GET /crm/v3/properties/contacts?archived=true HTTP/1.1\r\n" AUTH "\r\n",
    "POST /crm/v3/properties/contacts HTTP/1.1\r\n" AUTH "Content-Length: 97\r\n\r\n"
    "{\"name\":\"size\",\"label\":\"S\",\"type\":\"enumeration\",\"fieldType\":\"select\",\"options\":[{\"value\":\"a\"}]}  ",
    "POST /crm/v4/associations/contacts/companies/batch/create HTTP/1.1\r\n" AUTH
    "Content-Length: 84\r\n\r\n"
    "{\"inputs\":[{\"from\":{\"id\":\"101\"},\"to\":{\"id\":\"102\"},\"types\":[{\"associationTypeId\":279}]}]}",
    "POST /crm/v3/lists HTTP/1.1\r\n" AUTH
    "Content-Length: 58\r\n\r\n{\"name\":\"V\",\"objectTypeId\":\"0-1\",\"processingType\":\"MANUAL\"}",
    "PUT /crm/v3/lists/101/memberships/add-and-remove HTTP/1.1\r\n" AUTH
    "Content-Length: 50\r\n\r\n{\"recordIdsToAdd\":[\"101\"],\"recordIdsToRemove\":[5]}",
    "POST /crm-object-schemas/v3/schemas HTTP/1.1\r\n" AUTH "Content-Length: 103\r\n\r\n"
    "{\"name\":\"boats\",\"labels\":{\"singular\":\"B\"},\"properties\":[{\"name\":\"t\",\"type\":\"string\"}],\"requiredProperties\":[\"t\"]}",
};

static const char *const spices[] = {"\"",      "\\",       "{",
                                     "}",       "[",        "]",
                                     ":",       ",",        "null",
                                     "true",    "-1e99",    "99999999999999999999",
                                     "\\u0000", "\\ud800",  "%00",
                                     "%",       "'",        "/",
                                     "//",      "..",       "?",
                                     "&",       "=",        "\r\n",
                                     "\n\n",    "\xff\xfe", "\xf0\x9f\x98\x80",
                                     "@{a.id}", "#N/A",     ";",
                                     " ",       "()",       "{{{{{{{{",
                                     "[[[[[[[["};

static size_t
mutate(uint64_t *random, const char *from, char *to)
{
    size_t len = strlen(from);
    unsigned changes = 1 + random_below(random, 6);

    memcpy(to, from, len);
    while (changes-- > 0 && len > 0) {
        size_t at = random_below(random, (unsigned)len);
        size_t count = 1 + random_below(random, 16);
        const char *spice = spices[random_below(random, sizeof(spices) / sizeof(spices[0]))];

        if (count > len - at)
            count = len - at;
        switch (random_below(random, 5)) {
        case 0: // flip
            to[at] = (char)(to[at] ^ (1 << random_below(random, 8)));
            break;
        case 1: // cut out
            memmove(to + at, to + at + count, len - at - count);
            len -= count;
            break;
        case 2: // double
            if (len + count < ROOM) {
                memmove(to + at + count, to + at, len - at);
                len += count;
            }
            break;
        case 3: // put in
            if (len + strlen(spice) < ROOM) {
                memmove(to + at + strlen(spice), to + at, len - at);
                memcpy(to + at, spice, strlen(spice));
                len += strlen(spice);
            }
            break;
        default: // break off
            len = random_below(random, 8) == 0 ? at : len;
        }
    }
    return len;
}

/* The length of a body follows it, most of the time: else all would fail at the same place. */
static size_t
fix_length(char *request, size_t len)
{
    char *end = memmem(request, len, "\r\n\r\n", 4),
         *field = memmem(request, len, "Content-Length: ", 16);
    char number[16];

    if (end == NULL || field == NULL || field > end)
        return len;
    snprintf(number, sizeof(number), "%-3zu", request + len - (end + 4));
    for (int i = 0; i < 3 && field[16 + i] != '\r' && number[i] != ' '; i++)
        field[16 + i] = number[i];
    return len;
}

static void
pelt(const char *vendor, const char *const *corpus, size_t count)
{
    struct stand stand;
    uint64_t random = 20240229;
    char request[ROOM + 64], answer[65536];
    size_t answered = 0;

    stand_start(&stand, vendor, NULL, NULL);
    stand_tell(&stand, "tokens", "{\"issue\": \"ns-token\"}");
    for (size_t i = 0; i < count; i++) // valid ones, so that there is something to work on
        stand_raw(stand.port, corpus[i], strlen(corpus[i]), answer, sizeof(answer));
    for (int i = 0; i < MUTATIONS; i++) {
        size_t len = mutate(&random, corpus[random_below(&random, (unsigned)count)], request);

        if (random_below(&random, 8) != 0)
            len = fix_length(request, len);
        answered += stand_raw(stand.port, request, len, answer, sizeof(answer)) != 0;
    }
    assert_true(answered > MUTATIONS / 4);
    stand_tell(&stand, "reset", "{}");
    assert_int_equal(stand_send(&stand, "GET", "/_sandbox", NULL), 200);
    stand_stop(&stand);
}

static const char *const intercom_corpus[] = {
    "POST /contacts HTTP/1.1\r\n" AUTH "Content-Length: 107\r\n\r\n"
    "{\"external_id\":\"1\",\"email\":\"a@example.com\",\"custom_attributes\":{\"plan\":\"pro\",\"seats\":3,\"since\":1769904000}}",
    "POST /contacts/search HTTP/1.1\r\n" AUTH "Content-Length: 297\r\n\r\n"
    "{\"query\":{\"operator\":\"AND\",\"value\":[{\"operator\":\"OR\",\"value\":[{\"field\":\"email\",\"operator\":\"=\",\"value\":\"a@example.com\"},{\"field\":\"custom_attributes.seats\",\"operator\":\">\",\"value\":2}]},{\"field\":\"external_id\",\"operator\":\"IN\",\"value\":[\"1\",\"2\"]}]},\"pagination\":{\"per_page\":5,\"starting_after\":\"after-0\"}}",
    "PUT /contacts/64c000000000000000000001 HTTP/1.1\r\n" AUTH "Content-Length: 79 \r\n\r\n"
    "{\"name\":null,\"role\":\"user\",\"custom_attributes\":{\"segment\":\"active\",\"vip\":true}}",
    "POST /companies HTTP/1.1\r\n" AUTH "Content-Length: 97 \r\n\r\n"
    "{\"company_id\":\"c\",\"name\":\"Acme\",\"monthly_spend\":12.5,\"custom_attributes\":{\"health\":1,\"made\":\"x\"}}",
    "POST /contacts/64c000000000000000000001/companies HTTP/1.1\r\n" AUTH
    "Content-Length: 33 \r\n\r\n"
    "{\"id\":\"64d000000000000000000001\"}",
    "GET /contacts/64c000000000000000000001/companies?page=1&per_page=3 HTTP/1.1\r\n" AUTH "\r\n",
    "DELETE /contacts/64c000000000000000000001/companies/64d000000000000000000001 HTTP/1.1\r\n" AUTH
    "\r\n",
    "GET /companies?company_id=c&page=1 HTTP/1.1\r\n" AUTH "\r\n",
    "POST /data_attributes HTTP/1.1\r\n" AUTH "Content-Length: 95 \r\n\r\n"
    "{\"name\":\"mood\",\"model\":\"contact\",\"data_type\":\"options\",\"options\":[{\"value\":\"a\"},{\"value\":\"b\"}]}",
    "PUT /data_attributes/12 HTTP/1.1\r\n" AUTH "Content-Length: 17 \r\n\r\n"
    "{\"archived\":true}",
};

/* Its own bearer: test-token is one that signs. */
static const char *const netsuite_corpus[] = {
    "PUT /services/rest/record/v1/customer/eid:a%20b HTTP/1.1\r\n" NS_AUTH
    "Content-Length: 100\r\n\r\n"
    "{\"companyName\":\"Acme\",\"email\":\"a@b.example\",\"subsidiary\":{\"id\":\"1\"},\"custentity_since\":\"2026-02-01\"}",
    "POST /services/rest/record/v1/invoice HTTP/1.1\r\n" NS_AUTH "Content-Length: 58 \r\n\r\n"
    "{\"entity\":{\"externalId\":\"a b\"},\"memo\":\"x\",\"tranDate\":null}",
    "PATCH /services/rest/record/v1/customer/1 HTTP/1.1\r\n" NS_AUTH "Content-Length: 54 \r\n\r\n"
    "{\"email\":null,\"custentity_health\":7,\"isInactive\":true}",
    "GET /services/rest/record/v1/customer/eid:a%20b HTTP/1.1\r\n" NS_AUTH "\r\n",
    "GET /services/rest/record/v1/customer?limit=2&offset=2 HTTP/1.1\r\n" NS_AUTH "\r\n",
    "GET /services/rest/record/v1/metadata-catalog/contact HTTP/1.1\r\n" NS_AUTH
    "Accept: application/schema+json\r\n\r\n",
    "POST /services/rest/query/v1/suiteql?limit=5&offset=0 HTTP/1.1\r\n" NS_AUTH
    "Prefer: transient\r\nContent-Length: 92 \r\n\r\n"
    "{\"q\":\"SELECT id, externalid, companyname FROM customer WHERE externalid IN ('a b','it''s')\"}",
    "GET /services/rest/record/v1/customer?limit=2 HTTP/1.1\r\nHost: x\r\nAuthorization: OAuth realm=\"test-account\", "
    "oauth_consumer_key=\"test-user\", oauth_token=\"test-token\", oauth_signature_method=\"HMAC-SHA256\", "
    "oauth_timestamp=\"1700000000\", oauth_nonce=\"abcdef\", oauth_version=\"1.0\", oauth_signature=\"a%2Bb%3D\"\r\n\r\n",
    "POST /services/rest/auth/oauth2/v1/token HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 191\r\n\r\n"
    "grant_type=client_credentials&client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer"
    "&client_assertion=eyJhbGciOiJQUzI1NiIsImtpZCI6InRlc3QtY2VydGlmaWNhdGUifQ.e30.AAAA",
};

static void
salesforce_survives(void **state)
{
    (void)state;
    pelt("salesforce", salesforce_corpus, sizeof(salesforce_corpus) / sizeof(salesforce_corpus[0]));
}

static void
hubspot_survives(void **state)
{
    (void)state;
    pelt("hubspot", hubspot_corpus, sizeof(hubspot_corpus) / sizeof(hubspot_corpus[0]));
}

static void
intercom_survives(void **state)
{
    (void)state;
    pelt("intercom", intercom_corpus, sizeof(intercom_corpus) / sizeof(intercom_corpus[0]));
}

static void
netsuite_survives(void **state)
{
    (void)state;
    pelt("netsuite", netsuite_corpus, sizeof(netsuite_corpus) / sizeof(netsuite_corpus[0]));
}

static long
raw_status(unsigned port, const char *request)
{
    char answer[4096] = {0};

    if (stand_raw(port, request, strlen(request), answer, sizeof(answer) - 1) < 12)
        return 0;
    return strtol(answer + 9, NULL, 10);
}

static void
heads_that_are_refused(void **state)
{
    struct stand stand;
    struct eff_buf head = {0};

    (void)state;
    stand_start(&stand, "salesforce", NULL, NULL);
    assert_int_equal(raw_status(stand.port,
                                "POST " SF "/sobjects/Lead HTTP/1.1\r\n" AUTH
                                "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
                     400);
    assert_int_equal(raw_status(stand.port, "POST " SF "/sobjects/Lead HTTP/1.1\r\n" AUTH
                                            "Content-Length: 200000000\r\n\r\n{}"),
                     413);
    assert_int_equal(raw_status(stand.port,
                                "POST " SF "/sobjects/Lead HTTP/1.1\r\n" AUTH
                                "Content-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}"),
                     415);
    assert_int_equal(
        raw_status(stand.port, "GET " SF "/sobjects/Le%00ad/describe HTTP/1.1\r\n" AUTH "\r\n"),
        400);
    assert_int_equal(
        raw_status(stand.port, "GET " SF "/sobjects/%zz/describe HTTP/1.1\r\n" AUTH "\r\n"), 400);
    assert_int_equal(raw_status(stand.port, "GET " SF "/../../_sandbox HTTP/1.1\r\n" AUTH "\r\n"),
                     404);
    assert_int_equal(
        raw_status(
            stand.port,
            "POST /_sandbox/reset HTTP/1.1\r\nHost: x\r\nOrigin: http://evil.example\r\nContent-Length: 2\r\n\r\n{}"),
        403);
    assert_int_equal(
        raw_status(stand.port,
                   "POST " SF "/sobjects/Account HTTP/1.1\r\n" AUTH
                   "Transfer-Encoding: chunked\r\n\r\nc\r\n{\"Name\":\"A\"}\r\n0\r\n\r\n"),
        201);
    eff_buf_add(&head, EFF_STR("GET /_sandbox HTTP/1.1\r\nHost: x\r\n"));
    for (int i = 0; i < 100; i++)
        eff_buf_addf(&head, "X-%d: y\r\n", i);
    eff_buf_add(&head, EFF_STR("\r\n"));
    eff_buf_add_char(&head, '\0');
    assert_int_equal(raw_status(stand.port, head.ptr), 431);
    eff_buf_free(&head);
    stand_stop(&stand);
}

/* Bodies that are small on the wire and large in memory. */
static void
bodies_that_swell(void **state)
{
    struct stand stand;
    struct eff_buf body = {0};

    (void)state;
    stand_start(&stand, "salesforce", NULL, NULL);
    for (int i = 0; i < 2000000; i++)
        eff_buf_add(&body, EFF_STR("[],"));
    for (int i = 0; i < 200000; i++)
        eff_buf_add_char(&body, '[');
    assert_int_equal(stand_send_bytes(&stand, "POST", SF "/sobjects/Lead", eff_buf_str(&body)),
                     400);
    eff_buf_reset(&body);
    eff_buf_add_char(&body, '[');
    for (int i = 0; i < 12000000; i++)
        eff_buf_add(&body, EFF_STR("1,"));
    eff_buf_add(&body, EFF_STR("1]"));
    assert_int_equal(stand_send_bytes(&stand, "POST", SF "/sobjects/Lead", eff_buf_str(&body)),
                     400);
    assert_int_equal(stand_send_bytes(&stand, "POST", SF "/composite/sobjects", eff_buf_str(&body)),
                     400);
    eff_buf_free(&body);
    assert_int_equal(stand_send(&stand, "GET", SF "/limits", NULL), 200);
    stand_stop(&stand);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(heads_that_are_refused), cmocka_unit_test(bodies_that_swell),
        cmocka_unit_test(salesforce_survives),    cmocka_unit_test(hubspot_survives),
        cmocka_unit_test(intercom_survives),      cmocka_unit_test(netsuite_survives),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
