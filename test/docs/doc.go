// Package docs holds the tests of what is written for people: links lead
// somewhere, commands and messages that documents quote exist, manual pages are
// well-formed, and shells complete what they should.
package docs
