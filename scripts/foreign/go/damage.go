// Damaged copies that every check must refuse: a flipped bit, a hash or line left out, a digit changed, too few
// signatures.

package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"strings"
)

type damage struct {
	what string
	// Says whether there was anything to damage: a path may have no hashes, a statement no lines.
	apply func(*Trust, *Fact) bool
}

var damages = map[string][]damage{
	"operation": {
		{"a bit of the leaf flipped", func(_ *Trust, f *Fact) bool { return flip(f.Leaf) }},
		{"another index", func(_ *Trust, f *Fact) bool {
			f.TlogProof = strings.Replace(f.TlogProof, "index ", "index 1", 1)
			return true
		}},
		{"a hash left out", func(_ *Trust, f *Fact) bool { return withoutHash(&f.TlogProof) }},
		{"too few signatures", func(t *Trust, f *Fact) bool { return t.tooFew(&f.TlogProof) }},
	},
	"growth": {
		{"a bit of a hash flipped", func(_ *Trust, f *Fact) bool { return len(f.Path) > 0 && flip(f.Path[0]) }},
		{"a hash left out", func(_ *Trust, f *Fact) bool { return withoutFirst(&f.Path) }},
		{"earlier and later swapped", func(_ *Trust, f *Fact) bool {
			f.From, f.To = f.To, f.From
			return !bytes.Equal(f.From, f.To)
		}},
		{"too few signatures", func(t *Trust, f *Fact) bool { return onText(&f.To, t.tooFew) }},
	},
	"signed": {
		{"another log size", func(_ *Trust, f *Fact) bool { return anotherNumber(&f.Checkpoint) }},
		{"another height", func(_ *Trust, f *Fact) bool { return anotherNumber(&f.State) }},
		{"too few signatures on the checkpoint", func(t *Trust, f *Fact) bool { return t.tooFew(&f.Checkpoint) }},
		{"too few signatures on the state note", func(t *Trust, f *Fact) bool { return t.tooFew(&f.State) }},
	},
	"statement": {
		{"a bit of a line flipped", func(_ *Trust, f *Fact) bool { return len(f.Lines) > 0 && flip(f.Lines[0]) }},
		{"the first line left out", func(_ *Trust, f *Fact) bool { return withoutFirst(&f.Lines) }},
		{"the last line left out", func(_ *Trust, f *Fact) bool { return withoutLast(&f.Lines) }},
		{"a bit of the record flipped", func(_ *Trust, f *Fact) bool { return onRecord(&f.To) }},
	},
	"settlement": {
		{"a bit of a leg flipped", func(_ *Trust, f *Fact) bool { return len(f.Legs) > 0 && flip(f.Legs[0].Leaf) }},
		{"a bit of the statement flipped", func(_ *Trust, f *Fact) bool { return flip(f.Statement.Leaf) }},
		{"a hash of a path left out", func(_ *Trust, f *Fact) bool { return withoutFirst(&f.Statement.Path) }},
		{"too few signatures", func(t *Trust, f *Fact) bool { return t.tooFew(&f.Statement.State) }},
	},
}

func flip(data []byte) bool {
	if len(data) > 0 {
		data[len(data)/2] ^= 1
	}
	return len(data) > 0
}

func withoutFirst(list *[]Hex) bool {
	if len(*list) == 0 {
		return false
	}
	*list = (*list)[1:]
	return true
}

func withoutLast(list *[]Hex) bool {
	if len(*list) == 0 {
		return false
	}
	*list = (*list)[:len(*list)-1]
	return true
}

// A tlog-proof without the first hash of its path, which stands in the third line.
func withoutHash(proof *string) bool {
	lines := strings.Split(*proof, "\n")
	if lines[2] == "" {
		return false
	}
	*proof = strings.Join(append(lines[:2:2], lines[3:]...), "\n")
	return true
}

// One more digit in the second line of a note.
func anotherNumber(text *string) bool {
	*text = strings.Replace(*text, "\n", "\n1", 1)
	return true
}

// A note with one signature less than is needed.
func (t *Trust) tooFew(text *string) bool {
	at := strings.LastIndex(*text, "\n\n") + 2
	*text = (*text)[:at] + strings.Join(strings.SplitAfter((*text)[at:], "\n")[:t.Needed-1], "")
	return true
}

func onText(data *json.RawMessage, change func(*string) bool) bool {
	var text string
	must(json.Unmarshal(*data, &text))
	changed := change(&text)
	encoded, err := json.Marshal(text)
	must(err)
	*data = encoded
	return changed
}

// A bit of a record's leaf flipped, in its JSON.
func onRecord(data *json.RawMessage) bool {
	record := new(Record)
	must(json.Unmarshal(*data, record))
	before := fmt.Sprintf(`"%x"`, []byte(record.Leaf))
	flip(record.Leaf)
	*data = bytes.Replace(*data, []byte(before), []byte(fmt.Sprintf(`"%x"`, []byte(record.Leaf))), 1)
	return true
}

// The check has read the same bytes before.
func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "verify-go: the proof:", err)
		os.Exit(1)
	}
}
