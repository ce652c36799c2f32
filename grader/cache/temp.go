package cache

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// lock is what the name of a work folder's lock ends in. The lock lies beside the
// folder, out of reach of what works in it.
const lock = ".lock"

// Temp makes a folder to work in below dir, whose name begins with prefix, and
// holds a lock for it: the kernel lets go of the lock when this process ends,
// however it does, and Sweep then removes the folder. done removes it with remove.
func Temp(dir, prefix string, remove func(string) error) (folder string, done func(), err error) {
	for {
		file, err := os.CreateTemp(dir, prefix+"*"+lock)
		if err != nil {
			return "", nil, fmt.Errorf("make a lock: %w", err)
		}
		if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil || !stands(file) {
			// A sweep found it in the moment before it was locked.
			_ = file.Close()
			continue
		}
		folder = strings.TrimSuffix(file.Name(), lock)
		if err := os.Mkdir(folder, 0o700); err != nil {
			return "", nil, errors.Join(fmt.Errorf("make a work folder: %w", err), os.Remove(file.Name()), file.Close())
		}
		return folder, func() {
			if remove(folder) == nil { // else the next sweep tries again
				_ = os.Remove(file.Name())
			}
			_ = file.Close()
		}, nil
	}
}

// stands tells whether a file still has its name.
func stands(file *os.File) bool {
	held, err := file.Stat()
	if err != nil {
		return false
	}
	named, err := os.Lstat(file.Name())
	return err == nil && os.SameFile(held, named)
}

// unlockedAge is how old a work folder without a lock must be to be removed: it is
// of a program from before there were locks.
const unlockedAge = 24 * time.Hour

// Sweep removes the work folders of processes that were killed, with remove. It
// touches none of a process that lives. That dir is not there is no error.
func Sweep(dir, prefix string, remove func(string) error) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("look for what was left behind: %w", err)
	}
	locked := map[string]bool{}
	for _, e := range entries {
		if name, ok := strings.CutSuffix(e.Name(), lock); ok {
			locked[name] = true
		}
	}
	var failed error
	for _, e := range entries {
		path := filepath.Join(dir, e.Name())
		switch name, isLock := strings.CutSuffix(e.Name(), lock); {
		case !strings.HasPrefix(e.Name(), prefix):
		case isLock:
			failed = errors.Join(failed, sweepLocked(path, filepath.Join(dir, name), remove))
		case e.IsDir() && !locked[name]:
			if info, err := e.Info(); err == nil && time.Since(info.ModTime()) > unlockedAge {
				failed = errors.Join(failed, remove(path))
			}
		}
	}
	if failed != nil {
		return fmt.Errorf("remove what was left behind: %w", failed)
	}
	return nil
}

// sweepLocked removes a folder whose lock nobody holds.
func sweepLocked(path, folder string, remove func(string) error) error {
	file, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }()
	err = syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) || (err == nil && !stands(file)) {
		return nil // somebody works there, or has just tidied up
	}
	if err != nil {
		return err
	}
	if err := remove(folder); err != nil {
		return err
	}
	return os.Remove(path)
}
