package sandbox

import (
	"debug/elf"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// scratch is the service's own temporary folder.
const scratch = "/tmp"

// stage is where the new root is put together, over a folder that is there on
// every Linux and that nothing of the plan lies in.
const stage = "/sys"

// privateRoot replaces the root of this mount namespace by an empty, read-only
// one with what the plan names in it. Nothing is mounted below a folder that the
// service may write to: whoever owns that folder could lead the mount elsewhere.
func privateRoot(p plan) error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("part the mounts: %w", err)
	}
	// All sources are held before anything is mounted over them.
	sources, err := gather(p)
	if err != nil {
		return err
	}
	if err := mountTmpfs(stage, "mode=0755,size=1m", 1024, unix.MS_NODEV|unix.MS_NOSUID); err != nil {
		return err
	}
	// First of all, as a source may lie below it. Nobody can write to it yet.
	if err := mountScratch(p); err != nil {
		return err
	}
	for _, s := range sources {
		if err := s.attach(); err != nil {
			return err
		}
	}
	if err := furnish(p); err != nil {
		return err
	}
	if err := unix.Chdir(stage); err != nil {
		return fmt.Errorf("enter the new root: %w", err)
	}
	if err := unix.PivotRoot(".", "."); err != nil {
		return fmt.Errorf("change the root: %w", err)
	}
	// The old root now lies over the new one.
	if err := unix.Unmount(".", unix.MNT_DETACH); err != nil {
		return fmt.Errorf("drop the old root: %w", err)
	}
	if err := unix.Chdir("/"); err != nil {
		return fmt.Errorf("enter the new root: %w", err)
	}
	readOnly := unix.MountAttr{Attr_set: unix.MOUNT_ATTR_RDONLY | unix.MOUNT_ATTR_NODEV | unix.MOUNT_ATTR_NOSUID}
	if err := unix.MountSetattr(unix.AT_FDCWD, "/", 0, &readOnly); err != nil {
		return fmt.Errorf("make the root read-only: %w", err)
	}
	return nil
}

// source is a folder or file of the machine, held, and the place for it.
type source struct {
	at   string // where it lies in both roots
	tree int    // a detached copy of its mount
	dir  bool
	attr uint64
	// overlay makes it the lower folder of an overlay.
	overlay bool
	owner   int
	scratch int64
}

// gather holds all that the plan shows of the machine.
func gather(p plan) ([]source, error) {
	const rights = unix.MOUNT_ATTR_NOSUID | unix.MOUNT_ATTR_NODEV
	var all []source
	add := func(paths []string, attr uint64, overlay bool) error {
		for _, path := range paths {
			s, err := grab(path, attr)
			if err != nil {
				return err
			}
			s.overlay, s.owner, s.scratch = overlay, p.User, p.Scratch
			all = append(all, s)
		}
		return nil
	}
	libraries, err := interpreter(p.Path)
	if err != nil {
		return nil, err
	}
	readOnly := append([]string{p.Path}, libraries...)
	return all, errors.Join(
		add(append(readOnly, p.ReadOnly...), rights|unix.MOUNT_ATTR_RDONLY, false),
		add(p.Writable, rights|unix.MOUNT_ATTR_NOEXEC, false),
		add(p.Overlays, rights|unix.MOUNT_ATTR_RDONLY, true),
		add([]string{"/dev/null", "/dev/zero", "/dev/urandom", "/dev/random"}, unix.MOUNT_ATTR_NOSUID|unix.MOUNT_ATTR_NOEXEC, false),
	)
}

// grab copies the mount of one path. Links in it are followed here, on the
// machine's side, and the copy is put where the link was.
func grab(path string, attr uint64) (source, error) {
	info, err := os.Stat(path)
	if err != nil {
		return source{}, fmt.Errorf("show %s inside: %w", path, err)
	}
	tree, err := unix.OpenTree(unix.AT_FDCWD, path, unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC)
	if err != nil {
		return source{}, fmt.Errorf("show %s inside: %w", path, err)
	}
	return source{at: filepath.Clean(path), tree: tree, dir: info.IsDir(), attr: attr}, nil
}

// attach puts a source into the new root.
func (s source) attach() error {
	defer func() { _ = unix.Close(s.tree) }()
	target := filepath.Join(stage, s.at)
	if s.overlay {
		return s.overlaid(target)
	}
	return s.mount(target)
}

func (s source) mount(target string) error {
	if err := s.place(target); err != nil {
		return err
	}
	if err := unix.MoveMount(s.tree, "", unix.AT_FDCWD, target, unix.MOVE_MOUNT_F_EMPTY_PATH); err != nil {
		return fmt.Errorf("mount %s: %w", s.at, err)
	}
	if err := unix.MountSetattr(unix.AT_FDCWD, target, 0, &unix.MountAttr{Attr_set: s.attr}); err != nil {
		return fmt.Errorf("restrict %s: %w", s.at, err)
	}
	return nil
}

// place makes the folder or the file to mount on.
func (s source) place(target string) error {
	if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
		return fmt.Errorf("make the place of %s: %w", s.at, err)
	}
	var err error
	if s.dir {
		err = os.Mkdir(target, 0o755)
	} else {
		err = os.WriteFile(target, nil, 0o644)
	}
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("make the place of %s: %w", s.at, err)
	}
	return nil
}

