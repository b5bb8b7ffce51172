#!/usr/bin/python3
"""Clients that are not ours upload through our API as a stranger would, by what it answers alone.

`upload_peers.py <client> single|multipart` for the clients urllib, curl, requests and boto3 (its own HTTP client); the
stored bytes are then read back by aws-cli, rclone and boto3 as `upload_peers.py <client> read`. aws-cli and rclone
cannot PUT to a presigned URL: they sign for themselves. So as `upload_peers.py aws|rclone keyed` they put an upload that
was begun by the API with the key that signs upload URLs, which may do that and nothing else; and as readers they make
presigned URLs (`aws s3 presign`, `rclone link`) and fetch ours (`rclone copyurl`). Facts come in PEER_FACTS, as JSON:
edge, token, part_bytes; for `keyed` endpoint, bucket, access_key, secret_key; for readers besides key, sha256, size,
content_type, original_url. Exit status 0: all is as it must be; 77: the client is missing.
"""
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import urllib.parse

sys.dont_write_bytecode = True
import store_peers  # noqa: E402 (beside this file)
from store_peers import MISSING_PEER, expect, facts  # noqa: E402

CONTENT_TYPE = "text/plain"


# ---- the clients: (method, url, headers, body) -> (status, headers by lower-case name, body) ------------------------

def urllib_client(method, url, headers, body):
    status, answer, fields = store_peers.send(method, url, headers, body)
    return status, {name.lower(): value for name, value in fields.items()}, answer


def requests_client(method, url, headers, body):
    try:
        import requests
    except ImportError:
        sys.exit(MISSING_PEER)
    session = requests.Session()
    session.trust_env = False
    answer = session.request(method, url, headers=headers, data=body, timeout=30)
    return answer.status_code, {name.lower(): value for name, value in answer.headers.items()}, answer.content


def boto3_client(method, url, headers, body):
    import botocore.awsrequest
    import botocore.httpsession
    request = botocore.awsrequest.AWSRequest(method=method, url=url, headers=headers, data=body).prepare()
    answer = botocore.httpsession.URLLib3Session().send(request)
    return answer.status_code, {name.lower(): value for name, value in answer.headers.items()}, answer.content


def curl_client(method, url, headers, body):
    """Headers (the token is among them) go in by standard input, the body by a file."""
    lines = [f'header = "{name}: {value}"' for name, value in headers.items()] + [f'url = "{url}"']
    with tempfile.TemporaryDirectory() as folder:
        arguments = ["curl", "--silent", "--noproxy", "*", "--max-time", "30", "--request", method, "--config", "-",
                     "--dump-header", f"{folder}/head", "--output", f"{folder}/answer"]
        if body is not None:
            with open(f"{folder}/body", "wb") as file:
                file.write(body)
            arguments += ["--data-binary", f"@{folder}/body"]
        try:
            done = subprocess.run(arguments, input="\n".join(lines), text=True, timeout=60, check=False)
        except FileNotFoundError:
            sys.exit(MISSING_PEER)
        expect(done.returncode == 0, f"curl ended with {done.returncode}")
        with open(f"{folder}/head", encoding="latin-1") as file:
            last = file.read().strip().replace("\r", "").split("\n\n")[-1].split("\n")
        answer = b""
        if os.path.exists(f"{folder}/answer"):
            with open(f"{folder}/answer", "rb") as file:
                answer = file.read()
    fields = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in last[1:])}
    return int(last[0].split(" ")[1]), fields, answer


CLIENTS = {"urllib": urllib_client, "requests": requests_client, "boto3": boto3_client, "curl": curl_client}


# ---- our API -----------------------------------------------------------------------------------------------------------

def call(client, method, path, wanted, value=None):
    given = facts()
    headers = {"Authorization": f"Bearer {given['token']}"}
    body = None
    if value is not None:
        headers["Content-Type"] = "application/json"
        body = json.dumps(value).encode()
    status, _, answer = client(method, given["edge"] + path, headers, body)
    expect(status == wanted, f"{method} {path}: {status}, not {wanted}: {answer[:300]}")
    return json.loads(answer)


def put(client, request, body, changes=None):
    """PUT as our answer says, but for changes (None for a value: without that header). Clients say the length."""
    headers = {**request["headers"], **(changes or {})}
    sent = {name: value for name, value in headers.items() if name != "content-length" and value is not None}
    status, fields, _ = client(request["method"] if "method" in request else "PUT", request["url"], sent, body)
    return status, fields.get("etag", "")


def expect_put(client, what, wanted, request, body, changes=None):
    status, etag = put(client, request, body, changes)
    expect(status == wanted, f"PUT with {what}: {status}, not {wanted}")
    return etag


def content(length):
    return hashlib.shake_128(b"what the peers upload").digest(length)


def report(upload, body):
    print(json.dumps({"media_id": upload["media_id"], "upload_id": upload["upload_id"], "size": len(body),
                      "sha256": hashlib.sha256(body).hexdigest()}))


# ---- uploads -----------------------------------------------------------------------------------------------------------

