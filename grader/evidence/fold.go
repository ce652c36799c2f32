package evidence

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"

	"github.com/google/pprof/profile"
	"golang.org/x/sync/errgroup"
)

// maxUnpacked is how long a profile may be, in bytes.
const maxUnpacked = 64 << 20

// Sides holds a profile of each side, pprof as it came; nil where there is none.
type Sides struct{ Before, After []byte }

// Fold reads both sides' profiles into one tree.
func Fold(v View, sides Sides) (Graph, error) {
	t := tree{ids: map[string]int{}, places: map[place]int{}}
	g := Graph{View: v.Name, Unit: v.Unit, PerRequest: v.PerRequest}
	var profiles [2]*profile.Profile
	var reading errgroup.Group
	for which, raw := range [][]byte{sides.Before, sides.After} {
		if raw == nil {
			continue
		}
		reading.Go(func() (err error) {
			if profiles[which], err = read(raw); err != nil {
				return fmt.Errorf("read the profile of the side %s: %w", []string{"before", "after"}[which], err)
			}
			return nil
		})
	}
	if err := reading.Wait(); err != nil {
		return Graph{}, err
	}
	for which, p := range profiles {
		side := []*Side{&g.Before, &g.After}[which]
		side.Missing = p == nil
		if p == nil {
			continue
		}
		if err := t.add(v, p, which, side); err != nil {
			return Graph{}, err
		}
	}
	t.tell(&g)
	return g, nil
}

// read unpacks a profile no further than a profile can be long. The library's own
// reader has no such bound, and tries formats that no service of ours speaks.
func read(raw []byte) (*profile.Profile, error) {
	if len(raw) > 2 && raw[0] == 0x1f && raw[1] == 0x8b {
		z, err := gzip.NewReader(bytes.NewReader(raw))
		if err != nil {
			return nil, fmt.Errorf("unpack: %w", err)
		}
		if raw, err = io.ReadAll(io.LimitReader(z, maxUnpacked+1)); err != nil {
			return nil, fmt.Errorf("unpack: %w", err)
		}
	}
	if len(raw) > maxUnpacked {
		return nil, fmt.Errorf("it is longer than %d MiB", maxUnpacked>>20)
	}
	p, err := profile.ParseUncompressed(raw)
	if err != nil {
		return nil, err
	}
	return p, p.CheckValid()
}
