// Package p95lab is the root of the module. It holds the two files that a
// learner's workspace shares with the repository, so that a workspace builds
// offline from the module cache that built the repository itself. It must not
// know any of the rooms below it.
package p95lab

import _ "embed"

// Module is this module's path; a workspace keeps it, so that no import in a
// lab ever needs rewriting.
const Module = "github.com/p95lab/p95lab"

// GoMod and GoSum are the repository's own go.mod and go.sum.
var (
	//go:embed go.mod
	GoMod []byte
	//go:embed go.sum
	GoSum []byte
)
