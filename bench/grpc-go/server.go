package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"

	"google.golang.org/grpc"
	"google.golang.org/grpc/interop/grpc_testing"
)

type testService struct {
	grpc_testing.UnimplementedTestServiceServer
}

// UnaryCall answers with the payload of the request.
func (testService) UnaryCall(_ context.Context, request *grpc_testing.SimpleRequest) (*grpc_testing.SimpleResponse, error) {
	return &grpc_testing.SimpleResponse{Payload: request.GetPayload()}, nil
}

// StreamingOutputCall answers with as many messages as the request has parameters.
func (testService) StreamingOutputCall(
	request *grpc_testing.StreamingOutputCallRequest,
	stream grpc.ServerStreamingServer[grpc_testing.StreamingOutputCallResponse],
) error {
	var body []byte
	for _, parameters := range request.GetResponseParameters() {
		if size := int(parameters.GetSize()); len(body) != size {
			body = make([]byte, size)
		}
		response := &grpc_testing.StreamingOutputCallResponse{Payload: &grpc_testing.Payload{Body: body}}
		if err := stream.Send(response); err != nil {
			return err
		}
	}
	return nil
}

// StreamingInputCall answers with the sum of the payload sizes.
func (testService) StreamingInputCall(
	stream grpc.ClientStreamingServer[grpc_testing.StreamingInputCallRequest, grpc_testing.StreamingInputCallResponse],
) error {
	sum := 0
	for {
		request, err := stream.Recv()
		if err == io.EOF {
			return stream.SendAndClose(&grpc_testing.StreamingInputCallResponse{AggregatedPayloadSize: int32(sum)})
		}
		if err != nil {
			return err
		}
		sum += len(request.GetPayload().GetBody())
	}
}

func serverOrder(order order) (answer, error) {
	switch order.Kind {
	case "serve":
		address, err := serve(order.TLS)
		return answer{Kind: "ready", Address: address}, err
	case "cpu":
		return answer{Kind: "cpu", Us: microseconds(cpuTime())}, nil
	default:
		return answer{}, fmt.Errorf("no order of a server")
	}
}

func serve(material *tlsMaterial) (string, error) {
	transport, err := serverCredentials(material)
	if err != nil {
		return "", err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	server := grpc.NewServer(grpc.Creds(transport), grpc.MaxRecvMsgSize(maxMessageBytes))
	grpc_testing.RegisterTestServiceServer(server, testService{})
	go func() {
		if err := server.Serve(listener); err != nil {
			fmt.Fprintf(os.Stderr, "grpc-go: serve: %v\n", err)
			os.Exit(1)
		}
	}()
	return listener.Addr().String(), nil
}
