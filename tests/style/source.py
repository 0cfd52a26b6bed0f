#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Reads the sources and holds them to the house rules.

Fails on: a file of more than 900 lines; an #include that leaves its layer or runs upward; a cycle of includes.
Prints, as a budget: function length, parameters, #if density, headers reached, comment ratios.

Usage: source.py ROOT [--self-test]
"""
import os
import re
import sys

MAX_LINES = 900
LAYERS = {"base": 1, "wire": 2, "vi": 3, "net": 4, "sock": 5, "udp": 6, "tcp": 6, "stack": 7, "wait": 8}
OUTSIDERS = ("bindings", "examples", "src/tools")  # see include/viaduct and their own folder alone
INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^>"]+)[>"]', re.M)


def sources(root):
    """All our C files, as paths below root."""
    found = []
    for top in ("include", "src", "bindings", "examples", "tests"):
        for folder, _, names in os.walk(os.path.join(root, top)):
            found += [os.path.relpath(os.path.join(folder, n), root) for n in names if n.endswith((".c", ".h", ".def"))]
    return sorted(found)


def split_code(text):
    """(code with comments and literals blanked, set of lines with a comment). Newlines stay."""
    out, commented, line, i, n = [], set(), 1, 0, len(text)
    while i < n:
        two = text[i:i + 2]
        if two == "/*" or two == "//":
            end = text.find("*/", i + 2) + 2 if two == "/*" else text.find("\n", i)
            if end < i + 2:
                end = n
            for k, part in enumerate(text[i:end].split("\n")):
                if re.search(r"[A-Za-z0-9]", part):
                    commented.add(line + k)
            line += text.count("\n", i, end)
            out.append("\n" * text.count("\n", i, end))
            i = end
        elif text[i] in "\"'":
            quote, j = text[i], i + 1
            while j < n and text[j] != quote and text[j] != "\n":
                j += 2 if text[j] == "\\" else 1
            out.append(quote + quote)
            i = j + 1
        else:
            line += text[i] == "\n"
            out.append(text[i])
            i += 1
    return "".join(out), commented


def layer_of(path):
    """Name of the layer of a file in src/, else None."""
    parts = path.split("/")
    return parts[1] if parts[0] == "src" and len(parts) > 2 and parts[1] in LAYERS else None


def includes(path, text, known):
    """Our own files that a file includes: [(line, target path or None, as written)]."""
    found = []
    for m in INCLUDE.finditer(text):
        kind, name = m.groups()
        line = text.count("\n", 0, m.start()) + 1
        beside = os.path.normpath(os.path.join(os.path.dirname(path), name))
        if kind == '"' and beside in known:
            found.append((line, beside, name))
        elif kind == '"' and "src/" + name in known:
            found.append((line, "src/" + name, name))
        elif "include/" + name in known:
            found.append((line, "include/" + name, name))
        elif kind == '"':
            found.append((line, None, name))
    return found


def layer_faults(path, line, target, name):
    """What is wrong with one include, as a sentence, or None."""
    here, there = layer_of(path), layer_of(target) if target else None
    if here:
        if target is None:
            return f'{path}:{line}: "{name}" is no file of ours'
        if there and there != here and LAYERS[there] >= LAYERS[here]:
            return f"{path}:{line}: layer {here} includes {name} of layer {there}"
        if not there and not target.startswith("include/"):
            return f"{path}:{line}: layer {here} includes {target}"
    for top in OUTSIDERS:
        if path.startswith(top + "/") and target and target.startswith("src/"):
            if os.path.dirname(target) != os.path.dirname(path):
                return f"{path}:{line}: {top} sees include/viaduct alone, not {target}"
    if path.startswith("include/") and target and not target.startswith("include/"):
        return f"{path}:{line}: a public header includes {target}"
    return None


def cycles(graph):
    """Strongly connected groups of more than one file (Tarjan)."""
    index, low, stack, on, found, count = {}, {}, [], set(), [], [0]

    def visit(v):
        index[v] = low[v] = count[0]
        count[0] += 1
        stack.append(v)
        on.add(v)
        for w in graph.get(v, ()):
            if w not in index:
                visit(w)
                low[v] = min(low[v], low[w])
            elif w in on:
                low[v] = min(low[v], index[w])
        if low[v] == index[v]:
            group = []
            while True:
                w = stack.pop()
                on.discard(w)
                group.append(w)
                if w == v:
                    break
            if len(group) > 1 or v in graph.get(v, ()):
                found.append(sorted(group))

    sys.setrecursionlimit(10000)
    for v in graph:
        if v not in index:
            visit(v)
    return found


def reach(graph, start):
    seen, todo = set(), [start]
    while todo:
        for w in graph.get(todo.pop(), ()):
            if w not in seen:
                seen.add(w)
                todo.append(w)
    return seen


def functions(path, code):
    """(lines, parameters, where) of every function. Ours begin in column 0 and end with a } there."""
    found = []
    for m in re.finditer(r"^[A-Za-z_][^;{}#]*?\b(\w+)\(([^;{}]*)\)[^;{}()]*\{\s*$(.*?)^\}", code, re.M | re.S):
        if re.match(r"\s*(typedef|struct|enum|union)\s*\w*\s*\{", m.group(0)):
            continue
        depth, commas = 0, 0
        for ch in m.group(2):
            depth += ch in "([{"
            depth -= ch in ")]}"
            commas += ch == "," and depth == 0
        params = 0 if m.group(2).strip() in ("", "void") else commas + 1
        begin = code.count("\n", 0, m.start()) + 1
        length = m.group(0).count("\n") + 1
        found.append((length, params, f"{path}:{begin} {m.group(1)}"))
    return found


def percentile(values, p):
    values = sorted(values)
    return values[min(len(values) - 1, int(len(values) * p / 100))] if values else 0


def guards(path, code):
    """#if lines that are include guards or the C++ brackets of a public header."""
    n = len(re.findall(r"^#ifdef __cplusplus", code, re.M))
    return n + (1 if path.endswith(".h") and re.search(r"^#ifndef \w+_H$", code, re.M) else 0)


