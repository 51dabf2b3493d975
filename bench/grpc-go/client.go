package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/interop/grpc_testing"
)

// report is what one measurement found.
type report struct {
	Calls     int     `json:"calls"`
	CPUUs     float64 `json:"cpuUs"`
	ElapsedMs float64 `json:"elapsedMs"`
	P50Us     float64 `json:"p50Us"`
	P99Us     float64 `json:"p99Us"`
}

type client struct {
	service grpc_testing.TestServiceClient
}

func (c *client) order(order order) (answer, error) {
	switch order.Kind {
	case "connect":
		return answer{Kind: "connected"}, c.connect(order.Address, order.TLS)
	case "warm-up":
		_, err := c.load(order.Work, order.Calls, order.Ms)
		return answer{Kind: "warm"}, err
	case "measure":
		measured, err := c.measure(order.Work, order.Ms)
		return answer{Kind: "report", Report: measured}, err
	default:
		return answer{}, fmt.Errorf("no order of a client")
	}
}

func (c *client) connect(address string, material *tlsMaterial) error {
	transport, err := clientCredentials(material)
	if err != nil {
		return err
	}
	connection, err := grpc.NewClient(
		address,
		grpc.WithTransportCredentials(transport),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxMessageBytes)),
	)
	if err != nil {
		return err
	}
	c.service = grpc_testing.NewTestServiceClient(connection)
	return nil
}

func (c *client) measure(work work, ms int) (*report, error) {
	cpuBefore := cpuTime()
	startedAt := time.Now()
	times, err := c.load(work, 0, ms)
	if err != nil {
		return nil, err
	}
	elapsed := time.Since(startedAt)
	cpu := cpuTime() - cpuBefore
	slices.Sort(times)
	quantile := func(fraction float64) float64 {
		return microseconds(times[min(len(times)-1, int(float64(len(times))*fraction))])
	}
	return &report{
		Calls:     len(times),
		CPUUs:     microseconds(cpu),
		ElapsedMs: microseconds(elapsed) / 1e3,
		P50Us:     quantile(0.5),
		P99Us:     quantile(0.99),
	}, nil
}

// load makes calls for ms milliseconds, or until there were `calls` of them unless that is 0.
func (c *client) load(work work, calls int, ms int) ([]time.Duration, error) {
	call, err := c.caller(work)
	if err != nil {
		return nil, err
	}
	inFlight := max(work.InFlight, 1)
	until := time.Now().Add(time.Duration(ms) * time.Millisecond)
	times := make([][]time.Duration, inFlight)
	failures := make([]error, inFlight)
	var started atomic.Int64
	var workers sync.WaitGroup
	for worker := range inFlight {
		workers.Go(func() {
			for calls == 0 || started.Add(1) <= int64(calls) {
				begunAt := time.Now()
				if begunAt.After(until) {
					return
				}
				if err := call(); err != nil {
					failures[worker] = err
					return
				}
				times[worker] = append(times[worker], time.Since(begunAt))
			}
		})
	}
	workers.Wait()
	return slices.Concat(times...), errors.Join(failures...)
}

// caller makes the function that makes one call.
func (c *client) caller(work work) (func() error, error) {
	payload := &grpc_testing.Payload{Body: make([]byte, work.PayloadBytes)}
	ctx := context.Background()
	switch work.Kind {
	case "unary":
		return func() error {
			response, err := c.service.UnaryCall(ctx, &grpc_testing.SimpleRequest{Payload: payload})
			if err != nil {
				return err
			}
			return check("payload bytes", len(response.GetPayload().GetBody()), work.PayloadBytes)
		}, nil
	case "server-stream":
		parameters := make([]*grpc_testing.ResponseParameters, work.Messages)
		for index := range parameters {
			parameters[index] = &grpc_testing.ResponseParameters{Size: int32(work.PayloadBytes)}
		}
		request := &grpc_testing.StreamingOutputCallRequest{ResponseParameters: parameters}
		return func() error { return c.readStream(ctx, request, work.Messages) }, nil
	case "client-stream":
		request := &grpc_testing.StreamingInputCallRequest{Payload: payload}
		return func() error { return c.writeStream(ctx, request, work) }, nil
	default:
		return nil, fmt.Errorf("unknown work %q", work.Kind)
	}
}

func (c *client) readStream(ctx context.Context, request *grpc_testing.StreamingOutputCallRequest, messages int) error {
	stream, err := c.service.StreamingOutputCall(ctx, request)
	if err != nil {
		return err
	}
	for received := 0; ; received++ {
		if _, err := stream.Recv(); err == io.EOF {
			return check("messages", received, messages)
		} else if err != nil {
			return err
		}
	}
}

func (c *client) writeStream(ctx context.Context, request *grpc_testing.StreamingInputCallRequest, work work) error {
	stream, err := c.service.StreamingInputCall(ctx)
	if err != nil {
		return err
	}
	for range work.Messages {
		if err := stream.Send(request); err != nil {
			return err
		}
	}
	response, err := stream.CloseAndRecv()
	if err != nil {
		return err
	}
	return check("payload bytes", int(response.GetAggregatedPayloadSize()), work.Messages*work.PayloadBytes)
}

func check(what string, found int, expected int) error {
	if found != expected {
		return fmt.Errorf("%d %s, expected %d", found, what, expected)
	}
	return nil
}
