#!/usr/bin/env python3
"""Draws the icon: a shield that holds a small graph. Usage: make-icon.py > icon.png"""

import math
import struct
import sys
import zlib

SIDE = 512
BACKGROUND, SHIELD, LINK, NODE, DONE = (24, 28, 38), (62, 74, 102), (176, 190, 214), (236, 240, 248), (250, 190, 60)
NODES = [(176, 196), (336, 196), (256, 316)]


def rounded_box(x, y, half, radius):
    dx, dy = abs(x - SIDE / 2) - half + radius, abs(y - SIDE / 2) - half + radius
    return math.hypot(max(dx, 0), max(dy, 0)) + min(max(dx, dy), 0) - radius


def shield(x, y):
    """Signed distance, nearly: straight sides above, two arcs that meet in a point below."""
    x = abs(x - SIDE / 2)
    top, waist, width = 92, 236, 156
    if y < waist:
        return max(top - y, x - width)
    # A circle around the far side of the waist goes through this side of the waist and through the point.
    depth = 200
    radius = (width * width + depth * depth) / (2 * width)
    return math.hypot(x + radius - width, y - waist) - radius


def segment(x, y, a, b):
    ax, ay, bx, by = x - a[0], y - a[1], b[0] - a[0], b[1] - a[1]
    share = min(1, max(0, (ax * bx + ay * by) / (bx * bx + by * by)))
    return math.hypot(ax - bx * share, ay - by * share)


def over(under, colour, distance):
    """Puts a shape on top; a pixel that the edge cuts takes its share."""
    share = min(1, max(0, 0.5 - distance))
    return tuple(u + (c - u) * share for u, c in zip(under, colour))


def pixel(x, y):
    colour = over(BACKGROUND, SHIELD, shield(x, y))
    for start in NODES[:2]:
        colour = over(colour, LINK, segment(x, y, start, NODES[2]) - 9)
    for place, shade in zip(NODES, (NODE, NODE, DONE)):
        colour = over(colour, shade, math.hypot(x - place[0], y - place[1]) - 38)
    alpha = min(1, max(0, 0.5 - rounded_box(x, y, SIDE / 2, 96)))
    return bytes(round(part) for part in colour) + bytes([round(alpha * 255)])


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def main():
    rows = b"".join(b"\0" + b"".join(pixel(x + 0.5, y + 0.5) for x in range(SIDE)) for y in range(SIDE))
    header = struct.pack(">IIBBBBB", SIDE, SIDE, 8, 6, 0, 0, 0)
    parts = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows, 9)) + chunk(b"IEND", b"")
    sys.stdout.buffer.write(b"\x89PNG\r\n\x1a\n" + parts)


main()
