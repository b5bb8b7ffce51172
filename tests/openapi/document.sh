#!/usr/bin/env bash
# The contract by itself and against the route tables.
exec "$(dirname "$0")/run.sh" document
