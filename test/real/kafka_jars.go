package real

import (
	"bytes"
	"context"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// kafkaVersions are the versions of Apache Kafka, by component. Kafka 3.9 is the last
// one that is asked to produce by the names of topics instead of their ids.
var kafkaVersions = map[string]string{
	"kafka":     "4.4.0",
	"kafka-3.9": "3.9.1",
}

// kafkaFiles has a pom.xml for each version, and the settings of their logs.
//
//go:embed kafka
var kafkaFiles embed.FS

// mavenTimeout bounds the download of the jars, 60 MB.
const mavenTimeout = 10 * time.Minute

// findKafka returns the directory with the jars of a component of Kafka, from the
// user's cache or from Maven Central.
func findKafka(ctx context.Context, component string) (string, error) {
	version := kafkaVersions[component]
	if _, err := findProgram("default-jre-headless", "java"); err != nil {
		return "", err
	}
	pom, err := kafkaFiles.ReadFile("kafka/pom-" + version + ".xml")
	if err != nil {
		return "", fmt.Errorf("find %s: %w", component, err)
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("find %s: %w", component, err)
	}
	base := filepath.Join(cache, "haproxystats")
	sum := sha256.Sum256(pom)
	dir := filepath.Join(base, "kafka-"+version+"-"+hex.EncodeToString(sum[:4]))
	if _, err := os.Stat(dir); err == nil {
		return dir, nil
	}
	maven, err := findProgram("maven", "mvn")
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(base, 0o750); err != nil {
		return "", fmt.Errorf("find %s: %w", component, err)
	}
	tmp, err := os.MkdirTemp(base, "download-")
	if err != nil {
		return "", fmt.Errorf("find %s: %w", component, err)
	}
	defer os.RemoveAll(tmp)
	file, jars := filepath.Join(tmp, "pom.xml"), filepath.Join(tmp, "jars")
	if err := os.WriteFile(file, pom, 0o640); err != nil {
		return "", fmt.Errorf("find %s: %w", component, err)
	}
	if err := copyJars(ctx, maven, component, file, jars); err != nil {
		return "", err
	}
	// Another test program may have been faster: its copy is as good.
	if err := os.Rename(jars, dir); err != nil && !errors.Is(err, os.ErrExist) {
		return "", fmt.Errorf("find %s: %w", component, err)
	}
	return dir, nil
}

func copyJars(ctx context.Context, maven, component, pom, to string) error {
	ctx, cancel := context.WithTimeout(ctx, mavenTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, maven, "-q", "-B", "-f", pom,
		"dependency:copy-dependencies", "-DoutputDirectory="+to, "-DincludeScope=runtime")
	cmd.Dir = filepath.Dir(pom)
	cmd.WaitDelay = time.Second
	if out, err := cmd.CombinedOutput(); err != nil {
		first, _, _ := bytes.Cut(bytes.TrimSpace(out), []byte("\n"))
		return &Missing{
			Name: component, Reason: fmt.Sprintf("mvn dependency:copy-dependencies: %v: %s", err, first),
			Fix: "check that this machine reaches Maven Central or a mirror of it",
		}
	}
	return nil
}
