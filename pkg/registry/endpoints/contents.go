// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package endpoints

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/internalversion"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apiserver/pkg/registry/rest"
	apistorage "k8s.io/apiserver/pkg/storage"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/registry/etcd"
	"github.com/musterfleet/muster/pkg/registry/kinds"
	"github.com/musterfleet/muster/pkg/registry/manifest"
	"github.com/musterfleet/muster/pkg/registry/storage"
	"github.com/musterfleet/muster/pkg/registry/view"
)

var (
	_ rest.Storage              = (*contentsREST)(nil)
	_ rest.Scoper               = (*contentsREST)(nil)
	_ rest.SingularNameProvider = (*contentsREST)(nil)
	_ rest.Getter               = (*contentsREST)(nil)
	_ rest.Lister               = (*contentsREST)(nil)
)

// contentsREST serves Contents from their records. A Content never changes, so it needs no
// view.
//
// It does not watch, and discovery does not announce it. Content records are outside the
// range that the engine watches, so that no replica has to read every manifest of the fleet
// into memory. An agent gets the Content that a deployment ID names.
type contentsREST struct {
	kind *kinds.Kind
	log  *etcd.Log
}

// New implements rest.Storage.
func (c *contentsREST) New() runtime.Object { return c.kind.New() }

// Destroy implements rest.Storage.
func (c *contentsREST) Destroy() {}

// NamespaceScoped implements rest.Scoper.
func (c *contentsREST) NamespaceScoped() bool { return false }

// GetSingularName implements rest.SingularNameProvider.
func (c *contentsREST) GetSingularName() string { return c.kind.Singular }

// NewList implements rest.Lister.
func (c *contentsREST) NewList() runtime.Object { return c.kind.NewList() }

// ConvertToTable implements rest.Lister.
func (c *contentsREST) ConvertToTable(ctx context.Context, object, tableOptions runtime.Object) (*metav1.Table, error) {
	return c.kind.TableConvertor().ConvertToTable(ctx, object, tableOptions)
}

// Get implements rest.Getter. The read is linearizable: an agent that has seen a deployment
// ID finds its Content.
func (c *contentsREST) Get(ctx context.Context, name string, _ *metav1.GetOptions) (runtime.Object, error) {
	found, _, _, err := c.log.ListContents(ctx, name, 1, 0)
	if err != nil {
		return nil, storage.ContentsError(err, "")
	}
	if len(found) == 0 || found[0].ID != name {
		return nil, apierrors.NewNotFound(c.kind.GroupResource(), name)
	}
	return contentOf(&found[0])
}

// Stats returns how many Contents exist, for priority and fairness. The size of the first
// stands for the size of all.
func (c *contentsREST) Stats(ctx context.Context) (apistorage.Stats, error) {
	found, _, remaining, err := c.log.ListContents(ctx, "", 1, 0)
	if err != nil || len(found) == 0 {
		return apistorage.Stats{}, storage.ContentsError(err, "")
	}
	return apistorage.Stats{ObjectCount: 1 + remaining, EstimatedAverageObjectSizeBytes: int64(len(found[0].Data))}, nil
}

// maxContentsPage bounds a page: a Content may exceed a megabyte.
const maxContentsPage = 100

// List implements rest.Lister. If resourceVersion is only a lower bound, the current state
// satisfies it, which is read by quorum.
func (c *contentsREST) List(ctx context.Context, options *internalversion.ListOptions) (runtime.Object, error) {
	if options == nil {
		options = &internalversion.ListOptions{}
	}
	revision, from, err := c.startOf(ctx, options)
	if err != nil {
		return nil, err
	}
	limit := options.Limit
	if limit <= 0 || limit > maxContentsPage {
		limit = maxContentsPage
	}
	list := &v1alpha1.ContentList{Items: []v1alpha1.Content{}}
	for {
		found, at, remaining, err := c.log.ListContents(ctx, from, limit, revision)
		if err != nil {
			return nil, storage.ContentsError(err, from)
		}
		for i := range found {
			content, err := contentOf(&found[i])
			if err != nil {
				return nil, err
			}
			if selects(options, content) {
				list.Items = append(list.Items, *content)
			}
		}
		revision = at
		list.ResourceVersion = view.VersionAt(at).String()
		if remaining == 0 || len(found) == 0 {
			return list, nil
		}
		from = found[len(found)-1].ID + "\x00"
		if options.Limit > 0 {
			list.Continue, err = apistorage.EncodeContinue(storage.ContentsPrefix+from, storage.ContentsPrefix, int64(view.VersionAt(at)))
			if everything(options) {
				list.RemainingItemCount = &remaining
			}
			return list, err
		}
	}
}

