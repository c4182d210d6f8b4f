/*
 * lib/bigquery: a peer that answers as BigQuery does, with rows of the test's making.
 */
#include "lib/bigquery.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/httpd.h"

static bool
peer_send(struct httpd_conn *conn, struct eff_buf *body)
{
    bool sent;

    eff_buf_add_char(body, '\0');
    sent = httpd_answer(conn, 200, "Content-Type: application/json\r\n", body->ptr);
    eff_buf_free(body);
    return sent;
}

static bool
peer_dry_run(struct bigquery_peer *peer, struct httpd_conn *conn)
{
    struct eff_buf body = {0};

    peer->dry_runs++;
    if (peer->dry_run)
        eff_buf_addf(&body, "%s", peer->dry_run);
    else
        eff_buf_addf(&body,
                     "{\"jobReference\": {\"projectId\": \"p\", \"location\": \"EU\"}, "
                     "\"statistics\": {\"query\": {\"statementType\": \"SELECT\", "
                     "\"totalBytesProcessed\": \"4096\", \"schema\": {\"fields\": %s}}}}",
                     peer->fields);
    return peer_send(conn, &body);
}

static bool
peer_job(struct bigquery_peer *peer, struct httpd_conn *conn, const char *text)
{
    struct eff_buf body = {0};

    peer->jobs++;
    snprintf(peer->last_job, sizeof(peer->last_job), "%s", text);
    eff_buf_addf(&body, "{\"jobReference\": {\"projectId\": \"p\", \"location\": \"EU\"}, "
                        "\"status\": {\"state\": \"RUNNING\"}}");
    return peer_send(conn, &body);
}

static void
peer_rows(struct bigquery_peer *peer, struct eff_buf *body, int64_t from, int64_t to)
{
    eff_buf_addf(body, "\"rows\": [");
    for (int64_t i = from; i < to; i++) {
        if (i > from)
            eff_buf_add_char(body, ',');
        peer->row(body, i, peer->user);
    }
    eff_buf_addf(body, "]");
}

static bool
peer_page(struct bigquery_peer *peer, struct httpd_conn *conn, const char *path)
{
    const char *token = strstr(path, "pageToken=");
    int64_t page = token ? strtoll(token + 10, NULL, 10) : 0, from = page * peer->page_rows,
            to = from + peer->page_rows < peer->rows ? from + peer->page_rows : peer->rows;
    struct eff_buf body = {0};

    peer->pages++;
    if (peer->never_done)
        return httpd_answer(conn, 200, "Content-Type: application/json\r\n",
                            "{\"jobComplete\": false}");
    eff_buf_add_char(&body, '{');
    if (peer->rows_first) {
        peer_rows(peer, &body, from, to);
        eff_buf_add_char(&body, ',');
    }
    eff_buf_addf(&body, "\"totalRows\": \"%lld\", \"schema\": {\"fields\": %s}",
                 (long long)peer->rows, peer->fields);
    if (to < peer->rows)
        eff_buf_addf(&body, ", \"pageToken\": \"%lld\"", (long long)page + 1);
    if (!peer->rows_first) {
        eff_buf_add_char(&body, ',');
        peer_rows(peer, &body, from, to);
    }
    eff_buf_addf(&body, ", \"jobComplete\": true}");
    return peer_send(conn, &body);
}

static bool
peer_token(struct bigquery_peer *peer, struct httpd_conn *conn, const char *form)
{
    snprintf(peer->last_login, sizeof(peer->last_login), "%s", form);
    return httpd_answer(conn, 200, "Content-Type: application/json\r\n",
                        "{\"access_token\": \"ya29.t\", \"expires_in\": 3599}");
}

static bool
peer_handle(struct httpd_conn *conn, unsigned nth, void *user)
{
    struct bigquery_peer *peer = user;
    struct httpd_request request;

    (void)nth;
    if (!httpd_read(conn, &request))
        return false;
    if (strcmp(request.path, "/token") == 0)
        return peer_token(peer, conn, request.body);
    if (strstr(request.path, "/queries/"))
        return peer_page(peer, conn, request.path);
    if (strstr(request.path, "/cancel")) {
        peer->cancels++;
        return httpd_answer(conn, 200, "Content-Type: application/json\r\n", "{}");
    }
    if (strstr(request.body, "\"dryRun\":true"))
        return peer_dry_run(peer, conn);
    return peer_job(peer, conn, request.body);
}

void
bigquery_peer_start(struct bigquery_peer *peer)
{
    peer->httpd = httpd_start(&(struct httpd_config){.handler = peer_handle, .user = (void *)peer});
    snprintf(peer->url, sizeof(peer->url), "http://127.0.0.1:%d", httpd_port(peer->httpd));
    peer->config = (struct eff_bq_config){
        .project = EFF_STR("p"), .token = EFF_STR("test-token"), .url = eff_str_of(peer->url)};
}

void
bigquery_peer_stop(struct bigquery_peer *peer)
{
    httpd_stop(peer->httpd);
}
