// Command store serves TiDB's own TiKV-compatible store, unistore, as one store of a cluster.
package main

import (
	"context"
	"flag"
	"log"
	"math"
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/pingcap/kvproto/pkg/deadlock"
	"github.com/pingcap/kvproto/pkg/metapb"
	"github.com/pingcap/kvproto/pkg/tikvpb"
	"github.com/pingcap/tidb/pkg/store/mockstore/unistore/config"
	"github.com/pingcap/tidb/pkg/store/mockstore/unistore/pd"
	"github.com/pingcap/tidb/pkg/store/mockstore/unistore/server"
	"github.com/pingcap/tidb/pkg/store/mockstore/unistore/tikv"
	"github.com/pingcap/tidb/pkg/util/collate"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/keepalive"

	"tifusion.dev/playground/tidb/internal/mutualtls"
)

func main() {
	addr := flag.String("addr", "127.0.0.1:20160", "gRPC address to listen on and to register with PD")
	pdAddr := flag.String("pd", "127.0.0.1:2379", "address of PD, without TLS")
	dbPath := flag.String("db-path", "", "folder of the data")
	regionSize := flag.Int64("region-size", 96<<20, "bytes of a region; above one and a half times that it is split")
	newCollation := flag.Bool("new-collation", true, "compare strings by their collation; must be what TiDB was bootstrapped with")
	files := mutualtls.FromFlags()
	flag.Parse()
	if *dbPath == "" {
		log.Fatal("--db-path is missing")
	}

	// The switch is a global of TiDB's packages, on by default, and no part of the store's configuration.
	collate.SetNewCollationEnabledForTest(*newCollation)

	conf := config.DefaultConf
	conf.Server.PDAddr = *pdAddr
	conf.Server.StoreAddr = *addr
	conf.Server.RegionSize = *regionSize
	conf.Server.Raft = false
	conf.Engine.DBPath = *dbPath
	conf.Engine.SyncWrite = false // a playground's data need not survive the machine

	// The engine makes its folder, but not the folder's parents.
	if err := os.MkdirAll(filepath.Join(*dbPath, "kv"), 0o755); err != nil {
		log.Fatal(err)
	}
	if err := serve(&conf, files); err != nil {
		log.Fatal(err)
	}
}

// serve returns only when a listener fails.
func serve(conf *config.Config, files *mutualtls.Files) error {
	plain, err := pd.NewClient([]string{conf.Server.PDAddr}, "store")
	if err != nil {
		return err
	}
	var client pd.Client = withHeartbeats(plain)
	failed := make(chan error, 2)
	var options []grpc.ServerOption
	var inner net.Listener
	if files.Given() {
		tlsConfig, err := files.ServerConfig()
		if err != nil {
			return err
		}
		options = append(options, grpc.Creds(credentials.NewTLS(tlsConfig)))
		if inner, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
			return err
		}
		client = &innerAddress{client, inner.Addr().String()}
	}

	store, err := server.New(conf, client)
	if err != nil {
		return err
	}
	if inner != nil {
		go func() { failed <- newServer(store).Serve(inner) }()
	}
	// Only now, so that an answering port means a store that PD knows.
	outer, err := net.Listen("tcp", conf.Server.StoreAddr)
	if err != nil {
		return err
	}
	go func() { failed <- newServer(store, options...).Serve(outer) }()
	return <-failed
}

func newServer(store *tikv.Server, options ...grpc.ServerOption) *grpc.Server {
	options = append(options,
		grpc.MaxRecvMsgSize(math.MaxInt32), // TiKV sets no limit either
		// Clients of TiKV ping every few seconds, which gRPC's default takes for an attack.
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: time.Second, PermitWithoutStream: true}),
	)
	s := grpc.NewServer(options...)
	tikvpb.RegisterTikvServer(s, store)
	deadlock.RegisterDeadlockServer(s, store)
	grpc_health_v1.RegisterHealthServer(s, health.NewServer())
	return s
}

// innerAddress names the store by its plaintext address: the store looks itself up to reach its own deadlock detector,
// and dials what it finds without TLS.
type innerAddress struct {
	pd.Client
	addr string
}

func (c *innerAddress) GetStore(ctx context.Context, id uint64) (*metapb.Store, error) {
	store, err := c.Client.GetStore(ctx, id)
	if err == nil {
		store.Address = c.addr
	}
	return store, err
}
