#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Viaduct's TCP against programs that know nothing of it: curl, wrk, nginx, redis-cli, redis-benchmark, plain sockets.

Each test has the two namespaces of netns.py to itself, runs over both families, compares contents by SHA-256, and records
what passes the kernel's end of the link. tshark then judges: no malformed packet, no wrong checksum, and no analysis flag
beyond those of EXPLAINED (and of FAULTS where the test injects them).
Usage: peers.py BINDIR DRIVER WHAT        WHAT_loss: the same with frames lost, swapped, doubled
"""
import atexit
import contextlib
import hashlib
import os
import random
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time

from netns import K4, K6, SKIP, V4, V6, Net, eventually, ping, run, running, skip

FAULT = "fault:loss=1%,reorder=1%,dup=1%,seed=5|"

# What a faultless conversation may show, and why.
EXPLAINED = {
    "tcp.analysis.window_update",     # the reader took what waited, RFC 9293 3.8.6
    "tcp.analysis.window_full",       # the sender used all of the window: the reader is slower
    "tcp.analysis.zero_window",       # the reader does not read at all for a while
    "tcp.analysis.zero_window_probe", "tcp.analysis.zero_window_probe_ack",
    "tcp.analysis.keep_alive", "tcp.analysis.keep_alive_ack",
    "tcp.analysis.reused_ports",      # another process, whose ports are random
}
# What lost, swapped and doubled frames lead to beside that. Not among them: an ACK of what was never sent (ack_lost_segment:
# nothing that the kernel's end saw go by can be unknown to it), a malformed packet, a wrong checksum.
FAULTS = {
    "tcp.analysis.lost_segment", "tcp.analysis.out_of_order", "tcp.analysis.duplicate_ack", "tcp.analysis.retransmission",
    "tcp.analysis.fast_retransmission", "tcp.analysis.spurious_retransmission", "tcp.analysis.rto",
}


def need(*programs):
    for p in programs:
        if not shutil.which(p):
            skip(p + " is not here")


def sha(data):
    return hashlib.sha256(data).hexdigest()


def page(size):
    """What http_server has at /SIZE: numbered lines of 64 bytes."""
    return b"".join(b"%063d\n" % i for i in range((size + 63) // 64))[:size]


class Capture:
    """What passes k0, from here to judge(), or the first `most` packets of it: tshark takes its time."""

    def __init__(self, net, most):
        self.path = os.path.join(net.dir, f"{time.monotonic_ns()}.pcap")
        self.p = subprocess.Popen(["ip", "netns", "exec", net.k, "tcpdump", "-i", "k0", "-w", self.path, "-B", "65536", "-Z",
                                   "root", "-c", str(most), "tcp"], stderr=subprocess.PIPE, text=True)
        atexit.register(self.p.kill)
        line = ""
        while "listening on" not in line:
            line = self.p.stderr.readline()
            assert line, "tcpdump ended"

    def frames(self):
        """Of every frame: what COLUMNS says, then the flags that tshark's analysis gave it."""
        out = run("tshark", "-r", self.path, "-o", "tcp.check_checksum:TRUE", "-o", "ip.check_checksum:TRUE", "-o",
                  "tcp.reassemble_out_of_order:TRUE", "-d", "tcp.port==5201,data", "-d", "tcp.port==5202,data", "-T", "fields",
                  *[w for f in COLUMNS + FLAGS for w in ("-e", f)], timeout=120)
        for line in out.split("\n"):
            cells = line.split("\t")
            if cells[0].isdigit():
                yield dict(zip(COLUMNS, cells)), {f for f, value in zip(FLAGS, cells[len(COLUMNS):]) if value}

    def judge(self, allowed, own):
        """Ends the capture. `own`: addresses of Viaduct, whose checksums must be right as well."""
        time.sleep(0.2)
        self.p.terminate()
        said = self.p.stderr.read()
        self.p.wait()
        dropped = int(re.search(r"(\d+) packets dropped by kernel", said).group(1))
        seen, bad, last, count = {}, [], {}, 0
        for f, flags in self.frames():
            count += 1
            ours = f["ip.src"] in own or f["ipv6.src"] in own
            way, end = (f["tcp.stream"], f["tcp.srcport"]), int(f["tcp.nxtseq"] or 0)
            if flags & RESENT and end == last.get(way, 0) and not FAULTS <= allowed:
                flags = {PROBE}
            if flags == {"tcp.analysis.duplicate_ack"} and f["tcp.options.sack.dsack_le"]:
                flags = {ANSWER}
            last[way] = max(end, last.get(way, 0))
            if ours and (f["_ws.malformed"] or "8388608" in f["_ws.expert.severity"]):
                flags.add("malformed: " + f["_ws.expert.message"])
            if ours and f["tcp.checksum.status"] == "0":
                flags.add("wrong checksum")
            for flag in flags:
                seen[flag] = seen.get(flag, 0) + 1
            if flags - allowed - {PROBE, ANSWER}:
                bad.append(f"frame {f['frame.number']}: {' '.join(sorted(flags - allowed))}")
        print(f"capture of {count} packets:", seen or "nothing to remark", f"({dropped} not captured)" if dropped else "")
        # A capture with gaps shows losses that were none.
        if bad and not dropped:
            keep = os.path.join("/tmp", f"via-peers-{os.getpid()}.pcap")
            shutil.copy(self.path, keep)
            raise AssertionError(f"{len(bad)} remarks of tshark without an explanation ({keep}):\n" + "\n".join(bad[:20]))


