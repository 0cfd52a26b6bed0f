#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Sets up and runs every test; the last line says how many passed. Usage: sh cmake/check.sh [--no-install]
#
#   build/           gcc, as users build it: all tests, namespace tests too where root is to be had
#   build/paranoid/  gcc, VIADUCT_CHECKS=2, AddressSanitizer, UBSan: tests that need no network
#   build/clang/     clang, the same build; the fuzzers: corpus replayed, some seconds each
#   valgrind         one unit test of the plain build
set -eu
cd "$(dirname "$0")/.."
# shellcheck source=cmake/setup.sh
. cmake/setup.sh

passed=0
failed=0
failures=""
runner="" # what tests are run by: sudo, or nothing
logs=build/check
mkdir -p "$logs"

count() { # NAME PASSED FAILED
    passed=$((passed + $2))
    failed=$((failed + $3))
    if [ "$3" -ne 0 ]; then
        failures="$failures $1"
    fi
}

# One step that passes or fails as a whole; its output is shown when it fails.
step() { # NAME COMMAND...
    name=$1
    shift
    say "$name"
    if "$@" >"$logs/$name.log" 2>&1; then
        count "$name" 1 0
        return 0
    fi
    tail -n 100 "$logs/$name.log"
    say "$name failed: $*"
    count "$name" 0 1
    return 1
}

configure_and_build() { # DIR OPTIONS...
    dir=$1
    shift
    cmake -S . -B "$dir" -DVIADUCT_TESTS=ON -DVIADUCT_WERROR=ON "$@" && cmake --build "$dir" -j "$jobs"
}

number() { # ATTRIBUTE of the <testsuite> line of junit.xml
    sed -n "/<testsuite/,/>/s/.*[[:space:]]$1=\"\([0-9]*\)\".*/\1/p" "$logs/junit.xml" | head -n 1
}

# All tests of a build directory that the options choose; each counts, one that had to be skipped counts as neither.
tests() { # NAME DIR OPTIONS...
    name=$1 dir=$2
    shift 2
    say "$name"
    rm -f "$logs/junit.xml"
    $runner ctest --test-dir "$dir" -j "$jobs" --output-on-failure --output-junit "$PWD/$logs/junit.xml" "$@" || true
    all=$(number tests) bad=$(number failures)
    skipped=$(number skipped)
    if [ -z "$all" ]; then
        count "$name" 0 1
        return
    fi
    count "$name" $((all - bad - ${skipped:-0})) "$bad"
}

begin=$(date +%s)
find_root
if [ "${1:-}" != --no-install ]; then
    need_packages build-essential cmake pkg-config python3 libbpf-dev libxdp-dev libmnl-dev libev-dev libcmocka-dev \
        doxygen graphviz clang llvm "$(clang_rt)" valgrind iproute2 ethtool iputils-ping tshark sockperf socat \
        netcat-openbsd curl tcpdump wrk redis-tools
    need_nginx
fi

if [ "$root" = no ]; then
    say "neither root nor sudo: namespace tests are skipped"
elif ! netns_works; then
    say "no network namespaces or veth here: namespace tests are skipped"
fi

if step build configure_and_build build -DVIADUCT_FUZZ=OFF -DVIADUCT_SANITIZE= -DVIADUCT_CHECKS=0; then
    if [ -z "$root" ] || [ "$root" = no ]; then
        tests "tests" build
    else # a user with sudo: root for what needs it, and no file of root's left in the way
        tests "tests" build -LE netns
        runner=$root
        tests "namespace tests" build -L netns
        runner=""
        $root chown -R "$(id -u)" build
    fi
fi

sane="-fno-sanitize-recover=all"
UBSAN_OPTIONS=print_stacktrace=1
export UBSAN_OPTIONS
if step paranoid-build configure_and_build build/paranoid -DCMAKE_BUILD_TYPE=Debug -DVIADUCT_CHECKS=2 \
    -DVIADUCT_SANITIZE=address,undefined -DCMAKE_C_FLAGS="-O1 $sane"; then
    tests "paranoid" build/paranoid -LE 'netns|style|perf|consumer' -E '^doc\.'
fi

if command -v clang >/dev/null 2>&1; then
    fuzz=OFF
    if echo 'int LLVMFuzzerTestOneInput(const char *d, long n); int LLVMFuzzerTestOneInput(const char *d, long n)
        { return d && n < 0; }' | clang -x c -fsanitize=fuzzer,address - -o "$logs/fuzzer_works" 2>/dev/null; then
        fuzz=ON
    else
        say "this clang has no libFuzzer: the fuzzers are left out"
    fi
    if step clang-build configure_and_build build/clang -DCMAKE_C_COMPILER=clang -DCMAKE_BUILD_TYPE=RelWithDebInfo \
        -DVIADUCT_CHECKS=2 -DVIADUCT_SANITIZE=address,undefined -DVIADUCT_FUZZ=$fuzz -DCMAKE_C_FLAGS="$sane"; then
        tests "clang" build/clang -L 'fuzz|smoke'
    fi
else
    say "clang is not here: its build and the fuzzers are left out"
fi

if command -v valgrind >/dev/null 2>&1; then
    for test in unit.stack.stack unit.udp.udp unit.net.net unit.base.pool unit.wire.ip; do
        if [ -x "build/tests/$test" ]; then
            step valgrind valgrind -q --error-exitcode=9 --leak-check=full "build/tests/$test" || true
            break
        fi
    done
else
    say "valgrind is not here: left out"
fi

say "$(($(date +%s) - begin)) seconds${failures:+; failed:$failures}"
printf '%d passed, %d failed\n' "$passed" "$failed"
[ "$failed" -eq 0 ]
