package api

import (
	"net/http"

	"github.com/p95lab/p95lab/challenges"
	"github.com/p95lab/p95lab/grader/verdict"
	"github.com/p95lab/p95lab/server/render"
	"github.com/p95lab/p95lab/server/wire"
)

func (h *handler) catalogue(w http.ResponseWriter, r *http.Request) error {
	var d render.Catalogue
	byTrack := map[string][]render.Row{}
	var latest wire.RunInfo
	for _, c := range h.Lab.Challenges() {
		runs, err := h.Lab.History(r.Context(), c.Slug)
		if err != nil {
			return err
		}
		row := render.Row{
			Slug: c.Slug, Title: c.Title, Summary: c.Summary, Company: c.Company, Level: c.Level, Minutes: c.Minutes, State: render.NotStarted,
		}
		row.State, row.Best = progress(runs)
		byTrack[c.Track] = append(byTrack[c.Track], row)
		if len(runs) > 0 && runs[0].CreatedAt.After(latest.CreatedAt) {
			latest = runs[0]
			d.Resume = &render.Link{Slug: c.Slug, Title: c.Title}
		}
	}
	for _, t := range challenges.Tracks {
		if rows := byTrack[t.Slug]; len(rows) > 0 {
			d.Tracks = append(d.Tracks, render.Track{Title: t.Title, Rows: rows})
		}
	}
	return h.Pages.Catalogue(w, d)
}

// progress is how far a learner is, and the best ratio of a passed run.
func progress(runs []wire.RunInfo) (render.State, float64) {
	state, best := render.NotStarted, 0.0
	for _, run := range runs {
		if run.Outcome == verdict.Passed {
			state, best = render.Passed, max(best, run.Ratio)
		} else if state == render.NotStarted {
			state = render.InProgress
		}
	}
	return state, best
}

func (h *handler) challenge(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	c, err := h.Lab.Challenge(r.PathValue("slug"))
	if err != nil {
		return err
	}
	boot := render.NewBoot(c)
	boot.Go, boot.Isolated = h.Go, h.Isolated != nil && h.Isolated()
	if boot.Workspace, err = h.Lab.Workspaces.View(c); err != nil {
		return err
	}
	if boot.Runs, err = h.Lab.History(ctx, c.Slug); err != nil {
		return err
	}
	if boot.Diagnosis, err = h.Lab.Diagnosis(ctx, c.Slug); err != nil {
		return err
	}
	if boot.Hints.Opened, boot.Hints.Count, err = h.Lab.Hints(ctx, c.Slug); err != nil {
		return err
	}
	state, _ := progress(boot.Runs)
	boot.Solved = state == render.Passed
	for _, run := range boot.Runs {
		boot.Ran = boot.Ran || run.State == wire.Done
	}
	d := render.ChallengePage{Challenge: c, Nonce: nonce()}
	all := h.Lab.Challenges()
	for i, other := range all {
		boot.Challenges = append(boot.Challenges, render.ChallengeLink{Slug: other.Slug, Title: other.Title, Track: other.Track})
		if other.Slug != c.Slug {
			continue
		}
		if i > 0 {
			d.Previous = &render.Link{Slug: all[i-1].Slug, Title: all[i-1].Title}
		}
		if i+1 < len(all) {
			d.Next = &render.Link{Slug: all[i+1].Slug, Title: all[i+1].Title}
		}
	}
	d.Boot = boot
	w.Header().Set("Content-Security-Policy", policy(r.Host, d.Nonce))
	return h.Pages.Challenge(w, d)
}
