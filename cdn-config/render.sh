#!/usr/bin/env bash
# Renders the edge's nginx.conf from safelight.conf.
#
# Usage: render.sh --config FILE --out DIR [--module FILE] [--pid FILE] [--user NAME]
#                  [--ingest ADDRESS[,ADDRESS…]] [--api ADDRESS[,ADDRESS…]]
#                  [--transcoder ADDRESS[,ADDRESS…]]
#
# Values come from the environment (SAFELIGHT_<SECTION>_<KEY>), else from FILE, else they are the defaults of
# lib/base/settings.def. Secrets stay in the files that FILE names (<key>_file); one that is given inline is written to
# DIR/secrets. Then: nginx -p DIR -c nginx.conf
set -euo pipefail

HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
CONFIG=${SAFELIGHT_CONFIG:-}
OUT=
MODULE=${BUILD_DIR:-$HERE/../build}/lib/ngx_http_safelight_module.so
PID_FILE=nginx.pid
WORKER_USER=
INGEST=
API=
TRANSCODER=

say() { printf 'render.sh: %s\n' "$*" >&2; }
die() {
    say "$*"
    exit 78
}

while [ $# -gt 0 ]; do
    case $1 in
    --config | --out | --module | --pid | --user | --ingest | --api | --transcoder) [ $# -ge 2 ] || die "$1 needs a value" ;;
    esac
    case $1 in
    --config) CONFIG=$2 ;;
    --out) OUT=$2 ;;
    --module) MODULE=$2 ;;
    --pid) PID_FILE=$2 ;;
    --user) WORKER_USER=$2 ;;
    --ingest) INGEST=$2 ;;
    --api) API=$2 ;;
    --transcoder) TRANSCODER=$2 ;;
    --help)
        sed -n '2,10s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"
        exit 0
        ;;
    *)
        say "unknown argument: $1"
        exit 64
        ;;
    esac
    shift 2
done
[ -n "$OUT" ] || die "--out DIR is missing"
[ -z "$CONFIG" ] || [ -r "$CONFIG" ] || die "cannot read $CONFIG"
[ -f "$MODULE" ] || die "no module at $MODULE: make build, or --module FILE"

# The defaults of lib/base/settings.def (tests/integration/test_edge.c compares them).
declare -A DEFAULTS=(
    [store.endpoint]=http://127.0.0.1:8084
    [store.public_endpoint]=http://127.0.0.1:8084
    [store.region]=default
    [store.media_bucket]=safelight-media
    [store.originals_bucket]=safelight-originals
    [cdn.public_url]=http://127.0.0.1:8080
    [ingest.listen]=127.0.0.1:8081
    [api.listen]=127.0.0.1:8082
    [transcoder.listen]=127.0.0.1:8083
    [transcoder.resize_ms]=10000
    [cdn.on_demand]=false
    [edge.listen]=127.0.0.1:8080
    [edge.admin_listen]=127.0.0.1:8089
    [edge.access_key]=edge
    [edge.cache_bytes]=1G
    [edge.workers]=1
    [edge.media_per_second]=2000
    [edge.calls_per_second]=500
    [edge.requests_at_once]=1000
    [edge.gallery]=true
    [edge.public]=false
    [edge.console]=true
)

# The built-in preset's sizes on demand (tests/integration/test_edge_operation.c compares them).
ON_DEMAND_NAMES='w960 w1600 w3840'

