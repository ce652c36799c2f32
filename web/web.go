// Package web carries the built pages: scripts, styles, fonts and icons, as
// `make web` left them in dist/. It must not know who serves them or what is
// drawn with them.
package web

import (
	"embed"
	"io/fs"
)

// The pattern also matches dist.txt, so that the package compiles in a checkout
// in which nothing was built yet.
//
//go:embed all:dist*
var files embed.FS

// Assets returns the content of dist/ and whether it was built. Without a build
// the file system is empty.
func Assets() (fs.FS, bool) {
	dist, err := fs.Sub(files, "dist")
	if err != nil {
		return embed.FS{}, false
	}
	if _, err := fs.Stat(dist, "manifest.json"); err != nil {
		return embed.FS{}, false
	}
	return dist, true
}
