// Package push delivers batches as requests over HTTP, in the format of a destination. It
// knows no format: a [Format] has an encoder, and says how the bodies of requests are
// compressed, cut and judged.
//
// Every batch goes through the queue on disk. Deliver makes the bodies of all its requests
// and appends them as one item; the requests are sent in the background, one batch after
// another, the oldest first. So a receiver never gets a newer sample of a series before an
// older one, and what is sent again has the same bytes: receivers refuse another value for a
// time that they have, and take the same one twice.
//
// What becomes of an answer:
//
//	none, 408, 425, 429, 5xx   again, after Retry-After
//	500                        the same; the next request is tried before
//	413                        in halves, which is remembered; the bound grows slowly again
//	401, 403, 407              again: somebody must give the right secret
//	404, 405, 410, redirection again: somebody must give the right address
//	other 4xx                  in halves down to a floor, and what is left is rejected
//	2xx without its proof      again: the receiver does not know the format
//	partial success            what was not stored is rejected
//
// What is rejected is counted and logged, and the rest goes on. A batch that is older than
// the maximum age is dropped, so that one that a receiver fails at for ever does not keep
// the others.
package push
