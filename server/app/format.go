package app

import (
	"errors"
	"go/format"
	"go/scanner"
	"path"

	"github.com/p95lab/p95lab/grader/verdict"
)

// Format returns a Go file as gofmt writes it, and any other file as it is. A
// file that does not parse is an *Error with its diagnostics.
func Format(name, text string) (string, error) {
	if len(text) > maxFile {
		return "", fail(TooLarge, "The file is too large.")
	}
	if path.Ext(name) != ".go" {
		return text, nil
	}
	formatted, err := format.Source([]byte(text))
	if err == nil {
		return string(formatted), nil
	}
	e := &Error{Code: Invalid, Message: "It does not parse: " + err.Error()}
	var list scanner.ErrorList
	if errors.As(err, &list) {
		for _, d := range list {
			e.Diagnostics = append(e.Diagnostics, verdict.Diagnostic{File: name, Line: d.Pos.Line, Column: d.Pos.Column, Message: d.Msg})
		}
	}
	return "", e
}
