// What transport.c and transport_many.c share: one libcurl handle prepared for, and asked about, one exchange.
#pragma once

#include "store/transport.h"

// Prepare handle for the exchange. RC_NO_MEMORY, RC_INTERNAL.
enum rc transport_prepare(CURL *handle, struct transport_exchange *exchange, struct err *err) MUST_CHECK;

// After the transfer ended with result: fill the answer, say how it ended.
enum transport_end transport_conclude(CURL *handle, CURLcode result, struct transport_exchange *exchange,
                                      struct err *err);

// A handle with (hopefully) a warm connection, and back. NULL without memory.
CURL *transport_take(struct transport *transport);
void transport_give(struct transport *transport, CURL *handle);

// The same for multi handles, which own the connections of transport_run_many.
CURLM *transport_take_multi(struct transport *transport);
void transport_give_multi(struct transport *transport, CURLM *multi);
