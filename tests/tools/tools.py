#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""The command-line tools as their users see them. Usage: tools.py BINDIR WHAT"""
import json
import os
import re
import shutil
import struct
import subprocess
import sys
import tempfile

BINDIR = sys.argv[1]
TOOLS = ("via-pingpong", "via-stream", "via-connrate", "via-stat", "via-capture", "via-perf")


def run(name, *args, status=0):
    """Runs a tool; (standard output, standard error). Fails on any other exit status."""
    done = subprocess.run([os.path.join(BINDIR, name), *args], text=True, capture_output=True, timeout=100, check=False)
    assert done.returncode == status, f"{name} {args}: exit {done.returncode}\n{done.stdout}{done.stderr}"
    return done.stdout, done.stderr


def test_usage():
    for tool in TOOLS:
        out, _ = run(tool, "--help")
        assert out.startswith(tool) and len(out) > 200
        _, err = run(tool, "--no-such-option", status=2)
        assert "--help" in err


def test_refusals():
    """What cannot be done is refused in words that name it."""
    for args, status, word in (
            (("client", "--vi", "null:", "--peer", "192.0.2.2", "--proto", "sctp"), 2, "udp, tcp"),
            (("client", "--vi", "null:", "--peer", "192.0.2.2", "--proto", "tcp", "--raw"), 2, "--raw"),
            (("client", "--vi", "nothing:x", "--addr", "192.0.2.1/24", "--peer", "192.0.2.2"), 1, "nothing"),
            (("client", "--os"), 2, "--peer"),
            (("client", "--vi", "null:", "--peer", "192.0.2.2"), 2, "--addr"),
            (("client", "--vi", "null:", "--os", "--peer", "192.0.2.2"), 2, "exactly one"),
            (("server", "--vi", "null:", "--addr", "192.0.2.1/99"), 2, "0..32"),
            (("server", "--vi", "null:", "--addr", "192.0.2.1/24", "--attr", "frames=1"), 1, "frames"),
            (("--inproc", "--vi", "null:"), 2, "own interfaces"),
            (("--inproc", "--sizes", "65508"), 2, "65507")):
        _, err = run("via-pingpong", *args, status=status)
        assert word in err, (args, err)


    for tool in ("via-stream", "via-connrate"):
        for args, word in (
                ((), "server or client"),
                (("client", "--os"), "--peer"),
                (("client", "--vi", "null:", "--peer", "192.0.2.2"), "--addr"),
                (("server", "--os", "--vi", "null:"), "exactly one"),
                (("server", "--os", "--checksum", "off"), "--inproc"),
                (("--inproc", "--os"), "own interfaces")):
            _, err = run(tool, *args, status=2)
            assert word in err, (tool, args, err)


def stats(form):
    out, _ = run("via-stat", "--vi", "null:", "--addr", "192.0.2.1/24", "--seconds", "0", "--all", "--form", form)
    return out


def test_stat():
    """All three forms say the same."""
    counters = json.loads(stats("json"))
    assert len(counters) > 50 and {c["kind"] for c in counters} == {"counter", "gauge"}
    assert {"stack", "vi", "net", "udp", "drop"} <= {c["object"] for c in counters}
    text = stats("text")
    for c in counters:
        assert re.search(rf"^  {re.escape(c['name'])}\s+\d+\s", text, re.M), c
    seen, current = set(), None
    for line in stats("prom").splitlines():
        if line.startswith("# HELP"):
            current = line.split()[2]
            assert current not in seen, f"{current} is not in one piece"
            seen.add(current)
        elif line.startswith("# TYPE"):
            assert line.split()[2:] in ([current, "counter"], [current, "gauge"]), line
        else:
            m = re.fullmatch(r'([a-z_][a-z0-9_]*)\{index="(\d+)"\} (\d+)', line)
            assert m and m.group(1) == current, line
            assert current.endswith("_total") == any(
                c["kind"] == "counter" and f"viaduct_{c['object']}_{c['name']}_total".lower() == current for c in counters)
    names = {f"{c['object']} {c['name']} {c['kind']}" for c in counters}
    assert len(seen) == len(names), (len(seen), len(names))
    out, _ = run("via-stat", "--vi", "null:", "--seconds", "0", "--dump")
    assert "null" in out


def test_inproc():
    """A table of whole round trips; without checksums and clock the same."""
    for more in ([], ["--checksum", "on"], ["--checksum", "off", "--clock"], ["--stats", "text"]):
        out, _ = run("via-pingpong", "--inproc", "--sizes", "1,64,1472,5000", "--pings", "2000", "--warmup", "100", *more)
        rows = [line.split() for line in out.splitlines() if re.match(r"\s+\d+\s+\d+\s+\d+\s", line)]
        assert [r[0] for r in rows[:4]] == ["1", "64", "1472", "5000"], out
        for r in rows[:4]:
            _, mean, low, median, high, tail, _, count = (float(x) for x in r)
            assert 0 < low <= median <= tail <= high and low <= mean <= high and count == 21, r
        assert "lost: 0" in out and "machine:" in out


