// The thread that adjusts pools between their limits (workers_min, workers_max) by backlog and CPU pressure.
#pragma once

// The thread's body; runs until transcoder->stopping is set.
void *scaler_thread(void *transcoder);
