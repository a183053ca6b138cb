// Signed notes: who vouches. The library opens them; a note counts if more than two thirds of the merchants signed it.

package main

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// Trust is what the checker brings.
type Trust struct {
	Origin    string
	Cosigners map[string]Hex
	Needed    int
}

// Checkpoint is the log at some moment.
type Checkpoint struct {
	size int64
	root tlog.Hash
}

// Opens a checkpoint by its plain signatures (type 0x01): every merchant signs for the log, under the log's own name.
func (t *Trust) openCheckpoint(text string) (*Checkpoint, error) {
	lines, err := t.open(text, func(string) string { return t.Origin })
	if err != nil {
		return nil, err
	}
	if len(lines) != 3 || lines[0] != t.Origin {
		return nil, errors.New("the note is no checkpoint of the log")
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil {
		return nil, err
	}
	root, err := tlog.ParseHash(lines[2])
	return &Checkpoint{size, root}, err
}

// Opens a state note, where each merchant signs under a name of its own. Gives state_root.
func (t *Trust) openState(text string) (*tlog.Hash, error) {
	lines, err := t.open(text, func(merchant string) string { return t.Origin + "/" + merchant })
	if err != nil {
		return nil, err
	}
	if len(lines) != 6 || lines[0] != t.Origin+"/state" {
		return nil, errors.New("the note is no state note of the log")
	}
	root, err := tlog.ParseHash(lines[4])
	return &root, err
}

// The lines of a note that enough merchants signed.
func (t *Trust) open(text string, name func(merchant string) string) ([]string, error) {
	var known []note.Verifier
	for merchant, key := range t.Cosigners {
		encoded, err := note.NewEd25519VerifierKey(name(merchant), []byte(key))
		if err != nil {
			return nil, err
		}
		verifier, err := note.NewVerifier(encoded)
		if err != nil {
			return nil, err
		}
		known = append(known, verifier)
	}
	opened, err := note.Open([]byte(text), note.VerifierList(known...))
	if err != nil {
		return nil, err
	}
	signed := map[uint32]bool{}
	for _, signature := range opened.Sigs {
		signed[signature.Hash] = true
	}
	if len(signed) < t.Needed {
		return nil, fmt.Errorf("%d merchants signed, %d are needed", len(signed), t.Needed)
	}
	return strings.Split(strings.TrimSuffix(opened.Text, "\n"), "\n"), nil
}
