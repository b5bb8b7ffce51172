#!/usr/bin/python3
"""Independent judges of lib/store: botocore signs the same requests, and boto3, aws-cli, curl and urllib use what we made.

Run by test_sigv4 (`store_peers.py sigv4-cases SEED COUNT`) and by test_store (`store_peers.py <check>`), which passes
its facts in environment variables (never secrets in arguments). Exit status 0: the check holds; 77: a peer is missing.
"""
import base64
import hashlib
import json
import os
import random
import subprocess
import sys
import urllib.error
import urllib.parse
import urllib.request

MISSING_PEER = 77

try:
    import boto3
    import botocore.auth
    import botocore.awsrequest
    import botocore.client
    import botocore.credentials
    import botocore.exceptions
except ImportError as error:
    print(f"store_peers.py: {error}", file=sys.stderr)
    sys.exit(MISSING_PEER)


# ---- botocore signs the same requests (no network) ------------------------------------------------------------------

TEXTS = ["a", "B", "7", "-", ".", "_", "~", " ", "+", "%", "%2F", "/", "//", "&", "=", "?", "#", "$", "!", "'", "(", ")",
         "*", ",", ";", ":", "@", "[", "]", "\\", "^", "`", "{", "|", "}", "\"", "<", ">", "é", "ß", "日本", "😀", "..", "."]
SUB_RESOURCES = ["uploads", "lifecycle", "policy", "cors", "notification", "delete", "location", "versioning"]
HEADER_VALUES = ["image/jpeg", "*", "bytes=0-9", "  padded  ", "two  blanks", "tab\tinside", "a,b", "été", "1b2M2Y8AsgTpgAmY7PhCfg=="]
HEADER_NAMES = ["content-type", "Content-MD5", "If-None-Match", "Range", "x-amz-meta-Owner", "x-amz-meta-a-b", "X-Amz-Acl",
                "x-amz-copy-source", "Cache-Control", "content-length", "x-amz-meta-a", "x-amz-storage-class"]


def random_text(rng, most):
    return "".join(rng.choice(TEXTS) for _ in range(rng.randint(0, most)))


def random_case(rng):
    query = {}
    if rng.random() < 0.3:
        query[rng.choice(SUB_RESOURCES)] = ""
    for _ in range(rng.randint(0, 5)):
        query[rng.choice(["prefix", "partNumber", "uploadId", "marker", "a", "a-b", "a.b", "~", "é", "%", "A"])] = random_text(rng, 6)
    names = rng.sample(HEADER_NAMES, rng.randint(0, 6))
    return {
        "method": rng.choice(["GET", "PUT", "HEAD", "DELETE", "POST"]),
        "scheme": rng.choice(["http", "https"]),
        "host": rng.choice(["127.0.0.1:8084", "examplebucket.s3.amazonaws.com", "store.example:9000"]),
        "path": "/bucket/" + random_text(rng, 20),
        "query": query,
        "headers": {name: rng.choice(HEADER_VALUES) for name in names},
        "payload": rng.choice(["UNSIGNED-PAYLOAD", "%064x" % rng.getrandbits(256)]),
        "time": "20%02d%02d%02dT%02d%02d%02dZ" % (rng.randint(13, 39), rng.randint(1, 12), rng.randint(1, 28),
                                                  rng.randint(0, 23), rng.randint(0, 59), rng.randint(0, 59)),
        "seconds": rng.randint(1, 604800),
        "region": rng.choice(["us-east-1", "default", "eu-central-1"]),
        "service": "s3",
        "access_key": "AKIA%d" % rng.getrandbits(40),
        "secret_key": "%x/+%x" % (rng.getrandbits(80), rng.getrandbits(80)),
        "token": rng.choice(["", "", "token/%x+==" % rng.getrandbits(200)]),
    }


def encoded_target(case):
    target = urllib.parse.quote(case["path"], safe="/~")
    pairs = [urllib.parse.quote(name, safe="-_.~") + "=" + urllib.parse.quote(value, safe="-_.~")
             for name, value in case["query"].items()]
    return target + ("?" + "&".join(pairs) if pairs else "")


def botocore_request(case):
    # The sub-resources are given in the URL, so that botocore's own sorting is what is compared.
    request = botocore.awsrequest.AWSRequest(method=case["method"], url=f"{case['scheme']}://{case['host']}{encoded_target(case)}",
                                             headers=dict(case["headers"]))
    request.headers["host"] = case["host"]
    request.context["timestamp"] = case["time"]
    return request


