"""Makes of a HEIC of one item what phones write: four tiles in a grid, turned by irot and mirrored by imir (ISO/IEC 23008-12)."""
import struct
import sys


def box(kind, payload, version=None, flags=0):
    head = b"" if version is None else struct.pack(">I", version << 24 | flags)
    return struct.pack(">I", 8 + len(head) + len(payload)) + kind + head + payload


def boxes(data):
    at = 0
    while at + 8 <= len(data):
        size, kind = struct.unpack(">I4s", data[at:at + 8])
        yield kind, data[at + 8:at + size]
        at += size


def find(data, *path):
    for kind, payload in boxes(data):
        if kind == path[0]:
            rest = payload[4:] if kind in (b"meta",) else payload
            return rest if len(path) == 1 else find(rest, *path[1:])
    raise SystemExit("no box %r" % (path,))


source = open(sys.argv[1], "rb").read()
hvcc = find(source, b"meta", b"iprp", b"ipco", b"hvcC")
mdat = find(source, b"mdat")
ispe = find(source, b"meta", b"iprp", b"ipco", b"ispe")
width, height = struct.unpack(">II", ispe[4:12])

TILES, GRID = 4, 5
infe = b"".join(box(b"infe", struct.pack(">HH4s", i, 0, b"hvc1") + b"\0", 2, 1) for i in range(1, TILES + 1))
infe += box(b"infe", struct.pack(">HH4s", GRID, 0, b"grid") + b"\0", 2)
properties = [
    box(b"hvcC", hvcc),
    box(b"ispe", struct.pack(">II", width, height), 0),
    box(b"ispe", struct.pack(">II", 2 * width, 2 * height), 0),
    box(b"irot", b"\1"),  # a quarter turn anticlockwise
    box(b"imir", b"\0"),
]
ipma = struct.pack(">I", TILES + 1)
for i in range(1, TILES + 1):
    ipma += struct.pack(">HB2B", i, 2, 0x81, 2)
ipma += struct.pack(">HB3B", GRID, 3, 3, 0x84, 0x85)
grid = struct.pack(">BBBBHH", 0, 0, 1, 1, 2 * width, 2 * height)
dimg = box(b"dimg", struct.pack(">HH4H", GRID, TILES, 1, 2, 3, 4))


def meta(offset):
    iloc = struct.pack(">BBH", 0x44, 0, TILES + 1)
    for i in range(1, TILES + 1):
        iloc += struct.pack(">HHHII", i, 0, 1, offset, len(mdat))
    iloc += struct.pack(">HHHII", GRID, 0, 1, offset + len(mdat), len(grid))
    return box(b"meta", box(b"hdlr", struct.pack(">I4s12x", 0, b"pict") + b"\0", 0) + box(b"pitm", struct.pack(">H", GRID), 0)
               + box(b"iinf", struct.pack(">H", TILES + 1) + infe, 0) + box(b"iref", dimg, 0)
               + box(b"iprp", box(b"ipco", b"".join(properties)) + box(b"ipma", ipma, 0)) + box(b"iloc", iloc, 0), 0)


ftyp = box(b"ftyp", b"heic\0\0\0\0mif1heic")
start = len(ftyp) + len(meta(0)) + 8
open(sys.argv[2], "wb").write(ftyp + meta(start) + box(b"mdat", mdat + grid))
