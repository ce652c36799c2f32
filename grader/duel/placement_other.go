//go:build !linux

package duel

// ServiceWeight has a meaning on Linux only.
const ServiceWeight = ""

// Weigh has a meaning on Linux only.
func Weigh() {}
