package main

import (
	"context"
	"database/sql"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/p95lab/p95lab/labs/kit"
)

// What the ledger looks like after two years.
const (
	accounts       = 2_000
	counterparties = 1_500
	entries        = 400_000
	// batch is how many entries of a night's batch share a time.
	batch = 40
)

// opened and today are the ledger's first day and the last day of the data.
var (
	opened = time.Date(2024, time.March, 1, 2, 0, 0, 0, time.UTC)
	today  = time.Date(2026, time.March, 1, 2, 0, 0, 0, time.UTC)
)

// seed makes a few accounts and counterparties with very many entries, batches
// that share a time, and bookings that came late: their number is high and
// their time is not.
func seed(ctx context.Context, tx *sql.Tx, rows kit.Rows) error {
	rng := rand.New(rand.NewPCG(rows.Seed, 1))
	if err := names(ctx, tx, `INSERT INTO accounts (id, owner) VALUES (?, ?)`, "Account", accounts); err != nil {
		return err
	}
	if err := names(ctx, tx, `INSERT INTO counterparties (id, name) VALUES (?, ?)`, "Counterparty", counterparties); err != nil {
		return err
	}
	entry, err := tx.PrepareContext(ctx, `
		INSERT INTO entries (account_id, counterparty_id, state, amount, booked_at, reference) VALUES (?, ?, ?, ?, ?, ?)`)
	if err != nil {
		return err
	}
	defer entry.Close()
	account := rand.NewZipf(rng, 2, 4, accounts-1)
	counterparty := rand.NewZipf(rng, 1.3, 8, counterparties-1)
	n := max(1, int(entries*rows.Scale))
	span := today.Sub(opened)
	for i := range n {
		part := float64(i/batch*batch) / float64(n)
		at := opened.Add(time.Duration(part*float64(span)) / time.Second * time.Second)
		if rng.IntN(20) == 0 {
			at = at.Add(-time.Duration(rng.IntN(30*24)) * time.Hour)
		}
		reference := fmt.Sprintf("INV %06d/%04d", rng.IntN(1_000_000), i%10_000)
		if _, err := entry.ExecContext(ctx, 1+account.Uint64(), 1+counterparty.Uint64(), state(rng), amount(rng), at.Unix(), reference); err != nil {
			return err
		}
	}
	return nil
}

func names(ctx context.Context, tx *sql.Tx, insert, what string, n int) error {
	statement, err := tx.PrepareContext(ctx, insert)
	if err != nil {
		return err
	}
	defer statement.Close()
	for id := 1; id <= n; id++ {
		if _, err := statement.ExecContext(ctx, id, fmt.Sprintf("%s %d", what, id)); err != nil {
			return err
		}
	}
	return nil
}

func state(rng *rand.Rand) int {
	switch p := rng.IntN(100); {
	case p < 92:
		return 0
	case p < 97:
		return 1
	default:
		return 2
	}
}

// amount is some euros mostly, and thousands at times.
func amount(rng *rand.Rand) int64 {
	cents := 100 + rng.Int64N(20_000)
	if rng.IntN(50) == 0 {
		cents *= 100
	}
	return cents
}
