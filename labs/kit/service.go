// Package kit is what the lab's services share, as a platform team would keep
// it: settings from the environment, the database, an admin port with profiles
// and metrics, a clean shutdown. It knows no service's tables or routes.
package kit

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"runtime"
	"sync"
	"syscall"
	"time"
)

// Service is what a service hands to Main.
type Service struct {
	Name   string
	Schema string // SQL that creates the tables
	// Seed fills new tables. The same Seed and Scale make the same rows.
	Seed func(ctx context.Context, tx *sql.Tx, rows Rows) error
	// Routes is the service's API.
	Routes func(db *sql.DB) http.Handler
}

// Rows says which rows to make, and how many.
type Rows struct {
	Seed  uint64
	Scale float64 // 1 is the usual size
}

// Main runs a service as the command line and the environment say:
//
//	<service>                 serves on PORT, profiles and metrics on ADMIN_PORT
//	<service> seed            creates DATABASE_URL from SEED and SCALE
//	<service> migrate FOLDER  applies FOLDER/*.sql to DATABASE_URL
//	<service> plan FROM TO    writes SQLite's plans of the statements in FROM to TO
func Main(s Service) {
	runtime.MemProfileRate = memoryRate // before anything much is allocated
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := s.run(ctx, os.Args[1:], os.Getenv)
	stop()
	if err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", s.Name, err)
		os.Exit(1)
	}
}

func (s Service) run(ctx context.Context, args []string, env func(string) string) error {
	switch {
	case len(args) == 0:
		return s.serve(ctx, env)
	case len(args) == 1 && args[0] == "seed":
		return s.seed(ctx, env)
	case len(args) == 2 && args[0] == "migrate":
		return migrate(ctx, env("DATABASE_URL"), args[1])
	case len(args) == 3 && args[0] == "plan":
		return plan(ctx, env("DATABASE_URL"), args[1], args[2])
	default:
		return errors.New("say nothing to serve, or: seed, or: migrate FOLDER, or: plan FROM TO")
	}
}

// shutdownGrace is how long requests in progress may take at the end. With what
// the rest of the shutdown takes it stays below 5 s.
const shutdownGrace = 4 * time.Second

func (s Service) serve(ctx context.Context, env func(string) string) error {
	if env("PORT") == "" {
		return errors.New("PORT is not set: on which port to serve")
	}
	if err := exists(env("DATABASE_URL")); err != nil {
		return err
	}
	db, err := Open(env("DATABASE_URL"))
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	if err := db.PingContext(ctx); err != nil {
		return fmt.Errorf("open the database: %w", err)
	}

	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) })
	mux.Handle("/", measure(s.Routes(db)))
	servers := []*http.Server{server(env("PORT"), mux)}
	if port := env("ADMIN_PORT"); port != "" {
		servers = append(servers, server(port, admin()))
	}
	return serveAll(ctx, servers, slog.New(slog.NewTextHandler(os.Stderr, nil)).With("service", s.Name))
}

func server(port string, h http.Handler) *http.Server {
	return &http.Server{
		Addr: net.JoinHostPort("127.0.0.1", port), Handler: h,
		ReadHeaderTimeout: 5 * time.Second, IdleTimeout: 2 * time.Minute,
	}
}

// serveAll serves until ctx ends or a server fails, and then shuts all down. The
// first is the API: its requests in progress are waited for.
func serveAll(ctx context.Context, servers []*http.Server, log *slog.Logger) error {
	listeners := make([]net.Listener, len(servers))
	for i, srv := range servers {
		var err error
		if listeners[i], err = net.Listen("tcp", srv.Addr); err != nil {
			for _, l := range listeners[:i] {
				_ = l.Close()
			}
			return fmt.Errorf("listen on %s: %w", srv.Addr, err)
		}
	}
	failed := make(chan error, len(servers))
	var serving sync.WaitGroup
	for i, srv := range servers {
		serving.Go(func() {
			if err := srv.Serve(listeners[i]); !errors.Is(err, http.ErrServerClosed) {
				failed <- fmt.Errorf("serve on %s: %w", srv.Addr, err)
			}
		})
	}
	log.Info("serving", "address", listeners[0].Addr().String())

	var err error
	select {
	case <-ctx.Done():
		log.Info("shutting down")
	case err = <-failed:
	}
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownGrace)
	defer cancel()
	if late := servers[0].Shutdown(grace); late != nil {
		err = errors.Join(err, fmt.Errorf("requests were still in progress after %s: %w", shutdownGrace, late))
	}
	for _, srv := range servers {
		_ = srv.Close() // a profile in progress is not waited for
	}
	serving.Wait()
	return err
}
