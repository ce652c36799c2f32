package cache

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// The test binary is also the neighbour that works in a folder until it is killed.
func TestMain(m *testing.M) {
	if dir := os.Getenv("WORK_IN"); dir != "" {
		folder, done, err := Temp(dir, "run-", os.RemoveAll)
		if err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		fmt.Println(folder)
		time.Sleep(time.Hour) // it is killed
		done()
	}
	os.Exit(m.Run())
}

func neighbour(t *testing.T, dir string) (folder string, kill func()) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = []string{"WORK_IN=" + dir}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	kill = sync.OnceFunc(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	t.Cleanup(kill)
	lines := bufio.NewScanner(out)
	if !lines.Scan() {
		t.Fatal("the neighbour says nothing")
	}
	return lines.Text(), kill
}

func there(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

func TestSweepTakesTheDeadAlone(t *testing.T) {
	dir := t.TempDir()
	own, done, err := Temp(dir, "run-", os.RemoveAll)
	if err != nil {
		t.Fatal(err)
	}
	living, kill := neighbour(t, dir)
	dead, killDead := neighbour(t, dir)
	if err := os.WriteFile(filepath.Join(dead, "data.db"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	killDead()
	bare := map[string]bool{"run-old": true, "run-new": false, "other-old": false} // and whether it is to go
	for name := range bare {
		path := filepath.Join(dir, name)
		if err := os.Mkdir(path, 0o755); err != nil {
			t.Fatal(err)
		}
		if name != "run-new" {
			if err := os.Chtimes(path, time.Time{}, time.Now().Add(-2*unlockedAge)); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := Sweep(dir, "run-", os.RemoveAll); err != nil {
		t.Fatal(err)
	}
	if there(dead) || there(dead+lock) {
		t.Error("the dead one's folder is still there")
	}
	for name, path := range map[string]string{"our own": own, "a living neighbour's": living} {
		if !there(path) || !there(path+lock) {
			t.Errorf("%s folder is gone", name)
		}
	}
	for name, gone := range bare {
		if there(filepath.Join(dir, name)) == gone {
			t.Errorf("%s, which has no lock, is gone: %v", name, !gone)
		}
	}
	kill()
	done()
	if err := Sweep(dir, "run-", os.RemoveAll); err != nil || there(own) || there(own+lock) || there(living) {
		t.Errorf("at the end something is left, %v", err)
	}
	if err := Sweep(filepath.Join(dir, "nowhere"), "run-", os.RemoveAll); err != nil {
		t.Error(err)
	}
}

// Folders are made and swept at once by several, and none loses its own.
func TestSweepBesideOthers(t *testing.T) {
	dir := t.TempDir()
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for range 100 {
				folder, done, err := Temp(dir, "run-", os.RemoveAll)
				if err != nil {
					t.Error(err)
					return
				}
				if err := Sweep(dir, "run-", os.RemoveAll); err != nil {
					t.Error(err)
				}
				if !there(folder) {
					t.Error("swept while it was in use")
				}
				done()
			}
		})
	}
	all.Wait()
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("left are %v, %v", left, err)
	}
}
