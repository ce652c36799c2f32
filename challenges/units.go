package challenges

// Factor is a ratio, written "8x" or "1.2x".
type Factor float64

// Amount is a bound: a share written "0.1%" (Value 0.001, Share true) or a
// plain number.
type Amount struct {
	Value float64
	Share bool
}
