#!/bin/bash
# Uploads photos with nothing but curl and jq, and prints the addresses of their variants: the whole client protocol on one page.
# Logs in, or signs up when the server does not know the account. Status 0 only if every photo became ready.
set -euo pipefail

usage() {
	cat <<-END
		usage: upload.sh [--url URL] [--email ADDRESS] [--timeout SECONDS] FILE…

		  --url URL          where Safelight answers (default \$SAFELIGHT_URL or http://127.0.0.1:8080)
		  --email ADDRESS    the account (default \$SAFELIGHT_EMAIL); it is created when it does not exist
		  --timeout SECONDS  how long to wait for one photo to become ready (default 120)

		The password comes from \$SAFELIGHT_PASSWORD or is asked for; it is never an argument, where other users could see it.
	END
}

die() {
	printf 'upload.sh: %s\n' "$*" >&2
	exit 2
}

url=${SAFELIGHT_URL:-http://127.0.0.1:8080}
email=${SAFELIGHT_EMAIL:-}
timeout=120
while (($# > 0)); do
	case $1 in
	--url | --email | --timeout)
		(($# >= 2)) || die "$1 needs a value"
		declare "${1#--}=$2"
		shift 2
		;;
	-h | --help)
		usage
		exit 0
		;;
	--)
		shift
		break
		;;
	-*) die "unknown option $1; see --help" ;;
	*) break ;;
	esac
done
(($# > 0)) || die 'no file given; see --help'
[[ $timeout =~ ^[1-9][0-9]{0,4}$ ]] || die '--timeout needs a number of seconds'
url=${url%/}

answer=$(mktemp)
access='' refresh=''
trap 'log_out; rm -f "$answer"' EXIT

# call METHOD PATH [JSON]: leaves the body in $answer and the status in $status (000 when there was no answer).
# Secrets reach curl by a pipe, never by its arguments. The Idempotency-Key makes it safe that curl repeats a POST.
call() {
	local method=$1 path=$2 body=${3:-}
	local arguments=(--silent --output "$answer" --write-out '%{http_code}' --request "$method" --max-time 30
		--retry 4 --retry-all-errors --retry-max-time 60 --header 'Accept: application/json')
	if [[ $method == POST ]]; then
		arguments+=(--header "Idempotency-Key: \"$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')\"")
		arguments+=(--header 'Content-Type: application/json' --data-binary @-)
	fi
	: >"$answer"
	status=$(curl "${arguments[@]}" --config <(bearer) "$url$path" <<<"$body") || status=000
}

bearer() {
	[[ -z $access ]] || printf 'header = "Authorization: Bearer %s"\n' "$access"
}

# authorized METHOD PATH [JSON]: call as the user; a stale access token is renewed once.
authorized() {
	call "$@"
	[[ $status == 401 && -n $refresh ]] || return 0
	access=''
	call POST /v1/auth/refresh "$(R=$refresh jq -n '{refresh_token: env.R}')"
	[[ $status == 20[01] ]] || die "the session has ended: $(problem)"
	keep_tokens
	call "$@"
}

keep_tokens() {
	access=$(jq -r .access_token "$answer")
	refresh=$(jq -r .refresh_token "$answer")
}

# What the last answer says went wrong, in words.
problem() {
	if [[ $status == 000 ]]; then
		printf '%s does not answer' "$url"
	else
		jq -re '[.detail // .title // empty, (.errors // [])[].detail] | map(select(. != null)) | join(" ") | select(. != "")' \
			"$answer" 2>/dev/null || printf 'status %s' "$status"
	fi
}

log_in() {
	local password=${SAFELIGHT_PASSWORD:-} credentials
	if [[ -z $email ]]; then
		[[ -t 0 ]] || die 'whose photos? Give --email or SAFELIGHT_EMAIL'
		read -rp 'E-mail: ' email
	fi
	if [[ -z $password ]]; then
		[[ -t 0 ]] || die 'no password: set SAFELIGHT_PASSWORD'
		read -rsp "Password of $email: " password
		printf '\n' >&2
	fi
	credentials=$(E=$email P=$password jq -n '{email: env.E, password: env.P}')
	call POST /v1/auth/login "$credentials"
	if [[ $status == 401 ]]; then
		local refusal
		refusal=$(problem)
		call POST /v1/auth/signup "$credentials"
		[[ $status == 20[01] ]] || die "cannot log in ($refusal) and cannot sign up ($(problem))"
	fi
	[[ $status == 20[01] ]] || die "cannot log in: $(problem)"
	keep_tokens
}

log_out() {
	[[ -n $refresh ]] || return 0
	call POST /v1/auth/logout "$(R=$refresh jq -n '{refresh_token: env.R}')"
}

content_type() {
	case ${1,,} in
	*.jpg | *.jpeg) echo image/jpeg ;;
	*.png) echo image/png ;;
	*.webp) echo image/webp ;;
	*.gif) echo image/gif ;;
	*.avif) echo image/avif ;;
	*.heic) echo image/heic ;;
	*.heif) echo image/heif ;;
	*.jxl) echo image/jxl ;;
	*.tif | *.tiff) echo image/tiff ;;
	*.svg) echo image/svg+xml ;;
	*.pdf) echo application/pdf ;;
	*) echo application/octet-stream ;;
	esac
}

