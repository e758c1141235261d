// Package nagios is the vocabulary of a monitoring plugin: statuses, ranges,
// performance data, and the form of the output, as the Monitoring Plugins
// Development Guidelines have them:
// https://www.monitoring-plugins.org/doc/guidelines.html
//
// It promises that its output has one meaning to those who read it, whatever is
// in the texts it is given. It knows nothing of what is checked.
package nagios
