package bench

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
)

// The parts that run as processes of their own.
const (
	partResponder = "responder" // answers at once
	partTimed     = "timed"     // answers after a known time
	partWork      = "work"      // answers after a known amount of work
	partHog       = "hog"       // uses processors and answers nobody
	partGenerator = "generator" // the lab's generator
)

// Part is the main of one of the bench's processes. A service prints its address
// and then a line for each line that it reads, until in ends; a generator
// prints its figures.
func Part(ctx context.Context, name, options string, in io.Reader, out io.Writer) error {
	parts := map[string]func(context.Context, []byte, *talk) error{
		partResponder: respond, partTimed: timed, partWork: work, partHog: hog, partGenerator: generate,
	}
	run, ok := parts[name]
	if !ok {
		return fmt.Errorf("there is no part %q", name)
	}
	return run(ctx, []byte(options), &talk{in: bufio.NewScanner(in), out: json.NewEncoder(out)})
}

// talk is a part's end of the two pipes.
type talk struct {
	in  *bufio.Scanner
	out *json.Encoder
}

// answer answers each question with what answers returns, until there are no
// more.
func (t *talk) answer(hello any, answers func(question string) (any, error)) error {
	if err := t.out.Encode(hello); err != nil {
		return fmt.Errorf("say that it is ready: %w", err)
	}
	for t.in.Scan() {
		a, err := answers(t.in.Text())
		if err != nil {
			return err
		}
		if err := t.out.Encode(a); err != nil {
			return fmt.Errorf("answer %q: %w", t.in.Text(), err)
		}
	}
	return t.in.Err()
}
