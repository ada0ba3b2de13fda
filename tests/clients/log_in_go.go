// What golang.org/x/mod/sumdb, the library of Go's own checksum database, says of a log's notes and proofs.
package main

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"os"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

type asked struct {
	Note, Vkey, Origin string
	Lines              [][]byte
	Old                int64
	OldRoot, Root      []byte
	Index              int64
	Inclusion          [][]byte
	Consistency        [][]byte
}

type row []tlog.Hash

func (r row) ReadHashes(places []int64) ([]tlog.Hash, error) {
	found := make([]tlog.Hash, len(places))
	for i, place := range places {
		found[i] = r[place]
	}
	return found, nil
}

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func hash(b []byte) (h tlog.Hash) {
	copy(h[:], b)
	return
}

func hashes(all [][]byte) (found []tlog.Hash) {
	for _, b := range all {
		found = append(found, hash(b))
	}
	return
}

func bytesOf(all []tlog.Hash) (found [][]byte) {
	for _, h := range all {
		found = append(found, append([]byte{}, h[:]...))
	}
	return
}

func main() {
	var q asked
	must(json.NewDecoder(os.Stdin).Decode(&q))
	size := int64(len(q.Lines))

	// Theirs of ours: the note's signature, and both proofs.
	verifier, err := note.NewVerifier(q.Vkey)
	must(err)
	opened, err := note.Open([]byte(q.Note), note.VerifierList(verifier))
	must(err)
	must(tlog.CheckRecord(hashes(q.Inclusion), size, hash(q.Root), q.Index, tlog.RecordHash(q.Lines[q.Index])))
	must(tlog.CheckTree(hashes(q.Consistency), size, hash(q.Root), q.Old, hash(q.OldRoot)))

	// Theirs for us: the same tree by their code, its row, its proofs, and a note of their key.
	var kept row
	for i, line := range q.Lines {
		more, err := tlog.StoredHashes(int64(i), line, kept)
		must(err)
		kept = append(kept, more...)
	}
	root, err := tlog.TreeHash(size, kept)
	must(err)
	inclusion, err := tlog.ProveRecord(size, q.Index, kept)
	must(err)
	consistency, err := tlog.ProveTree(size, q.Old, kept)
	must(err)
	skey, vkey, err := note.GenerateKey(rand.Reader, q.Origin)
	must(err)
	signer, err := note.NewSigner(skey)
	must(err)
	signed, err := note.Sign(&note.Note{Text: opened.Text}, signer)
	must(err)
	must(json.NewEncoder(os.Stdout).Encode(map[string]any{
		"row": bytesOf(kept), "root": root[:], "inclusion": bytesOf(inclusion), "consistency": bytesOf(consistency),
		"vkey": vkey, "note": string(signed),
	}))
}
