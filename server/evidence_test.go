package main

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/p95lab/p95lab/grader"
	"github.com/p95lab/p95lab/grader/evidence"
	"github.com/p95lab/p95lab/grader/evidence/evidencetest"
	"github.com/p95lab/p95lab/grader/verdict"
)

// witnessed is a grader that keeps a CPU profile of each side and passes.
func witnessed(t *testing.T, before, after []evidencetest.Stack) func(*Config) {
	t.Helper()
	var sides [2][]byte
	for i, stacks := range [][]evidencetest.Stack{before, after} {
		var err error
		if sides[i], err = evidencetest.CPU(stacks); err != nil {
			t.Fatal(err)
		}
	}
	grade := func(_ context.Context, job grader.Job, emit func(verdict.Event)) (verdict.Verdict, error) {
		v := verdict.Verdict{Challenge: job.Challenge.Slug, Outcome: verdict.Passed, Gate: verdict.Compare, Score: 100}
		v.Metrics = []verdict.Metric{{Name: "p95", Of: "history", Unit: "ms", Before: 100, After: 10, Ratio: 10, Low: 9, High: 11, Target: "≥ 8×", Met: true}}
		v.Evidence = &verdict.Evidence{
			Counters: []verdict.Counter{
				{Name: "cpu", Unit: "ms", Per: "request", Before: 28.2, After: 0.9, From: verdict.Kernel},
				{Name: "allocated", Unit: "bytes", Per: "request", Before: 18069, After: 18056, From: verdict.Service},
			},
			Endpoints: []verdict.Endpoint{{
				Name: "history", Before: verdict.Served{N: 199, P50: 40.7, P95: 101.4, Bytes: 2276}, After: verdict.Served{N: 199, P50: 1, P95: 2.3, Bytes: 2276},
			}},
			Statements: []verdict.Statement{
				{SQL: "SELECT id, status, placed_at, sku, quantity, total FROM orders WHERE customer_id = ? ORDER BY placed_at DESC, id DESC LIMIT ?",
					Before: &verdict.Executed{Calls: 0.9, Rows: 19.7, TotalMS: 28.3, P95MS: 42.9, Plan: []verdict.PlanStep{
						{ID: 6, Detail: "SCAN orders", Rows: 300_040}, {ID: 24, Detail: "USE TEMP B-TREE FOR ORDER BY"},
					}},
					After: &verdict.Executed{Calls: 0.9, Rows: 19.6, TotalMS: 0.28, P95MS: 0.75, Plan: []verdict.PlanStep{
						{ID: 7, Detail: "SEARCH orders USING INDEX orders_by_customer (customer_id=?)"},
					}}},
				{SQL: "SELECT 1", After: &verdict.Executed{Calls: 0.1, Rows: 1, TotalMS: 0.01, P95MS: 0.1, Unplanned: "no such table: nothing"}},
			},
			Profiles: []verdict.Profile{{
				Name: "cpu", Before: verdict.Taken{Bytes: len(sides[0]), Requests: 10}, After: verdict.Taken{Bytes: len(sides[1]), Requests: 1000},
			}},
		}
		err := job.Keep([]evidence.Artefact{{Name: "before/cpu", Body: sides[0]}, {Name: "after/cpu", Body: sides[1]}})
		emit(verdict.Event{Kind: "verdict", Verdict: &v})
		return v, err
	}
	return func(c *Config) { c.Grade = grade }
}

// What the small profiles hold: a scan that the fix has taken away.
var (
	scanning = []evidencetest.Stack{
		{Functions: []string{"net/http.(*conn).serve", "main.(*API).history", "main.(*Store).History", "modernc.org/sqlite/lib._sqlite3BtreeNext"}, Samples: 90},
		{Functions: []string{"net/http.(*conn).serve", "main.(*API).history", "encoding/json.Marshal"}, Samples: 10},
	}
	seeking = []evidencetest.Stack{
		{Functions: []string{"net/http.(*conn).serve", "main.(*API).history", "main.(*Store).History", "modernc.org/sqlite/lib._sqlite3BtreeIndexMoveto"}, Samples: 40},
		{Functions: []string{"net/http.(*conn).serve", "main.(*API).history", "encoding/json.Marshal"}, Samples: 30},
		{Functions: []string{"runtime.gcBgMarkWorker", "runtime.gcDrain"}, Samples: 30},
	}
)

// A run's profiles come back as one tree and as the files that they came as.
func TestProfilesOfARun(t *testing.T) {
	base := serve(t, t.TempDir(), witnessed(t, scanning, seeking))
	run := submit(t, base, first)
	wait(t, base, run.ID)
	later := submit(t, base, first).ID
	wait(t, base, later)

	g := get[evidence.Graph](t, base+"/api/runs/"+run.ID+"/profiles/cpu")
	if g.Before.Samples != 100 || g.After.Samples != 100 || g.Before.Requests != 10 || g.After.Requests != 1000 {
		t.Errorf("the sides are %+v and %+v", g.Before, g.After)
	}
	if hot := g.Functions[g.Table[0].Function]; g.Owners[g.Table[0].Function] != evidence.Own {
		t.Errorf("the table begins with %s", hot)
	}
	against := get[evidence.Graph](t, base+"/api/runs/"+later+"/profiles/cpu?against="+run.ID)
	if against.Before.Requests != 1000 || against.Before.Total != against.After.Total {
		t.Errorf("against the earlier run: %+v and %+v", against.Before, against.After)
	}
	status, body := ask(t, "GET", base+"/api/runs/"+run.ID+"/profiles/before/cpu", nil)
	if want, _ := evidencetest.CPU(scanning); status != http.StatusOK || !bytes.Equal(body, want) {
		t.Errorf("the profile came back with %d, %d bytes", status, len(body))
	}
	for path, want := range map[string]int{
		run.ID + "/profiles/gpu": 404, run.ID + "/profiles/mutex": 404, "nobody/profiles/cpu": 404,
		run.ID + "/profiles/after/heap": 404, run.ID + "/profiles/beside/cpu": 404, run.ID + "/profiles/cpu?against=nobody": 404,
	} {
		if status, body := ask(t, "GET", base+"/api/runs/"+path, nil); status != want {
			t.Errorf("GET %s: %d %s, want %d", path, status, body, want)
		}
	}
}

