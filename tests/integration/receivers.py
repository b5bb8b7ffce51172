#!/usr/bin/python3
"""Receivers of webhooks, push messages and invalidations, as tests need them: good ones, slow ones, and worse.

`receivers.py PORT` listens at 127.0.0.1 until its standard input ends. What was received stands at GET /log; GET
/verified?secret=whsec_… counts the posts whose signature (Standard Webhooks 1.0.0, computed here anew) holds.
"""
import base64
import hashlib
import hmac
import json
import sys
import threading
import time
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

lock = threading.Lock()
posts = []


def is_signed(post, secret):
    key = base64.b64decode(secret.removeprefix("whsec_"))
    headers = post["headers"]
    signed = f'{headers.get("webhook-id")}.{headers.get("webhook-timestamp")}.{post["body"]}'
    right = "v1," + base64.b64encode(hmac.new(key, signed.encode(), hashlib.sha256).digest()).decode()
    is_fresh = abs(time.time() - int(headers.get("webhook-timestamp", "0"))) < 300
    return is_fresh and right in headers.get("webhook-signature", "").split(" ")


class Receiver(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *arguments):
        pass

    def answer(self, status, body=b"", **headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        url = urllib.parse.urlsplit(self.path)
        with lock:
            seen = list(posts)
        if url.path == "/verified":
            query = urllib.parse.parse_qs(url.query)
            at = query.get("path", [""])[0]
            count = sum(post["path"] == at and is_signed(post, query["secret"][0]) for post in seen)
            self.answer(200, str(count).encode())
        else:
            self.answer(200, json.dumps(seen).encode(), Content_Type="application/json")

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", "0"))).decode()
        headers = {name.lower(): value for name, value in self.headers.items()}
        with lock:
            posts.append({"path": self.path, "headers": headers, "body": body, "at": time.time()})
            earlier = sum(post["path"] == self.path for post in posts) - 1
        kind = self.path.strip("/").split("/")[0]
        if kind == "good":
            self.answer(204)
        elif kind == "slow":
            time.sleep(60)
        elif kind == "gone":
            self.answer(410)
        elif kind == "redirect":
            self.answer(302, Location="/good/redirected")
        elif kind == "throttle":
            self.answer(204) if earlier else self.answer(429, Retry_After="2")
        elif kind == "once":
            self.answer(204) if earlier else self.answer(500)
        elif kind == "big":
            self.answer(200, b"x" * 200000)
        elif kind == "token":
            self.answer(200, b'{"access_token":"of the stand-in","expires_in":3600}', Content_Type="application/json")
        elif kind == "2020-05-31":  # CloudFront
            self.answer(201, b"<Invalidation><Id>I1</Id><Status>InProgress</Status></Invalidation>")
        elif kind == "v1" and "UNREGISTERED" in body:
            self.answer(404, b'{"error":{"status":"NOT_FOUND","details":[{"errorCode":"UNREGISTERED"}]}}')
        elif kind == "v1":
            self.answer(200, b'{"name":"projects/test/messages/1"}')
        elif kind == "push" and "invalid" in body:
            self.answer(410)
        else:
            self.answer(204 if kind == "push" else 500)


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        pass  # senders hang up when they like


server = Server(("127.0.0.1", int(sys.argv[1])), Receiver)
threading.Thread(target=server.serve_forever, daemon=True).start()
sys.stdin.read()
