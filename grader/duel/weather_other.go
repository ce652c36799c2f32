//go:build !linux

package duel

import "time"

// readVitals knows the clocks alone.
func readVitals() vitals { return clocks() }

// Stolen is known on Linux only.
func Stolen() time.Duration { return 0 }

// Busy is known on Linux only.
func Busy() time.Duration { return 0 }
