package stats

import "math"

// Trending says whether values go up or down in their order, by the test of Mann
// ("Nonparametric Tests Against Trend", Econometrica 13, 1945) and Kendall at
// 10 %, in the normal approximation with continuity correction. Of fewer than
// four values nothing can be told, and they do not trend.
func Trending(values []float64) bool {
	n := len(values)
	if n < 4 {
		return false
	}
	s := 0.0
	for i, a := range values {
		for _, b := range values[i+1:] {
			switch {
			case b > a:
				s++
			case b < a:
				s--
			}
		}
	}
	f := float64(n)
	return (math.Abs(s)-1)/math.Sqrt(f*(f-1)*(2*f+5)/18) > normal(0.90)
}
