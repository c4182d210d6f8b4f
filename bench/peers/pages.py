"""pages: a result of a warehouse's REST API, fetched page by page on one kept connection and parsed.

usage: pages.py bigquery|snowflake BASE_URL

The table `customer` as the stand-ins have it; of each page json.loads makes the rows, which are counted.
"""
import gzip
import http.client
import json
import sys
from urllib.parse import quote, urlsplit

HEADERS = {
    "Authorization": "Bearer test-token",
    "Content-Type": "application/json",
    "Accept-Encoding": "gzip",
    "User-Agent": "pages",
}


class Api:
    def __init__(self, url):
        parts = urlsplit(url)
        self.http = http.client.HTTPConnection(parts.hostname, parts.port)

    def call(self, method, path, body=None):
        self.http.request(method, path, body and json.dumps(body), HEADERS)
        answer = self.http.getresponse()
        text = answer.read()
        if answer.status != 200:
            sys.exit(f"{method} {path}: {answer.status} {text[:300]!r}")
        if answer.headers.get("Content-Encoding") == "gzip":
            text = gzip.decompress(text)
        return json.loads(text)


def bigquery(api):
    project = "/bigquery/v2/projects/acme"
    page = api.call("POST", project + "/queries",
                    {"query": "SELECT * FROM shop.customer", "useLegacySql": False, "maxResults": 10000})
    where = f"{project}/queries/{page['jobReference']['jobId']}?maxResults=10000"
    rows = len(page["rows"])
    while "pageToken" in page:
        page = api.call("GET", f"{where}&pageToken={quote(page['pageToken'])}")
        rows += len(page["rows"])
    return rows


def snowflake(api):
    page = api.call("POST", "/api/v2/statements", {"statement": "SELECT * FROM customer"})
    rows = len(page["data"])
    for i in range(1, len(page["resultSetMetaData"]["partitionInfo"])):
        rows += len(api.call("GET", f"/api/v2/statements/{page['statementHandle']}?partition={i}")["data"])
    return rows


print(json.dumps({"rows": {"bigquery": bigquery, "snowflake": snowflake}[sys.argv[1]](Api(sys.argv[2]))}))
