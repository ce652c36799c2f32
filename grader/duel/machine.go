package duel

import (
	"fmt"
	"runtime"
)

// Machine says on what something was measured.
func Machine() string {
	return fmt.Sprintf("%d CPUs, %s/%s, %s", runtime.NumCPU(), runtime.GOOS, runtime.GOARCH, runtime.Version())
}
