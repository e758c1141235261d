package haproxy

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

// awkwardReplies are replies that HAProxy, an older program or a broken disk may
// leave; they are seeds of the fuzz targets too. In rows every row is written as
// "proxy/service type fields", "!" counts the skipped.
var awkwardReplies = []struct {
	name, reply string
	rows        string
}{
	{
		"a plain one",
		"# pxname,svname,qcur,type,scur,\na,FRONTEND,,0,5,\na,srv,1,2,7,\na,BACKEND,3,1,9,\na,sock,,3,1,\n\n",
		`a/FRONTEND 0 ["" "=5"] a/srv 2 ["=1" "=7"] a/BACKEND 1 ["=3" "=9"] a/sock 3 ["" "=1"]`,
	},
	{
		"servers named as proxies",
		"# pxname,svname,qcur,type,scur,\na,BACKEND,1,2,7,\na,FRONTEND,1,2,8,\na,BACKEND,3,1,9,\nb,x,3,1,9,\n\n",
		`a/BACKEND 2 ["=1" "=7"] a/FRONTEND 2 ["=1" "=8"] a/BACKEND 1 ["=3" "=9"] b/x 1 ["=3" "=9"]`,
	},
	{
		"names that look like something else",
		"# pxname,svname,qcur,type,scur,\nnull,NA,1,2,7,\nnan,1,1,2,7,\n-1,# pxname,1,2,7,\n\xff\xfe,a\x00b,1,2,7,\n ,\t,1,2,7,\n\n",
		`null/NA 2 ["=1" "=7"] nan/1 2 ["=1" "=7"] -1/# pxname 2 ["=1" "=7"] ` + "\xff\xfe/a\x00b" + ` 2 ["=1" "=7"]  /` + "\t" + ` 2 ["=1" "=7"]`,
	},
	{
		"no column of types",
		"# pxname,svname,qcur,scur,\na,FRONTEND,,5,\na,srv,1,7,\na,BACKEND,3,9,\nb,srv\n\n",
		`a/FRONTEND 0 ["" "=5"] a/srv 2 ["=1" "=7"] a/BACKEND 1 ["=3" "=9"] !1`,
	},
	{
		"no mark before the header",
		"pxname,svname,qcur,type,scur\na,srv,1,2,7\n\n",
		`a/srv 2 ["=1" "=7"]`,
	},
	{
		"columns in another order",
		"# type,scur,new,svname,qcur,pxname,\n2,7,x,srv,1,a,\n0,8,,FRONTEND,,b,\n9,8,,FRONTEND,,b,\n\n",
		`a/srv 2 ["=7" "=1"] b/FRONTEND 0 ["=8" ""] !1`,
	},
	{
		"a column twice",
		"# pxname,svname,qcur,type,scur,qcur,type,pxname,\na,srv,1,2,7,8,9,b,\n\n",
		`a/srv 2 ["=1" "=7"]`,
	},
	{
		"numbers at the edges",
		"# pxname,svname,qcur,type,scur,\n" +
			"a,1,-1,2,999999999999999999,\n" +
			"a,2,9223372036854775807,2,9223372036854775808,\n" +
			"a,3,18446744073709551615,2,18446744073709551616,\n" +
			"a,4,-9223372036854775808,2,-9223372036854775809,\n" +
			"a,5,0.5,2,-0,\n" +
			"a,6,007,2,0000000000000000000000000007,\n" +
			"a,7,1e3,2,0x10,\n" +
			"a,8,+1,2, 1,\n" +
			"a,9,1 ,2,1\r,\n" +
			"a,10,-,2,--1,\n" +
			"a,11,NaN,2,1_000,\n" +
			"a,12,12345678901234567,2,123456789,\n" +
			"a,13,1234567890123456,2,12345678,\n\n",
		`a/1 2 ["=-1" "=999999999999999999"] a/2 2 ["=9223372036854775807" "?9223372036854775808"] ` +
			`a/3 2 ["?18446744073709551615" "?18446744073709551616"] a/4 2 ["=-9223372036854775808" "?-9223372036854775809"] ` +
			`a/5 2 ["?0.5" "=0"] a/6 2 ["=7" "=7"] a/7 2 ["?1e3" "?0x10"] a/8 2 ["?+1" "? 1"] a/9 2 ["?1 " "?1\r"] ` +
			`a/10 2 ["?-" "?--1"] a/11 2 ["?NaN" "?1_000"] a/12 2 ["=12345678901234567" "=123456789"] ` +
			`a/13 2 ["=1234567890123456" "=12345678"]`,
	},
	{
		"rows that end early",
		"# pxname,svname,qcur,type,scur,\na\na,srv\na,srv,1\na,srv,1,2\na,srv,1,2,\na,srv,1,2,7\n,srv,1,2,7,\na,,1,2,7,\n,\n,,,,,,,,,\n\n",
		`a/srv 2 ["=1" ""] a/srv 2 ["=1" "=7"] !8`,
	},
	{
		"rows with quotes that end early",
		"# pxname,svname,qcur,type,scur,\n\"a\"\n\"a\",srv\n\"a\",srv,1\n\"a\",srv,1,2\n\"a\",srv,1,2,\n\"a\",,1,2,7,\n\n",
		`a/srv 2 ["=1" ""] !5`,
	},
	{
		"rows that go on",
		"# pxname,svname,qcur,type,scur,\na,srv,1,2,7,,,,8,9\n\n",
		`a/srv 2 ["=1" "=7"]`,
	},
	{
		"types that are none",
		"# pxname,svname,qcur,type,scur,\na,1,1,4,7,\na,2,1,,7,\na,3,1,x,7,\na,4,1,-1,7,\na,5,1,2x,7,\na,6,1,18446744073709551618,7,\na,7,1,02,7,\na,8,1,\"2\",7,\n\n",
		`a/7 2 ["=1" "=7"] a/8 2 ["=1" "=7"] !6`,
	},
	{
		"quotes, commas, newlines",
		"# pxname,svname,qcur,type,scur,last_chk,lbtot,\n" +
			"a,1,1,2,7,\"says \"\"no\"\", and dies\",5,\n" +
			"\"a,b\",\"2\",\"1\",2,7,\"\",5,\n" +
			"a,3,1,2,\"x\ny\",\"two\nlines, \"\"and\"\"\n\nmore\",5,\n" +
			"a,4,1,2,7,\"\"\"again \"\"\"\"quoted\"\"\"\"\"\"\",5,\n" +
			"a,5,1,2,7,5\" disk,5,\n\n",
		`a/1 2 ["=1" "=7" "=5"] a,b/2 2 ["=1" "=7" "=5"] a/3 2 ["=1" "?x\ny" "=5"] a/4 2 ["=1" "=7" "=5"] a/5 2 ["=1" "=7" "=5"]`,
	},
	{
		"a stray quote costs its row",
		"# pxname,svname,qcur,type,scur,last_chk,lbtot,\n" +
			"a,1,1,2,7,\"stray,5,\na,2,1,2,7,good,5,\na,3,1,2,7,\"stray,5,\na,4,1,2,7,\"good\",5,\n\n",
		`a/2 2 ["=1" "=7" "=5"] a/4 2 ["=1" "=7" "=5"] !2`,
	},
	{
		"stray quotes do not join two rows",
		"# pxname,svname,qcur,type,scur,last_chk,lbtot,\n" +
			"a,1,1,2,7,\"stray,5,\na,2,1,2,7,\"bad,6,\na,3,1,2,7,\"stray,5,\na,4,1,2,7,b\"ad,6,\na,5,1,2,7,,6,\n\n",
		`a/4 2 ["=1" "=7" "=6"] a/5 2 ["=1" "=7" "=6"] !3`,
	},
	{
		"two rows that quotes join have too many columns",
		"# pxname,svname,qcur,type,scur,last_chk,lbtot,\n" +
			"a,1,1,2,7,\"stray,5,\na,2,1,2,7,\",5,6,\na,3,1,2,7,,5,\n\n",
		`a/3 2 ["=1" "=7" "=5"] !2`,
	},
	{
		"a server can not forge a row",
		"# pxname,svname,qcur,type,scur,last_chk,lbtot,\n" +
			"a,1,1,2,7,\"x\nb,forged,1,2,7,,5,\n\",5,\na,2,1,2,7,\"" + strings.Repeat("\n", 100) + "\nb,forged,1,2,7,,5,\n\",5,\n\n",
		`a/1 2 ["=1" "=7" "=5"] a/2 2 ["=1" "=7" "=5"]`,
	},
	{
		"a quote open to the end",
		"# pxname,svname,qcur,type,scur,last_chk,lbtot,\na,1,1,2,7,\"open,5,\na,2,1,2,7,,5,\na,3,1,2,7,\"op",
		`a/2 2 ["=1" "=7" "=5"] !2`,
	},
	{
		"any bytes in a text",
		"# pxname,svname,qcur,type,scur,last_chk,lbtot,\n" +
			"a,1,1,2,7,\xff\xfe\x80,5,\na,2,1,2,7,\x00\x00,5,\na,3,1,2,7,\r\r,5,\na,4,1,2,7,\xac\xac\xac\xac\xac\xac\xac\xac\xac,5,\n" +
			"a,5,1,2,7,\x2d\x2b\x2d\x2b\x2d\x2b\x2d\x2b,5,\n\n",
		`a/1 2 ["=1" "=7" "=5"] a/2 2 ["=1" "=7" "=5"] a/3 2 ["=1" "=7" "=5"] a/4 2 ["=1" "=7" "=5"] a/5 2 ["=1" "=7" "=5"]`,
	},
	{
		"the header again",
		"# pxname,svname,qcur,type,scur,\na,1,1,2,7,\n# pxname,svname,qcur,type,scur,\na,2,1,2,7,\n\n",
		`a/1 2 ["=1" "=7"] a/2 2 ["=1" "=7"] !1`,
	},
	{
		"more behind the end mark",
		"# pxname,svname,qcur,type,scur,\na,1,1,2,7,\n\na,2,1,2,7,\n",
		`a/1 2 ["=1" "=7"] a/2 2 ["=1" "=7"]`,
	},
	{
		"cut behind the end mark",
		"# pxname,svname,qcur,type,scur,\na,1,1,2,7,\n\na,2",
		`a/1 2 ["=1" "=7"] !1`,
	},
	{
		"more than one end mark",
		"# pxname,svname,qcur,type,scur,\n\n\na,1,1,2,7,\n\n\n",
		`a/1 2 ["=1" "=7"]`,
	},
}

