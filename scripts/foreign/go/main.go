// Checks the proofs of an alliance with golang.org/x/mod/sumdb/{note,tlog}, the library behind Go's own checksum
// database, which knows nothing of Tally. What is read here by hand is JSON and text (docs/verify/README.md); every
// signature and every hash tree is the library's business.
//
//	GO111MODULE=off GOPATH=/usr/share/gocode go build -o verify-go ./scripts/foreign/go
//	verify-go operation|growth|signed|statement|settlement TRUST.json PROOF.json
//	verify-go log TRUST.json URL TOKEN_FILE
//
// TRUST.json is made from the genesis alone (trust.py): origin, the merchants' cosigner keys, and how many make more
// than two thirds. Each check also shows itself damaged copies, and fails unless it refuses every one of them. It
// prints one line, `proof: fact=NAME verifier=PROGRAM ok`, for each program of the library that was put to use.
package main

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "verify-go:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) < 3 {
		return errors.New("usage: verify-go FACT TRUST.json PROOF.json, or verify-go log TRUST.json URL TOKEN_FILE")
	}
	var trust Trust
	if err := readJSON(args[1], &trust); err != nil {
		return err
	}
	if args[0] == "log" {
		if len(args) != 4 {
			return errors.New("usage: verify-go log TRUST.json URL TOKEN_FILE")
		}
		return checkLog(&trust, args[2], args[3])
	}
	check, known := map[string]func(*Trust, *Fact) error{
		"operation":  checkOperation,
		"growth":     checkGrowth,
		"signed":     checkSigned,
		"statement":  checkStatement,
		"settlement": checkSettlement,
	}[args[0]]
	if !known {
		return fmt.Errorf("%s is no fact that this program checks", args[0])
	}
	var file struct{ Fact json.RawMessage }
	if err := readJSON(args[2], &file); err != nil {
		return err
	}
	if err := check(&trust, parse(file.Fact)); err != nil {
		return fmt.Errorf("%s: %w", args[2], err)
	}
	for _, damage := range damages[args[0]] {
		fact := parse(file.Fact)
		if damage.apply(&trust, fact) && check(&trust, fact) == nil {
			return fmt.Errorf("%s is still taken with %s", args[2], damage.what)
		}
	}
	fmt.Printf("proof: fact=%s verifier=%s ok\n", args[0], verifiers[args[0]])
	return nil
}

// Which part of the library decides.
var verifiers = map[string]string{
	"operation": "go-tlog", "growth": "go-tlog", "signed": "go-note", "statement": "go-tlog", "settlement": "go-tlog",
}

// Fact holds the fields of the facts that are checked here.
type Fact struct {
	Kind       string
	Leaf       Hex
	TlogProof  string `json:"tlog_proof"`
	Checkpoint string
	State      string
	// A text in proofs of growth, a record in proofs of statements.
	From, To  json.RawMessage
	Path      []Hex
	Holder    string
	Class     uint32
	Lines     []Hex
	Cycle     string
	Statement *Record
	Legs      []*Record
}

// Record is a leaf of the state tree, with its inclusion proof and the note that bears the root.
type Record struct {
	Leaf  Hex
	Index int64
	Size  int64
	Path  []Hex
	State string
}

// Hex is bytes that JSON has as hexadecimal text.
type Hex []byte

// UnmarshalJSON reads the text.
func (h *Hex) UnmarshalJSON(data []byte) error {
	var text string
	err := json.Unmarshal(data, &text)
	if err == nil {
		*h, err = hex.DecodeString(text)
	}
	return err
}

func readJSON(path string, into interface{}) error {
	data, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(data, into)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

// A fresh copy every time, so that damage to one does not reach another. The bytes were read once without an error.
func parse(data []byte) *Fact {
	fact := new(Fact)
	if err := json.Unmarshal(data, fact); err != nil {
		fmt.Fprintln(os.Stderr, "verify-go: the proof:", err)
		os.Exit(1)
	}
	return fact
}
