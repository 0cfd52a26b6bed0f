#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Viaduct's CUBIC and the kernel's over the same bad links, at the same time, on the same machine.

    namespace S (senders)     namespace L (netns-link)        namespace R (kernel's receivers)
      s<i>  ==veth==  a<i>  packet VI -> delay, loss, rate -> packet VI  b<i>  ==veth==  r<i>
      10.0.<i>.1/24                                                               10.0.<i>.2/24

Links 0, 2, 4 ... carry a sender of the kernel's, links 1, 3, 5 ... one of Viaduct's (netns-bulk over packet:s<i>). All run
for the same seconds, so that what else the machine does hits both. Each link has a seed of its own.
Usage: lossy.py BINDIR [SECONDS [LINKS [LEAST RATIO]]]
"""
import atexit
import os
import re
import selectors
import shutil
import socket
import subprocess
import sys
import tempfile
import time

from netns import Net, run, skip

MODEL = dict(delay="25ms", loss="1%", rate="100m", queue="500")


class Links(Net):
    def __init__(self, count):  # not Net's own: another topology, the same removal
        self.s, self.l, self.r = (f"via-ll{os.getpid()}-{x}" for x in "slr")
        atexit.register(self.remove)
        for ns in (self.s, self.l, self.r):
            run("ip", "netns", "add", ns)
            run("ip", "-n", ns, "link", "set", "lo", "up")
            self.sysctl(ns, "net.ipv6.conf.all.disable_ipv6", 1)
            self.sysctl(ns, "net.ipv6.conf.default.disable_ipv6", 1)
        for ns in (self.s, self.r):
            self.sysctl(ns, "net.ipv4.tcp_no_metrics_save", 1)
        for i in range(count):
            for ns, near, far in ((self.s, f"s{i}", f"a{i}"), (self.r, f"r{i}", f"b{i}")):
                run("ip", "-n", ns, "link", "add", near, "type", "veth", "peer", "name", far, "netns", self.l)
                for where, dev in ((ns, near), (self.l, far)):
                    # Every segment a frame of its own, with its checksum: what a wire would see.
                    run("ip", "netns", "exec", where, "ethtool", "-K", dev, "tx", "off", "tso", "off", "gso", "off", "gro", "off")
                    run("ip", "-n", where, "link", "set", dev, "up")
            run("ip", "-n", self.r, "addr", "add", f"10.0.{i}.2/24", "dev", f"r{i}")
            if i % 2 == 0:
                run("ip", "-n", self.s, "addr", "add", f"10.0.{i}.1/24", "dev", f"s{i}")

    def remove(self):
        for ns in (self.s, self.l, self.r):
            subprocess.run(["ip", "netns", "del", ns], stderr=subprocess.DEVNULL, check=False)

    def start(self, ns, *cmd):
        p = subprocess.Popen(["ip", "netns", "exec", ns, *cmd], stdout=subprocess.PIPE, text=True)
        atexit.register(p.kill)
        return p


def bulk_arrived(net, bindir, seconds, count, junk):
    """Bytes that arrived on each link within `seconds` of its first, and what Viaduct's senders said."""
    picks = selectors.DefaultSelector()
    got, first = [0] * count, [0.0] * count
    for i in range(count):
        with net.inside(net.r):
            listener = socket.create_server((f"10.0.{i}.2", 5201))
        listener.setblocking(False)
        picks.register(listener, selectors.EVENT_READ, ("listener", i))
    ours = []
    for i in range(count):
        if i % 2:
            ours.append(net.start(net.s, os.path.join(bindir, "netns-bulk"), "--vi", f"packet:s{i}", "--addr", f"10.0.{i}.1/24",
                                  "--attr", "frames=8192;tcp_sndbuf=4m", "--to", f"10.0.{i}.2", "--send", junk, "--seconds",
                                  f"{seconds + 2}s"))
        else:
            with net.inside(net.s):
                s = socket.socket()
            s.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, b"cubic")
            s.setblocking(False)
            s.connect_ex((f"10.0.{i}.2", 5201))
            picks.register(s, selectors.EVENT_WRITE, ("sender", i))
    data, end, info = bytes(1 << 16), time.monotonic() + seconds + 3, {}
    while time.monotonic() < end:
        for key, _ in picks.select(0.5):
            what, i = key.data
            now = time.monotonic()
            if what == "listener":
                s, _ = key.fileobj.accept()
                s.setblocking(False)
                picks.register(s, selectors.EVENT_READ, ("receiver", i))
            elif what == "sender":
                try:
                    key.fileobj.send(data)
                    info[i] = key.fileobj.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 232)
                except BlockingIOError:
                    pass
            else:
                part = key.fileobj.recv(1 << 20)
                if not part:
                    picks.unregister(key.fileobj)
                first[i] = first[i] or now
                if now - first[i] <= seconds:
                    got[i] += len(part)
    for s in list(picks.get_map().values()):
        s.fileobj.close()
    said = []
    for p in ours:
        p.terminate()
        said.append(p.stdout.read().strip().split("\n")[-1])
        p.wait()
    # struct tcp_info of linux/tcp.h: tcpi_total_retrans
    resent = {i: int.from_bytes(b[100:104], sys.byteorder) for i, b in info.items()}
    return got, said, resent


def main():
    bindir = sys.argv[1]
    seconds = float(sys.argv[2]) if len(sys.argv) > 2 else 30
    count = 2 * int(sys.argv[3]) if len(sys.argv) > 3 else 8
    least = float(sys.argv[4]) if len(sys.argv) > 4 else 0
    if os.geteuid():
        skip("not root")
    try:
        net = Links(count)
    except AssertionError as err:
        skip(str(err))
    folder = tempfile.mkdtemp(prefix="via-lossy-")
    atexit.register(shutil.rmtree, folder, True)
    junk = os.path.join(folder, "junk")
    with open(junk, "wb") as f:
        f.write(bytes(1 << 20))
    back = f"fault:dir=tx,delay={MODEL['delay']}"
    specs = []
    for i in range(count):
        there = ",".join(f"{k}={v}" for k, v in MODEL.items())
        specs += [f"{back}|packet:a{i}", f"fault:dir=tx,seed={i + 1},{there}|packet:b{i}"]
    link = net.start(net.l, os.path.join(bindir, "netns-link"), *specs)
    assert "ready" in link.stdout.readline(), "netns-link did not start"
    got, said, resent = bulk_arrived(net, bindir, seconds, count, junk)
    link.terminate()
    print(link.stdout.read().strip())
    mbit = [g * 8e-6 / seconds for g in got]
    kernel, ours = mbit[::2], mbit[1::2]
    for line in said:
        print("Viaduct:", line)
    names, values = [line.split()[1:] for line in run("ip", "netns", "exec", net.s, "cat", "/proc/net/netstat").split("\n")[:2]]
    print("the kernel's time-outs, over all its flows:", dict(zip(names, values))["TCPTimeouts"])
    print("# 100 Mb/s, 50 ms, 1% lost, queue of 500:", len(ours), "flows each,", seconds, "s, Mb/s of payload")
    print("kernel ", " ".join(f"{m:.2f}" for m in kernel), f"mean {sum(kernel) / len(kernel):.3f}", "resent", *resent.values())
    print("viaduct", " ".join(f"{m:.2f}" for m in ours), f"mean {sum(ours) / len(ours):.3f}")
    ratio = sum(ours) / sum(kernel)
    print(f"ratio {ratio:.3f}")
    assert min(mbit) > 0, "a flow that did not flow"
    assert ratio >= least, f"below {least}"


if __name__ == "__main__":
    main()
