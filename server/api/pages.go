package api

import (
	"net/http"
	"slices"

	"github.com/p95lab/p95lab/challenges"
	"github.com/p95lab/p95lab/grader/verdict"
	"github.com/p95lab/p95lab/server/render"
	"github.com/p95lab/p95lab/server/wire"
)

func (h *handler) catalogue(w http.ResponseWriter, r *http.Request) error {
	var d render.Catalogue
	tried, err := h.Lab.Runs.Progress(r.Context())
	if err != nil {
		return err
	}
	byTrack, titles := map[string][]render.Row{}, map[string]string{}
	for _, c := range h.Lab.Challenges() {
		titles[c.Slug] = c.Title
		row := render.Row{
			Slug: c.Slug, Title: c.Title, Summary: c.Summary, Company: c.Company, Level: c.Level, Minutes: c.Minutes, State: render.NotStarted,
		}
		if i := slices.IndexFunc(tried, func(p wire.Progress) bool { return p.Challenge == c.Slug }); i >= 0 {
			row.State, row.Best = render.InProgress, tried[i].Best
			if tried[i].Passed {
				row.State = render.Passed
			}
		}
		byTrack[c.Track] = append(byTrack[c.Track], row)
	}
	for _, p := range tried {
		if title, ok := titles[p.Challenge]; ok { // it may have left the curriculum
			d.Resume = &render.Link{Slug: p.Challenge, Title: title}
			break
		}
	}
	for _, t := range challenges.Tracks {
		if rows := byTrack[t.Slug]; len(rows) > 0 {
			d.Tracks = append(d.Tracks, render.Track{Title: t.Title, Rows: rows})
		}
	}
	return h.Pages.Catalogue(w, d)
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
	for _, run := range boot.Runs {
		boot.Solved = boot.Solved || run.Outcome == verdict.Passed
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
