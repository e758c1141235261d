package dashboard

import "fmt"

// budgetMinutes is the time over which a budget of errors is used: thirty days.
const budgetMinutes = 30 * 24 * 60

// objective is the variable of the objective, in percent of requests without an error. Its
// values are how many times the percentage of errors is that of the budget.
const objective = "objective"

// objectives has what the variable can be, the usual one first.
var objectives = []struct{ words, factor string }{
	{"99.9 %", usualObjective}, {"99 %", "1"}, {"99.5 %", "2"}, {"99.95 %", "20"}, {"99.99 %", "100"},
}

// The recorded rates of all requests of a frontend over all hosts, and of those in error.
const (
	recordedRequests = "proxy:haproxy_frontend_http_requests"
	recordedErrors   = "proxy:haproxy_frontend_http_5xx"
	// allowed is the share of requests that may be in error.
	allowed = "haproxystats:error_budget:ratio"
)

// recordedRatio returns the name of the recorded share of errors over so many minutes.
func recordedRatio(minutes int) string { return recordedErrors + ":ratio_rate" + span(minutes) }

// span returns a time as Prometheus writes it.
func span(minutes int) string {
	switch {
	case minutes%(24*60) == 0:
		return fmt.Sprintf("%dd", minutes/(24*60))
	case minutes%60 == 0:
		return fmt.Sprintf("%dh", minutes/60)
	}
	return fmt.Sprintf("%dm", minutes)
}

// burnRule is an alert that the budget of errors is used too fast. Both the long and the
// short time must say so: the long one keeps a short burst of errors from an alert, and the
// short one ends the alert when the errors end.
type burnRule struct {
	severity    string
	long, short int     // minutes
	factor      float64 // how many times faster than allowed
	spent       string  // the part of the budget that is used in the long time
}

// burnRules are those of Google's SRE workbook.
var burnRules = []burnRule{
	{"critical", 60, 5, 14.4, "2 % in an hour"},
	{"critical", 6 * 60, 30, 6, "5 % in six hours"},
	{"warning", 24 * 60, 2 * 60, 3, "10 % in a day"},
	{"warning", 3 * 24 * 60, 6 * 60, 1, "10 % in three days"},
}

// budgetRecords returns what is recorded for the budget of errors.
func budgetRecords() []record {
	all := []record{
		{recordedRequests + ":rate5m", "sum without (instance) (rate(haproxy_frontend_http_requests_total[5m]))"},
		{recordedErrors + ":rate5m", `sum without (instance, code) (rate(haproxy_frontend_http_responses_total{code="5xx"}[5m]))`},
		{recordedRequests + ":rate1h", "avg_over_time(" + recordedRequests + ":rate5m[1h])"},
		{recordedErrors + ":rate1h", "avg_over_time(" + recordedErrors + ":rate5m[1h])"},
		{recordedRatio(5), recordedErrors + ":rate5m / (" + recordedRequests + ":rate5m > 0)"},
	}
	for _, minutes := range []int{30, 60, 2 * 60, 6 * 60, 24 * 60, 3 * 24 * 60} {
		over := ":rate5m[" + span(minutes) + "]"
		all = append(all, record{
			recordedRatio(minutes),
			"avg_over_time(" + recordedErrors + over + ") / (avg_over_time(" + recordedRequests + over + ") > 0)",
		})
	}
	// A value of each hour is enough for a month, and costs a sixtieth.
	over := ":rate1h[" + span(budgetMinutes) + ":1h]"
	return append(all, record{
		recordedRatio(budgetMinutes),
		"avg_over_time(" + recordedErrors + over + ") / (avg_over_time(" + recordedRequests + over + ") > 0) or " + recordedRatio(60),
	})
}

// burnAlerts returns the alerts of the budget of errors.
func burnAlerts() []alert {
	var all []alert
	for _, r := range burnRules {
		over := func(minutes int) string {
			return fmt.Sprintf("%s > on () group_left () (%s * %s)", recordedRatio(minutes), decimal(r.factor), allowed)
		}
		all = append(all, alert{
			Name: "HaproxystatsErrorBudgetBurns", Severity: r.severity, Window: span(r.long), For: 1,
			Expression: over(r.long) + " and " + over(r.short),
			Summary:    fmt.Sprintf(`Errors use up their budget: {{ $labels.proxy }} (%s times as fast as allowed)`, decimal(r.factor)),
			Todo: fmt.Sprintf("Requests of the frontend end in a status of 500 to 599, over all hosts of the job, so often that they use %s of the errors "+
				"that thirty days allow. See the dashboard of backends to find the one that fails. The record %s has what is allowed.", r.spent, allowed),
		})
	}
	return all
}
