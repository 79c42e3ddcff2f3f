// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package frontproxy

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apiserver/pkg/authentication/authenticatorfactory"
	"k8s.io/apiserver/pkg/server/options"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/util/cert"
	"k8s.io/klog/v2"
)

// kube-apiserver publishes the authorities that extension servers should trust here.
const (
	trustConfigMap  = "extension-apiserver-authentication"
	trustUsers      = "client-ca-file"
	trustFrontProxy = "requestheader-client-ca-file"
	allowedNames    = "requestheader-allowed-names"
)

// Check returns an error for a cluster without a front proxy, and for one in which a
// user's certificate could speak for other users.
//
// A client with a certificate of the front proxy's authority names the user in a header.
// If the list of allowed names is empty, every certificate of that authority may do so.
// Where this authority, or one below it, also signs users' certificates, every user may.
//
// Check reads the authorities itself: the API machinery has read only the names by then,
// and waits for the authorities in the background.
func Check(ctx context.Context, o *options.DelegatingAuthenticationOptions, header *authenticatorfactory.RequestHeaderConfig) error {
	if o.RequestHeader.ClientCAFile != "" {
		return nil // Options.Validate asks for the names
	}
	data, err := readTrust(ctx, o.RemoteKubeConfigFile)
	if err != nil {
		return fmt.Errorf("read which authorities the cluster trusts (--authentication-kubeconfig, or the pod's service account): %w", err)
	}
	if header == nil || data[trustFrontProxy] == "" {
		return errAbsent
	}
	users := []byte(data[trustUsers])
	if file := o.ClientCert.ClientCA; file != "" {
		if users, err = os.ReadFile(file); err != nil {
			return fmt.Errorf("--client-ca-file: %w", err)
		}
	}
	open, err := judge([]byte(data[trustFrontProxy]), users, header.AllowedClientNames.Value())
	if err != nil || !open {
		return err
	}
	klog.InfoS("Every certificate of the front proxy's authority may name users in a header, because kube-apiserver runs without --requestheader-allowed-names")
	return nil
}

var (
	errAbsent = errors.New("the cluster does not name its front proxy's authority: the ConfigMap extension-apiserver-authentication in kube-system " +
		"has no requestheader-client-ca-file, so kube-apiserver runs without --requestheader-client-ca-file, and aggregation cannot work")
	errShared = errors.New("the front proxy's authority also signs users' certificates, and the front proxy may have any name: " +
		"each user could speak for all others. Give kube-apiserver --requestheader-allowed-names, or an authority of its own for the front proxy")
)

// judge returns an error if a user's certificate could speak for other users. It reports
// whether every certificate of the front proxy's authority is a front proxy's.
func judge(frontProxy, users []byte, names []string) (open bool, err error) {
	if len(names) > 0 {
		return false, nil
	}
	if trusts(frontProxy, users) {
		return true, errShared
	}
	return true, nil
}

// CheckConfigMap returns the error that Check would return in a cluster with this client's
// kube-apiserver, for servers without flags of their own for the front proxy. It reports
// whether every certificate of the front proxy's authority is a front proxy's.
func CheckConfigMap(ctx context.Context, client kubernetes.Interface) (open bool, err error) {
	data, err := readConfigMap(ctx, client)
	if err != nil {
		return false, err
	}
	if data[trustFrontProxy] == "" {
		return false, errAbsent
	}
	var names []string
	if text := data[allowedNames]; text != "" {
		if err := json.Unmarshal([]byte(text), &names); err != nil {
			return false, fmt.Errorf("%s of the ConfigMap %s in kube-system is no list of names: %w", allowedNames, trustConfigMap, err)
		}
	}
	return judge([]byte(data[trustFrontProxy]), []byte(data[trustUsers]), names)
}

// readTrust reads the ConfigMap with the credentials of delegated authentication.
func readTrust(ctx context.Context, kubeconfig string) (map[string]string, error) {
	config, err := rest.InClusterConfig()
	if kubeconfig != "" {
		config, err = clientcmd.BuildConfigFromFlags("", kubeconfig)
	}
	if err != nil {
		return nil, err
	}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, err
	}
	return readConfigMap(ctx, client)
}

func readConfigMap(ctx context.Context, client kubernetes.Interface) (map[string]string, error) {
	found, err := client.CoreV1().ConfigMaps(metav1.NamespaceSystem).Get(ctx, trustConfigMap, metav1.GetOptions{})
	if err != nil {
		return nil, err
	}
	return found.Data, nil
}

// trusts reports whether the front proxy's authorities also vouch for users'
// certificates: the two sets have an authority in common, or an authority of the front
// proxy has signed one of the users', which users can then send with their own.
func trusts(frontProxy, users []byte) bool {
	trusted, err := cert.ParseCertsPEM(frontProxy)
	if err != nil {
		return false // it verifies no certificate
	}
	theirs, err := cert.ParseCertsPEM(users)
	if err != nil {
		return false
	}
	for _, one := range theirs {
		for _, by := range trusted {
			// A renewed certificate has the same key and subject.
			same := string(one.RawSubject) == string(by.RawSubject) && string(one.RawSubjectPublicKeyInfo) == string(by.RawSubjectPublicKeyInfo)
			if same || one.CheckSignatureFrom(by) == nil {
				return true
			}
		}
	}
	return false
}