def comment_ratio(files):
    code = sum(sum(1 for l in c.split("\n") if l.strip()) for c, _ in files)
    return sum(len(k) for _, k in files) / code if code else 0.0


def print_budgets(parsed, graph):
    ours = {p: v for p, v in parsed.items() if not p.startswith("tests/")}
    funcs = [f for p, (c, _) in ours.items() for f in functions(p, c)]
    lengths = [f[0] for f in funcs]
    print(f"functions: {len(funcs)}, median {percentile(lengths, 50)}, p95 {percentile(lengths, 95)} lines (budget 50)")
    for f in sorted(funcs, reverse=True)[:5]:
        print(f"    {f[0]:4} lines  {f[2]}")
    wide = [f for f in funcs if f[1] > 5]
    print(f"more than 5 parameters: {len(wide)}")
    for f in wide:
        print(f"    {f[1]} parameters  {f[2]}")
    lines = sum(c.count("\n") for c, _ in ours.values())
    ifs = sum(len(re.findall(r"^[ \t]*#[ \t]*if", c, re.M)) - guards(p, c) for p, (c, _) in ours.items())
    print(f"#if per 1000 lines: {ifs * 1000 / max(lines, 1):.1f} (budget 3; {ifs} in {lines} lines)")
    reached = sorted((len([h for h in reach(graph, p) if h.startswith("src/") and h.endswith(".h")]), p)
                     for p in ours if p.endswith(".c") and layer_of(p))
    over = [r for r in reached if r[0] > 25]
    if reached:
        print(f"internal headers reached by a .c: median {reached[len(reached) // 2][0]}, most {reached[-1][0]}"
              f" in {reached[-1][1]} (budget 25; {len(over)} above)")
    for what, budget, pick in (
            (".c", "0.05-0.20", lambda p: layer_of(p) and p.endswith(".c")),
            ("internal .h", "0.3-0.8", lambda p: layer_of(p) and p.endswith(".h")),
            ("public .h", "at least 1", lambda p: p.startswith("include/") and p.endswith(".h"))):
        print(f"comment ratio {what}: {comment_ratio([v for p, v in ours.items() if pick(p)]):.2f} (budget {budget})")


def check(root):
    texts = {p: open(os.path.join(root, p), encoding="utf-8").read() for p in sources(root)}
    parsed = {p: split_code(t) for p, t in texts.items()}
    faults, graph = [], {}
    for path, text in texts.items():
        if text.count("\n") > MAX_LINES:
            faults.append(f"{path}: {text.count(chr(10))} lines, more than {MAX_LINES}")
        if "SPDX-License-Identifier: BSD-2-Clause" not in text.split("\n", 1)[0]:
            faults.append(f"{path}: the first line is not the SPDX line")
        found = includes(path, text, texts)
        graph[path] = [t for _, t, _ in found if t and not t.endswith(".def")]
        faults += [f for f in (layer_faults(path, *i) for i in found) if f]
    faults += ["cycle of includes: " + " ".join(c) for c in cycles(graph)]
    print_budgets(parsed, graph)
    for fault in faults:
        print("FAULT", fault)
    return len(faults)


def self_test():
    """The rules on made-up files: a checker that finds nothing is no checker."""
    known = {"src/net/a.h": 1, "src/vi/b.h": 1, "src/udp/c.h": 1, "src/tcp/d.h": 1, "include/viaduct/e.h": 1}

    def fault(path, line):
        return [f for f in (layer_faults(path, *i) for i in includes(path, line, known)) if f]
    assert fault("src/vi/b.c", '#include "net/a.h"\n')
    assert not fault("src/net/a.c", '#include "vi/b.h"\n')
    assert fault("src/udp/c.c", '#include "tcp/d.h"\n')
    assert fault("examples/x.c", '#include "net/a.h"\n')
    assert not fault("examples/x.c", "#include <viaduct/e.h>\n")
    assert fault("include/viaduct/e.h", '#include "vi/b.h"\n')
    assert cycles({"a": ["b"], "b": ["a"]}) == [["a", "b"]] and not cycles({"a": ["b"], "b": []})
    code, comments = split_code('int x; /* one\n two */ char *s = "/* no */"; // three\n')
    assert comments == {1, 2} and "one" not in code and "no" not in code
    f = functions("f.c", "static int f(int a, int (*g)(int, int)) {\n    return a;\n}\n\nstruct s {\n    int x;\n};\n")
    assert len(f) == 1 and f[0][:2] == (3, 2), f


if __name__ == "__main__":
    self_test()
    sys.exit(1 if check(sys.argv[1]) else 0)
