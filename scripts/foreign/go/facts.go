// The facts that one file proves.

package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/tlog"
)

// An operation with its receipt: the leaf is in the log.
func checkOperation(trust *Trust, fact *Fact) error {
	head, text, found := strings.Cut(fact.TlogProof, "\n\n")
	lines := strings.Split(head, "\n")
	if !found || len(lines) < 2 || lines[0] != "c2sp.org/tlog-proof@v1" {
		return errors.New("no tlog-proof")
	}
	index, err := strconv.ParseInt(strings.TrimPrefix(lines[1], "index "), 10, 64)
	if err != nil {
		return err
	}
	var path tlog.RecordProof
	for _, line := range lines[2:] {
		hash, err := tlog.ParseHash(line)
		if err != nil {
			return err
		}
		path = append(path, hash)
	}
	log, err := trust.openCheckpoint(text)
	if err != nil {
		return err
	}
	return tlog.CheckRecord(path, log.size, log.root, index, tlog.RecordHash(fact.Leaf))
}

// Append-only: the later log begins with the earlier one.
func checkGrowth(trust *Trust, fact *Fact) error {
	var heads [2]*Checkpoint
	for i, data := range []json.RawMessage{fact.From, fact.To} {
		var text string
		if err := json.Unmarshal(data, &text); err != nil {
			return err
		}
		head, err := trust.openCheckpoint(text)
		if err != nil {
			return err
		}
		heads[i] = head
	}
	path, err := hashes(fact.Path)
	if err != nil {
		return err
	}
	return tlog.CheckTree(path, heads[1].size, heads[1].root, heads[0].size, heads[0].root)
}

// More than two thirds of the merchants signed checkpoint and state note.
func checkSigned(trust *Trust, fact *Fact) error {
	if _, err := trust.openCheckpoint(fact.Checkpoint); err != nil {
		return err
	}
	_, err := trust.openState(fact.State)
	return err
}

// A complete statement: the lines chain up, from nothing or from an earlier record, to the statement hash of a record.
func checkStatement(trust *Trust, fact *Fact) error {
	last := new(Record)
	if err := json.Unmarshal(fact.To, last); err != nil {
		return err
	}
	owner, end, err := holding(trust, last)
	if err != nil {
		return err
	}
	reached := make([]byte, sha256.Size)
	if len(fact.From) > 0 {
		first := new(Record)
		if err := json.Unmarshal(fact.From, first); err != nil {
			return err
		}
		of, start, err := holding(trust, first)
		if err != nil {
			return err
		}
		if !bytes.Equal(of, owner) {
			return errors.New("the records are of different holdings")
		}
		reached = start
	}
	for _, line := range fact.Lines {
		if !bytes.HasPrefix(line, owner) {
			return errors.New("a line is of another holding")
		}
		hash := sha256.Sum256(bytes.Join([][]byte{[]byte("tally/movement/v1\x00"), reached, line}, nil))
		reached = hash[:]
	}
	if !bytes.Equal(reached, end) {
		return fmt.Errorf("the lines lead to %x, not to %x", reached, end)
	}
	return nil
}

// Address and class of a holding's record (bytes 4 to 28), and its statement hash (the last 32 bytes).
func holding(trust *Trust, record *Record) (owner, statementHash []byte, err error) {
	if err := checkRecord(trust, record); err != nil {
		return nil, nil, err
	}
	if len(record.Leaf) < 80 || !bytes.HasPrefix(record.Leaf, []byte{1, 0, 0, 0}) {
		return nil, nil, errors.New("the record is no holding")
	}
	return record.Leaf[4:28], record.Leaf[len(record.Leaf)-sha256.Size:], nil
}

// A settlement: its statement and every leg are records of state. What they say is compared elsewhere (settlement.py).
func checkSettlement(trust *Trust, fact *Fact) error {
	if fact.Statement == nil {
		return errors.New("no statement of a cycle")
	}
	for _, record := range append([]*Record{fact.Statement}, fact.Legs...) {
		if err := checkRecord(trust, record); err != nil {
			return err
		}
	}
	return nil
}

func checkRecord(trust *Trust, record *Record) error {
	root, err := trust.openState(record.State)
	if err != nil {
		return err
	}
	path, err := hashes(record.Path)
	if err != nil {
		return err
	}
	return tlog.CheckRecord(path, record.Size, *root, record.Index, tlog.RecordHash(record.Leaf))
}

func hashes(from []Hex) ([]tlog.Hash, error) {
	var list []tlog.Hash
	for _, bytes := range from {
		if len(bytes) != tlog.HashSize {
			return nil, errors.New("a hash has 32 bytes")
		}
		var hash tlog.Hash
		copy(hash[:], bytes)
		list = append(list, hash)
	}
	return list, nil
}
