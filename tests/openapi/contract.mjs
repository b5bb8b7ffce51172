// The contract as the tests use it: the JSON that safelight-api serves, operations by request, and answers judged strictly:
// a status, content type, header, problem or field that the document does not name is a mistake.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import Ajv from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';

const METHODS = ['get', 'head', 'post', 'put', 'patch', 'delete', 'options'];
const ID = 'contract';
// What HTTP, the edge and the browser's protection put on any answer.
const COMMON_HEADERS = new Set(['date', 'server', 'connection', 'keep-alive', 'transfer-encoding', 'content-type', 'content-length',
  'content-encoding', 'x-content-type-options', 'vary', 'accept-ranges', 'last-modified', 'age', 'traceparent']);

export const BUILD_DIR = new URL(`${process.env.BUILD_DIR ?? '../../build'}/`.replace(/^\//, 'file:///'), import.meta.url);

export async function readContract() {
  return JSON.parse(await readFile(new URL('contract/openapi.json', BUILD_DIR)));
}

/* [{method: "GET", path, operation, shared: parameters of the path}, …] */
export function listOperations(contract) {
  return Object.entries(contract.paths).flatMap(([path, methods]) => METHODS.filter((method) => methods[method])
    .map((method) => ({ method: method.toUpperCase(), path, operation: methods[method], shared: methods.parameters ?? [] })));
}

export function follow(contract, thing) {
  while (thing?.$ref) {
    thing = thing.$ref.slice(2).split('/').reduce((place, name) => place[name.replaceAll('~1', '/').replaceAll('~0', '~')], contract);
  }
  return thing;
}

/* A copy in which objects have no fields but those named. */
function closeObjects(value) {
  if (Array.isArray(value)) return value.map(closeObjects);
  if (value === null || typeof value !== 'object') return value;
  const copy = Object.fromEntries(Object.entries(value).map(([name, one]) => [name, closeObjects(one)]));
  const isSchema = value.properties && (value.type === 'object' || value.type?.includes?.('object'));
  if (isSchema && value.additionalProperties === undefined) copy.additionalProperties = false;
  return copy;
}

const escape = (name) => encodeURIComponent(String(name).replaceAll('~', '~0').replaceAll('/', '~1'));
const isProblem = (type) => type?.startsWith('application/problem+json');

export class Contract {
  constructor(contract) {
    this.contract = contract;
    this.operations = listOperations(contract);
    this.done = new Map(); // operation id -> statuses seen
    this.ajv = new Ajv({ strict: false, validateSchema: false, allErrors: true });
    addFormats(this.ajv);
    this.ajv.addSchema(closeObjects(contract), ID);
    this.validators = new Map();
  }

  /* Literal segments win over {parameters}, as in the services' router. */
  find(method, pathname) {
    const segments = pathname.split('/');
    const fits = this.operations.filter((one) => {
      const template = one.path.split('/');
      return (one.method === method || (method === 'HEAD' && one.method === 'GET')) && template.length === segments.length &&
        template.every((name, at) => name.startsWith('{') || name === segments[at]);
    });
    fits.sort((left, right) => left.path.split('{').length - right.path.split('{').length);
    assert.ok(fits[0], `${method} ${pathname} is not in the contract`);
    return fits[0];
  }

  validate(pointer, value, what) {
    if (!this.validators.has(pointer)) this.validators.set(pointer, this.ajv.compile({ $ref: `${ID}#${pointer}` }));
    const validate = this.validators.get(pointer);
    assert.ok(validate(value), `${what}: ${this.ajv.errorsText(validate.errors, { separator: '\n  ' })}\n${JSON.stringify(value, null, 1).slice(0, 4000)}`);
  }

  pointer(found, ...rest) {
    return ['', 'paths', found.path, found.method.toLowerCase(), ...rest].map(escape).join('/').replace(/^\//, '/');
  }

  parameters({ operation, shared }) {
    return [...shared, ...(operation.parameters ?? [])].map((one) => follow(this.contract, one));
  }

  /* Where a response's own definition stands: in the operation, or in components. */
  place(found, status) {
    const own = found.operation.responses[status];
    return own.$ref ? own.$ref.slice(1).split('/').map(decodeURIComponent).map(escape).join('/') : this.pointer(found, 'responses', status);
  }

  checkHeaders(answer, headers, what) {
    for (const [name, one] of Object.entries(answer.headers ?? {})) {
      const header = follow(this.contract, one);
      const value = headers[name.toLowerCase()];
      if (value === undefined) {
        assert.ok(!header.required, `${what}: the header ${name} is missing`);
        continue;
      }
      const { pattern, const: only } = header.schema;
      assert.ok((!pattern || new RegExp(pattern).test(value)) && (only === undefined || only === value), `${what}: ${name}: ${value}`);
    }
    const known = new Set(Object.keys(answer.headers ?? {}).map((name) => name.toLowerCase()));
    const strange = Object.keys(headers).filter((name) => !known.has(name) && !COMMON_HEADERS.has(name));
    assert.deepEqual(strange, [], `${what}: headers that are not in the contract`);
  }

  checkProblem(found, answer, body, status, what) {
    const known = [...(answer['x-problems'] ?? []), ...(found.operation['x-problems'] ?? [])];
    assert.equal(body.status, status, what);
    assert.ok(known.includes(body.type.replace('/problems/', '')), `${what}: ${body.type} is not in the contract: ${body.detail}`);
  }

  checkRequest(found, url, body, contentType, what) {
    const queries = this.parameters(found).filter((one) => one.in === 'query').map((one) => one.name);
    for (const name of url.searchParams.keys()) {
      if (found.operation['x-served-by'] !== 'edge') assert.ok(queries.includes(name), `${what}: ?${name}= was taken, and is not in the contract`);
    }
    if (contentType !== 'application/json' || body === undefined) return;
    const request = found.operation.requestBody;
    assert.ok(request, `${what}: took a body, and has none in the contract`);
    const place = request.$ref ? request.$ref.slice(1) : this.pointer(found, 'requestBody');
    this.validate(`${place}/content/${escape('application/json')}/schema`, JSON.parse(body), `${what}: a body that was taken`);
  }

  /* Judge an exchange; headers in lower case, text: the answer's body. Returns the answer's JSON, if it is any. */
  check({ method, url, body, contentType, status, headers, text }) {
    const found = this.find(method, url.pathname);
    const what = `${method} ${url.pathname}${url.search}: ${status}`;
    assert.ok(found.operation.responses[status], `${what} is not in the contract: ${text?.slice(0, 500)}`);
    const answer = follow(this.contract, found.operation.responses[status]);
    this.checkHeaders(answer, headers, what);
    if (status < 300) this.checkRequest(found, url, body, contentType, what);
    const statuses = this.done.get(found.operation.operationId) ?? new Set();
    this.done.set(found.operation.operationId, statuses.add(status));
    const type = headers['content-type'];
    if (method === 'HEAD' || !answer.content) {
      assert.ok(!text, `${what}: a body, and none in the contract: ${text?.slice(0, 200)}`);
      return undefined;
    }
    const name = [type, type?.split(';')[0], '*/*'].find((one) => one && answer.content[one]);
    assert.ok(name, `${what}: content type ${type} is not in the contract`);
    if (!/json$/.test(name)) return undefined;
    const value = JSON.parse(text);
    if (answer.content[name].schema) this.validate(`${this.place(found, status)}/content/${escape(name)}/schema`, value, what);
    if (isProblem(name)) this.checkProblem(found, answer, value, status, what);
    return value;
  }
}
