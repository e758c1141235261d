package workload

// rule says how a number of a busy row comes about.
type rule struct {
	// low and high bound the number of digits; each place of the snapshot
	// settles on one number of digits.
	low, high uint8
	// counter numbers grow with every round, others are drawn anew.
	counter bool
	// rare numbers are 0 in half of the places.
	rare bool
	// live says how the number goes on in replies that follow each other in time.
	live live
}

// live is how a number goes on.
type live uint8

const (
	byRound live = iota // as its rule says
	ages                // by a second each second
	stays               // not at all: it would be a sign of a change
)

// rules has the columns that vary, sized as on a load balancer that has been up
// for some weeks. Columns that are not here keep what was recorded.
var rules = map[string]rule{
	"qcur":           {low: 1, high: 1, rare: true},
	"qmax":           {low: 1, high: 2},
	"scur":           {low: 1, high: 3},
	"smax":           {low: 3, high: 4},
	"stot":           {low: 7, high: 9, counter: true},
	"bin":            {low: 10, high: 12, counter: true},
	"bout":           {low: 11, high: 13, counter: true},
	"dreq":           {low: 2, high: 4, counter: true, rare: true},
	"dresp":          {low: 2, high: 3, counter: true, rare: true},
	"ereq":           {low: 3, high: 5, counter: true},
	"econ":           {low: 2, high: 4, counter: true, rare: true},
	"eresp":          {low: 2, high: 4, counter: true},
	"wretr":          {low: 2, high: 4, counter: true, rare: true},
	"wredis":         {low: 1, high: 3, counter: true, rare: true},
	"chkfail":        {low: 1, high: 3, counter: true},
	"chkdown":        {low: 1, high: 2, counter: true, live: stays},
	"lastchg":        {low: 5, high: 7, counter: true, live: ages},
	"downtime":       {low: 2, high: 5, counter: true, live: stays},
	"lbtot":          {low: 7, high: 9, counter: true},
	"rate":           {low: 1, high: 3},
	"rate_max":       {low: 3, high: 4},
	"check_duration": {low: 1, high: 2},
	"hrsp_1xx":       {low: 1, high: 3, counter: true, rare: true},
	"hrsp_2xx":       {low: 7, high: 9, counter: true},
	"hrsp_3xx":       {low: 5, high: 7, counter: true},
	"hrsp_4xx":       {low: 5, high: 6, counter: true},
	"hrsp_5xx":       {low: 3, high: 5, counter: true},
	"hrsp_other":     {low: 1, high: 2, counter: true, rare: true},
	"req_rate":       {low: 1, high: 4},
	"req_rate_max":   {low: 3, high: 4},
	"req_tot":        {low: 7, high: 9, counter: true},
	"cli_abrt":       {low: 3, high: 5, counter: true},
	"srv_abrt":       {low: 2, high: 4, counter: true},
	"comp_in":        {low: 9, high: 12, counter: true, rare: true},
	"comp_out":       {low: 8, high: 11, counter: true, rare: true},
	"comp_byp":       {low: 6, high: 9, counter: true, rare: true},
	"comp_rsp":       {low: 5, high: 8, counter: true, rare: true},
	"lastsess":       {low: 1, high: 2},
	"qtime":          {low: 1, high: 2, rare: true},
	"ctime":          {low: 1, high: 2},
	"rtime":          {low: 2, high: 3},
	"ttime":          {low: 2, high: 4},
	"conn_rate":      {low: 1, high: 3},
	"conn_rate_max":  {low: 3, high: 4},
	"conn_tot":       {low: 7, high: 9, counter: true},
	"connect":        {low: 6, high: 8, counter: true},
	"reuse":          {low: 7, high: 9, counter: true},
	"srv_icur":       {low: 1, high: 2},
	"qtime_max":      {low: 1, high: 4},
	"ctime_max":      {low: 2, high: 4},
	"rtime_max":      {low: 4, high: 5},
	"ttime_max":      {low: 4, high: 6},
	"eint":           {low: 1, high: 3, counter: true, rare: true},
	"idle_conn_cur":  {low: 1, high: 2, rare: true},
	"safe_conn_cur":  {low: 1, high: 2},
	"used_conn_cur":  {low: 1, high: 2},
	"need_conn_est":  {low: 1, high: 2},
	"h1sess":         {low: 6, high: 8, counter: true},
	"h1req":          {low: 7, high: 9, counter: true},
	"h1_bytes_in":    {low: 9, high: 12, counter: true},
	"h1_bytes_out":   {low: 10, high: 13, counter: true},
}

// infoRules has the keys of "show info" that vary.
var infoRules = map[string]rule{
	"Pid":                  {low: 4, high: 5, counter: true},
	"Uptime_sec":           {low: 6, high: 7, counter: true},
	"CurrConns":            {low: 3, high: 4},
	"CumConns":             {low: 8, high: 9, counter: true},
	"CumReq":               {low: 9, high: 10, counter: true},
	"CurrSslConns":         {low: 2, high: 3},
	"CumSslConns":          {low: 7, high: 8, counter: true},
	"ConnRate":             {low: 2, high: 3},
	"MaxConnRate":          {low: 3, high: 4},
	"SessRate":             {low: 2, high: 3},
	"MaxSessRate":          {low: 3, high: 4},
	"SslRate":              {low: 2, high: 3},
	"MaxSslRate":           {low: 3, high: 3},
	"CompressBpsIn":        {low: 5, high: 7},
	"CompressBpsOut":       {low: 4, high: 6},
	"Tasks":                {low: 4, high: 5},
	"Run_queue":            {low: 1, high: 2},
	"Idle_pct":             {low: 2, high: 2},
	"TotalBytesOut":        {low: 13, high: 14, counter: true},
	"BytesOutRate":         {low: 7, high: 8},
	"TotalSplicedBytesOut": {low: 1, high: 9, counter: true, rare: true},
	"CurrStreams":          {low: 3, high: 4},
	"CumStreams":           {low: 8, high: 9, counter: true},
}

// powers holds the powers of ten.
var powers = [...]uint64{
	1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14,
}

// liveValue is the number at a place of a reply that comes so many seconds after the
// first one.
func (r rule) liveValue(place, round, seconds uint64) uint64 {
	switch r.live {
	case ages:
		return r.value(place, 0) + seconds
	case stays:
		return r.value(place, 0)
	}
	return r.value(place, round)
}

// value is the number at a place of the snapshot in a round; place is a hash of
// seed, process, row and column.
func (r rule) value(place, round uint64) uint64 {
	if r.rare && place>>63 == 0 {
		return 0
	}
	digits := uint64(r.low) + (place>>32)%uint64(r.high-r.low+1)
	low := powers[digits-1]
	if digits == 1 {
		low = 0
	}
	span := powers[digits] - low
	if !r.counter {
		return low + mix(place^round)%span
	}
	first := low + mix(place)%span
	return first + round*(first/1024+1)
}

// mix is the finalizer of splitmix64: it makes any two numbers look unrelated.
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
