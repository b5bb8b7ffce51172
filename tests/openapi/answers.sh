#!/usr/bin/env bash
# The contract against what a running stack answers.
export SAFELIGHT_URL="${SAFELIGHT_URL:-http://127.0.0.1:${PORT_BASE:?}}"
exec "$(dirname "$0")/run.sh" answers
