#!/usr/bin/env bash
# One upload of 5 GiB in parts, byte for byte, on a stack of its own (tests/bench/long.py). For a free disk of 12 GB; not
# part of `make check`, where tests/integration/test_ingest_long.c sends as many parts with less in them.
#
# BUILD: the build under test; PART_BYTES (5 MiB, the least: 1024 parts), SIZE (5 GiB), PORT_BASE (22900), RUN_DIR.
set -euo pipefail
cd "$(dirname "$0")/../.."
BUILD_DIR=$(realpath "${BUILD:-build}")
PORT_BASE=${PORT_BASE:-22900}
RUN_DIR=${RUN_DIR:-$(mktemp -d)}
PART_BYTES=${PART_BYTES:-5242880}
export BUILD_DIR PORT_BASE RUN_DIR PART_BYTES

clean_up() {
	FORCE=1 deploy/local/stack.sh reset >/dev/null 2>&1 || true
	rm -rf -- "$RUN_DIR"
}
trap clean_up EXIT
trap 'exit 130' INT TERM

FORCE=1 deploy/local/stack.sh reset >/dev/null 2>&1 || true
SAFELIGHT_INGEST_PART_BYTES=$PART_BYTES deploy/local/stack.sh up >/dev/null
EDGE=http://127.0.0.1:$PORT_BASE /usr/bin/python3 tests/bench/long.py
