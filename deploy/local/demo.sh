#!/bin/bash
# The last part of `make run`: takes photos through the running local stack exactly as a
# phone would (sign-up, presigned PUT, complete, polling), tells how long each step took,
# and prints the addresses of what came out. Photos that are there already are only shown.
set -euo pipefail
umask 077
# What stands last in a pipe sets variables of ours.
shopt -s lastpipe

STACK_DIR=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
REPO_DIR=$(cd "$STACK_DIR/../.." && pwd)
RUN_DIR=$(realpath -m "${RUN_DIR:-$REPO_DIR/.run}")
export RUN_DIR
PATH=$PATH:/usr/sbin:/sbin

# shellcheck source-path=SCRIPTDIR
source "$STACK_DIR/lib.sh"
# shellcheck source-path=SCRIPTDIR
source "$STACK_DIR/ports.sh"

EMAIL=demo@safelight.example
PASSWORD_FILE=$RUN_DIR/secrets/demo_password
WALLPAPERS=lomiri-wallpapers-16.04
WALLPAPER_COUNT=8
READY_SECONDS=${READY_SECONDS:-60}

# Photographs under free licences from a Debian package: fetched once, kept in the cache.
# Prints the paths of the largest ones; nothing when they cannot be had.
list_wallpapers() {
    local cache=$RUN_DIR/cache
    if [ ! -d "$cache/wallpapers" ]; then
        fetch_wallpapers "$cache" || {
            warn "the package $WALLPAPERS cannot be fetched; only the photos in samples/photos are used"
            return 0
        }
    fi
    find "$cache/wallpapers" -name '*.jpg' -printf '%s %p\n' | sort -rn | head -n "$WALLPAPER_COUNT" | cut -d ' ' -f 2- | sort
}

fetch_wallpapers() {
    local cache=$1 work
    mkdir -p "$cache"
    work=$(mktemp -d "$cache/fetch.XXXXXX")
    # apt's own download user may not enter the folder; the result is checked by apt.
    if (cd "$work" && timeout 90 apt-get -qq -o APT::Sandbox::User="$(id -un)" download "$WALLPAPERS") >"$work/log" 2>&1 &&
        dpkg-deb -x "$work/$WALLPAPERS"_*.deb "$work/tree" 2>>"$work/log"; then
        mv -T "$work/tree" "$cache/wallpapers"
        rm -rf "$work"
        return 0
    fi
    tail -n 3 "$work/log" | sed 's/^/    /' >&2
    rm -rf "$work"
    return 1
}

list_photos() {
    find "$REPO_DIR/samples/photos" "$REPO_DIR/samples/documents" -maxdepth 1 -type f \
        \( -iname '*.svg' -o -iname '*.pdf' -o -iname '*.jpg' -o -iname '*.jpeg' -o -iname '*.png' -o -iname '*.webp' -o -iname '*.avif' -o -iname '*.heic' \) | sort
    list_wallpapers
}

print_content_type() {
    case ${1,,} in
    *.jpg | *.jpeg) echo image/jpeg ;;
    *.png) echo image/png ;;
    *.webp) echo image/webp ;;
    *.avif) echo image/avif ;;
    *.heic) echo image/heic ;;
    *.svg) echo image/svg+xml ;;
    *.pdf) echo application/pdf ;;
    esac
}

# call METHOD PATH: sends standard input (none when it is empty) as JSON; leaves the body
# in $answer and the status code in $status, 000 when nobody answered. The token goes to
# curl through a pipe, so that it is in no argument.
call() {
    local method=$1 path=$2 body
    body=$(cat)
    local options=(--silent --max-time 30 --noproxy '*' --request "$method" --output "$answer" --write-out '%{http_code}'
        --header 'Accept: application/json' --config -)
    : >"$answer"
    status=$(
        {
            [ -z "$token" ] || printf 'header = "Authorization: Bearer %s"\n' "$token"
            if [ -n "$body" ]; then
                printf 'header = "Content-Type: application/json"\n'
                printf 'data-binary = %s\n' "$(jq -R -s . <<<"$body")"
            fi
            [ "$method" != POST ] || printf 'header = "Idempotency-Key: \\"%s\\""\n' "$(cat /proc/sys/kernel/random/uuid)"
        } | curl "${options[@]}" "$SAFELIGHT_URL$path"
    ) || status=000
}

# What the last answer says in words.
print_problem() {
    jq -r '[.title, .detail, (.errors // [] | .[].detail)] | map(strings) | join(" ")' "$answer" 2>/dev/null | grep . ||
        printf 'status %s\n' "$status"
}

print_credentials() {
    jq -n --arg email "$EMAIL" --rawfile password "$PASSWORD_FILE" '{email: $email, password: ($password | rtrimstr("\n"))}'
}

log_in() {
    [ -r "$PASSWORD_FILE" ] || die "$PASSWORD_FILE is missing; start the stack first: deploy/local/stack.sh up"
    print_credentials | call POST /v1/auth/signup
    [ "$status" != 409 ] || print_credentials | call POST /v1/auth/login
    case $status in
    200 | 201) token=$(jq -r .access_token "$answer") ;;
    000) die "nobody answers at $SAFELIGHT_URL; see deploy/local/stack.sh status" ;;
    *) die "the demo account cannot log in: $(print_problem)" ;;
    esac
}

# The bytes go to the presigned URL with the headers that were signed; curl sets the
# length by itself. The URL is as good as a password: it goes through the pipe, too.
put_photo() {
    jq -r '"url = \(.url | tojson)", (.headers | to_entries[] | select(.key | ascii_downcase | IN("content-length", "host") | not) |
        "header = \("\(.key): \(.value)" | tojson)")' "$answer" |
        curl --silent --max-time 120 --noproxy '*' --upload-file "$1" --header 'Expect:' --output /dev/null \
            --write-out '%{http_code}' --config - || true
}

