#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Compiles each public header alone, as C11 and, where there is a compiler, as C++17.

Usage: headers.py ROOT CC CXX FLAGS...     (CXX may be empty)
"""
import glob
import os
import subprocess
import sys

root, cc, cxx, *flags = sys.argv[1:]
warnings = ["-Wall", "-Wextra", "-Wconversion", "-Wpedantic", "-Werror", "-fsyntax-only"]
# No -Wshadow in C++: a function may have the name of its struct, as stat(2) has.
ways = [[cc, "-x", "c", "-std=c11", "-D_GNU_SOURCE", "-Wshadow"]] + ([[cxx, "-x", "c++", "-std=c++17"]] if cxx else [])
headers = sorted(glob.glob(os.path.join(root, "include/viaduct/*.h")))
headers += glob.glob(os.path.join(root, "bindings/*/include/viaduct/*.h"))
if any("bindings/libev" in f for f in flags):
    headers += glob.glob(os.path.join(root, "bindings/libev/*.h"))
failed = 0
for header in headers:
    for way in ways:
        # Included twice: a missing guard shows too.
        text = f'#include "{header}"\n#include "{header}"\n'
        run = subprocess.run(way + warnings + flags + ["-"], input=text, text=True, capture_output=True, check=False)
        if run.returncode:
            failed += 1
            print(f"{os.path.relpath(header, root)} with {' '.join(way)}:\n{run.stderr}")
print(f"{len(headers)} headers, {len(ways)} languages, {failed} failures")
sys.exit(1 if failed or not headers else 0)