def signed_by_botocore(case):
    credentials = botocore.credentials.Credentials(case["access_key"], case["secret_key"], case["token"] or None)
    auth = botocore.auth.S3SigV4Auth(credentials, case["service"], case["region"])
    request = botocore_request(case)
    request.headers["X-Amz-Date"] = case["time"]
    request.headers["X-Amz-Content-SHA256"] = case["payload"]
    if case["token"]:
        request.headers["X-Amz-Security-Token"] = case["token"]
    auth.payload = lambda _: case["payload"]
    canonical = auth.canonical_request(request)
    auth._inject_signature_to_request(request, auth.signature(auth.string_to_sign(request, canonical), request))

    query_auth = botocore.auth.S3SigV4QueryAuth(credentials, case["service"], case["region"], expires=case["seconds"])
    presigned = botocore_request(case)
    query_auth._modify_request_before_signing(presigned)
    query_canonical = query_auth.canonical_request(presigned)
    query_auth._inject_signature_to_request(
        presigned, query_auth.signature(query_auth.string_to_sign(presigned, query_canonical), presigned))
    return {"canonical": canonical, "authorization": request.headers["Authorization"], "url": presigned.url}


def print_sigv4_cases(seed, count):
    rng = random.Random(seed)
    for _ in range(count):
        case = random_case(rng)
        case.update(signed_by_botocore(case))
        # Lists, so that the order in which the judge saw them is kept.
        case["query"] = [list(pair) for pair in case["query"].items()]
        case["headers"] = [list(pair) for pair in case["headers"].items()]
        print(json.dumps(case))


# ---- other clients use what we made (against the real store) --------------------------------------------------------

def facts():
    return json.loads(os.environ["PEER_FACTS"])


def expect(condition, what):
    if not condition:
        print(f"{os.path.basename(sys.argv[0])}: {what}", file=sys.stderr)
        sys.exit(1)


def s3_client(given, service="s3"):
    config = botocore.client.Config(signature_version="s3v4" if service == "s3" else None, retries={"max_attempts": 0},
                                    connect_timeout=5, read_timeout=20, s3={"addressing_style": "path"})
    return boto3.client(service, endpoint_url=given["endpoint"], region_name="default", config=config,
                        aws_access_key_id=given["access_key"], aws_secret_access_key=given["secret_key"])


def aws_environment(given):
    """What aws-cli takes from its environment (never secrets in arguments)."""
    return {"AWS_ACCESS_KEY_ID": given["access_key"], "AWS_SECRET_ACCESS_KEY": given["secret_key"],
            "AWS_DEFAULT_REGION": "default", "AWS_MAX_ATTEMPTS": "1", "AWS_EC2_METADATA_DISABLED": "true"}


def base64_md5(data):
    return base64.b64encode(hashlib.md5(data).digest()).decode()


def send(method, url, headers, body=None):
    """The status (and body) that urllib gets; it adds nothing that is signed."""
    request = urllib.request.Request(url, data=body, method=method, headers=headers)
    try:
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(request, timeout=20) as answer:
            return answer.status, answer.read(), dict(answer.headers)
    except urllib.error.HTTPError as error:
        return error.code, error.read(), dict(error.headers)


def check_presigned_put():
    """Exactly the answered headers are accepted, everything else is refused, and nothing is written twice."""
    given = facts()
    headers = given["headers"]
    length = int(headers["content-length"])
    body = b"x" * length
    variants = {
        "a longer body": ({**headers, "content-length": str(length + 1)}, body + b"x", 403),
        "a shorter body": ({**headers, "content-length": str(length - 1)}, body[1:], 403),
        "another type": ({**headers, "content-type": "text/html"}, body, 403),
        "no type": ({k: v for k, v in headers.items() if k != "content-type"}, body, 403),
        "no condition": ({k: v for k, v in headers.items() if k != "if-none-match"}, body, 403),
        "the answered headers": (headers, body, 200),
        "the same again": (headers, body, 412),
    }
    for what, (sent, data, wanted) in variants.items():
        status, answer, _ = send("PUT", given["url"], sent, data)
        expect(status == wanted, f"presigned PUT with {what}: {status} instead of {wanted}: {answer[:300]}")
    tampered = given["url"].replace("X-Amz-Expires=", "X-Amz-Expires=1")
    status, _, _ = send("PUT", tampered, headers, body)
    expect(status == 403, f"a URL with another life: {status}")


