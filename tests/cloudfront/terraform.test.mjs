// main.tf is HCL, and says what template.yaml says: the same function, cache key, headers, one behaviour and bucket policy.
// That parses it; the AWS provider's schema is not here, so wrong names of arguments would not be found.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import test from 'node:test';
import { parse } from '@cdktf/hcl2json';

const folder = new URL('../../cdn-config/cloudfront/', import.meta.url);
const text = readFileSync(new URL('main.tf', folder), 'utf8');
const template = readFileSync(new URL('template.yaml', folder), 'utf8');
const main = await parse('main.tf', text);
const only = (type) => {
  const found = Object.values(main.resource[type] ?? {});
  assert.equal(found.length, 1, type);
  return found[0][0];
};

test('it parses, and broken text does not', async () => {
  assert.ok(main.resource);
  await assert.rejects(parse('broken.tf', `${text}\nresource "x" {`));
});

test('each resource of the template is there', () => {
  const names = {
    KeyValueStore: 'aws_cloudfront_key_value_store',
    Function: 'aws_cloudfront_function',
    OriginAccessControl: 'aws_cloudfront_origin_access_control',
    CachePolicy: 'aws_cloudfront_cache_policy',
    ResponseHeadersPolicy: 'aws_cloudfront_response_headers_policy',
    Distribution: 'aws_cloudfront_distribution',
    BucketPolicy: 'aws_s3_bucket_policy',
  };
  const types = [...template.matchAll(/^ {4}Type: AWS::\w+::(\w+)$/gm)].map((match) => match[1]);
  assert.deepEqual(types.map((type) => names[type]).sort(), Object.keys(main.resource).sort());
});

test('the function is delivery.js, on the only behaviour', () => {
  assert.match(only('aws_cloudfront_function').code, /delivery\.js/);
  const distribution = only('aws_cloudfront_distribution');
  assert.equal(distribution.ordered_cache_behavior, undefined);
  const behaviour = distribution.default_cache_behavior[0];
  assert.equal(behaviour.function_association[0].event_type, 'viewer-request');
  assert.equal(behaviour.viewer_protocol_policy, 'https-only');
  assert.deepEqual(behaviour.allowed_methods, ['GET', 'HEAD']);
});

test('nothing of the request is in the cache key, and times are the template\'s', () => {
  const policy = only('aws_cloudfront_cache_policy');
  const key = policy.parameters_in_cache_key_and_forwarded_to_origin[0];
  assert.equal(key.cookies_config[0].cookie_behavior, 'none');
  assert.equal(key.headers_config[0].header_behavior, 'none');
  assert.equal(key.query_strings_config[0].query_string_behavior, 'none');
  for (const [argument, property] of [['min_ttl', 'MinTTL'], ['default_ttl', 'DefaultTTL'], ['max_ttl', 'MaxTTL']])
    assert.match(template, new RegExp(`${property}: ${policy[argument]}\n`));
});

test('the headers are the template\'s', () => {
  const headers = only('aws_cloudfront_response_headers_policy');
  const csp = headers.security_headers_config[0].content_security_policy[0].content_security_policy;
  assert.ok(template.includes(`ContentSecurityPolicy: ${csp}\n`));
  const removed = headers.remove_headers_config[0].items.map((item) => item.header);
  assert.deepEqual(removed, [...template.matchAll(/- Header: (x-amz-[\w-]+)/g)].map((match) => match[1]));
});
