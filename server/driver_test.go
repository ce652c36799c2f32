package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/p95lab/p95lab/challenges"
	"github.com/p95lab/p95lab/server/wire"
	"github.com/p95lab/p95lab/web"
)

// patience is how long the browser waits for something to show: far beyond what
// it takes, so that only what never comes fails.
const patience = 3 * time.Minute

// browser is one page in a real Chromium, looking at a real server.
type browser struct {
	t    *testing.T
	ctx  context.Context
	base string
	// noisy counts the runs that the machine was too busy for.
	noisy int
}

// patientRuns is how often a run is repeated on a machine that is too busy.
const patientRuns = 3

// recordEvents keeps the numbers of all events that the page receives, and its
// sockets, so that a test can cut them.
const recordEvents = `
	window.sockets = []; window.numbers = {};
	window.WebSocket = class extends WebSocket {
		constructor(...args) {
			super(...args);
			window.sockets.push(this);
			this.addEventListener('message', (m) => {
				const f = JSON.parse(m.data);
				const note = (run, e) => (window.numbers[run] ??= []).push(e.seq);
				if (f.type === 'snapshot') f.events.forEach((e) => note(f.run.id, e));
				if (f.type === 'event') note(f.run, f.event);
			});
		}
	};`

// required tells whether a part must be there: what is missing is then a failure.
func required(part string) bool {
	return slices.Contains(strings.Split(os.Getenv("P95LAB_REQUIRE"), ","), part)
}

func chromium(t *testing.T) string {
	t.Helper()
	if testing.Short() {
		t.Skip("drives a browser")
	}
	required := required("chromium")
	if _, built := web.Assets(); !built {
		if required {
			t.Fatal("the interface is not built: make web")
		}
		t.Skip("the interface is not built: make web")
	}
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	if required {
		t.Fatal("P95LAB_REQUIRE asks for Chromium, and there is none on PATH")
	}
	t.Skip("there is no Chromium on PATH")
	return ""
}

// serve starts a server of its own for a test and returns its address.
func serve(t *testing.T, data string, change func(*Config)) string {
	t.Helper()
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	ready, ended := make(chan string, 1), make(chan error, 1)
	c := Config{
		Listen: "127.0.0.1", Data: data, Slots: 1, Version: "test",
		Log: slog.New(slog.NewTextHandler(testLog{t}, &slog.HandlerOptions{Level: slog.LevelWarn})), Ready: func(a string) { ready <- a },
	}
	if change != nil {
		change(&c)
	}
	go func() { ended <- Run(ctx, c) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Errorf("the server ended with %v", err)
		}
	})
	select {
	case address := <-ready:
		return address
	case err := <-ended:
		ended <- nil
		t.Fatalf("the server did not start: %v", err)
		return ""
	}
}

type testLog struct{ t *testing.T }

func (l testLog) Write(p []byte) (int, error) {
	l.t.Logf("server: %s", p)
	return len(p), nil
}

func open(t *testing.T, base string) *browser {
	t.Helper()
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(chromium(t)), chromedp.NoSandbox, chromedp.DisableGPU, chromedp.WindowSize(1440, 900),
		chromedp.UserDataDir(t.TempDir()), chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true))
	ctx, cancel := chromedp.NewExecAllocator(t.Context(), options...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	b := &browser{t: t, ctx: ctx, base: base}
	// Without it the page has the focus only when the window happens to.
	call(b, emulation.SetFocusEmulationEnabled, emulation.SetFocusEmulationEnabledParams{Enabled: true})
	call(b, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: recordEvents})
	return b
}

func (b *browser) do(actions ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	if err := chromedp.Do(ctx, actions...); err != nil {
		b.shot("failure")
		b.t.Fatalf("in the browser: %v", err)
	}
}

// eval returns the value of a JavaScript expression.
func eval[T any](b *browser, expression string) T {
	b.t.Helper()
	v, err := chromedp.Run(b.ctx, chromedp.Evaluate[T](expression))
	if err != nil {
		b.t.Fatalf("evaluate %s: %v", expression, err)
	}
	return v
}

// js runs JavaScript for what it does.
func (b *browser) js(script string) {
	b.t.Helper()
	eval[bool](b, "(() => { "+script+"; return true })()")
}

// call sends a command of the browser's protocol.
func call[P, R any](b *browser, command cdp.Command[P, R], params P) {
	b.t.Helper()
	if err := chromedp.Do(b.ctx, func(ctx context.Context, t *chromedp.Target) (chromedp.Void, error) {
		_, err := cdp.Call(ctx, t, command, params)
		return chromedp.Void{}, err
	}); err != nil {
		b.t.Fatalf("%s: %v", command.Method, err)
	}
}

