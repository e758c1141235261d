package haproxy

import (
	"math/big"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

func TestNumber(t *testing.T) {
	for _, test := range []struct {
		text string
		want int64
		ok   bool
	}{
		{"0", 0, true},
		{"-0", 0, true},
		{"7", 7, true},
		{"-1", -1, true},
		{"007", 7, true},
		{"999999999999999999", 999999999999999999, true},
		{"9223372036854775807", 1<<63 - 1, true},
		{"-9223372036854775808", -1 << 63, true},
		{strings.Repeat("0", maxNumber-1) + "5", 5, true},
		{"-" + strings.Repeat("0", maxNumber-1) + "5", -5, true},
		{strings.Repeat("0", maxNumber) + "5", 0, false},
		{"9223372036854775808", 0, false},
		{"-9223372036854775809", 0, false},
		{"18446744073709551615", 0, false},
		{"18446744073709551616", 0, false},
		{"184467440737095516150", 0, false},
		{"", 0, false},
		{"-", 0, false},
		{"--1", 0, false},
		{"+1", 0, false},
		{" 1", 0, false},
		{"1 ", 0, false},
		{"1.0", 0, false},
		{"1e3", 0, false},
		{"0x1", 0, false},
		{"1_000", 0, false},
		{"١", 0, false},
		{"/", 0, false},
		{":", 0, false},
		{"NaN", 0, false},
	} {
		got, ok := Number([]byte(test.text))
		if got != test.want || ok != test.ok {
			t.Errorf("Number(%q) = %d, %t; want %d, %t", test.text, got, ok, test.want, test.ok)
		}
	}
}

func TestWideNumber(t *testing.T) {
	for _, test := range []struct{ text, want string }{ // "" for no number
		{"0", "0"},
		{"-0", "0"},
		{"7", "7"},
		{"-12", "-12"},
		{"007", "7"},
		{"010.5", "21/2"},
		{"0.5", "1/2"},
		{"-0.125", "-1/8"},
		{"18446744073709551615", "18446744073709551615"},
		{"-18446744073709551616", "-18446744073709551616"},
		{"0.1", "1/10"},
		{strings.Repeat("9", maxNumber), strings.Repeat("9", maxNumber)},
		{strings.Repeat("9", maxNumber+1), ""},
		{"", ""},
		{"-", ""},
		{".", ""},
		{"1.", ""},
		{".5", ""},
		{"-.5", ""},
		{"1.2.3", ""},
		{"1-", ""},
		{"1-2", ""},
		{"--1", ""},
		{"+1", ""},
		{"1e3", ""},
		{"0x10", ""},
		{"0b1", ""},
		{"1/2", ""},
		{"1_0", ""},
		{"Inf", ""},
		{"nan", ""},
		{" 1", ""},
		{"127.0.0.1", ""},
	} {
		got, ok := WideNumber([]byte(test.text))
		if ok != (test.want != "") || ok && got.RatString() != test.want {
			t.Errorf("WideNumber(%q) = %v, %t; want %q", test.text, got, ok, test.want)
		}
	}
}

var (
	wholeNumber   = regexp.MustCompile(`^-?[0-9]{1,64}$`)
	decimalNumber = regexp.MustCompile(`^-?[0-9]+(\.[0-9]+)?$`)
)

// FuzzNumber compares with strconv and big.
func FuzzNumber(f *testing.F) {
	for _, seed := range []string{"", "0", "-1", "9223372036854775807", "9223372036854775808", "18446744073709551615", "0.5", "1.", "L4OK", "-0.0"} {
		f.Add(seed)
	}
	for _, reply := range repliesNamed(f, "_stat") {
		row := strings.Split(reply, "\n")[3]
		for field := range strings.SplitSeq(row, ",") {
			f.Add(field)
		}
	}
	f.Fuzz(func(t *testing.T, text string) {
		b := []byte(text)
		want, err := strconv.ParseInt(text, 10, 64)
		wantOK := err == nil && wholeNumber.MatchString(text)
		got, ok := Number(b)
		if ok != wantOK || ok && got != want {
			t.Errorf("Number(%q) = %d, %t; strconv has %d, %v", text, got, ok, want, err)
		}
		wide, wideOK := WideNumber(b)
		if wantWide := len(text) <= maxNumber && decimalNumber.MatchString(text); wideOK != wantWide {
			t.Fatalf("WideNumber(%q) = %v, %t; want %t", text, wide, wideOK, wantWide)
		}
		if !wideOK {
			return
		}
		// The digits without the point, divided by a power of ten.
		whole, fraction, _ := strings.Cut(text, ".")
		n, _ := new(big.Int).SetString(whole+fraction, 10)
		ten := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(len(fraction))), nil)
		if wide.Cmp(new(big.Rat).SetFrac(n, ten)) != 0 {
			t.Errorf("WideNumber(%q) = %v", text, wide)
		}
		if ok && (!wide.IsInt() || wide.Num().Int64() != got) {
			t.Errorf("WideNumber(%q) = %v, Number has %d", text, wide, got)
		}
	})
}
