#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Builds and runs SOURCE with what `pkg-config --static viaduct` says. Usage: pkgconfig.sh CC PCDIR SOURCE PROGRAM
set -eu
cc=$1 source=$3 program=$4
PKG_CONFIG_PATH=$2${PKG_CONFIG_PATH:+:$PKG_CONFIG_PATH}
export PKG_CONFIG_PATH
flags=$(pkg-config --static --cflags --libs viaduct)
echo "pkg-config --static viaduct: $flags"
# shellcheck disable=SC2086
"$cc" "$source" -o "$program" $flags
"$program"
