// Package kafka connects to the brokers of Apache Kafka: addresses, TLS, logins and time
// limits are the same for whatever produces or consumes.
//
// [Options] make the options of a client of franz-go, which reads the files of
// certificates, passwords and tokens again for each new connection. [Options.Ping] finds
// the cause why brokers can't be used, which a client that produces hides behind its
// deadline. [Sessions.Deliver] produces records within a time limit, and finds that cause
// meanwhile. [ClassOf] says what an error calls for, and [Advice] what an operator can do.
// [Describe] reads the settings of topics.
//
// The package knows no format of records and no sink. The client library logs at level
// debug only: whoever uses a client reports the errors it returns.
package kafka
