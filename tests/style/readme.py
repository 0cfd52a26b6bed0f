#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""The README shows examples/first.c as it is, and names no program that is not there. Usage: readme.py ROOT"""
import os
import re
import sys

root = sys.argv[1]
readme = open(os.path.join(root, "README.md"), encoding="utf-8").read()
first = open(os.path.join(root, "examples/first.c"), encoding="utf-8").read()
faults = []
if "```c\n" + first + "```" not in readme:
    faults.append("README.md: the C program is not examples/first.c")
for path in re.findall(r"`((?:doc|cmake|examples|tests)/[a-z0-9_.]*)`", readme):
    if not os.path.exists(os.path.join(root, path)):
        faults.append(f"README.md: {path} is not there")
print("\n".join(faults) or "README.md agrees")
sys.exit(1 if faults else 0)
