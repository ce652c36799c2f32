package workspace

import (
	"regexp"
	"strconv"
	"strings"
)

// Diagnostic is one message of the compiler about one file.
type Diagnostic struct {
	File    string // relative to the service's folder where it lies inside it
	Line    int    // from 1; 0 where the compiler named none
	Column  int    // from 1; 0 where the compiler named none
	Message string
}

// position matches the go command's "file:line:column: message", the column
// being absent for some errors of the parser and the linker.
var position = regexp.MustCompile(`^(?:vet: )?(\.?[^\s:][^:]*\.(?:go|sql|mod)):(\d+)(?::(\d+))?: (.+)$`)

// maxDiagnostics is where the compiler itself stops by default.
const maxDiagnostics = 20

// Parse reads the output of go build. Paths below prefix are made relative to
// it; an indented line continues the message before it.
func Parse(output, prefix string) []Diagnostic {
	var found []Diagnostic
	for _, line := range strings.Split(output, "\n") {
		if strings.HasPrefix(line, "\t") && len(found) > 0 {
			found[len(found)-1].Message += "\n" + strings.TrimSpace(line)
			continue
		}
		m := position.FindStringSubmatch(line)
		if m == nil || len(found) == maxDiagnostics {
			continue
		}
		// The pattern admits digits only; a number too large to be a line is 0.
		lineNo, _ := strconv.Atoi(m[2])
		column, _ := strconv.Atoi(m[3])
		file := strings.TrimPrefix(m[1], "./")
		found = append(found, Diagnostic{
			File: strings.TrimPrefix(file, prefix), Line: lineNo, Column: column, Message: m[4],
		})
	}
	return found
}