def upload_single(client):
    body = content(100_003)
    digest = store_peers.base64_md5(body)
    upload = call(client, "POST", "/v1/uploads", 201, {"filename": "peer.txt", "content_type": CONTENT_TYPE, "size": len(body),
                                                       "content_md5": digest})
    expect(upload["headers"]["content-length"] == str(len(body)), f"headers {upload['headers']}")
    other = bytes([body[0] ^ 1]) + body[1:]
    expect_put(client, "a longer body", 403, upload, body + b"x")
    expect_put(client, "a shorter body", 403, upload, body[1:])
    expect_put(client, "another type", 403, upload, body, {"content-type": "text/html"})
    expect_put(client, "another MD5", 403, upload, other, {"content-md5": store_peers.base64_md5(other)})
    expect_put(client, "no MD5", 403, upload, body, {"content-md5": None})
    expect_put(client, "no condition", 403, upload, body, {"if-none-match": None})
    expect_put(client, "bytes that have another MD5", 400, upload, other)
    call(client, "POST", f"/v1/uploads/{upload['upload_id']}/complete", 409, {})
    expect_put(client, "all as we said", 200, upload, body)
    expect_put(client, "the same again", 412, upload, body)
    for _ in range(2):
        done = call(client, "POST", f"/v1/uploads/{upload['upload_id']}/complete", 202, {})
        expect(done["media"]["id"] == upload["media_id"], f"completed {done}")
    report(upload, body)


def upload_multipart(client):
    part_bytes = facts()["part_bytes"]
    body = content(2 * part_bytes + 4321)
    upload = call(client, "POST", "/v1/uploads", 201, {"filename": "peer.txt", "content_type": CONTENT_TYPE, "size": len(body),
                                                       "multipart": True})
    path = f"/v1/uploads/{upload['upload_id']}"
    multipart = upload["multipart"]
    expect(multipart["part_size"] == part_bytes and multipart["parts"] == 3, f"multipart {multipart}")
    parts = [body[i:i + part_bytes] for i in range(0, len(body), part_bytes)]
    by_number = {url["number"]: url for url in multipart["urls"]}
    expect_put(client, "a part that is too short", 403, by_number[3], parts[2][1:])
    expect_put(client, "a part that is too long", 403, by_number[3], parts[2] + b"x")
    expect_put(client, "a part under another number", 403,
               {**by_number[1], "url": by_number[1]["url"].replace("partNumber=1", "partNumber=2")}, parts[0])
    etags = {number: expect_put(client, f"part {number}", 200, by_number[number], parts[number - 1]) for number in (3, 1)}
    call(client, "POST", path + "/complete", 409, {})
    # As one that was restarted: what is stored, and where the rest goes.
    now = call(client, "GET", path, 200)["multipart"]
    expect([part["number"] for part in now["stored"]] == [1, 3], f"stored {now['stored']}")
    fresh = call(client, "POST", path + "/parts", 200, {"numbers": [2]})["urls"]
    etags[2] = expect_put(client, "part 2 by a fresh URL", 200, fresh[0], parts[1])
    expect(all(etags.values()), f"parts without an ETag: {etags}")
    listed = [{"number": number, "etag": etags[number]} for number in sorted(etags)]
    spoilt = [{**part, "etag": '"0123456789abcdef0123456789abcdef"'} for part in listed]
    call(client, "POST", path + "/complete", 409, {"parts": spoilt})
    for _ in range(2):
        call(client, "POST", path + "/complete", 202, {"parts": listed})
    report(upload, body)


# ---- readers of what was stored ----------------------------------------------------------------------------------------

def judge(what, body):
    given = facts()
    expect(len(body) == given["size"] and hashlib.sha256(body).hexdigest() == given["sha256"],
           f"{what} reads {len(body)} bytes that were not uploaded")


def run(arguments, environment, fails_with=None):
    """What it prints; or, with fails_with (of which one text stands in what it says), that it fails. Nothing of the
    caller's environment (proxies, bundles of certificates, profiles) is let in."""
    clean = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", **environment}
    try:
        done = subprocess.run(arguments, capture_output=True, timeout=60, check=False, env=clean)
    except FileNotFoundError:
        sys.exit(MISSING_PEER)
    said = done.stderr.decode()
    if fails_with is None:
        expect(done.returncode == 0, f"{arguments}: {said[:500]}")
    else:
        expect(done.returncode != 0 and any(text in said for text in fails_with.split("|")),
               f"{arguments} was to be refused: {done.returncode} {said[:500]}")
    return done.stdout


def read_by_boto3():
    given = facts()
    answer = store_peers.s3_client(given).get_object(Bucket=given["bucket"], Key=given["key"])
    judge("boto3", answer["Body"].read())
    expect(answer["ContentType"] == given["content_type"], f"boto3 sees type {answer['ContentType']}")


def run_aws(*arguments, fails_with=None):
    if not os.path.exists("/usr/bin/aws"):
        sys.exit(MISSING_PEER)
    given = facts()
    return run(["/usr/bin/python3", "/usr/bin/aws", "--endpoint-url", given["endpoint"], *arguments],
               store_peers.aws_environment(given), fails_with)