COLUMNS = ["frame.number", "ip.src", "ipv6.src", "tcp.stream", "tcp.srcport", "tcp.nxtseq",
           "tcp.checksum.status", "tcp.options.sack.dsack_le", "_ws.malformed", "_ws.expert.severity", "_ws.expert.message"]
RESENT = {"tcp.analysis.retransmission", "tcp.analysis.rto", "tcp.analysis.spurious_retransmission"}
# The last segment once more since its ACK is late, RFC 8985 7.2: peers delay ACKs by up to 40 ms, which is many round trips.
PROBE, ANSWER = "tail loss probe", "D-SACK of such a probe"
FLAGS = sorted(EXPLAINED | FAULTS | {"tcp.analysis.ack_lost_segment", "tcp.analysis.reused_ports", "tcp.analysis.tfo_ack",
                                     "tcp.analysis.tfo_syn"})


def lost_frames(net):
    """Frames that the kernel's ends of the link say they dropped: rings of 256 that nobody emptied in time."""
    lost = 0
    for ns, dev in ((net.k, "k0"), (net.v, "v0")):
        for name in ("tx_dropped", "rx_dropped"):
            with contextlib.suppress(AssertionError, ValueError):
                lost += int(run("ip", "netns", "exec", ns, "cat", f"/sys/class/net/{dev}/statistics/{name}"))
        said = run("ip", "netns", "exec", ns, "ethtool", "-S", dev, check=False)
        lost += sum(int(n) for n in re.findall(r"drops: (\d+)", said))
    return lost


@contextlib.contextmanager
def judged(net, most=10000):
    """Records and judges what the body does; the programs that it runs to their end say what their rings lost."""
    need("tcpdump", "tshark")
    before, net.said = lost_frames(net), []
    c = Capture(net, most)
    yield
    links, rings = lost_frames(net) - before, sum(int(n) for n in re.findall(r"(\d+) frames were lost by", "".join(net.said)))
    lost = links + rings
    if lost and not net.faults:
        print(f"frames that found a ring full, so that what loss leads to is explained: {links} at the link, {rings} at Viaduct's")
    c.judge(EXPLAINED | FAULTS if net.faults or lost else EXPLAINED, (V4, V6))


def families():
    return ((V4, "/24", V4), (V6, "/64", f"[{V6}]"))


@contextlib.contextmanager
def server(net, bindir, program, addr, prefix):
    with running(net, bindir, program, net.spec, addr + prefix, ready="serving") as p:
        eventually("ping", lambda: ping(net, addr))
        yield
    net.said.append(p.said)
    print(addr, p.said.strip().split("\n")[1:])


def curl(net, *args):
    out = subprocess.run(["ip", "netns", "exec", net.k, "curl", "-sS", "-g", "--noproxy", "*", "--max-time", "60", *args],
                         stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=90, check=False)
    assert out.returncode == 0, f"curl {args}: exit {out.returncode}: {out.stderr.decode()}"
    return out.stdout


