package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/p95lab/p95lab/labs/kit"
)

// Entry is one line of an account's statement.
type Entry struct {
	ID           int64
	Account      int64
	Counterparty int64
	State        int
	Amount       int64 // cents
	BookedAt     time.Time
	Reference    string
}

// Booking is what is to be booked.
type Booking struct {
	Counterparty int64  `json:"counterparty"`
	Amount       int64  `json:"amount"` // cents
	Reference    string `json:"reference"`
}

// statePending is the state of a new entry.
const statePending = 1

// columns are those of an Entry, in the order of scan.
const columns = `id, account_id, counterparty_id, state, amount, booked_at, reference`

// Store keeps the entries of all accounts.
type Store struct{ db *sql.DB }

// NewStore keeps entries in a database.
func NewStore(db *sql.DB) *Store { return &Store{db} }

// Newest returns an account's newest entries, at most limit.
func (s *Store) Newest(ctx context.Context, account int64, limit int) ([]Entry, error) {
	return s.page(ctx, account, 0, limit)
}

// Older returns the entries of the same account that come after an entry in its
// statement, at most limit.
func (s *Store) Older(ctx context.Context, id int64, limit int) ([]Entry, error) {
	var account, booked int64
	err := s.db.QueryRowContext(ctx, `SELECT account_id, booked_at FROM entries WHERE id = ?`, id).Scan(&account, &booked)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, kit.NotFound("entry")
	}
	if err != nil {
		return nil, fmt.Errorf("read entry %d: %w", id, err)
	}
	var position int
	err = s.db.QueryRowContext(ctx, `
		SELECT COUNT(*)
		FROM entries
		WHERE account_id = ? AND (booked_at > ? OR booked_at = ? AND id >= ?)`, account, booked, booked, id).Scan(&position)
	if err != nil {
		return nil, fmt.Errorf("find the place of entry %d: %w", id, err)
	}
	return s.page(ctx, account, position, limit)
}

// page returns a piece of an account's statement, newest first.
func (s *Store) page(ctx context.Context, account int64, offset, limit int) ([]Entry, error) {
	return s.list(ctx, `
		SELECT `+columns+`
		FROM entries
		WHERE account_id = ?
		ORDER BY booked_at DESC, id DESC
		LIMIT ? OFFSET ?`, account, limit, offset)
}

// Largest returns the largest entries with a counterparty that are in a state,
// at most limit.
func (s *Store) Largest(ctx context.Context, counterparty int64, state, limit int) ([]Entry, error) {
	return s.list(ctx, `
		SELECT `+columns+`
		FROM entries
		WHERE counterparty_id = ? AND state = ?
		ORDER BY amount DESC, id
		LIMIT ?`, counterparty, state, limit)
}

func (s *Store) list(ctx context.Context, query string, args ...any) ([]Entry, error) {
	rows, err := s.db.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, fmt.Errorf("read entries: %w", err)
	}
	defer rows.Close()
	var entries []Entry
	for rows.Next() {
		var e Entry
		var booked int64
		if err := rows.Scan(&e.ID, &e.Account, &e.Counterparty, &e.State, &e.Amount, &booked, &e.Reference); err != nil {
			return nil, fmt.Errorf("read an entry: %w", err)
		}
		e.BookedAt = time.Unix(booked, 0).UTC()
		entries = append(entries, e)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read entries: %w", err)
	}
	return entries, nil
}

// Book adds a pending entry to an account.
func (s *Store) Book(ctx context.Context, account int64, b Booking) (Entry, error) {
	var known bool
	err := s.db.QueryRowContext(ctx, `
		SELECT EXISTS (SELECT 1 FROM accounts WHERE id = ?) AND EXISTS (SELECT 1 FROM counterparties WHERE id = ?)`,
		account, b.Counterparty).Scan(&known)
	if err != nil {
		return Entry{}, fmt.Errorf("look for account %d: %w", account, err)
	}
	if !known {
		return Entry{}, kit.NotFound("account or counterparty")
	}
	e := Entry{
		Account: account, Counterparty: b.Counterparty, State: statePending, Amount: b.Amount,
		BookedAt: time.Now().UTC().Truncate(time.Second), Reference: b.Reference,
	}
	result, err := s.db.ExecContext(ctx, `
		INSERT INTO entries (account_id, counterparty_id, state, amount, booked_at, reference)
		VALUES (?, ?, ?, ?, ?, ?)`, e.Account, e.Counterparty, e.State, e.Amount, e.BookedAt.Unix(), e.Reference)
	if err != nil {
		return Entry{}, fmt.Errorf("book on account %d: %w", account, err)
	}
	if e.ID, err = result.LastInsertId(); err != nil {
		return Entry{}, fmt.Errorf("learn the entry's number: %w", err)
	}
	return e, nil
}
