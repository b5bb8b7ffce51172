#!/usr/bin/env python3
"""Writes delivery.json: an implementation of delivery URLs that shares no code with ours, for all verifiers to agree with.

Usage: tests/vectors/delivery.py > tests/vectors/delivery.json
"""
import base64
import hashlib
import hmac
import json

KEYS = {
    "k2": "202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f",
    "2026-a_B": "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
}
REMOVED = ("old", "ff" * 32)
MEDIA = "0193a5e0-7c1b-7abc-8def-0123456789ab"
NOW = 1796000000
vectors = []


def signature(path, expiry, key_id, secret, formats):
    text = f"safelight-delivery-v1\n{path}\n{expiry}\n{key_id}\n{formats}"
    mac = hmac.new(bytes.fromhex(secret), text.encode(), hashlib.sha256).digest()
    return base64.urlsafe_b64encode(mac).rstrip(b"=").decode()


def query(path, expiry, key_id="k2", formats="", secret=None):
    text = f"e={expiry}&k={key_id}&s={signature(path, expiry, key_id, secret or KEYS[key_id], formats)}"
    return text + (f"&f={formats}" if formats else "")


def add(name, path, query_text, verdict, now=NOW, grant=None):
    vectors.append({"name": name, "now": now, "path": path, "query": query_text, "verdict": verdict} |
                   ({"grant": grant} if grant else {}))


def add_good(name, variant, fmt, expiry, generation=1, key_id="k2", formats="", now=NOW):
    extension = {"jpeg": ".jpg", "webp": ".webp", "avif": ".avif", "": ""}[fmt]
    path = f"/m/{MEDIA}/{generation}/{variant}{extension}"
    add(name, path, query(path, expiry, key_id, formats), "ok", now,
        {"media_id": MEDIA, "generation": generation, "variant": variant, "format": fmt or "none",
         "formats": formats, "expiry": expiry, "key": key_id})


add_good("jpeg", "w640", "jpeg", NOW + 3600)
add_good("webp", "square", "webp", NOW + 3600)
add_good("avif", "w2048", "avif", NOW + 3600)
add_good("for ever", "w640", "jpeg", 0)
add_good("in its last second", "w640", "jpeg", NOW)
add_good("second key", "w640", "jpeg", NOW + 3600, key_id="2026-a_B")
add_good("largest generation", "w640", "jpeg", NOW + 3600, generation=999999999)
add_good("largest expiry", "w640", "jpeg", 99999999999)
add_good("longest variant name", "a" * 32, "jpeg", NOW + 3600)
add_good("variant with - and _", "a-b_c", "jpeg", NOW + 3600)
for formats in ("jpeg", "webp,jpeg", "avif,jpeg", "avif,webp,jpeg"):
    add_good(f"negotiated among {formats}", "w640", "", NOW + 3600, formats=formats)

path = f"/m/{MEDIA}/1/w640.jpg"
bare = f"/m/{MEDIA}/1/w640"
good = query(path, NOW + 3600)
good_f = query(bare, NOW + 3600, formats="webp,jpeg")
e, k, s = good.split("&")
s_value = s[2:]

add("expired by one second", path, query(path, NOW - 1), "expired")
add("expired long ago", path, query(path, 1), "expired")
add("expired and forged: the signature is looked at first", path, f"e=1&{k}&{s}", "bad_signature")
add("key removed", path, query(path, NOW + 3600, *[REMOVED[0]], secret=REMOVED[1]), "unknown_key")
add("key id in another case", path, good.replace("k=k2", "k=K2"), "unknown_key")

flip = "A" if s_value[0] != "A" else "B"
add("signature changed", path, f"{e}&{k}&s={flip}{s_value[1:]}", "bad_signature")
add("expiry changed", path, f"e={NOW + 3601}&{k}&{s}", "bad_signature")
add("expiry changed to for ever", path, f"e=0&{k}&{s}", "bad_signature")
add("another of our keys named", path, good.replace("k=k2", "k=2026-a_B"), "bad_signature")
add("another variant", path.replace("w640", "w2048"), good, "bad_signature")
add("another format", path.replace(".jpg", ".webp"), good, "bad_signature")
add("another generation", path.replace("/1/", "/2/"), good, "bad_signature")
add("another media", path.replace("ab/1", "ac/1"), good, "bad_signature")
add("formats widened", bare, good_f.replace("f=webp,jpeg", "f=avif,webp,jpeg"), "bad_signature")
add("signature of the path with its extension", bare, good + "&f=jpeg", "bad_signature")
add("formats left out of what was signed", bare, query(bare, NOW + 3600) + "&f=webp,jpeg", "bad_signature")

