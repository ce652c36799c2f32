package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/p95lab/p95lab/labs/kit"
)

// Rule takes something off the price of what its pattern matches.
type Rule struct {
	Number  int64
	Pattern string // a regular expression over the SKU
	Percent int64
	Note    string // a template over Reason
}

// Line is one position of a cart.
type Line struct {
	SKU      string
	Name     string
	Quantity int64
	Price    int64 // cents for one
}

// Cart is what a customer wants to buy.
type Cart struct {
	Voucher int64 // cents off the whole cart
	Lines   []Line
}

// Store keeps the shops' rules and carts.
type Store struct{ db *sql.DB }

// NewStore keeps rules and carts in a database.
func NewStore(db *sql.DB) *Store { return &Store{db} }

// Rules returns a shop's rules in their order.
func (s *Store) Rules(ctx context.Context, shop int64) ([]Rule, error) {
	rows, err := s.db.QueryContext(ctx, `
		SELECT number, pattern, percent, note
		FROM rules
		WHERE shop = ?
		ORDER BY number`, shop)
	if err != nil {
		return nil, fmt.Errorf("read the rules of shop %d: %w", shop, err)
	}
	defer rows.Close()
	var rules []Rule
	for rows.Next() {
		var r Rule
		if err := rows.Scan(&r.Number, &r.Pattern, &r.Percent, &r.Note); err != nil {
			return nil, fmt.Errorf("read a rule: %w", err)
		}
		rules = append(rules, r)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read the rules of shop %d: %w", shop, err)
	}
	return rules, nil
}

// SetRule replaces one of a shop's rules.
func (s *Store) SetRule(ctx context.Context, shop int64, r Rule) error {
	result, err := s.db.ExecContext(ctx, `
		UPDATE rules SET pattern = ?, percent = ?, note = ?
		WHERE shop = ? AND number = ?`, r.Pattern, r.Percent, r.Note, shop, r.Number)
	if err != nil {
		return fmt.Errorf("change rule %d of shop %d: %w", r.Number, shop, err)
	}
	n, err := result.RowsAffected()
	if err != nil {
		return fmt.Errorf("learn whether rule %d is there: %w", r.Number, err)
	}
	if n == 0 {
		return kit.NotFound("rule")
	}
	return nil
}

// Cart returns a shop's cart.
func (s *Store) Cart(ctx context.Context, shop, number int64) (Cart, error) {
	var c Cart
	err := s.db.QueryRowContext(ctx, `SELECT voucher FROM carts WHERE shop = ? AND number = ?`, shop, number).Scan(&c.Voucher)
	if errors.Is(err, sql.ErrNoRows) {
		return Cart{}, kit.NotFound("cart")
	}
	if err != nil {
		return Cart{}, fmt.Errorf("read cart %d: %w", number, err)
	}
	rows, err := s.db.QueryContext(ctx, `
		SELECT sku, name, quantity, price
		FROM lines
		WHERE shop = ? AND cart = ?
		ORDER BY number`, shop, number)
	if err != nil {
		return Cart{}, fmt.Errorf("read the lines of cart %d: %w", number, err)
	}
	defer rows.Close()
	for rows.Next() {
		var l Line
		if err := rows.Scan(&l.SKU, &l.Name, &l.Quantity, &l.Price); err != nil {
			return Cart{}, fmt.Errorf("read a line: %w", err)
		}
		c.Lines = append(c.Lines, l)
	}
	if err := rows.Err(); err != nil {
		return Cart{}, fmt.Errorf("read the lines of cart %d: %w", number, err)
	}
	return c, nil
}

// AddLine puts a line at the end of a cart.
func (s *Store) AddLine(ctx context.Context, shop, cart int64, l Line) error {
	result, err := s.db.ExecContext(ctx, `
		INSERT INTO lines (shop, cart, number, sku, name, quantity, price)
		SELECT shop, number, 1 + (SELECT COUNT(*) FROM lines WHERE shop = ?1 AND cart = ?2), ?3, ?4, ?5, ?6
		FROM carts
		WHERE shop = ?1 AND number = ?2`, shop, cart, l.SKU, l.Name, l.Quantity, l.Price)
	if err != nil {
		return fmt.Errorf("add to cart %d: %w", cart, err)
	}
	n, err := result.RowsAffected()
	if err != nil {
		return fmt.Errorf("learn whether cart %d is there: %w", cart, err)
	}
	if n == 0 {
		return kit.NotFound("cart")
	}
	return nil
}
