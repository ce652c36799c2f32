// Believed: the loops that hand out a voucher by the cent and compare each line
// with each are what takes the time. Fails at compare: they never did.
package main

import (
	"cmp"
	"fmt"
	"regexp"
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
			applies, err := regexp.MatchString(rule.Pattern, line.SKU)
			if err != nil {
				return Quote{}, fmt.Errorf("read the pattern of rule %d: %w", rule.Number, err)
			}
			if !applies {
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

// spread takes a voucher off the lines, so that no cent is lost to rounding: the
// same from each line that has as much left, and a cent more from the first ones.
func spread(lines []QuotedLine, voucher int64) {
	for voucher > 0 {
		var open []int
		least := voucher
		for i := range lines {
			if lines[i].Total > 0 {
				open = append(open, i)
				least = min(least, lines[i].Total)
			}
		}
		if len(open) == 0 {
			return // nothing is left to pay
		}
		each := min(least, voucher/int64(len(open)))
		if each == 0 { // less than a cent for each
			open, each = open[:voucher], 1
		}
		for _, i := range open {
			lines[i].Total -= each
			lines[i].Voucher += each
			voucher -= each
		}
	}
}

// order puts the dearest line first; equal ones stay as they were.
func order(lines []QuotedLine) {
	slices.SortStableFunc(lines, func(a, b QuotedLine) int { return cmp.Compare(b.Total, a.Total) })
}
