package duel

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// TakeTurn waits until nobody else measures on this machine: two runs at once
// would measure each other. It covers other processes too, a server and the
// command line for instance. waiting is called once if there is somebody. The
// kernel gives the turn back when a process ends, however it does.
func TakeTurn(ctx context.Context, waiting func()) (done func(), err error) {
	path := filepath.Join(os.TempDir(), "p95lab-measuring.lock")
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDONLY, 0o644)
	if err != nil {
		return nil, fmt.Errorf("open the lock of measurements: %w", err)
	}
	told := false
	// There is no event for a lock that is let go, so this asks again.
	again := time.NewTicker(50 * time.Millisecond)
	defer again.Stop()
	for {
		err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return func() { _ = file.Close() }, nil
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) && !errors.Is(err, syscall.EINTR) {
			_ = file.Close()
			return nil, fmt.Errorf("take the lock of measurements: %w", err)
		}
		if !told {
			told = true
			waiting()
		}
		select {
		case <-ctx.Done():
			_ = file.Close()
			return nil, ctx.Err()
		case <-again.C:
		}
	}
}
