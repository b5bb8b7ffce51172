// Reading an answer's header lines into an exchange. Private to the transport.
#pragma once

#include <stddef.h>

struct transport_exchange;

// One line as libcurl hands it over: the status line (which begins the answer anew: 100 Continue comes before), a
// header, or the empty line.
void transport_take_header(struct transport_exchange *exchange, const char *line, size_t length);
