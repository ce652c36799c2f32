//go:build !linux

package grader

import "time"

// stolen is known on Linux only.
func stolen() time.Duration { return 0 }

// busy is known on Linux only.
func busy() time.Duration { return 0 }
