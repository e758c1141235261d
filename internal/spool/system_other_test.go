//go:build !linux

package spool

import "errors"

func makeNull(string) error { return errors.ErrUnsupported }
