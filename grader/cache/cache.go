// Package cache tells whether what was kept on disk is still what was kept: a
// power cut, a full disk or a cleaner of temporary files may have spoiled it. It
// knows files and their sums; it must not know what they mean.
package cache

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// sum is the name of a seal: beside a file, inside a folder.
const sum = ".sum"

// Seal notes the sum of a file or of all files of a folder, which must not be
// written any more. Whoever renames what was sealed renames the seal of a file
// first, with SealOf.
func Seal(path string) error {
	told, err := digest(path)
	if err != nil {
		return err
	}
	if err := os.WriteFile(SealOf(path), []byte(told+"\n"), 0o644); err != nil {
		return fmt.Errorf("seal %s: %w", path, err)
	}
	return nil
}

// SealOf is where the seal of a file or a folder lies.
func SealOf(path string) string {
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return filepath.Join(path, sum)
	}
	return path + sum
}

// Whole tells whether a file or a folder is there and as it was sealed. It reads
// all of it.
func Whole(path string) bool {
	kept, err := os.ReadFile(SealOf(path))
	if err != nil {
		return false
	}
	now, err := digest(path)
	return err == nil && string(kept) == now+"\n"
}

// Drop removes a file or a folder with its seal.
func Drop(path string) error {
	seal := SealOf(path)
	if err := errors.Join(os.RemoveAll(path), os.RemoveAll(seal)); err != nil {
		return fmt.Errorf("drop %s: %w", path, err)
	}
	return nil
}

func digest(path string) (string, error) {
	h := sha256.New()
	err := filepath.WalkDir(path, func(name string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || name == filepath.Join(path, sum) {
			return err
		}
		file, err := os.Open(name)
		if err != nil {
			return err
		}
		defer func() { _ = file.Close() }() // only read
		info, err := file.Stat()
		if err != nil {
			return err
		}
		below, err := filepath.Rel(path, name)
		if err != nil {
			return err
		}
		fmt.Fprintf(h, "%s\x00%d\x00", filepath.ToSlash(below), info.Size())
		_, err = io.Copy(h, file)
		return err
	})
	if err != nil {
		return "", fmt.Errorf("sum %s: %w", path, err)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}
