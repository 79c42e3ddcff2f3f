// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/stretchr/testify/require"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
)

// ControlPlane is kube-apiserver with an etcd of its own, and kube-controller-manager.
type ControlPlane struct {
	// Etcd belongs to kube-apiserver; it holds none of Muster's data.
	Etcd *Etcd
	// CA signs the certificates of kube-apiserver and of users. CAFile is its file.
	CA     *CA
	CAFile string
	// FrontProxyCA signs the certificates that the aggregation layer shows to Muster. They
	// must have the name FrontProxyName.
	FrontProxyCA *CA
	// ForeignCA is an authority that no server trusts.
	ForeignCA *CA
	// Accounts has the key that signs the tokens of ServiceAccounts.
	Accounts KeyPair
	// Config and Client belong to a user with all rights.
	Config *rest.Config
	Client kubernetes.Interface

	APIServer, ControllerManager *Process

	owner   T
	dir     string
	kubectl string
	address string
	admin   Terminal
}

// FrontProxyName is the only name in the aggregation layer's certificate.
const FrontProxyName = "front-proxy-client"

const controlPlaneReady = 2 * time.Minute

// Start starts a control plane and waits until it is ready.
func Start(t T) *ControlPlane {
	t.Helper()
	return StartOn(t, EtcdOptions{})
}

// StartOn is Start with options for etcd.
func StartOn(t T, options EtcdOptions) *ControlPlane {
	t.Helper()
	kubectl, controllerManager := Program(t, "kubectl"), Program(t, "kube-controller-manager")
	c := StartAPIServer(t, options)
	c.kubectl = kubectl
	c.startControllers(t, controllerManager)
	return c
}

// StartAPIServer starts only kube-apiserver and its etcd, and waits until it is ready. Such
// a control plane has no controllers, no terminals and no Namespace except default.
func StartAPIServer(t T, options EtcdOptions) *ControlPlane {
	t.Helper()
	c := &ControlPlane{owner: t, CA: NewCA("kubernetes"), FrontProxyCA: NewCA("front-proxy"), ForeignCA: NewCA("foreign")}
	apiServer := Program(t, "kube-apiserver")
	c.Etcd = StartEtcd(t, 1, options)
	c.dir = Folder(t, "control-plane")
	c.CAFile = write(t, c.dir, "ca.crt", c.CA.PEM)
	proxyCA := write(t, c.dir, "front-proxy-ca.crt", c.FrontProxyCA.PEM)
	cert, key := c.CA.Serving("kubernetes", "kubernetes.default", "kubernetes.default.svc").Write(t, c.dir, "apiserver")
	proxyCert, proxyKey := c.FrontProxyCA.Client(FrontProxyName).Write(t, c.dir, "front-proxy-client")
	c.Accounts = c.CA.Client("service-accounts")
	_, accountKey := c.Accounts.Write(t, c.dir, "service-accounts")

	t.Cleanup(func() {
		if c.APIServer != nil {
			c.APIServer.Kill() // it would wait for watches to end, and its data is no longer needed
		}
	})
	require.NoError(t, attempts(func() error {
		port := freePort()
		c.address = loopback(port)
		c.Config = c.As("admin", "system:masters")
		var err error
		if c.Client, err = kubernetes.NewForConfig(c.Config); err != nil {
			return err
		}
		c.APIServer = &Process{Name: "kube-apiserver", path: apiServer, log: filepath.Join(c.dir, "kube-apiserver.log"), args: append(c.Etcd.Flags(),
			"--bind-address=127.0.0.1", fmt.Sprintf("--secure-port=%d", port), "--advertise-address=127.0.0.1",
			// Other servers have no network in which they could look for this one.
			"--endpoint-reconciler-type=none",
			"--tls-cert-file="+cert, "--tls-private-key-file="+key, "--client-ca-file="+c.CAFile,
			"--authorization-mode=Node,RBAC",
			"--requestheader-client-ca-file="+proxyCA, "--requestheader-allowed-names="+FrontProxyName,
			"--requestheader-username-headers=X-Remote-User", "--requestheader-uid-headers=X-Remote-Uid",
			"--requestheader-group-headers=X-Remote-Group", "--requestheader-extra-headers-prefix=X-Remote-Extra-",
			"--proxy-client-cert-file="+proxyCert, "--proxy-client-key-file="+proxyKey,
			// With this flag, a Service of type ExternalName resolves to its name and port.
			"--enable-aggregator-routing=false",
			"--service-account-issuer=https://kubernetes.default.svc", "--service-account-key-file="+accountKey, "--service-account-signing-key-file="+accountKey,
			"--service-cluster-ip-range=10.0.0.0/24", "--allow-privileged=true",
			// A terminal that waits for its last watch must not delay the test.
			"--shutdown-delay-duration=0s",
		)}
		if err := c.APIServer.Start(); err != nil {
			return err
		}
		if err = c.ready(t.Context()); err != nil {
			c.APIServer.Kill()
		}
		return err
	}))
	return c
}

