#!/usr/bin/python3
"""Independent judges of lib/store: botocore signs the same requests, and boto3, aws-cli, curl and urllib use what we made.

Run by test_sigv4 (`store_peers.py sigv4-cases SEED COUNT`) and by test_store (`store_peers.py <check>`), which passes
its facts in environment variables (never secrets in arguments). Exit status 0: the check holds; 77: a peer is missing.
"""
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


def main():
    if len(sys.argv) == 4 and sys.argv[1] == "sigv4-cases":
        print_sigv4_cases(int(sys.argv[2]), int(sys.argv[3]))
        return 0
    print(__doc__, file=sys.stderr)
    return 64


if __name__ == "__main__":
    sys.exit(main())
