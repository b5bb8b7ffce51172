// docs/openapi.yaml by itself: valid OpenAPI 3.1, the route tables of both services and nothing else, examples that fit.
//
// BUILD_DIR  where the services and contract/openapi.json were built (default: build)
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFile, readdir } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { before, test } from 'node:test';
import { Validator } from '@seriousme/openapi-schema-validator';
import { BUILD_DIR, Contract, follow, listOperations, readContract } from './contract.mjs';

const ROOT = new URL('../../', import.meta.url);
let contract, operations, routes;

const keyOf = ({ method, path }) => `${method} ${path}`;

before(async () => {
  contract = await readContract();
  operations = new Map(listOperations(contract).map((one) => [keyOf(one), one]));
  routes = new Map();
  for (const service of ['safelight-api', 'safelight-ingest']) {
    const text = execFileSync(fileURLToPath(new URL(`bin/${service}`, BUILD_DIR)), ['--routes'], { encoding: 'utf8' });
    for (const route of JSON.parse(text)) routes.set(keyOf(route), route);
  }
});

/* Every route beside its operation; those that are missing are another test's. */
function pairs() {
  return [...routes].filter(([key]) => operations.has(key)).map(([key, route]) => ({ key, route, operation: operations.get(key).operation }));
}

/* What differs, all of it at once. */
function none(lines) {
  assert.deepEqual(lines, []);
}

test('the document is valid OpenAPI 3.1', async () => {
  const validator = new Validator();
  const { valid, errors } = await validator.validate(structuredClone(contract));
  assert.ok(valid, JSON.stringify(errors, null, 1));
  assert.equal(validator.version, '3.1');
});

test('operations have names of their own, tags that are explained, and the parameters of their path', () => {
  const tags = contract.tags.map((tag) => tag.name);
  const ids = [...operations.values()].map(({ operation }) => operation.operationId);
  none(ids.filter((id, at) => !id || ids.indexOf(id) !== at));
  const wrong = [];
  for (const [key, { path, operation, shared }] of operations) {
    const named = [...shared, ...(operation.parameters ?? [])].map((one) => follow(contract, one)).filter((one) => one.in === 'path').map((one) => one.name);
    const wanted = [...path.matchAll(/{(\w+)}/g)].map((match) => match[1]);
    if (named.sort().join() !== wanted.sort().join()) wrong.push(`${key}: ${named} for ${wanted}`);
    if (operation.tags?.length !== 1 || !tags.includes(operation.tags[0])) wrong.push(`${key}: tags ${operation.tags}`);
  }
  none(wrong);
});

test('every route of the services is in the document', () => {
  assert.ok(routes.size > 60, `${routes.size} routes`);
  none([...routes.keys()].filter((key) => !operations.has(key)));
});

test('the document has no operation that is no route', () => {
  none([...operations].filter(([key, { operation }]) => !routes.has(key) && operation['x-served-by'] !== 'edge').map(([key]) => key));
});

test('summaries are the routes’', () => {
  none(pairs().filter(({ route, operation }) => route.summary !== operation.summary).map(({ key, route }) => `${key}: ${route.summary}`));
});

test('who may call is what the routes say', () => {
  const authOf = (operation) => {
    const security = operation.security ?? contract.security;
    const isNamed = security.some((one) => one.bearer);
    if (operation['x-admin']) return isNamed ? 'admin' : 'nobody';
    if (!isNamed) return 'public';
    return security.some((one) => Object.keys(one).length === 0) ? 'optional' : 'user';
  };
  none(pairs().filter(({ route, operation }) => route.auth !== authOf(operation)).map(({ key, route }) => `${key}: ${route.auth}`));
});

test('bodies are taken where the routes take them, up to their bytes', () => {
  const bytesOf = (operation) => (operation.requestBody ? operation['x-body-bytes'] : 0);
  none(pairs().filter(({ route, operation }) => route.body_limit !== bytesOf(operation)).map(({ key, route }) => `${key}: ${route.body_limit}`));
});

test('idempotency keys are taken where the routes take them', () => {
  const wrong = [];
  for (const { key, route, operation } of pairs()) {
    const takes = (operation.parameters ?? []).some((one) => follow(contract, one).name === 'Idempotency-Key');
    const problems = operation['x-problems'] ?? [];
    if (takes !== (route.idempotency !== null) && route.idempotency !== 'elsewhere') wrong.push(`${key}: ${route.idempotency}`);
    if ((route.idempotency === 'secret') !== problems.includes('idempotency-key-done')) wrong.push(`${key}: idempotency-key-done`);
  }
  none(wrong);
});

test('every problem that the services answer is named', async () => {
  const named = new Set();
  const collect = (value) => {
    if (value === null || typeof value !== 'object') return;
    for (const one of value['x-problems'] ?? []) named.add(one);
    Object.values(value).forEach(collect);
  };
  collect(contract);
  const told = [];
  for (const folder of ['ingest/', 'metadata-api/', 'lib/http/']) {
    for (const file of (await readdir(new URL(folder, ROOT))).filter((name) => name.endsWith('.c'))) {
      const text = await readFile(new URL(folder + file, ROOT), 'utf8');
      for (const [, slug] of text.matchAll(/http_respond_problem(?:_fields)?\([^;{}"]*"([a-z0-9-]+)"/g)) told.push({ file, slug });
    }
  }
  const template = await readFile(new URL('cdn-config/nginx.conf.template', ROOT), 'utf8');
  for (const [, slug] of template.matchAll(/safelight_problem \d+ ([a-z-]+)/g)) told.push({ file: 'nginx.conf.template', slug });
  for (const [, slug] of (await readFile(new URL('cdn-config/module/edge_delivery.c', ROOT), 'utf8')).matchAll(/{ NGX_HTTP_\w+, "([a-z-]+)"/g)) told.push({ file: 'edge_delivery.c', slug });
  assert.ok(told.length > 100, `${told.length} problems found`);
  none(told.filter(({ slug }) => !named.has(slug)).map(({ file, slug }) => `${file}: ${slug}`));
});

test('examples fit their schemas', () => {
  const judge = new Contract(contract);
  let count = 0;
  for (const { operation } of operations.values()) {
    const body = follow(contract, operation.requestBody);
    for (const [type, { schema, example }] of Object.entries(body?.content ?? {})) {
      if (type !== 'application/json' || operation.operationId === 'takeStoreEvents') continue;
      assert.notEqual(example, undefined, `${operation.operationId} has no example`);
      const validate = judge.ajv.compile(JSON.parse(JSON.stringify(schema).replaceAll('"#/', '"contract#/')));
      assert.ok(validate(example), `${operation.operationId}: ${judge.ajv.errorsText(validate.errors)}`);
      count += 1;
    }
  }
  assert.ok(count > 15, `${count} examples`);
});
