package labs_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"database/sql"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	_ "modernc.org/sqlite" // to look into what the services wrote

	"github.com/p95lab/p95lab/labs"
)

// service is what the tests know of each service.
type service struct {
	name        string
	read        string // a path to GET
	write, body string // a path to POST to, and what
	function    string // the learner's function that a CPU profile must show
	route       string // of read, as the metrics name it
}

var services = []service{
	{"dashboard", "/dashboards/1", "/dashboards/1/widgets/3/readings", `{"value": 17}`, "main.(*Store).Dashboard", "GET /dashboards/{id}"},
	{"ledger", "/counterparties/1/largest?state=settled", "/accounts/1/entries", `{"counterparty": 1, "amount": 5000, "reference": "INV 000001/0001"}`, "main.(*Store).Largest", "GET /counterparties/{id}/largest"},
	{"orders", "/customers/1/orders?limit=20", "/customers/1/orders", `{"sku": "SKU-101", "quantity": 2}`, "main.(*Store).History", "GET /customers/{id}/orders"},
	{"pricing", "/shops/1/carts/1/quote", "/shops/1/carts/1/lines", `{"sku": "TEE-NAV-M", "name": "Tee", "quantity": 1, "price": 1900}`, "main.Price", "GET /shops/{shop}/carts/{number}/quote"},
}

// each runs a test for each service, with its binary.
func each(t *testing.T, test func(t *testing.T, s service, binary string)) {
	t.Helper()
	for _, s := range services {
		t.Run(s.name, func(t *testing.T) {
			test(t, s, build(t, s.name))
		})
	}
}

var (
	binaries string // the folder of what was built; TestMain makes and removes it
	building sync.Mutex
)

func TestMain(m *testing.M) {
	os.Exit(func() int {
		var err error
		if binaries, err = os.MkdirTemp("", "labs-"); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer os.RemoveAll(binaries)
		return m.Run()
	}())
}

// build builds a service as the grader does: in a folder of its own, offline,
// without a C compiler. Once for all tests.
func build(t *testing.T, name string) string {
	t.Helper()
	building.Lock()
	defer building.Unlock()
	binary := filepath.Join(binaries, name+".exe")
	if _, err := os.Stat(binary); err == nil {
		return binary
	}
	workspace := t.TempDir()
	if err := labs.Materialise(workspace, name); err != nil {
		t.Fatal(err)
	}
	before := written(t, workspace)
	cmd := exec.CommandContext(t.Context(), "go", "build", "-mod=readonly", "-trimpath", "-o", binary, "./labs/"+name)
	cmd.Dir = workspace
	cmd.Env = append(os.Environ(), "GOPROXY=off", "GOFLAGS=", "GOWORK=off", "GOENV=off", "CGO_ENABLED=0", "GOTOOLCHAIN=local")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	for file, text := range written(t, workspace) {
		if before[file] != text {
			t.Errorf("the build changed %s", file)
		}
	}
	return binary
}

// command is one of a service's, with nothing in its environment but what is given.
func command(t *testing.T, binary string, args []string, env ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), binary, args...)
	cmd.Env = env
	if runtime.GOOS == "windows" {
		cmd.Env = append(cmd.Env, "SYSTEMROOT="+os.Getenv("SYSTEMROOT"))
	}
	return cmd
}

// seeded makes a small database and returns its path.
func seeded(t *testing.T, binary string, seed int) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "data.db")
	out, err := command(t, binary, []string{"seed"}, "DATABASE_URL=sqlite:"+path, "SEED="+strconv.Itoa(seed), "SCALE=0.05").CombinedOutput()
	if err != nil || len(out) > 0 {
		t.Fatalf("seed: %v\n%s", err, out)
	}
	if files, _ := filepath.Glob(path + "*"); len(files) != 1 {
		t.Fatalf("seed left %v", files)
	}
	return path
}

