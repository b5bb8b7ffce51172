#!/usr/bin/python3
"""Sends one file of 5 GiB in parts, for real: begins it by the API, puts every part to its presigned URL (four at once),
completes it, and waits until the declared SHA-256 has been verified. Prints how long each step took.

`long.py` with EDGE (http://127.0.0.1:8080) and SIZE (5 GiB) from the environment; tests/bench/long.sh gives it a stack.
"""
import concurrent.futures
import hashlib
import json
import os
import sys
import time
import urllib.error
import urllib.request

EDGE = os.environ.get("EDGE", "http://127.0.0.1:8080")
SIZE = int(os.environ.get("SIZE", 5 * 1024 ** 3))
THREADS = 4
WINDOW = 100  # part URLs asked for at once: as many as the API gives
READY_SECONDS = 180
TRIES = 5
NOISE = os.urandom(16 * 1024 * 1024)


def call(method, url, value=None, token=None, headers=None, body=None):
    data = json.dumps(value).encode() if value is not None else body
    sent = {**({"Content-Type": "application/json"} if value is not None else {}),
            **({"Authorization": f"Bearer {token}"} if token else {}), **(headers or {})}
    request = urllib.request.Request(url, data=data, method=method, headers=sent)
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=60) as answer:
        return answer.headers, answer.read()


def api(method, path, value=None, token=None):
    """Asked again where it is told to be asked again (503 with Retry-After), as every client should."""
    for _ in range(TRIES):
        try:
            return json.loads(call(method, EDGE + path, value, token)[1])
        except urllib.error.HTTPError as error:
            detail = error.read().decode()
            print(f"{method} {path}: {error.code} {detail}", file=sys.stderr)
            if error.code != 503:
                sys.exit(1)
            time.sleep(float(error.headers.get("Retry-After", 1)))
    sys.exit("long.py: no answer")


def part_of(number, length):
    """No two parts are equal, so that one in the wrong place shows."""
    whole = number.to_bytes(8, "big") + NOISE * (length // len(NOISE) + 1)
    return whole[:length]


def put(url, part_size):
    number = url["number"]
    length = min(part_size, SIZE - (number - 1) * part_size)
    headers = {name: value for name, value in url["headers"].items() if name != "content-length"}
    fields, _ = call("PUT", url["url"], headers={"Content-Type": "", **headers}, body=part_of(number, length))
    return {"number": number, "etag": fields["ETag"]}


def send_parts(path, multipart, token):
    parts = []
    numbers = list(range(1, multipart["parts"] + 1))
    with concurrent.futures.ThreadPoolExecutor(THREADS) as pool:
        for at in range(0, len(numbers), WINDOW):
            urls = api("POST", path + "/parts", {"numbers": numbers[at:at + WINDOW]}, token)["urls"]
            parts += pool.map(lambda url: put(url, multipart["part_size"]), urls)
    return parts


def digest_of(part_size):
    digest = hashlib.sha256()
    for number in range(1, -(-SIZE // part_size) + 1):
        digest.update(part_of(number, min(part_size, SIZE - (number - 1) * part_size)))
    return digest.hexdigest()


def main():
    account = {"email": f"long-{os.getpid()}@example.org", "password": "a long bench password"}
    token = api("POST", "/v1/auth/signup", account)["access_token"]
    part_size = int(os.environ["PART_BYTES"])
    upload = api("POST", "/v1/uploads", {"filename": "film.bin", "content_type": "application/octet-stream", "size": SIZE,
                                         "sha256": digest_of(part_size)}, token)
    path, multipart = f"/v1/uploads/{upload['upload_id']}", upload["multipart"]
    if multipart["part_size"] != part_size:
        sys.exit(f"long.py: parts of {multipart['part_size']} bytes, not {part_size}")
    began = time.monotonic()
    parts = send_parts(path, multipart, token)
    sent = time.monotonic()
    api("POST", path + "/complete", {"parts": parts}, token)
    completed = time.monotonic()
    while True:
        media = api("GET", f"/v1/media/{upload['media_id']}", token=token)
        if media["state"] not in ("uploaded", "processing"):
            break
        if time.monotonic() - completed > READY_SECONDS:
            sys.exit("long.py: it does not become ready")
        time.sleep(0.2)
    if media["state"] != "ready" or media["size"] != SIZE:
        sys.exit(f"long.py: {media['state']} {media.get('reason')}")
    print(f"{SIZE} bytes in {len(parts)} parts: sent in {sent - began:.1f} s, completed in {completed - sent:.1f} s, "
          f"its SHA-256 verified {time.monotonic() - completed:.1f} s later")


if __name__ == "__main__":
    main()
