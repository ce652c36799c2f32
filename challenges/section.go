package challenges

import (
	"fmt"
	"strings"
)

// section is one ## heading of a markdown file and the text below it.
type section struct {
	title, body string
	line        int // of the heading, from 1
}

// sections cuts a markdown file at its ## headings; those inside a fenced code
// block are text. Before the first, only a # title may stand.
func sections(text string) ([]section, error) {
	var out []section
	fence := ""
	for i, line := range strings.Split(text, "\n") {
		line = strings.TrimSuffix(line, "\r")
		mark := strings.TrimLeft(line, " ")
		switch {
		case fence != "":
			if strings.HasPrefix(mark, fence) {
				fence = ""
			}
		case strings.HasPrefix(mark, "```"), strings.HasPrefix(mark, "~~~"):
			fence = mark[:3]
		case strings.HasPrefix(line, "## "):
			out = append(out, section{title: strings.TrimSpace(line[3:]), line: i + 1})
			continue
		}
		if len(out) > 0 {
			out[len(out)-1].body += line + "\n"
		} else if mark != "" && !strings.HasPrefix(line, "# ") {
			return nil, fmt.Errorf("line %d: text stands before the first ## heading", i+1)
		}
	}
	for i, s := range out {
		out[i].body = strings.TrimSpace(s.body)
		if s.title == "" || out[i].body == "" {
			return nil, fmt.Errorf("line %d: a ## section needs a title and a text", s.line)
		}
	}
	return out, nil
}