// The Profile tab: both versions, whose code, what changed, the search, the keys,
// the table, and what lines cost in the editor.
func TestProfilePanel(t *testing.T) {
	chromium(t)
	base := serve(t, t.TempDir(), witnessed(t, scanning, seeking))
	b := open(t, base)
	wait(t, base, submit(t, base, first).ID)
	b.visit("/challenges/missing-index?tab=profile")
	b.until("the flame graph is drawn", `document.querySelector('.flame canvas')?.width > 0 && document.querySelector('.pointed')`)
	if text := b.text(".pointed"); text == "" {
		t.Error("nothing says what the profile is of")
	}

	b.until("lines have their share", `[...document.querySelectorAll('.cm-cost .share')].map((e) => e.innerText).join() === '70%,40%'`)

	// By keyboard: down from all of it to what costs most.
	b.js(`document.querySelector('.flame').focus()`)
	for range 5 {
		b.do(chromedp.KeyEvent(kb.ArrowDown))
	}
	b.until("the keys lead to the hottest frame", `document.querySelector('.pointed').innerText.includes('_sqlite3BtreeIndexMoveto')`)
	b.do(chromedp.KeyEvent(kb.Enter))
	b.click(".tools button", "Reset zoom")
	b.shots("profile")
	b.accessible("profile")

	b.click(".tools .choice button", "Starter")
	b.click(".tools .choice button", "Difference")
	b.js(`const i = document.querySelector('.tools input'); i.value = 'BtreeNext'; i.dispatchEvent(new Event('input', {bubbles: true}))`)
	b.until("the search says how much it found", `document.querySelector('.tools').innerText.includes('90 % of all')`)
	b.shots("profile-difference")
	b.click(".tools .choice button", "Table")
	b.until("the table has the function", `[...document.querySelectorAll('.top-table th')].some((e) => e.innerText.includes('_sqlite3BtreeNext'))`)
	b.js(`const i = document.querySelector('.tools input'); i.value = ''; i.dispatchEvent(new Event('input', {bubbles: true}))`)
	b.shots("profile-table")
	b.accessible("profile-table")
}

// The Queries and Counters tabs, a link of a lesson to one, and two runs side by
// side.
func TestWhyPanels(t *testing.T) {
	chromium(t)
	base := serve(t, t.TempDir(), witnessed(t, scanning, seeking))
	b := open(t, base)
	wait(t, base, submit(t, base, first).ID)
	wait(t, base, submit(t, base, first).ID)
	b.visit("/challenges/missing-index")
	b.until("the page is there", `document.querySelector('#editor .cm-content')`)
	b.click(`.prose a[href="#panel=queries"]`, "")
	b.until("the scan is marked", `document.querySelector('.plan li.scan')?.innerText.includes('Reads all 300,040 rows')`)
	b.until("both plans are shown", `document.querySelector('.queries').innerText.includes('SEARCH orders USING INDEX orders_by_customer')`)
	b.shots("queries")
	b.accessible("queries")
	b.click("#run [role=tab]", "Counters")
	b.until("the counters say who tells them", `/the kernel/.test(document.querySelector('.counters')?.innerText) && /the service itself/.test(document.querySelector('.counters').innerText)`)
	b.shots("counters")
	b.accessible("counters")

	b.click("#tab-runs", "Runs")
	b.js(`const s = document.querySelector('.run-files select'); s.value = s.options[1].value; s.dispatchEvent(new Event('change', {bubbles: true}))`)
	b.until("two runs stand side by side", `/Run 1\s+Run 2[\s\S]*it helps/.test(document.querySelector('dialog.compare')?.innerText)`)
	b.shots("compare")
	b.accessible("compare")
	b.click("dialog.compare button", "Compare their profiles")
	b.until("the profile is against the other run", `[...document.querySelectorAll('.tools select')].at(-1)?.selectedOptions[0].innerText === 'against run 1'`)
}

// A profile of 50,000 samples in different stacks is open at once. How long that
// takes is logged: it is this machine's, and no threshold would hold on each.
func TestLargeProfileOpens(t *testing.T) {
	chromium(t)
	large := evidencetest.Large(50_000)
	base := serve(t, t.TempDir(), witnessed(t, scanning, large))
	b := open(t, base)
	wait(t, base, submit(t, base, first).ID)
	b.visit("/challenges/missing-index")
	b.until("the page is there", `document.querySelector('#editor .cm-content') && document.querySelector('#run-tab-profile')`)
	b.js(`window.opened = null; const from = performance.now(); document.querySelector('#run-tab-profile').click();
		const look = () => { document.querySelector('.flame canvas')?.width > 300 ? (window.opened = performance.now() - from) : requestAnimationFrame(look) }; look()`)
	b.until("the flame graph is drawn", `window.opened`)
	t.Logf("open in %.0f ms", eval[float64](b, `window.opened`))
	b.shots("profile-large")
	drawn := fmt.Sprintf(`(() => { const c = document.querySelector('.flame canvas'); return c.height / devicePixelRatio / %d })()`, 20)
	if rows := eval[float64](b, drawn); rows < 3 {
		t.Errorf("%.0f rows are drawn", rows)
	}
}
