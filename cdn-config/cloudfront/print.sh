#!/usr/bin/env bash
# Prints the CloudFormation template with the function in it: print.sh >safelight-cloudfront.yaml
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
while IFS= read -r line; do
	if [ "$line" = '@{FUNCTION}' ]; then
		# An empty line stays empty; the others stand below `FunctionCode: |`.
		sed 's/^./          &/' delivery.js
	else
		printf '%s\n' "$line"
	fi
done <template.yaml
