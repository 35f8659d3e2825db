// Command store serves the store of the old generation: unistore as it was when its TiDB was.
package main

import (
	"flag"
	"log"
	"math"
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/pingcap/kvproto/pkg/deadlock"
	"github.com/pingcap/kvproto/pkg/tikvpb"
	"github.com/pingcap/tidb/store/mockstore/unistore/config"
	"github.com/pingcap/tidb/store/mockstore/unistore/pd"
	"github.com/pingcap/tidb/store/mockstore/unistore/server"
	"github.com/pingcap/tidb/util/collate"
	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/keepalive"
)

func main() {
	addr := flag.String("addr", "127.0.0.1:20160", "gRPC address to listen on and to register with PD")
	pdAddr := flag.String("pd", "127.0.0.1:2379", "address of PD")
	dbPath := flag.String("db-path", "", "folder of the data")
	regionSize := flag.Int64("region-size", 96<<20, "bytes of a region; above one and a half times that it is split")
	newCollation := flag.Bool("new-collation", false, "compare strings by their collation; must be what TiDB was bootstrapped with")
	flag.Parse()
	if *dbPath == "" {
		log.Fatal("--db-path is missing")
	}

	// The switch is a global of TiDB's packages and no part of the store's configuration.
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
	log.Fatal(serve(&conf))
}

// serve returns only when the listener fails.
func serve(conf *config.Config) error {
	client, err := pd.NewClient([]string{conf.Server.PDAddr}, "store")
	if err != nil {
		return err
	}
	store, err := server.New(conf, client)
	if err != nil {
		return err
	}
	// Only now, so that an answering port means a store that PD knows.
	listener, err := net.Listen("tcp", conf.Server.StoreAddr)
	if err != nil {
		return err
	}
	s := grpc.NewServer(
		grpc.MaxRecvMsgSize(math.MaxInt32), // TiKV sets no limit either
		// Clients of TiKV ping every few seconds, which gRPC's default takes for an attack.
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: time.Second, PermitWithoutStream: true}),
	)
	tikvpb.RegisterTikvServer(s, store)
	deadlock.RegisterDeadlockServer(s, store)
	grpc_health_v1.RegisterHealthServer(s, health.NewServer())
	return s.Serve(listener)
}