// startControllers starts kube-controller-manager, and waits until it works.
func (c *ControlPlane) startControllers(t T, controllerManager string) {
	t.Helper()
	c.admin = c.Terminal(t, nil)
	manager := c.Kubeconfig(t, c.As("system:kube-controller-manager"))
	c.ControllerManager = &Process{
		Name: "kube-controller-manager", path: controllerManager, log: filepath.Join(c.dir, "kube-controller-manager.log"),
		args: []string{
			"--kubeconfig=" + manager, "--secure-port=0", "--leader-elect=false", "--use-service-account-credentials=true",
			"--root-ca-file=" + c.CAFile, "--service-account-private-key-file=" + filepath.Join(c.dir, "service-accounts.key"),
			// These controllers concern objects of Muster's kinds, or its installation.
			// None of them creates Pods: nothing would run them.
			"--controllers=namespace-controller,garbage-collector-controller,serviceaccount-controller,serviceaccount-token-controller," +
				"resourcequota-controller,root-ca-certificate-publisher-controller,clusterrole-aggregation-controller,validatingadmissionpolicy-status-controller",
			"--namespace-sync-period=10s", "--resource-quota-sync-period=10s", "--min-resync-period=1m", "--kube-api-qps=500", "--kube-api-burst=1000",
		},
	}
	t.Cleanup(c.ControllerManager.Kill)
	require.NoError(t, c.ControllerManager.Start())
	require.NoError(t, c.ControllerManager.ready(t.Context(), controlPlaneReady, func(ctx context.Context) error {
		_, err := c.Client.CoreV1().ServiceAccounts(metav1.NamespaceDefault).Get(ctx, "default", metav1.GetOptions{})
		return err
	}))
}

// StartWorkloads starts the controllers of Deployments, which create Pods: see Node.
func (c *ControlPlane) StartWorkloads(t T) {
	t.Helper()
	c.startMore(t, "workloads", "deployment-controller", "replicaset-controller")
}

// StartJobs starts the controller of Jobs, which creates Pods. The test has to play their
// kubelet.
func (c *ControlPlane) StartJobs(t T) {
	t.Helper()
	c.startMore(t, "jobs", "job-controller")
}

// startMore starts controllers in a process of their own.
func (c *ControlPlane) startMore(t T, name string, controllers ...string) {
	t.Helper()
	p := Prepare(t, name, Program(t, "kube-controller-manager"), nil,
		"--kubeconfig="+c.Kubeconfig(t, c.As("system:kube-controller-manager")), "--secure-port=0", "--leader-elect=false", "--use-service-account-credentials=true",
		"--root-ca-file="+c.CAFile, "--service-account-private-key-file="+filepath.Join(c.dir, "service-accounts.key"),
		"--controllers="+strings.Join(controllers, ","), "--kube-api-qps=500", "--kube-api-burst=1000")
	require.NoError(t, p.Start())
}

func (c *ControlPlane) ready(ctx context.Context) error {
	return c.APIServer.ready(ctx, controlPlaneReady, func(ctx context.Context) error {
		_, err := c.Client.Discovery().RESTClient().Get().AbsPath("/readyz").DoRaw(ctx)
		return err
	})
}

