// Package container tests the files that run haproxystats in containers: the image, its
// Dockerfile, the Compose file, the examples for Kubernetes and the Helm chart.
//
// The image is loaded and run by a real engine, podman, on a root file system that
// can't be written, without capabilities, as any user. Everything happens in
// namespaces of the tests' own, with nothing but a loopback, so that fixed ports
// are free and nothing outlives the tests. HAProxy is Debian's, in an image that
// stands in for the official one: registries are not asked.
//
// It is a module of its own, because it reads files as engines do, with their
// modules.
package container
