//go:build unix

package sandbox

import (
	"errors"
	"io/fs"
	"os"
	"syscall"
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
	if err == nil || !errors.Is(err, fs.ErrPermission) {
		return err
	}
	root, err := os.OpenRoot(folder)
	if err != nil {
		return err
	}
	// A folder is opened before it is read, which WalkDir does after this call.
	err = fs.WalkDir(root.FS(), ".", func(name string, e fs.DirEntry, err error) error {
		if err == nil && e.IsDir() && e.Type()&fs.ModeSymlink == 0 {
			return root.Chmod(name, 0o700)
		}
		return err
	})
	return errors.Join(err, root.Close(), os.RemoveAll(folder))
}

// most is how many files a service may have in its folders before that alone is
// too much: each costs the machine memory, whatever is in it.
const most = 16 * scratchFiles

// overDisk adds up what a service has written. It looks through os.Root, as the
// service may be moving its folders about meanwhile.
func overDisk(folders []string, limit int64) bool {
	var used int64
	files := 0
	stop := errors.New("enough")
	for _, folder := range folders {
		root, err := os.OpenRoot(folder)
		if err != nil {
			continue // a single file, or gone
		}
		err = fs.WalkDir(root.FS(), ".", func(_ string, e fs.DirEntry, err error) error {
			if err != nil {
				return nil //nolint:nilerr // it was removed or closed to us while we looked
			}
			if files++; files > most {
				return stop
			}
			info, err := e.Info()
			if err != nil {
				return nil //nolint:nilerr // likewise
			}
			if st, ok := info.Sys().(*syscall.Stat_t); ok {
				used += st.Blocks * 512 // what it takes, not what it claims
			}
			return nil
		})
		_ = root.Close()
		if err != nil || used > limit {
			return true
		}
	}
	return false
}
