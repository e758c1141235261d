// Package nagios has the vocabulary of a monitoring plugin: statuses, ranges,
// performance data and the form of the output, as the Monitoring Plugins Development
// Guidelines define them: https://www.monitoring-plugins.org/doc/guidelines.html
//
// Its output is well-formed whatever the texts contain that it is given. It does not
// know what is checked.
package nagios
