package verdict

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// Each golden file decodes without an unknown field and encodes to the same
// value: what the browser's tests read is what this package writes.
func TestGolden(t *testing.T) {
	files, err := filepath.Glob("testdata/*.json")
	if err != nil {
		t.Fatal(err)
	}
	kinds := map[string]bool{}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			var value any
			switch name := filepath.Base(file); {
			case strings.HasPrefix(name, "event-"):
				e := &Event{}
				decode(t, text, e)
				if want := "event-" + e.Kind + ".json"; name != want {
					t.Errorf("kind %q is kept in %s, want %s", e.Kind, name, want)
				}
				if got := set(*e); len(got) != 1 || got[0] != e.Kind {
					t.Errorf("kind %q, but set are %v", e.Kind, got)
				}
				kinds[e.Kind] = true
				value = e
			case strings.HasPrefix(name, "verdict-"):
				v := &Verdict{}
				decode(t, text, v)
				value = v
			default:
				t.Fatalf("%s is neither event-* nor verdict-*", name)
			}
			again, err := json.Marshal(value)
			if err != nil {
				t.Fatal(err)
			}
			if got, want := loose(t, again), loose(t, text); !reflect.DeepEqual(got, want) {
				t.Errorf("encodes to\n%s\nwant the value of\n%s", again, text)
			}
		})
	}
	for _, kind := range []string{"queued", "gate", "plan", "tick", "log", "verdict"} {
		if !kinds[kind] {
			t.Errorf("no golden file for an event of kind %s", kind)
		}
	}
}

// set names the pointers of an event that are not nil, by their JSON names.
func set(e Event) []string {
	var names []string
	v := reflect.ValueOf(e)
	for i := range v.NumField() {
		if f := v.Field(i); f.Kind() == reflect.Pointer && !f.IsNil() {
			name, _, _ := strings.Cut(v.Type().Field(i).Tag.Get("json"), ",")
			names = append(names, name)
		}
	}
	return names
}

func decode(t *testing.T, text []byte, into any) {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Token(); err != io.EOF {
		t.Fatalf("more follows the first value: %v", err)
	}
}

func loose(t *testing.T, text []byte) any {
	t.Helper()
	var v any
	if err := json.Unmarshal(text, &v); err != nil {
		t.Fatal(err)
	}
	return v
}
