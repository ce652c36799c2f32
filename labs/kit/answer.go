package kit

import (
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
)

// Failure is an error that the caller may see.
type Failure struct {
	Status  int
	Message string
}

func (f Failure) Error() string { return f.Message }

// NotFound is a Failure with status 404.
func NotFound(what string) error { return Failure{http.StatusNotFound, "no such " + what} }

// BadRequest is a Failure with status 400.
func BadRequest(why string) error { return Failure{http.StatusBadRequest, why} }

// Handle makes a handler of a function that returns what to answer as JSON, with
// its status.
func Handle(f func(*http.Request) (int, any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		status, answer, err := f(r)
		if err != nil {
			var known Failure
			if !errors.As(err, &known) {
				slog.ErrorContext(r.Context(), "request failed", "method", r.Method, "path", r.URL.Path, "error", err)
				known = Failure{http.StatusInternalServerError, "internal error"}
			}
			status, answer = known.Status, map[string]string{"error": known.Message}
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		if err := json.NewEncoder(w).Encode(answer); err != nil {
			slog.DebugContext(r.Context(), "the caller has gone", "error", err)
		}
	}
}

// maxBody is the longest body of a request that is read, in bytes.
const maxBody = 64 << 10

// Decode reads a JSON body into v; what it cannot read is a BadRequest.
func Decode(r *http.Request, v any) error {
	d := json.NewDecoder(http.MaxBytesReader(nil, r.Body, maxBody))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return BadRequest("the body is not as it should be: " + err.Error())
	}
	return nil
}