print_ms_since() { printf '%d' "$(((${EPOCHREALTIME/./} - $1) / 1000))"; }

# Begins, sends and completes one upload; sets $media. Succeeds also for a photo that the
# account has already ($known is then 1).
upload_photo() {
    local file=$1 name=${1##*/} sha256 upload code
    known=0
    sha256=$(sha256sum <"$file")
    jq -n --arg name "$name" --arg type "$(print_content_type "$name")" --arg sha256 "${sha256%% *}" \
        --argjson size "$(stat -Lc %s "$file")" '{filename: $name, content_type: $type, size: $size, sha256: $sha256}' |
        call POST /v1/uploads
    if [ "$status" = 200 ]; then
        known=1
        media=$(jq -r .media.id "$answer")
        return
    fi
    [ "$status" = 201 ] || { problem=$(print_problem) && return 1; }
    upload=$(jq -r .upload_id "$answer")
    media=$(jq -r .media_id "$answer")
    code=$(put_photo "$file")
    [[ $code == 2?? ]] || { problem="the store answered $code to the PUT" && return 1; }
    printf '{}' | call POST "/v1/uploads/$upload/complete"
    [[ $status == 20[02] ]] || { problem=$(print_problem) && return 1; }
}

# Polls $media from time to time until it is settled and prints each stage once, with the
# time since $begun; without times when the photo was there before.
print_stage() {
    if [ "$known" = 1 ]; then printf '  %s' "$1"; else printf '  %s %5d ms' "$1" "$(print_ms_since "$2")"; fi
}

follow_photo() {
    local begun=$1 state ready preview_shown=0 deadline=$((SECONDS + READY_SECONDS))
    while [ "$SECONDS" -lt "$deadline" ]; do
        call GET "/v1/media/$media" </dev/null
        read -r state ready < <(jq -r '"\(.state) \([.variants[]? | select(.url)] | length)"' "$answer" 2>/dev/null) || state=
        if [ "$preview_shown" = 0 ] && [ "${ready:-0}" -gt 0 ]; then
            preview_shown=1
            [ "$known" = 1 ] || print_stage preview "$begun"
        fi
        case $state in
        ready)
            print_stage ready "$begun"
            return
            ;;
        failed | rejected | expired | deleted)
            problem="$state: $(jq -r '.reason.detail // .reason.code // "no reason given"' "$answer")"
            return 1
            ;;
        esac
        sleep 0.03
    done
    problem="not ready after $READY_SECONDS s (state ${state:-unknown})"
    return 1
}

# One line on the screen, that grows with the photo's progress.
process_photo() {
    local file=$1 begun=${EPOCHREALTIME/./}
    printf '  %-44s' "$(basename "$file")"
    problem=
    if upload_photo "$file"; then
        if [ "$known" = 1 ]; then
            printf '  already here'
        else
            print_stage uploaded "$begun"
        fi
        if follow_photo "$begun"; then
            cp "$answer" "$results/$media"
            printf '\n'
            return
        fi
    fi
    printf '  FAILED: %s\n' "$problem"
    failed=$((failed + 1))
}

# The variants of one media as lines: name, format, size, bytes, URL.
list_variants() {
    jq -r '.variants[] | select(.url) | [.name, .format, "\(.width)x\(.height)", .bytes, .url] | @tsv' "$1"
}

print_url_status() {
    printf '%s' "url = \"$1\"" | curl --silent --max-time 10 --noproxy '*' --output /dev/null --write-out '%{http_code}' --config - || true
}

# Every photo's variants go into a file; on the screen stand all of one photo, and for each
# photo the variant that is asked for here and has to answer 200.
print_results() {
    local file name format size bytes url code list=$RUN_DIR/variants.tsv first=1
    : >"$list"
    for file in "$results"/*; do
        [ -s "$file" ] || continue
        list_variants "$file" >>"$list"
        if [ "$first" = 1 ]; then
            first=0
            printf '\nvariants of %s\n' "$(jq -r .filename "$file")"
            while IFS=$'\t' read -r name format size bytes url; do
                printf '  %-8s %-5s %10s %8s bytes  %s\n' "$name" "$format" "$size" "$bytes" "$url"
            done < <(list_variants "$file")
            printf '\none of each photo, fetched through the edge (all %s)\n' "are in $list"
        fi
        IFS=$'\t' read -r name format size bytes url < <(list_variants "$file" | awk -F '\t' '$1 == "w1280"' | tail -n 1) ||
            IFS=$'\t' read -r name format size bytes url < <(list_variants "$file" | tail -n 1) || continue
        code=$(print_url_status "$url")
        printf '  %s  %-5s %10s  %s\n' "$code" "$format" "$size" "$url"
        [ "$code" = 200 ] || failed=$((failed + 1))
    done
}

main() {
    use_remembered_ports
    SAFELIGHT_URL=http://127.0.0.1:$PORT_EDGE
    token='' failed=0
    answer=$(mktemp)
    results=$(mktemp -d)
    trap 'rm -rf "$answer" "$results"' EXIT
    local photos
    log_in
    mapfile -t photos < <(list_photos)
    printf 'taking %d photos through %s\n' "${#photos[@]}" "$SAFELIGHT_URL"
    for photo in "${photos[@]}"; do process_photo "$photo"; done
    print_results
    printf '\ngallery   %s/\nlog in    %s   password %s\n' "$SAFELIGHT_URL" "$EMAIL" "$(cat "$PASSWORD_FILE")"
    [ "$failed" -eq 0 ] || die "$failed of the steps above failed; see deploy/local/stack.sh logs"
}

main "$@"
