//go:build unix

package sandbox

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

func (o *openService) kill() { o.signal(syscall.SIGKILL) }

func (o *openService) terminate() { _ = o.cmd.Process.Signal(syscall.SIGTERM) } // an ended process needs no asking

// signal reaches the service and its session. Both may fail because it has
// ended, which is what is wanted.
func (o *openService) signal(s syscall.Signal) {
	_ = o.cmd.Process.Signal(s)
	_ = syscall.Kill(-o.cmd.Process.Pid, s)
}

// RemoveAll removes a folder that a service has written to. It opens what the
// service has closed to the user that both may share, never through a link.
func RemoveAll(folder string) error {
	err := os.RemoveAll(folder)
	if err == nil || (!errors.Is(err, fs.ErrPermission) && !errors.Is(err, syscall.EMFILE) && !errors.Is(err, syscall.ENFILE)) {
		return err
	}
	root, err := os.OpenRoot(folder)
	if err != nil {
		return err
	}
	for moved := true; moved && err == nil; {
		moved, err = flatten(root)
	}
	return errors.Join(err, root.Close(), os.RemoveAll(folder))
}

// flatten opens folders to their owner and moves those to the top that lie too
// deep to be removed: removing holds a file for each folder on the way down.
func flatten(root *os.Root) (moved bool, err error) {
	err = fs.WalkDir(root.FS(), ".", func(name string, e fs.DirEntry, err error) error {
		if err != nil || !e.IsDir() {
			return err
		}
		if strings.Count(name, "/") > deepest {
			moved = true
			to := fmt.Sprintf("moved-%x", rand.Uint64())
			if err := root.Rename(name, to); err != nil {
				return err
			}
			return fs.SkipDir
		}
		// WalkDir reads the folder after this call.
		return root.Chmod(name, 0o700)
	})
	return moved, err
}

// most is how many files a service may have in its folders before that alone is
// too much: each costs the machine room, whatever is in it, and each look at the
// folders time, which is the measurement's. PostgreSQL begins with a thousand.
const most = scratchFiles

// deepest is how many folders may lie in one another: a look holds a file for
// each.
const deepest = 64

// usage is what was found in folders.
type usage struct {
	bytes int64 // that they take, not that they claim
	files int
	over  bool // there is more than most, or deeper than deepest
}

// overDisk adds up what a service has written. The service may be moving its
// folders about meanwhile, so each is opened from the one above it and never
// through a link.
func overDisk(folders []string, limit int64) bool {
	var u usage
	for _, folder := range folders {
		fd, err := unix.Open(folder, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
		if err != nil {
			continue // a single file, or gone
		}
		u.add(fd, 0)
		if u.over || u.bytes > limit {
			return true
		}
	}
	return false
}

// add adds what is in a folder, whose descriptor it closes.
func (u *usage) add(fd, depth int) {
	dir := os.NewFile(uintptr(fd), "")
	defer func() { _ = dir.Close() }()
	if depth > deepest {
		u.over = true
	}
	for !u.over {
		names, err := dir.Readdirnames(256)
		for _, name := range names {
			if u.files++; u.files > most {
				u.over = true
				return
			}
			var st unix.Stat_t
			if unix.Fstatat(fd, name, &st, unix.AT_SYMLINK_NOFOLLOW) != nil {
				continue // it was removed or closed to us while we looked
			}
			u.bytes += st.Blocks * 512
			if st.Mode&unix.S_IFMT == unix.S_IFDIR {
				if below, err := unix.Openat(fd, name, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0); err == nil {
					u.add(below, depth+1)
				}
			}
		}
		if err != nil {
			return
		}
	}
}
