// The whole log: every entry is fetched and hashed, and the root is that of the signed checkpoint; once more from the
// tiles.

package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"

	"golang.org/x/mod/sumdb/tlog"
)

// What a tile spans: 8 levels, so 256 hashes (C2SP tlog-tiles).
const tileHeight = 8

type node struct{ url, token string }

func checkLog(trust *Trust, url, tokenFile string) error {
	token, err := os.ReadFile(tokenFile)
	if err != nil {
		return err
	}
	from := &node{url, strings.TrimSpace(string(token))}
	note, err := from.get("checkpoint", false)
	if err != nil {
		return err
	}
	head, err := trust.openCheckpoint(string(note))
	if err != nil {
		return err
	}
	entries, err := from.entries(head.size)
	if err != nil {
		return err
	}
	if root, err := rootOf(entries); err != nil || root != head.root {
		return fmt.Errorf("the entries have the root %v (%v), the checkpoint says %v", root, err, head.root)
	}
	flip(entries[len(entries)/2])
	if root, err := rootOf(entries); err != nil || root == head.root {
		return errors.New("a bit of an entry was flipped, and the root stayed as it was")
	}
	flip(entries[len(entries)/2])
	fmt.Println("proof: fact=log verifier=go-tlog-entries ok")

	if err := checkTiles(&tiles{from: from}, head, entries); err != nil {
		return err
	}
	if checkTiles(&tiles{from: from, isDamaged: true}, head, entries) == nil {
		return errors.New("tiles with a flipped bit were taken")
	}
	fmt.Println("proof: fact=log verifier=go-tlog-tiles ok")
	return nil
}

// The root over the entries, all hashes of the tree kept on the way.
func rootOf(entries [][]byte) (tlog.Hash, error) {
	var stored []tlog.Hash
	reader := tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		var list []tlog.Hash
		for _, index := range indexes {
			list = append(list, stored[index])
		}
		return list, nil
	})
	for number, entry := range entries {
		added, err := tlog.StoredHashes(int64(number), entry, reader)
		if err != nil {
			return tlog.Hash{}, err
		}
		stored = append(stored, added...)
	}
	return tlog.TreeHash(int64(len(entries)), reader)
}

// Every leaf hash as the tiles have it, which the library holds against the root, is that of the entry.
func checkTiles(tiles *tiles, head *Checkpoint, entries [][]byte) error {
	reader := tlog.TileHashReader(tlog.Tree{N: head.size, Hash: head.root}, tiles)
	if root, err := tlog.TreeHash(head.size, reader); err != nil || root != head.root {
		return fmt.Errorf("the tiles have the root %v (%v), the checkpoint says %v", root, err, head.root)
	}
	var indexes []int64
	for number := range entries {
		indexes = append(indexes, tlog.StoredHashIndex(0, int64(number)))
	}
	leaves, err := reader.ReadHashes(indexes)
	if err != nil {
		return err
	}
	for number, entry := range entries {
		if leaves[number] != tlog.RecordHash(entry) {
			return fmt.Errorf("entry %d is not that of the tiles", number)
		}
	}
	return nil
}

// Reads tiles for the library.
type tiles struct {
	from      *node
	isDamaged bool
}

func (t *tiles) Height() int { return tileHeight }

func (t *tiles) ReadTiles(wanted []tlog.Tile) ([][]byte, error) {
	var read [][]byte
	for _, tile := range wanted {
		// Go's own paths name the height, those of C2SP do not, for it is always 8.
		path := strings.Replace(tile.Path(), "tile/8/", "tile/", 1)
		data, err := t.from.get(path, false)
		if err != nil {
			return nil, err
		}
		if t.isDamaged {
			flip(data)
		}
		read = append(read, data)
	}
	return read, nil
}

func (t *tiles) SaveTiles([]tlog.Tile, [][]byte) {}

// All entries of a log of so many: bundles of up to 256, each entry after its length as a big-endian u16.
func (n *node) entries(size int64) ([][]byte, error) {
	var entries [][]byte
	for first := int64(0); first < size; first += 1 << tileHeight {
		width := size - first
		if width > 1<<tileHeight {
			width = 1 << tileHeight
		}
		tile := tlog.Tile{H: tileHeight, L: 0, N: first >> tileHeight, W: int(width)}
		bundle, err := n.get(strings.Replace(tile.Path(), "tile/8/0/", "tile/entries/", 1), true)
		if err != nil {
			return nil, err
		}
		for len(bundle) >= 2 {
			length := 2 + int(binary.BigEndian.Uint16(bundle))
			if len(bundle) < length {
				return nil, errors.New("an entry of a bundle is cut short")
			}
			entries = append(entries, bundle[2:length])
			bundle = bundle[length:]
		}
	}
	if int64(len(entries)) != size {
		return nil, fmt.Errorf("the bundles hold %d entries, the checkpoint says %d", len(entries), size)
	}
	return entries, nil
}

// Hashes are for everyone, entries for whoever has a token.
func (n *node) get(path string, withToken bool) ([]byte, error) {
	request, err := http.NewRequest(http.MethodGet, n.url+"/"+path, nil)
	if err != nil {
		return nil, err
	}
	if withToken {
		request.Header.Set("Authorization", "Bearer "+n.token)
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err == nil && answer.StatusCode != http.StatusOK {
		err = fmt.Errorf("/%s: %s %s", path, answer.Status, body)
	}
	return body, err
}
