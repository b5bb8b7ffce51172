// Has the reference library judge a post as a receiver does. Standard input: {"secret": "whsec_…", "headers": {…}, "body": "…"}.
// Exits 0 when it is taken, and the same post with another byte, another id or another secret is not.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { Webhook } from "standardwebhooks";

const { secret, headers, body } = JSON.parse(readFileSync(0, "utf8"));
const receiver = new Webhook(secret);
assert.deepEqual(receiver.verify(body, headers), JSON.parse(body));
assert.throws(() => receiver.verify(body.replace("{", "{ "), headers));
assert.throws(() => receiver.verify(body, { ...headers, "webhook-id": headers["webhook-id"] + "x" }));
const other = "whsec_" + Buffer.alloc(32, 7).toString("base64");
assert.throws(() => new Webhook(other).verify(body, headers));
