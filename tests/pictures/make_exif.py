"""Puts EXIF with an artist, a copyright, a position and a serial number into a JPEG."""
import struct
import sys

ENTRIES = [(0x013B, 2, b"Ansel Example\0"), (0x8298, 2, b"(c) 2026 Example, all rights reserved\0")]
GPS = [(1, 2, b"N\0"), (2, 5, struct.pack("<6I", 48, 1, 8, 1, 14, 1))]
SERIAL = (0xA431, 2, b"SERIAL-4711\0")


def folder(entries, start):
    out, data = struct.pack("<H", len(entries)), b""
    behind = start + 2 + 12 * len(entries) + 4
    for tag, kind, value in entries:
        count = {2: len(value), 5: len(value) // 8, 4: 1}[kind]
        if len(value) <= 4:
            out += struct.pack("<HHI", tag, kind, count) + value.ljust(4, b"\0")
        else:
            out += struct.pack("<HHII", tag, kind, count, behind + len(data))
            data += value
    return out + struct.pack("<I", 0) + data


def tiff():
    exif_at = gps_at = 0
    for _ in range(3):
        first = folder(ENTRIES + [(0x8769, 4, struct.pack("<I", exif_at)), (0x8825, 4, struct.pack("<I", gps_at))], 8)
        exif_at = 8 + len(first)
        exif = folder([SERIAL], exif_at)
        gps_at = exif_at + len(exif)
    return b"II*\0" + struct.pack("<I", 8) + first + exif + folder(GPS, gps_at)


jpeg = open(sys.argv[1], "rb").read()
payload = b"Exif\0\0" + tiff()
open(sys.argv[2], "wb").write(jpeg[:2] + b"\xff\xe1" + struct.pack(">H", 2 + len(payload)) + payload + jpeg[2:])