// press presses a key with Ctrl.
func (b *browser) press(key string) {
	b.t.Helper()
	b.do(chromedp.KeyEvent(key, chromedp.KeyModifiers(chromedp.ModifierCtrl)))
}

func (b *browser) visit(path string) { b.t.Helper(); b.do(chromedp.Navigate(b.base + path)) }

// until waits for a JavaScript expression to be true, also across a navigation,
// in which there is no page to ask for a moment.
func (b *browser) until(what, expression string) {
	b.t.Helper()
	ask := time.NewTicker(50 * time.Millisecond)
	defer ask.Stop()
	deadline := time.After(patience)
	var last error
	for {
		select {
		case <-deadline:
			b.shot("failure")
			b.t.Fatalf("waiting until %s: %v\nthe page says: %s", what, last, b.text("body"))
		case <-ask.C:
			var yes bool
			if yes, last = chromedp.Run(b.ctx, chromedp.Evaluate[bool]("!!("+expression+")")); last == nil && yes {
				return
			}
		}
	}
}

func (b *browser) text(selector string) string {
	b.t.Helper()
	return eval[string](b, fmt.Sprintf(`document.querySelector(%q)?.innerText ?? ''`, selector))
}

// click clicks the first visible element of a selector that holds a text.
func (b *browser) click(selector, text string) {
	b.t.Helper()
	find := fmt.Sprintf(`[...document.querySelectorAll(%q)].find((e) => e.checkVisibility() && e.innerText.includes(%q) && !e.disabled)`, selector, text)
	b.until(fmt.Sprintf("%s %q can be clicked", selector, text), find)
	b.js(find + ".click()")
}

// pictured is a folder for a server's data whose name may stand in pictures.
func pictured(t *testing.T) string {
	t.Helper()
	if os.Getenv("P95LAB_SCREENSHOTS") == "" {
		return t.TempDir()
	}
	dir := filepath.Join(os.TempDir(), "p95lab")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// shot saves a screenshot where P95LAB_SCREENSHOTS says.
func (b *browser) shot(name string) {
	folder := os.Getenv("P95LAB_SCREENSHOTS")
	if folder == "" {
		return
	}
	png, err := chromedp.Run(b.ctx, chromedp.CaptureScreenshot())
	if err != nil {
		b.t.Logf("no screenshot %s: %v", name, err)
		return
	}
	if err := os.MkdirAll(folder, 0o755); err != nil {
		b.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, name+".png"), png, 0o644); err != nil {
		b.t.Fatal(err)
	}
}

// shots saves a state in both themes, on a desk and on a phone.
func (b *browser) shots(name string) {
	if os.Getenv("P95LAB_SCREENSHOTS") == "" {
		return
	}
	for _, theme := range []string{"light", "dark"} {
		b.js(fmt.Sprintf(`document.documentElement.dataset.theme = %q`, theme))
		b.screen(1440, 900, 1, false)
		b.shot(name + "-" + theme + "-1440x900")
		for _, pane := range []string{"lesson", "code", "run"} {
			b.js(fmt.Sprintf(`if (document.body.dataset.pane) document.body.dataset.pane = %q`, pane))
			b.screen(390, 844, 2, true)
			b.shot(name + "-" + pane + "-" + theme + "-390x844")
		}
	}
	b.screen(1440, 900, 1, false)
}

// accessible holds the page to WCAG AA, as far as a program can see it, in both
// themes, on a desk and on a phone.
func (b *browser) accessible(name string) {
	b.t.Helper()
	axe, err := os.ReadFile(filepath.Join("..", "web", "node_modules", "axe-core", "axe.min.js"))
	if err != nil {
		if required("npm") {
			b.t.Fatalf("P95LAB_REQUIRE asks for npm's packages: %v", err)
		}
		b.t.Logf("accessibility of %s not tested: %v", name, err)
		return
	}
	b.js(string(axe))
	for _, theme := range []string{"light", "dark"} {
		b.js(fmt.Sprintf(`document.documentElement.dataset.theme = %q`, theme))
		for _, width := range []int64{1440, 390} {
			b.screen(width, 900, 1, width == 390)
			b.js(`window.found = null;
				axe.run(document, {runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa']}).then(
					(r) => { window.found = r.violations.flatMap((v) => v.nodes.map((n) => v.id + ': ' + n.html)) },
					(e) => { window.found = ['axe failed: ' + e] })`)
			b.until("axe has looked", `window.found`)
			for _, violation := range eval[[]string](b, `window.found`) {
				b.t.Errorf("%s, %s, %d wide: %s", name, theme, width, violation)
			}
		}
	}
	b.screen(1440, 900, 1, false)
}

