// Feeds as the server sees them; for lib/http alone.
#pragma once

struct http_connection;
struct http_server;
struct http_feed;

// The head is about to be queued on this connection, which knows no deadline from now on. Event thread.
void feed_attach(struct http_feed *feed, struct http_connection *connection);

// Look after all feeds: heartbeats, clients that have gone, clients that take nothing. The reaper's.
void feeds_tend(struct http_server *server);

// End all that there are now. Any thread but event threads.
void feeds_end_all(struct http_server *server);
