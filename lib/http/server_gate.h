// The way from a request to its server for whoever answers late: the server may have been freed by then, while the
// request lives for as long as somebody has it; for lib/http alone.
#pragma once

struct http_server;
struct server_gate;

// Open, with one reference, the server's. NULL without memory.
struct server_gate *server_gate_new(struct http_server *server);

// One more reference, for a request. Accepts NULL. Any thread.
struct server_gate *server_gate_hold(struct server_gate *gate);
// Gives a reference back; the last one frees. Accepts NULL. Any thread.
void server_gate_release(struct server_gate *gate);

// The server, which stays for as long as the caller is inside (microseconds: others wait), or NULL when it is gone;
// then the caller is not inside. Accepts NULL, as one whose server is gone. Who is inside has a reference. Any thread.
struct http_server *server_gate_enter(struct server_gate *gate);
void server_gate_leave(struct server_gate *gate);

// The server goes: waits for who is inside; nobody enters from now on. Accepts NULL.
void server_gate_close(struct server_gate *gate);
