package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"

	"github.com/pingcap/kvproto/pkg/meta_storagepb"
	"github.com/pingcap/kvproto/pkg/pdpb"
	"github.com/pingcap/kvproto/pkg/resource_manager"
	"go.etcd.io/etcd/api/v3/etcdserverpb"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
)

// codec passes frames on as they are, and encodes the few messages that the front reads or writes itself.
type codec struct{}

type frame []byte

func (codec) Name() string { return "proto" }

func (codec) Marshal(v any) ([]byte, error) {
	switch m := v.(type) {
	case *frame:
		return *m, nil
	case interface{ Marshal() ([]byte, error) }:
		return m.Marshal()
	}
	return nil, fmt.Errorf("cannot encode %T", v)
}

func (codec) Unmarshal(data []byte, v any) error {
	switch m := v.(type) {
	case *frame:
		*m = bytes.Clone(data)
		return nil
	case interface{ Unmarshal([]byte) error }:
		return m.Unmarshal(data)
	}
	return fmt.Errorf("cannot decode %T", v)
}

type proxy struct {
	backend   *grpc.ClientConn
	publicURL string
}

func newProxy(backend *grpc.ClientConn, publicURL string) *grpc.Server {
	p := &proxy{backend, publicURL}
	s := grpc.NewServer(grpc.ForceServerCodec(codec{}), grpc.MaxRecvMsgSize(math.MaxInt32), grpc.UnknownServiceHandler(p.handle))
	meta_storagepb.RegisterMetaStorageServer(s, new(metaStorage))
	resource_manager.RegisterResourceManagerServer(s, new(resourceManager))
	return s
}

func (p *proxy) handle(_ any, in grpc.ServerStream) error {
	method, _ := grpc.MethodFromServerStream(in)
	switch {
	case method == "/pdpb.PD/BatchScanRegions":
		return unary(in, p.batchScanRegions)
	case method == "/pdpb.PD/GetMembers" && p.publicURL != "":
		return unary(in, p.getMembers)
	case method == "/etcdserverpb.Cluster/MemberList" && p.publicURL != "":
		return unary(in, p.memberList)
	}
	return p.forward(method, in)
}

// unary serves a call of one request and one response on a stream.
func unary[Req, Resp any](in grpc.ServerStream, answer func(context.Context, *Req) (*Resp, error)) error {
	req := new(Req)
	if err := in.RecvMsg(req); err != nil {
		return err
	}
	resp, err := answer(in.Context(), req)
	if err != nil {
		return err
	}
	return in.SendMsg(resp)
}

// forward copies a call of any kind in both directions, with its headers, trailers and status.
func (p *proxy) forward(method string, in grpc.ServerStream) error {
	headers, _ := metadata.FromIncomingContext(in.Context())
	ctx, cancel := context.WithCancel(metadata.NewOutgoingContext(in.Context(), headers))
	defer cancel()
	out, err := p.backend.NewStream(ctx, &grpc.StreamDesc{ServerStreams: true, ClientStreams: true}, method)
	if err != nil {
		return err
	}
	go func() {
		switch err := copyFrames(out.SendMsg, in.RecvMsg); err {
		case io.EOF:
			// The client is done, or PD has ended the call and says why on the other direction.
			_ = out.CloseSend()
		default:
			cancel()
		}
	}()

	header, err := out.Header()
	if err != nil {
		return err
	}
	if err := in.SendHeader(header); err != nil {
		return err
	}
	err = copyFrames(in.SendMsg, out.RecvMsg)
	in.SetTrailer(out.Trailer())
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// copyFrames ends with the error of either side. Each frame is fresh, because gRPC may keep what it was given to send.
func copyFrames(send, receive func(any) error) error {
	for {
		m := new(frame)
		if err := receive(m); err != nil {
			return err
		}
		if err := send(m); err != nil {
			return err
		}
	}
}

// getMembers sends clients that came by TLS back to where they came in.
func (p *proxy) getMembers(ctx context.Context, req *pdpb.GetMembersRequest) (*pdpb.GetMembersResponse, error) {
	resp, err := pdpb.NewPDClient(p.backend).GetMembers(ctx, req)
	if err != nil {
		return nil, err
	}
	for _, member := range append(resp.Members, resp.Leader, resp.EtcdLeader) {
		if member != nil {
			member.ClientUrls = []string{p.publicURL}
		}
	}
	return resp, nil
}

// memberList does the same for clients of the etcd that is part of PD.
func (p *proxy) memberList(ctx context.Context, req *etcdserverpb.MemberListRequest) (*etcdserverpb.MemberListResponse, error) {
	resp, err := etcdserverpb.NewClusterClient(p.backend).MemberList(ctx, req)
	if err != nil {
		return nil, err
	}
	for _, member := range resp.Members {
		member.ClientURLs = []string{p.publicURL}
	}
	return resp, nil
}
