// A small HTTP server inside the test, standing behind the edge as its store, its ingest or its metadata-api: it counts
// what reaches it, and misbehaves on demand.
#pragma once

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define EDGE_ORIGIN_HEAD_SIZE 16384

struct edge_origin {
	const char *name;                      // shows in its answers
	uint16_t port;                         // on loopback
	int listener;                          // -1 while down
	pthread_t thread;                      // accepts
	pthread_mutex_t lock;                  // of what follows
	unsigned hits;                         // requests so far
	unsigned open;                         // connections being served
	unsigned status;                       // to answer with; 200 at first
	unsigned delay_ms;                     // before answering
	bool is_cut;                           // close in the middle of the body
	char last_head[EDGE_ORIGIN_HEAD_SIZE]; // of the latest request: request line and headers
};

// Start listening; fails the test when the port is taken. Stop before the struct goes.
void edge_origin_start(struct edge_origin *origin, const char *name, uint16_t port);
// Stop listening (connections are refused then) and wait for what is being served. Keeps the counters.
void edge_origin_stop(struct edge_origin *origin);
// Listen again after edge_origin_stop.
void edge_origin_restart(struct edge_origin *origin);

// Forget hits and misbehaviour.
void edge_origin_reset(struct edge_origin *origin);
unsigned edge_origin_hits(struct edge_origin *origin);
void edge_origin_answer(struct edge_origin *origin, unsigned status, unsigned delay_ms, bool is_cut);
// Copy a header of the latest request; "" when it had none.
void edge_origin_last_header(struct edge_origin *origin, const char *name, char *ret_value, size_t size);
