package challenges

import "testing"

func TestFactor(t *testing.T) {
	for text, want := range map[string]string{"8x": "8×", "1.2x": "1.2×", "10×": "10×", "0.5x": "0.5×"} {
		f, err := ParseFactor(text)
		if err != nil || f.String() != want {
			t.Errorf("%q is %v, %v; want %s", text, f, err, want)
			continue
		}
		if again, err := ParseFactor(f.String()); err != nil || again != f {
			t.Errorf("%s reads back as %v, %v", f, again, err)
		}
	}
	for _, bad := range []string{"", "x", "8", "-8x", "0x", "0x10x", "1e3x", "infx", "8 x", "8xx"} {
		if f, err := ParseFactor(bad); err == nil {
			t.Errorf("%q was read as %v", bad, f)
		}
	}
}

func TestAmount(t *testing.T) {
	for text, want := range map[string]Amount{"0.1%": {0.001, true}, "7%": {0.07, true}, "6": {6, false}, "0": {0, false}, "100%": {1, true}, "2.5": {2.5, false}} {
		a, err := ParseAmount(text)
		if err != nil || a != want || a.String() != text {
			t.Errorf("%q is %+v (%s), %v", text, a, a, err)
		}
	}
	for _, bad := range []string{"", "%", "-1", "101%", "NaN", "1e9", "6 %", "1_0"} {
		if a, err := ParseAmount(bad); err == nil {
			t.Errorf("%q was read as %+v", bad, a)
		}
	}
}
