package grader

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestCalibrationHolds(t *testing.T) {
	const pace = 100 * time.Microsecond
	for name, tc := range map[string]struct {
		kept  calibration
		now   time.Duration
		holds bool
	}{
		"none":                   {calibration{}, pace, false},
		"as it was":              {calibration{Calm: true, Pace: pace}, pace, true},
		"a clock that moves":     {calibration{Calm: true, Pace: pace}, pace * 5 / 4, true},
		"a slower machine":       {calibration{Calm: true, Pace: pace}, pace * 2, false},
		"a faster machine":       {calibration{Calm: true, Pace: pace}, pace / 2, false},
		"measured beside others": {calibration{Pace: pace, Tries: 2}, pace, false},
		"always beside others":   {calibration{Pace: pace, Tries: maxTries}, pace, true},
	} {
		if got := tc.kept.holds(tc.now); got != tc.holds {
			t.Errorf("%s: holds %v", name, got)
		}
	}
}

// The pace is that of the machine and not of the moment.
func TestPaceIsSteady(t *testing.T) {
	first := pace()
	for range 5 { // a hypervisor may hold all of one measurement
		if (calibration{Pace: first}).samePace(pace()) {
			return
		}
		first = min(first, pace())
	}
	t.Errorf("%v, and another pace each time", first)
}

// A calibration that is damaged is measured anew, and never believed.
func TestDamagedCalibrationIsNone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "c.json")
	for _, text := range []string{"", "{", `{"capacity":0,"reference":2}`, `{"capacity":5}`, `{"capacity":-1,"reference":2}`, `[]`} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if c, err := readCalibration(path); err != nil || c != (calibration{}) {
			t.Errorf("%q is read as %+v, %v", text, c, err)
		}
	}
	want := calibration{Capacity: 100, Reference: 8, Pace: 3, Calm: true, Measured: time.Unix(9, 0).UTC()}
	if err := writeCalibration(path, want); err != nil {
		t.Fatal(err)
	}
	if c, err := readCalibration(path); err != nil || c != want {
		t.Errorf("%+v is read as %+v, %v", want, c, err)
	}
}
