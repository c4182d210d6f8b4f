// Goal: what we send, and what our stand-ins answer, is what the vendors' own descriptions say.
// Method: reads a stand-in's log (its latest requests with their answers) and holds each against the OpenAPI description that
// lies in EFF_SPECS, or what descriptions.mjs makes of one in another form: the path and its parameters, the body of the request, the
// status, the body of the answer; what a description does not know is a finding, too. Where reality and description are known to differ, `allowed` says how and why.
// Usage: EFF_SPECS=FOLDER node openapi.mjs VENDOR URL; prints what it looked at, and findings; exit code 1 when there are any, 77 when there is no description.
import {existsSync, readFileSync, readdirSync} from 'node:fs';
import {join} from 'node:path';
import {gunzipSync} from 'node:zlib';
import Ajv2019 from 'ajv/dist/2019.js';
import addFormats from 'ajv-formats';
import {parse} from 'yaml';
import {discovery, nodes, protos, requests} from './descriptions.mjs';

// `file` is the beginning of a name, `folder` has many that `form` reads. `allowed` are beginnings of findings.
const vendors = {
    stripe: {file: 'stripe/spec3', allowed: []},
    intercom: {file: 'intercom/api.intercom.io-2.15', allowed: [
        // Left out of the description, and answered (docs/sandbox.md).
        'POST /contacts: status 400', 'POST /contacts: status 409', 'PUT /contacts/{contact_id}: status 400',
        'PUT /contacts/{contact_id}: status 404', 'PUT /contacts/{contact_id}: status 409', 'GET /contacts/find_by_external_id/{external_id}: status 404',
        'DELETE /contacts/{contact_id}: status 404',
        // Numbers and booleans are custom attributes, though it knows texts only; its own examples have them.
        /\/custom_attributes\/[^ ]* must be string/]},
    klaviyo: {file: 'klaviyo/stable', allowed: []},
    slack: {file: 'slack/slack_web_openapi', allowed: []},
    snowflake: {file: 'snowflake/sqlapi', allowed: []},
    bigquery: {file: 'bigquery/discovery', form: discovery, allowed: []},
    google_data_manager: {folder: 'google-datamanager/google/ads/datamanager/v1', form: protos, allowed: [ // the login is another API's
        'POST /token: there is no such request']},
    meta: {folder: 'meta', form: nodes, allowed: [ // the permissions are of a user, whose node is not among the descriptions
        /^GET \/v[0-9.]+\/me\/permissions: there is no such request/]},
    salesforce: {folder: 'salesforce', form: requests, allowed: [
        // Of collections of records it has no upsert by an external id, and it writes an object into the address of a delete that has none.
        /^PATCH \/services\/data\/v[0-9.]+\/composite\/sobjects\/\w+\/\w+: there is no such request/,
        /^DELETE \/services\/data\/v[0-9.]+\/composite\/sobjects: there is no such request/,
        // Its example of a job leaves out what has a default, and what only an upsert needs.
        /^POST \/services\/data\/v{p0}\/jobs\/ingest: request: \/ must NOT have additional properties \((externalIdFieldName|contentType|lineEnding|columnDelimiter)\)/]},
};

function load(specs, {file: name, folder: whole, form}) {
    if (whole) return existsSync(join(specs, whole)) ? {doc: form(join(specs, whole)), file: whole, folder: join(specs, whole)} : null;
    const [folder, start] = name.split('/');
    const file = existsSync(join(specs, folder)) && readdirSync(join(specs, folder)).find(f => f.startsWith(start));
    if (!file) return null;
    let bytes = readFileSync(join(specs, folder, file));
    if (file.endsWith('.gz')) bytes = gunzipSync(bytes);
    const doc = parse(bytes.toString(), {maxAliasCount: -1});
    return {doc: form ? form(doc) : doc, file: `${folder}/${file}`, folder: join(specs, folder)};
}