def check_presigned_with_curl():
    given = facts()
    arguments = ["curl", "--silent", "--noproxy", "*", "--max-time", "20", "--output", os.devnull, "--write-out",
                 "%{http_code}", "--data-binary", "x" * int(given["headers"]["content-length"]), "--request", "PUT", given["url"]]
    for name, value in given["headers"].items():
        arguments += ["--header", f"{name}: {value}"]
    try:
        status = subprocess.run(arguments, capture_output=True, timeout=30, check=True, text=True).stdout
    except FileNotFoundError:
        sys.exit(MISSING_PEER)
    expect(status == "200", f"presigned PUT by curl: {status}")


def check_presigned_expired():
    given = facts()
    status, answer, _ = send("GET", given["url"], {})
    expect(status == 403, f"an expired URL: {status} {answer[:200]}")


def check_presigned_get():
    given = facts()
    status, body, headers = send("GET", given["url"], given["headers"])
    expect(status == 200, f"presigned GET: {status} {body[:300]}")
    expect(body.decode() == given["content"], "presigned GET: another content")
    if "disposition" in given:
        expect(headers.get("Content-Disposition") == given["disposition"], f"disposition {headers}")


def form_body(fields, content, file_type):
    boundary = "safelight-peer-boundary"
    parts = [f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode() for name, value in fields]
    parts.append((f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="a b.jpg"\r\n'
                  f"Content-Type: {file_type}\r\n\r\n").encode() + content + b"\r\n")
    parts.append(f"--{boundary}--\r\n".encode())
    return b"".join(parts), {"Content-Type": f"multipart/form-data; boundary={boundary}"}


def check_form():
    """The form as answered works (status 201 as asked); other keys, types and sizes do not."""
    given = facts()
    fields = [tuple(pair) for pair in given["fields"]]
    changed = lambda name, value: [(n, value if n.lower() == name else v) for n, v in fields]
    cases = [("too much", fields, b"x" * (given["most"] + 1), 400),
             ("too little", fields, b"x" * (given["least"] - 1), 400),
             ("another key", changed("key", "elsewhere"), b"x" * given["least"], 403),
             ("another type", changed("content-type", "text/html"), b"x" * given["least"], 403),
             ("another metadata value", changed("x-amz-meta-owner", "someone"), b"x" * given["least"], 403),
             ("the answered fields", fields, b"x" * given["least"], 201)]
    for what, sent, content, wanted in cases:
        body, headers = form_body(sent, content, "image/jpeg")
        status, answer, _ = send("POST", given["url"], headers, body)
        expect(status == wanted, f"form with {what}: {status} instead of {wanted}: {answer[:300]}")


def check_object():
    """boto3 and aws-cli read an object of ours as it was meant; we get one of theirs."""
    given = facts()
    client = s3_client(given)
    answer = client.get_object(Bucket=given["bucket"], Key=given["key"])
    expect(answer["Body"].read().decode() == given["content"], "boto3 reads another content")
    expect(answer["ContentType"] == given["content_type"], f"boto3 sees type {answer['ContentType']}")
    expect(answer["CacheControl"] == given["cache_control"], "boto3 sees another Cache-Control")
    expect(answer["Metadata"] == given["metadata"], f"boto3 sees metadata {answer['Metadata']}")
    expect(answer["ETag"] == f'"{given["etag"]}"', "boto3 sees another ETag")
    listed = [entry["Key"] for entry in client.list_objects_v2(Bucket=given["bucket"])["Contents"]]
    expect(given["key"] in listed, f"boto3 lists {listed}")
    client.put_object(Bucket=given["bucket"], Key=given["their_key"], Body=given["content"].encode(), ContentType="image/png",
                      Metadata={"from": "boto3"})
    client.put_object(Bucket=given["bucket"], Key="theirs/\x01\n&.png", Body=b"")

    environment = {**os.environ, **aws_environment(given)}
    if not os.path.exists("/usr/bin/aws"):
        print("SKIPPED: /usr/bin/aws is not installed", file=sys.stderr)
        sys.exit(MISSING_PEER)
    result = subprocess.run(["/usr/bin/python3", "/usr/bin/aws", "--endpoint-url", given["endpoint"], "s3api", "head-object",
                             "--bucket", given["bucket"], "--key", given["key"]],
                            capture_output=True, timeout=60, check=False, text=True, env=environment)
    expect(result.returncode == 0, f"aws-cli: {result.stderr}")
    head = json.loads(result.stdout)
    expect(head["ContentLength"] == len(given["content"].encode()) and head["ContentType"] == given["content_type"]
           and head["Metadata"] == given["metadata"], f"aws-cli sees {head}")