// WaitReady waits until kube-apiserver is ready, after another start.
func (c *ControlPlane) WaitReady(t T) {
	t.Helper()
	require.NoError(t, c.ready(t.Context()))
}

// TrustFrontProxies makes kube-apiserver publish the authorities whose certificates servers
// behind the aggregation layer must accept. It reads the file again by itself.
func (c *ControlPlane) TrustFrontProxies(t T, all ...*CA) {
	t.Helper()
	var text []byte
	for _, ca := range all {
		text = append(text, ca.PEM...)
	}
	write(t, c.dir, "front-proxy-ca.crt", text)
}

// RenewFrontProxy gives the aggregation layer a new certificate, of another authority.
// kube-apiserver reads the files again by itself.
func (c *ControlPlane) RenewFrontProxy(t T, ca *CA) {
	t.Helper()
	ca.Client(FrontProxyName).Write(t, c.dir, "front-proxy-client")
	c.FrontProxyCA = ca
}

// As returns the configuration of a user with a client certificate.
func (c *ControlPlane) As(user string, groups ...string) *rest.Config {
	pair, config := c.CA.Client(user, groups...), c.Anonymous()
	config.CertData, config.KeyData = pair.Certificate, pair.Key
	return config
}

// Anonymous returns the configuration of a client without credentials.
func (c *ControlPlane) Anonymous() *rest.Config {
	return &rest.Config{
		Host: "https://" + c.address,
		// The client has no limit of its own: tests measure servers.
		QPS: -1, TLSClientConfig: rest.TLSClientConfig{CAData: c.CA.PEM},
	}
}

// Token returns a token of a ServiceAccount, as a Pod would get it.
func (c *ControlPlane) Token(t T, namespace, account string) string {
	t.Helper()
	token, err := c.token(t.Context(), namespace, account)
	require.NoError(t, err)
	return token
}

func (c *ControlPlane) token(ctx context.Context, namespace, account string) (string, error) {
	request := &authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{ExpirationSeconds: new(int64(12 * 60 * 60))}}
	token, err := c.Client.CoreV1().ServiceAccounts(namespace).CreateToken(ctx, account, request, metav1.CreateOptions{})
	if err != nil {
		return "", err
	}
	return token.Status.Token, nil
}

// AsAccount returns the configuration of a ServiceAccount.
func (c *ControlPlane) AsAccount(t T, namespace, account string) *rest.Config {
	t.Helper()
	return c.WithToken(c.Token(t, namespace, account))
}

// WithToken returns the configuration of a client with a token.
func (c *ControlPlane) WithToken(token string) *rest.Config {
	config := c.Anonymous()
	config.BearerToken = token
	return config
}

// MakeNamespace creates a namespace.
func (c *ControlPlane) MakeNamespace(t T, name string) {
	t.Helper()
	_, err := c.Client.CoreV1().Namespaces().Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}, metav1.CreateOptions{})
	require.NoError(t, err)
}

// Kubeconfig writes a configuration into a file.
func (c *ControlPlane) Kubeconfig(t T, config *rest.Config) string {
	t.Helper()
	file, err := os.CreateTemp(c.dir, "kubeconfig-")
	require.NoError(t, err)
	require.NoError(t, file.Close())
	require.NoError(t, writeKubeconfig(file.Name(), config))
	return file.Name()
}

// Terminal returns a terminal of a user; if config is nil, of the administrator.
func (c *ControlPlane) Terminal(t T, config *rest.Config) Terminal {
	t.Helper()
	if config == nil {
		config = c.Config
	}
	home, err := os.MkdirTemp(c.dir, "home-")
	require.NoError(t, err)
	return Terminal{kubeconfig: c.Kubeconfig(t, config), path: c.kubectl, home: home}
}

// Kubectl runs kubectl as the administrator.
func (c *ControlPlane) Kubectl(args ...string) (stdout, stderr string, err error) {
	return c.admin.Kubectl(args...)
}