# print_option SECTION KEY: the value in the file; fails when it is not there. Comments begin with ; or # like in libinih.
print_option() {
    [ -n "$CONFIG" ] || return 1
    awk -v section="$1" -v key="$2" '
        /^[ \t]*([;#]|$)/ { next }
        /^[ \t]*\[/ { sub(/^[ \t]*\[/, ""); sub(/\].*/, ""); present = $0; next }
        present == section && match($0, /[=:]/) {
            name = substr($0, 1, RSTART - 1)
            value = substr($0, RSTART + 1)
            gsub(/^[ \t]+|[ \t]+$/, "", name)
            sub(/[ \t];.*/, "", value)
            gsub(/^[ \t]+|[ \t\r]+$/, "", value)
            if (name == key) { print value; found = 1; exit }
        }
        END { exit !found }' "$CONFIG"
}

# print_setting SECTION KEY: environment, file, default; fails when there is none of them.
print_setting() {
    local variable=SAFELIGHT_${1^^}_${2^^}
    if [ -n "${!variable+set}" ]; then
        printf '%s\n' "${!variable}"
    elif ! print_option "$1" "$2"; then
        [ -n "${DEFAULTS[$1.$2]+set}" ] || return 1
        printf '%s\n' "${DEFAULTS[$1.$2]}"
    fi
}

# setting SECTION KEY REGEX: print_setting, but only when the value has the form (nothing else may reach nginx.conf).
setting() {
    local value
    value=$(print_setting "$1" "$2") || die "[$1] $2 is not set"
    [[ $value =~ ^($3)$ ]] || die "[$1] $2 has a value that cannot be used: $value"
    printf '%s' "$value"
}

# print_file NAME PATH: the path, absolute, when nginx.conf can name it.
print_file() {
    local path
    path=$(realpath -e -- "$2") || die "$1: no such file: $2"
    [[ $path =~ ^[][A-Za-z0-9/._+@:,=~\ -]+$ ]] || die "$1: nginx.conf cannot name this path: $path"
    printf '"%s"' "$path"
}

# secret_file SECTION KEY: the quoted path of a file that holds the secret.
secret_file() {
    local file_variable=SAFELIGHT_${1^^}_${2^^}_FILE path value inline=$OUT/secrets/$1_$2
    if [ -n "${!file_variable+set}" ]; then
        path=${!file_variable}
    elif value=$(print_setting "$1" "$2"); then
        (umask 077 && mkdir -p "$OUT/secrets" && printf '%s\n' "$value" >"$inline.new" && mv -f "$inline.new" "$inline")
        path=$inline
    else
        path=$(print_option "$1" "$2_file") || die "[$1] ${2}_file is not set"
    fi
    print_file "[$1] $2" "$path"
}

# server_lines LIST: upstream servers. A single one is never taken out of service: there is no other.
server_lines() {
    local servers server options=
    IFS=, read -ra servers <<<"$1"
    [ ${#servers[@]} -gt 1 ] || options=' max_fails=0'
    for server in "${servers[@]}"; do
        [[ $server =~ ^$ADDRESS$ ]] || die "not an address: $server"
        printf '\t\tserver %s%s;\n' "$server" "$options"
    done
}

# limit_zone NAME RATE: the counters of a limit by client network. Without a limit the key is empty, which nginx does not count.
limit_zone() {
    # shellcheck disable=SC2016 # nginx's variable
    if [ "$2" -eq 0 ]; then
        printf '\tlimit_req_zone "" zone=%s:1m rate=1r/s;' "$1"
    else
        printf '\tlimit_req_zone $safelight_client_network zone=%s:10m rate=%dr/s;' "$1" "$2"
    fi
}

# burst RATE: how many requests may come ahead of the rate.
burst() { printf '%d' $((10#$1 * 4 + 1)); }

# TLS and HTTP/2 when there is a certificate. The suites are those of Mozilla's "intermediate" profile that have forward
# secrecy and authenticated encryption, which is all of them but one.
tls_lines() {
    [ -n "$TLS_CERTIFICATE" ] || return 0
    cat <<LINES
		ssl_certificate $TLS_CERTIFICATE;
		ssl_certificate_key $TLS_KEY_FILE;
		ssl_protocols TLSv1.2 TLSv1.3;
		ssl_ciphers ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305;
		ssl_prefer_server_ciphers off;
		ssl_session_cache shared:safelight_tls:10m;
		ssl_session_timeout 1d;
		# A ticket's key would live as long as the process; the cache above does as well.
		ssl_session_tickets off;
		ssl_buffer_size 8k;
		http2_max_concurrent_streams 128;
LINES
}

# Workers hold no more rights than they need: as root they run as www-data, if it can reach the folders.
user_line() {
    [ "$(id -u)" -eq 0 ] || return 0
    local user=${WORKER_USER:-www-data} folder
    id -u "$user" >/dev/null 2>&1 || die "no such user: $user"
    for folder in "$OUT" "$GALLERY" "$CONSOLE"; do
        setpriv --reuid="$user" --regid="$(id -g "$user")" --clear-groups test -x "$folder" && continue
        [ -z "$WORKER_USER" ] || die "$user cannot reach $folder"
        say "WARNING: $user cannot reach $folder, so nginx's workers run as root. Move the folder, or chmod o+x its parents."
        user=root
        break
    done
    printf 'user %s;' "$user"
}

# page_lines CONNECT: what the locations of our own pages have in common. Scripts and styles from here only, calls to
# here and to the origins named.
page_lines() {
    cat <<LINES
			types {
				text/html html;
				text/css css;
				text/javascript js mjs;
				application/json json map;
				application/manifest+json webmanifest;
				image/svg+xml svg;
				image/png png;
				image/jpeg jpg jpeg;
				image/webp webp;
				image/x-icon ico;
				font/woff2 woff2;
			}
			charset utf-8;
			charset_types text/css text/javascript application/json;
			index index.html;
			log_not_found off;
			limit_except GET {
				deny all;
			}
			gzip on;
			gzip_vary on;
			gzip_types text/css text/javascript application/json image/svg+xml;
			add_header Cache-Control no-cache always;
			add_header Content-Security-Policy "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; font-src 'self'; manifest-src 'self'; connect-src 'self'$1; form-action 'self'; base-uri 'none'; frame-ancestors 'none'" always;
			add_header X-Content-Type-Options nosniff always;
			add_header Referrer-Policy no-referrer always;
			add_header Cross-Origin-Opener-Policy same-origin always;
			add_header X-Request-Id \$safelight_request_id always;
LINES
}

# The gallery uploads to the store itself.
gallery_location() {
    if [ "$GALLERY_ON" != true ]; then
        printf '\t\tlocation / {\n\t\t\treturn 404;\n\t\t}'
        return
    fi
    cat <<LOCATION
		# ---- the sample gallery

		location / {
			root "$GALLERY";
$(page_lines " $PUBLIC_ENDPOINT")
		}
LOCATION
}

# The operators' console: a page that anybody may load; what it shows the API gives to administrators alone. Session,
# requests and look are the gallery's.
console_location() {
    if [ "$CONSOLE_ON" != true ]; then
        printf '\t\tlocation ~ ^/console(/|\$) {\n\t\t\treturn 404;\n\t\t}'
        return
    fi
    cat <<LOCATION
		# ---- the operators' console

		location = /console {
			absolute_redirect off;
			return 308 /console/;
		}
		location ~ ^/console/(http\.js|session\.js|gallery\.css|lamp\.svg)\$ {
			alias "$GALLERY/\$1";
$(page_lines "")
		}
		location /console/ {
			alias "$CONSOLE/";
$(page_lines "")
		}
LOCATION
}

# Presigned uploads through the edge, when [store] public_endpoint is the edge itself: bytes and headers pass through as
# they are (the Host is signed). Preflights are answered here, because some stores (Ceph RGW before Quincy) check the
# signature of a presigned URL's preflight, which cannot carry the signed headers, and refuse it.
upload_map() {
    [ "$PUBLIC_ENDPOINT" = "$CDN_PUBLIC_URL" ] || return 0
    local origins origin
    # shellcheck disable=SC2016 # nginx's variables
    printf '\tmap $http_origin $safelight_upload_origin {\n\t\tdefault "";\n'
    IFS=', ' read -ra origins <<<"$CORS_ORIGINS"
    for origin in "${origins[@]}"; do
        [[ $origin =~ ^$URL$ ]] || die "[store] cors_origins: not an origin: $origin"
        # shellcheck disable=SC2016
        printf '\t\t"%s" $http_origin;\n' "${origin%/}"
    done
    printf '\t}\n'
}

upload_location() {
    [ "$PUBLIC_ENDPOINT" = "$CDN_PUBLIC_URL" ] || return 0
    cat <<LOCATION
		# ---- presigned uploads

		location ^~ /$ORIGINALS_BUCKET/ {
			if (\$request_method = OPTIONS) {
				rewrite ^ /.preflight last;
			}
			# Not limit_except: it would answer preflights before the rewrite above is reached.
			if (\$request_method !~ "^(PUT|POST)\$") {
				return 404;
			}
			client_max_body_size 0;
			proxy_request_buffering off;
			proxy_send_timeout 120s;
			proxy_read_timeout 120s;
			proxy_pass $STORE_SCHEME://safelight_store;
		}
		location = /.preflight {
			internal;
			if (\$safelight_upload_origin = "") {
				return 403;
			}
			add_header Access-Control-Allow-Origin \$safelight_upload_origin always;
			add_header Access-Control-Allow-Methods "PUT, POST" always;
			add_header Access-Control-Allow-Headers \$http_access_control_request_headers always;
			add_header Access-Control-Max-Age 3600 always;
			add_header Vary "Origin, Access-Control-Request-Headers" always;
			return 204;
		}
LOCATION
}

# Whose pages may read media ([cdn] cors_origins).
cors_line() {
    local origins origin words=
    IFS=', ' read -ra origins <<<"$(print_setting cdn cors_origins || true)"
    for origin in "${origins[@]}"; do
        origin=${origin%/}
        if [ "$origin" = '*' ]; then
            [ ${#origins[@]} -eq 1 ] || die "[cdn] cors_origins: * stands alone"
        else
            [[ $origin =~ ^https?://[a-z0-9.-]+(:[0-9]+)?$ ]] || die "[cdn] cors_origins: not an origin as browsers write it: $origin"
        fi
        words+=" \"$origin\""
    done
    [ -z "$words" ] || printf '\tsafelight_cors%s;' "$words"
}

# Variants on demand ([cdn] on_demand): what the store does not have the transcoder is asked for, once however many ask.
# Its answers lie in a cache of their own, just long enough for those who wait: by then the store has the object.
on_demand_zone() {
    [ "$ON_DEMAND" = true ] || return 0
    printf '\tproxy_cache_path made levels=1:2 keys_zone=safelight_made:4m max_size=256m inactive=10m use_temp_path=off;'
}

# Each line of a [preset.NAME] section as `NAME KEY WORDS…`; `NAME` alone where one begins.
preset_lines() {
    [ -n "$CONFIG" ] || return 0
    awk '/^[ \t]*([;#]|$)/ { next }
        /^[ \t]*\[/ {
            sub(/^[ \t]*\[/, ""); sub(/\].*/, "")
            preset = sub(/^preset\./, "") ? $0 : ""
            if (preset != "") print preset
            next
        }
        preset != "" { sub(/[=:]/, " "); print preset, $0 }' "$CONFIG"
}

# The names of all presets' sizes on demand: a section's on_demand.NAME lines replace the built-in ones (`none` is none),
# and the default preset is there without a section, too. Which of them a media has its signed URLs say.
on_demand_names() {
    { echo default && preset_lines; } | awk -v built_in="$ON_DEMAND_NAMES" '
        { own[$1] = own[$1] }
        sub(/^on_demand\./, "", $2) { own[$1] = own[$1] " " $2 }
        END {
            for (preset in own) {
                count = split(own[preset] == "" ? built_in : own[preset], names, " ")
                for (i = 1; i <= count; i++) if (!seen[names[i]]++) print names[i]
            }
        }' | sort
}

# Where a missing object leads. By its name, so that nobody asks the transcoder, or is told to wait for it, because of what
# it would not make; on demand are the required formats, which AVIF is where a preset says so.
on_demand_map() {
    [ "$ON_DEMAND" = true ] || return 0
    local name names='' formats='jpg|webp'
    for name in $(on_demand_names); do
        [[ $name =~ ^[a-z0-9][a-z0-9_-]{0,31}$ ]] || die "on_demand.$name: not the name of a step"
        [ "$name" = none ] || names+="|$name"
    done
    ! preset_lines | grep -Eq '^[^ ]+ +encoding\.avif .*\<required\>' || formats+='|avif'
    # shellcheck disable=SC2016 # nginx's variables
    printf '\tmap $safelight_object_key $safelight_missing_location {\n\t\tdefault @media_missing;\n'
    [ -z "$names" ] || printf '\t\t"~/(%s)\\.(%s)$" @on_demand;\n' "${names#|}" "$formats"
    printf '\t}\n'
}

on_demand_upstream() {
    [ "$ON_DEMAND" = true ] || return 0
    # By the object's key, so that all edges ask one transcoder for one object, which makes it once.
    # shellcheck disable=SC2016 # nginx's variable
    printf '\tupstream safelight_transcoder {\n\t\thash $safelight_object_key consistent;\n%s\n\t\tkeepalive 16;\n\t\tkeepalive_timeout 10s;\n\t}' \
        "$(server_lines "$TRANSCODER")"
}

on_demand_location() {
    [ "$ON_DEMAND" = true ] || return 0
    local seconds=$(((10#$(setting transcoder resize_ms '[0-9]{1,5}') + 999) / 1000 + 2))
    cat <<LOCATION
		# ---- variants on demand: what the store does not have

		location @on_demand {
			# Checks the URL once more, since nginx forgets on the way here; the answer carries a variant's headers.
			safelight_delivery on;
			safelight_on_demand_token_file $(secret_file transcoder resize_token);
			proxy_pass http://safelight_transcoder/resize/\$safelight_object_key;
			proxy_pass_request_headers off;
			proxy_pass_request_body off;
			proxy_method GET;
			proxy_set_header Content-Length "";
			proxy_set_header Connection "";
			proxy_set_header Host transcoder;
			proxy_set_header Authorization \$safelight_on_demand_authorization;
			proxy_set_header X-Request-Id \$safelight_request_id;
			# An answer is late rather than asked for twice.
			proxy_next_upstream error;
			proxy_next_upstream_tries 2;
			proxy_send_timeout 5s;
			proxy_read_timeout ${seconds}s;
			proxy_buffer_size 8k;
			proxy_buffers 16 16k;
			max_ranges 1;

			proxy_cache safelight_made;
			proxy_cache_key \$safelight_object_key;
			proxy_ignore_headers Cache-Control Expires Set-Cookie Vary X-Accel-Expires X-Accel-Redirect
				X-Accel-Limit-Rate X-Accel-Buffering X-Accel-Charset;
			proxy_cache_valid 200 5s;
			proxy_cache_valid 422 10m;
			# Refusals too, so that a crowd is turned away together and not one by one.
			proxy_cache_valid 404 500 502 503 504 1s;
			proxy_cache_lock on;
			proxy_cache_lock_age $((seconds + 1))s;
			proxy_cache_lock_timeout $((seconds + 5))s;
			proxy_intercept_errors on;
			recursive_error_pages on;
			error_page 400 401 403 404 405 410 422 = @media_missing;
			error_page 412 = @precondition_failed;
			error_page 416 = @range_not_satisfiable;
			error_page 429 500 502 503 504 = @on_demand_busy;
		}
LOCATION
}

# Where nginx connects to: the port is the scheme's own when the URL has none.
store_server() {
    if [[ $STORE_HOST =~ :[0-9]+$ ]]; then
        printf '%s' "$STORE_HOST"
    elif [ "$STORE_SCHEME" = https ]; then
        printf '%s:443' "$STORE_HOST"
    else
        printf '%s:80' "$STORE_HOST"
    fi
}

store_tls_lines() {
    [ "$STORE_SCHEME" = https ] || return 0
    cat <<LINES
			proxy_ssl_server_name on;
			proxy_ssl_name ${STORE_HOST%%:*};
			proxy_ssl_verify on;
			proxy_ssl_verify_depth 4;
			proxy_ssl_trusted_certificate /etc/ssl/certs/ca-certificates.crt;
LINES
}

URL='https?://[A-Za-z0-9.-]+(:[0-9]+)?/?'
ADDRESS='([A-Za-z0-9.-]+|\[[0-9a-fA-F:.]+\]):[0-9]+'

mkdir -p "$OUT"
OUT=$(realpath -e -- "$OUT")
# Workers need to pass, nobody needs to look.
[ -O "$OUT" ] && chmod 0711 "$OUT"
mkdir -p "$OUT/tmp"
chmod 0711 "$OUT/tmp"
GALLERY=$(realpath -m -- "$HERE/../samples/gallery")
CONSOLE=$(realpath -m -- "$HERE/../console")

INGEST=${INGEST:-$(setting ingest listen "$ADDRESS")}
API=${API:-$(setting api listen "$ADDRESS")}
GALLERY_ON=$(setting edge gallery 'true|false')
PUBLIC_ON=$(setting edge public 'true|false')
CONSOLE_ON=$(setting edge console 'true|false')
PUBLIC_ENDPOINT=$(setting store public_endpoint "$URL")
PUBLIC_ENDPOINT=${PUBLIC_ENDPOINT%/}
CDN_PUBLIC_URL=$(setting cdn public_url "$URL")
CDN_PUBLIC_URL=${CDN_PUBLIC_URL%/}
CORS_ORIGINS=$(print_setting store cors_origins || true)
ORIGINALS_BUCKET=$(setting store originals_bucket '[a-z0-9.-]{3,63}')
STORE_URL=$(setting store endpoint "$URL")
TRANSCODER=${TRANSCODER:-$(setting transcoder listen "$ADDRESS")}
ON_DEMAND=$(setting cdn on_demand 'true|false')
STORE_URL=${STORE_URL%/}
STORE_SCHEME=${STORE_URL%%:*}
STORE_HOST=${STORE_URL#*://}
MEDIA_PER_SECOND=$(setting edge media_per_second '[0-9]{1,7}')
CALLS_PER_SECOND=$(setting edge calls_per_second '[0-9]{1,7}')
TLS_CERTIFICATE=$(print_setting edge tls_certificate || true)
TLS_KEY_FILE=$(print_setting edge tls_key_file || true)
TLS_OPTIONS=
if [ -n "$TLS_CERTIFICATE$TLS_KEY_FILE" ]; then
    if [ -z "$TLS_CERTIFICATE" ] || [ -z "$TLS_KEY_FILE" ]; then die "[edge] tls_certificate and tls_key_file go together"; fi
    TLS_CERTIFICATE=$(print_file '[edge] tls_certificate' "$TLS_CERTIFICATE")
    TLS_KEY_FILE=$(print_file '[edge] tls_key_file' "$TLS_KEY_FILE")
    TLS_OPTIONS=' ssl http2'
fi
[[ $PID_FILE =~ ^[A-Za-z0-9/._-]+$ ]] || die "--pid: nginx.conf cannot name this path: $PID_FILE"

# What stands for each @{NAME} of the template.
declare -A value
value[MODULE]=$(print_file --module "$MODULE")
value[USER_LINE]=$(user_line)
value[PID_FILE]=$PID_FILE
value[WORKERS]=$(setting edge workers '[0-9]{1,3}')
value[LISTEN]=$(setting edge listen "$ADDRESS")$TLS_OPTIONS
value[TLS_LINES]=$(tls_lines)
value[MEDIA_LIMIT_ZONE]=$(limit_zone safelight_media_rate "$((10#$MEDIA_PER_SECOND))")
value[CALLS_LIMIT_ZONE]=$(limit_zone safelight_calls_rate "$((10#$CALLS_PER_SECOND))")
value[MEDIA_BURST]=$(burst "$MEDIA_PER_SECOND")
value[CALLS_BURST]=$(burst "$CALLS_PER_SECOND")
value[REQUESTS_AT_ONCE]=$(setting edge requests_at_once '[0-9]{1,6}')
value[ADMIN_LISTEN]=$(setting edge admin_listen "$ADDRESS")
value[INGEST_SERVERS]=$(server_lines "$INGEST")
value[API_SERVERS]=$(server_lines "$API")
value[STORE_URL]=$STORE_URL
value[STORE_SCHEME]=$STORE_SCHEME
value[STORE_SERVER]=$(store_server)
value[STORE_TLS_LINES]=$(store_tls_lines)
value[MEDIA_BUCKET]=$(setting store media_bucket '[a-z0-9.-]{3,63}')
value[ORIGINALS_BUCKET]=$ORIGINALS_BUCKET
value[REGION]=$(setting store region '[A-Za-z0-9-]+')
value[ACCESS_KEY]=$(setting edge access_key '[A-Za-z0-9+/=._-]+')
value[SECRET_FILE]=$(secret_file edge secret_key)
value[KEYS_FILE]=$(secret_file cdn keys)
value[PURGE_TOKEN_FILE]=$(secret_file cdn purge_token)
value[CACHE_BYTES]=$(setting edge cache_bytes '[0-9]+[kKmMgG]?')
value[CORS_LINE]=$(cors_line)
value[ON_DEMAND_ZONE]=$(on_demand_zone)
value[ON_DEMAND_MAP]=$(on_demand_map)
value[ON_DEMAND_UPSTREAM]=$(on_demand_upstream)
value[ON_DEMAND_LOCATION]=$(on_demand_location)
value[ON_DEMAND_PURGE]=$([ "$ON_DEMAND" = false ] || printf ' safelight_made')
value[MISSING_LOCATION]=@media_missing
value[DELIVERY]=on
[ "$PUBLIC_ON" = false ] || value[DELIVERY]=public
# shellcheck disable=SC2016 # nginx's variable
[ "$ON_DEMAND" = false ] || value[MISSING_LOCATION]='$safelight_missing_location'
value[UPLOAD_MAP]=$(upload_map)
value[UPLOAD_LOCATION]=$(upload_location)
value[GALLERY_LOCATION]=$(gallery_location)
value[CONSOLE_LOCATION]=$(console_location)

text=$(<"$HERE/nginx.conf.template")
for name in "${!value[@]}"; do
    text=${text//"@{$name}"/"${value[$name]}"}
done
[[ $text != *'@{'* ]] || die "nginx.conf.template names something that is not rendered"
printf '%s\n' "$text" >"$OUT/nginx.conf.new"
mv -f "$OUT/nginx.conf.new" "$OUT/nginx.conf"
