#!/usr/bin/env bash
# The CloudFront Function and the pages' helper of samples/snippets in Node, the CloudFormation template through cfn-lint, the
# Terraform text through an HCL parser. Prints TAP; what is not installed is skipped.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
number=0

# report STATUS NAME [LOG]: one line of TAP, and the log as comments.
report() {
	local log=${3:-}
	number=$((number + 1))
	if [ "$1" -eq 0 ]; then
		printf 'ok %d - %s\n' "$number" "$2"
	else
		printf 'not ok %d - %s\n%s\n' "$number" "$2" "# ${log//$'\n'/$'\n# '}"
	fi
}
skip() {
	number=$((number + 1))
	printf 'ok %d - %s # SKIP %s\n' "$number" "$1" "$2"
}

# run_node PREFIX FILE LEAST: the file's tests, each as a line; fewer than LEAST is a failure.
run_node() {
	local log status line before=$number
	log=$(node --test --test-reporter=tap "$2" 2>&1)
	status=$?
	while IFS= read -r line; do
		case $line in
		'ok '*) report 0 "$1: ${line#*- }" ;;
		'not ok '*) report 1 "$1: ${line#*- }" "$log" ;;
		esac
	done <<<"$log"
	if [ $((number - before)) -lt "$3" ]; then report 1 "$1: $((number - before)) tests ran, status $status" "$log"; fi
}

if command -v node >/dev/null && node -e 'process.exit(Number(process.versions.node.split(".")[0]) >= 18 ? 0 : 1)'; then
	run_node function tests/cloudfront/delivery.test.mjs 9
	run_node snippet samples/snippets/media.test.mjs 7
else
	skip "the function's and the snippet's tests" "node 18 or newer is not here"
fi

template=$(mktemp)
trap 'rm -f "$template"' EXIT
log=$(cdn-config/cloudfront/print.sh 2>&1 >"$template" && grep -c 'async function handler' "$template" && ! grep '@{' "$template")
report $? 'the template prints with the function in it' "$log"
# As CloudFormation reads the block: what is deployed is what was tested.
if command -v python3 >/dev/null && python3 -c 'import yaml' 2>/dev/null; then
	log=$(python3 - "$template" <<'PYTHON' 2>&1
import sys, yaml
class Loader(yaml.SafeLoader):
    pass
Loader.add_multi_constructor("!", lambda loader, suffix, node: None)
template = yaml.load(open(sys.argv[1]), Loader)
code = template["Resources"]["Check"]["Properties"]["FunctionCode"]
sys.exit(0 if code.strip() == open("cdn-config/cloudfront/delivery.js").read().strip() else "the function's text differs")
PYTHON
	)
	report $? 'its function is delivery.js, byte for byte' "$log"
else
	skip 'its function is delivery.js, byte for byte' 'no python3 with yaml'
fi
if command -v cfn-lint >/dev/null && cfn-lint --version >/dev/null 2>&1; then
	log=$(cfn-lint -t "$template" 2>&1)
	report $? 'cfn-lint accepts the template' "$log"
else
	skip 'cfn-lint accepts the template' 'no cfn-lint (pip install cfn-lint)'
fi
# npm ci brings an HCL parser; where npm cannot be reached it is what was not looked at.
if command -v npm >/dev/null && (cd tests/cloudfront && { [ -d node_modules/@cdktf ] || npm ci >/dev/null 2>&1; }); then
	run_node terraform tests/cloudfront/terraform.test.mjs 5
else
	skip 'main.tf parses and says the same' 'npm cannot bring its parser'
fi
printf '1..%d\n' "$number"