for name, text in {
    "no query": "",
    "e missing": f"{k}&{s}",
    "k missing": f"{e}&{s}",
    "s missing": f"{e}&{k}",
    "order k e s": f"{k}&{e}&{s}",
    "order e s k": f"{e}&{s}&{k}",
    "e twice": f"{e}&{e}&{k}&{s}",
    "k twice": f"{e}&{k}&{k}&{s}",
    "s twice": f"{good}&{s}",
    "extra parameter behind": f"{good}&x=1",
    "extra parameter in front": f"x=1&{good}",
    "ampersand behind": f"{good}&",
    "ampersand in front": f"&{good}",
    "fragment behind": f"{good}#x",
    "semicolons": good.replace("&", ";"),
    "f with an extension": f"{good}&f=jpeg",
    "empty f with an extension": f"{good}&f=",
    "e empty": f"e=&{k}&{s}",
    "e with a leading zero": f"e=0{NOW + 3600}&{k}&{s}",
    "e of two zeros": f"e=00&{k}&{s}",
    "e with a plus": f"e=+{NOW + 3600}&{k}&{s}",
    "e negative": f"e=-1&{k}&{s}",
    "e hexadecimal": f"e=0x6b0c1c10&{k}&{s}",
    "e of twelve digits": f"e=999999999999&{k}&{s}",
    "e beyond 64 bits": f"e=18446744073709551617&{k}&{s}",
    "e with a percent-encoded digit": f"e=%31{str(NOW + 3600)[1:]}&{k}&{s}",
    "E in upper case": f"E={NOW + 3600}&{k}&{s}",
    "k empty": f"{e}&k=&{s}",
    "k too long": f"{e}&k={'k' * 17}&{s}",
    "k with a dot": f"{e}&k=k.2&{s}",
    "k with a line end": f"{e}&k=k2%0a&{s}",
    "s empty": f"{e}&{k}&s=",
    "s too short": f"{good[:-1]}",
    "s too long": f"{good}A",
    "s with padding": f"{good}=",
    "s in the standard alphabet": f"{e}&{k}&s=+/{s_value[2:]}",
    "s with unused bits set": good[:-1] + chr(ord(good[-1]) + 1),
    "s in hex": f"{e}&{k}&s={'0' * 64}",
}.items():
    add(name, path, text, "malformed")

for name, text in {
    "f missing": good_f.split("&f=")[0],
    "f empty": good_f.split("&f=")[0] + "&f=",
    "f in another order": good_f.replace("webp,jpeg", "jpeg,webp"),
    "f without jpeg": good_f.replace("webp,jpeg", "webp"),
    "f with a format twice": good_f.replace("webp,jpeg", "webp,webp,jpeg"),
    "f with an input format": good_f.replace("webp,jpeg", "png,jpeg"),
    "f with a comma behind": good_f + ",",
    "f twice": good_f + "&f=webp,jpeg",
    "f with a percent-encoded comma": good_f.replace("webp,jpeg", "webp%2Cjpeg"),
    "f before s": f"{e}&{k}&f=webp,jpeg&{s}",
}.items():
    add(name, bare, text, "malformed")

for name, text in {
    "another prefix": path.replace("/m/", "/n/"),
    "no media": "/m/",
    "doubled slash in front": "/" + path,
    "doubled slash within": path.replace("/1/", "//1/"),
    "slash behind": path + "/",
    "upper-case id": path.replace("abc", "ABC"),
    "id without hyphens": path.replace("-", ""),
    "id in braces": path.replace(MEDIA, "{" + MEDIA + "}"),
    "id too short": path.replace("ab/1", "a/1"),
    "generation zero": path.replace("/1/", "/0/"),
    "generation with a leading zero": path.replace("/1/", "/01/"),
    "generation with a plus": path.replace("/1/", "/+1/"),
    "generation of ten digits": path.replace("/1/", "/1000000000/"),
    "generation missing": path.replace("/1/", "/"),
    "variant in upper case": path.replace("w640", "W640"),
    "variant missing": path.replace("w640", ""),
    "variant of 33 bytes": path.replace("w640", "a" * 33),
    "variant that begins with -": path.replace("w640", "-640"),
    "dot segments": path.replace("/1/", "/1/../1/"),
    "percent-encoded dots": path.replace("/1/", "/1/%2e%2e/1/"),
    "percent-encoded slash": path.replace("/1/", "%2f1/"),
    "doubly encoded slash": path.replace("/1/", "%252f1/"),
    "percent-encoded letter": path.replace("w640", "%77640"),
    "path parameter": path + ";x",
    "path parameter within": path.replace("/1/", "/1;x/"),
    "backslash": path.replace("/1/", "\\1/"),
    "two extensions": path + ".jpg",
    "another name of the same type": path.replace(".jpg", ".jpeg"),
    "extension in upper case": path.replace(".jpg", ".JPG"),
    "input format": path.replace(".jpg", ".png"),
    "extension missing behind its dot": path.replace(".jpg", "."),
    "NUL": path.replace("w640", "w640\0"),
    "line end": path + "\n",
    "space": path.replace("w640", "w640 "),
}.items():
    # Signed over exactly this path, so that only the form can be the reason.
    add(name, text, query(text, NOW + 3600), "malformed")

print(json.dumps({"keys": ",".join(f"{i}:{h}" for i, h in KEYS.items()), "vectors": vectors}, indent=1))
