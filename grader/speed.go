package grader

import (
	"crypto/sha256"
	"runtime"
	"time"
)

// speedChanged is how far a machine's speed may be from that of its calibration.
// The best of several looks varies by a few per cent on one machine; another
// processor, or another limit on this one, is farther off.
const speedChanged = 1.25

// sameSpeed says whether a calibration of a machine of one speed still holds on
// one of another.
func sameSpeed(then, now float64) bool {
	return then > 0 && now > 0 && now < then*speedChanged && then < now*speedChanged
}

// speed is how many blocks one processor hashes in a millisecond: the best of
// several short looks, as whoever else is busy takes from most of them and not
// from all. It takes about 25 ms.
func speed() float64 {
	const looks, blocks = 25, 4000
	var sum [sha256.Size]byte
	best := 0.0
	for range looks {
		began := time.Now()
		for range blocks {
			sum = sha256.Sum256(sum[:])
		}
		if took := time.Since(began); took > 0 {
			best = max(best, blocks/ms(took))
		}
	}
	runtime.KeepAlive(sum)
	return best
}