def delete_odd_key():
    given = facts()
    s3_client(given).delete_object(Bucket=given["bucket"], Key="theirs/\x01\n&.png")


def check_configuration():
    """What `store init` writes is what boto3 reads back."""
    given = facts()
    client = s3_client(given)
    rule = client.get_bucket_cors(Bucket=given["bucket"])["CORSRules"][0]
    expect(sorted(rule["AllowedOrigins"]) == sorted(given["origins"]), f"CORS {rule}")
    expect(sorted(rule["AllowedMethods"]) == ["POST", "PUT"], f"CORS {rule}")
    expect("ETag" in rule["ExposeHeaders"] and rule["MaxAgeSeconds"] == 3600, f"CORS {rule}")
    status, _, headers = send("OPTIONS", f"{given['endpoint']}/{given['bucket']}/k",
                              {"Origin": given["origins"][0], "Access-Control-Request-Method": "PUT",
                               "Access-Control-Request-Headers": "content-type,if-none-match"})
    expect(status == 200 and headers.get("Access-Control-Allow-Origin") == given["origins"][0], f"preflight {status} {headers}")
    status, _, _ = send("OPTIONS", f"{given['endpoint']}/{given['bucket']}/k",
                        {"Origin": "https://evil.example", "Access-Control-Request-Method": "PUT"})
    expect(status == 403, f"preflight of a stranger: {status}")
    lifecycle = client.get_bucket_lifecycle_configuration(Bucket=given["bucket"])["Rules"]
    expect(lifecycle[0]["AbortIncompleteMultipartUpload"]["DaysAfterInitiation"] == 1 and lifecycle[0]["Status"] == "Enabled",
           f"lifecycle {lifecycle}")
    policy = json.loads(client.get_bucket_policy(Bucket=given["bucket"])["Policy"])
    expect(policy == json.loads(given["policy"]), f"policy {policy}")


def check_cors_removed():
    given = facts()
    try:
        s3_client(given).get_bucket_cors(Bucket=given["bucket"])
    except botocore.exceptions.ClientError:
        return
    expect(False, "the CORS rules are still there")


def check_event():
    """An object that is put comes as an event to the topic's endpoint, with the opaque data."""
    import http.server
    import threading
    given = facts()
    events = []
    arrived = threading.Event()

    class Listener(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            events.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()
            arrived.set()

        def log_message(self, *_):
            pass

    server = http.server.HTTPServer(("127.0.0.1", given["port"]), Listener)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    s3_client(given).put_object(Bucket=given["bucket"], Key="event/a b.jpg", Body=b"12345")
    expect(arrived.wait(20), "no event came within 20 s")
    server.shutdown()
    s3_client(given, "sns").delete_topic(TopicArn=given["topic"])
    record = events[0]["Records"][0]
    expect(record["s3"]["object"]["key"] == "event/a b.jpg" and record["s3"]["object"]["size"] == 5, f"event {record}")
    expect(record["opaqueData"] == given["opaque"] and record["eventName"].endswith("ObjectCreated:Put"), f"event {record}")


CHECKS = {"presigned-put": check_presigned_put, "presigned-curl": check_presigned_with_curl,
          "presigned-get": check_presigned_get, "presigned-expired": check_presigned_expired, "form": check_form,
          "object": check_object, "configuration": check_configuration, "cors-removed": check_cors_removed,
          "event": check_event,
          "delete-odd-key": delete_odd_key}


def main():
    if len(sys.argv) == 4 and sys.argv[1] == "sigv4-cases":
        print_sigv4_cases(int(sys.argv[2]), int(sys.argv[3]))
        return 0
    if len(sys.argv) == 2 and sys.argv[1] in CHECKS:
        CHECKS[sys.argv[1]]()
        return 0
    print(__doc__, file=sys.stderr)
    return 64


if __name__ == "__main__":
    sys.exit(main())
