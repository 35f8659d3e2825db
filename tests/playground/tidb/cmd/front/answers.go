package main

import (
	"context"
	"math"

	"github.com/pingcap/kvproto/pkg/meta_storagepb"
	"github.com/pingcap/kvproto/pkg/resource_manager"
)

// metaStorage is a metadata store in which there is nothing and nothing happens.
type metaStorage struct {
	meta_storagepb.UnimplementedMetaStorageServer
}

func (*metaStorage) Get(_ context.Context, req *meta_storagepb.GetRequest) (*meta_storagepb.GetResponse, error) {
	// Clients read the revision to watch from out of the header and fail without one.
	return &meta_storagepb.GetResponse{
		Header: &meta_storagepb.ResponseHeader{ClusterId: req.GetHeader().GetClusterId(), Revision: 1},
	}, nil
}

func (*metaStorage) Watch(_ *meta_storagepb.WatchRequest, stream meta_storagepb.MetaStorage_WatchServer) error {
	<-stream.Context().Done()
	return stream.Context().Err()
}

// resourceManager knows the one group that every cluster starts with: default, without a limit.
type resourceManager struct {
	resource_manager.UnimplementedResourceManagerServer
}

const (
	defaultGroup   = "default"
	mediumPriority = 8
)

func (*resourceManager) GetResourceGroup(
	_ context.Context, req *resource_manager.GetResourceGroupRequest,
) (*resource_manager.GetResourceGroupResponse, error) {
	if req.ResourceGroupName != defaultGroup {
		missing := &resource_manager.Error{Message: "resource group not found"}
		return &resource_manager.GetResourceGroupResponse{Error: missing}, nil
	}
	return &resource_manager.GetResourceGroupResponse{Group: unlimited()}, nil
}

func (*resourceManager) ListResourceGroups(
	context.Context, *resource_manager.ListResourceGroupsRequest,
) (*resource_manager.ListResourceGroupsResponse, error) {
	return &resource_manager.ListResourceGroupsResponse{Groups: []*resource_manager.ResourceGroup{unlimited()}}, nil
}

// AcquireTokenBuckets hears what is used and grants nothing: nobody waits for tokens of a group without a limit.
func (*resourceManager) AcquireTokenBuckets(stream resource_manager.ResourceManager_AcquireTokenBucketsServer) error {
	for {
		if _, err := stream.Recv(); err != nil {
			return err
		}
		if err := stream.Send(&resource_manager.TokenBucketsResponse{}); err != nil {
			return err
		}
	}
}

func unlimited() *resource_manager.ResourceGroup {
	return &resource_manager.ResourceGroup{
		Name:     defaultGroup,
		Mode:     resource_manager.GroupMode_RUMode,
		Priority: mediumPriority,
		RUSettings: &resource_manager.GroupRequestUnitSettings{RU: &resource_manager.TokenBucket{
			Settings: &resource_manager.TokenLimitSettings{FillRate: math.MaxInt32, BurstLimit: -1},
		}},
	}
}
