//go:build unix

package kit

import (
	"errors"
	"os"
	"sync/atomic"
	"syscall"
	"unsafe"
)

// mapTally begins a count in a file.
func mapTally(file string) (tally, error) {
	f, err := os.OpenFile(file, os.O_RDWR, 0)
	if err != nil {
		return tally{}, err
	}
	page, err := syscall.Mmap(int(f.Fd()), 0, tallySize, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_SHARED)
	if err = errors.Join(err, f.Close(), os.Remove(file)); err != nil {
		return tally{}, err
	}
	return tally{(*atomic.Uint64)(unsafe.Pointer(&page[0]))}, nil
}
