package kafka

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// Class is what an error of a client calls for.
type Class int

// The classes.
const (
	// Wait is for errors that pass: try again later.
	Wait Class = iota
	// Operator is for errors that last until somebody changes a configuration.
	Operator
	// Clock is a record's time that the broker refuses.
	Clock
	// TopicID is a topic that was removed: the client must forget it.
	TopicID
	// Size is a record or batch that the topic does not take.
	Size
	// Content is a record that the broker does not take whatever its size.
	Content
	// Policy is a rule of the broker that it does not explain.
	Policy
	// Broken is a client that can't go on and must be replaced.
	Broken
)

// ClassOf returns the class of an error.
func ClassOf(err error) Class {
	var fault *kerr.Error
	if !errors.As(err, &fault) {
		switch {
		case errors.Is(err, kgo.ErrClientClosed):
			return Wait // somebody replaces it
		case isOperators(err):
			return Operator
		}
		return Wait
	}
	switch fault.Code {
	case kerr.UnknownTopicID.Code, kerr.InconsistentTopicID.Code:
		return TopicID
	case kerr.InvalidTimestamp.Code:
		return Clock
	case kerr.MessageTooLarge.Code, kerr.RecordListTooLarge.Code:
		return Size
	case kerr.CorruptMessage.Code, kerr.InvalidRecord.Code:
		return Content
	case kerr.PolicyViolation.Code:
		return Policy
	case kerr.UnknownTopicOrPartition.Code, kerr.InvalidTopicException.Code, kerr.TopicAuthorizationFailed.Code,
		kerr.GroupAuthorizationFailed.Code, kerr.ClusterAuthorizationFailed.Code, kerr.TransactionalIDAuthorizationFailed.Code,
		kerr.UnsupportedSaslMechanism.Code, kerr.IllegalSaslState.Code, kerr.SaslAuthenticationFailed.Code,
		kerr.SecurityDisabled.Code, kerr.InvalidRequiredAcks.Code, kerr.UnsupportedVersion.Code,
		kerr.UnsupportedForMessageFormat.Code, kerr.UnsupportedCompressionType.Code:
		return Operator
	case kerr.OutOfOrderSequenceNumber.Code, kerr.InvalidProducerEpoch.Code, kerr.InvalidProducerIDMapping.Code,
		kerr.ProducerFenced.Code, kerr.UnknownProducerID.Code:
		return Broken
	}
	return Wait
}

// Error is an error with what an operator can do about it.
type Error struct {
	Err  error
	Hint string // imperative, or empty
}

// Error returns the error and, if there is one, the hint.
func (e *Error) Error() string {
	if e.Hint == "" {
		return e.Err.Error()
	}
	return e.Err.Error() + ": " + e.Hint
}

// Unwrap returns the error.
func (e *Error) Unwrap() error { return e.Err }

// Advice returns what to do about an error of [Options.Explain], or nothing, and the
// error without that.
func Advice(err error) (hint string, bare error) {
	var fault *Error
	if !errors.As(err, &fault) {
		return "", err
	}
	return fault.Hint, fault.Err
}

// Explain returns the error of an operation, such as "produce to topic t", with what to
// do about it.
func (o Options) Explain(operation string, err error) error {
	return &Error{Err: fmt.Errorf("%s: %w", operation, describe(err)), Hint: o.advice(err)}
}

// describe returns the error with the text that an operator searches for: the name of
// Kafka's error, and no advice for programmers.
func describe(err error) error {
	var fault *kerr.Error
	if errors.As(err, &fault) {
		return &kafkaError{fault, err}
	}
	return err
}

// kafkaError is an error of a broker with its name and what that means.
type kafkaError struct {
	fault *kerr.Error
	err   error
}

func (e *kafkaError) Error() string {
	if e.fault.Description == "" {
		return e.fault.Message
	}
	return e.fault.Message + ": " + strings.TrimSuffix(e.fault.Description, ".")
}

func (e *kafkaError) Unwrap() error { return e.err }

// Ping asks the brokers whether they can be used, and returns within limit. The error
// has the cause, such as a certificate, a login or a port that is not Kafka's.
func (o Options) Ping(ctx context.Context, c *kgo.Client, limit time.Duration) error {
	start := time.Now()
	limited, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	err := c.Ping(limited)
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, context.DeadlineExceeded):
		// That of limited, or of a connection, which may be due at the same moment.
		err = fmt.Errorf("no answer within %v: %w", time.Since(start).Round(100*time.Millisecond), err)
	}
	return o.Explain("reach the brokers "+joined(o.Brokers), err)
}
