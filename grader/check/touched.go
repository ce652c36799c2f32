package check

import (
	"fmt"

	"github.com/p95lab/p95lab/challenges"
)

// Touched keeps which things a run has written to, so that under load only
// those reads are compared whose answer cannot depend on which of two racing
// requests came first. Two requests speak of the same thing when the variables
// that their templates share have the same values.
type Touched struct {
	mix    *challenges.Mix
	writes map[string]int // by thing
}

// NewTouched starts with nothing written.
func NewTouched(mix *challenges.Mix) *Touched {
	return &Touched{mix: mix, writes: map[string]int{}}
}

// Writes tells whether a request may change what the service keeps.
func Writes(d challenges.Drawn) bool { return d.Method != "GET" && d.Method != "HEAD" }

// Add notes the writes among requests that are about to be sent.
func (t *Touched) Add(requests []challenges.Drawn) {
	for _, d := range requests {
		if !Writes(d) {
			continue
		}
		for class := range t.mix.Names() {
			t.writes[t.thing(class, d.Class, d.Vars)]++
		}
	}
}

// Count is how many writes have touched what a read is about. 0 means that its
// answer is settled.
func (t *Touched) Count(read challenges.Drawn) int {
	var n int
	for class := range t.mix.Names() {
		n += t.writes[t.thing(read.Class, class, read.Vars)]
	}
	return n
}

// thing names what a read of one class and a write of another have in common. A
// pair that shares no variable may touch anything, so all of it is one thing.
func (t *Touched) thing(read, write int, vars map[string]string) string {
	key := fmt.Sprintf("%d/%d", read, write)
	for _, name := range t.mix.Shared(read, write) {
		key += "\x00" + name + "=" + vars[name]
	}
	return key
}