// startOf returns the revision to list at, 0 for the current one, and the ID to list from.
func (c *contentsREST) startOf(ctx context.Context, options *internalversion.ListOptions) (revision int64, from string, err error) {
	exact, key, err := apistorage.ValidateListOptions(storage.ContentsPrefix, apistorage.APIObjectVersioner{}, apistorage.ListOptions{
		ResourceVersion:      options.ResourceVersion,
		ResourceVersionMatch: options.ResourceVersionMatch,
		Recursive:            true,
		Predicate:            apistorage.SelectionPredicate{Label: labels.Everything(), Field: fields.Everything(), Limit: options.Limit, Continue: options.Continue},
	})
	if err != nil {
		return 0, "", err
	}
	if options.Continue == "" && options.ResourceVersion != "" {
		least, err := strconv.ParseInt(options.ResourceVersion, 10, 64)
		if err != nil {
			return 0, "", apierrors.NewBadRequest(fmt.Sprintf("resourceVersion %q is not a number", options.ResourceVersion))
		}
		current, err := c.log.Revision(ctx)
		if err != nil {
			return 0, "", storage.ContentsError(err, "")
		}
		if view.Version(least) > view.VersionAt(current) {
			return 0, "", apistorage.NewTooLargeResourceVersionError(uint64(least), uint64(view.VersionAt(current)), 1)
		}
	}
	if version := view.Version(exact); exact > 0 && !version.Whole() {
		return 0, "", storage.WithinRevision(uint64(exact), uint64(view.VersionAt(version.Revision())))
	}
	return view.Version(max(exact, 0)).Revision(), strings.TrimPrefix(key, storage.ContentsPrefix), nil
}

func everything(options *internalversion.ListOptions) bool {
	return (options.LabelSelector == nil || options.LabelSelector.Empty()) && (options.FieldSelector == nil || options.FieldSelector.Empty())
}

func selects(options *internalversion.ListOptions, content *v1alpha1.Content) bool {
	return (options.LabelSelector == nil || options.LabelSelector.Matches(labels.Set(content.Labels))) &&
		(options.FieldSelector == nil || options.FieldSelector.Matches(fields.Set{"metadata.name": content.Name}))
}

// contentOf returns a Content as S 4.4 describes it.
func contentOf(stored *etcd.StoredContent) (*v1alpha1.Content, error) {
	bytes, err := manifest.Decompress(stored.Data, storage.MaxManifest)
	if err != nil {
		return nil, apierrors.NewInternalError(fmt.Errorf("content %s: %w", stored.ID, err))
	}
	compressed, made := manifest.Unstamp(stored.Data)
	content := &v1alpha1.Content{Content: compressed, SHA256Sum: manifest.Digest(bytes)}
	content.SetGroupVersionKind(v1alpha1.SchemeGroupVersion.WithKind("Content")) // list items have their kind, like those of a CRD
	content.Name = stored.ID
	content.ResourceVersion = view.VersionAt(stored.Revision).String()
	content.UID = contentUID(stored.ID, made)
	if !made.IsZero() { // older records have no time
		content.CreationTimestamp = metav1.NewTime(made)
	}
	return content, nil
}

// contentUIDs is the UUID namespace of the UIDs of Contents.
var contentUIDs = uuid.MustParse("f2a1b7d4-5f0c-5e68-9a43-3f7c0d1e8b52")

// contentUID returns a function of what is stored, so the UID is the same on each replica
// and after each start. A Content that was swept and is written again has another UID.
func contentUID(id string, made time.Time) types.UID {
	name := id
	if !made.IsZero() {
		name += "/" + strconv.FormatInt(made.Unix(), 10)
	}
	return types.UID(uuid.NewSHA1(contentUIDs, []byte(name)).String())
}
