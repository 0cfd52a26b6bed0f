# SPDX-License-Identifier: BSD-2-Clause
"""Compiles src/vi/xdp_steer.bpf.c and writes its instructions as the C array src/vi/xdp_steer.h.

    xdp_embed.py CLANG SOURCE HEADER [INCLUDE...]           writes HEADER
    xdp_embed.py --check CLANG SOURCE HEADER [INCLUDE...]   0: HEADER is what this clang makes, 1: it is not,
                                                            77: another clang made it, so nothing can be said
"""
import os
import re
import struct
import subprocess
import sys
import tempfile

MAPS = ["xsks", "filters", "config"]  # enum xdp_map
SECTION = "xdp"
RELOC = 1  # R_BPF_64_64
FLAGS = ["-target", "bpfel", "-O2", "-mcpu=v2", "-Wall", "-Wextra", "-Werror"]


def compile_to_elf(clang, source, includes):
    with tempfile.TemporaryDirectory() as folder:
        out = os.path.join(folder, "steer.o")
        subprocess.run([clang, *FLAGS, *("-I" + i for i in includes), "-c", source, "-o", out], check=True)
        with open(out, "rb") as f:
            return f.read()


def sections_of(elf):
    assert elf[:6] == b"\x7fELF\x02\x01", "not a little-endian 64-bit ELF"
    at, = struct.unpack_from("<Q", elf, 0x28)
    size, count, names_at = struct.unpack_from("<HHH", elf, 0x3A)
    heads = [struct.unpack_from("<IIQQQQIIQQ", elf, at + i * size) for i in range(count)]
    names = elf[heads[names_at][4]:][:heads[names_at][5]]

    def text(off):
        return names[off:names.index(b"\0", off)].decode()

    return {text(h[0]): elf[h[4]:h[4] + h[5]] for h in heads}


def relocations(sections):
    strings, symbols = sections[".strtab"], sections[".symtab"]
    for off, info in struct.iter_unpack("<QQ", sections.get(".rel" + SECTION, b"")):
        name_at, = struct.unpack_from("<I", symbols, (info >> 32) * 24)
        name = strings[name_at:strings.index(b"\0", name_at)].decode()
        assert info & 0xFFFFFFFF == RELOC and name in MAPS, "a relocation other than a map: " + name
        yield off // 8, MAPS.index(name)


def render(elf, version):
    sections = sections_of(elf)
    assert not sections[".text"], "functions that were not inlined"
    code = ["{0x%02x, %d, %d, %d, %d}" % (op, regs & 15, regs >> 4, off, imm)
            for op, regs, off, imm in struct.iter_unpack("<BBhi", sections[SECTION])]
    uses = ["{%d, %d}" % r for r in relocations(sections)]
    return f"""/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * xdp_steer.h - xdp_steer.bpf.c, compiled by clang {version}: the target xdp-steer writes this file (cmake/xdp_embed.py).
 * The instructions, and at which of them an FD goes in for which map (enum xdp_map).
 */
#ifndef VIA_VI_XDP_STEER_H
#define VIA_VI_XDP_STEER_H

#include <linux/bpf.h>

static const struct bpf_insn xdp_steer_code[] = {{
{fill(code)}
}};

static const __u16 xdp_steer_maps[][2] = {{
{fill(uses)}
}};

#endif
"""


def fill(words):
    lines, line = [], "   "
    for w in words:
        if len(line) + len(w) + 2 > 120:
            lines.append(line)
            line = "   "
        line += " " + w + ","
    return "\n".join(lines + [line])


def main(args):
    check = args[0] == "--check"
    clang, source, header, *includes = args[1:] if check else args
    version = re.search(r"version (\d+)", subprocess.run([clang, "--version"], check=True, capture_output=True,
                                                         text=True).stdout).group(1)
    text = render(compile_to_elf(clang, source, includes), version)
    if not check:
        with open(header, "w", encoding="ascii") as f:
            f.write(text)
        return 0
    with open(header, encoding="ascii") as f:
        have = f.read()
    made_by = re.search(r"clang (\d+)", have)
    if have == text:
        return 0
    if not made_by or made_by.group(1) == version:
        print(f"{header} is not what clang {version} makes of {source}: build the target xdp-steer")
        return 1
    print(f"{header} was made by clang {made_by.group(1)}, here is {version}: not compared")
    return 77


sys.exit(main(sys.argv[1:]))
