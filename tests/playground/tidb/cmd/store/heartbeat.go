package main

import (
	"sync"
	"time"

	"github.com/pingcap/kvproto/pkg/pdpb"
	"github.com/pingcap/tidb/pkg/store/mockstore/unistore/pd"
)

// heartbeatInterval is far below TiKV's minute: a test does not wait that long.
const heartbeatInterval = 5 * time.Second

// heartbeats tells PD of every region again and again, as TiKV does. The store itself tells of a region once, when a
// split makes it: were that message lost with a broken stream, PD would never know who has its keys.
type heartbeats struct {
	pd.Client
	mu     sync.Mutex
	latest map[uint64]*pdpb.RegionHeartbeatRequest
}

func withHeartbeats(client pd.Client) *heartbeats {
	h := &heartbeats{Client: client, latest: make(map[uint64]*pdpb.RegionHeartbeatRequest)}
	go h.repeat()
	return h
}

// ReportRegion is given each region's newest state; regions are never merged, so none is ever gone.
func (h *heartbeats) ReportRegion(request *pdpb.RegionHeartbeatRequest) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.latest[request.Region.Id] = request
	h.Client.ReportRegion(request)
}

func (h *heartbeats) repeat() {
	for range time.Tick(heartbeatInterval) {
		h.mu.Lock()
		for _, request := range h.latest {
			h.Client.ReportRegion(request)
		}
		h.mu.Unlock()
	}
}
