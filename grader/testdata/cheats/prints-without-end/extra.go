package main

import (
	"os"
	"strings"
)

// It floods the log.
func init() {
	if len(os.Args) > 1 {
		return // seed, or migrate
	}
	go func() {
		line := strings.Repeat("x", 1000) + "\n"
		for {
			_, _ = os.Stdout.WriteString(line)
		}
	}()
}
