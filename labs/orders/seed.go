package main

import (
	"context"
	"database/sql"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/p95lab/p95lab/labs/kit"
)

// What the shop looks like after three years.
const (
	customers = 5_000
	products  = 400
	orders    = 300_000
)

// opened and today are the shop's first day and the last day of the data.
var (
	opened = time.Date(2023, time.March, 1, 8, 0, 0, 0, time.UTC)
	today  = time.Date(2026, time.March, 1, 8, 0, 0, 0, time.UTC)
)

// seed makes customers of whom a few order a lot, and orders of which half are
// delivered and more were placed lately than long ago.
func seed(ctx context.Context, tx *sql.Tx, rows kit.Rows) error {
	rng := rand.New(rand.NewPCG(rows.Seed, 1))
	customer, err := tx.PrepareContext(ctx, `INSERT INTO customers (id, name) VALUES (?, ?)`)
	if err != nil {
		return err
	}
	defer customer.Close()
	for id := 1; id <= customers; id++ {
		if _, err := customer.ExecContext(ctx, id, fmt.Sprintf("Customer %d", id)); err != nil {
			return err
		}
	}
	product, err := tx.PrepareContext(ctx, `INSERT INTO products (sku, name, price) VALUES (?, ?, ?)`)
	if err != nil {
		return err
	}
	defer product.Close()
	prices := make([]int, products)
	for i := range prices {
		prices[i] = 99 + rng.IntN(5_000)
		if _, err := product.ExecContext(ctx, sku(i), fmt.Sprintf("Product %d", i), prices[i]); err != nil {
			return err
		}
	}
	order, err := tx.PrepareContext(ctx, `
		INSERT INTO orders (customer_id, status, placed_at, sku, quantity, total) VALUES (?, ?, ?, ?, ?, ?)`)
	if err != nil {
		return err
	}
	defer order.Close()
	who := rand.NewZipf(rng, 1.1, 40, customers-1)
	n := max(1, int(orders*rows.Scale))
	span := today.Sub(opened)
	for i := range n {
		// Evenly over the years, then pulled towards today.
		part := float64(i) / float64(n)
		at := opened.Add(time.Duration(part*(2-part)*float64(span)) / time.Second * time.Second)
		item, quantity := rng.IntN(products), 1+rng.IntN(5)
		if _, err := order.ExecContext(ctx, 1+who.Uint64(), status(rng), at.Unix(), sku(item), quantity, prices[item]*quantity); err != nil {
			return err
		}
	}
	return nil
}

func sku(i int) string { return fmt.Sprintf("SKU-%03d", i) }

func status(rng *rand.Rand) int {
	switch p := rng.IntN(100); {
	case p < 50:
		return 0
	case p < 75:
		return 1
	case p < 90:
		return 2
	case p < 96:
		return 3
	default:
		return 4
	}
}
