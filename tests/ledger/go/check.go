// SPDX-FileCopyrightText: 2026 The Ombud authors
// SPDX-License-Identifier: Apache-2.0

// Checks what a log published with the Go checksum database's own packages, sumdb/note and sumdb/tlog.
//
//	check note VKEY FILE...          each is a note that the key signed
//	check proof FILE...              each is a vector of ledger/vectors/proofs that holds
//	check log VKEY PUB RECEIPT...    checkpoint, every tile and each receipt of a pub/ folder
//
// Prints one line per FILE: "ok" or what is wrong. Exit code 2 for anything unforeseen.
package main

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const height = 8

func main() {
	if len(os.Args) < 3 {
		fatal(errors.New("usage: check note|proof|log ..."))
	}
	switch args := os.Args[2:]; os.Args[1] {
	case "note":
		each(args[1:], func(data []byte) error { _, err := open(args[0], data); return err })
	case "proof":
		each(args, checkProof)
	case "log":
		tree, reader, err := openLog(args[0], args[1])
		if err != nil {
			fatal(err)
		}
		each(args[2:], func(data []byte) error { return checkReceipt(args[0], data, tree, reader) })
	}
}

func each(files []string, check func([]byte) error) {
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			fatal(err)
		}
		if err := check(data); err != nil {
			fmt.Println(strings.ReplaceAll(err.Error(), "\n", " "))
		} else {
			fmt.Println("ok")
		}
	}
}

func open(vkey string, data []byte) (string, error) {
	verifier, err := note.NewVerifier(vkey)
	if err != nil {
		fatal(err)
	}
	opened, err := note.Open(data, note.VerifierList(verifier))
	if err != nil {
		return "", err
	}
	return opened.Text, nil
}

// openLog reads the checkpoint and authenticates every leaf of the tree through its tiles.
func openLog(vkey, pub string) (tlog.Tree, tlog.HashReader, error) {
	data, err := os.ReadFile(filepath.Join(pub, "checkpoint"))
	if err != nil {
		return tlog.Tree{}, nil, err
	}
	tree, err := checkpoint(vkey, data)
	if err != nil {
		return tlog.Tree{}, nil, err
	}
	// 1. The tiles that these packages would make of the tree are those that are there, to the byte.
	reader := tlog.TileHashReader(tree, folder(pub))
	for _, tile := range tlog.NewTiles(height, 0, tree.N) {
		want, err := tlog.ReadTileData(tile, reader)
		if err != nil {
			return tree, nil, fmt.Errorf("%s: %w", path(tile), err)
		}
		have, err := os.ReadFile(filepath.Join(pub, path(tile)))
		needed := tree.N>>(height*tile.L) - tile.N<<height
		if errors.Is(err, os.ErrNotExist) && int64(tile.W) < needed {
			continue // the partial tile of a smaller tree, of which no checkpoint was published
		}
		if err != nil {
			return tree, nil, err
		}
		if string(have) != string(want) {
			return tree, nil, fmt.Errorf("%s: other bytes", path(tile))
		}
	}
	// 2. The tree began with every smaller one, by proofs made here from those tiles.
	for size := int64(1); size <= tree.N; size += 1 + tree.N/50 {
		proof, err := tlog.ProveTree(tree.N, size, reader)
		if err != nil {
			return tree, nil, err
		}
		root, err := tlog.TreeHash(size, reader)
		if err != nil {
			return tree, nil, err
		}
		if err := tlog.CheckTree(proof, tree.N, tree.Hash, size, root); err != nil {
			return tree, nil, err
		}
	}
	return tree, reader, nil
}