// content is a digest of every row and of the schema.
func content(t *testing.T, path string) string {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	digest := sha256.New()
	all := func(query string) (first []string) {
		rows, err := db.QueryContext(t.Context(), query)
		if err != nil {
			t.Fatalf("%s: %v", query, err)
		}
		defer rows.Close()
		columns, err := rows.Columns()
		if err != nil {
			t.Fatal(err)
		}
		values, into := make([]any, len(columns)), make([]any, len(columns))
		for i := range values {
			into[i] = &values[i]
		}
		n := 0
		for ; rows.Next(); n++ {
			if err := rows.Scan(into...); err != nil {
				t.Fatal(err)
			}
			fmt.Fprintf(digest, "%v\n", values)
			first = append(first, fmt.Sprint(values[0]))
		}
		if err := rows.Err(); err != nil || n == 0 {
			t.Fatalf("%s: %d rows, %v", query, n, err)
		}
		return first
	}
	for _, table := range all(`SELECT name, sql FROM sqlite_schema WHERE type = 'table' ORDER BY name`) {
		all("SELECT * FROM " + table + " ORDER BY 1, 2")
	}
	return fmt.Sprintf("%x", digest.Sum(nil))
}

func TestSeedIsTheSameEachTime(t *testing.T) {
	each(t, func(t *testing.T, _ service, binary string) {
		one := content(t, seeded(t, binary, 7))
		if again := content(t, seeded(t, binary, 7)); again != one {
			t.Error("one seed made different rows")
		}
		if other := content(t, seeded(t, binary, 8)); other == one {
			t.Error("two seeds made the same rows")
		}
	})
}

func TestMigrateSaysWhatFailed(t *testing.T) {
	each(t, func(t *testing.T, s service, binary string) {
		url := "DATABASE_URL=sqlite:" + seeded(t, binary, 1)
		if out, err := command(t, binary, []string{"migrate", filepath.Join(s.name, "migrations")}, url).CombinedOutput(); err != nil || len(out) > 0 {
			t.Errorf("the service's own: %v\n%s", err, out)
		}
		folder := t.TempDir()
		if err := os.WriteFile(filepath.Join(folder, "900_typo.sql"), []byte("-- why\nCREATE INDX a ON b (c);\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		out, err := command(t, binary, []string{"migrate", folder}, url).CombinedOutput()
		want := s.name + `: 900_typo.sql: line 2: SQL logic error: near "INDX": syntax error (1)` + "\n"
		if err == nil || string(out) != want {
			t.Errorf("%v, printed %q, want %q", err, out, want)
		}
	})
}

func TestServingNothingFails(t *testing.T) {
	each(t, func(t *testing.T, _ service, binary string) {
		path := filepath.Join(t.TempDir(), "none.db")
		for _, env := range [][]string{nil, {"PORT=0"}, {"PORT=0", "DATABASE_URL=sqlite:" + path}} {
			out, err := command(t, binary, nil, env...).CombinedOutput()
			if err == nil || bytes.Count(out, []byte("\n")) != 1 {
				t.Errorf("with %q: %v, printed %q", env, err, out)
			}
		}
		if files, _ := filepath.Glob(path + "*"); len(files) > 0 {
			t.Errorf("made %v", files)
		}
	})
}

// running is a service that serves.
type running struct {
	cmd            *exec.Cmd
	address, admin string // host and port
	log            *bytes.Buffer
	read           chan struct{} // closed when its output has ended
}

var servingLine = regexp.MustCompile(`msg=serving .*address=(127\.0\.0\.1:\d+)`)

// serve starts a service on seeded data and waits until it says where it serves.
func serve(t *testing.T, binary string) *running {
	t.Helper()
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &running{admin: free.Addr().String(), log: &bytes.Buffer{}, read: make(chan struct{})}
	_, port, _ := net.SplitHostPort(r.admin)
	if err := free.Close(); err != nil {
		t.Fatal(err)
	}
	r.cmd = command(t, binary, nil, "PORT=0", "ADMIN_PORT="+port, "DATABASE_URL=sqlite:"+seeded(t, binary, 1))
	output, err := r.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := r.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.cmd.Process.Kill(); <-r.read; _ = r.cmd.Wait() })
	lines := bufio.NewScanner(output)
	for r.address == "" && lines.Scan() {
		r.log.WriteString(lines.Text() + "\n")
		if m := servingLine.FindStringSubmatch(lines.Text()); m != nil {
			r.address = m[1]
		}
	}
	go func() {
		defer close(r.read)
		for lines.Scan() {
			r.log.WriteString(lines.Text() + "\n")
		}
	}()
	if r.address == "" {
		<-r.read
		t.Fatalf("it never served: %v\n%s", r.cmd.Wait(), r.log)
	}
	return r
}

// end waits for a service that was told to end, and returns its exit code.
func (r *running) end() int {
	<-r.read
	_ = r.cmd.Wait()
	return r.cmd.ProcessState.ExitCode()
}

