#!/usr/bin/env bash
# Migrations are numbered 0001, 0002 … without gap or double: two branches that each add the next one meet here.
cd "$(dirname "$0")/../.." || exit 1
number=1 bad=
for file in lib/db/migrations/*.sql; do
	name=$(basename "$file")
	[[ $name == "$(printf '%04d' "$number")"_*.sql ]] || bad="$bad $name"
	number=$((number + 1))
done
if [ -z "$bad" ]; then
	echo "ok 1 - migrations are numbered one after the other"
else
	echo "not ok 1 - migrations are numbered one after the other: out of place:$bad"
	trap "exit 1" EXIT
fi
printf '1..1\n'
