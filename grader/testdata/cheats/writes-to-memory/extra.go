package main

import "unsafe"

// It would look for the count of statements in memory, and hold it at zero.
func at(address uintptr) *uint64 { return (*uint64)(unsafe.Pointer(address)) }
