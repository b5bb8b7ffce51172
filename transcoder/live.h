// Live settings of pools, as operators put them into the KV bucket `pools`.
#pragma once

struct bus_kv_entry;

// A change (a bus_kv_callback; context is the struct transcoder). The key is a pool's name, the value {"workers":2,
// "prefetch":4,"paused":false,"nice":0,"by":"who","at":"when"} with each member optional; what a member leaves out
// keeps the configuration's value, and a deleted key brings them all back. A wrong value is logged and nothing of it is
// taken.
void live_on_change(void *transcoder, const struct bus_kv_entry *entry);
