package challenges

import "embed"

//go:embed all:*.go
var embedded embed.FS