def test_curl(net, bindir):
    need("curl")
    sizes = ["", "0", "1", "64", "1447", "1448", "1449", "2920", "10k", "64k", "100000", "1m"]
    for addr, prefix, url in families():
        with judged(net), server(net, bindir, "http_server", addr, prefix):
            # One connection for all of them: curl keeps it.
            urls = [f"http://{url}/{s}" for s in sizes]
            files = [os.path.join(net.dir, f"{i}") for i in range(len(urls))]
            say = curl(net, "-w", "%{http_code} %{num_connects}\n",
                       *[w for u, f in zip(urls, files) for w in ("-o", f, u)]).decode().split()
            assert say[::2] == ["200"] * len(urls), say
            assert say[1::2] == ["1"] + ["0"] * (len(urls) - 1), f"connections were not kept: {say}"
            for s, f in zip(sizes, files):
                n = 10240 if not s else int(s[:-1]) << (10 if s[-1] == "k" else 20) if s[-1] in "km" else int(s)
                got = open(f, "rb").read()
                assert sha(got) == sha(page(n)), f"/{s}: {len(got)} of {n} bytes, or other bytes"
            # Forty at once, on connections of their own.
            files = [os.path.join(net.dir, f"p{i}") for i in range(40)]
            curl(net, "-Z", "--parallel-immediate", "--parallel-max", "20",
                 *[w for i, f in enumerate(files) for w in ("-o", f, f"http://{url}/{[10240, 100000, 1, 5000][i % 4]}")])
            for i, f in enumerate(files):
                assert sha(open(f, "rb").read()) == sha(page([10240, 100000, 1, 5000][i % 4])), f"parallel {i}"
            head = curl(net, "-I", f"http://{url}/1m").decode()
            assert "200 OK" in head and "Content-Length: 1048576" in head, head
            assert b"404" in curl(net, "-o", "/dev/null", "-w", "%{http_code}", f"http://{url}/none")
            assert b"413" in curl(net, "-o", "/dev/null", "-w", "%{http_code}", "-d", "x=1", f"http://{url}/")
            assert sha(curl(net, "-0", f"http://{url}/64k")) == sha(page(65536)), "HTTP/1.0"
            if not net.faults:
                bad_requests(net, addr)


def talk(net, addr, *parts, port=80, pause=0.02):
    """Sends parts with pauses between them, and reads to the end."""
    with net.inside(net.k):
        s = socket.socket(socket.AF_INET6 if ":" in addr else socket.AF_INET, socket.SOCK_STREAM)
    s.settimeout(15)
    s.connect((addr, port))
    got = b""
    with contextlib.suppress(ConnectionResetError, BrokenPipeError):
        for part in parts:
            s.sendall(part)
            time.sleep(pause)
        while part := s.recv(65536):
            got += part
    s.close()
    return got


