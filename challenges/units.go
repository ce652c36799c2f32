package challenges

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
)

// Factor is a ratio, written "8x" or "1.2x".
type Factor float64

// ParseFactor reads "8x", "1.2x" or "8×".
func ParseFactor(s string) (Factor, error) {
	digits, ok := strings.CutSuffix(s, "x")
	if !ok {
		digits, ok = strings.CutSuffix(s, "×")
	}
	v, err := parseDecimal(digits)
	if !ok || err != nil || v <= 0 {
		return 0, fmt.Errorf("%q is not a factor: write a positive number and an x, such as 8x or 1.2x", s)
	}
	return Factor(v), nil
}

// String returns the factor as a learner reads it: "8×".
func (f Factor) String() string {
	return strconv.FormatFloat(float64(f), 'f', -1, 64) + "×"
}

// UnmarshalYAML reads a factor; its error carries the place in the file.
func (f *Factor) UnmarshalYAML(node ast.Node) error {
	v, err := ParseFactor(node.GetToken().Value)
	if err != nil {
		return &yaml.SyntaxError{Message: err.Error(), Token: node.GetToken()}
	}
	*f = v
	return nil
}

// Amount is a bound: a share written "0.1%" (Value 0.001, Share true) or a
// plain number.
type Amount struct {
	Value float64
	Share bool
}

// ParseAmount reads "0.1%" or "6".
func ParseAmount(s string) (Amount, error) {
	digits, share := strings.CutSuffix(s, "%")
	v, err := parseDecimal(digits)
	if err != nil || v < 0 || share && v > 100 {
		return Amount{}, fmt.Errorf("%q is not an amount: write a share such as 0.1%%, or a number such as 6", s)
	}
	if share {
		v /= 100
	}
	return Amount{Value: v, Share: share}, nil
}

// String returns the amount as it was written: "0.1%" or "6".
func (a Amount) String() string {
	if !a.Share {
		return strconv.FormatFloat(a.Value, 'f', -1, 64)
	}
	// 15 digits: 100 times a share such as 0.07 is not exact in binary.
	v, err := strconv.ParseFloat(strconv.FormatFloat(a.Value*100, 'g', 15, 64), 64)
	if err != nil {
		v = a.Value * 100
	}
	return strconv.FormatFloat(v, 'f', -1, 64) + "%"
}

// UnmarshalYAML reads an amount; its error carries the place in the file.
func (a *Amount) UnmarshalYAML(node ast.Node) error {
	v, err := ParseAmount(node.GetToken().Value)
	if err != nil {
		return &yaml.SyntaxError{Message: err.Error(), Token: node.GetToken()}
	}
	*a = v
	return nil
}

// parseDecimal reads plain decimals only: strconv alone would also take hex,
// exponents, "inf" and underscores, none of which an author means.
func parseDecimal(s string) (float64, error) {
	if s == "" || strings.Trim(s, "0123456789.") != "" || len(s) > 18 {
		return 0, fmt.Errorf("%q is not a decimal number", s)
	}
	v, err := strconv.ParseFloat(s, 64)
	if err != nil || math.IsInf(v, 0) {
		return 0, fmt.Errorf("%q is not a decimal number", s)
	}
	return v, nil
}
