// The keeper: a thread that renews leases, adjusts pools to their settings, and shows the transcoder's heartbeat.
#pragma once

// The thread; argument is the struct transcoder. Ends with transcoder->keeper_stops.
void *keeper_thread(void *transcoder);
