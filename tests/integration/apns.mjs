// A stand-in of Apple's Push Notification service: HTTP/2, provider tokens verified with Node's own crypto.
// `apns.mjs PORT PUBLIC_KEY_FILE LOG_FILE`: one JSON line a request.
import { appendFileSync, readFileSync } from "node:fs";
import { createPublicKey, verify } from "node:crypto";
import { createServer } from "node:http2";

const [port, keyFile, logFile] = process.argv.slice(2);
const key = createPublicKey(readFileSync(keyFile));

function claimsOf(authorization) {
  const [head, claims, signature] = authorization.replace(/^bearer /, "").split(".");
  const good = verify("sha256", Buffer.from(`${head}.${claims}`), { key, dsaEncoding: "ieee-p1363" },
    Buffer.from(signature, "base64url"));
  const read = (part) => JSON.parse(Buffer.from(part, "base64url"));
  return good ? { ...read(head), ...read(claims) } : null;
}

createServer().on("stream", (stream, headers) => {
  let body = "";
  stream.setEncoding("utf8");
  stream.on("data", (piece) => (body += piece));
  stream.on("end", () => {
    const token = headers[":path"].split("/").at(-1);
    const line = { path: headers[":path"], topic: headers["apns-topic"], type: headers["apns-push-type"],
      claims: claimsOf(headers.authorization), body: JSON.parse(body) };
    appendFileSync(logFile, JSON.stringify(line) + "\n");
    stream.respond({ ":status": token.startsWith("dead") ? 410 : 200 });
    stream.end(token.startsWith("dead") ? '{"reason":"Unregistered"}' : "");
  });
}).listen(Number(port), "127.0.0.1");
