package main

import (
	"fmt"
	"regexp"
	"strings"
	"sync"
	"text/template"
)

// Quote is what a cart costs, and why.
type Quote struct {
	Lines []QuotedLine
	Total int64 // cents
}

// QuotedLine is a line with what was taken off it.
type QuotedLine struct {
	Line
	Adjustments []Adjustment
	Voucher     int64 // this line's part of the cart's voucher
	Total       int64
}

// Adjustment is what one rule takes off a line.
type Adjustment struct {
	Note  string
	Cents int64
}

// Reason is what the template of a note may speak of.
type Reason struct {
	Name     string
	Quantity int64
	Percent  int64
}

// Pricer quotes carts. It keeps what it has compiled, by its text, so that a
// changed rule is simply another text. It is safe for concurrent use.
type Pricer struct {
	patterns kept[*regexp.Regexp]
	notes    kept[*template.Template]
}

// NewPricer returns a Pricer that has compiled nothing yet.
func NewPricer() *Pricer {
	return &Pricer{
		patterns: kept[*regexp.Regexp]{compile: regexp.Compile},
		notes: kept[*template.Template]{compile: func(text string) (*template.Template, error) {
			return template.New("note").Parse(text)
		}},
	}
}

// maxKept bounds each kind of what is kept: shops write the texts.
const maxKept = 20_000

// kept compiles each text once.
type kept[T any] struct {
	compile func(text string) (T, error)

	mu     sync.RWMutex
	byText map[string]T
}

func (k *kept[T]) get(text string) (T, error) {
	k.mu.RLock()
	v, ok := k.byText[text]
	k.mu.RUnlock()
	if ok {
		return v, nil
	}
	v, err := k.compile(text)
	if err != nil {
		return v, err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.byText == nil || len(k.byText) >= maxKept {
		k.byText = map[string]T{}
	}
	k.byText[text] = v
	return v, nil
}

// Price quotes a cart by a shop's rules.
func (p *Pricer) Price(cart Cart, rules []Rule) (Quote, error) {
	patterns := make([]*regexp.Regexp, len(rules))
	for i, rule := range rules {
		var err error
		if patterns[i], err = p.patterns.get(rule.Pattern); err != nil {
			return Quote{}, fmt.Errorf("read the pattern of rule %d: %w", rule.Number, err)
		}
	}
	var q Quote
	for _, line := range cart.Lines {
		quoted := QuotedLine{Line: line, Total: line.Quantity * line.Price}
		for i, rule := range rules {
			if !patterns[i].MatchString(line.SKU) {
				continue
			}
			note, err := p.render(rule, line)
			if err != nil {
				return Quote{}, err
			}
			off := quoted.Total * rule.Percent / 100
			quoted.Adjustments = append(quoted.Adjustments, Adjustment{note, off})
			quoted.Total -= off
		}
		q.Lines = append(q.Lines, quoted)
	}
	spread(q.Lines, cart.Voucher)
	order(q.Lines)
	for _, line := range q.Lines {
		q.Total += line.Total
	}
	return q, nil
}

// render writes a rule's note for a line.
func (p *Pricer) render(rule Rule, line Line) (string, error) {
	note, err := p.notes.get(rule.Note)
	if err != nil {
		return "", fmt.Errorf("read the note of rule %d: %w", rule.Number, err)
	}
	var text strings.Builder
	if err := note.Execute(&text, Reason{line.Name, line.Quantity, rule.Percent}); err != nil {
		return "", fmt.Errorf("write the note of rule %d: %w", rule.Number, err)
	}
	return text.String(), nil
}

// spread takes a voucher off the lines, so that no cent is lost to rounding: a
// cent from each line in turn that has one left.
func spread(lines []QuotedLine, voucher int64) {
	for voucher > 0 {
		before := voucher
		for i := range lines {
			if voucher > 0 && lines[i].Total > 0 {
				lines[i].Total--
				lines[i].Voucher++
				voucher--
			}
		}
		if voucher == before {
			return // nothing is left to pay
		}
	}
}

// order puts the dearest line first; equal ones stay as they were.
func order(lines []QuotedLine) {
	for range lines {
		for i := 0; i+1 < len(lines); i++ {
			if lines[i].Total < lines[i+1].Total {
				lines[i], lines[i+1] = lines[i+1], lines[i]
			}
		}
	}
}