// screen gives the page another size, and a moment to draw itself.
func (b *browser) screen(width, height int64, scale float64, mobile bool) {
	b.t.Helper()
	call(b, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{Width: width, Height: height, DeviceScaleFactor: scale, Mobile: mobile})
	b.do(chromedp.Sleep(300 * time.Millisecond)) // for the picture's sake alone
}

// replace puts a text in the place of the open file's, as typing would.
func (b *browser) replace(text string) {
	b.t.Helper()
	b.until("the editor has the focus", `(document.querySelector('#editor .cm-content').focus(), document.hasFocus() && document.activeElement === document.querySelector('#editor .cm-content'))`)
	b.press("a")
	call(b, input.InsertText, input.InsertTextParams{Text: text})
	// The editor draws only the lines in sight, so the server says what was typed.
	b.saved(text)
	b.until("the file is saved", `document.querySelector('#status').innerText.includes('Saved')`)
}

// saved waits until a file of the workspace holds a text.
func (b *browser) saved(text string) {
	b.t.Helper()
	ask := time.NewTicker(50 * time.Millisecond)
	defer ask.Stop()
	for deadline := time.After(patience); ; {
		space := get[wire.Workspace](b.t, b.base+"/api/challenges/"+b.slug()+"/workspace")
		if slices.ContainsFunc(space.Files, func(f wire.File) bool { return f.Text == text }) {
			return
		}
		select {
		case <-deadline:
			b.shot("failure")
			b.t.Fatalf("what was typed is in no file; the page says: %s", b.text("body"))
		case <-ask.C:
		}
	}
}

// slug names the challenge that the page shows.
func (b *browser) slug() string {
	b.t.Helper()
	return eval[string](b, `location.pathname.split('/').pop()`)
}

func (b *browser) openFile(name string) {
	b.t.Helper()
	b.click(`#code-bar [role=tab]`, name)
	b.until(name+" is open", `document.querySelector('#editor .cm-content')`)
}

func (b *browser) addFile(name, text string) {
	b.t.Helper()
	b.click(`#code-bar [aria-label="Add a file"]`, "")
	b.until("the name is asked for", `document.querySelector('dialog input')`)
	b.js(fmt.Sprintf(`const i = document.querySelector('dialog input'); i.value = %q; i.dispatchEvent(new Event('input', {bubbles: true}))`, name))
	b.click(`dialog button[type=submit]`, "")
	b.until(name+" is open", fmt.Sprintf(`document.querySelector('#code-bar [role=tab][aria-selected=true]')?.innerText.includes(%q)`, filepath.Base(name)))
	b.replace(text)
}

// run presses Ctrl+Enter and waits for the verdict, whose title it returns.
func (b *browser) run() string {
	b.t.Helper()
	before := b.verdicts()
	b.press(kb.Enter)
	return b.verdictAfter(before)
}

// verdicts counts the runs that have ended.
func (b *browser) verdicts() int {
	b.t.Helper()
	return len(b.history())
}

// history lists the runs of the page's challenge that have ended, newest first.
func (b *browser) history() []wire.RunInfo {
	b.t.Helper()
	all := get[[]wire.RunInfo](b.t, b.base+"/api/challenges/"+b.slug()+"/runs")
	return slices.DeleteFunc(all, func(r wire.RunInfo) bool { return r.State != wire.Done })
}

func (b *browser) verdictAfter(n int) string {
	b.t.Helper()
	b.until("a run goes on", `document.querySelector('.run-button')?.innerText.includes('Stop')`)
	b.until("the run has ended", `/^Run \d+: /.test(document.querySelector('#run .state')?.innerText) && !document.querySelector('.run-button').innerText.includes('Stop')`)
	if got := b.verdicts(); got != n+1 {
		b.t.Fatalf("%d runs have ended, want %d", got, n+1)
	}
	title, _, _ := strings.Cut(b.text("#run .state"), "\n")
	_, title, _ = strings.Cut(title, ": ")
	title = strings.TrimSpace(title)
	if title == "Too noisy to tell" && b.noisy < patientRuns {
		b.noisy++
		return b.run() // as the page advises
	}
	return title
}

func solution(t *testing.T, slug, folder string) map[string][]byte {
	t.Helper()
	all, err := challenges.All()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range all {
		if c.Slug == slug {
			files, err := c.Overlay(folder)
			if err != nil {
				t.Fatal(err)
			}
			return files
		}
	}
	t.Fatalf("there is no challenge %s", slug)
	return nil
}
