#!/usr/bin/env python3
"""The whole log, fetched from a node: its root over all entries by PyPI's pymerkle, and every tile and bundle by
aics-tlog.

    scripts/foreign/log.py TRUST.json URL TOKEN_FILE

Tiles are for everyone, entries for whoever has a token. A flipped bit must change the root, and be found in a tile.
"""
import sys
import urllib.error
import urllib.request
from pathlib import Path

import aics_tlog
import pymerkle
from aics_tlog.tiles import entry_bundle_path, tile_path
from aics_tlog.verified import audit_tiles

import notes

WIDTH = 256


class Node:
    """What aics-tlog reads from."""

    def __init__(self, url, token_file):
        self.url, self.token = url, Path(token_file).read_text(encoding="utf-8").strip()
        self.is_damaged = False

    def get(self, path, **headers):
        """What the node answers; none if it has nothing there."""
        try:
            with urllib.request.urlopen(urllib.request.Request(f"{self.url}/{path}", headers=headers)) as answer:
                return answer.read()
        except urllib.error.HTTPError as error:
            if error.code == 404:
                return None
            raise

    def read_tile(self, level, index, width):
        """A tile of hashes, without a token."""
        tile = self.get(tile_path(level, index, width))
        return notes.flipped(tile) if tile and self.is_damaged and level == 0 and index == 0 else tile

    def read_entry_bundle(self, index, width):
        """A bundle of entries."""
        return self.get(entry_bundle_path(index, width), Authorization=f"Bearer {self.token}")

    def entries(self, size):
        """All entries, each after its length as a big-endian u16."""
        for first in range(0, size, WIDTH):
            width = min(WIDTH, size - first)
            bundle = self.read_entry_bundle(first // WIDTH, width if width < WIDTH else None)
            for _ in range(width):
                length = 2 + int.from_bytes(bundle[:2], "big")
                yield bundle[2:length]
                bundle = bundle[length:]
            assert not bundle, "the bundle is longer than its entries"


def root_of(entries):
    """pymerkle's root."""
    tree = pymerkle.InmemoryTree("sha256")
    for entry in entries:
        tree.append_entry(entry)
    return tree.get_root()


def main():
    """Checks the log, and damaged copies of it."""
    trust, node = notes.Trust(sys.argv[1]), Node(*sys.argv[2:4])
    size, root = trust.checkpoint(node.get("checkpoint").decode())
    entries = list(node.entries(size))
    assert root_of(entries) == root, "the entries have another root than the checkpoint"
    entries[size // 2] = notes.flipped(entries[size // 2])
    assert root_of(entries) != root, "a bit of an entry was flipped, and the root stayed as it was"
    notes.ok("log", "pymerkle")

    report = audit_tiles(node, size, root)
    assert report.bundles == -(-size // WIDTH), report
    node.is_damaged = True
    try:
        audit_tiles(node, size, root)
        raise SystemExit("a tile with a flipped bit was taken")
    except aics_tlog.TileVerificationError:
        notes.ok("log", "aics-tlog")


main()
