package integration

import (
	"encoding/csv"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// The classic metrics, as haproxystats 0.5 has them.
var (
	daemonSums = strings.Fields(`CompressBpsIn CompressBpsOut CompressBpsRateLim ConnRate ConnRateLimit CumConns
		CumReq CumSslConns CurrConns CurrSslConns Hard_maxconn MaxConnRate MaxSessRate MaxSslConns MaxSslRate
		MaxZlibMemUsage Maxconn Maxpipes Maxsock Memmax_MB PipesFree PipesUsed Run_queue SessRate SessRateLimit
		SslBackendKeyRate SslBackendMaxKeyRate SslCacheLookups SslCacheMisses SslFrontendKeyRate
		SslFrontendMaxKeyRate SslFrontendSessionReuse_pct SslRate SslRateLimit Tasks Ulimit-n ZlibMemUsage`)
	daemonMeans = strings.Fields(`Idle_pct Uptime_sec`)

	common = strings.Fields(`bin bout dresp hrsp_1xx hrsp_2xx hrsp_3xx hrsp_4xx hrsp_5xx hrsp_other rate rate_max
		scur slim smax stot`)
	frontendSums = append(strings.Fields(`comp_byp comp_in comp_out comp_rsp conn_rate conn_rate_max conn_tot dcon
		dses dreq ereq intercepted rate_lim req_rate req_rate_max req_tot`), common...)
	backendSums = append(strings.Fields(`chkdown cli_abrt comp_byp comp_in comp_out comp_rsp downtime dreq econ eresp
		intercepted lbtot qcur qmax req_tot srv_abrt wredis wretr`), common...)
	backendMeans = strings.Fields(`act bck weight`)
	serverSums   = append(strings.Fields(`chkfail chkdown cli_abrt econ eresp lbtot qcur qmax srv_abrt wredis wretr`),
		common...)
	serverMeans = strings.Fields(`throttle weight`)
	times       = strings.Fields(`rtime ctime qtime ttime`) // mean over rows with lbtot > 0
)

// percentages are used as: name, what is in use, limit.
var percentages = [][3]string{
	{"ConnPercentage", "CurrConns", "Maxconn"},
	{"ConnRatePercentage", "ConnRate", "ConnRateLimit"},
	{"SslConnPercentage", "CurrSslConns", "MaxSslConns"},
	{"SslRatePercentage", "SslRate", "SslRateLimit"},
}

// metrics are values by path, below the root.
type metrics map[string]float64

// mean is a mean to be.
type mean struct{ sum, n float64 }

// naive computes what a snapshot should become with per-process metrics,
// percentages, aggregated servers and the classic metrics only.
func naive(snapshot map[string]replies) (metrics, error) {
	out := make(metrics)
	if err := naiveDaemon(out, snapshot); err != nil {
		return nil, err
	}
	return out, naiveProxies(out, snapshot)
}

func naiveDaemon(out metrics, snapshot map[string]replies) error {
	means := make(map[string]*mean)
	numbers := make(map[string]int)
	infos := make(map[string]map[string]string)
	var cpu []float64
	for socket, r := range snapshot {
		info := make(map[string]string)
		for _, line := range strings.Split(r.info, "\n") {
			if key, value, ok := strings.Cut(line, ": "); ok {
				info[key] = value
			}
		}
		infos[socket] = info
		numbers[info["Process_num"]]++
	}
	for socket, info := range infos {
		label := info["Process_num"]
		if numbers[label] > 1 {
			label = socket
		}
		own := "daemon.process." + component(label) + "."
		for _, key := range slices.Concat(daemonSums, daemonMeans) {
			text, there := info[key]
			if !there {
				continue
			}
			v, err := strconv.ParseFloat(text, 64)
			if err != nil {
				return fmt.Errorf("%s of %s: %w", key, socket, err)
			}
			out[own+key] = v
			if slices.Contains(daemonSums, key) {
				out["daemon."+key] += v
			} else {
				addMean(means, "daemon."+key, v)
			}
			if key == "Idle_pct" {
				out[own+"CpuUsagePct"] = 100 - v
				addMean(means, "daemon.CpuUsagePct", 100-v)
				cpu = append(cpu, 100-v)
			}
		}
		naivePercentages(out, own)
	}
	naivePercentages(out, "daemon.")
	finish(out, means)
	if len(cpu) < 2 {
		return nil
	}
	slices.Sort(cpu)
	for _, percent := range []int{25, 50, 75, 95, 99} {
		at := math.RoundToEven(float64(percent) / 100 * float64(len(cpu)-1))
		out[fmt.Sprintf("daemon.%dPercentileCpuUsagePct", percent)] = cpu[int(at)]
	}
	squares := 0.0
	for _, v := range cpu {
		squares += math.Pow(v-out["daemon.CpuUsagePct"], 2)
	}
	out["daemon.StdCpuUsagePct"] = math.Sqrt(squares / float64(len(cpu)-1))
	return nil
}

func naivePercentages(out metrics, prefix string) {
	for _, p := range percentages {
		use, ok := out[prefix+p[1]]
		limit, okLimit := out[prefix+p[2]]
		switch {
		case !ok || !okLimit:
		case limit == 0:
			out[prefix+p[0]] = 0
		default:
			out[prefix+p[0]] = math.Trunc(100 * use / limit)
		}
	}
}

func naiveProxies(out metrics, snapshot map[string]replies) error {
	means := make(map[string]*mean)
	servers := make(map[string]bool)
	for socket, r := range snapshot {
		records, err := csv.NewReader(strings.NewReader(strings.TrimPrefix(r.stat, "# "))).ReadAll()
		if err != nil {
			return fmt.Errorf("show stat of %s: %w", socket, err)
		}
		for _, record := range records[1:] {
			row := make(map[string]string)
			for i, v := range record {
				row[records[0][i]] = v
			}
			proxy, service := component(row["pxname"]), component(row["svname"])
			switch row["type"] {
			case "0":
				err = naiveRow(out, means, "frontend."+proxy, row, frontendSums, nil, nil)
			case "1":
				err = naiveRow(out, means, "backend."+proxy, row, backendSums, backendMeans, times)
			case "2":
				own := "backend." + proxy + ".server." + service
				if !servers[own] {
					servers[own] = true
					out["backend."+proxy+".TotalServers"]++
				}
				err = naiveRow(out, means, own, row, serverSums, serverMeans, times)
				if err == nil {
					err = naiveRow(out, means, "server."+service, row, serverSums, serverMeans, times)
				}
			}
			if err != nil {
				return fmt.Errorf("show stat of %s: %s/%s: %w", socket, row["pxname"], row["svname"], err)
			}
		}
	}
	finish(out, means)
	return nil
}

func naiveRow(out metrics, means map[string]*mean, path string, row map[string]string, sums, plain, active []string) error {
	for _, field := range slices.Concat(sums, plain, active) {
		v := 0.0
		if text := row[field]; text != "" {
			var err error
			if v, err = strconv.ParseFloat(text, 64); err != nil {
				return fmt.Errorf("%s: %w", field, err)
			}
		}
		switch {
		case slices.Contains(sums, field):
			out[path+"."+field] += v
		case slices.Contains(plain, field), row["lbtot"] != "" && row["lbtot"] != "0":
			addMean(means, path+"."+field, v)
		}
	}
	return nil
}

func addMean(means map[string]*mean, path string, v float64) {
	m, ok := means[path]
	if !ok {
		m = &mean{}
		means[path] = m
	}
	m.sum += v
	m.n++
}

func finish(out metrics, means map[string]*mean) {
	for path, m := range means {
		out[path] = m.sum / m.n
	}
}

// component is a name as it stands in a path.
func component(name string) string {
	return strings.Map(func(r rune) rune {
		if r == utf8.RuneError || strings.ContainsRune("./;", r) || unicode.IsSpace(r) || unicode.IsControl(r) {
			return '_'
		}
		return r
	}, name)
}
