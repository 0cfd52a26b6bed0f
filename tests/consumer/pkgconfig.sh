#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Builds and runs SOURCE with what `pkg-config --static` says of PACKAGE. Usage: pkgconfig.sh CC PCDIR PACKAGE SOURCE PROGRAM
set -eu
cc=$1 package=$3 source=$4 program=$5
PKG_CONFIG_PATH=$2${PKG_CONFIG_PATH:+:$PKG_CONFIG_PATH}
export PKG_CONFIG_PATH
flags=$(pkg-config --static --cflags --libs "$package")
echo "pkg-config --static $package: $flags"
# shellcheck disable=SC2086
"$cc" "$source" -o "$program" $flags
"$program"
