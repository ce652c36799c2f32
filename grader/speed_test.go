package grader

import (
	"math"
	"os"
	"path/filepath"
	"testing"
)

func TestSameSpeed(t *testing.T) {
	for _, tc := range []struct {
		then, now float64
		want      bool
	}{
		{100, 100, true}, {100, 115, true}, {115, 100, true},
		{100, 140, false}, {140, 100, false}, // another machine of the same name
		{0, 100, false}, // calibrated before speed was kept
		{math.NaN(), 100, false}, {100, 0, false},
	} {
		if got := sameSpeed(tc.then, tc.now); got != tc.want {
			t.Errorf("%v then and %v now: %v", tc.then, tc.now, got)
		}
	}
	// The look must be steadier than what it is to find.
	for range 5 {
		if sameSpeed(speed(), speed()) {
			return
		}
	}
	t.Error("two looks at one machine never agree")
}

func TestCalibrationIsKeptWhileTheMachineIsTheSame(t *testing.T) {
	path := filepath.Join(t.TempDir(), "deep", "calibration.json")
	if c, err := readCalibration(path, 100); err != nil || c != nil {
		t.Errorf("none was kept: %v, %v", c, err)
	}
	if err := writeCalibration(path, calibration{Capacity: 900, Reference: 7, Speed: 100}); err != nil {
		t.Fatal(err)
	}
	if c, err := readCalibration(path, 110); err != nil || c == nil || c.Capacity != 900 || c.Reference != 7 {
		t.Errorf("the same machine: %+v, %v", c, err)
	}
	if c, err := readCalibration(path, 60); err != nil || c != nil {
		t.Errorf("a slower machine: %+v, %v", c, err)
	}
	if err := os.WriteFile(path, []byte(`{"capacity": 9`), 0o644); err != nil {
		t.Fatal(err)
	}
	if c, err := readCalibration(path, 100); err != nil || c != nil {
		t.Errorf("a damaged file: %+v, %v", c, err)
	}
}