// A file beside it is put in where it is named.
function inline(node, folder, seen = new Map()) {
    if (!node || typeof node !== 'object') return node;
    const outside = typeof node.$ref === 'string' && /^([^#]+)#(.*)$/.exec(node.$ref);
    if (outside) {
        const key = node.$ref;
        if (!seen.has(key)) {
            seen.set(key, {});
            const other = parse(readFileSync(join(folder, outside[1]), 'utf8'));
            const target = outside[2].split('/').slice(1).reduce((at, part) => at?.[part.replace(/~1/g, '/').replace(/~0/g, '~')], other);
            Object.assign(seen.get(key), inline(structuredClone(target), folder, seen));
        }
        return seen.get(key);
    }
    for (const key of Object.keys(node)) node[key] = inline(node[key], folder, seen);
    return node;
}

// OpenAPI 3.0's and Swagger 2's own words in JSON Schema's.
function modern(node) {
    if (!node || typeof node !== 'object') return;
    for (const value of Object.values(node)) modern(value);
    if (node.nullable === true && (node.type || node.enum || node.allOf || node.oneOf || node.anyOf || node.$ref)) {
        delete node.nullable;
        if (typeof node.type === 'string') node.type = [node.type, 'null'];
        if (Array.isArray(node.enum) && !node.enum.includes(null)) node.enum.push(null);
        if (node.allOf || node.oneOf || node.anyOf || node.$ref) {
            const copy = {...node};
            for (const key of Object.keys(node)) delete node[key];
            node.anyOf = [{type: 'null'}, copy];
        }
    }
    if (typeof node.exclusiveMinimum === 'boolean') delete node.exclusiveMinimum;
    if (typeof node.exclusiveMaximum === 'boolean') delete node.exclusiveMaximum;
    if (node.format === 'uri') node.format = 'uri-reference'; // their examples are paths
}

const escape = s => s.replace(/~/g, '~0').replace(/\//g, '~1');

class Description {
    constructor({doc, file, folder}) {
        this.doc = inline(doc, folder);
        modern(this.doc);
        this.file = file;
        this.base = (doc.basePath ?? '').replace(/\/$/, '');
        this.checkers = new Map();
        this.ajv = this.#ajv(false);
        this.coercing = this.#ajv(true);
        this.paths = Object.keys(this.doc.paths).map(path => ({path, shape: new RegExp(`^${(this.base + path).replace(/\/$/, '').split(/{[^}]*}/)
            .map(part => part.replace(/[.*+?^$()|[\]\\{}]/g, '\\$&')).join('[^/]+')}$`)}))
            .sort((a, b) => (a.path.match(/{/g) ?? []).length - (b.path.match(/{/g) ?? []).length);
    }
    #ajv(coerceTypes) {
        const ajv = new Ajv2019({strict: false, allErrors: true, coerceTypes, logger: false, validateFormats: true, inlineRefs: false});
        addFormats(ajv);
        ajv.addFormat('unix-time', true).addFormat('decimal', true).addFormat('currency', true);
        ajv.addSchema({$id: 'spec', ...this.doc}, 'spec', false, false);
        return ajv;
    }
    resolve(node) {
        while (node?.$ref?.startsWith('#/'))
            node = node.$ref.slice(2).split('/').reduce((at, part) => at?.[decodeURIComponent(part).replace(/~1/g, '/').replace(/~0/g, '~')], this.doc);
        return node;
    }
    find(method, path) {
        return this.paths.find(p => this.doc.paths[p.path][method.toLowerCase()] && p.shape.test(path.replace(/\/$/, '')));
    }
    // Errors as lines; members that the schema does not know are errors, too.
    errors(schema, value, coerce) {
        const key = schema;
        let check = this.checkers.get(key)?.[coerce ? 1 : 0];
        if (!check) {
            check = (coerce ? this.coercing : this.ajv).compile({$ref: schema, unevaluatedProperties: false});
            const both = this.checkers.get(key) ?? [];
            both[coerce ? 1 : 0] = check;
            this.checkers.set(key, both);
        }
        if (check(value)) return [];
        return [...new Set(check.errors.filter(e => !['anyOf', 'oneOf', 'if'].includes(e.keyword) || check.errors.length === 1)
            .map(e => `${e.instancePath || '/'} ${e.message}${(name => name ? ` (${name})` : '')(e.params.unevaluatedProperty ?? e.params.additionalProperty)}`))];
    }
    pointer(...parts) {
        return `spec#/${parts.map(p => encodeURIComponent(escape(p))).join('/')}`;
    }
}

// a[b][]=c as an object.
function form(text) {
    const root = {};
    for (const [name, value] of new URLSearchParams(text)) {
        const [first, ...rest] = name.split(/\[|\]\[|\]/).filter((part, i, all) => part !== '' || (i > 0 && i < all.length - 1));
        let at = root, key = first;
        for (const part of rest) {
            at[key] ??= part === '' ? [] : {};
            at = at[key];
            key = part === '' ? at.length : part;
        }
        at[key] = value;
    }
    return root;
}

const given = (text, type) => type?.includes('json') || /^\s*[[{]/.test(text) ? JSON.parse(text) : text;

function* parameters(d, item, operation, entry, query) {
    const all = [...(item.parameters ?? []), ...(operation.parameters ?? [])].map(p => d.resolve(p));
    const headers = new Map(entry.headers.map(([name, value]) => [name.toLowerCase(), value]));
    for (const p of all) {
        const has = p.in === 'query' ? query.has(p.name) : p.in === 'header' ? headers.has(p.name.toLowerCase()) : true;
        if (p.required && !has && !['authorization', 'token'].includes(p.name.toLowerCase()))
            yield `the ${p.in} parameter ${p.name} is missing`;
    }
    for (const name of query.keys())
        if (!all.some(p => p.in === 'query' && (p.name === name || (p.style === 'deepObject' && name.startsWith(`${p.name}[`))))) yield `the query parameter ${name} is not known`;
}

function* request(d, at, operation, entry) {
    const type = entry.headers.find(([name]) => name.toLowerCase() === 'content-type')?.[1]?.split(';')[0];
    const fields = (operation.parameters ?? []).map(p => d.resolve(p)).filter(p => p.in === 'formData');
    if (fields.length) { // Swagger 2: a form's fields, which may come as JSON
        const value = type === 'application/json' ? JSON.parse(entry.body) : form(entry.body);
        for (const p of fields) if (p.required && !(p.name in value)) yield `request: ${p.name} is missing`;
        for (const name of Object.keys(value)) if (!fields.some(p => p.name === name)) yield `request: ${name} is not known`;
        return;
    }
    const body = d.resolve(operation.requestBody);
    if (!body) {
        if (entry.body) yield 'request: it has a body, which is not known';
        return;
    }
    if (!entry.body) {
        if (body.required) yield 'request: the body is missing';
        return;
    }
    const content = Object.keys(body.content).find(c => c === type) ?? (type === 'application/json' ? Object.keys(body.content).find(c => c.includes('json')) : null);
    if (!content) {
        yield `request: ${type} is not known`;
        return;
    }
    if (!body.content[content].schema) return;
    const schema = d.pointer('paths', at.path, entry.method.toLowerCase(), 'requestBody', 'content', content, 'schema');
    const coerce = content.includes('form');
    yield* d.errors(schema, coerce ? form(entry.body) : JSON.parse(entry.body), coerce).map(e => `request: ${e}`);
}

function* answer(d, at, operation, entry) {
    const status = String(entry.status);
    const name = [status, `${status[0]}XX`, 'default'].find(s => operation.responses[s]);
    if (!name) {
        yield `status ${status} is not known`;
        return;
    }
    const response = d.resolve(operation.responses[name]);
    const method = entry.method.toLowerCase();
    const content = response.content && Object.keys(response.content).find(c => c.includes('json'));
    if (response.schema) // Swagger 2
        yield* d.errors(d.pointer('paths', at.path, method, 'responses', name, 'schema'), given(entry.answer, 'json')).map(e => `answer ${status}: ${e}`);
    if (!content || !response.content[content].schema) {
        if (!response.schema && entry.answer && !response.content) yield `answer ${status}: it has a body, which is not known`;
        return;
    }
    if (operation.responses[name].$ref) return; // described elsewhere: looked at by its status alone
    yield* d.errors(d.pointer('paths', at.path, method, 'responses', name, 'content', content, 'schema'), given(entry.answer, content)).map(e => `answer ${status}: ${e}`);
}

async function look(vendor, url) {
    const specs = process.env.EFF_SPECS, {file, folder, allowed} = vendors[vendor];
    const loaded = specs && load(specs, vendors[vendor]);
    if (!loaded) return console.log(`openapi: ${vendor}: not looked at: ${specs ? `there is no ${folder ?? `${file}*`} in EFF_SPECS` : 'EFF_SPECS names no folder of descriptions'}`) ?? 77;
    const d = new Description(loaded), findings = new Map(), seen = new Map();
    const {requests} = await (await fetch(`${url}/_sandbox/requests?limit=10000`)).json();
    let looked = 0;
    for (const entry of requests.filter(r => !r.fault && r.status > 0)) {
        const [path, search = ''] = entry.path.split('?'), at = d.find(entry.method, path);
        const found = [];
        if (!at) {
            found.push(`${entry.method} ${path}: there is no such request`);
        } else {
            const item = d.doc.paths[at.path], operation = item[entry.method.toLowerCase()], what = `${entry.method} ${at.path}`;
            looked++;
            seen.set(`${what} ${entry.status}`, (seen.get(`${what} ${entry.status}`) ?? 0) + 1);
            const refused = entry.status >= 400;
            if (!refused) for (const f of parameters(d, item, operation, entry, new URLSearchParams(search))) found.push(`${what}: ${f}`);
            if (!refused) for (const f of request(d, at, operation, entry)) found.push(`${what}: ${f}`);
            if (entry.status !== 429 && entry.status < 500) for (const f of answer(d, at, operation, entry)) found.push(`${what}: ${f}`);
        }
        for (const f of found)
            if (!allowed.some(a => (a instanceof RegExp ? a.test(f) : f.startsWith(a)))) findings.set(f, (findings.get(f) ?? 0) + 1);
    }
    console.log(`openapi: ${vendor}: ${looked} of ${requests.length} requests with their answers held against ${d.file}, ${seen.size} kinds, ${findings.size} findings`);
    if (process.env.EFF_TRACE) for (const [what, count] of seen) console.log(`    ${count} ${what}`);
    for (const [finding, count] of findings) console.log(`  ${finding} (${count}x)`);
    return looked === 0 || findings.size ? 1 : 0;
}

const [vendor, url] = process.argv.slice(2);
if (!vendors[vendor] || !url) {
    console.log(`usage: EFF_SPECS=FOLDER node openapi.mjs ${Object.keys(vendors).join('|')} URL`);
    process.exit(2);
}
process.exit(await look(vendor, url));
