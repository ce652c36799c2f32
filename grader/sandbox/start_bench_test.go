package sandbox

import (
	"testing"
)

// BenchmarkStart is a service that ends at once, from the call to its end.
func BenchmarkStart(b *testing.B) {
	for name, l := range map[string]*Launcher{"open": Open(), "confined": New(b.Context())} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				p, err := l.Start(b.Context(), Spec{Path: executable(), Env: []string{"HOSTILE=environment"}, Memory: 512 << 20, Output: 1 << 20})
				if err != nil {
					b.Fatal(err)
				}
				<-p.Done()
			}
		})
	}
}
