# SPDX-License-Identifier: BSD-2-Clause
# Sourced by demo.sh and check.sh: who we are, what is missing, how it is installed. POSIX sh.
# shellcheck shell=sh disable=SC2034

LC_ALL=C
export LC_ALL

jobs=$(nproc 2>/dev/null || echo 2)

# "" as root, "sudo" or "sudo -n" where that works, "no" otherwise. Nobody is there to type a password in CI.
find_root() {
    if [ "$(id -u)" -eq 0 ]; then
        root=""
    elif command -v sudo >/dev/null 2>&1 && sudo -n true 2>/dev/null; then
        root="sudo -n"
    elif command -v sudo >/dev/null 2>&1 && [ -t 0 ] && sudo true; then
        root="sudo"
    else
        root="no"
    fi
}

say() {
    printf '== %s\n' "$*"
}

# Runs a command as root, if there is a way.
as_root() {
    if [ "$root" = no ]; then
        return 1
    fi
    $root "$@"
}

missing() {
    for package in "$@"; do
        dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null | grep -qx installed || printf '%s ' "$package"
    done
}

# Installs those of the packages that are not there, with one update of the lists. A package that this release does not
# know is left out, and what needs it is left out by CMake or by the tests, which say so.
need_packages() {
    if ! command -v dpkg-query >/dev/null 2>&1; then
        say "no apt on this system; wanted (Debian names): $*"
        return 0
    fi
    # shellcheck disable=SC2046
    set -- $(missing "$@")
    if [ $# -eq 0 ]; then
        return 0
    fi
    if [ "$root" = no ]; then
        say "not installed, and neither root nor sudo to do it: $*"
        return 0
    fi
    say "installing: $*"
    DEBIAN_FRONTEND=noninteractive
    export DEBIAN_FRONTEND
    if ! $root env DEBIAN_FRONTEND=noninteractive apt-get -qq update; then
        say "apt-get update failed; going on with the lists that are there"
    fi
    known=""
    for package in "$@"; do
        if apt-cache show "$package" >/dev/null 2>&1; then
            known="$known $package"
        else
            say "$package is not known to apt: left out"
        fi
    done
    # shellcheck disable=SC2086
    $root env DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends install $known >/dev/null ||
        say "apt-get could not install all of:$known"
}

# A test serves files by nginx, in a namespace. Its package starts it for the whole system as well, which is not what anybody
# asked for: it is installed only where no service manager would do that.
need_nginx() {
    if command -v nginx >/dev/null 2>&1; then
        return 0
    elif [ -d /run/systemd/system ]; then
        say "nginx is not installed: its package would start a server; its test is skipped"
    else
        RUNLEVEL=1
        export RUNLEVEL
        need_packages nginx-light
    fi
}

# The run-time library of clang's sanitizers and fuzzer is a package of its own, named after the version.
clang_rt() {
    version=$(apt-cache depends clang 2>/dev/null | sed -n 's/.*Depends: clang-\([0-9]*\)$/\1/p' | head -n 1)
    echo "libclang-rt-${version:-14}-dev"
}

# Network namespaces with veth pairs can be made here: not in every container.
netns_works() {
    ns="via-try-$$"
    as_root ip netns add "$ns" 2>/dev/null || return 1
    as_root ip -n "$ns" link add v0 type veth peer name v1 2>/dev/null
    result=$?
    as_root ip netns del "$ns"
    return $result
}
