package app

import (
	"errors"

	"github.com/p95lab/p95lab/grader/verdict"
)

// Code says of which kind an error is; it is mapped to HTTP in one place.
type Code string

// The codes.
const (
	NotFound  Code = "not-found"
	Invalid   Code = "invalid"
	Forbidden Code = "forbidden"
	Conflict  Code = "conflict"
	TooLarge  Code = "too-large"
)

// Error is an error that the learner may see: it says what to do.
type Error struct {
	Code    Code
	Message string
	// Diagnostics are set where a file does not parse.
	Diagnostics []verdict.Diagnostic
}

func (e *Error) Error() string { return e.Message }

func fail(code Code, message string) error { return &Error{Code: code, Message: message} }

// known tells whether an error is one that the learner may see, of a kind.
func known(err error, code Code) bool {
	var e *Error
	return errors.As(err, &e) && e.Code == code
}