def test_inproc_tcp():
    """The same in a stream."""
    for more in ([], ["--checksum", "on", "--copy"], ["--checksum", "off", "--clock"]):
        out, _ = run("via-pingpong", "--inproc", "--proto", "tcp", "--sizes", "1,64,1448,65507", "--pings", "1000", "--warmup",
                     "100", *more)
        rows = [line.split() for line in out.splitlines() if re.match(r"\s+\d+\s+\d+\s+\d+\s", line)]
        assert [r[0] for r in rows] == ["1", "64", "1448", "65507"], out
        assert "tcp" in out and "lost: 0" in out


def table(out, columns):
    """The rows of a tool's table as numbers."""
    rows = [[float(x) for x in line.split()] for line in out.splitlines() if line and line[0] != "#"]
    assert rows and all(len(r) == columns for r in rows), out
    assert "machine:" in out and "viaduct:" in out, out
    return rows


def test_stream():
    """Bytes over one connection and over many, by copy and without, in segments of a chosen size."""
    for more, segment in ((["--mss", "1460"], 1460), (["--segment", "576"], 536), (["--segment", "65535"], 65495),
                          (["--connections", "50"], 65495), (["--zc"], 65495),
                          (["--size", "100", "--mss", "1460", "--checksum", "on"], 1460),
                          (["--attr", "tcp_timestamps=off", "--mss", "1000"], 1000)):
        rows = table(run("via-stream", "--inproc", "--bytes", "8m", "--runs", "2", *more)[0], 9)
        assert len(rows) == 2
        for conns, _, size, ns, rate, _, _, segs, _ in rows:
            assert 8 << 20 <= size < (8 << 20) + conns and ns > 0 and rate > 0 and segs >= size / segment, (more, rows)
            assert "--size" in more or segs < 1.6 * size / min(segment - 12, 1448) + 200 * conns, (more, rows)


def test_connrate():
    for more in ([], ["--abort"], ["--checksum", "on"]):
        rows = table(run("via-connrate", "--inproc", "--count", "2000", "--runs", "2", *more)[0], 6)
        assert len(rows) == 2 and all(r[0] == 2000 and r[3] > 0 for r in rows), rows


def pcapng(frames):
    """The smallest file: a section, one Ethernet interface, packets."""
    def block(kind, body):
        body += b"\0" * (-len(body) % 4)
        return struct.pack("<II", kind, len(body) + 12) + body + struct.pack("<I", len(body) + 12)
    out = block(0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1)) + block(1, struct.pack("<HHI", 1, 0, 0))
    for i, frame in enumerate(frames):
        out += block(6, struct.pack("<IIIII", 0, 0, i, len(frame), len(frame)) + frame)
    return out


def packets(path):
    """Bytes of the packets of a pcapng file."""
    data, at, found = open(path, "rb").read(), 0, []
    while at < len(data):
        kind, length = struct.unpack_from("<II", data, at)
        assert length >= 12 and length % 4 == 0 and at + length <= len(data), f"block at {at}"
        assert struct.unpack_from("<I", data, at + length - 4)[0] == length
        if kind == 6:
            kept = struct.unpack_from("<I", data, at + 20)[0]
            found.append(data[at + 28:at + 28 + kept])
        at += length
    return found


def test_replay():
    """What is replayed and captured again is the same, byte for byte."""
    frames = [bytes([2, 0, 0, 0, 0, i & 255]) * 2 + b"\x88\xb5" + bytes(range(i % 256)) * 3 for i in range(100)]
    with tempfile.TemporaryDirectory() as where:
        before, after = os.path.join(where, "in.pcapng"), os.path.join(where, "out.pcapng")
        with open(before, "wb") as f:
            f.write(pcapng(frames))
        assert packets(before) == frames
        _, err = run("via-capture", "--vi", "pcap:" + before, "--out", after)
        assert "100 frames" in err, err
        assert packets(after) == frames
        run("via-capture", "--vi", "pcap:" + before, "--out", after, "--count", "7")
        assert packets(after) == frames[:7]
        if shutil.which("capinfos"):
            out = subprocess.run(["capinfos", "-c", after], text=True, capture_output=True, check=True).stdout
            assert re.search(r"Number of packets:\s+7", out), out


def test_perf():
    out, _ = run("via-perf", "list")
    for name in ("epoll-scale", "udp-inproc", "tcp-inproc", "loopback", "pipe", "rx-path", "tx-path", "conn-memory", "demux", "wheel", "pool", "checksum", "route", "shm-floor"):
        assert re.search(rf"^{name} ", out, re.M), name
    out, _ = run("via-perf", "checksum", "pool", "udp-inproc", "tcp-inproc", "rx-path", "tx-path", "conn-memory", "--runs",
                 "1")
    lines = [line for line in out.splitlines() if not line.startswith("#")]
    assert len(lines) > 10
    for line in lines:
        assert re.fullmatch(r"[a-z-]+\.\S+ [0-9.]+ \S+", line), line
    out, _ = run("via-perf", "epoll-scale", "demux", "--members", "1000", "--runs", "1")
    assert "members_1000.active_10" in out
    run("via-perf", "no-such-benchmark", status=2)


globals()["test_" + sys.argv[2]]()
