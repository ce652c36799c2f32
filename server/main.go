// Command p95lab is the lab's web server: lessons, editor, runs and verdicts for
// one learner on their own machine. It also writes backups and brings them back.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"runtime/debug"
	"syscall"

	"github.com/alecthomas/kong"

	"github.com/p95lab/p95lab/grader/sandbox"
	"github.com/p95lab/p95lab/server/backup"
)

// commands are the command line, with its environment defaults: a field for each
// command, which has a Run method.
type commands struct {
	Data     string           `help:"Folder for workspaces, runs and caches." default:"${data}" env:"P95LAB_DATA" type:"path"`
	LogLevel string           `help:"debug, info, warn or error." enum:"debug,info,warn,error" default:"info" env:"P95LAB_LOG_LEVEL"`
	Version  kong.VersionFlag `help:"Print the version and leave."`

	Serve   serveCommand   `cmd:"" default:"withargs" help:"Serve the lab; the command when none is named."`
	Backup  backupCommand  `cmd:"" help:"Write runs, answers and workspaces to one file, also while a server runs."`
	Restore restoreCommand `cmd:"" help:"Bring a backup back. No server may use the data folder."`
	Doctor  doctorCommand  `cmd:"" help:"Say what this machine confines learners' code with, and how to get what is missing."`
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := start(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "p95lab:", err)
		os.Exit(1)
	}
}

func start(ctx context.Context) error {
	var c commands
	chosen := kong.Parse(&c, kong.Name("p95lab"), kong.Description("P95 Lab: learn performance engineering on services that are slow for real."),
		kong.Vars{"data": dataFolder(), "version": version()}, kong.BindTo(ctx, (*context.Context)(nil)), kong.Bind(&c))
	if c.Data == "" {
		return errors.New("there is no home folder to keep data in: say where with --data")
	}
	return chosen.Run()
}

// serveCommand is the one that serves the lab.
type serveCommand struct {
	Port   int      `help:"Port to listen on; 0 takes any free one." default:"8095" env:"P95LAB_PORT"`
	Listen string   `help:"Address to listen on; loopback only in this version." default:"127.0.0.1" env:"P95LAB_LISTEN"`
	Host   []string `help:"Another name under which browsers may address this server." env:"P95LAB_HOST"`
	Team   bool     `help:"Run learners' code only where it is confined: refuse to start unless this machine withstands the escapes that are tried. There is no override." env:"P95LAB_TEAM"`
	Slots  int      `help:"Runs at once. More than one measures worse on a small machine." default:"1" env:"P95LAB_SLOTS"`
}

// Run is called by kong.
func (s serveCommand) Run(ctx context.Context, c *commands) error {
	var level slog.Level
	if err := level.UnmarshalText([]byte(c.LogLevel)); err != nil {
		return fmt.Errorf("read the log level: %w", err)
	}
	return Run(ctx, Config{
		Port: s.Port, Listen: s.Listen, Data: c.Data, Hosts: s.Host, Slots: s.Slots, Team: s.Team, Version: version(),
		Log:   slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: level})),
		Ready: func(address string) { fmt.Printf("P95 Lab is ready: %s\n", address) },
	})
}

// backupCommand is the one that writes a backup.
type backupCommand struct {
	File  string `arg:"" type:"path" help:"File to write, a gzipped tar; its folder must exist."`
	Force bool   `help:"Replace the file."`
}

// Run is called by kong.
func (b backupCommand) Run(ctx context.Context, c *commands) error {
	_, err := backup.Backup{Data: c.Data, File: b.File, Force: b.Force, Program: version(), Step: step}.Write(ctx)
	if err == nil {
		fmt.Println("backed up to", b.File)
	}
	return err
}

// restoreCommand is the one that brings a backup back.
type restoreCommand struct {
	File  string `arg:"" type:"existingfile" help:"File that p95lab backup wrote."`
	Force bool   `help:"Replace what the data folder holds; it is kept aside, in the folder replaced-… of it."`
}

// Run is called by kong.
func (r restoreCommand) Run(ctx context.Context, c *commands) error {
	unlock, err := lockData(c.Data)
	if err != nil {
		return err
	}
	defer unlock()
	_, err = backup.Restore{File: r.File, Data: c.Data, Force: r.Force, Step: step}.Do(ctx)
	if err == nil {
		fmt.Println("restored to", c.Data)
	}
	return err
}

func step(done string) { fmt.Println(" ", done) }

// doctorCommand is the one that says what the sandbox finds on this machine.
type doctorCommand struct {
	JSON bool `help:"Print one object and nothing else."`
}

// Run is called by kong.
func (d doctorCommand) Run(ctx context.Context) error {
	report := sandbox.New(ctx).Report()
	if !d.JSON {
		return report.Print(os.Stdout)
	}
	out := json.NewEncoder(os.Stdout)
	out.SetIndent("", "  ")
	return out.Encode(report)
}

// dataFolder is where data lies by default, for the grade command, too; "" where
// there is no home folder, as for a system's service.
func dataFolder() string {
	if dir := os.Getenv("XDG_DATA_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "p95lab")
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return ""
	}
	return filepath.Join(home, ".local", "share", "p95lab")
}

// version is what the build knows of itself.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" && len(s.Value) >= 12 {
			return info.Main.Version + " " + s.Value[:12]
		}
	}
	return info.Main.Version
}