func checkpoint(vkey string, data []byte) (tlog.Tree, error) {
	text, err := open(vkey, data)
	if err != nil {
		return tlog.Tree{}, err
	}
	lines := strings.Split(text, "\n")
	if len(lines) != 4 || lines[0] != strings.Split(vkey, "+")[0] {
		return tlog.Tree{}, errors.New("not a checkpoint of this log")
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil {
		return tlog.Tree{}, err
	}
	root, err := tlog.ParseHash(lines[2])
	return tlog.Tree{N: size, Hash: root}, err
}

// checkReceipt checks a tlog-proof against its own checkpoint, and against the proof made from the tiles.
func checkReceipt(vkey string, data []byte, tree tlog.Tree, reader tlog.HashReader) error {
	head, signed, found := strings.Cut(string(data), "\n\n")
	lines := strings.Split(head, "\n")
	if !found || len(lines) < 3 || lines[0] != "c2sp.org/tlog-proof@v1" {
		return errors.New("not a receipt")
	}
	record, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(lines[1], "extra "))
	if err != nil {
		return err
	}
	index, err := strconv.ParseInt(strings.TrimPrefix(lines[2], "index "), 10, 64)
	if err != nil {
		return err
	}
	proof := tlog.RecordProof{}
	for _, line := range lines[3:] {
		hash, err := tlog.ParseHash(line)
		if err != nil {
			return err
		}
		proof = append(proof, hash)
	}
	own, err := checkpoint(vkey, []byte(signed))
	if err != nil {
		return err
	}
	if err := tlog.CheckRecord(proof, own.N, own.Hash, index, tlog.RecordHash(record)); err != nil {
		return err
	}
	made, err := tlog.ProveRecord(tree.N, index, reader)
	if err != nil {
		return err
	}
	if own == tree && fmt.Sprint(made) != fmt.Sprint(proof) {
		return errors.New("another proof than the one made from the tiles")
	}
	return tlog.CheckRecord(made, tree.N, tree.Hash, index, tlog.RecordHash(record))
}

func checkProof(data []byte) error {
	var vector struct {
		Kind, Leaf, Root string
		Index, Size      int64
		Old, New         int64
		OldRoot          string `json:"old_root"`
		NewRoot          string `json:"new_root"`
		Proof            []string
	}
	if err := json.Unmarshal(data, &vector); err != nil {
		fatal(err)
	}
	var hashes []tlog.Hash
	for _, text := range vector.Proof {
		hash, err := unhex(text)
		if err != nil {
			return err
		}
		hashes = append(hashes, hash)
	}
	texts := []string{vector.Leaf, vector.Root}
	if vector.Kind == "consistency" {
		texts = []string{vector.OldRoot, vector.NewRoot}
	}
	one, err := unhex(texts[0])
	if err != nil {
		return err
	}
	other, err := unhex(texts[1])
	if err != nil {
		return err
	}
	if vector.Kind == "inclusion" {
		return tlog.CheckRecord(hashes, vector.Size, other, vector.Index, one)
	}
	return tlog.CheckTree(hashes, vector.New, other, vector.Old, one)
}

func unhex(text string) (hash tlog.Hash, err error) {
	data, err := hex.DecodeString(text)
	if err == nil && len(data) != len(hash) {
		err = fmt.Errorf("a hash of %d bytes", len(data))
	}
	copy(hash[:], data)
	return hash, err
}

// folder reads tiles from a pub/ folder; C2SP leaves out the height that sumdb's own paths carry.
type folder string

func (f folder) Height() int { return height }

func (f folder) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	var all [][]byte
	for _, tile := range tiles {
		data, err := os.ReadFile(filepath.Join(string(f), path(tile)))
		if errors.Is(err, os.ErrNotExist) { // a partial tile goes when the full one is there
			width := tile.W
			tile.W = 1 << height
			if data, err = os.ReadFile(filepath.Join(string(f), path(tile))); err == nil {
				data = data[:width*tlog.HashSize]
			}
		}
		if err != nil {
			return nil, err
		}
		all = append(all, data)
	}
	return all, nil
}

func (f folder) SaveTiles([]tlog.Tile, [][]byte) {}

func path(tile tlog.Tile) string {
	return strings.Replace(tile.Path(), "tile/8/", "tile/", 1)
}

func fatal(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(2)
}
