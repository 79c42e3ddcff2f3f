// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package names

import (
	"crypto/md5"
	"crypto/sha256"
	"encoding/hex"
	"regexp"
	"strings"
)

// KeyHash returns 12 hex digits that distinguish long keys. Only the first 100 bytes count.
func KeyHash(s string) string { return sha256Hex(s[:min(len(s), 100)])[:12] }

// SafeConcat joins parts with dashes into a name of at most 63 characters. A longer name is
// cut and ends in a hash of the whole.
func SafeConcat(parts ...string) string {
	const longest, kept = 63, 57
	full := strings.Join(parts, "-")
	if len(full) <= longest {
		return full
	}
	hash := sha256Hex(full)
	if c := full[kept-1]; c >= 'a' && c <= 'z' || c >= '0' && c <= '9' {
		return full[:kept] + "-" + hash[:5]
	}
	// A cut after a dash or a dot would put a dash next to it.
	return full[:kept-1] + "-" + hash[:6]
}

// ClusterNamespace returns the namespace of a Cluster's BundleDeployments.
func ClusterNamespace(namespace, name string) string {
	return SafeConcat("cluster", namespace, name, KeyHash(namespace+"::"+name))
}

// RegistrationSecretName returns the name of the Secret through which a registering agent
// gets its credentials.
func RegistrationSecretName(clientID, clientRandom string) string {
	return ("c-" + sha256Hex(clientID+clientRandom))[:63]
}

// ClusterName returns the name of the Cluster that a registration creates if no Cluster has
// the client's ID.
func ClusterName(clientID string) string { return SafeConcat("cluster", KeyHash(clientID)) }

var (
	notForReleases = regexp.MustCompile(`[^a-z0-9-]+`)
	needsNoHash    = regexp.MustCompile(`^[a-z0-9-]*$`)
	dashes         = regexp.MustCompile(`--+`)
	releaseName    = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]*[a-z0-9])?$`)
)

// HelmReleaseName turns any text, such as the path of a directory, into a valid name of a
// Helm release. Texts that differ only in characters that Helm refuses get different names.
func HelmReleaseName(s string) string {
	const longest, kept = 53, 47
	name := strings.ReplaceAll(s, "/", "-")
	if !needsNoHash.MatchString(name) {
		name += "-" + md5Hex(name)[:8]
	}
	name = notForReleases.ReplaceAllString(strings.ToLower(name), "-")
	name = strings.Trim(dashes.ReplaceAllString(name, "-"), "-")
	if !releaseName.MatchString(name) {
		return md5Hex(s)[:24]
	}
	if len(name) <= longest {
		return name
	}
	return strings.TrimSuffix(name[:kept], "-") + "-" + md5Hex(name)[:5]
}

func sha256Hex(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:])
}

// md5Hex is for names, where MD5 protects nothing.
func md5Hex(s string) string {
	sum := md5.Sum([]byte(s))
	return hex.EncodeToString(sum[:])
}
