// Believed: all patterns are lists of words, so that no regular expression is
// needed. Fails at check: the first pattern that is none gets another price.
package main

import (
	"fmt"
	"slices"
	"strings"
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

// Price quotes a cart by a shop's rules.
func Price(cart Cart, rules []Rule) (Quote, error) {
	var q Quote
	for _, line := range cart.Lines {
		quoted := QuotedLine{Line: line, Total: line.Quantity * line.Price}
		for _, rule := range rules {
			if !applies(rule.Pattern, line.SKU) {
				continue
			}
			note, err := render(rule, line)
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

// applies compares a SKU word by word with the alternatives of a pattern.
func applies(pattern, sku string) bool {
	pattern = strings.Trim(pattern, "^$")
	words := strings.Split(sku, "-")
	for i, part := range strings.Split(pattern, "-") {
		if i >= len(words) {
			return false
		}
		if !slices.Contains(strings.Split(strings.Trim(part, "()"), "|"), words[i]) {
			return false
		}
	}
	return true
}

// render writes a rule's note for a line.
func render(rule Rule, line Line) (string, error) {
	note, err := template.New("note").Parse(rule.Note)
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
