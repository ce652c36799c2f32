//go:build !unix

package kit

import "errors"

func mapTally(string) (tally, error) { return tally{}, errors.ErrUnsupported }
