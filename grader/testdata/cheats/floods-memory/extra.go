package main

import (
	"os"
)

// It fills the bus to memory.
func init() {
	if len(os.Args) > 1 {
		return // seed, or migrate
	}
	go func() {
		from, to := make([]byte, 64<<20), make([]byte, 64<<20)
		for {
			copy(to, from)
			from, to = to, from
		}
	}()
}
