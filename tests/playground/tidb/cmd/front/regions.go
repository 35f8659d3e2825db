package main

import (
	"bytes"
	"context"

	"github.com/pingcap/kvproto/pkg/pdpb"
)

// batchScanRegions answers for several ranges, in their order, with one scan for each.
func (p *proxy) batchScanRegions(ctx context.Context, req *pdpb.BatchScanRegionsRequest) (*pdpb.BatchScanRegionsResponse, error) {
	client := pdpb.NewPDClient(p.backend)
	resp := &pdpb.BatchScanRegionsResponse{Header: &pdpb.ResponseHeader{ClusterId: req.GetHeader().GetClusterId()}}
	full := func() bool { return req.Limit > 0 && len(resp.Regions) >= int(req.Limit) }
	for _, r := range req.Ranges {
		if full() {
			break
		}
		scanned, err := client.ScanRegions(ctx, &pdpb.ScanRegionsRequest{
			Header: req.Header, StartKey: r.StartKey, EndKey: r.EndKey, Limit: req.Limit,
		})
		if err != nil {
			return nil, err
		}
		resp.Header = scanned.Header
		if scanned.GetHeader().GetError() != nil {
			return &pdpb.BatchScanRegionsResponse{Header: scanned.Header}, nil
		}
		cut := req.Limit > 0 && len(scanned.Regions) >= int(req.Limit)
		if req.ContainAllKeyRange && !covers(scanned.Regions, r, cut) {
			return notCovered(scanned.Header), nil
		}
		for _, region := range scanned.Regions {
			if full() {
				break
			}
			// A region that reaches over a seam is found by the ranges on both sides.
			last := len(resp.Regions) - 1
			if last < 0 || resp.Regions[last].GetRegion().GetId() != region.GetRegion().GetId() {
				resp.Regions = append(resp.Regions, region)
			}
		}
	}
	return resp, nil
}

// covers reports whether the regions leave no gap in the range; of a cut scan only as far as it came.
func covers(regions []*pdpb.Region, r *pdpb.KeyRange, cut bool) bool {
	next := r.StartKey
	for _, region := range regions {
		if bytes.Compare(region.Region.StartKey, next) > 0 {
			return false
		}
		next = region.Region.EndKey
		if len(next) == 0 {
			return true
		}
	}
	return cut || len(regions) > 0 && len(r.EndKey) > 0 && bytes.Compare(next, r.EndKey) >= 0
}

func notCovered(header *pdpb.ResponseHeader) *pdpb.BatchScanRegionsResponse {
	header.Error = &pdpb.Error{
		Type:    pdpb.ErrorType_REGIONS_NOT_CONTAIN_ALL_KEY_RANGE,
		Message: "the regions found do not contain the whole key range",
	}
	return &pdpb.BatchScanRegionsResponse{Header: header}
}
