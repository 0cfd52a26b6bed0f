#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Sets up, builds into build/, and shows what Viaduct does beside the kernel on this machine.
# Usage: sh cmake/demo.sh
set -eu
cd "$(dirname "$0")/.."
# shellcheck source=cmake/setup.sh
. cmake/setup.sh

find_root
need_packages build-essential cmake pkg-config libbpf-dev libxdp-dev libmnl-dev libev-dev iproute2 ethtool
say "building into build/"
cmake -S . -B build -DVIADUCT_TESTS=OFF
cmake --build build -j "$jobs"
sh cmake/demo_run.sh build/bin
