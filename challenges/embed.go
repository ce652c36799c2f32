package challenges

import "embed"

// embedded holds every challenge. The pattern takes all that is here, so that a
// new folder needs no entry, and all: takes those that begin with an
// underscore. A narrower */* would leave out this package's own sources, which
// are small, but an author's empty folder would then break every build.
//
//go:embed all:*
var embedded embed.FS
