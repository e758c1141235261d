package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// kept is where the checkout gets the artefacts.
func (r *release) kept() string { return r.checkout.path(distDir, r.version.String()) }

// takeOver gives the checkout the artefacts, the tag and the commits, the last
// of which is what may be refused: somebody may have worked there meanwhile.
func (r *release) takeOver(ctx context.Context) (err error) {
	var undo []func() error
	defer func() {
		if err == nil {
			return
		}
		for i := len(undo) - 1; i >= 0; i-- {
			err = errors.Join(err, undo[i]())
		}
	}()
	tag := "refs/tags/" + r.version.tag()
	// Without a name to store them under, only the objects come.
	if _, err := r.checkout.git(ctx, "fetch", "--quiet", "--no-tags", string(r.clone), mainBranch, tag); err != nil {
		return err
	}
	if err := r.isClean(ctx); err != nil {
		return err
	}
	if err := r.isOnMain(ctx); err != nil {
		return err
	}
	undo = append(undo, func() error { return os.RemoveAll(r.kept()) })
	if err := os.CopyFS(r.kept(), os.DirFS(r.clone.path(distDir))); err != nil {
		return err
	}
	if _, err := r.checkout.git(ctx, "update-ref", tag, r.tag, strings.Repeat("0", len(r.tag))); err != nil {
		return err
	}
	// Also when the program is told to end just now.
	ctx = context.WithoutCancel(ctx)
	undo = append(undo, func() error {
		_, err := r.checkout.git(ctx, "update-ref", "-d", tag, r.tag)
		return err
	})
	_, err = r.checkout.git(ctx, "merge", "--quiet", "--ff-only", r.tip)
	return err
}

// tell says what there is, and what is to do.
func (r *release) tell(ctx context.Context, dry bool) error {
	commits, err := r.clone.git(ctx, "log", "--format=%h %s", "--stat", "--reverse", r.base+".."+r.tip)
	if err != nil {
		return err
	}
	fmt.Fprintf(r.out, "\ncommits on %s, the first of them tagged %s:\n%s\n\nartefacts:\n", mainBranch, r.version.tag(), commits)
	var images, charts []string
	err = eachFile(r.clone.path(distDir), func(name string, _ *os.File, size int64) error {
		if strings.HasSuffix(name, ".oci.tar") {
			images = append(images, name)
		}
		if strings.HasSuffix(name, ".tgz") {
			charts = append(charts, name)
		}
		_, err := fmt.Fprintf(r.out, "%12d  %s\n", size, name)
		return err
	})
	if err != nil {
		return err
	}
	if dry {
		fmt.Fprintln(r.out, "\nThis was a dry run: the checkout is as it was. Without DRY_RUN=1 all this would be there,\n"+
			"the artefacts in "+r.kept()+".")
		return nil
	}
	fmt.Fprintf(r.out, "\nThe artefacts are in %[1]s. Nothing has been published; to publish:\n\n"+
		"  git push --atomic origin %[2]s %[3]s\n", r.kept(), mainBranch, r.version.tag())
	for _, name := range images {
		fmt.Fprintf(r.out, "  skopeo copy --all oci-archive:%s docker://REGISTRY/haproxystats:%v\n", filepath.Join(r.kept(), name), r.version)
	}
	for _, name := range charts {
		fmt.Fprintf(r.out, "  helm push %s oci://REGISTRY/charts\n", filepath.Join(r.kept(), name))
	}
	fmt.Fprintf(r.out, "\nFor apt and dnf, copy %s to a web server: docs/operations.md says how nodes use it.\n", r.kept())
	fmt.Fprintf(r.out, "Then give %s a release where it was pushed to, with %s as its text and the other files.\n", r.version.tag(), notesFile)
	return nil
}
