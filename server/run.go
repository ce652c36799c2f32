package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"github.com/p95lab/p95lab/challenges"
	"github.com/p95lab/p95lab/grader"
	"github.com/p95lab/p95lab/grader/evidence"
	"github.com/p95lab/p95lab/server/api"
	"github.com/p95lab/p95lab/server/app"
	"github.com/p95lab/p95lab/server/backup"
	"github.com/p95lab/p95lab/server/live"
	"github.com/p95lab/p95lab/server/queue"
	"github.com/p95lab/p95lab/server/render"
	"github.com/p95lab/p95lab/server/sqlite"
	"github.com/p95lab/p95lab/server/wire"
	"github.com/p95lab/p95lab/web"
)

// Config is all that a server needs to be told.
type Config struct {
	Port   int // 0: any free one
	Listen string
	Data   string
	Hosts  []string
	Slots  int
	// Team refuses to serve unless learners' code is confined. What else a team
	// needs (accounts, joining, other machines' browsers) is not built, so it
	// changes nothing else.
	Team    bool
	Version string
	Log     *slog.Logger
	// Ready is called with the address once requests are answered.
	Ready func(address string)
	// Grade replaces the grader, and then nothing is prepared; nil in production.
	Grade queue.GradeFunc
}

// shutdownGrace is how long requests in progress may take at the end.
const shutdownGrace = 5 * time.Second

// Run serves until ctx ends or something fails. What was being graded is queued
// again at the next start.
func Run(ctx context.Context, c Config) (err error) {
	if c.Listen == "localhost" { // which may resolve to anything
		c.Listen = "127.0.0.1"
	}
	if ip := net.ParseIP(c.Listen); ip == nil || !ip.IsLoopback() {
		return fmt.Errorf("--listen %s is not a loopback address: it serves this machine alone, as team mode is not built yet", c.Listen)
	}
	grading := grader.New(filepath.Join(c.Data, "cache"))
	if c.Team { // before anything is touched
		if err := grading.Require(); err != nil {
			return fmt.Errorf("team mode does not start here: %w; p95lab doctor says how to get what is missing", err)
		}
		c.Log.Info("team mode: escapes were tried and none got out; workshops are not built yet, so this still serves this machine alone")
	}
	unlock, err := lockData(c.Data)
	if err != nil {
		return err
	}
	defer unlock()
	if err := backup.Unfinished(c.Data); err != nil {
		return err
	}
	listener, err := listen(c)
	if err != nil {
		return err
	}
	defer func() { _ = listener.Close() }()

	store, err := sqlite.Open(ctx, filepath.Join(c.Data, "p95lab.db"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	all, err := challenges.All()
	if err != nil {
		return fmt.Errorf("read the challenges: %w", err)
	}
	assets, built := web.Assets()
	pages, err := render.New(assets, built)
	if err != nil {
		return err
	}
	if !built {
		c.Log.Warn("the interface is not built; pages say how: make web")
	}

	grade := queue.GradeFunc(grading.Grade)
	if c.Grade != nil {
		grade = c.Grade
	}
	lab := &app.Lab{
		Runs: store, Notes: store, Drafts: store, Evidence: store, Workspaces: app.NewWorkspaces(c.Data), Log: c.Log,
		Markdown: func(text string) string { return string(pages.Markdown(text)) },
	}
	lab.SetChallenges(all)
	set := metrics.NewSet()
	q := queue.New(queue.Options{
		Store: store, Grade: grade, Slots: c.Slots, Log: c.Log, Changed: lab.RunChanged,
		Job: func(run wire.Run) (grader.Job, error) {
			challenge, err := lab.Challenge(run.Challenge)
			if err != nil {
				return grader.Job{}, err
			}
			files := map[string][]byte{}
			for name, text := range run.Files {
				files[name] = []byte(text)
			}
			return grader.Job{Challenge: challenge, Files: files, Keep: func(all []evidence.Artefact) error {
				return store.KeepEvidence(context.WithoutCancel(ctx), run.ID, all)
			}}, nil
		},
		Graded: func(outcome string, took time.Duration) {
			set.GetOrCreateHistogram(fmt.Sprintf(`p95lab_grade_seconds{outcome=%q}`, outcome)).Update(took.Seconds())
		},
	})
	lab.Queue = q
	guard := &api.Guard{Hosts: c.Hosts, Limiter: api.NewLimiter(), Log: c.Log, Served: func(route string, status int, took time.Duration) {
		set.GetOrCreateCounter(fmt.Sprintf(`p95lab_http_requests_total{route=%q,code="%d"}`, route, status)).Inc()
		set.GetOrCreateHistogram(fmt.Sprintf(`p95lab_http_request_seconds{route=%q}`, route)).Update(took.Seconds())
	}}
	viewers := live.New(lab, c.Version, c.Log, guard.SameOrigin)
	set.NewGauge("p95lab_queue_waiting", func() float64 { return float64(q.Waiting()) })
	set.NewGauge("p95lab_websocket_clients", func() float64 { return float64(viewers.Viewers()) })

	var owned sync.WaitGroup
	background, stop := context.WithCancel(ctx)
	defer owned.Wait()
	defer stop()
	if err := q.Start(ctx); err != nil {
		return err
	}
	defer q.Close()
	owned.Go(func() {
		if err := lab.Watch(background); err != nil {
			c.Log.Error("edits by other programs will not be seen", "error", err)
		}
	})
	goVersion, isolated := "", func() bool { return false }
	if c.Grade == nil {
		if goVersion, err = grading.GoVersion(ctx); err != nil {
			return err
		}
		isolated = func() bool { return grading.Sandbox().Isolated }
		if !isolated() {
			c.Log.Warn("learners' code runs as you: p95lab doctor says why", "missing", grading.Sandbox().Summary())
		}
		owned.Go(func() { prepare(background, grading, all, c.Log) })
	}

	server := &http.Server{
		Handler: guard.Wrap(api.New(api.Options{
			Lab: lab, Pages: pages, Live: viewers, Log: c.Log, Go: goVersion, Isolated: isolated,
			Metrics: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "text/plain; version=0.0.4")
				set.WritePrometheus(w)
				metrics.WriteProcessMetrics(w)
			}),
		})),
		ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 30 * time.Second, WriteTimeout: 60 * time.Second,
		IdleTimeout: time.Minute, MaxHeaderBytes: 32 << 10,
		ErrorLog: slog.NewLogLogger(c.Log.Handler(), slog.LevelDebug),
	}
	failed := make(chan error, 1)
	owned.Go(func() { failed <- server.Serve(newDoor(listener)) })
	c.Ready("http://" + listener.Addr().String())
	select {
	case <-ctx.Done():
		c.Log.Info("stopping; what is being graded is queued again at the next start")
	case err = <-failed:
	}
	viewers.Close() // before the server, which does not wait for websockets
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownGrace)
	defer cancel()
	if down := server.Shutdown(grace); down != nil {
		err = errors.Join(err, down, server.Close())
	}
	if errors.Is(err, http.ErrServerClosed) {
		err = nil
	}
	return err
}

