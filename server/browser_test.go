package main

import (
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/chromedp/kb"
)

// A new learner goes from the first page to a passed run of missing-index: the
// question, the starter's own run, a wrong index, a connection that breaks in the
// middle of a run, the right index.
func TestLearnerFixesMissingIndex(t *testing.T) {
	chromium(t)
	b := open(t, serve(t, pictured(t), nil))
	b.visit("/")
	b.shots("catalogue")
	b.accessible("catalogue")
	b.click("a", "The order history that got slow")
	b.until("the editor is there", `document.querySelector('#editor .cm-content')`)
	b.shots("before")
	b.accessible("before")

	// Run asks for the diagnosis once.
	b.press(kb.Enter)
	b.until("the question is asked", `document.querySelector('.diagnosis.wanted')`)
	b.click(".diagnosis label", "A read of every order")
	b.click(".diagnosis button", "Answer")
	b.until("it is answered", `document.querySelector('.diagnosis .why')`)
	b.click(".diagnosis button", "Run now")
	b.until("the load is live", `/Loading [0-9]+ s/.test(document.querySelector('#run').innerText)`)
	b.shots("running")
	if title := b.verdictAfter(0); title != "Nothing changed" {
		t.Fatalf("the starter's own run says %q: %s", title, b.text("#run .result"))
	}
	b.shots("unchanged")
	b.accessible("unchanged")

	b.addFile("migrations/002_status.sql", "CREATE INDEX orders_by_status ON orders (status);\n")
	if title := b.run(); title == "Passed" {
		t.Fatalf("an index on status says %q", title)
	}
	b.shots("missed")

	// The right index, with the connection cut twice while it is measured.
	b.replace("CREATE INDEX orders_by_customer ON orders (customer_id, placed_at DESC, id DESC);\n")
	n := b.verdicts()
	b.press(kb.Enter)
	b.until("the load is live", `/Loading [0-9]+ s/.test(document.querySelector('#run').innerText)`)
	b.js(`window.sockets.at(-1).close()`)
	b.until("it has connected again", `window.sockets.length > 1 && window.sockets.at(-1).readyState === 1`)
	if title := b.verdictAfter(n); title != "Passed" {
		t.Fatalf("the right index says %q: %s", title, b.text("#run .result"))
	}
	b.shots("passed")
	b.accessible("passed")
	b.everyNumberOnce()
	b.sawWhy()
	if last := b.history()[0]; last.Ratio < 8 || last.Score <= 0 || last.Gate != "compare" {
		t.Errorf("the history says %+v", last)
	}
	b.visit("/")
	b.until("the catalogue knows", `[...document.querySelectorAll('.row-result')].some((e) => e.innerText.includes('better'))`)
}

// sawWhy holds that the evidence of the right index shows what it has changed: how
// the history is read, and where the processor is.
func (b *browser) sawWhy() {
	b.t.Helper()
	b.click("#run [role=tab]", "Queries")
	b.until("the scan has become a search", `/Starter[\s\S]*SCAN orders[\s\S]*Yours[\s\S]*SEARCH orders USING INDEX orders_by_customer/.test(document.querySelector('.queries')?.innerText)`)
	b.shots("passed-queries")
	b.click("#run [role=tab]", "Counters")
	b.until("the processor's time is told", `document.querySelector('.counters')?.innerText.includes('Processor time a request')`)
	b.shots("passed-counters")
	b.click("#run [role=tab]", "Profile")
	b.until("the profile is drawn", `document.querySelector('.flame canvas')?.width > 300`)
	b.click(".tools .choice button", "Starter")
	b.click(".tools .choice button", "Table")
	b.until("the store's own function is in it", `document.querySelector('.top-table')?.innerText.includes('main.(*Store).History')`)
	b.click(".tools .choice button", "Flame graph")
	b.shots("passed-profile")
	b.click("#run [role=tab]", "Live")
}

// everyNumberOnce holds that the page has received each number of its last run
// exactly once, in order.
func (b *browser) everyNumberOnce() {
	b.t.Helper()
	last := b.history()[0].ID
	seen := eval[[]int64](b, fmt.Sprintf(`window.numbers[%q]`, last))
	for i, n := range seen {
		if n != int64(i+1) {
			b.t.Fatalf("number %d came in place %d of %v", n, i+1, seen)
		}
	}
	if len(seen) < 20 {
		b.t.Errorf("the page saw %d events", len(seen))
	}
}

// A learner of n-plus-one makes mistakes first: a file that does not compile, and
// a join that loses widgets. Then the right queries pass.
func TestLearnerFixesNPlusOne(t *testing.T) {
	chromium(t)
	b := open(t, serve(t, t.TempDir(), nil))
	b.visit("/challenges/n-plus-one")
	b.until("the editor is there", `document.querySelector('#editor .cm-content')`)
	right := string(solution(t, "n-plus-one", "_solution")["store.go"])

	b.openFile("store.go")
	b.replace(strings.Replace(right, "found := []Widget{}", "found := []Wigdet{}", 1))
	b.press(kb.Enter)
	b.click(".diagnosis button", "Run without answering")
	if title := b.verdictAfter(0); title != "Does not build" {
		t.Fatalf("a file that does not compile says %q", title)
	}
	b.until("the error stands in its line", `document.querySelector('#editor .cm-editor').textContent.includes('undefined: Wigdet')`)
	b.shots("build-error")
	b.accessible("build-error")

	b.replace(string(solution(t, "n-plus-one", "_wrong/lost-widgets")["store.go"]))
	if title := b.run(); title != "Wrong answer" {
		t.Fatalf("a join that loses widgets says %q", title)
	}
	b.shots("wrong-answer")
	b.accessible("wrong-answer")

	b.replace(right)
	if title := b.run(); title != "Passed" {
		t.Fatalf("the right queries say %q: %s", title, b.text("#run .result"))
	}
	b.shots("n-plus-one-passed")
	b.everyNumberOnce()
}
