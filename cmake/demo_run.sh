#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# The demo itself: what a stack costs, what order it keeps, how long a datagram takes, ours beside the kernel's.
# Usage: sh cmake/demo_run.sh BINDIR
set -eu
here=$(dirname "$0")
bin=$(cd "$1" && pwd)
# shellcheck source=cmake/setup.sh
. "$here/setup.sh"
find_root

sizes=1,64,256,1024,1472
pings=${VIA_DEMO_PINGS:-20000}
left_out=""
k="via-demo$$-k"
v="via-demo$$-v"
server=""
out=$(mktemp)

tidy() {
    if [ -n "$server" ]; then
        as_root kill "$server" 2>/dev/null || true
    fi
    if [ -n "${spaces:-}" ]; then
        as_root ip netns del "$k" 2>/dev/null || true
        as_root ip netns del "$v" 2>/dev/null || true
    fi
    rm -f "$out"
}
trap tidy EXIT
trap 'exit 1' INT TERM HUP

heading() {
    printf '\n---- %s\n' "$*"
}

in_memory() {
    heading "Two stacks in one thread on a cable in memory: what the code itself costs (ns per round trip)"
    "$bin/via-pingpong" --inproc --sizes $sizes --pings "$pings" --checksum on
    "$bin/via-pingpong" --inproc --sizes $sizes --pings "$pings" --checksum off | grep -v '^# machine'
    heading "Messages of four multicast groups, read in the order of the wire"
    "$bin/ordered_feed" mem: 192.0.2.1/24
}

# Half a round trip of each size into $out: client in namespace $1, server in $2. Options of each follow as words.
measure() { # NAME CLIENT_NS CLIENT_WORDS SERVER_NS SERVER_WORDS
    heading "$1"
    # shellcheck disable=SC2086
    as_root ip netns exec "$4" "$bin/via-pingpong" server $5 >"$out.server" 2>&1 &
    server=$!
    tries=0
    until grep -q serving "$out.server" || [ $tries -ge 50 ]; do
        sleep 0.1
        tries=$((tries + 1))
    done
    # shellcheck disable=SC2086
    if as_root ip netns exec "$2" "$bin/via-pingpong" client $3 --sizes $sizes --pings "$pings" >"$out" 2>&1; then
        grep -h '^# \(viaduct\|interface\|note\)' "$out.server" | sed 's/^# /# server: /' || true
        grep -v '^# machine' "$out"
        printf '%s|%s\n' "$1" "$(awk '!/^#/ { printf "%s ", $4 }' "$out")" >>"$out.table"
    else
        cat "$out" "$out.server"
        left_out="$left_out
  - $1: did not run, see above"
    fi
    wait "$server" 2>/dev/null || true
    server=""
}

# Without root: the kernel's own figures at least, over the loopback of a namespace that a user may make.
kernel_alone() {
    if ! unshare -rn true 2>/dev/null; then
        left_out="$left_out
  - the kernel's figures: no user namespaces here"
        return
    fi
    heading "The kernel between two processes over loopback, spinning (ns per half round trip)"
    # shellcheck disable=SC2016
    unshare -rn sh -c '
        ip link set lo up
        "$0" server --os --addr 127.0.0.1 >/dev/null &
        sleep 0.5
        "$0" client --os --peer 127.0.0.1 --sizes "$1" --pings "$2"
        wait' "$bin/via-pingpong" "$sizes" "$pings" | grep -v '^# machine'
}

# Namespaces K and V on a veth. The kernel has addresses at both ends; Viaduct takes others of the same subnet at V's.
make_spaces() {
    spaces=yes
    as_root ip netns add "$k"
    as_root ip netns add "$v"
    as_root ip -n "$k" link add k0 type veth peer name v0 netns "$v"
    as_root ip -n "$k" addr add 192.0.2.1/24 dev k0
    as_root ip -n "$v" addr add 192.0.2.3/24 dev v0
    as_root ip -n "$k" link set k0 up
    as_root ip -n "$v" link set v0 up
}

on_a_link() {
    kernel="--os --peer 192.0.2.2 --port 9000"
    ours="--addr 192.0.2.2/24 --port 9000"
    measure "kernel - kernel, spinning" "$k" "--os --peer 192.0.2.3 --port 9000 --wait spin" "$v" "--os --port 9000 --wait spin"
    measure "kernel - kernel, sleeping" "$k" "--os --peer 192.0.2.3 --port 9000 --wait sleep" "$v" \
        "--os --port 9000 --wait sleep"
    # The kernel leaves checksums to a device that veth does not have; whoever reads the link raw needs them done.
    as_root ip netns exec "$k" ethtool -K k0 tx off >/dev/null 2>&1 || true
    as_root ip netns exec "$v" ethtool -K v0 tx off >/dev/null 2>&1 || true
    for driver in xdp packet; do
        measure "kernel - Viaduct on $driver, spinning" "$k" "$kernel --wait spin" "$v" "--vi $driver:v0 $ours --wait spin"
        measure "kernel - Viaduct on $driver, sleeping" "$k" "$kernel --wait sleep" "$v" "--vi $driver:v0 $ours --wait sleep"
    done
    as_root ip -n "$k" addr del 192.0.2.1/24 dev k0
    measure "Viaduct - Viaduct on xdp, spinning" "$k" "--vi xdp:k0 --addr 192.0.2.1/24 --peer 192.0.2.2 --port 9000 --wait spin" \
        "$v" "--vi xdp:v0 $ours --wait spin"
    measure "bare frames on xdp, no stack (the floor)" "$k" "--raw --vi xdp:k0 --wait spin" "$v" "--raw --vi xdp:v0 --wait spin"
    as_root ip -n "$k" addr add 192.0.2.1/24 dev k0
}

summary() {
    heading "Median half round trip in ns, by payload size"
    printf '%-44s' ""
    echo $sizes | tr ',' '\n' | while read -r size; do printf '%8s' "$size"; done
    echo
    while IFS='|' read -r name values; do
        printf '%-44s' "$name"
        for value in $values; do printf '%8s' "$value"; done
        echo
    done <"$out.table"
    printf '\nOne run on a machine that may be doing other things: compare rows, do not quote numbers.\n'
    printf 'Two spinning ends want two free CPUs; this machine has %s.\n' "$jobs"
}

in_memory
if [ "$root" = no ]; then
    kernel_alone
    left_out="$left_out
  - everything on a real link: needs root or sudo for network namespaces"
elif ! netns_works; then
    left_out="$left_out
  - everything on a real link: network namespaces or veth cannot be made here"
else
    : >"$out.table"
    make_spaces
    on_a_link
    summary
    rm -f "$out.table" "$out.server"
fi
heading "Done"
if [ -n "$left_out" ]; then
    printf 'Left out:%s\n' "$left_out"
else
    printf 'Nothing was left out.\n'
fi
printf 'Programs are in %s; the manual: cmake --build build --target doc\n' "$bin"