// selectNamed wants the first columns of these names in every row.
func selectNamed(columns []string) (s [rowTypes][]int) {
	wanted := map[string]bool{"qcur": true, "scur": true, "lbtot": true}
	for i, name := range columns {
		if wanted[name] {
			wanted[name] = false
			for t := range s {
				s[t] = append(s[t], i)
			}
		}
	}
	return s
}

// short writes a scan on one line.
func (s scan) short() string {
	var words []string
	for _, row := range s.Rows {
		words = append(words, fmt.Sprintf("%s/%s %d %q", row.Proxy, row.Service, row.Type, row.Fields))
	}
	if s.Skipped > 0 {
		words = append(words, fmt.Sprintf("!%d", s.Skipped))
	}
	return strings.Join(words, " ")
}

func TestStatAwkward(t *testing.T) {
	for _, test := range awkwardReplies {
		t.Run(test.name, func(t *testing.T) {
			for _, sizes := range [][]int{nil, {1}, {3, 7}} {
				got := scanStat(t, new(StatScanner), &pieces{text: test.reply, sizes: sizes}, selectNamed)
				if got.short() != test.rows {
					t.Fatalf("pieces of %v:\n got %s\nwant %s", sizes, got.short(), test.rows)
				}
				if got.Complete != strings.HasSuffix(test.reply, "\n\n") {
					t.Errorf("complete %t", got.Complete)
				}
			}
			for _, sizes := range [][]int{{1}, {3, 7}, {1 << 20}} {
				if got := feedStat(t, new(StatScanner), test.reply, sizes, selectNamed); got.short() != test.rows {
					t.Fatalf("fed in pieces of %v:\n got %s\nwant %s", sizes, got.short(), test.rows)
				}
			}
			for name, sel := range selections {
				got := scanStat(t, new(StatScanner), strings.NewReader(test.reply), sel)
				if diff := difference(got, refer(test.reply, sel)); diff != "" {
					t.Errorf("%s: %s", name, diff)
				}
			}
		})
	}
}

