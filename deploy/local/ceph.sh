# shellcheck shell=bash
# Object storage: Ceph RGW, a real S3, on one monitor, one OSD and one gateway. All of
# it listens on loopback and keeps its data in $RUN_DIR/data/ceph.

# Users of the store. What each may do with which bucket is said by the bucket policies
# (`safelightctl store init`); beyond them the gateway itself bounds the kinds of
# operation. Only `admin` may create buckets. The access key of each is its name.
S3_USERS=(admin presign ingest transcoder edge backup)
declare -A S3_USER_OPERATIONS=(
    [admin]="read, write, delete"
    [presign]="write"
    [ingest]="read, write, delete"
    [transcoder]="read, write, delete"
    [edge]="read"
    [backup]="read, write, delete"
)

# Runs a Ceph command line tool against our monitor, bounded in time.
run_ceph_tool() {
    local tool=$1
    shift
    timeout --kill-after=5 60 "$tool" --conf "$CEPH_CONF" "$@"
}

# BlueStore must not defer the writes of small objects (its default on rotating disks):
# replayed after several kills in a row they landed on newer objects ("bad crc", object
# unfound, requests that hang; seen twice in nine rounds of kills with 16.2.15).
#
# One replica and no authentication between the daemons, since all are ours on loopback;
# what costs start-up time and serves no single node is off (manager, autoscaler,
# placement-group scaling, multi-site sync, operation logs). The proposal interval is
# the monitor's waiting time before each change of its maps, a second by default, and
# the first start makes a dozen of them.
write_ceph_config() {
    local fsid
    make_ceph_ids
    read -r fsid <"$CEPH_HOME/fsid"
    write_if_changed "$CEPH_CONF" <<CONFIG || true
[global]
fsid = $fsid
mon host = [v1:127.0.0.1:$PORT_MON/0]
mon initial members = a
auth cluster required = none
auth service required = none
auth client required = none
public network = 127.0.0.0/8
ms bind msgr2 = false
ms bind port min = $PORT_OSD_FIRST
ms bind port max = $PORT_OSD_LAST
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 4
osd pool default pgp num = 4
osd pool default pg autoscale mode = off
osd crush chooseleaf type = 0
run dir = $CEPH_HOME
admin socket =
pid file =
log to stderr = false
err to stderr = false
log to file = true
debug rgw = 0/0

[mon]
log file = $(log_file ceph-mon)
mon data = $CEPH_HOME/mon
mon allow pool size one = true
mon data avail warn = 5
mon data avail crit = 1
mon cluster log to file = false
mon cluster log to stderr = false
paxos propose interval = 0.02
paxos min wait = 0.01
debug rocksdb = 0/0

[osd]
log file = $(log_file ceph-osd)
osd data = $CEPH_HOME/osd
osd objectstore = bluestore
osd memory target = 1073741824
osd class update on start = false
osd crush update on start = false
bluestore block create = true
bluestore block size = 10737418240
bluestore fsck on mkfs = false
bluestore prefer deferred size = 0
bluestore prefer deferred size hdd = 0
bluestore prefer deferred size ssd = 0
bdev aio poll ms = 20
debug bluestore = 0/0
debug bluefs = 0/0
debug bdev = 0/0
debug rocksdb = 0/0
debug osd = 0/0
osd client watch timeout = 6

[client]
log file =
err to stderr = true

[client.rgw]
log file = $(log_file radosgw)
keyring = /dev/null
rgw data = $CEPH_HOME/rgw
rgw frontends = beast endpoint=127.0.0.1:$PORT_RGW tcp_nodelay=1
rgw enable apis = s3, admin, notifications
rgw thread pool size = 64
rgw run sync thread = false
rgw enable ops log = false
rgw enable usage log = false
rgw num control oids = 1
objecter tick interval = 1
CONFIG
}

make_ceph_ids() {
    local name
    mkdir -p "$CEPH_HOME"
    for name in fsid osd_uuid; do
        [ -s "$CEPH_HOME/$name" ] || cat /proc/sys/kernel/random/uuid >"$CEPH_HOME/$name"
    done
}

# Listening is not enough: until it has elected itself, a monitor sends clients away.
is_mon_healthy() { run_ceph_tool ceph --connect-timeout 3 mon stat; }

# Up, and the very process we started: the map may still show a killed one. An OSD puts
# its pid into its addresses (nonce).
is_osd_healthy() {
    run_ceph_tool ceph --connect-timeout 3 osd dump --format json |
        jq -e --arg pid "$(read_pid ceph-osd)" '.osds[0] | .up == 1 and (.public_addr | endswith("/" + $pid))'
}