// overlaid mounts the source read-only below a layer in memory, so that what is
// written is seen inside alone and gone with it.
func (s source) overlaid(target string) error {
	base := filepath.Join(stage, ".overlay", s.at)
	lower, layer := filepath.Join(base, "lower"), filepath.Join(base, "layer")
	if err := s.mount(lower); err != nil {
		return err
	}
	if err := os.MkdirAll(layer, 0o755); err != nil {
		return fmt.Errorf("make the layer over %s: %w", s.at, err)
	}
	if err := mountTmpfs(layer, fmt.Sprintf("mode=0755,size=%d", s.scratch), 16*scratchFiles, unix.MS_NODEV|unix.MS_NOSUID); err != nil {
		return err
	}
	upper, work := filepath.Join(layer, "upper"), filepath.Join(layer, "work")
	if err := errors.Join(os.Mkdir(upper, 0o755), os.Mkdir(work, 0o755)); err != nil {
		return fmt.Errorf("make the layer over %s: %w", s.at, err)
	}
	if err := own(lower, upper, s.owner); err != nil {
		return err
	}
	if err := (source{at: s.at, dir: true}).place(target); err != nil {
		return err
	}
	options := fmt.Sprintf("lowerdir=%s,upperdir=%s,workdir=%s", lower, upper, work)
	if err := unix.Mount("overlay", target, "overlay", unix.MS_NODEV|unix.MS_NOSUID, options); err != nil {
		return fmt.Errorf("lay over %s: %w", s.at, err)
	}
	// What the overlay leans on is nobody's business inside.
	for _, path := range []string{lower, layer} {
		if err := unix.Unmount(path, unix.MNT_DETACH); err != nil {
			return fmt.Errorf("hide %s: %w", path, err)
		}
	}
	return nil
}

// own gives the upper layer the lower's folders at its top, owned by whoever is
// to write: an overlay shows a folder of both with the upper's owner.
func own(lower, upper string, owner int) error {
	if owner == 0 {
		return nil
	}
	entries, err := os.ReadDir(lower)
	if err != nil {
		return fmt.Errorf("read the lower layer: %w", err)
	}
	for _, e := range entries {
		if !e.IsDir() {
			continue
		}
		dir := filepath.Join(upper, e.Name())
		if err := errors.Join(os.Mkdir(dir, 0o755), os.Chown(dir, owner, owner)); err != nil {
			return fmt.Errorf("make the upper layer: %w", err)
		}
	}
	if err := os.Chown(upper, owner, owner); err != nil {
		return fmt.Errorf("hand over the upper layer: %w", err)
	}
	return nil
}

// furnish adds what every program expects to find.
func furnish(p plan) error {
	for name, text := range map[string]string{
		"passwd":        fmt.Sprintf("lab:x:%d:%d:lab:%s:/bin/false\n", p.account(), p.account(), scratch),
		"group":         fmt.Sprintf("lab:x:%d:\n", p.account()),
		"hosts":         "127.0.0.1 localhost\n",
		"nsswitch.conf": "hosts: files\n",
	} {
		path := filepath.Join(stage, "etc", name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o644)); err != nil {
			return fmt.Errorf("furnish the root: %w", err)
		}
	}
	proc := filepath.Join(stage, "proc")
	if err := os.MkdirAll(proc, 0o755); err != nil {
		return fmt.Errorf("make the place of /proc: %w", err)
	}
	if !p.has(LayerProcesses) {
		return nil // it would show the machine's
	}
	// Read-only, or a program could write to its own memory by /proc/self/mem, past
	// the rules of its language.
	const flags = unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC | unix.MS_RDONLY
	if err := unix.Mount("proc", proc, "proc", flags, "subset=pid,hidepid=invisible"); err != nil {
		return fmt.Errorf("mount /proc: %w", err)
	}
	return nil
}

// mountScratch mounts /tmp.
func mountScratch(p plan) error {
	at := filepath.Join(stage, scratch)
	if err := os.MkdirAll(at, 0o755); err != nil {
		return fmt.Errorf("make the scratch folder: %w", err)
	}
	size, files := p.Scratch, scratchFiles
	if !p.has(LayerTmpfs) {
		size, files = 8*size, 8*files // still far from harming the machine of a test
	}
	return mountTmpfs(at, fmt.Sprintf("mode=1777,size=%d", size), files, unix.MS_NODEV|unix.MS_NOSUID|unix.MS_NOEXEC)
}

func (p plan) account() int {
	if p.User != 0 {
		return p.User
	}
	return os.Getuid()
}

func mountTmpfs(at, options string, files int, flags uintptr) error {
	if err := unix.Mount("tmpfs", at, "tmpfs", flags, fmt.Sprintf("%s,nr_inodes=%d", options, files)); err != nil {
		return fmt.Errorf("mount a tmpfs: %w", err)
	}
	return nil
}

// interpreter lists the folders of shared libraries for a program that is
// linked against some; Go's own programs are not.
func interpreter(path string) ([]string, error) {
	file, err := elf.Open(path)
	var format *elf.FormatError
	if errors.As(err, &format) {
		return nil, nil // the exec says what is wrong with it
	}
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	defer func() { _ = file.Close() }()
	for _, s := range file.Progs {
		if s.Type != elf.PT_INTERP {
			continue
		}
		var found []string
		for _, dir := range []string{"/lib", "/lib64", "/usr/lib", "/usr/lib64"} {
			if info, err := os.Stat(dir); err == nil && info.IsDir() {
				found = append(found, dir)
			}
		}
		return found, nil
	}
	return nil, nil
}
