package config

import (
	"log/slog"
	"math"
	"slices"
	"time"

	"haproxystats/internal/catalogue"
)

// logLevel also accepts warn and fatal, as Python's logging does.
var logLevel = oneOf(map[string]slog.Level{
	"debug": slog.LevelDebug, "info": slog.LevelInfo,
	"warning": slog.LevelWarn, "warn": slog.LevelWarn, "error": slog.LevelError,
	"critical": LevelCritical, "fatal": LevelCritical,
}, "debug", "info", "warning", "error", "critical")

var logFormat = oneOf(map[string]LogFormat{"text": LogText, "json": LogJSON}, "text", "json")

var metricSet = oneOf(map[string]MetricSet{"all": MetricsAll, "classic": MetricsClassic}, "all", "classic")

var counters = oneOf(map[string]Counters{"total": CountersTotal, "raw": CountersRaw}, "total", "raw")

var onPartial = oneOf(map[string]OnPartial{"discard": PartialDiscard, "keep": PartialKeep}, "discard", "keep")

var confirm = oneOf(map[string]Confirm{"half-close": ConfirmHalfClose, "drain": ConfirmDrain}, "half-close", "drain")

// options is the table that everything about options follows. Texts of
// defaults are those that haproxystats 0.5 prints; its directories are written
// with a reference, so that they follow base-dir.
var options = slices.Concat([]Option{
	option("DEFAULT", "loglevel", "info", logLevel, func(c *Config) *slog.Level { return &c.Default.LogLevel }),
	since1(option("DEFAULT", "log-format", "text", logFormat, func(c *Config) *LogFormat { return &c.Default.LogFormat })),
	forAll(since1(optional("DEFAULT", "hostname", hostName, func(c *Config) *string { return &c.Default.Hostname }))),
	option("DEFAULT", "retries", "2", retries, func(c *Config) *int { return &c.Default.Retries }),
	option("DEFAULT", "timeout", "1", positiveSeconds, func(c *Config) *time.Duration { return &c.Default.Timeout }),
	option("DEFAULT", "interval", "2", anySeconds, func(c *Config) *time.Duration { return &c.Default.Interval }),

	option("paths", "base-dir", "/var/lib/haproxystats", directory, func(c *Config) *string { return &c.Paths.BaseDir }),

	optional("pull", "loglevel", logLevel, func(c *Config) *slog.Level { return &c.Pull.LogLevel }),
	since1(optional("pull", "log-format", logFormat, func(c *Config) *LogFormat { return &c.Pull.LogFormat })),
	optional("pull", "socket-dir", directory, func(c *Config) *string { return &c.Pull.SocketDir }),
	optional("pull", "servers", serverList, func(c *Config) *[]Server { return &c.Pull.Servers }),
	option("pull", "retries", "1", retries, func(c *Config) *int { return &c.Pull.Retries }),
	option("pull", "timeout", "0.1", positiveSeconds, func(c *Config) *time.Duration { return &c.Pull.Timeout }),
	option("pull", "interval", "0.5", anySeconds, func(c *Config) *time.Duration { return &c.Pull.Interval }),
	option("pull", "pull-timeout", "2", anySeconds, func(c *Config) *time.Duration { return &c.Pull.PullTimeout }),
	option("pull", "pull-interval", "10", wholeSeconds, func(c *Config) *time.Duration { return &c.Pull.PullInterval }),
	option("pull", "buffer-limit", "6291456", whole(1), func(c *Config) *int { return &c.Pull.BufferLimit }),
	option("pull", "dst-dir", "${paths:base-dir}/incoming", directory, func(c *Config) *string { return &c.Pull.DstDir }),
	option("pull", "tmp-dst-dir", "${paths:base-dir}/incoming.tmp", directory, func(c *Config) *string { return &c.Pull.TmpDstDir }),
	option("pull", "workers", "8", workers, func(c *Config) *int { return &c.Pull.Workers }),
	option("pull", "queue-size", "360", whole(1), func(c *Config) *int { return &c.Pull.QueueSize }),
	since1(option("pull", "on-partial", "discard", onPartial, func(c *Config) *OnPartial { return &c.Pull.OnPartial })),
	since1(option("pull", "hold-workers", "true", boolean, func(c *Config) *bool { return &c.Pull.HoldWorkers })),
	since1(option("pull", "master-socket", MasterAuto, masterSocket, func(c *Config) *string { return &c.Pull.MasterSocket })),
	since1(option("pull", "server-rows", "true", boolean, func(c *Config) *bool { return &c.Pull.ServerRows })),
	since1(option("pull", "server-state-interval", "60", daySeconds, func(c *Config) *time.Duration { return &c.Pull.ServerStateInterval })),
	since1(optional("pull", "collect", collectList, func(c *Config) *[]string { return &c.Pull.Collect })),
	since1(option("pull", "learn-fields", "true", boolean, func(c *Config) *bool { return &c.Pull.LearnFields })),
	since1(option("pull", "state-dir", "${paths:base-dir}/truth", stateDir, func(c *Config) *string { return &c.Pull.StateDir })),
	since1(option("pull", "events", "true", boolean, func(c *Config) *bool { return &c.Pull.Events })),
	since1(option("pull", "max-events", "100", wholeBetween(1, 5000), func(c *Config) *int { return &c.Pull.MaxEvents })),
	since1(option("pull", "status-socket", "${paths:base-dir}/pull.status", socketFile, func(c *Config) *string { return &c.Pull.StatusSocket })),

	optional("process", "loglevel", logLevel, func(c *Config) *slog.Level { return &c.Process.LogLevel }),
	since1(optional("process", "log-format", logFormat, func(c *Config) *LogFormat { return &c.Process.LogFormat })),
	option("process", "src-dir", "${paths:base-dir}/incoming", directory, func(c *Config) *string { return &c.Process.SrcDir }),
	option("process", "workers", "4", workers, func(c *Config) *int { return &c.Process.Workers }),
	since1(option("process", "metric-set", "all", metricSet, func(c *Config) *MetricSet { return &c.Process.MetricSet })),
	since1(optional("process", "counters", counters, func(c *Config) *Counters { return &c.Process.Counters })),
	optional("process", "frontend-metrics", metricNames(catalogue.Frontend, "frontends"), func(c *Config) *catalogue.List { return &c.Process.FrontendMetrics }),
	optional("process", "backend-metrics", metricNames(catalogue.Backend, "backends"), func(c *Config) *catalogue.List { return &c.Process.BackendMetrics }),
	optional("process", "server-metrics", metricNames(catalogue.Server, "servers"), func(c *Config) *catalogue.List { return &c.Process.ServerMetrics }),
	option("process", "aggr-server-metrics", "false", boolean, func(c *Config) *bool { return &c.Process.AggrServerMetrics }),
	since1(optional("process", "include-frontends", nameFile, func(c *Config) *NameFile { return &c.Process.IncludeFrontends })),
	since1(optional("process", "include-backends", nameFile, func(c *Config) *NameFile { return &c.Process.IncludeBackends })),
	since1(optional("process", "include-servers", nameFile, func(c *Config) *NameFile { return &c.Process.IncludeServers })),
	optional("process", "exclude-frontends", nameFile, func(c *Config) *NameFile { return &c.Process.ExcludeFrontends }),
	optional("process", "exclude-backends", nameFile, func(c *Config) *NameFile { return &c.Process.ExcludeBackends }),
	since1(optional("process", "exclude-servers", nameFile, func(c *Config) *NameFile { return &c.Process.ExcludeServers })),
	since1(option("process", "max-metrics", "0", wholeBetween(0, math.MaxInt32), func(c *Config) *int { return &c.Process.MaxMetrics })),
	option("process", "per-process-metrics", "false", boolean, func(c *Config) *bool { return &c.Process.PerProcessMetrics }),
	option("process", "calculate-percentages", "false", boolean, func(c *Config) *bool { return &c.Process.CalculatePercentages }),
	option("process", "liveness-check-interval", "10", tenthOfASecond, func(c *Config) *time.Duration { return &c.Process.LivenessCheckInterval }),
	since1(option("process", "status-socket", "${paths:base-dir}/process.status", socketFile, func(c *Config) *string { return &c.Process.StatusSocket })),
}, graphiteOptions(), []Option{
	option("local-store", "dir", "${paths:base-dir}/local-store", directory, func(c *Config) *string { return &c.LocalStore.Dir }),
}, kafkaOptions(), forwardOptions(), eventsOptions(), prometheusOptions(), influxOptions(), remoteWriteOptions(), otlpOptions(), centralOptions())