// prepare builds and seeds what the first runs need, before anyone waits for it.
func prepare(ctx context.Context, g *grader.Grader, all []challenges.Challenge, log *slog.Logger) {
	for _, c := range all {
		began := time.Now()
		if err := g.Prepare(ctx, c); err != nil {
			if ctx.Err() != nil {
				return
			}
			log.Warn("could not prepare a challenge; its first run will try again", "challenge", c.Slug, "error", err)
			continue
		}
		log.Debug("prepared", "challenge", c.Slug, "took", time.Since(began).Round(time.Millisecond))
	}
}

func listen(c Config) (net.Listener, error) {
	l, err := net.Listen("tcp", net.JoinHostPort(c.Listen, strconv.Itoa(c.Port)))
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("port %d is taken; try p95lab --port %d, or --port 0 for any free one", c.Port, c.Port+1)
	}
	if err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	return l, nil
}

// lockData makes the data folder and takes it for this process alone.
func lockData(folder string) (unlock func(), err error) {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return nil, fmt.Errorf("make the data folder (choose another with --data): %w", err)
	}
	file, err := os.OpenFile(filepath.Join(folder, "lock"), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, fmt.Errorf("write in the data folder (choose another with --data): %w", err)
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = file.Close()
		return nil, fmt.Errorf("another p95lab uses %s: open that one in the browser or stop it, or choose another folder with --data", folder)
	}
	return func() { _ = file.Close() }, nil
}