def run_rclone(*arguments, fails_with=None):
    given = facts()
    environment = {"RCLONE_CONFIG": "/dev/null", "RCLONE_CONFIG_STORE_TYPE": "s3", "RCLONE_CONFIG_STORE_PROVIDER": "Ceph",
                   "RCLONE_CONFIG_STORE_ENDPOINT": given["endpoint"], "RCLONE_CONFIG_STORE_REGION": "default",
                   "RCLONE_CONFIG_STORE_ACCESS_KEY_ID": given["access_key"],
                   "RCLONE_CONFIG_STORE_SECRET_ACCESS_KEY": given["secret_key"], "RCLONE_LOW_LEVEL_RETRIES": "1",
                   "RCLONE_RETRIES": "1"}
    return run(["rclone", *arguments], environment, fails_with)


def judge_presigned(what, url):
    status, body, _ = store_peers.send("GET", url, {})
    expect(status == 200, f"a URL by {what}: {status}")
    judge(f"a URL by {what}", body)
    status, _, _ = store_peers.send("GET", url.split("?")[0], {})
    expect(status == 403, f"the same without its signature: {status}")


def read_by_aws():
    given = facts()
    path = f"s3://{given['bucket']}/{given['key']}"
    judge("aws-cli", run_aws("s3", "cp", path, "-"))
    judge_presigned("aws-cli", run_aws("s3", "presign", path, "--expires-in", "60").decode().strip())


def read_by_rclone():
    given = facts()
    path = f"store:{given['bucket']}/{given['key']}"
    judge("rclone", run_rclone("cat", path))
    judge_presigned("rclone", run_rclone("link", path, "--expire", "60s").decode().strip())
    with tempfile.TemporaryDirectory() as folder:
        run_rclone("copyurl", given["original_url"], f"{folder}/original")
        with open(f"{folder}/original", "rb") as file:
            judge("rclone copyurl", file.read())


# ---- clients that sign for themselves ----------------------------------------------------------------------------------

def expect_unreadable(url):
    status, _, _ = store_peers.send("GET", url, {})
    expect(status == 403, f"a URL for reading, signed with the key that may put: {status}")


# The last one: Debian's aws-cli stumbles over a 403 of Ceph's, which has no message.
AWS_REFUSED = "(AccessDenied)|(403)|argument of type 'NoneType' is not iterable"


def put_by_aws(bucket, key, file):
    what, path = ["--bucket", bucket, "--key", key], f"s3://{bucket}/{key}"
    run_aws("s3api", "put-object", *what, "--body", file, "--content-type", CONTENT_TYPE)
    for denied in (["head-object", *what], ["delete-object", *what], ["list-objects-v2", "--bucket", bucket]):
        run_aws("s3api", *denied, fails_with=AWS_REFUSED)
    run_aws("s3", "cp", path, "-", fails_with=AWS_REFUSED)
    expect_unreadable(run_aws("s3", "presign", path, "--expires-in", "60").decode().strip())


def put_by_rclone(bucket, key, file):
    # Without looking first, or afterwards: it may not.
    blind = ["--no-check-dest", "--s3-no-check-bucket", "--s3-no-head", "--header-upload", f"Content-Type: {CONTENT_TYPE}"]
    run_rclone("lsf", f"store:{bucket}", fails_with="AccessDenied|403")
    run_rclone("copyto", *blind, file, f"store:{bucket}/{key}")
    run_rclone("cat", f"store:{bucket}/{key}", fails_with="AccessDenied|403|not found|doesn't exist")
    run_rclone("deletefile", f"store:{bucket}/{key}", fails_with="AccessDenied|403|not found|doesn't exist")


def upload_keyed(put_file):
    given = facts()
    body = content(200_003)
    upload = call(urllib_client, "POST", "/v1/uploads", 201, {"filename": "peer.txt", "content_type": CONTENT_TYPE, "size": len(body)})
    bucket, _, key = urllib.parse.unquote(urllib.parse.urlsplit(upload["url"]).path).lstrip("/").partition("/")
    expect(bucket == given["bucket"], f"the URL leads to {bucket}")
    with tempfile.TemporaryDirectory() as folder:
        with open(f"{folder}/body", "wb") as file:
            file.write(body)
        put_file(bucket, key, f"{folder}/body")
    call(urllib_client, "POST", f"/v1/uploads/{upload['upload_id']}/complete", 202, {})
    report(upload, body)


KEYED = {"aws": put_by_aws, "rclone": put_by_rclone}
READERS = {"boto3": read_by_boto3, "aws": read_by_aws, "rclone": read_by_rclone}
UPLOADS = {"single": upload_single, "multipart": upload_multipart}


def main():
    name, what = sys.argv[1:3] if len(sys.argv) == 3 else ("", "")
    if what == "read" and name in READERS:
        READERS[name]()
    elif what == "keyed" and name in KEYED:
        upload_keyed(KEYED[name])
    elif what in UPLOADS and name in CLIENTS:
        UPLOADS[what](CLIENTS[name])
    else:
        print(__doc__, file=sys.stderr)
        return 64
    return 0


if __name__ == "__main__":
    sys.exit(main())