# Asking for a bucket that is not there makes the gateway look into the OSD.
is_rgw_healthy() {
    [ "$(curl --silent --max-time 2 --noproxy '*' --output /dev/null --write-out '%{http_code}' \
        "http://127.0.0.1:$PORT_RGW/no-such-bucket")" = 404 ]
}

make_mon() {
    local fsid map=$CEPH_HOME/monmap
    [ ! -f "$CEPH_HOME/mon/made" ] || return 0
    read -r fsid <"$CEPH_HOME/fsid"
    rm -rf "$CEPH_HOME/mon"
    mkdir -p "$CEPH_HOME/mon"
    monmaptool --create --clobber --addv a "[v1:127.0.0.1:$PORT_MON/0]" --fsid "$fsid" "$map" &&
        run_ceph_tool ceph-mon --mkfs -i a --monmap "$map" &&
        printf '%s\n' "$PORT_MON" >"$CEPH_HOME/mon/made"
}

# A monitor knows its own address from its stored map: after a move to other ports that
# map is written anew.
move_mon() {
    local port fsid map=$CEPH_HOME/monmap
    read -r port <"$CEPH_HOME/mon/made"
    [ "$port" != "$PORT_MON" ] || return 0
    read -r fsid <"$CEPH_HOME/fsid"
    run_ceph_tool ceph-mon -i a --extract-monmap "$map" &&
        monmaptool --rm a "$map" &&
        monmaptool --addv a "[v1:127.0.0.1:$PORT_MON/0]" "$map" &&
        run_ceph_tool ceph-mon -i a --inject-monmap "$map" &&
        printf '%s\n' "$PORT_MON" >"$CEPH_HOME/mon/made"
}

start_mon() {
    if ! is_running ceph-mon; then
        { make_mon && move_mon; } >>"$(log_file ceph-mon)" 2>&1 || {
            warn "the Ceph monitor could not be made"
            print_log_tail ceph-mon
            return 1
        }
        start_daemon ceph-mon ceph-mon --conf "$CEPH_CONF" -i a -f
    fi
    wait_for_daemon ceph-mon "$STACK_DEADLINE" is_mon_healthy
}

make_osd() {
    local uuid
    [ ! -f "$CEPH_HOME/osd/made" ] || return 0
    read -r uuid <"$CEPH_HOME/osd_uuid"
    rm -rf "$CEPH_HOME/osd"
    mkdir -p "$CEPH_HOME/osd"
    # Both may be repeated. The OSD itself asks nothing of the monitor when it starts (it
    # does so before it knows the cluster's id, and dies of "wrong fsid" on a busy machine),
    # so its place in the map is set here; the tool knows the same weakness, hence the tries.
    wait_until 30 run_ceph_tool ceph osd new "$uuid" 0 &&
        wait_until 30 run_ceph_tool ceph osd crush add osd.0 1 root=default host=local &&
        run_ceph_tool ceph-osd -i 0 --mkfs --osd-uuid "$uuid" &&
        touch "$CEPH_HOME/osd/made"
}

start_osd() {
    if ! is_running ceph-osd; then
        make_osd >>"$(log_file ceph-osd)" 2>&1 || {
            warn "the Ceph OSD could not be made"
            print_log_tail ceph-osd
            return 1
        }
        start_daemon ceph-osd ceph-osd --conf "$CEPH_CONF" -i 0 -f
    fi
    wait_for_daemon ceph-osd "$STACK_DEADLINE" is_osd_healthy
}

start_rgw() {
    if ! is_running radosgw; then
        mkdir -p "$CEPH_HOME/rgw"
        start_daemon radosgw radosgw --conf "$CEPH_CONF" -n client.rgw -f
    fi
    wait_for_daemon radosgw "$STACK_DEADLINE" is_rgw_healthy
    make_s3_users
}

set_ceph_home() {
    CEPH_HOME=$RUN_DIR/data/ceph
    CEPH_CONF=$CEPH_HOME/ceph.conf
}

start_ceph() {
    set_ceph_home
    write_ceph_config
    start_mon
    start_osd
    start_rgw
}

# The user as the gateway stores it. It is put in as metadata through standard input,
# since `radosgw-admin user create` takes the secret key only as an argument, where any
# user of the machine could read it.
print_s3_user() {
    local user=$1 buckets=-1
    # A negative number of buckets forbids making any.
    case $user in
    admin) buckets=100 ;;
    backup) buckets=1 ;;
    esac
    jq -n --arg user "$user" --rawfile secret "$RUN_DIR/secrets/s3_$user" \
        --arg operations "${S3_USER_OPERATIONS[$user]}" --argjson buckets "$buckets" '
        {enabled: false, check_on_raw: false, max_size: -1, max_size_kb: 0, max_objects: -1} as $unlimited |
        {key: "user:\($user)", data: {
            user_id: $user, display_name: "safelight \($user)", email: "", suspended: 0, max_buckets: $buckets,
            subusers: [], keys: [{user: $user, access_key: $user, secret_key: $secret}], swift_keys: [], caps: [],
            op_mask: $operations, default_placement: "", default_storage_class: "", placement_tags: [],
            bucket_quota: $unlimited, user_quota: $unlimited, temp_url_keys: [], type: "rgw", mfa_ids: [], attrs: []}}'
}

# Repeated only when a secret has changed: the digest of what was put in is kept.
make_s3_users() {
    local user digest done_digest=
    digest=$(for user in "${S3_USERS[@]}"; do print_s3_user "$user"; done | sha256sum)
    { read -r done_digest <"$CEPH_HOME/users_made"; } 2>/dev/null || true
    [ "$digest" != "$done_digest" ] || return 0
    for user in "${S3_USERS[@]}"; do
        print_s3_user "$user" | run_ceph_tool radosgw-admin metadata put "user:$user" >/dev/null 2>>"$(log_file radosgw)" || {
            warn "the S3 user $user could not be made"
            print_log_tail radosgw
            return 1
        }
    done
    printf '%s\n' "$digest" >"$CEPH_HOME/users_made"
}

# The gateway first and the monitor last, so that each can still say goodbye to the
# next; all of them survive being killed, hence the short patience.
stop_ceph() {
    stop_daemon radosgw 5
    stop_daemon ceph-osd 5
    stop_daemon ceph-mon 5
}
