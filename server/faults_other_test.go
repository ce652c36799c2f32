//go:build !linux

package main

import "fmt"

// afflict knows no faults here.
func afflict(fault, _ string) error {
	if fault != "" {
		return fmt.Errorf("no fault %s on this system", fault)
	}
	return nil
}
