package sandbox

import (
	"errors"
	"fmt"
	"io/fs"
	"unsafe"

	"golang.org/x/sys/unix"
)

// landlock lets this thread, and what it becomes, read the root and write where
// the plan says, and reach no abstract socket and no process outside. It stands
// behind the mounts and the namespaces, so a kernel without it is no fault.
//
// It is bare system calls for one thread: the usual library restricts all
// threads of a running program, and brings C code for that.
func landlock(p plan) error {
	abi, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, unix.LANDLOCK_CREATE_RULESET_VERSION)
	if errno != 0 {
		return nil // unknown to this kernel, or switched off
	}
	const (
		read  = unix.LANDLOCK_ACCESS_FS_EXECUTE | unix.LANDLOCK_ACCESS_FS_READ_FILE | unix.LANDLOCK_ACCESS_FS_READ_DIR
		write = unix.LANDLOCK_ACCESS_FS_WRITE_FILE | unix.LANDLOCK_ACCESS_FS_REMOVE_DIR | unix.LANDLOCK_ACCESS_FS_REMOVE_FILE |
			unix.LANDLOCK_ACCESS_FS_MAKE_DIR | unix.LANDLOCK_ACCESS_FS_MAKE_REG | unix.LANDLOCK_ACCESS_FS_MAKE_SOCK |
			unix.LANDLOCK_ACCESS_FS_MAKE_FIFO | unix.LANDLOCK_ACCESS_FS_MAKE_SYM
		devices = unix.LANDLOCK_ACCESS_FS_MAKE_CHAR | unix.LANDLOCK_ACCESS_FS_MAKE_BLOCK // allowed nowhere
	)
	rules := unix.LandlockRulesetAttr{Handled_access_fs: read | write | devices}
	writing := uint64(write)
	if abi >= 2 {
		writing |= unix.LANDLOCK_ACCESS_FS_REFER
	}
	if abi >= 3 {
		writing |= unix.LANDLOCK_ACCESS_FS_TRUNCATE
	}
	rules.Handled_access_fs |= writing
	size := unsafe.Sizeof(rules.Handled_access_fs)
	if abi >= 6 {
		rules.Scoped = unix.LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET | unix.LANDLOCK_SCOPE_SIGNAL
		size = unsafe.Offsetof(rules.Scoped) + unsafe.Sizeof(rules.Scoped)
	}
	fd, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, uintptr(unsafe.Pointer(&rules)), size, 0)
	if errno != 0 {
		return fmt.Errorf("make the landlock rules: %w", errno)
	}
	defer func() { _ = unix.Close(int(fd)) }()
	if err := landlockAllow(int(fd), "/", read); err != nil {
		return err
	}
	for _, path := range p.writable() {
		if err := landlockAllow(int(fd), path, read|writing); err != nil {
			return err
		}
	}
	const file = unix.LANDLOCK_ACCESS_FS_READ_FILE | unix.LANDLOCK_ACCESS_FS_WRITE_FILE
	for _, path := range []string{"/dev/null", "/dev/zero"} {
		if err := landlockAllow(int(fd), path, file); err != nil {
			return err
		}
	}
	if _, _, errno := unix.Syscall(unix.SYS_LANDLOCK_RESTRICT_SELF, fd, 0, 0); errno != 0 {
		return fmt.Errorf("apply the landlock rules: %w", errno)
	}
	return nil
}

func landlockAllow(rules int, path string, access uint64) error {
	fd, err := unix.Open(path, unix.O_PATH|unix.O_CLOEXEC, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // what is not there need not be allowed
	}
	if err != nil {
		return fmt.Errorf("open %s for landlock: %w", path, err)
	}
	defer func() { _ = unix.Close(fd) }()
	beneath := unix.LandlockPathBeneathAttr{Allowed_access: access, Parent_fd: int32(fd)}
	_, _, errno := unix.Syscall6(unix.SYS_LANDLOCK_ADD_RULE, uintptr(rules), unix.LANDLOCK_RULE_PATH_BENEATH,
		uintptr(unsafe.Pointer(&beneath)), 0, 0, 0)
	if errno != 0 {
		return fmt.Errorf("allow %s to landlock: %w", path, errno)
	}
	return nil
}
