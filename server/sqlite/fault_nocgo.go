//go:build !cgo

package sqlite

// Without cgo the driver opens nothing, so there is nothing to tell apart. This
// keeps the package readable to tools that look at it for another system.
func fault(err error) error { return err }

func corrupt(error) bool { return false }
