#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Reads the symbols of the archives: no writable data, no name but via_*, nothing that ends or talks for the host.

Usage: archive.py OBJDUMP ARCHIVE...
"""
import re
import subprocess
import sys

# Sections in which an object may live: code and what is constant once relocated.
CONST = re.compile(r"\.(text|rodata|data\.rel\.ro|eh_frame|init_array|note|debug|comment|gcc_except_table|llvm)")
WRITABLE = re.compile(r"\.(data|bss|tdata|tbss)|\*COM\*")
FORBIDDEN = re.compile(
    r"(_?exit|_Exit|quick_exit|abort|atexit|on_exit|v?f?printf|v?dprintf|puts|fputs|putchar|fputc|fwrite|perror|v?syslog|"
    r"setenv|unsetenv|putenv|clearenv|signal|sigaction|bsd_signal|sigprocmask|raise|alarm|setitimer|pthread_create|"
    r"thrd_create|v?fork|clone|exec[vl]p?e?|system|popen|sleep|usleep|setlocale|srand|rand|random|strtok|gethostbyname|"
    r"stderr|stdout|stdin|__printf_chk|__fprintf_chk|__assert_fail)$")
# Reached in builds with assertions alone: says what failed and traps.
EXEMPT = {("check.c.o", "fprintf"), ("check.c.o", "stderr"), ("check.c.o", "__fprintf_chk"), ("check.c.o", "fwrite")}


def symbols(objdump, archive):
    """(object file, flags, section, name) of every symbol."""
    text = subprocess.run([objdump, "-t", archive], text=True, capture_output=True, check=True).stdout
    obj = ""
    for line in text.split("\n"):
        m = re.match(r"(\S+):\s+file format", line)
        if m:
            obj = m.group(1)
        m = re.match(r"[0-9a-f]{8,16} (.{7}) (\S+)\s+[0-9a-f]+\s+(?:\.hidden |\.internal |\.protected )?(\S+)$", line)
        if m:
            yield obj, m.group(1), m.group(2), m.group(3)


def check(objdump, archive):
    faults, count = [], 0
    for obj, flags, section, name in symbols(objdump, archive):
        count += 1
        if section == "*UND*":
            if FORBIDDEN.match(name) and (obj, name) not in EXEMPT:
                faults.append(f"{obj}: uses {name}")
        elif section == "*COM*" or (not CONST.match(section) and WRITABLE.match(section) and "d" not in flags):
            faults.append(f"{obj}: {name} is writable ({section})")
        elif flags[0] in "gu!" or flags[1] == "w":
            if not name.startswith("via_"):
                faults.append(f"{obj}: exports {name}")
    for fault in faults:
        print("FAULT", fault)
    print(f"{archive}: {count} symbols, {len(faults)} faults")
    return len(faults) + (count == 0)


sys.exit(1 if sum([check(sys.argv[1], a) for a in sys.argv[2:]]) else 0)
