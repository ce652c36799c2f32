// Package evidencetest makes profiles for tests: of any size, and the same each
// time. It must not know who reads them.
package evidencetest

import (
	"bytes"
	"fmt"
	"math/rand/v2"

	"github.com/google/pprof/profile"
)

// Stack is one sample: functions, the caller first, and how often it was seen.
type Stack struct {
	Functions []string
	Samples   int64
}

// sampleTime is what a sample of a CPU profile stands for, in ns.
const sampleTime = 10_000_000

// CPU makes a CPU profile of stacks, as a service's own would be: gzipped. All of
// a package main lies in store.go, a function in line 1, 2, … by its place in its
// stack.
func CPU(stacks []Stack) ([]byte, error) {
	p := &profile.Profile{
		SampleType: []*profile.ValueType{{Type: "samples", Unit: "count"}, {Type: "cpu", Unit: "nanoseconds"}},
		PeriodType: &profile.ValueType{Type: "cpu", Unit: "nanoseconds"}, Period: sampleTime,
	}
	known := map[string]*profile.Location{}
	for _, s := range stacks {
		locations := make([]*profile.Location, 0, len(s.Functions))
		for i := len(s.Functions) - 1; i >= 0; i-- { // the leaf first
			name := s.Functions[i]
			if known[name] == nil {
				f := &profile.Function{ID: uint64(len(p.Function) + 1), Name: name, Filename: "github.com/p95lab/p95lab/labs/orders/store.go"}
				p.Function = append(p.Function, f)
				known[name] = &profile.Location{ID: uint64(len(p.Location) + 1), Line: []profile.Line{{Function: f, Line: int64(i + 1)}}}
				p.Location = append(p.Location, known[name])
			}
			locations = append(locations, known[name])
		}
		p.Sample = append(p.Sample, &profile.Sample{Location: locations, Value: []int64{s.Samples, s.Samples * sampleTime}})
	}
	var out bytes.Buffer
	if err := p.Write(&out); err != nil {
		return nil, fmt.Errorf("write the profile: %w", err)
	}
	return out.Bytes(), nil
}

// Large makes so many stacks of a program of a thousand functions, five to forty
// deep. Each function calls three others, one of them mostly, so that nearly all
// stacks differ somewhere.
func Large(stacks int) []Stack {
	rng := rand.New(rand.NewPCG(1, 2))
	packages := []string{"main", "runtime", "net/http", "database/sql", "modernc.org/sqlite/lib", "github.com/p95lab/p95lab/labs/kit"}
	const program = 1000
	names := make([]string, program)
	for i := range names {
		names[i] = fmt.Sprintf("%s.function%d", packages[i%len(packages)], i)
	}
	all := make([]Stack, stacks)
	for i := range all {
		functions := []string{"net/http.(*conn).serve", "main.(*API).history"}
		at := 0
		for depth := 5 + rng.IntN(33); depth > 0; depth-- {
			callee := min(2, int(rng.ExpFloat64()/1.2)) // 0 in seven of ten
			at = (at*3 + callee + 1) % program
			functions = append(functions, names[at])
		}
		all[i] = Stack{functions, 1}
	}
	return all
}
