package sandbox

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
)

// The uids that confined services run under when the launcher is root, one for
// each service that runs. No system hands them out, and none of them has an
// entry anywhere.
const (
	firstUser = 60001
	users     = 256
)

// takeUser takes a uid that no other launcher on this machine uses now. An
// abstract socket is the lock: the kernel lets go of it when its holder ends,
// however it does.
func takeUser() (id int, release func(), err error) {
	for id := firstUser; id < firstUser+users; id++ {
		lock, err := net.ListenUnix("unix", &net.UnixAddr{Name: fmt.Sprintf("@p95lab-user-%d", id), Net: "unix"})
		if err == nil {
			return id, func() { _ = lock.Close() }, nil
		}
	}
	return 0, func() {}, fmt.Errorf("all %d users of the sandbox are taken", users)
}

// handOver gives folders to a user. Nobody else is at work in them: what had run
// there has ended. Links are given away themselves, not what they point at.
func handOver(folders []string, id int) error {
	for _, folder := range folders {
		root, err := os.OpenRoot(folder)
		if err != nil {
			return fmt.Errorf("hand over a folder: %w", err)
		}
		err = fs.WalkDir(root.FS(), ".", func(name string, _ fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			return root.Lchown(name, id, id)
		})
		if err = errors.Join(err, root.Close()); err != nil {
			return fmt.Errorf("hand over %s: %w", folder, err)
		}
	}
	return nil
}