# Sends the bytes of FILE to the presigned URL of the last answer, with exactly the headers that were signed. curl sets
# Content-Length itself. 412 means that an earlier try had arrived and only its answer was lost.
put_bytes() {
	local file=$1 config code
	config=$(jq -r '"url = \(.url | @json)", (.headers | to_entries[]
		| select(.key | ascii_downcase | . != "content-length" and . != "host")
		| "header = \("\(.key): \(.value)" | @json)")' "$answer")
	code=$(curl --silent --output /dev/null --write-out '%{http_code}' --upload-file "$file" --header 'Expect:' \
		--connect-timeout 10 --speed-limit 1 --speed-time 30 --retry 3 --retry-all-errors --config - <<<"$config") || true
	[[ $code == 2?? || $code == 412 ]] || {
		printf '%s: the store refused the bytes (status %s)\n' "$file" "$code" >&2
		return 1
	}
}

# upload FILE: sets $media to the id of its media.
upload() {
	local file=$1 name=${1##*/} size sha256 request upload_id
	size=$(wc -c <"$file")
	sha256=$(sha256sum <"$file")
	request=$(jq -n --arg name "$name" --arg type "$(content_type "$name")" --argjson size "$size" --arg sha256 "${sha256%% *}" \
		'{filename: $name, content_type: $type, size: $size, sha256: $sha256}')
	authorized POST /v1/uploads "$request"
	if [[ $status == 200 ]]; then # this account has the very same photo already
		media=$(jq -r .media.id "$answer")
		return 0
	fi
	[[ $status == 201 ]] || {
		printf '%s: refused: %s\n' "$file" "$(problem)" >&2
		return 1
	}
	if jq -e '.url == null' "$answer" >/dev/null; then
		printf '%s: too large for one PUT; use tus or Uppy\n' "$file" >&2
		return 1
	fi
	upload_id=$(jq -r .upload_id "$answer")
	put_bytes "$file" || return 1
	authorized POST "/v1/uploads/$upload_id/complete" '{}'
	[[ $status == 20[02] ]] || {
		printf '%s: refused: %s\n' "$file" "$(problem)" >&2
		return 1
	}
	media=$(jq -r .media.id "$answer")
}

# Asks for the media $media until it is settled; then prints it. Fails unless it is ready.
await() {
	local file=$1 state='' pause=0.15 until=$((SECONDS + timeout))
	while authorized GET "/v1/media/$media"; do
		case $status in
		200) state=$(jq -r .state "$answer") ;;
		000 | 429 | 5??) ;; # passing trouble: ask again until the time is up
		*)
			printf '%s: %s\n' "$file" "$(problem)" >&2
			return 1
			;;
		esac
		case $state in
		ready)
			printf '%s: ready (%s)\n' "$file" "$media"
			jq -r --arg base "$url" '(.variants // [])[] | select(.url)
				| (if .url | startswith("/") then $base + .url else .url end) as $address
				| "  \(.name)\t\(.format)\t\(.width)x\(.height)\t\(.bytes) bytes\t\($address)"' "$answer"
			return 0
			;;
		rejected | failed | expired | deleted)
			printf '%s: %s: %s\n' "$file" "$state" "$(jq -r '.reason.detail // "no reason given"' "$answer")" >&2
			return 1
			;;
		esac
		if ((SECONDS >= until)); then
			printf '%s: not ready after %s s (state %s)\n' "$file" "$timeout" "${state:-unknown}" >&2
			return 1
		fi
		sleep "$pause"
		[[ $pause == 0.15 ]] && pause=0.4 || pause=1
	done
}

log_in
failures=0
for file in "$@"; do
	if [[ ! -f $file || ! -r $file ]]; then
		printf '%s: no readable file\n' "$file" >&2
		failures=$((failures + 1))
	elif ! upload "$file" || ! await "$file"; then
		failures=$((failures + 1))
	fi
done
((failures == 0))