def bad_requests(net, addr):
    for what, code in ((b"GET / HTTP/2.7\r\n\r\n", b"400"), (b"GET /\r\n\r\n", b"400"), (b"\x16\x03\x01\x00\r\n\r\n", b"400"),
                       (b"GET / HTTP/1.1\r\n\r\n", b"400"), (b"DELETE / HTTP/1.1\r\nHost: a\r\n\r\n", b"501"),
                       (b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello", b"413"),
                       (b"GET / HTTP/1.1\r\nX: " + b"x" * 20000, b"431"), (b"GET /" + b"y" * 9000, b"431")):
        got = talk(net, addr, what)
        assert got.startswith(b"HTTP/1.1 " + code), f"{what[:40]}: {got[:80]}"
    # A head in single bytes, two requests in one segment, the end of our side before the answer.
    got = talk(net, addr, *[b"%c" % c for c in b"GET /64 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"], pause=0.001)
    assert got.endswith(b"\r\n\r\n" + page(64)), got
    two = b"GET /64 HTTP/1.1\r\nHost: a\r\n\r\n" * 200 + b"GET /1 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
    got = talk(net, addr, two)
    assert got.count(page(64)) == 200 and got.count(b"200 OK") == 201, f"{got.count(b'200 OK')} answers to 201 requests"
    with net.inside(net.k):
        s = socket.create_connection((addr, 80), timeout=10)
    s.sendall(b"GET /1m HTTP/1.1\r\nHost: a\r\n\r\n")
    s.shutdown(socket.SHUT_WR)
    got = b""
    while part := s.recv(1 << 20):
        got += part
    assert sha(got.split(b"\r\n\r\n", 1)[1]) == sha(page(1 << 20)), "half closed"


def test_wrk(net, bindir):
    """Load, and the same bytes each time: a script of wrk's own compares them."""
    need("wrk")
    script = os.path.join(net.dir, "check.lua")
    with open(script, "w", encoding="ascii") as f:
        f.write("""
local want, bad = nil, 0
function response(status, headers, body)
  want = want or body
  if status ~= 200 or body ~= want or #body ~= 10240 then bad = bad + 1 end
end
local threads = {}
function setup(t) table.insert(threads, t) end
function done(s, l, r)
  local n = 0
  for _, t in ipairs(threads) do n = n + (t:get("bad") or 0) end
  print("bad " .. n)
end
""".replace("local want, bad = nil, 0", "want = nil\nbad = 0"))
    for addr, prefix, url in families():
        with judged(net), server(net, bindir, "http_server", addr, prefix):
            out = net.in_k("wrk", "-t", "1", "-c", "16", "-d", "1s", "-s", script, f"http://{url}/")
            got = re.search(r"Requests/sec:\s+([\d.]+)", out)
            assert got and "bad 0" in out and "Socket errors" not in out and "Non-2xx" not in out, out
            print(f"wrk, 16 connections: {got.group(1)} requests/s")
            assert float(got.group(1)) > (20 if net.faults else 200), out


def nginx_up(net):
    root = os.path.join(net.dir, "root")
    os.makedirs(root)
    rand = random.Random(11)
    for name, size in (("1", 1), ("10k", 10240), ("300k", 300000), ("3m", 3 << 20)):
        with open(os.path.join(root, name), "wb") as f:
            f.write(rand.randbytes(size))
    conf = os.path.join(net.dir, "nginx.conf")
    temp = "".join(f"{n}_temp_path {net.dir}/{n}; " for n in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    with open(conf, "w", encoding="ascii") as f:
        f.write(f"daemon off; master_process off; user root; pid {net.dir}/nginx.pid; error_log stderr;\n"
                "events { worker_connections 256; }\n"
                f"http {{ access_log off; sendfile on; {temp} keepalive_requests 1000;\n"
                f"server {{ listen {K4}:8080; listen [{K6}]:8080; root {root}; }} }}\n")
    p = subprocess.Popen(["ip", "netns", "exec", net.k, "nginx", "-p", net.dir, "-e", "stderr", "-c", conf])
    atexit.register(p.kill)
    eventually("nginx", lambda: "8080" in net.in_k("ss", "-ltn"))
    return root


def test_nginx(net, bindir):
    """http_client against nginx: connections and pipelined requests, each body a file that is compared."""
    need("nginx")
    root = nginx_up(net)
    for own, prefix, peer in ((V4, "/24", f"{K4}:8080"), (V6, "/64", f"[{K6}]:8080")):
        with judged(net):
            for name, conns, requests in (("1", 8, 20), ("10k", 16, 10), ("300k", 4, 3), ("3m", 2, 1))[:3 if net.faults else 4]:
                out = tempfile.mkdtemp(dir=net.dir)
                say = run("ip", "netns", "exec", net.server_ns, os.path.join(bindir, "http_client"), net.spec, own + prefix, peer,
                          "/" + name, str(conns), str(requests), out, timeout=60)
                net.said.append(say)
                want = sha(open(os.path.join(root, name), "rb").read())
                files = [os.path.join(out, f) for f in os.listdir(out)]
                assert len(files) == conns * requests, say
                for f in files:
                    assert sha(open(f, "rb").read()) == want, f"{f} is not {name}"
                shutil.rmtree(out)
            print(own, say.strip().split("\n")[-1])


def test_redis(net, bindir):
    need("redis-cli", "redis-benchmark")
    for addr, prefix, _ in families():
        with judged(net), server(net, bindir, "resp_server", addr, prefix):
            def ask(*words):
                return net.in_k("redis-cli", "-h", addr, *words).strip()

            assert ask("PING") == "PONG"
            assert ask("ECHO", "hello") == "hello"
            text = "".join(chr(33 + i % 90) for i in range(4000))
            assert ask("SET", "long", text) == "OK" and sha(ask("GET", "long").encode()) == sha(text.encode())
            assert ask("GET", "none") == "" and ask("INCR", "n") == "1" and ask("INCR", "n") == "2"
            assert "not an integer" in ask("INCR", "long")
            assert ask("DEL", "n", "long", "none") == "2" and ask("GET", "n") == ""
            assert "unknown" in ask("FLUSHALL")
            assert b"Protocol error" in talk(net, addr, b"*99999\r\n", port=6379)
            assert b"Protocol error" in talk(net, addr, b"*2\r\n$3\r\nGET\r\n$99999\r\n", port=6379)
            assert b"Protocol error" in talk(net, addr, b"x" * 20000, port=6379)
            count = "2000" if net.faults else "20000"
            out = net.in_k("redis-benchmark", "-h", addr, "-q", "-t", "set,get", "-n", count, "-P", "16", "-c", "10")
            rates = re.findall(r"(SET|GET): ([\d.]+) requests per second", out.replace("\r", "\n"))
            assert [r[0] for r in rates] == ["SET", "GET"], out
            print("redis-benchmark -P 16:", ", ".join(f"{k} {v}/s" for k, v in rates))


def test_bulk(net, bindir):
    """Many megabytes each way, connected from each side: a file goes in, the same file comes out."""
    size = (1 << 20) if net.faults else (5 << 20)
    data = random.Random(12).randbytes(size)
    want, here, there = sha(data), os.path.join(net.dir, "in"), os.path.join(net.dir, "out")
    with open(here, "wb") as f:
        f.write(data)
    for own, prefix, kernel, family in ((V4, "/24", K4, socket.AF_INET), (V6, "/64", K6, socket.AF_INET6)):
        with judged(net, 40000):
            for way in ("send", "receive"):
                for opens in ("listen", "connect"):
                    got, took, said = move(net, bindir, (own, prefix, kernel, family), (way, opens), (data, here, there))
                    net.said.append(said)
                    if way == "receive":
                        got = open(there, "rb").read()
                    assert sha(got) == want, f"{way}, {opens}: other bytes"
                    print(f"{own} {way}, {opens}s: {size * 8 / took / 1e6:.0f} Mb/s;", "; ".join(said.strip().split("\n")[-2:]))


def move(net, bindir, ends, how, files):
    """One file one way: what the kernel received, how long it took, what netns-bulk said."""
    (own, prefix, kernel, family), (way, opens), (data, here, there) = ends, how, files
    with net.inside(net.k):
        s = socket.socket(family, socket.SOCK_STREAM)
    s.settimeout(60)
    args = ["--vi", net.spec, "--attr", "frames=16384;rx_ring=4096", "--addr", own + prefix, "--" + way,
            here if way == "send" else there]
    if opens == "connect":
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.bind((kernel, 5202))
        s.listen()
        args += ["--to", kernel, "--port", "5202"]
    got = bytearray()
    with running(net, bindir, "netns-bulk", *args, ready="ready") as p:
        if opens == "connect":
            listener = s
            s, _ = listener.accept()
            listener.close()
            s.settimeout(60)
        else:
            eventually("ping", lambda: ping(net, own))
            s.connect((own, 5201))
        begun = time.monotonic()
        if way == "send":
            if opens == "listen":
                time.sleep(0.4)  # long enough for the window to close: zero-window probes
            while part := s.recv(1 << 20):
                got += part
        else:
            s.sendall(data)
            s.shutdown(socket.SHUT_WR)
            assert s.recv(1) == b""
        took = time.monotonic() - begun
        s.close()
        p.wait(timeout=20)
    return got, took, p.said


TESTS = {n[5:]: f for n, f in globals().items() if n.startswith("test_")}


def main():
    bindir, driver, what = sys.argv[1:4]
    if os.geteuid():
        skip("not root")
    if subprocess.run(["ip", "netns", "list"], capture_output=True, check=False).returncode:
        skip("no network namespaces here")
    try:
        net = Net(driver)
    except AssertionError as err:
        skip(str(err))
    # A veth queues packets by the CPU that sends them: from two of them they overtake each other, and nobody lost any.
    cpus = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {cpus[os.getpid() % len(cpus)]})
    net.dir = tempfile.mkdtemp(prefix="via-peers-")
    atexit.register(shutil.rmtree, net.dir, True)
    net.faults = what.endswith("_loss")
    if net.faults:
        net.spec = FAULT + net.spec
        net.in_k("ethtool", "-K", "k0", "tso", "off", "gso", "off")  # every segment is a frame, to be lost by itself
    TESTS[what.removesuffix("_loss")](net, bindir)


if __name__ == "__main__":
    main()
