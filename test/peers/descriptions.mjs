// Descriptions of APIs in other forms than OpenAPI, as OpenAPI documents that openapi.mjs can look at: Google's discovery documents
// and proto files, the nodes of Meta's Graph API, and collections of requests as Postman keeps them. What a form does not tell (mostly how errors look) is left open.
import {readFileSync, readdirSync} from 'node:fs';
import {join} from 'node:path';

const anything = {content: {'application/json': {}}};
const refused = {'4XX': anything, '5XX': anything};
const json = schema => ({content: {'application/json': {schema}}});
const named = name => ({$ref: `#/components/schemas/${name}`});

function document(paths, schemas) {
    return {paths, components: {schemas}};
}
function add(paths, path, method, operation) {
    (paths[path] ??= {})[method.toLowerCase()] = operation;
}
const inQuery = (name, required) => ({name, in: 'query', required: Boolean(required)});

// Messages are closed: a member that is not described is a finding also below the first level.
const closed = (properties, required) => ({type: 'object', properties, required, additionalProperties: false});

// ---------------------------------------------------------------- discovery

export function discovery(doc) {
    const paths = {}, base = `/${doc.name}/${doc.version}`; // of Google's APIs that have a path of their own
    const schema = node => {
        if (node.$ref) return named(node.$ref);
        if (node.type === 'any') return {};
        if (node.type === 'array') return {type: 'array', items: schema(node.items)};
        if (node.type !== 'object') return {type: node.type, ...node.format && {format: node.format}, ...node.enum && {enum: node.enum}};
        const members = Object.entries(node.properties ?? {}).map(([name, member]) => [name, schema(member)]);
        return node.additionalProperties ? {type: 'object', additionalProperties: schema(node.additionalProperties)}
            : closed(Object.fromEntries(members), []);
    };
    const walk = node => {
        for (const m of Object.values(node.methods ?? {})) {
            const all = {...doc.parameters, ...m.parameters};
            add(paths, `${base}/${m.flatPath ?? m.path}`, m.httpMethod, {
                parameters: Object.keys(all).filter(name => all[name].location === 'query').map(name => inQuery(name, all[name].required)),
                requestBody: m.request && json(named(m.request.$ref)),
                responses: {'2XX': m.response ? json(named(m.response.$ref)) : {}, ...refused}});
        }
        for (const child of Object.values(node.resources ?? {})) walk(child);
    };
    walk(doc);
    return document(paths, Object.fromEntries(Object.entries(doc.schemas).map(([name, node]) => [name, schema(node)])));
}

// ---------------------------------------------------------------- protos

const camel = name => name.replace(/_([a-z0-9])/g, (_, c) => c.toUpperCase());
const scalars = {
    string: {type: 'string'}, bytes: {type: 'string'}, bool: {type: 'boolean'},
    double: {type: ['number', 'string']}, float: {type: ['number', 'string']}, int32: {type: 'integer'}, uint32: {type: 'integer'},
    int64: {type: ['integer', 'string'], pattern: '^-?[0-9]+$'}, uint64: {type: ['integer', 'string'], pattern: '^[0-9]+$'},
    'google.protobuf.Timestamp': {type: 'string', format: 'date-time'}, 'google.protobuf.Duration': {type: 'string', pattern: '^-?[0-9.]+s$'},
};

// The texts between a block's braces.
function* blocks(text, word) {
    const head = new RegExp(`\\b${word}\\s+(\\w+)[^{;]*{`, 'g');
    for (let m; (m = head.exec(text));) {
        let end = head.lastIndex;
        for (let depth = 1; depth > 0; end++) depth += text[end] === '{' ? 1 : text[end] === '}' ? -1 : 0;
        yield {name: m[1], body: text.slice(head.lastIndex, end - 1), from: m.index, end};
        head.lastIndex = end;
    }
}
function without(text, parts) {
    return parts.reduceRight((left, part) => left.slice(0, part.from) + left.slice(part.end), text);
}

export function protos(folder) {
    const schemas = {}, fields = {}, paths = {};
    const message = (outer, {name, body}) => {
        const whole = outer + name, inner = [...blocks(body, 'message')];
        for (const part of inner) message(`${whole}.`, part);
        body = without(body, inner);
        const enums = [...blocks(body, 'enum')];
        for (const part of enums) enumeration(`${whole}.`, part);
        fields[whole] = [...without(body, enums).matchAll(/(repeated\s+|optional\s+)?(map<[^>]*>|[\w.]+)\s+(\w+)\s*=\s*\d+\s*(\[[^;]*\])?\s*;/g)]
            .map(([, label, type, field, options]) => ({name: camel(field), type, list: label?.startsWith('repeated'), required: /\bREQUIRED\b/.test(options ?? '')}));
    };
    const enumeration = (outer, {name, body}) => {
        schemas[outer + name] = {enum: [...body.matchAll(/(\w+)\s*=\s*-?\d+/g)].map(m => m[1])};
    };
    const texts = readdirSync(folder).filter(f => f.endsWith('.proto')).sort()
        .map(f => readFileSync(join(folder, f), 'utf8').replace(/\/\/.*$/gm, ''));
    for (const text of texts) {
        const messages = [...blocks(text, 'message')], rest = without(text, messages);
        for (const part of messages) message('', part);
        for (const part of blocks(rest, 'enum')) enumeration('', part);
    }
    const typed = (type, within) => {
        if (scalars[type]) return scalars[type];
        if (type.startsWith('map<')) return {type: 'object', additionalProperties: typed(type.split(/[,>]/)[1].trim(), within)};
        const name = type.split('.').filter(part => !/^[a-z]/.test(part)).join('.'); // without its package
        for (let at = within; ; at = at.replace(/\.?[^.]*$/, '')) {
            const whole = at ? `${at}.${name}` : name;
            if (fields[whole] || schemas[whole]) return named(whole);
            if (!at) return {}; // of another package
        }
    };
    for (const [name, all] of Object.entries(fields))
        schemas[name] = closed(Object.fromEntries(all.map(f => [f.name, f.list ? {type: 'array', items: typed(f.type, name)} : typed(f.type, name)])),
            all.filter(f => f.required).map(f => f.name));
    const call = /rpc\s+\w+\((\w+)\)\s+returns\s+\((\w+)\)\s*{\s*option\s+\(google\.api\.http\)\s*=\s*{\s*(\w+):\s*"([^"]+)"/g;
    for (const text of texts)
        for (const [, asks, gives, method, path] of text.matchAll(call)) {
            const body = ['post', 'put', 'patch'].includes(method);
            add(paths, path.replace(/{([\w.]+)=[^}]*}/g, '{$1}'), method, {
                parameters: body ? [] : fields[asks].map(f => inQuery(f.name, f.required)),
                requestBody: body ? json(named(asks)) : undefined,
                responses: {200: json(named(gives)), ...refused}});
        }
    return document(paths, schemas);
}

