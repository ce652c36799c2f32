package main

import (
	"context"
	"database/sql"
	"fmt"
	"math/rand/v2"
	"strings"

	"github.com/p95lab/p95lab/labs/kit"
)

// What the service keeps: shops that let Edge do their pricing.
const (
	shops = 200
	rules = 20 // of each shop
	carts = 25 // of each shop
)

// A SKU is a kind, a colour and a size: TEE-NAV-M.
var (
	kinds   = []string{"TEE", "HOOD", "CAP", "MUG", "BAG", "SOCK", "BELT", "COAT", "VEST", "JEAN", "SCARF", "GLOVE"}
	colours = []string{"NAV", "BLK", "RED", "OLV", "GRY", "WHT", "SND", "TEA", "RST", "SKY"}
	sizes   = []string{"XS", "S", "M", "L", "XL", "XXL", "ONE"}
	notes   = []string{
		"{{.Percent}} % off {{.Name}}",
		"{{if gt .Quantity 1}}{{.Quantity}} × {{end}}{{.Name}}: {{.Percent}} % less until Sunday",
		"Member price for {{.Name}}{{if gt .Percent 15}}, our best{{end}} (-{{.Percent}} %)",
	}
)

func seed(ctx context.Context, tx *sql.Tx, rows kit.Rows) error {
	rng := rand.New(rand.NewPCG(rows.Seed, 1))
	rule, err := tx.PrepareContext(ctx, `INSERT INTO rules (shop, number, pattern, percent, note) VALUES (?, ?, ?, ?, ?)`)
	if err != nil {
		return err
	}
	defer rule.Close()
	cart, err := tx.PrepareContext(ctx, `INSERT INTO carts (shop, number, voucher) VALUES (?, ?, ?)`)
	if err != nil {
		return err
	}
	defer cart.Close()
	line, err := tx.PrepareContext(ctx, `INSERT INTO lines (shop, cart, number, sku, name, quantity, price) VALUES (?, ?, ?, ?, ?, ?, ?)`)
	if err != nil {
		return err
	}
	defer line.Close()
	for shop := 1; shop <= max(1, int(shops*rows.Scale)); shop++ {
		for number := 1; number <= rules; number++ {
			pattern := fmt.Sprintf("^(%s)-(%s)-(%s)$", some(rng, kinds, 3), some(rng, colours, 4), some(rng, sizes, 3))
			if _, err := rule.ExecContext(ctx, shop, number, pattern, 5*(1+rng.IntN(5)), notes[rng.IntN(len(notes))]); err != nil {
				return err
			}
		}
		for number := 1; number <= carts; number++ {
			voucher := 0
			if rng.IntN(4) == 0 {
				voucher = 500 * (1 + rng.IntN(4))
			}
			if _, err := cart.ExecContext(ctx, shop, number, voucher); err != nil {
				return err
			}
			for n := range 8 + rng.IntN(9) {
				kind, colour, size := kinds[rng.IntN(len(kinds))], colours[rng.IntN(len(colours))], sizes[rng.IntN(len(sizes))]
				name := fmt.Sprintf("%s%s in %s", kind[:1], strings.ToLower(kind[1:]), strings.ToLower(colour))
				if _, err := line.ExecContext(ctx, shop, number, n+1, kind+"-"+colour+"-"+size, name, 1+rng.IntN(4), 490+10*rng.IntN(600)); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// some joins n different ones of a list for a pattern.
func some(rng *rand.Rand, of []string, n int) string {
	var picked []string
	for _, i := range rng.Perm(len(of))[:n] {
		picked = append(picked, of[i])
	}
	return strings.Join(picked, "|")
}
