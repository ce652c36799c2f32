package challenges

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync/atomic"
)

// distribution draws the values of one variable.
type distribution struct {
	from, to int64         // uniform, zipf and sequence, both ends included
	s        float64       // zipf's exponent; 0 for the others
	values   []string      // pick
	drawn    *atomic.Int64 // sequence: how many so far
}

// The exponents that rand.Zipf draws quickly and exactly; it needs more than 1.
const minExponent, maxExponent = 1.01, 10

var errDistribution = errors.New("allowed are uniform(a, b), zipf(a, b, s), sequence(a, b) and pick(x, y, …)")

// parseDistribution reads uniform(a, b), zipf(a, b, s), sequence(a, b) or
// pick(x, y, …).
func parseDistribution(text string) (distribution, error) {
	name, rest, ok := strings.Cut(strings.TrimSpace(text), "(")
	inner, closed := strings.CutSuffix(rest, ")")
	if !ok || !closed {
		return distribution{}, fmt.Errorf("%q is not a distribution: %w", text, errDistribution)
	}
	args := strings.Split(inner, ",")
	for i := range args {
		args[i] = strings.TrimSpace(args[i])
	}
	switch name {
	case "uniform":
		if len(args) != 2 {
			return distribution{}, errors.New("uniform takes two numbers: uniform(a, b)")
		}
		return parseSpan(args)
	case "sequence":
		if len(args) != 2 {
			return distribution{}, errors.New("sequence takes two numbers: sequence(a, b)")
		}
		d, err := parseSpan(args)
		d.drawn = new(atomic.Int64)
		return d, err
	case "zipf":
		if len(args) != 3 {
			return distribution{}, errors.New("zipf takes three numbers: zipf(a, b, s)")
		}
		d, err := parseSpan(args[:2])
		if err != nil {
			return distribution{}, err
		}
		d.s, err = parseDecimal(args[2])
		if err != nil || d.s < minExponent || d.s > maxExponent {
			return distribution{}, fmt.Errorf("zipf's exponent %q must lie between %v and %v", args[2], minExponent, maxExponent)
		}
		return d, nil
	case "pick":
		for _, a := range args {
			if a == "" {
				return distribution{}, errors.New("pick has an empty value")
			}
			// Values are put into JSON bodies and headers as they are.
			if i := strings.IndexFunc(a, func(r rune) bool { return r < ' ' || r == 0x7f || strings.ContainsRune(`"\()`, r) }); i >= 0 {
				return distribution{}, fmt.Errorf("pick's value %q holds a quote, backslash, bracket or control character", a)
			}
		}
		return distribution{values: args}, nil
	}
	return distribution{}, fmt.Errorf("%q is not a distribution: %w", name, errDistribution)
}

func parseSpan(args []string) (distribution, error) {
	from, err := parseInteger(args[0])
	if err != nil {
		return distribution{}, err
	}
	to, err := parseInteger(args[1])
	if err != nil {
		return distribution{}, err
	}
	if from > to {
		return distribution{}, fmt.Errorf("the range from %d to %d is empty", from, to)
	}
	return distribution{from: from, to: to}, nil
}

// draw returns one value. Of a zipf distribution from is the most frequent; a
// sequence goes from its first to its last and begins again.
func (d distribution) draw(rng *rand.Rand) string {
	switch {
	case d.values != nil:
		return d.values[rng.IntN(len(d.values))]
	case d.drawn != nil:
		n := uint64(d.drawn.Add(1) - 1)
		return strconv.FormatInt(d.from+int64(n%uint64(d.to-d.from+1)), 10)
	case d.s == 0:
		return strconv.FormatInt(d.from+rng.Int64N(d.to-d.from+1), 10)
	case d.from == d.to:
		return strconv.FormatInt(d.from, 10)
	}
	z := rand.NewZipf(rng, d.s, 1, uint64(d.to-d.from))
	return strconv.FormatInt(d.from+int64(z.Uint64()), 10)
}
