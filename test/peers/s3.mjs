// An S3-compatible store for test/scenario/s3.sh: s3rver behind a proxy that checks what s3rver
// does not, and breaks on demand.
//
// The proxy computes each signature again with the signer of AWS' own clients, from the request as
// it came in; answers for what s3rver lacks (lists and aborts of uploads, lists of the bucket, parts that are too small);
// and plays faults: POST /_faults {"on": "put|create|part|complete|abort|list", "do": "503|500|404|403|lost|drop", "times": 2}.
// lost: carried out, the connection closed without an answer. drop: not carried out, closed.
// GET /_requests: what came, and what of it had a good signature. Usage: node s3.mjs FOLDER BUCKET...
import { createHash, createHmac } from "node:crypto";
import { readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import http from "node:http";
import { createRequire } from "node:module";
import { join } from "node:path";

const require = createRequire(import.meta.url);
const { SignatureV4 } = require("@smithy/signature-v4");
const S3rver = require("s3rver");

const [folder, ...buckets] = process.argv.slice(2);
const keys = { accessKeyId: "test-user", secretAccessKey: "test-secret" };
const token = "temporary/token+with=signs";
const store = new S3rver({
    address: "127.0.0.1", port: 0, silent: true, directory: folder, vhostBuckets: false,
    configureBuckets: buckets.map((name) => ({ name })),
});
const upstream = await store.run();
const requests = [];
let faults = [];

class Sha256 {
    constructor(secret) { this.hash = secret ? createHmac("sha256", secret) : createHash("sha256"); }
    update(bytes) { this.hash.update(bytes); }
    async digest() { return new Uint8Array(this.hash.digest()); }
}

async function signatureIsGood(request, url, body) {
    const date = request.headers["x-amz-date"] ?? "";
    const when = new Date(date.replace(/^(....)(..)(..)T(..)(..)(..)Z$/, "$1-$2-$3T$4:$5:$6Z"));
    const region = /Credential=[^/]+\/\d+\/([^/]+)\/s3\//.exec(request.headers.authorization ?? "")?.[1];
    const signer = new SignatureV4({
        service: "s3", region, uriEscapePath: false, applyChecksum: true, sha256: Sha256,
        credentials: { ...keys, sessionToken: request.headers["x-amz-security-token"] },
    });
    const query = {};
    for (const [name, value] of url.searchParams) query[name] = value;
    const signed = await signer.sign(
        { method: request.method, protocol: "http:", hostname: url.hostname, path: url.pathname, query, body,
          headers: { host: request.headers.host } },
        { signingDate: when });
    const temporary = request.headers["x-amz-security-token"];
    return signed.headers.authorization === request.headers.authorization &&
        signed.headers["x-amz-content-sha256"] === request.headers["x-amz-content-sha256"] &&
        (temporary === undefined || temporary === token) && Math.abs(Date.now() - when) < 15 * 60 * 1000;
}

function answer(response, status, code) {
    const body = code ? `<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>${code}</Code><Message>${code} &amp; so on</Message></Error>` : "";
    response.writeHead(status, { "content-type": "application/xml", "content-length": Buffer.byteLength(body) });
    response.end(body);
}

function kindOf(request, url) {
    const query = url.searchParams;
    if (request.method === "POST") return query.has("uploads") ? "create" : "complete";
    if (request.method === "PUT") return query.has("partNumber") ? "part" : "put";
    if (request.method === "DELETE" && query.has("uploadId")) return "abort";
    if (request.method === "GET" && query.has("uploads")) return "list";
    return request.method.toLowerCase();
}

const uploadsFolder = (bucket) => join(folder, bucket, "._S3rver_uploads");
function uploads(bucket) { // s3rver makes and removes their folders meanwhile
    const found = [];
    try {
        for (const id of readdirSync(uploadsFolder(bucket))) {
            try { found.push({ id, key: readFileSync(join(uploadsFolder(bucket), id, "key"), "utf8") }); } catch { /* not yet, or no more */ }
        }
    } catch { /* there was none so far */ }
    return found;
}

// What s3rver does not do; false: it does it.
function own(kind, bucket, url, response) {
    const id = url.searchParams.get("uploadId");
    if (id !== null && !uploads(bucket).some((upload) => upload.id === id)) {
        answer(response, 404, "NoSuchUpload");
        return true;
    }
    if (kind === "abort") {
        rmSync(join(uploadsFolder(bucket), id), { recursive: true });
        answer(response, 204);
        return true;
    }
    if (kind === "get" && url.searchParams.has("max-keys")) { // s3rver breaks on a list that is cut off
        response.writeHead(200, { "content-type": "application/xml" });
        response.end(`<ListBucketResult><Name>${bucket}</Name></ListBucketResult>`);
        return true;
    }
    if (kind === "list") {
        const list = uploads(bucket).filter((upload) => upload.key.startsWith(url.searchParams.get("prefix")))
            .map((upload) => `<Upload><Key>${upload.key.replaceAll("&", "&amp;")}</Key><UploadId>${upload.id}</UploadId></Upload>`);
        const body = `<ListMultipartUploadsResult><Bucket>${bucket}</Bucket>${list.join("")}</ListMultipartUploadsResult>`;
        response.writeHead(200, { "content-type": "application/xml" });
        response.end(body);
        return true;
    }
    if (kind === "complete") {
        const parts = readdirSync(join(uploadsFolder(bucket), id)).filter((name) => /^\d+$/.test(name))
            .sort((a, b) => a - b).map((name) => statSync(join(uploadsFolder(bucket), id, name)).size);
        if (parts.slice(0, -1).some((size) => size < 5 * 1024 * 1024)) {
            answer(response, 400, "EntityTooSmall");
            return true;
        }
    }
    return false;
}

function forward(request, path, body, response, lose) {
    const headers = { ...request.headers, host: `127.0.0.1:${upstream.port}` };
    for (const name of ["authorization", "x-amz-date", "x-amz-content-sha256", "x-amz-security-token"]) delete headers[name];
    const call = http.request({ host: "127.0.0.1", port: upstream.port, method: request.method, path, headers }, (back) => {
        const chunks = [];
        back.on("data", (chunk) => chunks.push(chunk));
        back.on("end", () => {
            if (lose) return response.destroy();
            response.writeHead(back.statusCode, back.headers);
            response.end(Buffer.concat(chunks));
        });
    });
    call.end(body);
}

function control(request, body, response) {
    if (request.url === "/_faults") faults = [].concat(JSON.parse(body));
    const said = request.url === "/_requests" ? requests : { uploads: buckets.flatMap(uploads) };
    response.writeHead(200, { "content-type": "application/json" });
    response.end(JSON.stringify(said));
}

async function serve(request, body, response) {
    if (request.url.startsWith("/_")) return control(request, body, response);
    const url = new URL(request.url, `http://${request.headers.host}`);
    const virtual = buckets.find((name) => url.hostname.startsWith(`${name}.`));
    const path = virtual ? `/${virtual}${request.url}` : request.url;
    const bucket = path.slice(1).split(/[/?]/)[0];
    const kind = kindOf(request, url);
    const good = await signatureIsGood(request, url, body);
    const fault = good ? faults.find((each) => each.on === kind && each.times > 0) : undefined;
    requests.push({ kind, path: request.url, host: request.headers.host, bytes: body.length, good, fault: fault?.do ?? null });
    if (!good) return answer(response, 403, "SignatureDoesNotMatch");
    if (fault) fault.times -= 1;
    if (fault?.do === "drop") return response.destroy();
    if (fault?.do === "404") return answer(response, 404, "NoSuchUpload");
    if (fault?.do === "503") return answer(response, 503, "SlowDown");
    if (fault?.do === "500") return answer(response, 500, "InternalError");
    if (fault?.do === "403") return answer(response, 403, "AccessDenied");
    if (!buckets.includes(bucket)) return answer(response, 404, "NoSuchBucket");
    if (!own(kind, bucket, url, response)) forward(request, path, body, response, fault?.do === "lost");
}

const proxy = http.createServer((request, response) => {
    const chunks = [];
    request.on("data", (chunk) => chunks.push(chunk));
    request.on("end", () => serve(request, Buffer.concat(chunks), response));
});
proxy.listen(0, "127.0.0.1", () => console.log(`s3 http://127.0.0.1:${proxy.address().port}`));