// ---------------------------------------------------------------- Meta's nodes

// Each file is a node: its fields, its edges (apis with an endpoint), and what is done with itself (apis without).
export function nodes(folder) {
    const read = name => JSON.parse(readFileSync(join(folder, `${name}.json`), 'utf8'));
    const files = new Set(readdirSync(folder).filter(f => f.endsWith('.json')).map(f => f.slice(0, -5)));
    const enums = new Map(read('enum_types').map(e => [e.name, e.values]));
    const schemas = {}, paths = {};
    const typed = type => {
        const [, list] = /^list<(.*)>$/.exec(type) ?? [];
        if (list) return {type: 'array', items: typed(list)};
        if (enums.has(type)) return {enum: enums.get(type)};
        if (type === 'string') return {type: 'string'};
        if (type === 'bool') return {type: ['boolean', 'string'], enum: [true, false, 'true', 'false']};
        if (type === 'int' || type === 'unsigned int') return {type: ['integer', 'string'], pattern: '^-?[0-9]+$'};
        if (files.has(type) && read(type).fields) return node(type);
        return {}; // Object, map, and what is described elsewhere
    };
    const node = name => {
        if (!schemas[name]) {
            schemas[name] = {}; // they lead to each other
            Object.assign(schemas[name], closed(Object.fromEntries(read(name).fields.map(f => [f.name, typed(f.type)])), []));
        }
        return named(name);
    };
    const each = (name, at) => {
        for (const api of read(name).apis) {
            const params = Object.fromEntries(api.params.map(p => [p.name, typed(p.type)]));
            const required = api.params.filter(p => p.required).map(p => p.name);
            const asks = api.method === 'GET';
            add(paths, api.endpoint ? `${at}/${api.endpoint}` : at, api.method, {
                parameters: ['access_token', 'fields', 'limit', 'after', ...Object.keys(params)].map(p => inQuery(p, asks && required.includes(p))),
                requestBody: asks ? undefined : json(closed({access_token: {type: 'string'}, ...params}, required)),
                // What a write answers is told nowhere; a list of nodes comes in pages.
                responses: {200: asks && files.has(api.return) ? json(api.endpoint ? {type: 'object', properties: {data: {type: 'array', items: node(api.return)}, paging: {}}} : node(api.return))
                    : anything, ...refused}});
        }
    };
    each('CustomAudience', '/{version}/{audience}');
    each('AdAccount', '/{version}/act_{account}');
    return document(paths, schemas);
}

// ---------------------------------------------------------------- collections of requests

const example = text => {
    try {
        return Object.keys(JSON.parse(text));
    } catch {
        return null; // words stand for its parts
    }
};

// Each file is one request: its address, the names in its query, and a body as an example, whose members are taken for all there are.
export function requests(folder) {
    const files = readdirSync(folder, {recursive: true}).filter(f => f.endsWith('.json')).sort();
    const paths = {};
    for (const file of files) {
        const {url, method, queryParams, dataMode, data, rawModeData, headerData} = JSON.parse(readFileSync(join(folder, file), 'utf8'));
        let count = 0;
        const path = url.split('?')[0].replace(/^({{(_endpoint|url)}})({{site}})?/, '').replace(/\/$/, '')
            .replace(/{{\w+}}|<\w+>/g, () => `{p${count++}}`);
        const operation = (paths[path] ??= {})[method.toLowerCase()] ??= {parameters: [], responses: {'2XX': anything, '3XX': {}, ...refused}};
        for (const {key} of queryParams ?? [])
            if (!operation.parameters.some(p => p.name === key)) operation.parameters.push(inQuery(key, false));
        const type = headerData.find(h => h.key === 'Content-Type' && h.enabled !== false)?.value;
        const members = dataMode === 'urlencoded' ? data.map(d => d.key) : dataMode === 'raw' ? example(rawModeData) : null;
        if (dataMode === 'binary' || (rawModeData && !members)) operation.requestBody = {content: {[type]: {}}};
        if (!members) continue;
        const before = operation.requestBody?.content[type]?.schema?.properties;
        operation.requestBody = {content: {[type]: {schema: closed({...before, ...Object.fromEntries(members.map(m => [m, {}]))}, [])}}};
    }
    return document(paths, {});
}
