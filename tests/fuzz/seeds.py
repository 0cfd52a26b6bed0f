#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Writes the seeds of the corpora: corpus/<target>/<name>. Inputs that a fuzzer found live beside them.

Usage: seeds.py [DIRECTORY]
"""
import os
import sys

MAC = "020000000001 020000000002"
S6, D6 = "fe80000000000000 0000000000000001", "20010db800000000 0000000000000010"
NODES = "ff02000000000000 0000000000000001"
UDP = "1234 0035 000c 0000 00000000"
TCP = "1234 0050 89abcdef 00000000 5002 ffff 0000 0000"


def ip4(proto, body, frag="4000", options=""):
    words = 5 + len(bytes.fromhex(options)) // 4
    total = words * 4 + len(bytes.fromhex(body))
    return f"4{words:x}00 {total:04x} 0000 {frag} 40{proto:02x} 0000 0a000001 0a000002 {options} {body}"


def ip6(first, body, dst=D6):
    return f"60000000 {len(bytes.fromhex(body)):04x} {first:02x}40 {S6} {dst} {body}"



def tcp(flags, options):
    words = 5 + len(bytes.fromhex(options)) // 4
    return f"1234 0050 89abcdef 01234567 {words:x}0{flags} ffff 0000 0000 {options}"


def block(kind, body, order="little"):
    """A pcapng block around hexadecimal text."""
    body = bytes.fromhex(body)
    size = (12 + len(body)).to_bytes(4, order)
    return (kind.to_bytes(4, order) + size + body + size).hex()


SECTION = block(0x0A0D0D0A, "4d3c2b1a 0100 0000 ffffffffffffffff")
IFACE = block(1, "0100 0000 00000000 0900 0100 09000000 0e00 0800 0100000000000000 00000000")
PACKET = block(6, "00000000 00000000 01000000 03000000 05000000 61626300 0100 0200 68690000 0200 0400 01000000 00000000")

NS = f"8700 0000 00000000 {D6} 0101 020000000001"
SEEDS = {
    "link": {
        "arp_request": f"ffffffffffff 020000000002 0806 0001 0800 0604 0001 {MAC[13:]} 0a000001 000000000000 0a000002",
        "arp_reply_tagged": f"{MAC} 8100 0064 0806 0001 0800 0604 0002 {MAC[13:]} 0a000001 {MAC[:12]} 0a000002",
        "ip4": f"{MAC} 0800 4500",
        "two_tags": f"{MAC} 8100 0064 8100 0065 0800",
    },
    "ip4": {
        "udp": ip4(17, UDP),
        "first_fragment": ip4(6, TCP + "00000000", "2000"),
        "last_fragment": ip4(17, "01", "00b9"),
        "longest": ip4(17, "0000", "1fff"),
        "alert": ip4(2, "1100 0000 00000000", options="94040000"),
        "source_route": ip4(17, UDP, options="8307040a00000300"),
        "record_route": ip4(17, UDP, options="01070b04000000000000000044080500000000000000000000000000"),
        "option_length_0": ip4(17, UDP, options="44000000"),
    },
    "ip6": {
        "udp": ip6(17, UDP),
        "alert": ip6(0, "3a00 0502 0000 0100 8200 0000"),
        "long_chain": ip6(0, "3c00 0104 00000000 2b00 0104 00000000 3c00 0200 00000000 1100 0104 00000000" + UDP),
        "atomic": ip6(44, "1100 0000 00000001" + UDP),
        "first_fragment": ip6(44, "3c00 0001 00000001 1100 0104 00000000" + UDP + "00000000"),
        "nested_fragment": ip6(44, "2c00 0001 00000001 1100 0001 00000002" + UDP),
        "last_fragment": ip6(44, "1100 05a8 00000001" + UDP),
        "option_10": ip6(60, "1100 9e04 00000000" + UDP),
        "option_11": ip6(60, "1100 0100 de02 0000" + UDP),
        "routing_0": ip6(43, f"1102 0001 00000000 {D6}" + UDP),
        "jumbo": ip6(0, "1100 c204 00011170" + UDP),
    },
    "quote": {
        "echo4": "00 0800 0000 1234 0001 61626364",
        "port4": "00 0303 0000 00000000" + ip4(17, UDP),
        "mtu4": "00 0304 0000 0000 05b4" + ip4(6, "1234 0050 89abcdef"),
        "options4": "00 0b00 0000 00000000" + ip4(17, UDP, options="01010101"),
        "fragment4": "00 0b01 0000 00000000" + ip4(17, UDP, "2000"),
        "mtu6": "01 0200 0000 00000500" + ip6(6, TCP),
        "chain6": "01 0401 0000 00000028" + ip6(0, "3c00 0104 00000000 2c00 0104 00000000 1100 0001 00000001" + UDP),
        "echo6": "01 0100 0000 00000000" + ip6(58, "8000 0000 1234 0001"),
    },
    "nd": {
        "solicit": f"{S6} {D6} {NS}",
        "solicit_nonce": f"{S6} {D6} {NS} 0e01 616263646566",
        "probe": f"{'00' * 16} ff02000000000000 00000001ff000010 {NS[:-17]}",
        "advert": f"{S6} {D6} 8800 0000 60000000 {D6} 0201 020000000002",
        "router_solicit": f"{S6} {NODES} 8500 0000 00000000 0101 020000000001",
        "router": f"{S6} {NODES} 8600 0000 40c80708 00007530 000003e8 0101 020000000003 0501 0000 00000578"
                  "0304 40c0 00015180 00003840 00000000 20010db8000000000000000000000000"
                  "1802 1008 00000e10 2002000000000000 1903 0000 00000e10 20010db8000000000000000000000053",
        "redirect": f"{S6} {D6} 8900 0000 00000000 {S6} {D6} 0201 020000000009 0406 0000 00000000" + ip6(59, ""),
        "length_0": f"{S6} {D6} {NS} 1900 000000000000",
    },
    "mcast": {
        "igmp1": "00 1100 0000 00000000",
        "igmp2": "00 1164 0000 e0000116",
        "igmp3": "00 11ff 0000 e0000116 0a80 0002 0a000001 0a000002",
        "igmp3_short": "00 1119 0000 e0000116 0a80 0003 0a000001 0a000002",
        "report2": "00 1600 0000 e0000116",
        "leave2": "00 1700 0000 e0000116",
        "report3": "00 2200 0000 0000 0001 04000000 e0000116",
        "mld1": f"01 8200 0000 2710 0000 {'00' * 16}",
        "mld2": f"01 8200 0000 ffff 0000 {NODES} 02ff 0001 {D6}",
        "mld2_short": f"01 8200 0000 0000 0000 {NODES} 0200 ffff {D6}",
        "mld_report1": f"01 8300 0000 0000 0000 {NODES}",
    },
    "tcp": {
        "bare": tcp("10", ""),
        "syn_linux": tcp("02", "020405b4 0402080a 11223344 00000000 01030307"),
        "syn_bsd": tcp("02", "020405b4 01030306 0402080a 11223344 00000000"),
        "timestamps": tcp("10", "0101080a 11223344 55667788"),
        "sack": tcp("10", "0101080a 11223344 55667788 0101051a 00000001 00000002 00000003 00000004 00000005 00000006"),
        "sack4": tcp("10", "01010522" + "00000001 00000002" * 4),
        "cookie": tcp("02", "220a 0102030405060708 0101"),
        "cookie_experimental": tcp("02", "fe0c f989 0102030405060708"),
        "accecn": tcp("10", "ac0b 000001 000002 000003 01 ae05 000004 010101"),
        "timeout": tcp("10", "1c04 8005 1c04 0000"),
        "length_0": tcp("02", "020405b4 03000000"),
        "length_past_end": tcp("02", "020405b4 080a0000"),
        "offset_4": "1234 0050 89abcdef 00000000 4002 ffff 0000 0000",
    },
    "pcapng": {
        "packet": SECTION + IFACE + PACKET,
        "simple_and_old": SECTION + IFACE + block(3, "03000000 61626300")
                          + block(2, "0000 0000 00000000 01000000 03000000 03000000 61626300"),
        "big_endian": block(0x0A0D0D0A, "1a2b3c4d 0001 0000 ffffffffffffffff", "big")
                      + block(1, "0001 0000 00000000 0009 0001 8a000000 00000000", "big")
                      + block(6, "00000000 00000000 00000400 00000003 00000003 61626300", "big"),
        "unknown_block": SECTION + block(0x0BAD, "00000000") + IFACE + PACKET + SECTION,
        "pcap": "d4c3b2a1 0200 0400 00000000 00000000 ffff0000 01000000 01000000 02000000 03000000 03000000 616263",
        "pcap_big_endian": "a1b23c4d 0002 0004 00000000 00000000 0000ffff 00000001 00000001 00000002 00000001 0000003c 61",
    },
    # Steps of net_input_fuzz.c: what, mood, then for a made packet ends, protocol, fragment, [offset,] length, payload.
    "net_input": {
        "udp": "0101 00 00 00 08 0fa0 1388 0008 0000",
        "echo4": "0120 00 01 00 0c 0800 0000 1234 0001 61626364",
        "echo6": "0130 00 02 00 0c 8000 0000 1234 0001 61626364",
        "echo_to_all": "0130 11 02 00 08 8000 0000 1234 0001",
        "fragments_reversed": "0100 00 00 01 01 04 61626364 0100 00 00 03 00 08 0fa0 1388 000c 0000",
        "fragments_overlap": "0110 00 00 03 00 10 " + "00" * 16 + "0110 00 00 03 01 10 " + "00" * 16 + "03ff",
        "fragment_times_out": "0100 00 00 03 00 08 0fa0 1388 000c 0000 03ff 03ff",
        "unreachable": "0120 00 01 00 24 0303 0000 00000000 4500 0020 0000 4000 4011 0000 0a000001 0a000002 1388 0035 000c 0000",
        "too_big": f"0132 00 02 00 38 0200 0000 00000514 6000 0000 05b4 1140 20010db8{11 * '00'}01 20010db8{11 * '00'}02"
                   " 1388 0035 05b4 0000",
        "no_protocol": "0110 00 05 00 08 0000000000000000",
        "join_and_query4": "0700 06 0700 04 0120 58 03 00 0c 110a 0000 00000000 027d 0000 030f 0700 02",
        "join_and_query6": f"0700 07 0130 51 02 00 1c 8200 0000 03e8 0000 {16 * '00'} 027d 0000 030f 0700 03",
        "old_query": "0700 06 0120 58 03 00 08 1164 0000 00000000 03ff 0700 02",
        "solicit": f"0130 20 82 00 20 8700 0000 00000000 20010db8{11 * '00'}01 0101 020000000002",
        "arp": "0020 1c 0001 0800 0604 0001 020000000002 0a000002 000000000000 0a000001",
        "tag": "0030 06 e000 0800 4500",
    },
}

root = sys.argv[1] if len(sys.argv) > 1 else os.path.join(os.path.dirname(os.path.abspath(__file__)), "corpus")
for target, seeds in SEEDS.items():
    os.makedirs(os.path.join(root, target), exist_ok=True)
    for name, text in seeds.items():
        with open(os.path.join(root, target, name), "wb") as f:
            f.write(bytes.fromhex(text))