// TestStatLongRow: a quoted row is bounded, and costs only itself beyond that.
func TestStatLongRow(t *testing.T) {
	const header = "# pxname,svname,qcur,type,scur,last_chk,lbtot,\n"
	const good = "a,good,1,2,7,,5,\n"
	begin, end := "a,long,1,2,7,\"", "\",5,"
	for _, n := range []int{maxRecord - 1, maxRecord, maxRecord + 1, 2 * readSize} {
		filling := strings.Repeat(strings.Repeat("x", 999)+"\n", n/1000+1)[:n-len(begin)-len(end)]
		for _, before := range []int{0, 14000, 14550, 14600} {
			reply := header + strings.Repeat(good, before) + begin + filling + end + "\n" + good + "\n"
			got := scanStat(t, new(StatScanner), strings.NewReader(reply), selectNamed)
			if diff := difference(got, refer(reply, selectNamed)); diff != "" {
				t.Errorf("row of %d bytes behind %d: %s", n, before, diff)
			}
			fed := feedStat(t, new(StatScanner), reply, []int{16384}, selectNamed)
			if diff := difference(fed, got); diff != "" {
				t.Errorf("row of %d bytes behind %d, fed: %s", n, before, diff)
			}
			if last := got.Rows[len(got.Rows)-1]; last.Service != "good" || len(got.Rows) < before+1 {
				t.Errorf("row of %d bytes behind %d: %d rows", n, before, len(got.Rows))
			}
			if long := len(got.Rows) == before+2; long != (n <= maxRecord) {
				t.Errorf("row of %d bytes behind %d: read is %t", n, before, long)
			}
		}
	}
}

// TestFeedIsBounded: a line without an end does not take all memory.
func TestFeedIsBounded(t *testing.T) {
	got := feedStat(t, new(StatScanner), "# pxname,svname,qcur,type,scur,\n"+strings.Repeat("x", 2*maxFed), []int{65536}, selectNamed)
	if !errors.Is(got.Err, errTooLong) {
		t.Errorf("got %v, want %v", got.Err, errTooLong)
	}
	var s StatScanner
	s.Begin()
	for rest := []byte("# pxname," + strings.Repeat("x", 2*maxFed)); len(rest) > 0; {
		rest = s.Feed(rest)
		if done, err := s.Header(); done {
			t.Fatal("a header without an end")
		} else if err != nil {
			if !errors.Is(err, errTooLong) {
				t.Errorf("got %v, want %v", err, errTooLong)
			}
			break
		}
	}
	if len(s.lines.buf) > 2*maxFed {
		t.Errorf("got a buffer of %d bytes, want at most %d", len(s.lines.buf), 2*maxFed)
	}
}
