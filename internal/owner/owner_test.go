package owner

import "testing"

func TestNames(t *testing.T) {
	const nobody = 3999999999 // no system gives it away
	for _, c := range []struct{ got, want string }{
		{User(0), "root"},
		{Group(0), "root"},
		{User(nobody), "3999999999"},
		{Group(nobody), "3999999999"},
	} {
		if c.got != c.want {
			t.Errorf("%q, want %q", c.got, c.want)
		}
	}
}
