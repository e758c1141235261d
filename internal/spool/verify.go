package spool

import (
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"log/slog"
	"path/filepath"
	"slices"

	"haproxystats/internal/durable"
	"haproxystats/internal/snapshot"
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// contents is the content of an entry's manifest. Round and files are nil if the
// entry can't be verified: it has no manifest, as in a spool of another program, or
// one of a later version.
type contents struct {
	read  bool   // there is a manifest
	sum   uint32 // the checksum of its text
	round *snapshot.Round
	files map[string]snapshot.File
}

// readManifest reads the manifest, if there is one.
func (f *entryFS) readManifest() (contents, error) {
	file, err := f.dir.OpenRegular(snapshot.ManifestName)
	if errors.Is(err, fs.ErrNotExist) {
		return contents{}, nil
	}
	if err != nil {
		return contents{}, err
	}
	defer file.Close()
	sum := crc32.New(castagnoli)
	m, err := snapshot.ReadManifest(io.TeeReader(file, sum))
	if errors.Is(err, snapshot.ErrNewer) {
		f.log.Warn("snapshot can't be verified, its writer is newer", "snapshot", filepath.Base(f.path), "error", err)
		return contents{read: true, sum: sum.Sum32()}, nil
	}
	if err != nil {
		return contents{}, fmt.Errorf("read %s: %w", f.path, err)
	}
	d := contents{read: true, sum: sum.Sum32(), round: &m.Round, files: make(map[string]snapshot.File, len(m.Files))}
	for _, file := range m.Files {
		d.files[file.Name] = file
	}
	return d, nil
}

// checkFiles checks that all files exist and have their lengths, before any is read.
func (f *entryFS) checkFiles(known map[string]snapshot.File) error {
	for name, want := range known {
		info, err := f.dir.Stat(name)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return fmt.Errorf("%s: %w: it is missing", f.join(name), snapshot.ErrDamaged)
		case err != nil:
			return err
		case info.Kind != durable.Regular:
			return fmt.Errorf("%s: %w: %w", f.join(name), snapshot.ErrDamaged, durable.ErrNotRegular)
		case info.Size != want.Size:
			return fmt.Errorf("%s: %w: it has %d bytes, not %d", f.join(name), snapshot.ErrDamaged, info.Size, want.Size)
		}
	}
	return nil
}

// verifiedDir lists an entry without files that were not handed over.
type verifiedDir struct {
	countedFile
	known   map[string]snapshot.File
	log     *slog.Logger
	strange []string
}

// ReadDir implements [fs.ReadDirFile].
func (d *verifiedDir) ReadDir(n int) ([]fs.DirEntry, error) {
	for {
		entries, err := d.countedFile.ReadDir(n)
		kept := entries[:0]
		for _, e := range entries {
			if _, ok := d.known[e.Name()]; ok || snapshot.IsHidden(e.Name()) {
				kept = append(kept, e)
			} else if len(d.strange) < 10 {
				d.strange = append(d.strange, e.Name())
			}
		}
		if n <= 0 || err != nil || len(kept) > 0 {
			return kept, err
		}
	}
}

// Close implements [fs.File].
func (d *verifiedDir) Close() error {
	if len(d.strange) > 0 {
		slices.Sort(d.strange)
		d.log.Warn("snapshot contains files that were not handed over, ignoring them", "snapshot", filepath.Base(d.Name()), "names", d.strange)
		d.strange = nil
	}
	return d.File.Close()
}

// verifiedFile is a file that must match its manifest.
type verifiedFile struct {
	file      countedFile
	got, want snapshot.File
}

// Stat implements [fs.File].
func (f *verifiedFile) Stat() (fs.FileInfo, error) { return f.file.Stat() }

// Read implements [fs.File]. At and after the end of a file that differs from its
// manifest, it returns an error instead of [io.EOF].
func (f *verifiedFile) Read(p []byte) (int, error) {
	n, err := f.file.Read(p)
	f.got.Size += int64(n)
	f.got.CRC = snapshot.Sum(f.got.CRC, p[:n])
	if f.got.Size > f.want.Size || errors.Is(err, io.EOF) && f.got != f.want {
		return n, fmt.Errorf("read %s: %w: %d bytes with CRC-32C %08x, not %d with %08x",
			f.file.Name(), snapshot.ErrDamaged, f.got.Size, f.got.CRC, f.want.Size, f.want.CRC)
	}
	return n, err
}

// Close implements [fs.File].
func (f *verifiedFile) Close() error { return f.file.Close() }
