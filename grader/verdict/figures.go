package verdict

import (
	"fmt"
	"math"
)

// Millis tells a latency given in ms: "9.87 ms", "120 ms", "1.50 s".
func Millis(v float64) string {
	if v >= 1000 {
		return fmt.Sprintf("%.2f s", v/1000)
	}
	return Number(v) + " ms"
}

// Number tells a figure with three digits that count.
func Number(v float64) string {
	switch {
	case v >= 100:
		return fmt.Sprintf("%.0f", v)
	case v >= 10:
		return fmt.Sprintf("%.1f", v)
	default:
		return fmt.Sprintf("%.2f", v)
	}
}

// Factor tells a ratio: 8, 8.9, 0.97.
func Factor(v float64) string {
	v = Bounded(v)
	if v == math.Trunc(v) && v < 1000 {
		return fmt.Sprintf("%.0f", v)
	}
	return Number(v)
}

// Bounded keeps a ratio of failures within what JSON can say.
func Bounded(v float64) float64 {
	if math.IsNaN(v) {
		return 0
	}
	return max(-1e6, min(1e6, v))
}