func ask(t *testing.T, method, address, path, body string) (int, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, "http://"+address+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(text)
}

func TestServe(t *testing.T) {
	each(t, func(t *testing.T, s service, binary string) {
		r := serve(t, binary)
		for _, q := range []struct {
			method, path, body string
			want               int
		}{
			{"GET", "/healthz", "", 200}, {"GET", s.read, "", 200}, {"POST", s.write, s.body, 201},
			{"POST", s.write, "nonsense", 400}, {"DELETE", s.read, "", 405}, {"GET", "/nowhere", "", 404},
			{"GET", "/metrics", "", 404}, {"GET", "/debug/pprof/", "", 404}, // not on the API's port
		} {
			if got, text := ask(t, q.method, r.address, q.path, q.body); got != q.want {
				t.Errorf("%s %s answers %d %s, want %d", q.method, q.path, got, text, q.want)
			}
		}
		_, metrics := ask(t, "GET", r.admin, "/metrics", "")
		for _, want := range []string{
			`http_requests_total{route="` + s.route + `",code="200"} 1`, `http_request_seconds_count{route="` + s.route + `"} 1`, "db_queries_total ",
		} {
			if !strings.Contains(metrics, want) {
				t.Errorf("the metrics lack %s", want)
			}
		}
		if err := r.cmd.Process.Signal(os.Interrupt); err != nil {
			t.Skip("no signals here: ", err)
		}
		if code := r.end(); code != 0 {
			t.Errorf("interrupted, it ends with %d", code)
		}
		// One line when it starts, one when it ends, none for a request.
		if n := strings.Count(r.log.String(), "\n"); n != 2 {
			t.Errorf("logged %d lines:\n%s", n, r.log)
		}
	})
}

func TestProfilesShowTheLearnersFunctions(t *testing.T) {
	if testing.Short() {
		t.Skip("takes a second of profile for each service")
	}
	each(t, func(t *testing.T, s service, binary string) {
		r := serve(t, binary)
		ctx, stop := context.WithCancel(t.Context())
		var load sync.WaitGroup
		load.Go(func() {
			for ctx.Err() == nil {
				answer, err := http.Get("http://" + r.address + s.read)
				if err != nil {
					t.Error(err)
					return
				}
				_, _ = io.Copy(io.Discard, answer.Body)
				_ = answer.Body.Close()
			}
		})
		_, packed := ask(t, "GET", r.admin, "/debug/pprof/profile?seconds=1", "")
		stop()
		load.Wait()
		unpacked, err := gzip.NewReader(strings.NewReader(packed))
		if err != nil {
			t.Fatal(err)
		}
		profile, err := io.ReadAll(unpacked)
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{s.function, "modernc.org/sqlite"} {
			if !bytes.Contains(profile, []byte(want)) {
				t.Errorf("the profile does not name %s", want)
			}
		}
	})
}

// A request that the service has begun is answered, though it was told to end.
func TestTerminatedServiceAnswersWhatItBegan(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("no SIGTERM here")
	}
	each(t, func(t *testing.T, s service, binary string) {
		r := serve(t, binary)
		conn, err := net.Dial("tcp", r.address)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		// The handler asks for the body, so it has begun, and gets it only later.
		fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: lab\r\nContent-Length: %d\r\nExpect: 100-continue\r\n\r\n", s.write, len(s.body))
		answers := bufio.NewReader(conn)
		if line, err := answers.ReadString('\n'); err != nil || !strings.Contains(line, "100 Continue") {
			t.Fatalf("%q, %v", line, err)
		}
		if _, err := answers.ReadString('\n'); err != nil {
			t.Fatal(err)
		}
		if err := r.cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		// A refused connection is the only sign that it takes no more; so this is a poll.
		refused := time.NewTicker(time.Millisecond)
		defer refused.Stop()
		for range refused.C {
			late, err := net.Dial("tcp", r.address)
			if err != nil {
				break
			}
			_ = late.Close()
		}
		if _, err := io.WriteString(conn, s.body); err != nil {
			t.Fatal(err)
		}
		answer, err := http.ReadResponse(answers, nil)
		if err != nil {
			t.Fatalf("the request in progress was cut off: %v", err)
		}
		_ = answer.Body.Close()
		if answer.StatusCode != http.StatusCreated {
			t.Errorf("the request in progress got %s", answer.Status)
		}
		if code := r.end(); code != 0 {
			t.Errorf("ended with %d:\n%s", code, r.log)
		}
	})
}
